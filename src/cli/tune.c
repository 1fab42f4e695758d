/* accel tune: which variants of kernels are fast on this machine's GPUs and browsers, measured and remembered. */
#include <stdio.h>
#include <string.h>

#include "cli/cache_folder.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/interrupt.h"
#include "engines/tuning_file.h"
#include "measure/tune.h"
#include "report/table.h"

static const char *const usual_models[] = {"all-minilm-l6-v2", "whisper-tiny", "resnet50-light"};

typedef struct tuning {
    const command_line *line;
    table *table;
    const engine_device *device;
    precision precision;
    engine_context context;
    bool dry;
    size_t models; /* that could be tried */
} tuning;

/* ---- what is shown ----------------------------------------------------------------------------------------------------- */

static void add_columns(table *t) {
    table_column(t, "device", NULL, false);
    table_column(t, "model", NULL, false);
    table_column(t, "kernel", NULL, false);
    table_column(t, "shape", NULL, false);
    table_column(t, "variant", NULL, false);
    table_column(t, "time_ms", "time", true);
    table_column(t, "against_usual", "against usual", true);
    table_column(t, "clock", NULL, false);
    table_column(t, "relative_l2", "relative L2", true);
    table_column(t, "chosen", NULL, false);
    table_column(t, "note", NULL, false);
}

static void add_shape(table *t, const tune_result *r) {
    char text[96];
    size_t used = 0;
    for (int i = 0; i < GPU_SIZES; i++)
        if (i < 2 || r->sizes[i] > 0)
            used += (size_t)str_format(text + used, sizeof text - used, "%s%lld", i > 0 ? " x " : "",
                                       (long long)r->sizes[i]);
    table_text(t, text);
}

static void add_head(tuning *c, const tune_result *r) {
    table_row(c->table);
    table_textf(c->table, "%s %s", platform_name(c->device->platform), c->device->name);
    table_text(c->table, r->model);
    table_text(c->table, gpu_tuned_name(r->class.kernel));
    add_shape(c->table, r);
}

static void add_trial(tuning *c, const tune_result *r, size_t index) {
    const engine_trial *trial = &r->trials[index];
    bool fine = trial->status == ACCEL_OK && trial->time_ns > 0;
    add_head(c, r);
    table_text(c->table, r->variants[index]->name);
    if (!fine) {
        for (int i = 0; i < 4; i++)
            table_null(c->table);
        table_text(c->table, "no");
        table_text(c->table, trial->why);
        return;
    }
    table_number(c->table, trial->time_ns / 1e6, 3);
    table_number(c->table, trial->time_ns / r->trials[0].time_ns, 2);
    table_text(c->table, trial->by_gpu ? "device" : "wall");
    if (index == 0) {
        table_null(c->table); /* the others are compared with it */
    } else {
        table_number(c->table, trial->difference, 1);
        table_display(c->table, "%.0e", trial->difference);
    }
    table_text(c->table, index == r->winner ? "yes" : "no");
    if (index == r->winner)
        table_mark(c->table);
    table_text(c->table, index == 0 ? "usual" : NULL);
}

static void watch(void *context, const tune_result *r) {
    tuning *c = context;
    for (size_t i = 0; i < r->count; i++)
        add_trial(c, r, i);
    if (r->count == 0) {
        add_head(c, r);
        for (int i = 0; i < 6; i++)
            table_null(c->table);
        table_text(c->table, r->skipped);
    }
    if (r->count > 0 && !line_flag(c->line, "quiet"))
        fprintf(stderr, "%s: %s, %zu variants: %s\n", r->model, gpu_tuned_name(r->class.kernel), r->count,
                r->variants[r->winner]->name);
}

/* ---- models ------------------------------------------------------------------------------------------------------------- */

