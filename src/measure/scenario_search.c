/* MLPerf's offline and server scenarios on the parent's side: searches over trials that the child runs. */
#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/block.h"
#include "measure/run.h"
#include "measure/stats.h"

static uint64_t nanoseconds(double seconds) {
    return (uint64_t)(seconds * 1e9);
}

/* ---- offline ---------------------------------------------------------------------------------------------------------------------- */

/* One block into k, the first one after a short unmeasured one. Items per second, or NAN when the case failed. */
static double offline_throughput(runner *run, case_run *k, const model_facts *f, double seconds) {
    wire_block warm = {nanoseconds(0.2 * seconds), 1, WIRE_MOST_SAMPLES, 0},
               block = {nanoseconds(seconds), 2, WIRE_MOST_SAMPLES, 0};
    wire_samples got = {0};
    if (!case_block(run, k, &warm, &got))
        return (double)NAN;
    k->warm_count = k->sample_count;
    if (!case_block(run, k, &block, &got) || got.elapsed_ns == 0)
        return (double)NAN;
    sample_block b = {.first = k->warm_count,
                      .count = (size_t)got.count,
                      .elapsed_s = (double)got.elapsed_ns * 1e-9,
                      .cpu_s = (double)got.cpu_ns * 1e-9,
                      .energy_j = got.energy_j,
                      .kept = true};
    if (!mem_grow((void **)&k->blocks, &k->block_capacity, k->block_count + 1, sizeof *k->blocks))
        return (double)NAN;
    k->blocks[k->block_count++] = b;
    return (double)b.count * (double)f->batch / b.elapsed_s;
}

/* A trial in a child and a case of its own; only its throughput is kept. */
static accel_status try_split(runner *run, model_facts *f, const case_run *k, int64_t instances,
                              double seconds, double *items_per_s, accel_error *err) {
    case_run trial;
    accel_status status = case_run_init(run, &trial, k->c, k->index, err);
    *items_per_s = (double)NAN;
    if (status == ACCEL_OK) {
        runner_progress(run, k->c, "offline: trying %lld x %lld threads", (long long)instances,
                        (long long)(k->c->threads / instances));
        case_start(run, &trial, f, instances);
        if (trial.alive)
            *items_per_s = offline_throughput(run, &trial, f, seconds);
    }
    case_run_free(&trial);
    return status;
}

static accel_status find_split(runner *run, model_facts *f, const case_run *k, double seconds, int64_t *best,
                               str_buf *details, accel_error *err) {
    double best_items = 0.0;
    bool first = true;
    *best = 1;
    str_append(details, "\"splits\":[");
    for (int64_t instances = 1; instances <= k->c->threads && !runner_cancelled(run); instances++) {
        double items;
        if (k->c->threads % instances != 0)
            continue; /* only splits that use every thread */
        ACCEL_TRY(try_split(run, f, k, instances, seconds, &items, err));
        str_appendf(details, "%s{\"instances\":%lld,\"threads\":%lld,\"items_per_s\":", first ? "" : ",",
                    (long long)instances, (long long)(k->c->threads / instances));
        json_append_real(details, items);
        str_append_char(details, '}');
        first = false;
        if (items > best_items) {
            best_items = items;
            *best = instances;
        }
    }
    str_append_char(details, ']');
    return ACCEL_OK;
}

static accel_status keep_details(case_run *k, str_buf *details, accel_error *err) {
    k->r.scenario_details = details->failed ? NULL : arena_strdup(k->arena, str_text(details));
    return k->r.scenario_details ? ACCEL_OK : error_no_memory(err, "details of a scenario", details->length);
}

