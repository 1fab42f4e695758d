#include <string.h>

#include "zoo/class.h"
#include "zoo/classes.h"

/* One line a class. */
static const zoo_class *const classes[] = {
    &zoo_class_bert,       &zoo_class_t5,       &zoo_class_llama,    &zoo_class_opt,
    &zoo_class_gpt2,       &zoo_class_qwen2,    &zoo_class_clip,     &zoo_class_xclip,
    &zoo_class_vit,        &zoo_class_resnet,   &zoo_class_detr,     &zoo_class_whisper,
    &zoo_class_wav2vec2,   &zoo_class_clap,     &zoo_class_llava,    &zoo_class_llava_onevision,
    &zoo_class_llava_next, &zoo_class_qwen2_vl, &zoo_class_qwen3_vl,
};

enum { CLASS_COUNT = sizeof classes / sizeof classes[0] };

static const zoo_model_type *find_type(const zoo_class *class, const char *name) {
    for (const zoo_model_type *t = class->model_types; t->name; t++)
        if (str_equal(t->name, name))
            return t;
    return NULL;
}

static const zoo_architecture *find_architecture(const zoo_class *class, const char *name) {
    for (const zoo_architecture *a = class->architectures; a->name; a++)
        if (str_equal(a->name, name))
            return a;
    return NULL;
}

static const zoo_class *class_of(const hf_config *config, const char *type, const char *architecture) {
    for (size_t i = 0; i < CLASS_COUNT; i++)
        if (type[0] ? find_type(classes[i], type) != NULL
                    : find_architecture(classes[i], architecture) != NULL)
            return classes[i];
    /* Some old BERT files say neither; these two fields are BERT's alone. */
    bool old_bert = !type[0] && !architecture[0] && hf_config_has(config, "type_vocab_size") &&
                    hf_config_has(config, "intermediate_size");
    return old_bert ? &zoo_class_bert : NULL;
}

static accel_status unknown_class(const char *what, accel_error *err) {
    str_buf known = {0};
    for (size_t i = 0; i < CLASS_COUNT; i++)
        for (const zoo_model_type *t = classes[i]->model_types; t->name; t++)
            str_appendf(&known, "%s%s", known.length ? ", " : "", t->name);
    accel_status status = error_set(
        err, ACCEL_UNSUPPORTED, "model class '%s' is not supported; known are: %s", what, str_text(&known));
    str_free(&known);
    return status;
}

static accel_status unknown_architecture(const zoo_class *class, const char *what, accel_error *err) {
    str_buf known = {0};
    for (const zoo_architecture *a = class->architectures; a->name; a++)
        str_appendf(&known, "%s%s", known.length ? ", " : "", a->name);
    accel_status status =
        error_set(err, ACCEL_UNSUPPORTED, "architecture '%s' of class %s is not supported; known are: %s",
                  what, class->family, str_text(&known));
    str_free(&known);
    return status;
}

static accel_status check_fixed(hf_config *config, const zoo_class *class, accel_error *err) {
    if (hf_config_has(config, "quantization_config"))
        return error_set(
            err, ACCEL_UNSUPPORTED,
            "its configuration has a quantization_config; quantised Hugging Face weights are not "
            "supported, save the model in float32, float16 or bfloat16");
    for (const zoo_fixed *f = class->fixed; f && f->key; f++) {
        if (!hf_config_has(config, f->key) || hf_config_is(config, f->key, f->json))
            continue;
        ACCEL_TRY(hf_config_check(config, err)); /* memory ended while they were compared */
        return error_set(err, ACCEL_UNSUPPORTED, "field '%s' of its configuration is supported as %s only",
                         f->key, f->json);
    }
    return ACCEL_OK;
}

accel_status zoo_class_find(hf_config *config, zoo_build *z, const zoo_class **out, accel_error *err) {
    const char *type = hf_config_string(config, "model_type", "");
    const char *architecture = hf_config_architecture(config);
    const zoo_class *class = class_of(config, type, architecture);
    if (!class)
        return unknown_class(type[0] ? type : architecture, err);
    const zoo_model_type *t = find_type(class, type);
    architecture = architecture[0] ? architecture : t ? t->architecture : class->architectures[0].name;
    const zoo_architecture *a = find_architecture(class, architecture);
    if (!a)
        return unknown_architecture(class, architecture, err);
    z->architecture = a->name;
    z->head = a->head;
    *out = class;
    return check_fixed(config, class, err);
}
