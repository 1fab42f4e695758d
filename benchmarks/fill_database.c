/* Fills a database with results that are labelled simulated, for database.py, and writes the same records as JSON files.
 *   fill_database DATABASE TEMPLATE.json COUNT SERIES JSON_FOLDER|-
 * TEMPLATE.json is what `accel bench --format json` printed: its first record gives every text, so that they are as long as real ones. A run
 * has 1,000 results of 100 samples each; latencies of the series are spread from 0.2 to 500 ms, with 1 % between runs and 2 % between
 * samples. Prints the seconds that the database took (the records' making and the JSON files are outside the clock). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "measure/stats.h"
#include "store/store.h"

enum {
    PER_RUN = 1000,
    SAMPLES = 100,
    RUNS_A_COMMIT = 130, /* more than a row group of DuckDB's, which then need not go through its log */
    MODELS = 100,
    DEVICES = 10,
    TEMPLATE_MAX_BYTES = 1 << 24
};

typedef struct filling {
    record template;
    record records[PER_RUN];
    int64_t samples[PER_RUN][SAMPLES];
    char ids[PER_RUN][64], models[PER_RUN][96], devices[PER_RUN][96];
    const char *json_folder;
    uint64_t seconds_ns;
    double quantile; /* of Student's distribution, for ci95 */
} filling;

