/* From a request and the probes to a list of cases. What was asked for and is not here is a case too, with the evidence. */
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/thread.h"
#include "base/json.h"
#include "measure/measure.h"

static const char *const scenario_names[SCENARIO_COUNT] = {
#define SCENARIO_NAME(symbol, name) [symbol] = name,
    SCENARIO_LIST(SCENARIO_NAME)
#undef SCENARIO_NAME
};

const char *scenario_name(scenario s) {
    return (unsigned)s < SCENARIO_COUNT ? scenario_names[s] : "unknown";
}

bool scenario_from_name(const char *name, scenario *out) {
    for (int i = 0; i < SCENARIO_COUNT; i++) {
        if (!str_equal(name, scenario_names[i]))
            continue;
        *out = (scenario)i;
        return true;
    }
    return false;
}

void bench_settings_default(bench_settings *out) {
    *out = (bench_settings){.scenario = SCENARIO_SINGLE_STREAM,
                            .min_time_s = 1.0,
                            .max_time_s = 10.0,
                            .min_runs = 10,
                            .repeat = 1,
                            .feature_pairs = 5,
                            .timeout_s = 300.0,
                            .latency_bound_ms = 100.0,
                            .reference_flops = 3e10,
                            .interleave = true,
                            .verify = true};
}

/* ---- targets: engine and device ----------------------------------------------------------------------------------------- */

typedef struct target {
    platform platform;
    const char *engine, *version;
    engine_device device;
    case_status preset;
    const char *reason;
    bool by_name;
} target;

typedef struct target_list {
    arena *arena;
    target *items;
    size_t count, capacity;
    const bench_request *request;
} target_list;

static accel_status add_target(target_list *list, target t, accel_error *err) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        target *items = ARENA_ARRAY(list->arena, target, capacity);
        if (!items)
            return error_no_memory(err, "a plan", capacity * sizeof *items);
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = t;
    return ACCEL_OK;
}

static bool engine_wanted(const bench_request *r, const char *name) {
    for (size_t i = 0; i < r->engine_count; i++)
        if (str_equal(r->engines[i], name))
            return true;
    return r->engine_count == 0;
}

bool bench_request_means(const bench_request *r, const engine_def *engine) {
    bool named = r->all_platforms;
    if (!engine_wanted(r, engine->name))
        return false;
    for (size_t i = 0; i < r->platform_count; i++)
        named = named || (engine->by_request >> r->platforms[i] & 1U);
    return engine->by_request == 0 || named || r->engine_count > 0;
}

static bool is_browser(const engine_device *d) {
    return d->platform == PLATFORM_WASM || d->platform == PLATFORM_WEBNN || d->platform == PLATFORM_WEBGPU;
}

/* Of browsers those that the request names; those of other machines only by name. */
static bool device_wanted(const bench_request *r, const engine_device *d) {
    for (size_t i = 0; i < r->browser_count; i++)
        if (str_equal(r->browsers[i], d->id))
            return true;
    return !is_browser(d) || (r->browser_count == 0 && !d->elsewhere);
}

/* The platform that an engine stands for when it is not here to say so itself. */
static platform platform_of_absent(const engine_def *engine) {
    platform p = PLATFORM_CPU;
    for (int i = 0; i < PLATFORM_COUNT; i++)
        if (engine->by_request >> i & 1U)
            return (platform)i;
    return platform_from_name(engine->name, &p) ? p : PLATFORM_CPU;
}

static target absent_target(platform p, const char *engine, const char *reason, bool by_name) {
    return (target){.platform = p,
                    .engine = engine,
                    .device = {.platform = p, .id = "", .name = ""},
                    .preset = CASE_ABSENT,
                    .reason = reason ? reason : "not here",
                    .by_name = by_name};
}

