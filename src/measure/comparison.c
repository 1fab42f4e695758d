/* Cases that are compared with each other. Their children live at the same time and are given short blocks of sampling in random
 * order, each while the others are idle: what the machine does to one of them (frequency, neighbours, temperature), it does to all. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/run.h"
#include "measure/stats.h"

enum { MOST_CASE_SAMPLES = WIRE_MOST_SAMPLES };
static const double longest_block_s = 0.3, shortest_block_s = 0.02, longest_warm_up_s = 3.0;

static double block_seconds(const bench_settings *s) {
    double third = s->min_time_s / 3.0;
    return third > longest_block_s ? longest_block_s : third < shortest_block_s ? shortest_block_s : third;
}

/* ---- quiet -------------------------------------------------------------------------------------------------------------------- */

/* Runtimes spin for a while after an inference before their threads sleep. Waits until the children other than `k` use less than a twentieth of a
 * CPU, a third of a second at most: what spins for ever is counted as foreign load. */
static void wait_for_others(const runner *run, const case_run *cases, size_t count, const case_run *k) {
    const uint64_t look_ns = 4000000, patience_ns = 300000000;
    uint64_t begin = clock_now_ns();
    while (clock_now_ns() - begin < patience_ns && !runner_cancelled(run)) {
        uint64_t used = 0;
        for (size_t i = 0; i < count; i++)
            used -= cases[i].alive && &cases[i] != k ? process_cpu_ns(&cases[i].p) : 0;
        if (used == 0)
            return; /* alone */
        clock_sleep_ns(look_ns);
        for (size_t i = 0; i < count; i++)
            used += cases[i].alive && &cases[i] != k ? process_cpu_ns(&cases[i].p) : 0;
        if (used < look_ns / 20)
            return;
    }
}

static double own_cpu_seconds(const case_run *cases, size_t count, const case_run *only) {
    uint64_t sum = clock_process_cpu_ns();
    for (size_t i = 0; i < count; i++)
        if (cases[i].alive && (!only || &cases[i] == only))
            sum += process_cpu_ns(&cases[i].p);
    return (double)sum * 1e-9;
}

/* ---- blocks ----------------------------------------------------------------------------------------------------------------------- */

static double last_latency_s(const case_run *k) {
    if (k->sample_count > 0)
        return (double)k->samples_ns[k->sample_count - 1] * 1e-9;
    return k->r.first_ns != RECORD_NONE ? (double)k->r.first_ns * 1e-9 : 0.0;
}

/* After a pause the caches hold somebody else's data and the threads sleep: where an inference is short, a few go before the measured ones. */
static uint64_t lead_in_ns(const case_run *k, double block_s) {
    double lead_in_s = 0.05 * block_s;
    return last_latency_s(k) < 5.0 * lead_in_s ? (uint64_t)(lead_in_s * 1e9) : 0;
}

static accel_status note_block(case_run *k, const sample_block *b, accel_error *err) {
    if (!mem_grow((void **)&k->blocks, &k->block_capacity, k->block_count + 1, sizeof *k->blocks))
        return error_no_memory(err, "blocks of samples", (k->block_count + 1) * sizeof *k->blocks);
    k->blocks[k->block_count++] = *b;
    return ACCEL_OK;
}

