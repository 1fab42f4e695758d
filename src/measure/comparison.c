/* Cases that are compared with each other. Their children live at the same time and are given short blocks of sampling in random
 * order: what the machine does to one of them (frequency, neighbours, temperature), it does to all. Where memory does not hold
 * them together, their processes take turns. */
#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/block.h"

/* ---- one pass: start, warm up, measure -------------------------------------------------------------------------------- */

static void warm_up(runner *run, case_run *cases, size_t count) {
    for (size_t i = 0; i < count; i++)
        cases[i].warmed = cases[i].warmed || block_first_was_enough(&cases[i], run->settings);
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < count && !runner_cancelled(run); i++) {
            if (!cases[i].alive || cases[i].warmed)
                continue;
            block_warm_up(run, cases, count, &cases[i]);
            any = true;
        }
    }
    for (size_t i = 0; i < count;
         i++) { /* its last regime stays in the warm-up: measuring begins with fresh blocks */
        bool ran_once = cases[i].r.first_ns != RECORD_NONE;
        cases[i].r.warmup_count = (int64_t)cases[i].warm_count + ran_once;
    }
}

static void shuffle(rng *r, size_t *order, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i), moved = order[i - 1];
        order[i - 1] = order[j];
        order[j] = moved;
    }
}

/* Ends a child that will be started again for the rest of its samples. */
static void park(case_run *k) {
    process_end(&k->p);
    k->alive = k->warmed = false;
    k->warm_s = 0.0;
    k->warm_first = k->sample_count;
}

static accel_status measure_one(runner *run, case_run *cases, size_t count, case_run *k, double share,
                                accel_error *err) {
    const bench_settings *s = run->settings;
    ACCEL_TRY(block_measure(run, cases, count, k, err));
    runner_progress(run, k->c, "measuring: %zu runs, %.1f s%s", k->measured_runs, k->measured_s,
                    k->quiet_s < k->measured_s ? " (the machine is busy)" : "");
    if (!k->alive || !block_enough(k, s, share))
        return ACCEL_OK;
    if (share < 1.0 && !block_enough(k, s, 1.0)) { /* one inference may take all the time there is */
        park(k);
        return ACCEL_OK;
    }
    block_choose(k, s);
    case_finish(run, k);
    k->done = true;
    return ACCEL_OK;
}

static accel_status measure(runner *run, case_run *cases, size_t count, double share, accel_error *err) {
    size_t *order = mem_calloc(count, sizeof *order);
    accel_status status = order ? ACCEL_OK : error_no_memory(err, "a comparison", count * sizeof *order);
    for (size_t left = count; left > 0 && status == ACCEL_OK && !runner_cancelled(run);) {
        left = 0;
        for (size_t i = 0; i < count; i++)
            if (cases[i].alive)
                order[left++] = i;
        shuffle(&run->random, order, left);
        for (size_t i = 0; i < left && status == ACCEL_OK && !runner_cancelled(run); i++)
            status = measure_one(run, cases, count, &cases[order[i]], share, err);
    }
    mem_free(order);
    return status;
}

static void announce(runner *run, case_run *k) {
    if (!k->announced && run->callbacks && run->callbacks->on_case_started)
        run->callbacks->on_case_started(run->callbacks->context, k->c, k->index, run->plan_count);
    k->announced = true;
}

/* Busy cores before anything of ours runs. */
static double load_now(void) {
    load_snapshot before, after;
    load_between between;
    load_take(&before);
    double own = (double)clock_process_cpu_ns() * 1e-9;
    clock_sleep_ns(100000000);
    load_take(&after);
    load_compare(&before, &after, (double)clock_process_cpu_ns() * 1e-9 - own, &between);
    return between.known ? between.foreign_cores : (double)NAN;
}

/* Whether the next child fits beside those that live: it may need as much as the largest of them, and a quarter more. */
static bool fits_beside(const runner *run, const model_facts *f, const case_run *cases, size_t started) {
    int64_t given = run->host ? run->host->memory_bytes : 0, used = 0;
    double most = (double)f->weight_bytes + 2.0 * (double)f->activation_bytes;
    for (size_t i = 0; i < started; i++) {
        used += cases[i].alive ? cases[i].own_bytes : 0;
        most = fmax(most, (double)cases[i].own_bytes);
    }
    int64_t available = given > 0 ? given - used : system_available_bytes();
    return (given <= 0 && available == RECORD_NONE) || 1.25 * most < 0.9 * (double)available;
}

/* A device of another machine does one job at a time (docs/agents.md). */
static bool is_taken(const case_run *cases, size_t started) {
    const engine_device *wanted = &cases[started].c->device;
    for (size_t i = 0; i < started; i++)
        if (wanted->elsewhere && cases[i].alive && str_equal(cases[i].c->device.id, wanted->id))
            return true;
    return false;
}

/* Starts children one after the other as long as memory lasts, and what they run on; how many it tried. */
static size_t start_all(runner *run, model_facts *f, case_run *cases, size_t count) {
    size_t started = 0;
    for (; started < count && !runner_cancelled(run); started++) {
        if (started > 0 && (is_taken(cases, started) || !fits_beside(run, f, cases, started)))
            break;
        block_wait_for_others(run, cases, count, &cases[started]);
        case_start(run, &cases[started], f, 1);
    }
    return started;
}

static accel_status run_started(runner *run, case_run *cases, size_t count, double share, accel_error *err) {
    warm_up(run, cases, count);
    return measure(run, cases, count, share, err);
}

static accel_status run_alone(runner *run, model_facts *f, case_run *k, double share, accel_error *err) {
    if (!k->alive)
        (void)start_all(run, f, k, 1);
    return run_started(run, k, 1, share, err);
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

/* Half of the samples in one order, the other half in the opposite one (A B B A), so that a drift of the machine meets both alike. */
static accel_status take_turns(runner *run, model_facts *f, case_run *cases, size_t count, const char *why,
                               accel_error *err) {
    for (size_t turn = 0; turn < 2 * count && !runner_cancelled(run); turn++) {
        case_run *k = &cases[turn < count ? turn : 2 * count - 1 - turn];
        if (!k->done)
            ACCEL_TRY(run_alone(run, f, k, turn < count ? 0.5 : 1.0, err));
    }
    for (size_t i = 0; i < count; i++)
        case_warn(&cases[i], "%s", why);
    return ACCEL_OK;
}

accel_status comparison_run(runner *run, model_facts *f, case_run *cases, size_t count, accel_error *err) {
    double load_before = load_now();
    for (size_t i = 0; i < count; i++) {
        announce(run, &cases[i]);
        cases[i].started_ns = clock_now_ns();
        cases[i].r.machine_load_before = cases[i].c->device.elsewhere ? (double)NAN : load_before;
    }
    if (run->settings->interleave && count > 1) {
        size_t started = start_all(run, f, cases, count);
        if (started == count || runner_cancelled(run))
            return run_started(run, cases, count, 1.0, err);
        const char *why =
            is_taken(cases, started)
                ? "processes took turns: a device of `accel serve --agents` does one job at a time"
                : "processes took turns: together they need more memory than is available";
        for (size_t i = 1; i < started; i++)
            if (cases[i].alive)
                park(&cases[i]);
        return take_turns(run, f, cases, count, why, err);
    }
    for (size_t i = 0; i < count && !runner_cancelled(run); i++)
        ACCEL_TRY(run_alone(run, f, &cases[i], 1.0, err));
    return ACCEL_OK;
}