/* Devices of one engine on one platform (PLATFORM_COUNT: on any). Unavailable ones only where they are wanted. */
static accel_status add_devices(target_list *list, const probe_entry *e, platform p, bool with_absent,
                                bool by_name, size_t *available, accel_error *err) {
    for (size_t i = 0; i < e->report.device_count; i++) {
        const engine_device *d = &e->report.devices[i];
        if ((p != PLATFORM_COUNT && d->platform != p) || !device_wanted(list->request, d))
            continue;
        *available += d->available;
        if (!d->available && !with_absent && !(is_browser(d) && list->request->browser_count > 0))
            continue;
        target t = {.platform = d->platform,
                    .engine = e->engine->name,
                    .version = e->report.version,
                    .device = *d,
                    .preset = d->available ? CASE_OK
                              : d->crashed ? CASE_CRASHED
                                           : CASE_ABSENT,
                    .reason = d->available ? NULL
                              : d->reason  ? d->reason
                                           : "the engine says that it is not available",
                    .by_name = by_name};
        ACCEL_TRY(add_target(list, t, err));
    }
    return ACCEL_OK;
}

/* Every device of the engines wanted; with --on all or for an engine named, the absent ones too. */
static accel_status add_any_platform(target_list *list, const probe_list *probes, accel_error *err) {
    const bench_request *r = list->request;
    for (size_t i = 0; i < probes->count; i++) {
        const probe_entry *e = &probes->entries[i];
        bool named = r->engine_count > 0;
        size_t available = 0;
        if (!bench_request_means(r, e->engine))
            continue;
        ACCEL_TRY(add_devices(list, e, PLATFORM_COUNT, r->all_platforms, false, &available, err));
        if ((named && available == 0) || (r->all_platforms && !e->report.present))
            ACCEL_TRY(add_target(
                list,
                absent_target(platform_of_absent(e->engine), e->engine->name,
                              e->report.reason ? e->report.reason : "it has no available device here", named),
                err));
    }
    return ACCEL_OK;
}

/* Why nobody offers a platform: the unavailable devices' reasons, else the absent engines'. */
static accel_status add_absent_platform(target_list *list, const probe_list *probes, platform p,
                                        accel_error *err) {
    const bench_request *r = list->request;
    size_t before = list->count, available = 0;
    for (size_t i = 0; i < probes->count; i++)
        if (engine_wanted(r, probes->entries[i].engine->name))
            ACCEL_TRY(add_devices(list, &probes->entries[i], p, true, true, &available, err));
    if (list->count > before)
        return ACCEL_OK;
    str_buf reason = {0};
    str_appendf(&reason, "no engine here offers platform %s", platform_name(p));
    for (size_t i = 0; i < probes->count; i++)
        if (engine_wanted(r, probes->entries[i].engine->name) && !probes->entries[i].report.present &&
            probes->entries[i].kind != PROBE_NOT_ASKED)
            str_appendf(&reason, "; %s: %s", probes->entries[i].engine->name,
                        probes->entries[i].report.reason ? probes->entries[i].report.reason : "not here");
    const char *copy = reason.failed ? NULL : arena_strdup(list->arena, str_text(&reason));
    str_free(&reason);
    if (!copy)
        return error_no_memory(err, "a plan", 1);
    return add_target(list, absent_target(p, r->engine_count == 1 ? r->engines[0] : "", copy, true), err);
}

static accel_status add_platform(target_list *list, const probe_list *probes, platform p, accel_error *err) {
    size_t available = 0, before = list->count;
    for (size_t i = 0; i < probes->count; i++) {
        const probe_entry *e = &probes->entries[i];
        size_t of_engine = 0;
        if (!engine_wanted(list->request, e->engine->name))
            continue;
        ACCEL_TRY(add_devices(list, e, p, false, true, &of_engine, err));
        available += of_engine;
        if (of_engine == 0 && !e->report.present && list->request->engine_count > 1)
            ACCEL_TRY(add_target(list, absent_target(p, e->engine->name, e->report.reason, true), err));
    }
    return available > 0 || list->count > before ? ACCEL_OK : add_absent_platform(list, probes, p, err);
}