static accel_status measure_block(runner *run, case_run *cases, size_t count, case_run *k, accel_error *err) {
    double block_s = block_seconds(run->settings);
    size_t first = k->sample_count;
    wire_block block = {(uint64_t)(block_s * 1e9), 1, MOST_CASE_SAMPLES - (first - k->warm_count),
                        lead_in_ns(k, block_s)};
    wire_samples got = {0};
    load_snapshot before, after;
    load_between between;
    wait_for_others(run, cases, count, k);
    load_take(&before);
    double own = own_cpu_seconds(cases, count, k);
    if (!case_block(run, k, &block, &got))
        return ACCEL_OK;
    own = own_cpu_seconds(cases, count, k) - own;
    load_take(&after);
    load_compare(&before, &after, own, &between);
    sample_block b = {.first = first,
                      .count = (size_t)got.count,
                      .foreign_cores = between.known ? between.foreign_cores : 0.0,
                      .elapsed_s = (double)got.elapsed_ns * 1e-9,
                      .cpu_s = (double)got.cpu_ns * 1e-9,
                      .energy_j = got.energy_j};
    b.kept = b.foreign_cores <= load_allowed_cores(k->c->threads);
    k->measured_s += b.elapsed_s;
    k->quiet_s += b.kept ? b.elapsed_s : 0.0;
    k->quiet_runs += b.kept ? b.count : 0;
    k->worst_foreign = fmax(k->worst_foreign, b.foreign_cores);
    k->worst_steal = fmax(k->worst_steal, between.steal_share);
    k->throttled = k->throttled || between.throttled;
    return note_block(k, &b, err);
}

/* ---- warming up --------------------------------------------------------------------------------------------------------------------- */

static double warm_up_limit_s(const bench_settings *s) {
    double limit = 0.3 * s->max_time_s;
    return limit > longest_warm_up_s ? longest_warm_up_s : limit;
}

static void warm_block(runner *run, case_run *cases, size_t count, case_run *k) {
    double block_s = block_seconds(run->settings);
    wire_block block = {(uint64_t)(block_s * 1e9), 1, MOST_CASE_SAMPLES, 0};
    wire_samples got = {0};
    steady_state state;
    wait_for_others(run, cases, count, k);
    if (!case_block(run, k, &block, &got))
        return;
    bool again = k->warm_count > 0;
    k->warm_count = k->sample_count;
    k->warm_s += (double)got.elapsed_ns * 1e-9;
    steady_judge(k->samples_ns, k->sample_count, 0.03, &state);
    k->warmed = (again && state.enough && state.steady) || k->warm_s >= warm_up_limit_s(run->settings);
    runner_progress(run, k->c, "warming up: %zu runs", k->warm_count);
}

static void warm_up(runner *run, case_run *cases, size_t count) {
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < count && !runner_cancelled(run); i++) {
            if (!cases[i].alive || cases[i].warmed)
                continue;
            warm_block(run, cases, count, &cases[i]);
            any = true;
        }
    }
    for (size_t i = 0; i < count;
         i++) /* its last regime stays in the warm-up: measuring begins with fresh blocks */
        cases[i].r.warmup_count = (int64_t)cases[i].warm_count + (cases[i].r.first_ns != RECORD_NONE ? 1 : 0);
}

/* ---- measuring ------------------------------------------------------------------------------------------------------------------------ */

/* Enough quiet samples, or as much time as is allowed. A busy machine gets three times the least time. */
static bool has_enough(const case_run *k, const bench_settings *s) {
    size_t runs = k->sample_count - k->warm_count, least = (size_t)s->min_runs;
    if (runs >= MOST_CASE_SAMPLES || k->measured_s >= s->max_time_s)
        return true;
    if (k->quiet_s >= s->min_time_s && k->quiet_runs >= least)
        return true;
    return k->measured_s >= 3.0 * s->min_time_s && runs >= 3 * least;
}

