#include "measure/scenario.h"

#include <math.h>

#include "base/clock.h"
#include "base/random.h"

/* Sleeps through the most of a wait, and spins through the rest: a sleep wakes late by up to a scheduler's tick. */
static void wait_until(uint64_t when_ns) {
    const uint64_t spin_ns = 200000;
    for (uint64_t now = clock_now_ns(); now < when_ns; now = clock_now_ns())
        if (when_ns - now > spin_ns)
            clock_sleep_ns(when_ns - now - spin_ns);
}

accel_status scenario_server_trial(const sampler *s, double rate_per_s, uint64_t duration_ns, uint64_t seed,
                                   size_t *count, uint64_t *elapsed_ns, accel_error *err) {
    rng r;
    rng_seed_name(&r, seed, "arrivals");
    uint64_t start = clock_now_ns(), now = start;
    double arrival_s = 0.0;
    *count = 0;
    while (*count < s->capacity) {
        arrival_s += -log(1.0 - rng_f64(&r)) / rate_per_s; /* exponential gaps make a Poisson process */
        if (!(arrival_s * 1e9 < (double)duration_ns))
            break;
        uint64_t arrival = start + (uint64_t)(arrival_s * 1e9);
        wait_until(arrival);
        ACCEL_TRY(s->engine->run(s->session, err));
        now = clock_now_ns();
        s->samples_ns[(*count)++] = (int64_t)(now - arrival);
        if (now - arrival > duration_ns)
            break;
    }
    *elapsed_ns = now - start;
    return ACCEL_OK;
}
