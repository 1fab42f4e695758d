/* accel bench: request → plan → cases → records → database, table, report. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/bench_features.h"
#include "cli/bench_plan.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "measure/measure.h"
#include "report/report.h"
#include "store/store.h"

typedef struct kept_profile {
    size_t record; /* index of its record */
    case_profile profile;
} kept_profile;

typedef struct bench_state {
    const command_line *line;
    store_writer *writer; /* NULL with --no-db */
    record *records;      /* copies, in arena memory */
    size_t count, capacity;
    kept_profile *profiles; /* likewise */
    size_t profile_count, profile_capacity;
    kept_features features; /* likewise */
    progress progress;
} bench_state;

/* ---- running --------------------------------------------------------------------------------------------------------- */

/* A copy that lives as long as the command: through its JSON, the form that it has everywhere else. */
static accel_status keep_record(bench_state *s, const record *r, accel_error *err) {
    str_buf json = {0};
    record_write_json(r, &json);
    if (json.failed || !mem_grow((void **)&s->records, &s->capacity, s->count + 1, sizeof *s->records)) {
        str_free(&json);
        return error_no_memory(err, "a record", 0);
    }
    accel_status status =
        record_read_json(json.data, json.length, s->line->arena, &s->records[s->count], err);
    str_free(&json);
    if (status == ACCEL_OK)
        s->count++;
    return status;
}

static void on_case_started(void *context, const bench_case *c, size_t index, size_t count) {
    bench_state *s = context;
    progress_case(&s->progress, c, index, count);
}

static void on_progress(void *context, const bench_case *c, const char *text) {
    bench_state *s = context;
    progress_text(&s->progress, c, text);
}

static accel_status on_record(void *context, const bench_case *c, const record *r, accel_error *err) {
    bench_state *s = context;
    if (s->writer != NULL)
        ACCEL_TRY(store_add(s->writer, r, err));
    progress_record(&s->progress, c, r);
    return keep_record(s, r, err);
}

static accel_status on_profile(void *context, const bench_case *c, const record *r, const case_profile *p,
                               accel_error *err) {
    bench_state *s = context;
    (void)c, (void)r; /* its record is the last one that was kept */
    if (!mem_grow((void **)&s->profiles, &s->profile_capacity, s->profile_count + 1, sizeof *s->profiles))
        return error_no_memory(err, "a profile", sizeof *s->profiles);
    kept_profile *kept = &s->profiles[s->profile_count];
    kept->record = s->count - 1;
    ACCEL_TRY(case_profile_copy(p, s->line->arena, &kept->profile, err));
    s->profile_count++;
    return ACCEL_OK;
}

static accel_status on_feature(void *context, const bench_case *c, const record *r, const case_feature *f,
                               accel_error *err) {
    bench_state *s = context;
    (void)c, (void)r; /* its record is the last one that was kept */
    return bench_features_keep(&s->features, s->count - 1, f, s->line->arena, err);
}

static accel_status open_writer(bench_state *s, accel_error *err) {
    if (line_flag(s->line, "no-db"))
        return ACCEL_OK;
    store_options options = {.path = store_default_path(line_text(s->line, "db", NULL)), .patience_s = -1};
    ACCEL_TRY(store_check(options.path, err));
    return store_writer_create(&options, &s->writer, err);
}

/* ---- results ----------------------------------------------------------------------------------------------------------- */

/* The record with more members, which a reader of records keeps or leaves: profile and features of its case. */
static void append_record(const bench_state *s, size_t index, str_buf *out) {
    record r = s->records[index];
    str_buf more = {0};
    for (size_t i = 0; i < s->profile_count; i++) {
        if (s->profiles[i].record != index)
            continue;
        str_append(&more, "\"profile\": ");
        out->failed |= profile_view_json(&s->profiles[i].profile, &more, NULL) != ACCEL_OK;
    }
    for (size_t i = 0; i < s->features.count; i++) {
        if (s->features.items[i].record != index)
            continue;
        str_append(&more, more.length > 0 ? ",\"web_features\": " : "\"web_features\": ");
        bench_features_json(&s->features, index, &more);
        break;
    }
    const char *members = arena_printf(s->line->arena, "{%s}", str_text(&more));
    if (more.length > 0)
        r.unknown_json = members;
    record_write_json(&r, out);
    out->failed |= more.failed || members == NULL;
    str_free(&more);
}

static int print_json(const bench_state *s) {
    str_buf out = {0};
    str_append(&out, "[");
    for (size_t i = 0; i < s->count; i++) {
        str_append(&out, i > 0 ? ",\n" : "\n");
        append_record(s, i, &out);
    }
    str_append(&out, s->count > 0 ? "\n]\n" : "]\n");
    int code = cli_print_text(&out);
    str_free(&out);
    return code;
}

static size_t profile_rows(const command_line *line) {
    return (size_t)line_integer(line, "profile-rows", 20);
}