static accel_status check_engines(const bench_request *r, const probe_list *probes, accel_error *err) {
    for (size_t i = 0; i < r->engine_count; i++) {
        const char *names[64];
        size_t count = 0;
        bool known = false;
        for (size_t e = 0; e < probes->count; e++) {
            known = known || str_equal(probes->entries[e].engine->name, r->engines[i]);
            if (count < sizeof names / sizeof *names)
                names[count++] = probes->entries[e].engine->name;
        }
        const char *nearest = str_nearest(r->engines[i], names, count);
        if (!known)
            return error_set(err, ACCEL_INVALID_ARGUMENT, "no engine is called '%s'%s%s%s", r->engines[i],
                             nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    }
    return ACCEL_OK;
}

static accel_status find_targets(target_list *list, const probe_list *probes, accel_error *err) {
    const bench_request *r = list->request;
    ACCEL_TRY(check_engines(r, probes, err));
    if (r->all_platforms || r->platform_count == 0)
        ACCEL_TRY(add_any_platform(list, probes, err));
    for (size_t i = 0; !r->all_platforms && i < r->platform_count; i++)
        ACCEL_TRY(add_platform(list, probes, r->platforms[i], err));
    if (list->count == 0)
        return error_set(err, ACCEL_ABSENT, "no engine found a device here; `accel detect` says why");
    return ACCEL_OK;
}

/* ---- the cross product --------------------------------------------------------------------------------------------------- */

static accel_status check_numbers(const int64_t *values, size_t count, int64_t least, const char *what,
                                  accel_error *err) {
    enum { MOST = 1 << 24 };
    for (size_t i = 0; i < count; i++)
        if (values[i] < least || values[i] > MOST)
            return error_set(err, ACCEL_INVALID_ARGUMENT, "%s must be from %lld to %d, not %lld", what,
                             (long long)least, MOST, (long long)values[i]);
    return ACCEL_OK;
}

static accel_status check_request(const bench_request *r, accel_error *err) {
    const bench_settings *s = &r->settings;
    if (r->model_count == 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "no model given; `accel models` lists those that have a name");
    ACCEL_TRY(check_numbers(r->batches, r->batch_count, 1, "a batch", err));
    ACCEL_TRY(check_numbers(r->sequences, r->sequence_count, 0, "a sequence length", err));
    ACCEL_TRY(check_numbers(r->threads, r->thread_count, 1, "a number of threads", err));
    ACCEL_TRY(check_numbers(&s->min_runs, 1, 1, "the least number of runs", err));
    ACCEL_TRY(check_numbers(&s->repeat, 1, 1, "the number of repetitions", err));
    if (!(s->min_time_s >= 0.0) || !(s->max_time_s > 0.0) || s->min_time_s > s->max_time_s)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "--min-time must not be above --max-time, and --max-time must be above 0");
    if (!(s->timeout_s > 0.0) || !(s->latency_bound_ms > 0.0))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "--timeout and --latency-bound must be above 0");
    return ACCEL_OK;
}

static accel_status set_precision(bench_case *c, arena *a, accel_error *err) {
    if (c->preset != CASE_OK || c->device.precisions == 0 || (c->device.precisions >> c->precision) & 1u)
        return ACCEL_OK;
    c->preset = CASE_UNSUPPORTED;
    c->reason = arena_printf(a, "%s on %s does not execute %s%s%s", c->engine,
                             c->device.name ? c->device.name : "this device", precision_name(c->precision),
                             c->device.lacks ? ": " : "", c->device.lacks ? c->device.lacks : "");
    return c->reason ? ACCEL_OK : error_no_memory(err, "a plan", 1);
}

static const target *target_at(const target_list *targets, size_t i) {
    return &targets->items[i];
}

/* One comparison: the same work for every target, so that they stand together. */
static accel_status add_comparison(bench_plan *plan, const bench_case *work, const target_list *targets,
                                   accel_error *err) {
    for (size_t i = 0; i < targets->count; i++) {
        const target *t = target_at(targets, i);
        bench_case *c = &plan->cases[plan->count++];
        *c = *work;
        c->platform = t->platform;
        c->engine = t->engine;
        c->engine_version = t->version;
        c->device = t->device;
        c->preset = t->preset;
        c->reason = t->reason;
        c->asked_by_name = t->by_name;
        ACCEL_TRY(set_precision(c, plan->arena, err));
    }
    return ACCEL_OK;
}