static accel_status tune_mode(tuning *c, tune_run *run, const char *name, zoo_mode mode, bool *writes,
                              accel_error *err) {
    zoo_options options = cli_zoo_options(c->line);
    zoo_input_options shapes;
    zoo_inputs inputs = {0};
    zoo_model m;
    options.mode = mode;
    if (!cli_input_options(c->line, &shapes))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "--dim cannot be read");
    ACCEL_TRY(zoo_load(name, &options, &m, err));
    *writes = m.generation.able;
    accel_status status = zoo_make_inputs(&m, &shapes, &inputs, err);
    if (status == ACCEL_OK)
        status = zoo_bind(&m, &inputs, err);
    if (status == ACCEL_OK)
        status = tune_model(run, &m, name, err);
    zoo_inputs_free(&inputs);
    zoo_model_free(&m);
    return status;
}

/* A model that writes is two more: reading the prompt, and a token. */
static accel_status tune_one(tuning *c, tune_run *run, const char *name, accel_error *err) {
    bool writes = false;
    ACCEL_TRY(tune_mode(c, run, name, ZOO_INFERENCE, &writes, err));
    if (writes)
        ACCEL_TRY(tune_mode(c, run, name, ZOO_PREFILL, &writes, err));
    if (writes)
        ACCEL_TRY(tune_mode(c, run, name, ZOO_DECODE, &writes, err));
    return ACCEL_OK;
}

static accel_status tune_models(tuning *c, tune_run *run, accel_error *err) {
    size_t named = c->line->positional_count - 1,
           count = named > 0 ? named : sizeof usual_models / sizeof *usual_models;
    for (size_t i = 0; i < count; i++) {
        const char *name = named > 0 ? c->line->positional[i + 1] : usual_models[i];
        accel_error why = {0};
        accel_status status = tune_one(c, run, name, &why);
        c->models += status == ACCEL_OK;
        if (status != ACCEL_OK && !line_flag(c->line, "quiet"))
            fprintf(stderr, "%s is left out: %s\n", name, why.message);
        if (status == ACCEL_CANCELLED || (status != ACCEL_OK && named > 0))
            return error_set(err, status, "%s: %s", name, why.message);
    }
    return ACCEL_OK;
}

/* ---- devices ------------------------------------------------------------------------------------------------------------- */

static void print_notes(const tuning *c, const tune_run *run) {
    str_buf text = {0};
    if (line_flag(c->line, "quiet"))
        return;
    str_appendf(&text, "%s\n", str_text(&run->adapter));
    tune_notes(run, &text);
    fputs(str_text(&text), stderr);
    str_free(&text);
}

static accel_status tune_device(tuning *c, const engine_def *engine, accel_error *err) {
    const measure_host host = cli_measure_host(c->line, &c->context);
    const tune_request request = {.engine = engine,
                                  .host = &host,
                                  .timeout_s = line_real(c->line, "timeout", 300.0),
                                  .device = c->device,
                                  .context = &c->context,
                                  .precision = c->precision,
                                  .seconds = line_real(c->line, "seconds", 1.0),
                                  .cancel = cli_interrupt_flag(),
                                  .watch = watch,
                                  .watch_context = c};
    tune_run run;
    accel_status status = tune_start(&request, &run, err);
    if (status == ACCEL_OK) {
        status = tune_models(c, &run, err);
        print_notes(c, &run);
    }
    if (!c->dry && run.tuning.length > 0) { /* of an interrupted one what was found until then */
        accel_error why = {0};
        accel_status stored =
            tuning_file_store(c->context.tuning_path, str_text(&run.adapter), str_text(&run.tuning), &why);
        if (status == ACCEL_OK && stored != ACCEL_OK)
            status = error_set(err, stored, "%s", why.message);
    }
    tune_end(&run);
    return status;
}

static bool is_meant(const tuning *c, const bench_request *request, const engine_device *d) {
    const char *id = line_text(c->line, "device", NULL);
    bool meant = id == NULL || str_equal(id, d->id);
    for (size_t i = 0; meant && i < request->platform_count; i++)
        if (request->platforms[i] == d->platform)
            return true;
    return false;
}