static double normal(rng *random) {
    double u = ((double)rng_below(random, 1u << 30) + 1) / (double)(1u << 30);
    double v = (double)rng_below(random, 1u << 30) / (double)(1u << 30);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* A series is a model on a device with one of 3 engines and 8 batches; everything of it follows from its number. */
static void make_record(filling *f, size_t i, uint64_t number, uint64_t series, rng *random) {
    static const char *const engines[] = {"native", "onnxruntime", "openvino"};
    record *r = &f->records[i];
    rng of_series;
    rng_seed(&of_series, series);
    double typical_ns =
        exp(log(0.2e6) + (log(500e6) - log(0.2e6)) * (double)rng_below(&of_series, 1 << 20) / (1 << 20));
    double run_ns = typical_ns * exp(0.01 * normal(random));
    *r = f->template;
    snprintf(f->ids[i], sizeof f->ids[i], "%08llx-%04x-4%03x-8%03x-%012llx", (unsigned long long)number,
             (unsigned)rng_below(random, 65536), (unsigned)rng_below(random, 4096),
             (unsigned)rng_below(random, 4096), (unsigned long long)rng_below(random, 1ull << 47));
    snprintf(f->models[i], sizeof f->models[i], "%s-%02llu", f->template.model_name,
             (unsigned long long)(series / 24 % MODELS));
    snprintf(f->devices[i], sizeof f->devices[i], "%s %llu", f->template.device_name,
             (unsigned long long)(series / 24 / MODELS % DEVICES));
    for (size_t k = 0; k < SAMPLES; k++)
        f->samples[i][k] = (int64_t)(run_ns * exp(0.02 * normal(random)));
    double ms[SAMPLES];
    stats_summary figures;
    for (size_t k = 0; k < SAMPLES; k++)
        ms[k] = (double)f->samples[i][k] * 1e-6;
    stats_sort(ms, SAMPLES);
    stats_describe_sorted(ms, SAMPLES, &figures);
    figures.ci95 = f->quantile * figures.std / sqrt(SAMPLES);
    r->record_id = f->ids[i];
    r->provenance = "simulated";
    r->is_simulated = 1;
    r->simulation_reason = "made up by benchmarks/fill_database";
    r->model_name = f->models[i];
    r->device_name = f->devices[i];
    r->engine_name = engines[series % 3];
    r->batch = (int64_t)1 << (series / 3 % 8);
    r->samples_ns = f->samples[i];
    r->samples_ns_count = SAMPLES;
    r->latency_mean_ms = figures.mean;
    r->latency_median_ms = figures.median;
    r->latency_min_ms = figures.min;
    r->latency_max_ms = figures.max;
    r->latency_std_ms = figures.std;
    r->latency_ci95_ms = figures.ci95;
    r->throughput_items_per_s = (double)r->batch / (figures.mean * 1e-3);
    r->tokens_per_s = (double)NAN;
    r->load_ns = (int64_t)(typical_ns * 30 * exp(0.1 * normal(random)));
    r->first_ns = (int64_t)(run_ns * 2 * exp(0.1 * normal(random)));
    r->cpu_time_ns = (int64_t)(figures.mean * 1e6 * SAMPLES * 2);
    r->peak_rss_bytes = 4096 * (int64_t)(20000 + rng_below(random, 1000));
}

static void utc(uint64_t run, char text[CLOCK_UTC_TEXT_BYTES]) {
    clock_utc_text((int64_t)(1735689600 + 3600 * run) * 1000000, text);
}

static accel_status write_json(filling *f, uint64_t run, accel_error *err) {
    str_buf json = {0}, path = {0};
    str_append(&json, "[");
    for (size_t i = 0; i < PER_RUN; i++) {
        str_append(&json, i > 0 ? ",\n" : "");
        record_write_json(&f->records[i], &json);
    }
    str_append(&json, "]\n");
    str_appendf(&path, "%s/%06llu.json", f->json_folder, (unsigned long long)run);
    accel_status status = json.failed || path.failed ? error_no_memory(err, "a file", json.length)
                                                     : file_replace(path.data, json.data, json.length, err);
    str_free(&json);
    str_free(&path);
    return status;
}

static accel_status add_run(filling *f, store_bulk *bulk, uint64_t run, accel_error *err) {
    char uuid[64], started_at[CLOCK_UTC_TEXT_BYTES];
    store_batch b = {.records = f->records, .record_count = PER_RUN};
    store_run_init(&b.run);
    snprintf(uuid, sizeof uuid, "%08llx-0000-4000-9000-000000000000", (unsigned long long)run);
    utc(run, started_at);
    b.run.uuid = uuid;
    b.run.test_name = "made up";
    b.run.started_at = started_at;
    for (size_t i = 0; i < PER_RUN; i++)
        f->records[i].started_at = started_at;
    if (f->json_folder != NULL)
        ACCEL_TRY(write_json(f, run, err));
    uint64_t start = clock_now_ns();
    accel_status status = store_bulk_add(bulk, &b, err);
    if (status == ACCEL_OK && run % RUNS_A_COMMIT == RUNS_A_COMMIT - 1)
        status = store_bulk_commit(bulk, NULL, err);
    f->seconds_ns += clock_now_ns() - start;
    return status;
}

static accel_status fill(filling *f, char **arguments, accel_error *err) {
    arena *a = arena_create();
    record *templates = NULL;
    char *text = NULL;
    size_t length = 0, count = 0;
    store_bulk *bulk = NULL;
    uint64_t runs = strtoull(arguments[2], NULL, 10) / PER_RUN, series = strtoull(arguments[3], NULL, 10);
    f->json_folder = strcmp(arguments[4], "-") != 0 ? arguments[4] : NULL;
    if (f->json_folder != NULL)
        ACCEL_TRY(file_make_folders(f->json_folder, err));
    ACCEL_TRY(file_read(arguments[1], TEMPLATE_MAX_BYTES, &text, &length, err));
    ACCEL_TRY(record_read_json_array(text, length, a, &templates, &count, err));
    if (count == 0)
        return error_set(err, ACCEL_BAD_FILE, "%s holds no record", arguments[1]);
    f->template = templates[0];
    ACCEL_TRY(store_bulk_open(arguments[0], -1, &bulk, err));
    accel_status status = ACCEL_OK;
    rng random;
    rng_seed(&random, 7);
    f->quantile = stats_student_quantile(0.975, SAMPLES - 1);
    for (uint64_t run = 0; run < runs && status == ACCEL_OK; run++) {
        for (size_t i = 0; i < PER_RUN; i++)
            make_record(f, i, run * PER_RUN + i, (run * PER_RUN + i) % series, &random);
        status = add_run(f, bulk, run, err);
    }
    uint64_t start = clock_now_ns();
    if (status == ACCEL_OK)
        status = store_bulk_commit(bulk, NULL, err);
    store_bulk_close(bulk);
    f->seconds_ns += clock_now_ns() - start;
    return status; /* the process ends here: nothing else is freed */
}

int main(int argc, char **argv) {
    static filling f;
    accel_error err = {0};
    if (argc != 6) {
        fprintf(stderr, "usage: fill_database DATABASE TEMPLATE.json COUNT SERIES JSON_FOLDER|-\n");
        return 2;
    }
    if (fill(&f, argv + 1, &err) != ACCEL_OK) {
        fprintf(stderr, "fill_database: %s\n", err.message);
        return 1;
    }
    printf("%.3f\n", (double)f.seconds_ns / 1e9);
    return 0;
}
