#include "measure/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/run.h"

/* ---- rates ------------------------------------------------------------------------------------------------------------ */

/* The 8-bit peak is theirs, whatever the rest of the model computes in. */
static bool is_integer_operator(const char *op_type) {
    return strstr(op_type, "Integer") || str_starts_with(op_type, "QLinear") ||
           str_starts_with(op_type, "QGemm");
}

void profile_rate_of(const case_profile *p, const char *op_type, double time_ns, double flops, double bytes,
                     profile_rate *out) {
    const bool integers = is_integer_operator(op_type);
    const double unknown = (double)NAN;
    out->gflops = flops > 0.0 && time_ns > 0.0 ? flops / time_ns : unknown;
    out->gb_per_s = bytes > 0.0 && time_ns > 0.0 ? bytes / time_ns : unknown;
    out->of_peak = out->gflops / (integers ? p->roof8.peak_gflops : p->roof.peak_gflops);
    out->of_bandwidth = out->gb_per_s / p->roof.bandwidth_gb_per_s;
}

profile_kind profile_kind_of(const engine_profile_row *row) {
    double time_ns = (double)row->time_ns;
    return (profile_kind){.op_type = row->op_type,
                          .rows = 1,
                          .time_ns = time_ns,
                          .costed_ns = row->bytes > 0.0 ? time_ns : 0.0,
                          .flops = row->flops,
                          .bytes = row->bytes};
}

static int by_time(const void *a, const void *b) {
    const profile_kind *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? 1 : -1;
    return strcmp(x->op_type, y->op_type);
}

accel_status profile_kinds(const case_profile *p, arena *a, profile_kind **out, size_t *count,
                           accel_error *err) {
    *count = 0;
    profile_kind *kinds = *out = ARENA_ARRAY(a, profile_kind, p->row_count);
    if (!kinds)
        return error_no_memory(err, "a profile", p->row_count * sizeof *kinds);
    for (size_t r = 0; r < p->row_count; r++) {
        const engine_profile_row *row = &p->rows[r];
        size_t k = 0;
        while (k < *count && !str_equal(kinds[k].op_type, row->op_type))
            k++;
        if (k == *count)
            kinds[(*count)++].op_type = row->op_type;
        profile_kind alone = profile_kind_of(row);
        kinds[k].rows++;
        kinds[k].time_ns += alone.time_ns;
        kinds[k].costed_ns += alone.costed_ns;
        kinds[k].flops += alone.flops;
        kinds[k].bytes += alone.bytes;
    }
    qsort(kinds, *count, sizeof *kinds, by_time);
    return ACCEL_OK;
}

double profile_steps_ms(const case_profile *p) {
    double ns = 0.0;
    for (size_t r = 0; r < p->row_count; r++)
        ns += (double)p->rows[r].time_ns;
    return ns * 1e-6;
}

double profile_share(const case_profile *p, double time_ns) {
    double steps_ms = profile_steps_ms(p);
    return steps_ms > 0.0 ? time_ns * 1e-6 / steps_ms : (double)NAN;
}

static bool copy_text(arena *a, const char **text) {
    return !*text || (*text = arena_strdup(a, *text));
}

accel_status case_profile_copy(const case_profile *p, arena *a, case_profile *out, accel_error *err) {
    *out = *p;
    out->rows = arena_copy(a, p->rows, p->row_count * sizeof *p->rows);
    bool ok = (out->rows || p->row_count == 0) && copy_text(a, &out->why_not);
    for (size_t r = 0; ok && r < p->row_count; r++) {
        engine_profile_row *row = &out->rows[r];
        ok = copy_text(a, &row->node) && copy_text(a, &row->op_type) && copy_text(a, &row->fused) &&
             copy_text(a, &row->kernel);
    }
    return ok ? ACCEL_OK : error_no_memory(err, "a profile", p->row_count * sizeof *p->rows);
}

/* ---- what the child tells: nothing of it is believed unseen ------------------------------------------------------------- */

static bool read_row(yyjson_val *object, arena *a, engine_profile_row *out) {
    bool ok = yyjson_is_obj(object);
    out->node = json_get_text(object, "node", a, &ok);
    out->op_type = json_get_text(object, "op_type", a, &ok);
    out->fused = json_get_text(object, "fused", a, &ok);
    out->kernel = json_get_text(object, "kernel", a, &ok);
    int64_t time_ns = json_get_int(object, "time_ns", -1, &ok);
    out->flops = json_get_real(object, "flops", 0.0, &ok);
    out->bytes = json_get_real(object, "bytes", 0.0, &ok);
    out->time_ns = time_ns > 0 ? (uint64_t)time_ns : 0;
    return ok && out->node && out->op_type && out->kernel && time_ns >= 0 && isfinite(out->flops) &&
           out->flops >= 0.0 && isfinite(out->bytes) && out->bytes >= 0.0;
}