typedef struct axes {
    int64_t no_batch, no_sequence, all_threads;
    precision fp32;
    zoo_mode inference;
    const int64_t *batches, *sequences, *threads;
    const precision *precisions;
    const zoo_mode *modes;
    size_t batch_count, sequence_count, thread_count, precision_count, mode_count, repeat_count, model_count;
} axes;

static void take_axes(const bench_request *r, axes *x) {
    *x = (axes){.all_threads = thread_cpu_count(), .fp32 = PRECISION_FP32};
    x->batches = r->batch_count ? r->batches : &x->no_batch;
    x->sequences = r->sequence_count ? r->sequences : &x->no_sequence;
    x->threads = r->thread_count ? r->threads : &x->all_threads;
    x->precisions = r->precision_count ? r->precisions : &x->fp32;
    x->modes = r->mode_count ? r->modes : &x->inference;
    x->mode_count = r->mode_count ? r->mode_count : 1;
    x->batch_count = r->batch_count ? r->batch_count : 1;
    x->sequence_count = r->sequence_count ? r->sequence_count : 1;
    x->thread_count = r->thread_count ? r->thread_count : 1;
    x->precision_count = r->precision_count ? r->precision_count : 1;
    x->repeat_count = (size_t)r->settings.repeat;
    x->model_count = r->model_count;
}

static bool count_cases(const axes *x, size_t targets, size_t *out) {
    size_t n = targets;
    const size_t factors[] = {x->model_count,     x->batch_count, x->sequence_count, x->thread_count,
                              x->precision_count, x->mode_count,  x->repeat_count};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (!checked_mul(n, factors[i], &n) || n > PLAN_MAX_CASES)
            return false;
    *out = n;
    return true;
}

static const char *keep(arena *a, const char *text, bool *ok) {
    const char *copy = arena_strdup(a, text);
    *ok = *ok && (copy || !text);
    return copy;
}

static accel_status copy_dims(bench_plan *plan, const bench_request *r, bench_case *c, accel_error *err) {
    zoo_dim *dims = ARENA_ARRAY(plan->arena, zoo_dim, r->dim_count);
    bool ok = dims != NULL;
    for (size_t i = 0; ok && i < r->dim_count; i++)
        dims[i] = (zoo_dim){keep(plan->arena, r->dims[i].name, &ok), r->dims[i].value};
    c->dims = dims;
    c->dim_count = r->dim_count;
    return ok ? ACCEL_OK : error_no_memory(err, "a plan", r->dim_count * sizeof *dims);
}

static accel_status fill(bench_plan *plan, const bench_request *r, const axes *x, const target_list *targets,
                         accel_error *err) {
    size_t works = x->model_count * x->batch_count * x->sequence_count * x->precision_count *
                   x->thread_count * x->mode_count * x->repeat_count;
    bench_case common = {0};
    ACCEL_TRY(copy_dims(plan, r, &common, err));
    for (size_t w = 0; w < works; w++) {
        size_t rest = w;
        bench_case c = common;
        c.repeat = (int64_t)(rest % x->repeat_count), rest /= x->repeat_count;
        c.threads = x->threads[rest % x->thread_count], rest /= x->thread_count;
        c.precision = x->precisions[rest % x->precision_count], rest /= x->precision_count;
        c.sequence = x->sequences[rest % x->sequence_count], rest /= x->sequence_count;
        c.mode = x->modes[rest % x->mode_count], rest /= x->mode_count;
        c.batch = x->batches[rest % x->batch_count], rest /= x->batch_count;
        c.model = arena_strdup(plan->arena, r->models[rest]);
        if (!c.model)
            return error_no_memory(err, "a plan", 1);
        ACCEL_TRY(add_comparison(plan, &c, targets, err));
    }
    return ACCEL_OK;
}

