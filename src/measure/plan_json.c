/* A plan as a file (--plan), and which of its cases a set of records answers already (--resume). */
#include "measure/job.h"

enum { PLAN_VERSION = 1, MOST_PLAN_BYTES = 1 << 27 };

static void append_settings(str_buf *out, const bench_settings *s) {
    str_appendf(out, "{\"scenario\":\"%s\",\"min_time_s\":", scenario_name(s->scenario));
    json_append_real(out, s->min_time_s);
    str_append(out, ",\"max_time_s\":");
    json_append_real(out, s->max_time_s);
    str_append(out, ",\"timeout_s\":");
    json_append_real(out, s->timeout_s);
    str_append(out, ",\"latency_bound_ms\":");
    json_append_real(out, s->latency_bound_ms);
    str_append(out, ",\"reference_flops\":");
    json_append_real(out, s->reference_flops);
    str_appendf(out, ",\"min_runs\":%lld,\"repeat\":%lld,\"memory_limit_bytes\":%lld,\"seed\":%lld",
                (long long)s->min_runs, (long long)s->repeat, (long long)s->memory_limit_bytes,
                (long long)s->seed);
    const struct {
        const char *name;
        bool value;
    } flags[] = {{"interleave", s->interleave},
                 {"verify", s->verify},
                 {"cold", s->cold},
                 {"allow_fallback", s->allow_fallback},
                 {"deterministic", s->deterministic}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        str_appendf(out, ",\"%s\":%s", flags[i].name, flags[i].value ? "true" : "false");
    str_append_char(out, '}');
}

void plan_write_json(const bench_plan *p, str_buf *out) {
    str_appendf(out, "{\"accel_plan\":%d,\"settings\":", PLAN_VERSION);
    append_settings(out, &p->settings);
    str_append(out, ",\"cases\":[");
    for (size_t i = 0; i < p->count; i++) {
        str_append(out, i ? ",\n" : "\n");
        case_append_json(out, &p->cases[i]);
    }
    str_append(out, "\n]}\n");
}

static accel_status read_settings(yyjson_val *object, arena *a, bench_settings *s, accel_error *err) {
    bool ok = yyjson_is_obj(object);
    bench_settings_default(s);
    const char *scenario_text = json_get_text(object, "scenario", a, &ok);
    s->min_time_s = json_get_real(object, "min_time_s", s->min_time_s, &ok);
    s->max_time_s = json_get_real(object, "max_time_s", s->max_time_s, &ok);
    s->timeout_s = json_get_real(object, "timeout_s", s->timeout_s, &ok);
    s->latency_bound_ms = json_get_real(object, "latency_bound_ms", s->latency_bound_ms, &ok);
    s->reference_flops = json_get_real(object, "reference_flops", s->reference_flops, &ok);
    s->min_runs = json_get_int(object, "min_runs", s->min_runs, &ok);
    s->repeat = json_get_int(object, "repeat", s->repeat, &ok);
    s->memory_limit_bytes = json_get_int(object, "memory_limit_bytes", s->memory_limit_bytes, &ok);
    s->seed = json_get_int(object, "seed", s->seed, &ok);
    s->interleave = json_get_bool(object, "interleave", s->interleave, &ok);
    s->verify = json_get_bool(object, "verify", s->verify, &ok);
    s->cold = json_get_bool(object, "cold", s->cold, &ok);
    s->allow_fallback = json_get_bool(object, "allow_fallback", s->allow_fallback, &ok);
    s->deterministic = json_get_bool(object, "deterministic", s->deterministic, &ok);
    ok = ok && (!scenario_text || scenario_from_name(scenario_text, &s->scenario));
    ok = ok && s->min_time_s >= 0.0 && s->max_time_s > 0.0 && s->min_time_s <= s->max_time_s &&
         s->max_time_s < 1e6;
    ok = ok && s->timeout_s > 0.0 && s->timeout_s < 1e8 && s->latency_bound_ms > 0.0 && s->min_runs >= 1 &&
         s->repeat >= 1;
    return ok ? ACCEL_OK
              : error_set(err, ACCEL_BAD_FILE,
                          "plan: its settings are missing or have values that they cannot have");
}

static accel_status read_plan(yyjson_val *root, bench_plan *plan, accel_error *err) {
    yyjson_val *cases = yyjson_obj_get(root, "cases");
    size_t count = yyjson_arr_size(cases), i, n;
    yyjson_val *element;
    if (!yyjson_is_obj(root) || yyjson_get_int(yyjson_obj_get(root, "accel_plan")) != PLAN_VERSION ||
        !yyjson_is_arr(cases))
        return error_set(err, ACCEL_BAD_FILE, "plan: not a plan of version %d", PLAN_VERSION);
    if (count > PLAN_MAX_CASES)
        return error_set(err, ACCEL_LIMIT, "plan: more than %d cases", PLAN_MAX_CASES);
    ACCEL_TRY(read_settings(yyjson_obj_get(root, "settings"), plan->arena, &plan->settings, err));
    plan->cases = ARENA_ARRAY(plan->arena, bench_case, count);
    if (!plan->cases)
        return error_no_memory(err, "a plan", count * sizeof *plan->cases);
    yyjson_arr_foreach(cases, i, n, element) {
        accel_status status = case_from_json(element, plan->arena, &plan->cases[plan->count++], err);
        if (status != ACCEL_OK)
            return error_prefix(err, status, "plan, case %zu", i + 1);
    }
    return ACCEL_OK;
}

accel_status plan_read_json(const char *json, size_t length, bench_plan **out, accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(json, length, MOST_PLAN_BYTES, "plan", &doc, err));
    arena *a = arena_create();
    bench_plan *plan = a ? ARENA_NEW(a, bench_plan) : NULL;
    accel_status status = plan ? ACCEL_OK : error_no_memory(err, "a plan", sizeof *plan);
    if (plan) {
        plan->arena = a;
        status = read_plan(yyjson_doc_get_root(doc), plan, err);
    }
    yyjson_doc_free(doc);
    if (status == ACCEL_OK)
        *out = plan;
    else
        arena_destroy(a);
    return status;
}

/* ---- resume ----------------------------------------------------------------------------------------------------------------- */

static bool same_or_open(int64_t wanted, int64_t recorded) {
    return wanted == 0 || wanted == recorded;
}

static bool same_text(const char *a, const char *b) {
    return str_equal(a ? a : "", b ? b : "");
}

static bool answers(const bench_plan *p, const bench_case *c, const record *r) {
    char name[256];
    case_status status;
    if (!case_status_from_name(r->status, &status) || status == CASE_CANCELLED)
        return false;
    return c->dim_count == 0 && /* records do not tell single dims: such a case is run again */
           same_text(case_model_name(c->model, name, sizeof name), r->model_name) &&
           same_text(c->engine, r->engine_name) && same_text(platform_name(c->platform), r->platform) &&
           same_text(c->device.id, r->device_id) && same_text(zoo_mode_name(c->mode), r->mode) &&
           same_text(precision_name(c->precision), r->precision_asked) && same_or_open(c->batch, r->batch) &&
           same_or_open(c->sequence, r->sequence) && c->threads == r->threads && c->repeat == r->repeat &&
           same_text(scenario_name(p->settings.scenario), r->scenario) && p->settings.seed == r->seed;
}

size_t plan_skip_finished(bench_plan *p, const record *records, size_t count) {
    size_t done = 0;
    for (size_t i = 0; i < p->count; i++)
        for (size_t k = 0; k < count && !p->cases[i].done; k++)
            if (answers(p, &p->cases[i], &records[k])) {
                p->cases[i].done = true;
                done++;
            }
    return done;
}
