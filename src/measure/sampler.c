#include "measure/sampler.h"

#include "base/clock.h"

accel_status sampler_lead_in(const sampler *s, uint64_t duration_ns, size_t *runs, uint64_t *last_ns,
                             accel_error *err) {
    uint64_t start = clock_now_ns(), before = start;
    *runs = 0;
    while (before - start < duration_ns) {
        ACCEL_TRY(s->engine->run(s->session, err));
        uint64_t now = clock_now_ns();
        *last_ns = now - before;
        before = now;
        ++*runs;
    }
    return ACCEL_OK;
}

accel_status sampler_block(const sampler *s, uint64_t duration_ns, size_t least_runs, size_t most_runs,
                           size_t *count, uint64_t *elapsed_ns, accel_error *err) {
    size_t most = most_runs < s->capacity ? most_runs : s->capacity, n = 0;
    accel_status (*run)(engine_session *, accel_error *) = s->engine->run;
    engine_session *session = s->session;
    int64_t *samples_ns = s->samples_ns;
    accel_status status = ACCEL_OK;
    uint64_t start = clock_now_ns(), before = start;
    while (n < most && (n < least_runs || before - start < duration_ns)) {
        status = run(session, err);
        if (status != ACCEL_OK)
            break;
        uint64_t now = clock_now_ns();
        samples_ns[n++] = (int64_t)(now - before);
        before = now;
    }
    *count = n;
    *elapsed_ns = before - start;
    return status;
}
