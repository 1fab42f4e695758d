/* accel conformance: a folder of ONNX test cases on one engine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/interrupt.h"
#include "measure/conformance.h"
#include "measure/measure.h"
#include "report/table.h"

/* One line of the summary by operator. */
typedef struct operator_row {
    char op_type[CONFORMANCE_OPERATOR_BYTES];
    size_t passed, failed, unsupported;
} operator_row;

typedef struct tally {
    operator_row *rows;
    size_t count, capacity;
    size_t passed, failed, unsupported;
    table *failures; /* every case that did not pass */
    bool quiet, progress, no_memory;
} tally;

static operator_row *row_of(tally *t, const char *op_type) {
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->rows[i].op_type, op_type) == 0)
            return &t->rows[i];
    }
    if (!mem_grow((void **)&t->rows, &t->capacity, t->count + 1, sizeof *t->rows))
        return NULL;
    operator_row *row = &t->rows[t->count++];
    *row = (operator_row){0};
    str_format(row->op_type, sizeof row->op_type, "%s", op_type);
    return row;
}

static void on_result(void *user, const conformance_result *r, size_t index, size_t total) {
    tally *t = user;
    operator_row *row = row_of(t, r->op_type);
    t->no_memory = t->no_memory || row == NULL;
    if (row == NULL)
        return;
    bool passed = r->status == CONFORMANCE_PASSED, unsupported = r->status == CONFORMANCE_UNSUPPORTED;
    (passed ? &row->passed : unsupported ? &row->unsupported : &row->failed)[0]++;
    (passed ? &t->passed : unsupported ? &t->unsupported : &t->failed)[0]++;
    if (!passed) {
        table_row(t->failures);
        table_text(t->failures, r->name);
        table_text(t->failures, r->op_type);
        table_text(t->failures, conformance_status_name(r->status));
        table_text(t->failures, r->sentence);
    }
    if (t->progress) {
        fprintf(stderr, "\r\033[K%zu of %zu: %zu passed, %zu failed, %zu unsupported — %s", index + 1, total,
                t->passed, t->failed, t->unsupported, r->name);
        if (index + 1 == total)
            fputs("\r\033[K", stderr);
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const operator_row *)a)->op_type, ((const operator_row *)b)->op_type);
}

static table *summary_table(tally *t) {
    table *out = table_create();
    if (out == NULL)
        return NULL;
    if (t->count > 1)
        qsort(t->rows, t->count, sizeof *t->rows, by_name);
    table_column(out, "operator", NULL, false);
    table_column(out, "passed", NULL, true);
    table_column(out, "failed", NULL, true);
    table_column(out, "unsupported", NULL, true);
    for (size_t i = 0; i < t->count; i++) {
        table_row(out);
        table_text(out, t->rows[i].op_type);
        table_integer(out, (int64_t)t->rows[i].passed);
        table_integer(out, (int64_t)t->rows[i].failed);
        table_integer(out, (int64_t)t->rows[i].unsupported);
    }
    return out;
}

static int print_results(const command_line *line, tally *t) {
    if (line_flag(line, "list"))
        return cli_print_table(t->failures, line);
    table *summary = summary_table(t);
    if (summary == NULL)
        return EXIT_CODE_FAILED;
    int code = cli_print_table(summary, line);
    table_destroy(summary);
    return code;
}

static int run_cases(const command_line *line, const cli_engine *e) {
    accel_error err = {0};
    tally t = {.failures = table_create(), .progress = !line_flag(line, "quiet") && cli_color(2)};
    if (t.failures == NULL)
        return EXIT_CODE_FAILED;
    table_column(t.failures, "case", NULL, false);
    table_column(t.failures, "operator", NULL, false);
    table_column(t.failures, "status", NULL, false);
    table_column(t.failures, "reason", NULL, false);
    conformance_request request = {.folder = line->positional[0],
                                   .filter = line_text(line, "filter", NULL),
                                   .engine = e->engine,
                                   .device = e->device,
                                   .context = &e->context,
                                   .threads = (int)line_integer(line, "threads", 1),
                                   .timeout_s = line_real(line, "timeout", 120),
                                   .cancel = cli_interrupt_flag()};
    accel_status status = conformance_run(&request, on_result, &t, &err);
    int code = status == ACCEL_OK || status == ACCEL_CANCELLED ? print_results(line, &t) : EXIT_CODE_OK;
    if (status != ACCEL_OK) {
        code = cli_fail(&err);
    } else if (str_equal(line_text(line, "format", "table"), "table")) {
        str_buf out = {0};
        str_appendf(&out, "\n%zu passed, %zu failed, %zu skipped\n", t.passed, t.failed, t.unsupported);
        code = cli_print_text(&out);
        str_free(&out);
    }
    if (code == EXIT_CODE_OK && (t.failed > 0 || (line_flag(line, "strict") && t.unsupported > 0)))
        code = EXIT_CODE_FAILED;
    table_destroy(t.failures);
    mem_free(t.rows);
    return code;
}

static int run_conformance(const command_line *line) {
    accel_error err = {0};
    cli_engine e;
    cli_interrupt_catch();
    if (cli_engine_find(line, line_text(line, "engine", "native"), &e, &err) != ACCEL_OK)
        return cli_fail(&err);
    int code = run_cases(line, &e);
    probe_list_destroy(e.probes);
    return code;
}

static const option_def conformance_options[] = {
    {.name = "engine",
     .letter = 'e',
     .kind = OPTION_TEXT,
     .value_name = "ENGINE",
     .help = "the engine under test",
     .fallback = "native"},
    CLI_OPTION_DEVICE,
    {.name = "filter",
     .kind = OPTION_TEXT,
     .value_name = "TEXT",
     .help = "only cases whose KIND/NAME holds this text"},
    {.name = "list",
     .kind = OPTION_FLAG,
     .help = "list every case that did not pass with the reason, instead of the counts by operator"},
    CLI_OPTION_THREADS("1"),
    {.name = "timeout",
     .kind = OPTION_REAL,
     .value_name = "S",
     .help = "seconds one case may take",
     .fallback = "120",
     .low = 0.1,
     .high = 1e6},
    {.name = "strict", .kind = OPTION_FLAG, .help = "unsupported cases count as failures"},
};
static const option_group conformance_group = {"Conformance", conformance_options,
                                               sizeof conformance_options / sizeof *conformance_options};
static const option_group *const conformance_groups[] = {&conformance_group, &options_output,
                                                         &options_runtime, &options_general};
static const char *const conformance_examples[] = {
    "make conformance",
    "makes .deps/conformance with the onnx package and runs all of it",
    "accel conformance .deps/conformance --engine onnxruntime",
    "the same cases on ONNX Runtime",
    "accel conformance .deps/conformance --filter node/test_resize --list",
    "what does not pass of one operator, and why",
    NULL,
};

const command_def command_conformance = {
    .name = "conformance",
    .summary = "run a folder of ONNX test cases on an engine",
    .positional = "FOLDER",
    .min_positional = 1,
    .max_positional = 1,
    .examples = conformance_examples,
    .groups = conformance_groups,
    .group_count = 4,
    .run = run_conformance,
    .notes =
        "A case is a folder NAME/ or KIND/NAME/ with model.onnx and test_data_set_N/{input,output}_M.pb. Cases run in a process of their own: a\n"
        "crash or a hang is a result. Unsupported cases are those that the engine or the reader refuses before running.",
};
