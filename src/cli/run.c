/* accel run: one inference on given inputs, outputs as .npy files. */
#include <stdio.h>
#include <string.h>

#include "ask/ask.h"
#include "base/file.h"
#include "cli/answers.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "formats/formats.h"
#include "graph/infer.h"
#include "measure/generate.h"
#include "measure/measure.h"
#include "measure/open.h"
#include "report/table.h"

typedef struct run_state {
    const command_line *line;
    zoo_model model;
    const char **names; /* of the inputs that were given */
    tensor *given;      /* their contents; owned */
    size_t given_count; /* of --input; those that are made of the question follow */
    size_t count;
    ask *ask;          /* NULL: nothing was asked */
    zoo_inputs inputs; /* all, in graph input order */
    cli_engine engine;
    open_session session;
} run_state;

static accel_status unknown_input(const graph *g, const char *text, accel_error *err) {
    str_buf names = {0};
    for (size_t i = 0; i < g->input_count; i++)
        str_appendf(&names, "%s%s", i > 0 ? ", " : "", g->values[g->inputs[i]].name);
    error_set(err, ACCEL_INVALID_ARGUMENT, "--input takes NAME=FILE.npy, not '%s'; the model's inputs are %s",
              text, str_text(&names));
    str_free(&names);
    return err->status;
}

static accel_status read_given(run_state *s, accel_error *err) {
    size_t count;
    const char *const *texts = line_list(s->line, "input", &count);
    s->names = ARENA_ARRAY(s->line->arena, const char *, count + 1);
    s->given = ARENA_ARRAY(s->line->arena, tensor, count + 1);
    s->count = count;
    if (s->names == NULL || s->given == NULL)
        return error_no_memory(err, "inputs", count);
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(texts[i], '=');
        if (equals == NULL)
            return unknown_input(s->model.graph, texts[i], err);
        s->names[i] = arena_strndup(s->line->arena, texts[i], (size_t)(equals - texts[i]));
        if (s->names[i] == NULL)
            return error_no_memory(err, "inputs", count);
        ACCEL_TRY(npy_read(equals + 1, &s->given[i], err));
        s->given_count++;
    }
    return ACCEL_OK;
}

/* The inputs that are made of texts, pictures and sounds join the given ones. */
static accel_status read_question(run_state *s, accel_error *err) {
    ask_question q = {.given = s->names, .given_count = s->given_count};
    q.texts = line_list(s->line, "text", &q.text_count);
    q.images = line_list(s->line, "image", &q.image_count);
    q.sounds = line_list(s->line, "audio", &q.sound_count);
    if (q.text_count + q.image_count + q.sound_count == 0)
        return ACCEL_OK;
    ACCEL_TRY(ask_open(&s->model, &q, &s->ask, err));
    size_t asked = ask_input_count(s->ask);
    const char **names = ARENA_ARRAY(s->line->arena, const char *, s->count + asked);
    tensor *given = ARENA_ARRAY(s->line->arena, tensor, s->count + asked);
    if (names == NULL || given == NULL)
        return error_no_memory(err, "inputs", s->count + asked);
    for (size_t i = 0; i < s->count + asked; i++) {
        names[i] = i < s->count ? s->names[i] : ask_input_name(s->ask, i - s->count);
        given[i] = i < s->count ? s->given[i] : *ask_input(s->ask, i - s->count);
    }
    s->names = names;
    s->given = given;
    s->count += asked;
    return ACCEL_OK;
}

/* Given inputs bring their shapes; the rest follows from them, or is made with --batch and --seq. */
static accel_status bind_inputs(run_state *s, accel_error *err) {
    zoo_input_options shapes;
    if (!cli_input_options(s->line, &shapes))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "wrong shapes");
    ACCEL_TRY(zoo_complete_inputs(&s->model, &shapes, s->names, s->given, s->count, &s->inputs, err));
    return zoo_bind(&s->model, &s->inputs, err);
}

static accel_status read_engine_options(const run_state *s, engine_options *out, accel_error *err) {
    precision wanted = PRECISION_FP32;
    if (!precision_from_name(line_text(s->line, "precision", "fp32"), &wanted)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "--precision takes fp32, fp16, bf16, int8 or int4");
    }
    *out = (engine_options){.context = &s->engine.context,
                            .precision = wanted,
                            .threads = (int)line_integer(s->line, "threads", 0)};
    return ACCEL_OK;
}

static accel_status run_session(run_state *s, accel_error *err) {
    engine_options options;
    ACCEL_TRY(read_engine_options(s, &options, err));
    ACCEL_TRY(open_session_start(s->engine.engine, s->engine.device, &options, &s->model, &s->inputs,
                                 &s->session, err));
    return s->engine.engine->run(s->session.session, err);
}