static int print_profiles(const bench_state *s) {
    table_format format = TABLE_TEXT;
    accel_error err = {0};
    str_buf out = {0};
    accel_status status = ACCEL_OK;
    (void)table_format_from_name(line_text(s->line, "format", "table"), &format);
    for (size_t i = 0; i < s->profile_count && status == ACCEL_OK; i++) {
        const kept_profile *kept = &s->profiles[i];
        profiled_case c = {&s->records[kept->record], &kept->profile};
        status = profile_view_text(&c, profile_rows(s->line), format, cli_color(STDOUT_FILENO), &out, &err);
    }
    int code = status == ACCEL_OK ? cli_print_text(&out) : cli_fail(&err);
    str_free(&out);
    return code;
}

static int print_features(const bench_state *s) {
    str_buf out = {0};
    str_append(&out, "\n");
    bench_features_print(&s->features, s->records, &out);
    int code = cli_print_text(&out);
    str_free(&out);
    return code;
}

static int print_matrix(const bench_state *s) {
    table *t = report_matrix(s->records, s->count);
    if (t == NULL)
        return EXIT_CODE_FAILED;
    bool csv = str_equal(line_text(s->line, "format", "table"), "csv"); /* one table */
    if (!csv)
        printf("\n");
    int code = csv ? EXIT_CODE_OK : cli_print_table(t, s->line);
    table_destroy(t);
    return code;
}

static int print_results(const bench_state *s) {
    if (str_equal(line_text(s->line, "format", "table"), "json"))
        return print_json(s);
    table *t = report_table(s->records, s->count);
    if (t == NULL)
        return EXIT_CODE_FAILED;
    int code = cli_print_table(t, s->line);
    table_destroy(t);
    if (code == EXIT_CODE_OK && line_flag(s->line, "all-models"))
        code = print_matrix(s);
    if (code == EXIT_CODE_OK && s->profile_count > 0)
        code = print_profiles(s);
    if (code == EXIT_CODE_OK && s->features.count > 0 &&
        !str_equal(line_text(s->line, "format", "table"), "csv")) /* one table */
        code = print_features(s);
    str_buf notes = {0};
    report_notes(s->records, s->count, &notes);
    if (notes.length > 0)
        fprintf(stderr, "\n%s", str_text(&notes));
    str_free(&notes);
    return code;
}

static accel_status write_report(const bench_state *s, accel_error *err) {
    const char *path = line_text(s->line, "report", NULL);
    if (path == NULL)
        return ACCEL_OK;
    str_buf page = {0};
    profiled_case *profiles = ARENA_ARRAY(s->line->arena, profiled_case, s->profile_count);
    if (profiles == NULL)
        return error_no_memory(err, "profiles", s->profile_count * sizeof *profiles);
    for (size_t i = 0; i < s->profile_count; i++)
        profiles[i] = (profiled_case){&s->records[s->profiles[i].record], &s->profiles[i].profile};
    report_options options = {
        .database = line_flag(s->line, "no-db") ? NULL : store_default_path(line_text(s->line, "db", NULL)),
        .profiles = profiles,
        .profile_count = s->profile_count,
        .profile_rows = profile_rows(s->line)};
    accel_status status = report_html(s->records, s->count, &options, &page, err);
    if (status == ACCEL_OK)
        status = file_replace(path, page.data, page.length, err);
    str_free(&page);
    if (status == ACCEL_OK)
        fprintf(stderr, "wrote %s\n", path);
    return status;
}

static int exit_code(const command_line *line, const plan_outcome *o) {
    if (o->cancelled)
        return EXIT_CODE_INTERRUPTED;
    size_t failed = o->by_status[CASE_CRASHED] + o->by_status[CASE_TIMEOUT] +
                    o->by_status[CASE_OUT_OF_MEMORY] + o->by_status[CASE_WRONG_OUTPUT] +
                    o->by_status[CASE_ERROR];
    if (line_flag(line, "strict"))
        failed += o->by_status[CASE_UNSUPPORTED];
    if (failed > 0)
        return EXIT_CODE_FAILED;
    return o->absent_by_name > 0 ? EXIT_CODE_ABSENT : EXIT_CODE_OK;
}

static accel_status run_plan(bench_state *s, const measure_host *host, bench_plan *plan,
                             plan_outcome *outcome, accel_error *err) {
    ACCEL_TRY(open_writer(s, err));
    plan_callbacks callbacks = {s, on_case_started, on_progress, on_record, on_profile, on_feature};
    accel_status status = plan_run(host, plan, &callbacks, cli_interrupt_flag(), outcome, err);
    progress_end(&s->progress);
    accel_error close_error = {0};
    if (s->writer != NULL && store_writer_close(s->writer, status == ACCEL_OK, &close_error) != ACCEL_OK) {
        fprintf(stderr, "accel: %s\n", close_error.message);
    }
    if (s->writer != NULL &&
        s->features.count > 0) { /* what was measured is kept when the run ended early, too */
        accel_status stored =
            bench_features_store(&s->features, s->records, store_default_path(line_text(s->line, "db", NULL)),
                                 s->line->arena, &close_error);
        if (stored != ACCEL_OK)
            fprintf(stderr, "accel: starts with and without features were not stored: %s\n",
                    close_error.message);
    }
    return status == ACCEL_CANCELLED ? ACCEL_OK : status;
}

