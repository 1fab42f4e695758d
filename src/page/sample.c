/* Timed runs, by the clock that the page has, which browsers make coarse. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/sampler.h"
#include "page/page.h"
#include "page/state.h"

enum {
    MOST_SAMPLES = 65536,
    CLOCK_STEPS_LOOKED_AT = 5,
    CLOCK_STEPS_A_SAMPLE = 10 /* so that a step is at most a tenth of what it measures */
};

extern const engine_def engine_native;

/* Runs that make a sample, as an engine that runs them as one. */
static size_t runs_per_sample;

static accel_status run_several(engine_session *s, accel_error *err) {
    for (size_t i = 0; i < runs_per_sample; i++) {
        ACCEL_TRY(engine_native.run(s, err));
    }
    return ACCEL_OK;
}

static const engine_def several = {.name = "native", .run = run_several};

/* The smallest of a few steps that the clock makes, at least 1. */
static uint64_t clock_step_ns(void) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < CLOCK_STEPS_LOOKED_AT; i++) {
        const uint64_t before = clock_now_ns();
        uint64_t now = before;
        while (now == before) {
            now = clock_now_ns();
        }
        least = now - before < least ? now - before : least;
    }
    return least;
}

typedef struct series {
    sampler sampler;
    size_t count, lead_in_runs;
    uint64_t elapsed_ns, step_ns;
} series;

static accel_status take_series(series *s, double lead_in_ms, double duration_ms, size_t least, size_t most,
                                accel_error *err) {
    uint64_t last_ns = 0;
    s->step_ns = clock_step_ns();
    runs_per_sample = 1;
    const uint64_t start = clock_now_ns();
    ACCEL_TRY(sampler_lead_in(&s->sampler, (uint64_t)(lead_in_ms * 1e6), &s->lead_in_runs, &last_ns, err));
    if (s->lead_in_runs == 0) { /* how long a run is must be known */
        ACCEL_TRY(run_several(s->sampler.session, err));
        s->lead_in_runs = 1;
    }
    const uint64_t run_ns = (clock_now_ns() - start) / s->lead_in_runs + 1;
    runs_per_sample = (size_t)(s->step_ns * CLOCK_STEPS_A_SAMPLE / run_ns + 1);
    return sampler_block(&s->sampler, (uint64_t)(duration_ms * 1e6), least, most, &s->count, &s->elapsed_ns,
                         err);
}

static void append_series(str_buf *out, const series *s) {
    str_append(out, "{\"samples_ms\":[");
    for (size_t i = 0; i < s->count; i++) {
        str_append(out, i > 0 ? "," : "");
        json_append_real(out, (double)s->sampler.samples_ns[i] * 1e-6 / (double)runs_per_sample);
    }
    str_append(out, "],\"elapsed_ms\":");
    json_append_real(out, (double)s->elapsed_ns * 1e-6);
    str_appendf(out, ",\"lead_in_runs\":%llu,\"runs_per_sample\":%llu,\"clock_resolution_ms\":",
                (unsigned long long)s->lead_in_runs, (unsigned long long)runs_per_sample);
    json_append_real(out, (double)s->step_ns * 1e-6);
    str_append_char(out, '}');
}

static accel_status sample(str_buf *out, double lead_in_ms, double duration_ms, size_t least, size_t most,
                           accel_error *err) {
    const double longest_ms = 24 * 3600 * 1e3;
    if (page.session == NULL) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the model has no inputs yet: bind them first");
    }
    if (!(lead_in_ms >= 0 && lead_in_ms <= longest_ms && duration_ms >= 0 && duration_ms <= longest_ms)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "durations must be from 0 ms to a day");
    }
    most = most == 0 || most > MOST_SAMPLES ? MOST_SAMPLES : most;
    least = least > most ? most : least;
    series s = {.sampler = {.engine = &several, .session = page.session, .capacity = most}};
    s.sampler.samples_ns = mem_calloc(most, sizeof *s.sampler.samples_ns);
    if (s.sampler.samples_ns == NULL) {
        return error_no_memory(err, "the samples", most * sizeof *s.sampler.samples_ns);
    }
    accel_status status = take_series(&s, lead_in_ms, duration_ms, least, most, err);
    if (status == ACCEL_OK) {
        append_series(out, &s);
    }
    mem_free(s.sampler.samples_ns);
    return status;
}

const char *page_sample(double lead_in_ms, double duration_ms, size_t least, size_t most) {
    return page_text_end(sample(page_text_start(), lead_in_ms, duration_ms, least, most, &page.error));
}
