#include "store/insert.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/insert_stages.h"
#include "store/key_set.h"
#include "store/known_rows.h"
#include "store/prepare.h"

struct inserter {
    database *db;
    stage stages[STAGE_COUNT];
    store_preparer *preparer; /* of batches that nobody prepared */
    arena *scratch;           /* of one such batch */
    key_set natural
        [STAGE_COUNT]; /* natural keys of models, hardware and series that are staged, or in the database */
    known_rows known[STAGE_COUNT];
    bool learns;         /* known rows: worth it for many batches only */
    size_t added;        /* rows staged since it was made */
    key_set ids;         /* of the records that are staged, where not all are known */
    bool begun;          /* a transaction */
    int64_t rows;        /* that it brought */
    int64_t before;      /* its first number of performance_results, which no row has; 0: none yet */
    accel_error failure; /* what ends it */
};

/* ---- what is there already ----------------------------------------------------------------------------------------------------- */

/* Before the first row of a stage since it was cleared: how its rows will be taken over. */
static accel_status begin_stage(inserter *in, stage_id id, accel_error *err) {
    known_rows *k = &in->known[id];
    bool kept = known_rows_column(id) != NULL;
    if (k->complete && stage_is_direct(&in->stages[id]) && known_rows_trim(k))
        return ACCEL_OK;
    if (in->learns && kept && !k->complete)
        ACCEL_TRY(known_rows_learn(k, in->db, id, in->added, err));
    stage_direct_sql(id, k->complete || !kept, &in->stages[id].insert);
    return in->stages[id].insert.failed ? error_no_memory(err, "a statement", 0) : ACCEL_OK;
}

static accel_status add_row(inserter *in, stage_id id, const void *row, accel_error *err) {
    if (in->stages[id].total == 0)
        ACCEL_TRY(begin_stage(in, id, err));
    in->added++;
    return stage_add(&in->stages[id], row, err);
}

/* Whether a row is to be staged: not where it is known to be there, or to be staged already. */
static accel_status is_wanted(inserter *in, stage_id id, const char *text, bool *wanted, accel_error *err) {
    known_rows *k = &in->known[id];
    known_key key;
    *wanted = true;
    if (in->stages[id].total == 0)
        ACCEL_TRY(begin_stage(in, id, err));
    if (!k->complete || !known_key_of(text, &key))
        return ACCEL_OK;
    *wanted = !known_keys_have(&k->keys, &key);
    return *wanted ? known_keys_add(&k->keys, &key, err) : ACCEL_OK;
}

/* The same of models, hardware and series, by their natural keys. */
static accel_status is_new_key(inserter *in, stage_id id, const char *key, bool *is_new, accel_error *err) {
    *is_new = key_set_find(&in->natural[id], key) == NULL;
    return *is_new ? key_set_add(&in->natural[id], key, "", NULL, err) : ACCEL_OK;
}

static void forget_natural(inserter *in, size_t most) {
    size_t count = 0;
    for (size_t i = 0; i < STAGE_COUNT; i++)
        count += in->natural[i].count;
    for (size_t i = 0; i < STAGE_COUNT && count > most; i++)
        key_set_free(&in->natural[i]);
}

static void forget_known(inserter *in) {
    for (size_t i = 0; i < STAGE_COUNT; i++)
        known_rows_forget(&in->known[i]);
}

/* ---- models and hardware ------------------------------------------------------------------------------------------------------ */