static accel_status offline_search(runner *run, model_facts *f, case_run *k, str_buf *details,
                                   accel_error *err) {
    int64_t instances = 1;
    ACCEL_TRY(find_split(run, f, k, run->settings->min_time_s, &instances, details, err));
    if (runner_cancelled(run))
        return ACCEL_OK;
    k->started_ns = clock_now_ns();
    case_start(run, k, f, instances);
    if (!k->alive)
        return ACCEL_OK;
    block_watch watch;
    block_watch_begin(&watch, k);
    k->r.throughput_items_per_s = offline_throughput(run, k, f, run->settings->min_time_s);
    block_watch_end(&watch, k);
    k->r.warmup_count = (int64_t)k->warm_count + 1;
    str_appendf(details, ",\"instances\":%lld,\"threads_each\":%lld}", (long long)instances,
                (long long)(k->c->threads / instances));
    case_finish(run, k);
    k->done = true;
    return keep_details(k, details, err);
}

accel_status offline_run(runner *run, model_facts *f, case_run *k, accel_error *err) {
    str_buf details = {0};
    str_append_char(&details, '{');
    accel_status status = offline_search(run, f, k, &details, err);
    str_free(&details);
    return status;
}

/* ---- server ----------------------------------------------------------------------------------------------------------------------- */

typedef struct server_trial {
    double rate_per_s, percentile, latency_ms, answered_per_s;
    size_t first, count;
    double elapsed_s;
    bool met, enough;
} server_trial;

/* The highest of p99, p95 and p90 for which there are enough samples (stats.h). */
static accel_status judge_trial(const case_run *k, server_trial *t, double bound_ms, accel_error *err) {
    static const double percentiles[] = {0.99, 0.95, 0.90};
    double *sorted_ms = mem_calloc(t->count + 1, sizeof *sorted_ms);
    if (!sorted_ms)
        return error_no_memory(err, "samples", t->count * sizeof *sorted_ms);
    for (size_t i = 0; i < t->count; i++)
        sorted_ms[i] = (double)k->samples_ns[t->first + i] * 1e-6;
    stats_sort(sorted_ms, t->count);
    for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles && !t->enough; i++) {
        t->percentile = percentiles[i];
        t->latency_ms = stats_percentile(sorted_ms, t->count, percentiles[i]);
        t->enough = !isnan(t->latency_ms);
    }
    /* Few answers, and already the largest is too late: more would not have helped. */
    if (!t->enough && t->count > 0)
        t->latency_ms = sorted_ms[t->count - 1];
    t->met = t->enough && t->latency_ms <= bound_ms;
    mem_free(sorted_ms);
    return ACCEL_OK;
}

static accel_status try_rate(runner *run, case_run *k, double rate_per_s, uint64_t number, server_trial *t,
                             accel_error *err) {
    const double wanted = 700.0; /* requests: enough for p99 */
    const bench_settings *s = run->settings;
    double seconds = wanted / rate_per_s, most = s->max_time_s / 4.0;
    seconds = fmax(fmin(seconds, most), s->min_time_s);
    if (seconds * rate_per_s < 80.0) /* p90 needs 64 */
        seconds = fmin(80.0 / rate_per_s, s->max_time_s);
    wire_server trial = {rate_per_s, nanoseconds(seconds), (uint64_t)s->seed + number};
    wire_samples got = {0};
    *t = (server_trial){.rate_per_s = rate_per_s, .first = k->sample_count};
    runner_progress(run, k->c, "server: trying %.3g requests/s", rate_per_s);
    if (!case_ask(run, k, WIRE_SERVER, &trial, sizeof trial, 2.0 * seconds, &got))
        return ACCEL_OK;
    t->count = (size_t)got.count;
    t->elapsed_s = (double)got.elapsed_ns * 1e-9;
    t->answered_per_s = t->elapsed_s > 0.0 ? (double)t->count / t->elapsed_s : 0.0;
    return judge_trial(k, t, s->latency_bound_ms, err);
}

static void append_trial(str_buf *details, const server_trial *t, bool first) {
    str_appendf(details, "%s{\"rate_per_s\":", first ? "" : ",");
    json_append_real(details, t->rate_per_s);
    str_appendf(details, ",\"requests\":%zu,\"percentile\":", t->count);
    json_append_real(details, t->enough ? 100.0 * t->percentile : (double)NAN);
    str_append(details, ",\"latency_ms\":");
    json_append_real(details, t->latency_ms);
    str_appendf(details, ",\"met\":%s}", t->met ? "true" : "false");
}

