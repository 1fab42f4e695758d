#include <string.h>

#include "ask/internal.h"
#include "base/file.h"
#include "base/mem.h"

/* ---- the model ---------------------------------------------------------------------------------------- */

static bool has_input(const graph *g, const char *name) {
    for (size_t i = 0; i < g->input_count; i++)
        if (str_equal(g->values[g->inputs[i]].name, name))
            return true;
    return false;
}

bool ask_takes(const ask *a, const char *input) {
    return has_input(a->model->graph, input);
}

bool ask_is_given(const ask *a, const char *input) {
    for (size_t i = 0; i < a->question.given_count; i++)
        if (str_equal(a->question.given[i], input))
            return true;
    return false;
}

const char *ask_model_type(const ask *a) {
    return a->model->config ? hf_config_string(a->model->config, "model_type", a->model->family) : "";
}

int64_t ask_config_int(const ask *a, const char *key, int64_t fallback) {
    hf_config *c = a->model->config;
    const char *nested = arena_printf(a->memory, "text_config.%s", key);
    if (c && hf_config_has(c, key))
        return hf_config_int(c, key, fallback, INT32_MIN, INT32_MAX);
    return c && nested ? hf_config_int(c, nested, fallback, INT32_MIN, INT32_MAX) : fallback;
}

/* Where the files beside the weights lie. */
static accel_status note_folder(ask *a, accel_error *err) {
    const char *path = a->model->path;
    if (!path || !path[0])
        return ACCEL_OK;
    if (file_is_folder(path)) {
        a->folder = path;
        return ACCEL_OK;
    }
    str_buf folder = {0};
    file_dir_name(&folder, path);
    a->folder = folder.failed ? NULL : arena_strdup(a->memory, str_text(&folder));
    str_free(&folder);
    return a->folder ? ACCEL_OK : error_no_memory(err, "a path", 0);
}

const char *ask_file(const ask *a, const char *name) {
    const char *path = a->folder ? arena_printf(a->memory, "%s/%s", a->folder, name) : NULL;
    return path && file_exists(path) ? path : NULL;
}

accel_status ask_need_file(const ask *a, const char *const *names, const char *purpose, const char *input,
                           const char **out, accel_error *err) {
    for (const char *const *name = names; *name; name++)
        if ((*out = ask_file(a, *name)) != NULL)
            return ACCEL_OK;
    if (!a->folder)
        return error_set(
            err, ACCEL_NOT_FOUND,
            "%s is made from a configuration alone and has no %s, %s; give a folder that has one, "
            "or the input itself: --input %s=FILE.npy",
            a->model->name, names[0], purpose, input);
    return error_set(err, ACCEL_NOT_FOUND,
                     "%s has no %s, %s; put it there, or give the input itself: --input %s=FILE.npy",
                     a->folder, names[0], purpose, input);
}

/* ---- inputs ------------------------------------------------------------------------------------------- */

accel_status ask_add(ask *a, const char *name, dtype type, int rank, const int64_t *dims, tensor **out,
                     accel_error *err) {
    shape s = shape_make(rank, dims);
    if (ask_is_given(a, name))
        return error_set(
            err, ACCEL_INVALID_ARGUMENT,
            "%s is given as an input, and what is asked would make it too; leave one of them out", name);
    if (a->input_count == ASK_MAX_INPUTS)
        return error_set(err, ACCEL_INTERNAL, "a question makes more than %d inputs", ASK_MAX_INPUTS);
    ACCEL_TRY(tensor_create(type, &s, &a->inputs[a->input_count], err));
    a->names[a->input_count] = name;
    *out = &a->inputs[a->input_count++];
    return ACCEL_OK;
}

/* Masks and flags that follow from the rest are left out where the model has no use for them; sizes and grids are
 * the zoo's to understand. */
static bool wanted(const ask *a, const char *name) {
    static const char *const optional[] = {"attention_mask", "pixel_mask", "is_longer", NULL};
    for (const char *const *o = optional; *o; o++)
        if (str_equal(name, *o))
            return ask_takes(a, name);
    return true;
}

accel_status ask_add_media(ask *a, const media_tensors *made, accel_error *err) {
    static const dtype types[] = {
        [MEDIA_F32] = DTYPE_F32, [MEDIA_I64] = DTYPE_I64, [MEDIA_BOOL] = DTYPE_BOOL};
    for (size_t i = 0; i < made->count; i++) {
        const media_tensor *m = &made->items[i];
        tensor *t;
        if (!wanted(a, m->name))
            continue;
        ACCEL_TRY(ask_add(a, m->name, types[m->type], m->rank, m->dims, &t, err));
        if (m->size_bytes > 0)
            memcpy(t->data, m->data, m->size_bytes);
    }
    return ACCEL_OK;
}

size_t ask_input_count(const ask *a) {
    return a->input_count;
}

const char *ask_input_name(const ask *a, size_t index) {
    return a->names[index];
}

const tensor *ask_input(const ask *a, size_t index) {
    return &a->inputs[index];
}

/* ---- what is asked ------------------------------------------------------------------------------------ */

