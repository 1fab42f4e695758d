/* Adds made-up records to a database, for test_store_kill.py and for timing: `store_stress DATABASE SEED FIRST COUNT [PATIENCE_S]`. The ids
 * follow from (SEED, number), so that a killed process can be started again where it stopped. Each id is printed, and flushed,
 * after store_add returned: from then on the record must never be lost. `store_stress DATABASE bulk SEED FIRST COUNT` adds them as imports
 * do, 50 in a transaction, and prints ids after each. `store_stress DATABASE query SQL` prints the first column; `store_stress DATABASE make
 * SQL` makes a DuckDB file of what a script says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/database_file.h"
#include "store/duckdb_load.h"
#include "store/store.h"

enum { SAMPLES = 100, ID_BYTES = 37, BATCH = 50 };

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

static void make_samples(unsigned long long number, int64_t samples[SAMPLES]) {
    rng random;
    rng_seed(&random, number);
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 900000 + (int64_t)rng_below(&random, 200000);
}

static int add(store_writer *w, unsigned long long seed, unsigned long long number) {
    char id[ID_BYTES];
    int64_t samples[SAMPLES];
    record r;
    accel_error err = {0};
    make_samples(number, samples);
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

static int failed(const accel_error *err) {
    fprintf(stderr, "store_stress: %s\n", err->message);
    return 1;
}

static accel_status add_batch(store_bulk *b, unsigned long long seed, unsigned long long first, size_t count,
                              accel_error *err) {
    static char ids[BATCH][ID_BYTES];
    static int64_t samples[BATCH][SAMPLES];
    static record records[BATCH];
    char uuid[ID_BYTES];
    store_batch batch = {.records = records, .record_count = count};
    for (size_t i = 0; i < count; i++) {
        make_samples(first + i, samples[i]);
        make_id(seed, first + i, ids[i]);
        make_record(&records[i], ids[i], samples[i]);
    }
    make_id(seed ^ 0xffffffff, first, uuid);
    store_run_init(&batch.run);
    batch.run.uuid = uuid;
    batch.run.test_name = "store stress";
    batch.run.started_at = "2026-01-01T00:00:00Z";
    ACCEL_TRY(store_bulk_add(b, &batch, err));
    ACCEL_TRY(store_bulk_commit(b, NULL, err));
    for (size_t i = 0; i < count; i++)
        printf("%s 0\n", ids[i]);
    fflush(stdout);
    return ACCEL_OK;
}

static int bulk(const char *path, unsigned long long seed, unsigned long long first,
                unsigned long long count) {
    accel_error err = {0};
    store_bulk *b = NULL;
    if (store_bulk_open(path, 30, &b, &err) != ACCEL_OK)
        return failed(&err);
    accel_status status = ACCEL_OK;
    for (unsigned long long end = first + count; first < end && status == ACCEL_OK; first += BATCH)
        status = add_batch(b, seed, first, end - first < BATCH ? (size_t)(end - first) : (size_t)BATCH, &err);
    store_bulk_close(b);
    return status == ACCEL_OK ? 0 : failed(&err);
}

static int make(const char *path, const char *script) {
    accel_error err = {0};
    database db;
    char *sql = NULL;
    size_t length;
    if (store_duckdb_load(&err) != ACCEL_OK || file_read(script, 1 << 20, &sql, &length, &err) != ACCEL_OK ||
        database_open_memory(path, &db, &err) != ACCEL_OK)
        return failed(&err);
    accel_status status = database_attach(&db, path, "made", DATABASE_ATTACH_OPTIONS, &err);
    if (status == ACCEL_OK)
        status = database_exec(&db, "USE made", &err);
    if (status == ACCEL_OK)
        status = database_exec(&db, sql, &err);
    if (status == ACCEL_OK)
        status = database_exec(&db, "CHECKPOINT", &err);
    database_close_handles(&db);
    mem_free(sql);
    return status == ACCEL_OK ? 0 : failed(&err);
}

static int query(const char *path, const char *sql) {
    accel_error err = {0};
    store_result *r = NULL;
    if (store_query(path, sql, 0, &r, &err) != ACCEL_OK)
        return failed(&err);
    for (size_t i = 0; i < r->row_count; i++)
        printf("%s\n", r->cells[i * r->column_count].text);
    store_result_destroy(r);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[2], "query") == 0)
        return query(argv[1], argv[3]);
    if (argc == 4 && strcmp(argv[2], "make") == 0)
        return make(argv[1], argv[3]);
    if (argc == 6 && strcmp(argv[2], "bulk") == 0)
        return bulk(argv[1], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
                    strtoull(argv[5], NULL, 10));
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
    int failures = store_writer_create(&options, &w, &err) != ACCEL_OK;
    for (unsigned long long i = first; i < first + count && !failures; i++)
        failures = add(w, seed, i);
    if (store_writer_close(w, !failures, &err) != ACCEL_OK)
        failures = 1;
    if (failures && err.message[0] != '\0')
        fprintf(stderr, "store_stress: %s\n", err.message);
    return failures;
}