static accel_status stage_model(inserter *in, const record *r, const char *key, accel_error *err) {
    bool is_new;
    ACCEL_TRY(is_new_key(in, STAGE_MODELS, key, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    char metadata[64];
    str_format(metadata, sizeof metadata, "{\"weight_bytes\": %lld}", (long long)r->model_weight_bytes);
    staged_model m = {
        .model_name = r->model_name != NULL ? r->model_name : "",
        .model_family = r->model_family,
        .modality = r->model_modality,
        .source = r->model_source,
        .version = r->model_sha256,
        .parameters_million =
            r->model_parameters == RECORD_NONE ? (double)NAN : (double)r->model_parameters / 1e6,
        .metadata = r->model_weight_bytes == RECORD_NONE ? NULL : metadata,
        .natural_key = key,
    };
    return add_row(in, STAGE_MODELS, &m, err);
}

static void hardware_metadata(const record *r, str_buf *out) {
    const char *const names[] = {"device_id", "cpu", "machine_id", "virtualised"};
    const char *const values[] = {r->device_id, r->machine_cpu, r->machine_id, r->machine_virtualised};
    str_append(out, "{");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (values[i] == NULL)
            continue;
        str_appendf(out, "%s\"%s\": ", out->length > 1 ? ", " : "", names[i]);
        str_append_json(out, values[i], strlen(values[i]));
    }
    str_append(out, "}");
}

static accel_status stage_hardware(inserter *in, const record *r, const char *key, accel_error *err) {
    bool is_new;
    ACCEL_TRY(is_new_key(in, STAGE_HARDWARE, key, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    bool cpu = str_equal(r->platform, "cpu");
    int64_t memory = r->device_memory_bytes != RECORD_NONE ? r->device_memory_bytes
                     : cpu                                 ? r->machine_memory_bytes
                                                           : RECORD_NONE;
    str_buf metadata = {0};
    hardware_metadata(r, &metadata);
    staged_hardware h = {
        .hardware_type = r->platform,
        .device_name = r->device_name,
        .platform = r->machine_os,
        .platform_version = r->machine_kernel,
        .driver_version = r->device_driver,
        .memory_gb = memory == RECORD_NONE ? (double)NAN : (double)memory / 1e9,
        .compute_units = cpu ? r->machine_cores : RECORD_NONE,
        .metadata = str_text(&metadata),
        .natural_key = key,
    };
    accel_status status = metadata.failed ? error_no_memory(err, "a hardware row", metadata.length)
                                          : add_row(in, STAGE_HARDWARE, &h, err);
    str_free(&metadata);
    return status;
}

/* ---- results ---------------------------------------------------------------------------------------------------------------------- */

static double ms(int64_t ns) {
    return ns == RECORD_NONE ? (double)NAN : (double)ns / 1e6;
}

static double total_seconds(const record *r) {
    if (r->samples_ns_count == 0)
        return (double)NAN;
    double sum = 0;
    for (size_t i = 0; i < r->samples_ns_count; i++)
        sum += (double)r->samples_ns[i];
    return sum / 1e9;
}

static void set_figures(staged_result *s, const record *r) {
    s->total_time_seconds = total_seconds(r);
    s->average_latency_ms = r->latency_mean_ms;
    s->throughput_items_per_second = r->throughput_items_per_s;
    s->memory_peak_mb = r->peak_rss_bytes != RECORD_NONE ? (double)r->peak_rss_bytes / 1e6 : (double)NAN;
    s->iterations = r->samples_ns_count > 0 ? (int64_t)r->samples_ns_count : r->iterations;
    s->warmup_iterations = r->warmup_count;
    s->median_latency_ms = r->latency_median_ms;
    s->p90_latency_ms = r->latency_p90_ms;
    s->p99_latency_ms = r->latency_p99_ms;
    s->ci95_latency_ms = r->latency_ci95_ms;
    s->tokens_per_second = r->tokens_per_s;
    s->load_ms = ms(r->load_ns);
    s->compile_ms = ms(r->compile_ns);
    s->first_ms = ms(r->first_ns);
    s->samples_ns = r->samples_ns;
    s->samples_ns_count = r->samples_ns_count;
}

static void no_figures(staged_result *s) {
    record none;
    record_init(&none);
    set_figures(s, &none);
}

static accel_status stage_identity(inserter *in, const staged_result *s, const store_prepared *p,
                                   accel_error *err) {
    bool is_new;
    ACCEL_TRY(is_new_key(in, STAGE_IDENTITIES, p->identity_key, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    staged_identity i = {
        .model_key = p->model_key, .hardware_key = p->hardware_key, .natural_key = p->identity_key};
#define OF_SERIES(kind, name) i.name = s->name;
    STAGED_SERIES_FIELDS(OF_SERIES)
    return add_row(in, STAGE_IDENTITIES, &i, err);
}

/* A record that is there twice in a transaction counts once. */
static accel_status stage_record_id(inserter *in, const record *r, bool *is_new, accel_error *err) {
    staged_id s = {.record_id = r->record_id};
    ACCEL_TRY(is_wanted(in, STAGE_RESULTS, r->record_id, is_new, err));
    if (!*is_new || in->known[STAGE_RESULTS].complete)
        return ACCEL_OK;
    *is_new = key_set_find(&in->ids, r->record_id) == NULL;
    if (!*is_new)
        return ACCEL_OK;
    ACCEL_TRY(key_set_add(&in->ids, r->record_id, "", NULL, err));
    return add_row(in, STAGE_IDS, &s, err);
}

static accel_status stage_result(inserter *in, const char *run_uuid, const record *r, const store_prepared *p,
                                 accel_error *err) {
    bool is_new;
    ACCEL_TRY(stage_record_id(in, r, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    ACCEL_TRY(stage_model(in, r, p->model_key, err));
    ACCEL_TRY(stage_hardware(in, r, p->hardware_key, err));
    staged_result s = {
        .run_uuid = run_uuid,
        .identity_key = p->identity_key,
        .test_case = p->test_case,
        .metrics = p->metrics,
        .batch_size = r->batch,
        .precision = record_precision(r),
        .status = r->status,
        .error_message = r->error,
        .record_id = r->record_id,
        .engine = r->engine_name,
        .engine_version = r->engine_version,
        .precision_asked = r->precision_asked,
        .precision_ran = r->precision_ran,
        .sequence_length = r->sequence,
        .shapes = r->shapes,
        .threads = r->threads,
        .mode = r->mode,
        .scenario = r->scenario,
        .verified = r->verified,
        .reference = r->verification_reference,
        .relative_l2 = r->relative_l2,
        .provenance = r->provenance,
        .is_simulated = record_is_simulated(r),
        .simulation_reason = r->simulation_reason,
    };
    if (record_is_ok(r))
        set_figures(&s, r);
    else
        no_figures(&s);
    ACCEL_TRY(stage_identity(in, &s, p, err));
    return add_row(in, STAGE_RESULTS, &s, err);
}

/* ---- rows of other kinds -------------------------------------------------------------------------------------------------------- */

/* Model and hardware of a row that is no record: what is known of them. */
static accel_status stage_subject(inserter *in, const char *name, const char *family, const char *modality,
                                  const char *source, const char *hardware, const char *device,
                                  const store_prepared *p, accel_error *err) {
    bool known = (name == NULL || key_set_find(&in->natural[STAGE_MODELS], p->model_key) != NULL) &&
                 (hardware == NULL || key_set_find(&in->natural[STAGE_HARDWARE], p->hardware_key) != NULL);
    if (known)
        return ACCEL_OK;
    record r;
    record_init(&r);
    r.model_name = name;
    r.model_family = family;
    r.model_modality = modality;
    r.model_source = source;
    r.platform = hardware;
    r.device_name = device;
    if (name != NULL)
        ACCEL_TRY(stage_model(in, &r, p->model_key, err));
    return hardware != NULL ? stage_hardware(in, &r, p->hardware_key, err) : ACCEL_OK;
}

#define SUBJECT_OF(r)                                                                                        \
    (r)->model_name, (r)->model_family, (r)->model_modality, (r)->model_source, (r)->hardware_type,          \
        (r)->device_name

/* Rows that are found again by what they say; parents, whose content keys their children name, among them. wanted: of each, whether it was staged. */
#define STAGE_KEYED(type, id, subject)                                                                       \
    static accel_status stage_##type##_rows(inserter *in, const store_batch *b, const store_prepared *p,     \
                                            bool *wanted, accel_error *err) {                                \
        for (size_t i = 0; i < b->type##_count; i++) {                                                       \
            staged_##type s = {                                                                              \
                .keys = {b->run.uuid, p[i].model_key, p[i].hardware_key, p[i].content_key, NULL},            \
                .row = b->type##_rows[i]};                                                                   \
            ACCEL_TRY(is_wanted(in, id, p[i].content_key, &wanted[i], err));                                 \
            if (!wanted[i])                                                                                  \
                continue;                                                                                    \
            subject;                                                                                         \
            ACCEL_TRY(add_row(in, id, &s, err));                                                             \
        }                                                                                                    \
        return ACCEL_OK;                                                                                     \
    }
#define WITH_SUBJECT ACCEL_TRY(stage_subject(in, SUBJECT_OF(&s.row), &p[i], err))
STAGE_KEYED(integration, STAGE_INTEGRATION, WITH_SUBJECT)
STAGE_KEYED(compatibility, STAGE_COMPATIBILITY, WITH_SUBJECT)
STAGE_KEYED(web, STAGE_WEB, WITH_SUBJECT)
STAGE_KEYED(optimization, STAGE_OPTIMIZATIONS, (void)0)

#define STAGE_CHILDREN(type, id)                                                                             \
    static accel_status stage_##type##_rows(inserter *in, const store_batch *b, const store_prepared *p,     \
                                            const bool *wanted, accel_error *err) {                          \
        for (size_t i = 0; i < b->type##_count; i++) {                                                       \
            staged_##type s = {.row = b->type##_rows[i]};                                                    \
            s.keys.parent_key = p[s.row.parent].content_key;                                                 \
            if (wanted[s.row.parent])                                                                        \
                ACCEL_TRY(add_row(in, id, &s, err));                                                         \
        }                                                                                                    \
        return ACCEL_OK;                                                                                     \
    }
STAGE_CHILDREN(assertion, STAGE_ASSERTIONS)
STAGE_CHILDREN(webgpu, STAGE_WEBGPU)
STAGE_CHILDREN(shader, STAGE_SHADERS)
STAGE_CHILDREN(loading, STAGE_LOADING)

/* In the order of b->prepared. */
static accel_status stage_all_families(inserter *in, const store_batch *b, bool *wanted, accel_error *err) {
    const store_prepared *p = b->prepared + b->record_count;
    ACCEL_TRY(stage_integration_rows(in, b, p, wanted, err));
    ACCEL_TRY(stage_assertion_rows(in, b, p, wanted, err));
    p += b->integration_count;
    ACCEL_TRY(stage_web_rows(in, b, p, wanted, err));
    ACCEL_TRY(stage_webgpu_rows(in, b, p, wanted, err));
    p += b->web_count;
    ACCEL_TRY(stage_optimization_rows(in, b, p, wanted, err));
    ACCEL_TRY(stage_shader_rows(in, b, p, wanted, err));
    ACCEL_TRY(stage_loading_rows(in, b, p, wanted, err));
    p += b->optimization_count;
    return stage_compatibility_rows(in, b, p, wanted, err);
}

static accel_status stage_families(inserter *in, const store_batch *b, accel_error *err) {
    size_t most = b->integration_count + b->web_count + b->optimization_count + b->compatibility_count;
    if (most == 0)
        return ACCEL_OK;
    bool *wanted = mem_calloc(most, sizeof *wanted);
    if (wanted == NULL)
        return error_no_memory(err, "rows of a batch", most * sizeof *wanted);
    accel_status status = stage_all_families(in, b, wanted, err);
    mem_free(wanted);
    return status;
}

/* ---- the inserter ---------------------------------------------------------------------------------------------------------------- */

/* Rows that are held until they are taken over, inside the transaction, while others read the next files. */
enum { HELD_ROWS = 49152, MOST_KEYS = 1 << 18, LARGE_COMMIT_ROWS = 2000 };

accel_status inserter_create(database *db, inserter **out, accel_error *err) {
    inserter *in = mem_calloc(1, sizeof *in);
    *out = NULL;
    if (in == NULL)
        return error_no_memory(err, "a writer", sizeof *in);
    in->db = db;
    in->preparer = store_preparer_create();
    in->scratch = arena_create();
    for (size_t i = 0; i < STAGE_COUNT; i++)
        stage_init(&in->stages[i], db, &stage_tables[i]);
    if (in->preparer == NULL || in->scratch == NULL) {
        inserter_destroy(in);
        return error_no_memory(err, "a writer", 0);
    }
    *out = in;
    return ACCEL_OK;
}

void inserter_learn(inserter *in) {
    in->learns = true;
}

static accel_status stage_run(inserter *in, const store_run *run, accel_error *err) {
    staged_run s = {.row = *run};
    bool wanted;
    ACCEL_TRY(is_wanted(in, STAGE_RUNS, run->uuid, &wanted, err));
    return wanted ? add_row(in, STAGE_RUNS, &s, err) : ACCEL_OK;
}

static accel_status stage_batch(inserter *in, const store_batch *b, accel_error *err) {
    if (b->run.uuid != NULL)
        ACCEL_TRY(stage_run(in, &b->run, err));
    for (size_t i = 0; i < b->record_count; i++)
        ACCEL_TRY(stage_result(in, b->run.uuid, &b->records[i], &b->prepared[i], err));
    ACCEL_TRY(stage_families(in, b, err));
    for (size_t i = 0; i < b->seen_count; i++) {
        staged_seen s = {.row = b->seen_rows[i]};
        ACCEL_TRY(add_row(in, STAGE_SEEN, &s, err));
    }
    if (b->source == NULL)
        return ACCEL_OK;
    staged_source s = {.row = *b->source};
    return add_row(in, STAGE_SOURCES, &s, err);
}

static accel_status clear_stages(inserter *in, accel_error *err) {
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        accel_status s = stage_clear(&in->stages[i], status == ACCEL_OK ? err : NULL);
        status = status == ACCEL_OK ? s : status;
    }
    key_set_free(&in->ids);
    return status;
}

/* Everything staged, into the transaction. */
static accel_status flush(inserter *in, accel_error *err) {
    if (!in->begun)
        ACCEL_TRY(database_exec(in->db, "BEGIN TRANSACTION", err));
    in->begun = true;
    ACCEL_TRY(take_over(in->db, in->stages, &in->rows, &in->before, err));
    return clear_stages(in, err);
}

static size_t rows_held(const inserter *in) {
    size_t rows = 0;
    for (size_t i = 0; i < STAGE_COUNT; i++)
        rows += in->stages[i].total;
    return rows;
}

accel_status inserter_add(inserter *in, const store_batch *b, accel_error *err) {
    if (in->failure.status != ACCEL_OK)
        return ACCEL_OK; /* the commit tells */
    store_batch own = *b;
    arena_reset(in->scratch);
    accel_status status =
        b->prepared == NULL ? prepare_batch(in->preparer, in->scratch, &own, err) : ACCEL_OK;
    if (status == ACCEL_OK)
        status = stage_batch(in, &own, err);
    if (status != ACCEL_OK) {
        in->failure = (accel_error){0};
        error_set(&in->failure, status, "a batch could not be staged");
    } else if (rows_held(in) >= HELD_ROWS) {
        (void)flush(in, &in->failure); /* may be the fault of an earlier batch */
    }
    return status;
}

/* A large transaction goes straight into the file: its rows would be written to the log only to be read from memory and written again by the next
 * checkpoint. Where it is cut off the file's header still names the blocks of before. Small ones wait in the log, since each checkpoint writes the
 * last, unfinished part of every column again. */
static accel_status commit(inserter *in, accel_error *err) {
    ACCEL_TRY(database_exec(in->db,
                            in->rows >= LARGE_COMMIT_ROWS ? "SET checkpoint_threshold = '0KB'"
                                                          : "SET checkpoint_threshold = '256MB'",
                            err));
    return database_exec(in->db, "COMMIT", err);
}

/* The database, and what taking over had set for its time, are as before. */
static void roll_back(inserter *in) {
    (void)database_exec(in->db, "ROLLBACK", NULL);
    for (size_t i = 0; i < STAGE_COUNT; i++) /* one that the transaction had made is gone */
        in->stages[i].has_table = false;
    (void)database_exec(in->db, "RESET disabled_optimizers", NULL);
}

accel_status inserter_commit(inserter *in, int64_t *rows, accel_error *err) {
    accel_status status = in->failure.status;
    if (status != ACCEL_OK)
        error_set(err, status, "%s", in->failure.message);
    else
        status = flush(in, err);
    if (status == ACCEL_OK && in->before > 0)
        status = results_follow(in->db, in->before, err);
    if (status == ACCEL_OK)
        status = commit(in, err);
    if (status != ACCEL_OK && in->begun)
        roll_back(in);
    accel_status cleared = clear_stages(in, status == ACCEL_OK ? err : NULL);
    forget_natural(in, status == ACCEL_OK ? MOST_KEYS
                                          : 0); /* what they name is gone, or there are too many to keep */
    if (status != ACCEL_OK)
        forget_known(in);
    if (rows != NULL)
        *rows = status == ACCEL_OK ? in->rows : 0;
    in->begun = false;
    in->rows = in->before = 0;
    in->failure = (accel_error){0};
    return status == ACCEL_OK ? cleared : status;
}

void inserter_destroy(inserter *in) {
    if (in == NULL)
        return;
    for (size_t i = 0; i < STAGE_COUNT; i++)
        stage_free(&in->stages[i]);
    if (in->begun)
        roll_back(in);
    forget_natural(in, 0);
    forget_known(in);
    key_set_free(&in->ids);
    store_preparer_destroy(in->preparer);
    arena_destroy(in->scratch);
    mem_free(in);
}

accel_status insert_records(database *db, const store_run *run, const record *records, size_t count,
                            accel_error *err) {
    inserter *in;
    store_batch b = {.run = *run, .records = records, .record_count = count};
    ACCEL_TRY(inserter_create(db, &in, err));
    accel_status status = inserter_add(in, &b, err);
    if (status == ACCEL_OK)
        status = inserter_commit(in, NULL, err);
    inserter_destroy(in);
    return status;
}

accel_status finish_run(database *db, const store_run *run, double seconds, bool success, accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(
        db,
        "UPDATE test_runs SET completed_at = now() AT TIME ZONE 'UTC', execution_time_seconds = ?, success = ? WHERE run_uuid = ?",
        &s, err));
    statement_f64(&s, seconds);
    statement_bool(&s, success);
    statement_text(&s, run->uuid);
    return statement_run(&s, NULL, NULL, err);
}