/* CSV is one table, and that of the results. */
static accel_status check_profile(const command_line *line, accel_error *err) {
    if (line_flag(line, "profile") && str_equal(line_text(line, "format", "table"), "csv"))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "bench: a profile has no CSV form; use --format json, markdown or table");
    return ACCEL_OK;
}

static accel_status read_features(const command_line *line, bench_plan *plan, accel_error *err) {
    ACCEL_TRY(bench_features_read(line, &plan->settings, err));
    bool pages = plan->settings.features == 0;
    for (size_t i = 0; i < plan->count; i++)
        pages = pages || plan->cases[i].platform == PLATFORM_WEBGPU;
    return pages ? ACCEL_OK
                 : error_set(err, ACCEL_INVALID_ARGUMENT,
                             "--web-features: starts are measured in pages on WebGPU; add webgpu to --on");
}

static int run_bench(const command_line *line) {
    accel_error err = {0};
    cli_interrupt_catch();
    if (check_profile(line, &err) != ACCEL_OK)
        return cli_fail(&err);
    engine_context context = cli_engine_context(line);
    measure_host host = cli_measure_host(line, &context);
    bench_plan *plan = NULL;
    if (bench_plan_make(line, &host, &plan, &err) != ACCEL_OK)
        return cli_fail(&err);
    plan->settings.profile = line_flag(line, "profile");
    if (read_features(line, plan, &err) != ACCEL_OK) {
        plan_destroy(plan);
        return cli_fail(&err);
    }
    bench_state s = {.line = line};
    progress_start(&s.progress, line_flag(line, "quiet"));
    plan_outcome outcome = {0};
    const char *save = line_text(line, "save-plan", NULL);
    accel_status status = save != NULL ? bench_plan_write(save, plan, &err) : ACCEL_OK;
    if (status == ACCEL_OK && line_flag(line, "resume"))
        status = bench_plan_skip_finished(line, plan, &err);
    if (status == ACCEL_OK && !line_flag(line, "dry-run"))
        status = run_plan(&s, &host, plan, &outcome, &err);
    int code = status == ACCEL_OK ? exit_code(line, &outcome) : cli_fail(&err);
    if (code == EXIT_CODE_OK && bench_features_failed(&s.features))
        code = EXIT_CODE_FAILED;
    if (s.count > 0) { /* what was measured is shown even when the run ended early */
        int printed = print_results(&s);
        if (code == EXIT_CODE_OK)
            code = printed;
        if (write_report(&s, &err) != ACCEL_OK && code == EXIT_CODE_OK)
            code = cli_fail(&err);
    }
    mem_free(s.records);
    mem_free(s.profiles);
    bench_features_free(&s.features);
    plan_destroy(plan);
    return code;
}

/* ---- the command --------------------------------------------------------------------------------------------------------------- */

static const char *const bench_examples[] = {
    "accel bench model.onnx",
    "on every platform and engine found here; verified, stored, shown",
    "accel bench ./my-bert --on cpu,openvino --batch 1,8 --seq 32,128",
    "a matrix over a Hugging Face folder",
    "accel bench model.onnx --engine native,onnxruntime --threads 1,2 --repeat 5",
    "two engines interleaved, five fresh processes each",
    "accel bench model.onnx --scenario server --latency-bound 20",
    "the highest rate of requests answered within 20 ms",
    "accel bench model.onnx --engine native --profile --report page.html",
    "where the time goes: tables here, a frame graph on the page",
    "accel bench model.onnx --browser chromium --web-features shader-precompile",
    "whether a page starts sooner with it, from pairs of starts",
    "accel bench model.onnx --no-db --format json",
    "the records alone, for a program",
    NULL,
};

const command_def command_bench = {
    .name = "bench",
    .summary = "benchmark models on every platform found here, verify, store, show",
    .positional = "[MODEL...]",
    .min_positional = 0,
    .max_positional = 1000,
    .examples = bench_examples,
    .groups = bench_option_groups,
    .group_count = BENCH_OPTION_GROUPS,
    .run = run_bench,
    .notes =
        "Every case runs in a process of its own. Outputs are compared with a reference; a fast wrong answer is a failed case. Exit codes: 0 all\n"
        "cases ok, 1 a case failed or was wrong, 3 a platform or engine asked for by name is absent, 130 interrupted (finished cases are kept).",
};

static int run_case(const command_line *line) {
    (void)line;
    return measure_child_main(NULL, 0);
}

const command_def command_case = {.name = MEASURE_CHILD_ARGUMENT,
                                  .summary = "",
                                  .positional = "",
                                  .hidden = true,
                                  .raw = true,
                                  .run = run_case};
