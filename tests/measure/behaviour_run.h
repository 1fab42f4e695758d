/* One short case of an engine that behaves (behaviour.h), by the whole way from a request to its child. */
#ifndef ACCEL_TESTS_MEASURE_BEHAVIOUR_RUN_H
#define ACCEL_TESTS_MEASURE_BEHAVIOUR_RUN_H

#include "support/test.h"

#include "base/str.h"
#include "measure/behaviour.h"
#include "measure/measure.h"

typedef struct behaviour_case {
    const engine_def *const *engines;
    size_t engine_count;
    const char *engine, *behaviour;
    platform platform; /* that the plan is made to say */
    bool profile;
    uint32_t features;
} behaviour_case;

static const int64_t one_thread = 1;

/* The model's path is written. */
static void behaviour_run(const char *model, const behaviour_case *c, const plan_callbacks *callbacks) {
    const measure_host host = {.engines = c->engines, .engine_count = c->engine_count};
    accel_error err = {0};
    probe_list *probes = NULL;
    bench_plan *plan = NULL;
    assert_ok(behaviour_write_model(model, &err));
    bench_request r = {.models = &model, .model_count = 1, .engines = &c->engine, .engine_count = 1};
    bench_settings_default(&r.settings);
    r.threads = &one_thread;
    r.thread_count = 1;
    r.settings.min_time_s = 0.02;
    r.settings.max_time_s = 0.1;
    r.settings.timeout_s = 20.0;
    r.settings.profile = c->profile;
    r.settings.features = c->features;
    assert_ok(probe_all(&host, 0, NULL, &probes, &err));
    assert_ok(plan_make(&r, probes, &plan, &err));
    probe_list_destroy(probes);
    for (size_t i = 0; i < plan->count; i++) {
        plan->cases[i].done = !str_equal(plan->cases[i].device.id, c->behaviour);
        plan->cases[i].platform = c->platform;
    }
    assert_ok(plan_run(&host, plan, callbacks, NULL, NULL, &err));
    plan_destroy(plan);
}

#endif