static accel_status tune_devices(tuning *c, const bench_request *request, const probe_list *probes,
                                 accel_error *err) {
    const char *reason = line_text(c->line, "device", NULL) != NULL
                             ? "none of its name was found; `accel detect --all` shows what --device can be"
                             : "nothing on this machine was found";
    size_t tuned = 0;
    for (size_t i = 0; i < probes->count; i++) {
        const probe_entry *e = &probes->entries[i];
        if (e->engine->tuner == NULL || e->kind == PROBE_NOT_ASKED)
            continue;
        reason = e->report.reason != NULL ? e->report.reason : reason;
        for (size_t k = 0; e->report.present && k < e->report.device_count; k++) {
            c->device = &e->report.devices[k];
            if (!is_meant(c, request, c->device))
                continue;
            reason = c->device->reason != NULL ? c->device->reason : reason;
            if (!c->device->available)
                continue;
            if ((c->device->precisions >> c->precision & 1) == 0)
                return error_set(err, ACCEL_UNSUPPORTED, "%s does not execute %s%s%s", c->device->name,
                                 precision_name(c->precision), c->device->lacks != NULL ? ": " : "",
                                 c->device->lacks != NULL ? c->device->lacks : "");
            ACCEL_TRY(tune_device(c, e->engine, err));
            tuned++;
        }
    }
    if (tuned == 0)
        return error_set(err, ACCEL_ABSENT, "there is no GPU to tune for: %s", reason);
    return c->models > 0 ? ACCEL_OK
                         : error_set(err, ACCEL_ABSENT,
                                     "none of the models that are tried by themselves could be "
                                     "loaded: name one");
}

/* ---- the command ----------------------------------------------------------------------------------------------------------- */

static const platform native[] = {PLATFORM_VULKAN, PLATFORM_MPS, PLATFORM_DX12}, page[] = {PLATFORM_WEBGPU};

static bool is_tuned(platform p) {
    return p == page[0] || p == native[0] || p == native[1] || p == native[2];
}

static accel_status read_request(const command_line *line, bench_request *r, accel_error *err) {
    size_t count;
    const char *const *names = line_list(line, "on", &count);
    platform *list = ARENA_ARRAY(line->arena, platform, count + 1);
    r->browsers = cli_browsers(line, &r->browser_count);
    r->platforms = r->browser_count > 0 ? page : native;
    r->platform_count = r->browser_count > 0 ? 1 : 3;
    if (!str_equal(line->positional[0], "webgpu"))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "`accel tune` tunes the engine webgpu (accel tune webgpu MODEL…), not '%s'",
                         line->positional[0]);
    ACCEL_TRY(cli_browsers_check(line, err));
    for (size_t i = 0; i < count && list != NULL; i++) {
        const char *at = strchr(names[i], '@');
        size_t length = at != NULL ? (size_t)(at - names[i]) : strlen(names[i]);
        const char *name = arena_strndup(line->arena, names[i], length);
        if (name == NULL || !platform_from_name(name, &list[i]) || !is_tuned(list[i]))
            return error_set(err, ACCEL_INVALID_ARGUMENT, "--on: '%s' is none of vulkan, mps, dx12, webgpu",
                             names[i]);
    }
    if (count > 0) {
        r->platforms = list;
        r->platform_count = count;
    }
    const char **engines = ARENA_ARRAY(line->arena, const char *, r->platform_count + 1);
    for (size_t i = 0; engines != NULL && i < r->platform_count; i++)
        engines[r->engine_count++] = r->platforms[i] == PLATFORM_WEBGPU ? "browser" : "webgpu";
    r->engines = engines;
    return engines != NULL && list != NULL ? ACCEL_OK
                                           : error_no_memory(err, "the request", count * sizeof *list);
}

