/* From the words of `accel bench` to a plan: the request, or a plan that was saved; what of it is done already. */
#include "cli/bench_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/context.h"
#include "cli/interrupt.h"
#include "store/store.h"

enum { PLAN_FILE_MAX_BYTES = 64 << 20 };

/* ---- the request ------------------------------------------------------------------------------------------------- */

static accel_status read_platforms(const command_line *line, bench_request *r, accel_error *err) {
    size_t count;
    const char *const *names = line_list(line, "on", &count);
    platform *list = ARENA_ARRAY(line->arena, platform, count + 1);
    if (list == NULL)
        return error_no_memory(err, "the request", 0);
    for (size_t i = 0; i < count; i++) {
        const char *at = strchr(names[i], '@'); /* wasm@phone */
        const char *name =
            at != NULL ? arena_printf(line->arena, "%.*s", (int)(at - names[i]), names[i]) : names[i];
        if (name == NULL)
            return error_no_memory(err, "the request", 0);
        if (str_equal(name, "all")) {
            r->all_platforms = true;
        } else if (platform_from_name(name, &list[r->platform_count])) {
            r->platform_count++;
        } else {
            const char *known[PLATFORM_COUNT + 1] = {"all"};
            for (int p = 0; p < PLATFORM_COUNT; p++)
                known[p + 1] = platform_name((platform)p);
            const char *near = str_nearest(names[i], known, PLATFORM_COUNT + 1);
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "--on: there is no platform '%s'%s%s; `accel detect` lists them", names[i],
                             near != NULL ? ", did you mean " : "", near != NULL ? near : "");
        }
    }
    r->platforms = list;
    return ACCEL_OK;
}

/* --browser without --on means what every browser has, --web-features the platform that has them. */
static accel_status read_browsers(const command_line *line, bench_request *r, accel_error *err) {
    static const platform wasm[] = {PLATFORM_WASM}, webgpu[] = {PLATFORM_WEBGPU};
    r->browsers = cli_browsers(line, &r->browser_count);
    ACCEL_TRY(cli_browsers_check(line, err));
    size_t features = 0;
    (void)line_list(line, "web-features", &features);
    if (r->browser_count + features > 0 && r->platform_count == 0 && !r->all_platforms) {
        r->platforms = features > 0 ? webgpu : wasm;
        r->platform_count = 1;
    }
    return ACCEL_OK;
}

static accel_status read_precisions(const command_line *line, bench_request *r, accel_error *err) {
    size_t count;
    const char *const *names = line_list(line, "precision", &count);
    precision *list = ARENA_ARRAY(line->arena, precision, count + 1);
    if (list == NULL)
        return error_no_memory(err, "the request", 0);
    for (size_t i = 0; i < count; i++) {
        if (!precision_from_name(names[i], &list[i])) {
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "--precision: '%s' is not one of fp32, fp16, bf16, int8, int4", names[i]);
        }
    }
    r->precisions = list;
    r->precision_count = count;
    return ACCEL_OK;
}

static accel_status read_modes(const command_line *line, bench_request *r, accel_error *err) {
    size_t count;
    const char *const *names = line_list(line, "mode", &count);
    zoo_mode *list = ARENA_ARRAY(line->arena, zoo_mode, count + 1);
    if (list == NULL)
        return error_no_memory(err, "the request", 0);
    for (size_t i = 0; i < count; i++)
        if (!zoo_mode_from_name(names[i], &list[i]))
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "--mode: '%s' is not one of inference, prefill, decode", names[i]);
    r->modes = list;
    r->mode_count = count;
    return ACCEL_OK;
}

static void read_settings(const command_line *line, bench_settings *s) {
    bench_settings_default(s);
    (void)scenario_from_name(line_text(line, "scenario", "single-stream"), &s->scenario);
    s->min_time_s = line_real(line, "min-time", s->min_time_s);
    s->max_time_s = line_real(line, "max-time", s->max_time_s);
    if (s->max_time_s < s->min_time_s)
        s->max_time_s = s->min_time_s;
    s->min_runs = line_integer(line, "min-runs", s->min_runs);
    s->repeat = line_integer(line, "repeat", s->repeat);
    s->timeout_s = line_real(line, "timeout", s->timeout_s);
    s->memory_limit_bytes = line_integer(line, "memory-limit", 0) * 1000000;
    s->seed = line_integer(line, "seed", s->seed);
    s->latency_bound_ms = line_real(line, "latency-bound", s->latency_bound_ms);
    s->interleave = !line_flag(line, "no-interleave");
    s->verify = !line_flag(line, "no-verify");
    s->cold = line_flag(line, "cold");
    s->allow_fallback = line_flag(line, "allow-fallback");
    s->deterministic = line_flag(line, "deterministic");
}

