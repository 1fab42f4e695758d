/* For questions.py: makes a database of simulated results with SQL, and times questions in an open one.
 *
 *     questions make DATABASE RESULTS [asis]   (a new file; asis: in the order of the runs, as before a rewriting)
 *     questions ask DATABASE ROUNDS            ready questions, as JSON: name, rows, ms of every round, CPU ms of one */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "store/database.h"
#include "store/questions.h"

#define REASON "made up by benchmarks/questions.c"

/* Every run holds one result of each of 2,000 series: as many runs as are needed. Times differ by series and by 2 % from run to run.
 * clustered: in the order that a rewritten file has, else in that of the runs. */
static const char make_sql[] =
    "INSERT INTO models (model_name, model_family, modality, source, version, parameters_million, natural_key) "
    "SELECT 'model-' || i, 'family-' || i % 8, 'text', 'generated', sha256('m' || i), 10 + i, sha256('model' || i) FROM range(40) t(i);\n"
    "INSERT INTO hardware_platforms (hardware_type, device_name, platform, memory_gb, natural_key) "
    "SELECT ['cpu', 'cuda', 'openvino', 'webgpu', 'rocm'][i + 1], 'made-up device ' || i, 'Linux', 16, sha256('hardware' || i) FROM range(5) t(i);\n"
    "INSERT INTO performance_identities (model_id, hardware_id, engine, engine_version, precision, batch_size, sequence_length, threads, mode, scenario, "
    "provenance, is_simulated, natural_key) SELECT m.model_id, h.hardware_id, ['native', 'onnxruntime'][e + 1], '1.0', 'fp32', 1 << b, 128, 2, 'inference', "
    "'single-stream', 'simulated', true, sha256(m.natural_key || h.natural_key || e || '/' || b) FROM models m, hardware_platforms h, range(2) t1(e), "
    "range(5) t2(b);\n"
    "INSERT INTO test_runs (test_name, test_type, started_at, completed_at, success, git_commit, run_uuid) "
    "SELECT 'simulated run', 'performance', TIMESTAMP '2020-01-01' + INTERVAL 4 HOUR * i, TIMESTAMP '2020-01-01' + INTERVAL 4 HOUR * i, true, md5('c' || i), "
    "'run-' || i FROM range(CAST(ceil(getvariable('results') / 2000) AS BIGINT)) t(i);\n"
    "INSERT INTO performance_results (run_id, model_id, hardware_id, identity_id, test_case, batch_size, precision, total_time_seconds, average_latency_ms, "
    "throughput_items_per_second, memory_peak_mb, iterations, metrics, status, record_id, engine, engine_version, precision_asked, precision_ran, "
    "sequence_length, threads, mode, scenario, median_latency_ms, ci95_latency_ms, samples_ns, provenance, is_simulated, simulation_reason) "
    "SELECT run_id, model_id, hardware_id, identity_id, 'inference/single-stream', batch_size, precision, ms / 10, ms, 1000 / ms * batch_size, "
    "100 + model_id, 100, json_object('record_id', id, 'status', 'ok', 'provenance', 'simulated', 'platform', 'cpu'), 'ok', id, engine, engine_version, "
    "precision, precision, sequence_length, threads, mode, scenario, ms, ms * 0.01, [CAST(ms * 1e6 + hash(id, k) % 100000 AS BIGINT) FOR k IN range(100)], "
    "'simulated', true, 'made up by benchmarks/questions.c' FROM (SELECT r.run_id, i.*, CAST(CAST(md5(r.run_id || '/' || identity_id) AS UUID) AS VARCHAR) AS id, "
    "(1 + identity_id % 97) * batch_size * (0.98 + 0.04 * (hash(r.run_id, identity_id) % 1000) / 1000) AS ms "
    "FROM test_runs r, performance_identities i) "
    "ORDER BY CASE WHEN getvariable('clustered') THEN identity_id ELSE 0 END, run_id, identity_id LIMIT getvariable('results');\n"
    "INSERT INTO latest_results SELECT p.identity_id, p.result_id, p.run_id, r.started_at, p.average_latency_ms, p.median_latency_ms, p.ci95_latency_ms, "
    "p.iterations, p.throughput_items_per_second, p.tokens_per_second, p.memory_peak_mb, p.verified, p.reference, p.relative_l2, p.simulation_reason, "
    "p.created_at FROM performance_results p JOIN test_runs r USING (run_id) "
    "QUALIFY row_number() OVER (PARTITION BY p.identity_id ORDER BY r.started_at DESC, p.result_id DESC) = 1;\n"
    "INSERT INTO hardware_compatibility (run_id, model_id, hardware_id, is_compatible, detection_success, initialization_success, compatibility_score, "
    "provenance, is_simulated, simulation_reason) SELECT DISTINCT run_id, model_id, hardware_id, true, true, true, 1, 'simulated', true, "
    "'made up by benchmarks/questions.c' FROM performance_results;\nCHECKPOINT;\n";