static int run_tune(const command_line *line) {
    static const char *const shown[] = {"kernel",        "shape",       "variant", "time_ms",
                                        "against_usual", "relative_l2", "chosen",  "note"};
    accel_error err = {0};
    bench_request request = {0};
    probe_list *probes = NULL;
    tuning c = {.line = line, .context = cli_engine_context(line), .dry = line_flag(line, "dry-run")};
    accel_status status = read_request(line, &request, &err);
    const char *asked = line_text(line, "precision", precision_name(PRECISION_FP32));
    if (status == ACCEL_OK && (!precision_from_name(asked, &c.precision) ||
                               (c.precision != PRECISION_FP32 && c.precision != PRECISION_FP16)))
        status = error_set(&err, ACCEL_INVALID_ARGUMENT, "--precision: '%s' is neither fp32 nor fp16", asked);
    if (status != ACCEL_OK)
        return cli_fail(&err);
    cli_interrupt_catch();
    measure_host host = cli_measure_host(line, &c.context);
    c.table = table_create();
    if (c.table == NULL)
        return EXIT_CODE_FAILED;
    add_columns(c.table);
    status = probe_requested(&host, &request, cli_interrupt_flag(), &probes, &err);
    if (status == ACCEL_OK)
        status = tune_devices(&c, &request, probes, &err);
    table_hide_constant_columns(c.table, shown, sizeof shown / sizeof *shown);
    int code = table_row_count(c.table) > 0 ? cli_print_table(c.table, line) : EXIT_CODE_OK;
    table_destroy(c.table);
    probe_list_destroy(probes);
    return status == ACCEL_OK ? code : cli_fail(&err);
}

static const option_def tune_options[] = {
    {.name = "on",
     .kind = OPTION_LIST,
     .value_name = "PLATFORM,...",
     .help = "vulkan, mps, dx12, or webgpu: in browsers",
     .fallback = "this machine's own; webgpu with --browser"},
    {.name = "browser",
     .kind = OPTION_LIST,
     .value_name = "NAME,...",
     .help = "which browsers: chromium, firefox, webkit"},
    CLI_OPTION_DEVICE,
    {.name = "precision",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .value_name = "P",
     .help = "fp32 or fp16: each has a tuning of its own",
     .fallback = "fp32"},
    {.name = "seconds",
     .kind = OPTION_REAL,
     .value_name = "S",
     .help = "that the trials of one kernel and shape take",
     .fallback = "1",
     .low = 0.05,
     .high = 600},
    CLI_OPTION_PHASE_TIMEOUT,
    {.name = "dry-run", .kind = OPTION_FLAG, .help = "measure and show, but remember nothing"},
    CLI_OPTION_BATCH,
    CLI_OPTION_SEQ,
    CLI_OPTION_DIM,
    CLI_OPTION_SEED,
};
static const option_group tune_group = {"Tune", tune_options, sizeof tune_options / sizeof *tune_options};
static const option_group *const tune_groups[] = {&tune_group, &options_output, &options_runtime,
                                                  &options_general};
static const char *const tune_examples[] = {
    "accel tune webgpu",
    "try the variants of kernels that a few models need on this machine's GPU, and remember the fastest",
    "accel tune webgpu llama-tiny --on webgpu --browser chromium,firefox",
    "the same for one model in two browsers",
    NULL,
};

const command_def command_tune = {
    .name = "tune",
    .summary = "measure which variants of GPU kernels are fast here, and remember it",
    .positional = "webgpu [MODEL...]",
    .min_positional = 1,
    .max_positional = 1000,
    .examples = tune_examples,
    .groups = tune_groups,
    .group_count = 4,
    .run = run_tune,
    .notes =
        "Each kernel and shape that the models need runs under every variant, in turns, and its outputs are compared with the usual variant's. "
        "What was found is kept by adapter, driver and browser version (`accel cache` shows where); `accel bench` uses it from then on, and its "
        "records name the variants. --deterministic leaves it aside.",
};