static bool read_profile(yyjson_val *root, arena *a, case_profile *out) {
    yyjson_val *rows = yyjson_obj_get(root, "rows"), *row;
    size_t count = yyjson_arr_size(rows), i, n;
    bool ok = yyjson_is_obj(root);
    out->why_not = json_get_text(root, "why_not", a, &ok);
    if (out->why_not)
        return ok;
    out->runs = json_get_int(root, "runs", 0, &ok);
    out->run_ms = json_get_real(root, "run_ns", -1.0, &ok) * 1e-6;
    int64_t threads = json_get_int(root, "threads", 0, &ok);
    out->threads = threads > 0 && threads <= 1 << 16 ? (int)threads : 0;
    out->rows = ARENA_ARRAY(a, engine_profile_row, count);
    if (!ok || !yyjson_is_arr(rows) || !out->rows || out->runs < 1 || !(out->run_ms >= 0.0))
        return false;
    yyjson_arr_foreach(rows, i, n, row) if (!read_row(row, a, &out->rows[out->row_count++])) return false;
    return true;
}

static void parse_profile(const process_message *m, arena *a, case_profile *out) {
    yyjson_doc *doc = NULL;
    if (m->kind != WIRE_PROFILED)
        out->why_not = "the child answered out of turn";
    else if (json_parse(m->body.data, m->body.length, WIRE_MOST_BYTES, "a profile", &doc, NULL) != ACCEL_OK ||
             !read_profile(yyjson_doc_get_root(doc), a, out))
        out->why_not = "the child's profile cannot be read";
    yyjson_doc_free(doc);
}

void profile_take(runner *run, case_run *k) {
    accel_error err = {0};
    process_message m = {0};
    case_profile *p = ARENA_NEW(k->arena, case_profile);
    if (!p)
        return;
    k->profile = p;
    p->roof.peak_gflops = p->roof.bandwidth_gb_per_s = p->roof8.peak_gflops = (double)NAN;
    runner_progress(run, k->c, "profiling");
    (void)process_send(&k->p, WIRE_PROFILE, NULL, 0,
                       NULL); /* a child that is gone shows itself in the next line */
    case_status status = process_receive(&k->p, run->settings->timeout_s, run->cancel, NULL, NULL, &m, &err);
    if (status == CASE_OK)
        parse_profile(&m, k->arena, p);
    else
        p->why_not = arena_strdup(k->arena, err.message);
    if (p->why_not)
        p->row_count = 0;
    process_message_free(&m);
}

/* ---- handing it out ------------------------------------------------------------------------------------------------------ */

static bool on_cpu(const bench_case *c) {
    return c->platform == PLATFORM_CPU ||
           str_equal(c->device.id, "CPU"); /* OpenVINO's is of platform openvino */
}

static bool has_integer_operators(const case_profile *p) {
    for (size_t r = 0; r < p->row_count; r++)
        if (is_integer_operator(p->rows[r].op_type))
            return true;
    return false;
}

static void measure_roof(runner *run, const case_run *k, case_profile *p) {
    precision ran = k->c->precision;
    int threads = p->threads > 0 ? p->threads : (int)k->c->threads;
    if (k->r.precision_ran)
        (void)precision_from_name(k->r.precision_ran, &ran);
    runner_progress(run, k->c, "measuring the machine's roofline");
    (void)roofline_measure(threads, ran, &p->roof, NULL); /* what fails stays unknown, and is shown so */
    if (has_integer_operators(p))
        (void)roofline_measure(threads, PRECISION_INT8, &p->roof8, NULL);
}

accel_status profile_deliver(runner *run, case_run *k, accel_error *err) {
    const plan_callbacks *callbacks = run->callbacks;
    if (!k->profile || k->status != CASE_OK || !callbacks || !callbacks->on_profile)
        return ACCEL_OK;
    if (!k->profile->why_not && on_cpu(k->c))
        measure_roof(run, k, k->profile);
    return callbacks->on_profile(callbacks->context, k->c, &k->r, k->profile, err);
}