static accel_status list_inputs(const ask *a, const char *option, accel_error *err) {
    const graph *g = a->model->graph;
    str_buf names = {0};
    for (size_t i = 0; i < g->input_count; i++)
        str_appendf(&names, "%s%s", i > 0 ? ", " : "", g->values[g->inputs[i]].name);
    error_set(err, ACCEL_INVALID_ARGUMENT, "%s takes no %s: its inputs are %s", a->model->name, option,
              str_text(&names));
    str_free(&names);
    return ACCEL_INVALID_ARGUMENT;
}

/* Each kind is for a model that takes it, and what a model cannot do without must not be left to chance. */
static accel_status check_kinds(const ask *a, bool images_optional, accel_error *err) {
    const ask_question *q = &a->question;
    bool speech = ask_takes(a, "input_features") || ask_takes(a, "input_values");
    bool prompt = speech && ask_takes(a, "decoder_input_ids");
    const struct {
        const char *option, *what, *input;
        size_t count;
        bool takes, needs;
    } kinds[] = {
        {"--text", "texts", "input_ids", q->text_count, ask_takes(a, "input_ids") || prompt,
         ask_takes(a, "input_ids")},
        {"--image", "pictures", "pixel_values", q->image_count, ask_takes(a, "pixel_values"),
         ask_takes(a, "pixel_values") && !images_optional},
        {"--audio", "sounds", ask_takes(a, "input_values") ? "input_values" : "input_features",
         q->sound_count, speech, speech},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].count > 0 && !kinds[i].takes)
            return list_inputs(a, kinds[i].what, err);
        if (kinds[i].count == 0 && kinds[i].needs && !ask_is_given(a, kinds[i].input))
            return error_set(err, ACCEL_INVALID_ARGUMENT, "%s takes %s too: give %s, or --input %s=FILE.npy",
                             a->model->name, kinds[i].what, kinds[i].option, kinds[i].input);
    }
    return ACCEL_OK;
}

static accel_status note_stops(ask *a, accel_error *err) {
    const char *path = ask_file(a, "generation_config.json");
    hf_config *c = NULL;
    if (path)
        ACCEL_TRY(hf_config_read(path, &c, err));
    if (c)
        a->stop_count = hf_config_ints(c, "eos_token_id", a->stops, ASK_MAX_STOPS);
    accel_status status = c ? hf_config_check(c, err) : ACCEL_OK;
    hf_config_destroy(c);
    if (a->stop_count > 0 || !a->model->config)
        return status;
    a->stop_count = hf_config_ints(a->model->config, "eos_token_id", a->stops, ASK_MAX_STOPS);
    if (a->stop_count == 0)
        a->stop_count = hf_config_ints(a->model->config, "text_config.eos_token_id", a->stops, ASK_MAX_STOPS);
    return status;
}

int64_t ask_stop_token(const ask *a) {
    return a->stop_count > 0 ? a->stops[0] : -1;
}

static accel_status prompt_with_images(ask *a, int64_t image_token, accel_error *err) {
    size_t images = a->question.image_count;
    ACCEL_TRY(ask_encode_texts(a, image_token, err));
    if (images > 0) {
        int64_t *counts = ARENA_ARRAY(a->memory, int64_t, images);
        if (!counts)
            return error_no_memory(err, "a list of images", images);
        ACCEL_TRY(ask_add_images(a, err));
        ACCEL_TRY(zoo_image_tokens(a->model, a->names, a->inputs, a->input_count, images, &image_token,
                                   counts, err));
        ACCEL_TRY(ask_expand_image_tokens(a, image_token, counts, err));
    }
    return ask_add_texts(a, err);
}

static accel_status make_inputs(ask *a, accel_error *err) {
    const ask_question *q = &a->question;
    int64_t image_token;
    ACCEL_TRY(zoo_image_tokens(a->model, NULL, NULL, 0, 0, &image_token, NULL, err));
    ACCEL_TRY(check_kinds(a, image_token >= 0, err));
    ACCEL_TRY(note_folder(a, err));
    ACCEL_TRY(note_stops(a, err));
    ACCEL_TRY(ask_open_tokenizer(a, err));
    if (image_token >= 0) /* one text at least: it was checked */
        return prompt_with_images(a, image_token, err);
    if (q->text_count > 0 && ask_takes(a, "input_ids")) {
        ACCEL_TRY(ask_encode_texts(a, -1, err));
        ACCEL_TRY(ask_add_texts(a, err));
    }
    if (q->image_count > 0)
        ACCEL_TRY(ask_add_images(a, err));
    if (q->sound_count > 0)
        ACCEL_TRY(ask_add_sounds(a, err));
    return ask_add_decoder_start(a, err);
}

accel_status ask_open(const zoo_model *m, const ask_question *question, ask **out, accel_error *err) {
    ask *a = mem_calloc(1, sizeof *a);
    if (!a)
        return error_no_memory(err, "a question", sizeof *a);
    *a = (ask){.model = m, .question = *question, .memory = arena_create()};
    accel_status status = a->memory ? make_inputs(a, err) : error_no_memory(err, "a question", 0);
    if (status == ACCEL_OK)
        *out = a;
    else
        ask_close(a);
    return status;
}

void ask_close(ask *a) {
    if (!a)
        return;
    for (size_t i = 0; i < a->input_count; i++)
        tensor_free(&a->inputs[i]);
    text_tokenizer_close(a->tokenizer);
    mem_free(a->answers);
    arena_destroy(a->memory);
    mem_free(a);
}
