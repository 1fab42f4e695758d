/* accel export: a model as an .onnx file. */
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "formats/formats.h"
#include "graph/passes.h"

/* The opsets that each form is right in: forms differ by operators that came, or changed, between them. */
static const struct {
    int64_t first, last;
    graph_form form;
} opsets[] = {{17, 17, FORM_PORTABLE}, {21, 23, FORM_OPENVINO}, {24, 28, FORM_HOUSE}};

typedef struct export_form {
    graph_form form;
    int64_t opset;
    const char *name; /* of the file, without .onnx */
} export_form;

static accel_status choose_form(const command_line *line, export_form *out, accel_error *err) {
    const char *engine = line_text(line, "engine", NULL);
    int64_t opset = line_integer(line, "opset", 21);
    if (engine != NULL) {
        const engine_def *e = engine_find(engine);
        if (e == NULL)
            return error_set(err, ACCEL_INVALID_ARGUMENT, "--engine: no engine is called '%s'", engine);
        *out = (export_form){e->form, graph_form_opset(e->form), engine};
        return ACCEL_OK;
    }
    for (size_t i = 0; i < sizeof opsets / sizeof *opsets; i++)
        if (opset >= opsets[i].first && opset <= opsets[i].last) {
            *out = (export_form){opsets[i].form, opset, "model"};
            return ACCEL_OK;
        }
    return error_set(
        err, ACCEL_UNSUPPORTED,
        "opset %lld is not written; 17, 21 to 23 and 24 to 28 are (24 and later keep Attention whole)",
        (long long)opset);
}

static accel_status load(const command_line *line, zoo_model *m, accel_error *err) {
    zoo_options options = cli_zoo_options(line);
    zoo_input_options shapes;
    zoo_inputs inputs = {0};
    if (!zoo_mode_from_name(line_text(line, "mode", "inference"), &options.mode))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "--mode takes inference, prefill or decode");
    if (!cli_input_options(line, &shapes))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "wrong shapes");
    ACCEL_TRY(zoo_load(line->positional[0], &options, m, err));
    if (!line_flag(line, "batch") && !line_flag(line, "seq") && !line_flag(line, "dim"))
        return ACCEL_OK;
    accel_status status = zoo_make_inputs(m, &shapes, &inputs, err);
    if (status == ACCEL_OK)
        status = zoo_bind(m, &inputs, err);
    zoo_inputs_free(&inputs);
    return status;
}

static accel_status write_file(const command_line *line, const zoo_model *m, const export_form *f,
                               str_buf *path, accel_error *err) {
    const char *folder = line_text(line, "output", NULL);
    graph *copy = NULL;
    onnx_write_options options = {.opset = f->opset, .external_threshold_bytes = (uint64_t)1 << 20};
    ACCEL_TRY(file_make_folders(folder, err));
    file_join(path, folder, f->name);
    str_append(path, ".onnx");
    if (path->failed)
        return error_no_memory(err, "a path", path->length);
    ACCEL_TRY(graph_clone(m->graph, &copy, err));
    accel_status status = f->form == FORM_HOUSE ? ACCEL_OK : pass_to_form(copy, f->form, err);
    if (status == ACCEL_UNSUPPORTED)
        error_prefix(err, status,
                     "%s at opset %lld (--batch and --seq fix its shapes, which some forms need)", m->name,
                     (long long)f->opset);
    if (status == ACCEL_OK)
        status = onnx_write(copy, str_text(path), &options, err);
    graph_destroy(copy);
    return status;
}

static int run_export(const command_line *line) {
    accel_error err = {0};
    zoo_model m = {0};
    export_form form = {0};
    str_buf path = {0};
    if (line_text(line, "output", NULL) == NULL) {
        error_set(&err, ACCEL_INVALID_ARGUMENT, "export needs --output DIR");
        return cli_fail(&err);
    }
    accel_status status = choose_form(line, &form, &err);
    if (status == ACCEL_OK)
        status = load(line, &m, &err);
    if (status == ACCEL_OK)
        status = write_file(line, &m, &form, &path, &err);
    int code = status == ACCEL_OK ? EXIT_CODE_OK : cli_fail(&err);
    if (status == ACCEL_OK) {
        str_append_char(&path, '\n');
        code = cli_print_text(&path);
    }
    str_free(&path);
    zoo_model_free(&m);
    return code;
}

static const option_def export_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .value_name = "DIR",
     .is_file = true,
     .help = "folder for model.onnx, and model.onnx.data with its weights"},
    {.name = "opset",
     .kind = OPTION_INTEGER,
     .value_name = "N",
     .help = "ai.onnx opset: 17, 21 to 23, or 24 to 28, where Attention and the cache are operators",
     .fallback = "21",
     .low = 1,
     .high = 1000},
    {.name = "engine",
     .letter = 'e',
     .kind = OPTION_TEXT,
     .value_name = "ENGINE",
     .help = "instead: the form that accel gives to onnxruntime or openvino when it measures them"},
    {.name = "mode",
     .letter = 'm',
     .kind = OPTION_CHOICE,
     .choices = "inference|prefill|decode",
     .help = "which graph of a model that writes text",
     .fallback = "inference"},
};
static const option_group export_group = {"Export", export_options,
                                          sizeof export_options / sizeof *export_options};
static const option_group *const export_groups[] = {&export_group, &options_shapes, &options_general};
static const char *const export_examples[] = {
    "accel export whisper-tiny --output whisper --batch 1",
    "whisper/model.onnx, plain ONNX of opset 21, at these shapes",
    "accel export ./my-qwen2 --opset 24 --output qwen2",
    "with Attention whole and dims left symbolic",
    NULL,
};

const command_def command_export = {
    .name = "export",
    .summary = "write a model as ONNX",
    .positional = "MODEL",
    .min_positional = 1,
    .max_positional = 1,
    .examples = export_examples,
    .groups = export_groups,
    .group_count = 3,
    .run = run_export,
};
