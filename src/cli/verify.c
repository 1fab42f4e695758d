/* accel verify: the outputs of one engine against another's, or against the plain reference. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "measure/measure.h"
#include "report/table.h"

static void on_progress(void *context, const bench_case *c, const char *text) {
    progress_text(context, c, text);
}

static int print_table(const command_line *line, const verify_result *result) {
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "model", NULL, false);
    table_column(t, "engine", NULL, false);
    table_column(t, "against", NULL, false);
    table_column(t, "output", NULL, false);
    table_column(t, "relative_l2", "relative L2", true);
    table_column(t, "max_abs_error", "max abs error", true);
    table_column(t, "limit", NULL, true);
    table_column(t, "pass", NULL, false);
    table_column(t, "error", NULL, false);
    for (size_t i = 0; i < result->count; i++) {
        const verify_case *c = &result->cases[i];
        table_row(t);
        table_text(t, c->model);
        table_text(t, c->engine);
        table_text(t, c->against);
        table_text(t, c->output);
        table_number(t, c->relative_l2, 2);
        if (c->relative_l2 == c->relative_l2)
            table_display(t, "%.2e", c->relative_l2);
        table_number(t, c->max_abs_error, 2);
        if (c->max_abs_error == c->max_abs_error)
            table_display(t, "%.2e", c->max_abs_error);
        table_number(t, c->limit, 5);
        if (c->limit == c->limit)
            table_display(t, "%.0e", c->limit);
        table_bool(t, c->pass);
        table_display(t, "%s", c->pass ? "yes" : "NO");
        table_text(t, c->error);
    }
    int code = cli_print_table(t, line);
    table_destroy(t);
    return code;
}

static int print_result(const command_line *line, const verify_result *result) {
    int code;
    if (str_equal(line_text(line, "format", "table"), "json")) {
        str_buf out = {0};
        verify_write_json(result, &out);
        str_append_char(&out, '\n');
        code = cli_print_text(&out);
        str_free(&out);
    } else {
        code = print_table(line, result);
    }
    return code == EXIT_CODE_OK && result->failed > 0 ? EXIT_CODE_FAILED : code;
}

static int run_verify(const command_line *line) {
    accel_error err = {0};
    cli_interrupt_catch();
    engine_context context = cli_engine_context(line);
    measure_host host = cli_measure_host(line, &context);
    verify_request request = {.models = line->positional,
                              .model_count = line->positional_count,
                              .engine = line_text(line, "engine", "native"),
                              .against = line_text(line, "against", "onnxruntime"),
                              .batch = line_integer(line, "batch", 0),
                              .sequence = line_integer(line, "seq", 0),
                              .threads = line_integer(line, "threads", 0),
                              .seed = line_integer(line, "seed", 0),
                              .timeout_s = line_real(line, "timeout", 0)};
    if (cli_dims(line, &request.dims, &request.dim_count, &err) != ACCEL_OK)
        return cli_fail(&err);
    if (!precision_from_name(line_text(line, "precision", "fp32"), &request.precision)) {
        error_set(&err, ACCEL_INVALID_ARGUMENT, "verify: --precision takes fp32, fp16, bf16, int8 or int4");
        return cli_fail(&err);
    }
    progress p;
    progress_start(&p, line_flag(line, "quiet"));
    probe_list *probes = NULL;
    verify_result *result = NULL;
    plan_callbacks callbacks = {.context = &p, .on_progress = on_progress};
    const char *const named[] = {request.engine, request.against};
    const bench_request asked = {.engines = named, .engine_count = 2};
    accel_status status = probe_requested(&host, &asked, cli_interrupt_flag(), &probes, &err);
    if (status == ACCEL_OK)
        status = verify_run(&host, &request, probes, &callbacks, cli_interrupt_flag(), &result, &err);
    progress_end(&p);
    int code = status == ACCEL_OK ? print_result(line, result) : cli_fail(&err);
    verify_result_destroy(result);
    probe_list_destroy(probes);
    return code;
}

static const option_def verify_options[] = {
    {.name = "engine",
     .letter = 'e',
     .kind = OPTION_TEXT,
     .value_name = "A",
     .help = "the engine under test",
     .fallback = "native"},
    {.name = "against",
     .letter = 'a',
     .kind = OPTION_TEXT,
     .value_name = "B",
     .help = "another engine, or `reference`: the plain evaluator with f64 sums",
     .fallback = "onnxruntime"},
    {.name = "precision",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .value_name = "P",
     .help = "of the engine under test; the other runs fp32",
     .fallback = "fp32"},
    CLI_OPTION_THREADS("all CPUs allowed"),
    CLI_OPTION_BATCH,
    CLI_OPTION_SEQ,
    CLI_OPTION_DIM,
    CLI_OPTION_SEED,
    CLI_OPTION_PHASE_TIMEOUT,
};
static const option_group verify_group = {"Verify", verify_options,
                                          sizeof verify_options / sizeof *verify_options};
static const option_group *const verify_groups[] = {&verify_group, &options_output, &options_runtime,
                                                    &options_general};
static const char *const verify_examples[] = {
    "accel verify model.onnx --engine native --against onnxruntime",
    "every output, by relative L2 and largest error",
    "accel verify ./my-bert --engine openvino --against reference --seq 16",
    "against the plain evaluator: slow, independent of every runtime",
    NULL,
};

const command_def command_verify = {
    .name = "verify",
    .summary = "compare the outputs of two engines",
    .positional = "MODEL...",
    .min_positional = 1,
    .max_positional = 1000,
    .examples = verify_examples,
    .groups = verify_groups,
    .group_count = 4,
    .run = run_verify,
};
