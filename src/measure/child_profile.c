/* The profile of a case, inside its child: a session that profiles, run several times. */
#include "base/clock.h"
#include "base/mem.h"
#include "measure/child.h"
#include "measure/stats.h"

enum { MOST_RUNS = 30, LEAST_RUNS = 3, LEAD_IN_RUNS = 2 };
static const uint64_t longest_ns = 1000000000;

typedef struct profiling {
    const engine_def *engine;
    engine_session *session;
    arena *a, *scratch;       /* of the first rows, and of those of a later run */
    engine_profile_row *rows; /* of the first run */
    size_t row_count;
    double *row_ns; /* row r of run i: row_ns[r * MOST_RUNS + i] */
    double run_ns[MOST_RUNS];
    size_t runs;
} profiling;

static accel_status begin_rows(profiling *p, accel_error *err) {
    ACCEL_TRY(p->engine->profile(p->session, p->a, &p->rows, &p->row_count, err));
    p->row_ns = ARENA_ARRAY(p->a, double, p->row_count *MOST_RUNS);
    return p->row_ns ? ACCEL_OK : error_no_memory(err, "a profile", p->row_count * MOST_RUNS);
}

/* Adds the times of the run just made. A run with other rows than the first (a branch went the other way) is not added. */
static accel_status add_rows(profiling *p, bool *like, accel_error *err) {
    engine_profile_row *rows = NULL;
    size_t count = 0;
    if (p->runs == 0)
        ACCEL_TRY(begin_rows(p, err));
    arena_reset(p->scratch);
    ACCEL_TRY(p->engine->profile(p->session, p->scratch, &rows, &count, err));
    *like = count == p->row_count;
    for (size_t r = 0; *like && r < count; r++)
        p->row_ns[r * MOST_RUNS + p->runs] = (double)rows[r].time_ns;
    return ACCEL_OK;
}

static accel_status run_once(profiling *p, double *ns, accel_error *err) {
    uint64_t begin = clock_now_ns();
    ACCEL_TRY(p->engine->run(p->session, err));
    *ns = (double)(clock_now_ns() - begin);
    return ACCEL_OK;
}

static accel_status run_often(profiling *p, accel_error *err) {
    double ns = 0.0;
    for (int i = 0; i < LEAD_IN_RUNS; i++)
        ACCEL_TRY(run_once(p, &ns, err));
    uint64_t begin = clock_now_ns();
    for (int i = 0; i < MOST_RUNS && (i < LEAST_RUNS || clock_now_ns() - begin < longest_ns); i++) {
        bool like = true;
        ACCEL_TRY(run_once(p, &ns, err));
        if (!p->engine->profile_ends)
            ACCEL_TRY(add_rows(p, &like, err));
        if (like)
            p->run_ns[p->runs++] = ns;
    }
    return p->engine->profile_ends ? p->engine->profile(p->session, p->a, &p->rows, &p->row_count, err)
                                   : ACCEL_OK;
}

static double median(double *values, size_t count) {
    stats_sort(values, count);
    return count ? 0.5 * (values[(count - 1) / 2] + values[count / 2]) : 0.0;
}

static void append_row(str_buf *out, const engine_profile_row *row, uint64_t time_ns) {
    str_append(out, "{\"node\":");
    json_append_text(out, row->node);
    str_append(out, ",\"op_type\":");
    json_append_text(out, row->op_type);
    str_append(out, ",\"fused\":");
    json_append_text(out, row->fused);
    str_append(out, ",\"kernel\":");
    json_append_text(out, row->kernel);
    str_appendf(out, ",\"time_ns\":%llu,\"flops\":", (unsigned long long)time_ns);
    json_append_real(out, row->flops);
    str_append(out, ",\"bytes\":");
    json_append_real(out, row->bytes);
    str_append_char(out, '}');
}

static void append_profile(str_buf *out, profiling *p) {
    engine_ran ran = {0};
    p->engine->ran(p->session, &ran);
    str_appendf(out, "{\"runs\":%zu,\"run_ns\":%.0f,\"threads\":%d,\"rows\":[", p->runs,
                median(p->run_ns, p->runs), ran.threads);
    for (size_t r = 0; r < p->row_count; r++) {
        uint64_t time_ns = p->engine->profile_ends ? p->rows[r].time_ns
                                                   : (uint64_t)median(&p->row_ns[r * MOST_RUNS], p->runs);
        str_append(out, r ? "," : "");
        append_row(out, &p->rows[r], time_ns);
    }
    str_append(out, "]}");
}

static accel_status make_profile(const child *c, const child_model *m, profiling *p, str_buf *out,
                                 accel_error *err) {
    if (!p->engine->profile)
        return error_set(err, ACCEL_UNSUPPORTED, "%s does not tell the times of its nodes", p->engine->name);
    p->a = arena_create();
    p->scratch = arena_create();
    if (!p->a || !p->scratch)
        return error_no_memory(err, "a profile", 1);
    ACCEL_TRY(child_load_session(c, m, p->engine, true, &p->session, err));
    child_phase("profiling");
    ACCEL_TRY(run_often(p, err));
    append_profile(out, p);
    return out->failed ? error_no_memory(err, "a profile", out->length) : ACCEL_OK;
}

accel_status child_profile(const child *c, const child_model *m, const engine_def *engine, accel_error *err) {
    profiling p = {.engine = engine};
    str_buf out = {0}, why_not = {0};
    accel_error failure = {0};
    accel_status status = make_profile(c, m, &p, &out, &failure);
    if (status == ACCEL_OK)
        status = wire_write(WIRE_SOCKET, WIRE_PROFILED, out.data, out.length, &failure);
    if (status != ACCEL_OK) { /* too long to be sent is a reason, too */
        str_append(&why_not, "{\"why_not\":");
        json_append_text(&why_not, failure.message);
        str_append_char(&why_not, '}');
        status = wire_write_text(WIRE_SOCKET, WIRE_PROFILED, str_text(&why_not), err);
    }
    if (p.session)
        engine->unload(p.session);
    arena_destroy(p.a);
    arena_destroy(p.scratch);
    str_free(&out);
    str_free(&why_not);
    return status;
}