/* Keeps the quiet blocks; where they are too few, the quietest of the others too, and says so. */
static void choose_blocks(case_run *k, const bench_settings *s) {
    size_t kept = 0;
    for (size_t i = 0; i < k->block_count; i++)
        kept += k->blocks[i].kept;
    size_t quiet = kept;
    while (k->quiet_s < s->min_time_s || k->quiet_runs < (size_t)s->min_runs) {
        sample_block *best = NULL;
        for (size_t i = 0; i < k->block_count; i++)
            if (!k->blocks[i].kept && (!best || k->blocks[i].foreign_cores < best->foreign_cores))
                best = &k->blocks[i];
        if (!best)
            break;
        best->kept = true;
        kept++;
        k->quiet_s += best->elapsed_s;
        k->quiet_runs += best->count;
    }
    if (quiet < k->block_count)
        case_warn(
            k,
            "machine busy: other work took up to %.2f cores; %zu of %zu blocks were quiet, the quietest %zu are kept",
            k->worst_foreign, quiet, k->block_count, kept);
    if (k->quiet_runs < (size_t)s->min_runs)
        case_warn(k, "only %zu runs fit into the time allowed", k->quiet_runs);
    if (k->worst_steal > 0.05)
        case_warn(k, "the hypervisor gave up to %.0f %% of the CPUs' time to others", k->worst_steal * 100.0);
    if (k->throttled)
        case_warn(k, "the CPU throttled its clock because of heat");
    k->r.machine_throttled = k->throttled || k->worst_steal > 0.05;
}

static void shuffle(rng *r, size_t *order, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i), moved = order[i - 1];
        order[i - 1] = order[j];
        order[j] = moved;
    }
}

static accel_status measure_one(runner *run, case_run *cases, size_t count, case_run *k, accel_error *err) {
    const bench_settings *s = run->settings;
    ACCEL_TRY(measure_block(run, cases, count, k, err));
    runner_progress(run, k->c, "measuring: %zu runs, %.1f s%s", k->sample_count - k->warm_count,
                    k->measured_s, k->quiet_s < k->measured_s ? " (the machine is busy)" : "");
    if (!k->alive || !has_enough(k, s))
        return ACCEL_OK;
    choose_blocks(k, s);
    case_finish(run, k);
    k->done = true;
    return ACCEL_OK;
}

static accel_status measure(runner *run, case_run *cases, size_t count, accel_error *err) {
    size_t *order = mem_calloc(count, sizeof *order);
    accel_status status = order ? ACCEL_OK : error_no_memory(err, "a comparison", count * sizeof *order);
    for (size_t left = count; left > 0 && status == ACCEL_OK && !runner_cancelled(run);) {
        left = 0;
        for (size_t i = 0; i < count; i++)
            if (cases[i].alive)
                order[left++] = i;
        shuffle(&run->random, order, left);
        for (size_t i = 0; i < left && status == ACCEL_OK && !runner_cancelled(run); i++)
            status = measure_one(run, cases, count, &cases[order[i]], err);
    }
    mem_free(order);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------------- */

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

static accel_status run_together(runner *run, model_facts *f, case_run *cases, size_t count,
                                 accel_error *err) {
    double load_before = load_now();
    for (size_t i = 0; i < count && !runner_cancelled(run); i++) {
        announce(run, &cases[i]);
        cases[i].started_ns = clock_now_ns();
        cases[i].r.machine_load_before = load_before;
        wait_for_others(run, cases, count, &cases[i]);
        case_start(run, &cases[i], f, 1);
    }
    warm_up(run, cases, count);
    return measure(run, cases, count, err);
}

/* A guess from the graph: weights as read, as packed and once more while packing; activations; the runtime itself. */
static bool fit_together(const runner *run, const model_facts *f, size_t count) {
    int64_t available = system_available_bytes(), limit = run->settings->memory_limit_bytes;
    double each = 3.0 * (double)f->weight_bytes + 2.0 * (double)f->activation_bytes + 300e6;
    (void)limit;
    return available == RECORD_NONE || each * (double)count < 0.8 * (double)available;
}

accel_status comparison_run(runner *run, model_facts *f, case_run *cases, size_t count, accel_error *err) {
    bool together = run->settings->interleave && fit_together(run, f, count);
    if (together || count == 1)
        return run_together(run, f, cases, count, err);
    for (size_t i = 0; i < count && !runner_cancelled(run); i++) {
        if (run->settings->interleave)
            case_warn(
                &cases[i],
                "not interleaved with the other engines: together they need more memory than is available");
        ACCEL_TRY(run_together(run, f, &cases[i], 1, err));
    }
    return ACCEL_OK;
}