/* A '/' in an output's name becomes '_', so that it cannot leave the folder. item: of a sequence, or -1. */
static void output_path(str_buf *path, const char *folder, const char *name, int64_t item) {
    file_join(path, folder, "");
    for (const char *c = name; *c != 0; c++)
        str_append_char(path, *c == '/' ? '_' : *c);
    if (item >= 0)
        str_appendf(path, ".%lld", (long long)item);
    str_append(path, ".npy");
}

static accel_status write_tensor(const run_state *s, table *t, const char *name, int64_t item,
                                 const tensor *view, accel_error *err) {
    const char *folder = line_text(s->line, "output-dir", NULL);
    char text[160];
    str_buf path = {0};
    accel_status status = ACCEL_OK;
    if (folder != NULL) {
        output_path(&path, folder, name, item);
        status = npy_write(str_text(&path), view, err);
    }
    table_row(t);
    table_text(t, item < 0 ? name : arena_printf(s->line->arena, "%s[%lld]", name, (long long)item));
    table_text(t, dtype_name(view->type));
    table_text(t, shape_text(&view->shape, text, sizeof text));
    table_text(t, path.length > 0 ? str_text(&path) : NULL);
    if (cli_answers_for_programs(s->line, s->ask))
        table_json(t, cli_answers_json(s->line->arena, s->ask, item < 0 ? name : NULL));
    str_free(&path);
    return status;
}

/* A sequence gives a row and a file an item; an empty optional gives none. */
static accel_status write_value(const run_state *s, table *t, const char *name, const op_value *v,
                                accel_error *err) {
    if (v->data == NULL)
        return ACCEL_OK;
    if (v->type.container == CONTAINER_TENSOR || v->type.container == CONTAINER_OPTIONAL) {
        tensor view = {.type = v->type.type, .shape = v->type.shape, .data = (void *)(uintptr_t)v->data};
        ACCEL_TRY(tensor_size_bytes(view.type, &view.shape, name, &view.size_bytes, err));
        return write_tensor(s, t, name, -1, &view, err);
    }
    const op_sequence *sequence = v->data;
    for (size_t i = 0; i < sequence->count; i++)
        ACCEL_TRY(write_tensor(s, t, name, (int64_t)i, &sequence->items[i], err));
    return ACCEL_OK;
}

/* views: of engines that give tensors alone; else values. */
static accel_status answer(run_state *s, const op_value *values, const tensor *views, accel_error *err) {
    const graph *g = s->model.graph;
    ask_output *outputs = ARENA_ARRAY(s->line->arena, ask_output, g->output_count + 1);
    size_t count = 0;
    if (s->ask == NULL)
        return ACCEL_OK;
    if (outputs == NULL)
        return error_no_memory(err, "outputs", g->output_count);
    for (size_t i = 0; i < g->output_count; i++) {
        const op_value *v = &values[i];
        if (views == NULL && (v->data == NULL || v->type.container != CONTAINER_TENSOR))
            continue;
        outputs[count].name = g->values[g->outputs[i]].name;
        outputs[count++].value =
            views != NULL
                ? views[i]
                : (tensor){.type = v->type.type, .shape = v->type.shape, .data = (void *)(uintptr_t)v->data};
    }
    return ask_answer_outputs(s->ask, outputs, count, err);
}

static accel_status write_outputs(run_state *s, table *t, accel_error *err) {
    const graph *g = s->model.graph;
    const engine_def *e = s->engine.engine;
    const char *folder = line_text(s->line, "output-dir", NULL);
    op_value *values = ARENA_ARRAY(s->line->arena, op_value, g->output_count + 1);
    tensor *views = ARENA_ARRAY(s->line->arena, tensor, g->output_count + 1);
    if (values == NULL || views == NULL)
        return error_no_memory(err, "outputs", 0);
    ACCEL_TRY(e->output_values != NULL ? e->output_values(s->session.session, values, g->output_count, err)
                                       : e->outputs(s->session.session, views, g->output_count, err));
    ACCEL_TRY(answer(s, values, e->output_values != NULL ? NULL : views, err));
    if (folder != NULL)
        ACCEL_TRY(file_make_folders(folder, err));
    for (size_t i = 0; i < g->output_count; i++) {
        const char *name = g->values[g->outputs[i]].name;
        ACCEL_TRY(e->output_values != NULL ? write_value(s, t, name, &values[i], err)
                                           : write_tensor(s, t, name, -1, &views[i], err));
    }
    return ACCEL_OK;
}

/* ---- writing text ------------------------------------------------------------------------------------- */

/* Times of what was written, on the error stream: they belong to no output. */
static void print_times(const generate_result *r) {
    double sum_ns = 0;
    for (size_t i = 0; i < r->token_count; i++)
        sum_ns += (double)r->token_ns[i];
    fprintf(stderr, "prompt of %lld tokens: first token after %.1f ms", (long long)r->prompt,
            (double)r->first_ns / 1e6);
    if (r->token_count > 0)
        fprintf(stderr, "; then %.2f ms a token, %.1f tokens/s", sum_ns / 1e6 / (double)r->token_count,
                (double)r->token_count * 1e9 / sum_ns);
    fprintf(stderr, " (one run, not a benchmark)\n");
}