static accel_status make(const char *path, long long results, bool clustered, accel_error *err) {
    database db;
    char settings[128];
    str_format(settings, sizeof settings, "SET VARIABLE results = %lld; SET VARIABLE clustered = %s", results,
               clustered ? "true" : "false");
    ACCEL_TRY(database_open(path, false, 5, &db, err));
    accel_status status = database_exec(&db, settings, err);
    if (status == ACCEL_OK)
        status = database_exec(&db, make_sql, err);
    database_close(&db);
    return status;
}

/* The ready questions that are timed, by their names on the page. */
static const char *const one_model[] = {"model-7"}, *const one_hardware[] = {"cpu"},
                         *const one_family[] = {"family-3"};
#define MODEL    .models = {one_model, 1}
#define HARDWARE .hardware = {one_hardware, 1}
#define FAMILY   .families = {one_family, 1}
#define ASK(name, what, ...)                                                                                 \
    {                                                                                                        \
        name, {                                                                                              \
            .provenances = PROVENANCE_SIMULATED, .metric = what, __VA_ARGS__                                 \
        }                                                                                                    \
    }
static const struct {
    const char *name;
    question question;
} questions[] = {
    ASK("--model M", METRIC_NONE, MODEL),
    ASK("--hardware H", METRIC_NONE, HARDWARE),
    ASK("--family F", METRIC_NONE, FAMILY),
    ASK("--model M --metric throughput", METRIC_THROUGHPUT, MODEL),
    ASK("--metric latency --limit 20", METRIC_LATENCY, .limit = 20),
    ASK("--model M --compare-hardware", METRIC_NONE, MODEL, .kind = QUESTION_COMPARE_HARDWARE),
    ASK("--compare-hardware", METRIC_NONE, .kind = QUESTION_COMPARE_HARDWARE),
    ASK("--hardware H --compare-models", METRIC_NONE, HARDWARE, .kind = QUESTION_COMPARE_MODELS),
    ASK("--trend performance --model M --hardware H", METRIC_NONE, MODEL, HARDWARE, .kind = QUESTION_TREND),
    ASK("--trend performance --model M --hardware H --limit 50", METRIC_NONE, MODEL, HARDWARE,
        .kind = QUESTION_TREND, .limit = 50),
    ASK("--compatibility-matrix", METRIC_NONE, .kind = QUESTION_COMPATIBILITY),
    ASK("--model M --since 2020-02-01", METRIC_NONE, MODEL, .since = "2020-02-01"),
};

static accel_status ask_all(const char *path, int rounds, accel_error *err) {
    store_reader *reader;
    ACCEL_TRY(store_reader_open(path, &reader, err));
    accel_status status = ACCEL_OK;
    printf("[");
    for (size_t q = 0; q < sizeof questions / sizeof *questions && status == ACCEL_OK; q++) {
        size_t rows = 0;
        double cpu_ms = 0;
        printf("%s\n {\"name\": \"%s\", \"ms\": [", q > 0 ? "," : "", questions[q].name);
        for (int i = 0; i < rounds && status == ACCEL_OK; i++) {
            store_result *answer = NULL;
            uint64_t start = clock_now_ns(), cpu = clock_process_cpu_ns();
            status = store_ask(reader, &questions[q].question, &answer, NULL, err);
            cpu_ms += (double)(clock_process_cpu_ns() - cpu) / 1e6;
            printf("%s%.4f", i > 0 ? ", " : "", (double)(clock_now_ns() - start) / 1e6);
            rows = status == ACCEL_OK ? answer->row_count : 0;
            store_result_destroy(answer);
        }
        printf("], \"cpu_ms\": %.4f, \"rows\": %zu}", cpu_ms / rounds, rows);
    }
    printf("]\n");
    store_reader_close(reader);
    return status;
}

int main(int argc, char **argv) {
    accel_error err = {0};
    accel_status status = ACCEL_INVALID_ARGUMENT;
    if (argc >= 4 && strcmp(argv[1], "make") == 0)
        status = make(argv[2], atoll(argv[3]), argc == 4, &err);
    else if (argc == 4 && strcmp(argv[1], "ask") == 0)
        status = ask_all(argv[2], atoi(argv[3]), &err);
    if (status != ACCEL_OK)
        fprintf(stderr, "questions: %s\n", err.message);
    return status == ACCEL_OK ? 0 : 1;
}
