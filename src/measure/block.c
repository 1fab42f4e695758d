/* Single blocks of sampling: each while the others are idle, each with a note of what else the machine did meanwhile. */
#include "measure/block.h"

#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
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
void block_wait_for_others(const runner *run, const case_run *cases, size_t count, const case_run *k) {
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
    if (k->sample_count > k->warm_first)
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

accel_status block_measure(runner *run, case_run *cases, size_t count, case_run *k, accel_error *err) {
    double block_s = block_seconds(run->settings);
    size_t first = k->sample_count;
    wire_block block = {(uint64_t)(block_s * 1e9), 1, MOST_CASE_SAMPLES - k->measured_runs,
                        lead_in_ns(k, block_s)};
    wire_samples got = {0};
    load_snapshot before, after;
    load_between between;
    block_wait_for_others(run, cases, count, k);
    load_take(&before);
    double own = own_cpu_seconds(cases, count, k);
    if (!case_block(run, k, &block, &got))
        return ACCEL_OK;
    own = own_cpu_seconds(cases, count, k) - own + (double)got.remote_cpu_ns * 1e-9;
    load_take(&after);
    load_compare(&before, &after, own, &between);
    if (k->c->device.elsewhere)
        between = (load_between){0};
    sample_block b = {.first = first,
                      .count = (size_t)got.count,
                      .foreign_cores = between.known ? between.foreign_cores : 0.0,
                      .elapsed_s = (double)got.elapsed_ns * 1e-9,
                      .cpu_s = (double)got.cpu_ns * 1e-9,
                      .energy_j = got.energy_j};
    b.kept = b.foreign_cores <= load_allowed_cores(k->c->threads);
    k->measured_s += b.elapsed_s;
    k->measured_runs += b.count;
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

bool block_first_was_enough(const case_run *k, const bench_settings *s) {
    return k->r.first_ns != RECORD_NONE && (double)k->r.first_ns * 1e-9 >= warm_up_limit_s(s);
}

void block_warm_up(runner *run, case_run *cases, size_t count, case_run *k) {
    double block_s = block_seconds(run->settings);
    wire_block block = {(uint64_t)(block_s * 1e9), 1, MOST_CASE_SAMPLES, 0};
    wire_samples got = {0};
    steady_state state;
    block_wait_for_others(run, cases, count, k);
    if (!case_block(run, k, &block, &got))
        return;
    bool again = k->sample_count - k->warm_first > got.count;
    k->warm_count += (size_t)got.count;
    k->warm_s += (double)got.elapsed_ns * 1e-9;
    steady_judge(k->samples_ns + k->warm_first, k->sample_count - k->warm_first, 0.03, &state);
    k->warmed = (again && state.enough && state.steady) || k->warm_s >= warm_up_limit_s(run->settings);
    runner_progress(run, k->c, "warming up: %zu runs", k->warm_count);
}

/* ---- measuring ------------------------------------------------------------------------------------------------------------------------ */

/* Enough quiet samples, or as much time as is allowed. A busy machine gets three times the least
 * time, and half as many runs again, to choose the quietest from. */
bool block_enough(const case_run *k, const bench_settings *s, double share) {
    double runs = (double)k->measured_runs, least = share * (double)s->min_runs;
    if (k->measured_runs >= MOST_CASE_SAMPLES || k->measured_s >= share * s->max_time_s)
        return true;
    if (k->quiet_s >= share * s->min_time_s && (double)k->quiet_runs >= least)
        return true;
    return k->measured_s >= 3.0 * share * s->min_time_s && runs >= 1.5 * least;
}

/* Keeps the quiet blocks; where they are too few, the quietest of the others too, and says so. */
void block_choose(case_run *k, const bench_settings *s) {
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

/* ---- watching ---------------------------------------------------------------------------------------------------------- */

void block_watch_begin(block_watch *w, const case_run *k) {
    load_take(&w->before);
    w->own_cpu_s = own_cpu_seconds(k, 1, k);
}

void block_watch_end(const block_watch *w, case_run *k) {
    load_snapshot after;
    load_between between;
    load_take(&after);
    load_compare(&w->before, &after, own_cpu_seconds(k, 1, k) - w->own_cpu_s, &between);
    k->r.machine_throttled = between.throttled || between.steal_share > 0.05;
    if (between.foreign_cores > load_allowed_cores(k->c->threads))
        case_warn(k, "machine busy: other work took %.2f cores", between.foreign_cores);
}