static accel_status write_text(run_state *s, table *t, accel_error *err) {
    zoo_options zoo = cli_zoo_options(s->line);
    zoo_input_options shapes;
    generate_options options = {
        .engine = s->engine.engine,
        .device = s->engine.device,
        .max_new_tokens = line_integer(s->line, "max-new-tokens", 0),
        .stop_token = line_integer(s->line, "stop-token", s->ask != NULL ? ask_stop_token(s->ask) : -1),
        .temperature = line_real(s->line, "temperature", 0),
        .top_k = line_integer(s->line, "top-k", 0),
        .top_p = line_real(s->line, "top-p", 1),
        .seed = (uint64_t)line_integer(s->line, "seed", 0)};
    generate_result result;
    if (!cli_input_options(s->line, &shapes))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "wrong shapes");
    ACCEL_TRY(read_engine_options(s, &options.engine_options, err));
    ACCEL_TRY(generate_run(s->line->positional[0], &zoo, &shapes, s->names, s->given, s->count, &options,
                           &result, err));
    const char *folder = line_text(s->line, "output-dir", NULL);
    accel_status status = folder != NULL ? file_make_folders(folder, err) : ACCEL_OK;
    if (status == ACCEL_OK && s->ask != NULL)
        status = ask_answer_outputs(s->ask, &(ask_output){"generated_ids", result.ids}, 1, err);
    if (status == ACCEL_OK)
        status = write_tensor(s, t, "generated_ids", -1, &result.ids, err);
    if (status == ACCEL_OK)
        print_times(&result);
    generate_result_free(&result);
    return status;
}

static accel_status run_model(run_state *s, table *t, accel_error *err) {
    zoo_options options = cli_zoo_options(s->line);
    ACCEL_TRY(zoo_load(s->line->positional[0], &options, &s->model, err));
    ACCEL_TRY(read_given(s, err));
    ACCEL_TRY(read_question(s, err));
    if (cli_answers_for_programs(s->line, s->ask))
        table_column(t, "answers", NULL, false);
    ACCEL_TRY(bind_inputs(s, err));
    ACCEL_TRY(cli_engine_find(s->line, line_text(s->line, "engine", "native"), &s->engine, err));
    ACCEL_TRY(run_session(s, err));
    ACCEL_TRY(write_outputs(s, t, err));
    if (line_integer(s->line, "max-new-tokens", 0) == 0)
        return ACCEL_OK;
    open_session_end(&s->session); /* its memory is needed for the two graphs that write */
    return write_text(s, t, err);
}

static void run_state_free(run_state *s) {
    open_session_end(&s->session);
    for (size_t i = 0; i < s->given_count; i++)
        tensor_free(&s->given[i]);
    ask_close(s->ask);
    zoo_inputs_free(&s->inputs);
    zoo_model_free(&s->model);
    if (s->engine.device != NULL)
        probe_list_destroy(s->engine.probes);
}

static int run_run(const command_line *line) {
    accel_error err = {0};
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "output", NULL, false);
    table_column(t, "type", NULL, false);
    table_column(t, "shape", NULL, false);
    table_column(t, "file", NULL, false);
    run_state s = {.line = line};
    accel_status status = run_model(&s, t, &err);
    int code = status == ACCEL_OK ? cli_print_table(t, line) : cli_fail(&err);
    if (status == ACCEL_OK && code == EXIT_CODE_OK && s.ask != NULL)
        code = cli_print_answers(line, s.ask);
    run_state_free(&s);
    table_destroy(t);
    return code;
}

static const option_group *const run_groups[] = {&options_run, &options_shapes, &options_output,
                                                 &options_runtime, &options_general};
static const char *const run_examples[] = {
    "accel run minilm --text \"a cat\" --text \"a kitten\" --text \"a truck\"",
    "embeddings of sentences, and which are near to each other",
    "accel run ./my-vit --image cat.jpg",
    "the likeliest labels of a picture",
    "accel run ./my-qwen2 --text \"Once upon a time\" --max-new-tokens 32",
    "and how the text goes on",
    "accel run model.onnx --input x=x.npy --output-dir out",
    "one inference on your input, every output as out/NAME.npy",
    "accel run ./my-bert --seq 16 --engine onnxruntime --output-dir out",
    "seeded inputs of 16 tokens, on another engine",
    "accel run ./my-qwen2 --input input_ids=ids.npy --max-new-tokens 32 --output-dir out",
    "and the 32 tokens that follow",
    "accel run ./my-qwen2 --text \"Once upon a time\" --max-new-tokens 32 --on webgpu --browser chromium",
    "the same, written by a page in a browser",
    NULL,
};

const command_def command_run = {
    .name = "run",
    .summary = "run a model once and write its outputs",
    .positional = "MODEL",
    .min_positional = 1,
    .max_positional = 1,
    .examples = run_examples,
    .groups = run_groups,
    .group_count = 5,
    .run = run_run,
};