/* The names of the zoo whose files are here, or the small set of them. */
static accel_status take_all_models(const command_line *line, bench_request *r, accel_error *err) {
    zoo_options options = cli_zoo_options(line);
    const char **names = ARENA_ARRAY(line->arena, const char *, zoo_name_count() + 1);
    if (names == NULL)
        return error_no_memory(err, "the request", 0);
    r->model_count = 0;
    for (size_t i = 0; i < zoo_name_count(); i++) {
        const zoo_name *n = zoo_name_at(i);
        if ((n->small || !line_flag(line, "small")) && zoo_name_available(n, &options))
            names[r->model_count++] = n->name;
    }
    r->models = names;
    return ACCEL_OK;
}

static accel_status read_request(const command_line *line, bench_request *r, accel_error *err) {
    *r = (bench_request){.models = line->positional, .model_count = line->positional_count};
    if (line_flag(line, "all-models"))
        ACCEL_TRY(take_all_models(line, r, err));
    r->engines = line_list(line, "engine", &r->engine_count);
    r->batches = line_integers(line, "batch", &r->batch_count);
    r->sequences = line_integers(line, "seq", &r->sequence_count);
    r->threads = line_integers(line, "threads", &r->thread_count);
    read_settings(line, &r->settings);
    ACCEL_TRY(cli_dims(line, &r->dims, &r->dim_count, err));
    ACCEL_TRY(read_platforms(line, r, err));
    ACCEL_TRY(read_browsers(line, r, err));
    ACCEL_TRY(read_modes(line, r, err));
    return read_precisions(line, r, err);
}

static accel_status read_plan_file(const char *path, bench_plan **plan, accel_error *err) {
    char *text = NULL;
    size_t length = 0;
    ACCEL_TRY(file_read(path, PLAN_FILE_MAX_BYTES, &text, &length, err));
    accel_status status = plan_read_json(text, length, plan, err);
    mem_free(text);
    return status == ACCEL_OK ? status : error_prefix(err, status, "%s", path);
}

accel_status bench_plan_write(const char *path, const bench_plan *plan, accel_error *err) {
    str_buf text = {0};
    plan_write_json(plan, &text);
    accel_status status = text.failed ? error_no_memory(err, "the plan", text.length)
                                      : file_replace(path, text.data, text.length, err);
    str_free(&text);
    return status;
}

/* A plan from --plan FILE, or from the request and what the probes find. */
accel_status bench_plan_make(const command_line *line, const measure_host *host, bench_plan **plan,
                             accel_error *err) {
    const char *file = line_text(line, "plan", NULL);
    if (file != NULL) {
        if (line->positional_count > 0)
            return error_set(err, ACCEL_INVALID_ARGUMENT, "bench: give models or --plan FILE, not both");
        return read_plan_file(file, plan, err);
    }
    if (line_flag(line, "small") && !line_flag(line, "all-models"))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "bench: --small goes with --all-models");
    if (line_flag(line, "all-models") ? line->positional_count > 0 : line->positional_count == 0)
        return error_set(
            err, ACCEL_INVALID_ARGUMENT,
            "bench: needs MODEL..., or --all-models, or --plan FILE; `accel bench --help` shows examples");
    bench_request request;
    ACCEL_TRY(read_request(line, &request, err));
    probe_list *probes = NULL;
    ACCEL_TRY(probe_requested(host, &request, cli_interrupt_flag(), &probes, err));
    accel_status status = plan_make(&request, probes, plan, err);
    probe_list_destroy(probes);
    return status;
}

/* --resume: what runs since the last complete one already measured. */
accel_status bench_plan_skip_finished(const command_line *line, bench_plan *plan, accel_error *err) {
    if (line_flag(line, "no-db"))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "bench: --resume reads the database, --no-db has none");
    const char *path = store_default_path(line_text(line, "db", NULL));
    if (!file_exists(path))
        return ACCEL_OK;
    record *records;
    size_t count;
    ACCEL_TRY(store_records(
        path,
        "r.started_at > coalesce((SELECT max(started_at) FROM test_runs WHERE success), TIMESTAMP '1970-01-01')",
        0, line->arena, &records, &count, err));
    size_t skipped = plan_skip_finished(plan, records, count);
    fprintf(stderr, "resuming: %zu of %zu cases are done\n", skipped, plan->count);
    return ACCEL_OK;
}
