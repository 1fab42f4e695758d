#include "measure/sampler.h"

#include "base/clock.h"

static accel_status sample_remotely(sampler *s, const engine_block *block, engine_samples *out,
                                    accel_error *err) {
    *out = (engine_samples){.samples_ns = s->samples_ns};
    accel_status status = s->engine->sample(s->session, block, out, err);
    s->remote_cpu_ns += out->cpu_ns;
    return status;
}

accel_status sampler_lead_in(sampler *s, uint64_t duration_ns, size_t *runs, uint64_t *last_ns,
                             accel_error *err) {
    uint64_t start = clock_now_ns(), before = start;
    *runs = 0;
    if (s->engine->sample && duration_ns > 0) {
        engine_samples lead;
        ACCEL_TRY(sample_remotely(s, &(engine_block){.lead_in_ns = duration_ns}, &lead, err));
        *runs = lead.lead_in_runs;
        return ACCEL_OK;
    }
    while (before - start < duration_ns) {
        ACCEL_TRY(s->engine->run(s->session, err));
        uint64_t now = clock_now_ns();
        *last_ns = now - before;
        before = now;
        ++*runs;
    }
    return ACCEL_OK;
}

accel_status sampler_block(sampler *s, uint64_t duration_ns, size_t least_runs, size_t most_runs,
                           size_t *count, uint64_t *elapsed_ns, accel_error *err) {
    size_t most = most_runs < s->capacity ? most_runs : s->capacity, n = 0;
    accel_status (*run)(engine_session *, accel_error *) = s->engine->run;
    engine_session *session = s->session;
    int64_t *samples_ns = s->samples_ns;
    accel_status status = ACCEL_OK;
    if (s->engine->sample) {
        engine_samples got;
        const engine_block block = {.duration_ns = duration_ns, .least_runs = least_runs, .most_runs = most};
        status = sample_remotely(s, &block, &got, err);
        *count = got.count;
        *elapsed_ns = got.elapsed_ns;
        return status;
    }
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
