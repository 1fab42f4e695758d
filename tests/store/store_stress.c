/* Adds made-up records to a database, for test_store_kill.py and for timing: `store_stress DATABASE SEED FIRST COUNT [PATIENCE_S]`. The ids
 * follow from (SEED, number), so that a killed process can be started again where it stopped. Each id is printed, and flushed,
 * after store_add returned: from then on the record must never be lost. `store_stress DATABASE query SQL` prints the first column. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/store.h"

enum { SAMPLES = 100, ID_BYTES = 37 };

static void make_id(unsigned long long seed, unsigned long long number, char id[ID_BYTES]) {
    snprintf(id, ID_BYTES, "%08llx-0000-4000-8000-%012llx", seed & 0xffffffffULL, number & 0xffffffffffffULL);
}

static void make_record(record *r, const char *id, const int64_t *samples) {
    record_init(r);
    r->record_id = id;
    r->provenance = "simulated";
    r->status = "ok";
    r->model_name = "stress";
    r->model_source = "generated";
    r->platform = "cpu";
    r->device_name = "made up";
    r->engine_name = "none";
    r->engine_version = "0";
    r->batch = 1;
    r->threads = 1;
    r->mode = "inference";
    r->scenario = "single-stream";
    r->samples_ns = samples;
    r->samples_ns_count = SAMPLES;
    r->latency_mean_ms = 1.0;
    r->latency_median_ms = 1.0;
    r->throughput_items_per_s = 1000.0;
    r->started_at = "2026-01-01T00:00:00Z";
}

static int add(store_writer *w, unsigned long long seed, unsigned long long number) {
    char id[ID_BYTES];
    int64_t samples[SAMPLES];
    rng random;
    record r;
    accel_error err = {0};
    rng_seed(&random, number);
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 900000 + (int64_t)rng_below(&random, 200000);
    make_id(seed, number, id);
    make_record(&r, id, samples);
    uint64_t start = clock_now_ns();
    if (store_add(w, &r, &err) != ACCEL_OK) {
        fprintf(stderr, "store_stress: %s\n", err.message);
        return 1;
    }
    double ms = (double)(clock_now_ns() - start) / 1e6;
    printf("%s %.3f\n", id, ms);
    fflush(stdout);
    return 0;
}

static int query(const char *path, const char *sql) {
    accel_error err = {0};
    store_result *r = NULL;
    if (store_query(path, sql, 0, &r, &err) != ACCEL_OK) {
        fprintf(stderr, "store_stress: %s\n", err.message);
        return 1;
    }
    for (size_t i = 0; i < r->row_count; i++)
        printf("%s\n", r->cells[i * r->column_count].text);
    store_result_destroy(r);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[2], "query") == 0)
        return query(argv[1], argv[3]);
    if (argc < 5) {
        fprintf(stderr, "usage: store_stress DATABASE SEED FIRST COUNT [PATIENCE_S]\n");
        return 2;
    }
    accel_error err = {0};
    store_writer *w = NULL;
    store_options options = {
        .path = argv[1], .patience_s = argc > 5 ? strtod(argv[5], NULL) : -1, .test_name = "store stress"};
    unsigned long long seed = strtoull(argv[2], NULL, 10), first = strtoull(argv[3], NULL, 10);
    unsigned long long count = strtoull(argv[4], NULL, 10);
    int failed = store_writer_create(&options, &w, &err) != ACCEL_OK;
    for (unsigned long long i = first; i < first + count && !failed; i++)
        failed = add(w, seed, i);
    if (store_writer_close(w, !failed, &err) != ACCEL_OK)
        failed = 1;
    if (failed && err.message[0] != '\0')
        fprintf(stderr, "store_stress: %s\n", err.message);
    return failed;
}