/* Halves the interval between a rate that meets the bound and one that does not. One server answers at most 1 / latency. */
static accel_status search_rate(runner *run, case_run *k, double most_per_s, server_trial *best,
                                str_buf *details, accel_error *err) {
    enum { TRIALS = 7 };
    double low = 0.0, high = most_per_s;
    str_append(details, "\"trials\":[");
    for (uint64_t i = 0; i < TRIALS && k->alive && !runner_cancelled(run); i++) {
        server_trial t;
        ACCEL_TRY(try_rate(run, k, 0.5 * (low + high), i, &t, err));
        append_trial(details, &t, i == 0);
        if (t.met) {
            low = t.rate_per_s;
            *best = t;
        } else {
            high = t.rate_per_s;
        }
    }
    str_append_char(details, ']');
    return ACCEL_OK;
}

static void no_rate(const runner *run, case_run *k) {
    char sentence[256];
    str_format(
        sentence, sizeof sentence,
        "no arrival rate met the latency bound of %.4g ms with enough requests to tell; raise --latency-bound or --max-time",
        run->settings->latency_bound_ms);
    case_fail(k, CASE_ERROR, sentence);
}

static accel_status keep_best(case_run *k, const model_facts *f, const server_trial *best, accel_error *err) {
    sample_block b = {.first = best->first,
                      .count = best->count,
                      .elapsed_s = best->elapsed_s,
                      .energy_j = (double)NAN,
                      .kept = true};
    if (!mem_grow((void **)&k->blocks, &k->block_capacity, 1, sizeof *k->blocks))
        return error_no_memory(err, "blocks", sizeof b);
    k->blocks[0] = b;
    k->block_count = 1;
    k->r.throughput_items_per_s = best->answered_per_s * (double)f->batch;
    return ACCEL_OK;
}

static accel_status server_search(runner *run, model_facts *f, case_run *k, str_buf *details,
                                  accel_error *err) {
    wire_block warm = {nanoseconds(fmax(0.3, 0.3 * run->settings->min_time_s)), 3, WIRE_MOST_SAMPLES, 0};
    wire_samples got = {0};
    server_trial best = {0};
    k->started_ns = clock_now_ns();
    case_start(run, k, f, 1);
    if (!k->alive || !case_block(run, k, &warm, &got) || got.count == 0)
        return ACCEL_OK;
    k->warm_count = k->sample_count;
    k->r.warmup_count = (int64_t)k->warm_count + 1;
    stats_summary warm_ms;
    ACCEL_TRY(stats_summarize_ns(k->samples_ns, k->warm_count, &warm_ms, err));
    block_watch watch;
    block_watch_begin(&watch, k);
    ACCEL_TRY(search_rate(run, k, 1e3 / fmax(warm_ms.median, 1e-6), &best, details, err));
    block_watch_end(&watch, k);
    if (!k->alive || runner_cancelled(run))
        return ACCEL_OK;
    str_append(details, ",\"latency_bound_ms\":");
    json_append_real(details, run->settings->latency_bound_ms);
    str_append(details, ",\"rate_per_s\":");
    json_append_real(details, best.met ? best.rate_per_s : (double)NAN);
    str_append_char(details, '}');
    ACCEL_TRY(keep_details(k, details, err));
    if (!best.met) {
        no_rate(run, k);
        return ACCEL_OK;
    }
    case_finish(run, k);
    k->done = true;
    return keep_best(k, f, &best, err);
}

accel_status server_run(runner *run, model_facts *f, case_run *k, accel_error *err) {
    str_buf details = {0};
    str_append_char(&details, '{');
    accel_status status = server_search(run, f, k, &details, err);
    str_free(&details);
    return status;
}