/* A plan outlives the probes that it was made from. */
static accel_status keep_texts(target_list *targets, accel_error *err) {
    bool ok = true;
    arena *a = targets->arena;
    for (size_t i = 0; i < targets->count; i++) {
        target *t = &targets->items[i];
        t->engine = keep(a, t->engine, &ok);
        t->version = keep(a, t->version, &ok);
        t->reason = keep(a, t->reason, &ok);
        t->device.id = keep(a, t->device.id, &ok);
        t->device.name = keep(a, t->device.name, &ok);
        t->device.driver = keep(a, t->device.driver, &ok);
        t->device.reason = keep(a, t->device.reason, &ok);
        t->device.note = keep(a, t->device.note, &ok);
    }
    return ok ? ACCEL_OK : error_no_memory(err, "a plan", 1);
}

static accel_status make(bench_plan *plan, const bench_request *r, const probe_list *probes,
                         accel_error *err) {
    target_list targets = {.arena = plan->arena, .request = r};
    axes x;
    size_t count = 0;
    ACCEL_TRY(check_request(r, err));
    ACCEL_TRY(find_targets(&targets, probes, err));
    ACCEL_TRY(keep_texts(&targets, err));
    take_axes(r, &x);
    if (!count_cases(&x, targets.count, &count))
        return error_set(err, ACCEL_LIMIT, "more than %d cases; ask for fewer combinations at once",
                         PLAN_MAX_CASES);
    plan->cases = ARENA_ARRAY(plan->arena, bench_case, count);
    if (!plan->cases)
        return error_no_memory(err, "a plan", count * sizeof *plan->cases);
    return fill(plan, r, &x, &targets, err);
}

accel_status plan_make(const bench_request *request, const probe_list *probes, bench_plan **out,
                       accel_error *err) {
    arena *a = arena_create();
    bench_plan *plan = a ? ARENA_NEW(a, bench_plan) : NULL;
    if (!plan) {
        arena_destroy(a);
        return error_no_memory(err, "a plan", sizeof *plan);
    }
    plan->arena = a;
    plan->settings = request->settings;
    accel_status status = make(plan, request, probes, err);
    if (status == ACCEL_OK)
        *out = plan;
    else
        plan_destroy(plan);
    return status;
}

void plan_destroy(bench_plan *p) {
    if (p)
        arena_destroy(p->arena);
}

/* ---- names ---------------------------------------------------------------------------------------------------------------- */

const char *case_model_name(const char *reference, char *buffer, size_t size) {
    bool is_file = str_ends_with(reference, ".onnx"), is_folder = !is_file && file_is_folder(reference);
    const char *name = is_file || is_folder ? file_base_name(reference) : reference;
    size_t length = strlen(name);
    if (is_folder && length == 0) /* "folder/" */
        name = reference, length = strlen(name);
    while (is_folder && length > 1 && name[length - 1] == '/')
        length--;
    if (is_folder)
        for (size_t i = length; i > 0; i--)
            if (name[i - 1] == '/') {
                name += i;
                length -= i;
                break;
            }
    if (is_file)
        length -= strlen(".onnx");
    str_format(buffer, size, "%.*s", (int)length, name);
    return buffer;
}

const char *case_label(const bench_case *c, char *buffer, size_t size) {
    char model[128], batch[32] = "", sequence[32] = "", device[64] = "", mode[24] = "";
    case_model_name(c->model, model, sizeof model);
    if (c->batch > 0)
        str_format(batch, sizeof batch, " · batch %lld", (long long)c->batch);
    if (c->sequence > 0)
        str_format(sequence, sizeof sequence, " · seq %lld", (long long)c->sequence);
    if (c->mode != ZOO_INFERENCE)
        str_format(mode, sizeof mode, " · %s", zoo_mode_name(c->mode));
    if (c->device.id && *c->device.id && !str_equal(c->device.id, platform_name(c->platform)))
        str_format(device, sizeof device, " %s", c->device.id);
    str_format(buffer, size, "%s%s · %s%s%s%s%s%s · %lld thread%s · %s", model, mode, c->engine,
               *c->engine ? " " : "", platform_name(c->platform), device, batch, sequence,
               (long long)c->threads, c->threads == 1 ? "" : "s", precision_name(c->precision));
    return buffer;
}
