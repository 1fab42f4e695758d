#include "store/insert.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/insert_stages.h"
#include "store/key_set.h"
#include "store/record_columns.h"

struct inserter {
    database *db;
    stage stages[STAGE_COUNT];
    key_set
        keys; /* natural keys of models, hardware and series that are staged, or in the database, by what they are made of */
    key_set ids;         /* of the records that are staged */
    str_buf text;        /* of a key */
    str_buf json;        /* of a record */
    bool begun;          /* a transaction */
    int64_t rows;        /* that it brought */
    int64_t before;      /* its first number of performance_results, which no row has; 0: none yet */
    accel_error failure; /* what ends it */
};

/* ---- natural keys -------------------------------------------------------------------------------------------------------------- */

static void append_parts(const char *const *parts, size_t count, str_buf *out) {
    for (size_t i = 0; i < count; i++) {
        str_append(out, parts[i] != NULL ? parts[i] : "\x01");
        str_append_char(out, '\x1f');
    }
}

/* The key of a row of a kind. *is_new: it was not met yet, so the row must be staged. key lives as long as in->keys. */
static accel_status key_of(inserter *in, char kind, const char *const *parts, size_t count, const char **key,
                           bool *is_new, accel_error *err) {
    char hex[SHA256_HEX_BYTES];
    str_buf *all = &in->text;
    all->length = 0;
    str_append_char(all, kind);
    append_parts(parts, count, all);
    if (all->failed)
        return error_no_memory(err, "a key", all->length);
    *key = key_set_find(&in->keys, all->data);
    *is_new = *key == NULL;
    if (!*is_new)
        return ACCEL_OK;
    ACCEL_TRY(sha256_bytes(all->data + 1, all->length - 1, hex, err));
    return key_set_add(&in->keys, all->data, hex, key, err);
}

/* ---- models and hardware ------------------------------------------------------------------------------------------------------ */

static accel_status stage_model(inserter *in, const record *r, const char **key, accel_error *err) {
    const char *parts[] = {r->model_name, r->model_source, r->model_sha256};
    bool is_new;
    ACCEL_TRY(key_of(in, 'm', parts, sizeof parts / sizeof *parts, key, &is_new, err));
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
        .natural_key = *key,
    };
    return stage_add(&in->stages[STAGE_MODELS], &m, err);
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

static accel_status stage_hardware(inserter *in, const record *r, const char **key, accel_error *err) {
    const char *parts[] = {r->platform,   r->device_name, r->device_id,  r->device_driver,
                           r->machine_id, r->machine_cpu, r->machine_os, r->machine_kernel};
    bool is_new;
    ACCEL_TRY(key_of(in, 'h', parts, sizeof parts / sizeof *parts, key, &is_new, err));
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
        .natural_key = *key,
    };
    accel_status status = metadata.failed ? error_no_memory(err, "a hardware row", metadata.length)
                                          : stage_add(&in->stages[STAGE_HARDWARE], &h, err);
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

/* The record but what is absent, its samples and, when it is ok, what has a column of its own or follows from the samples: query.c puts it back. */
static accel_status record_json(const record *r, bool ok, str_buf *out, accel_error *err) {
    record copy = *r, none;
    sample_figures follow;
    record_init(&none);
    ACCEL_TRY(figures_of_samples(r, &follow, err));
    if (r->latency_min_ms == follow.min_ms && r->latency_max_ms == follow.max_ms &&
        r->latency_std_ms == follow.std_ms)
        copy.latency_min_ms = copy.latency_max_ms = copy.latency_std_ms = (double)NAN;
    copy.samples_ns = NULL;
    copy.samples_ns_count = 0;
    if (ok) {
#define STORED_ELSEWHERE(member, column, scale) copy.member = none.member;
        RECORD_COLUMNS_INT(STORED_ELSEWHERE)
        RECORD_COLUMNS_REAL(STORED_ELSEWHERE)
        RECORD_COLUMNS_TEXT(STORED_ELSEWHERE)
    }
    record_write_json_brief(&copy, out);
    return out->failed ? error_no_memory(err, "a record", out->length) : ACCEL_OK;
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

static bool is_simulated(const record *r) {
    return r->is_simulated > 0 || str_equal(r->provenance, "simulated");
}

/* What makes two results measurements of the same thing (contracts.md); rewrite.c says the same in SQL. */
static accel_status stage_identity(inserter *in, staged_result *s, const char *model_key,
                                   const char *hardware_key, accel_error *err) {
    char batch[24], sequence[24], threads[24];
    const struct {
        int64_t value;
        char *text;
    } numbers[] = {{s->batch_size, batch}, {s->sequence_length, sequence}, {s->threads, threads}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        str_format(numbers[i].text, sizeof batch, "%lld", (long long)numbers[i].value);
    const char *parts[] = {model_key,
                           hardware_key,
                           s->engine,
                           s->engine_version,
                           s->precision,
                           s->batch_size != RECORD_NONE ? batch : NULL,
                           s->sequence_length != RECORD_NONE ? sequence : NULL,
                           s->shapes,
                           s->threads != RECORD_NONE ? threads : NULL,
                           s->mode,
                           s->scenario,
                           s->provenance,
                           s->is_simulated ? "true" : "false"};
    bool is_new;
    ACCEL_TRY(key_of(in, 'i', parts, sizeof parts / sizeof *parts, &s->identity_key, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    staged_identity i = {
        .model_key = model_key, .hardware_key = hardware_key, .natural_key = s->identity_key};
#define OF_SERIES(kind, name) i.name = s->name;
    STAGED_SERIES_FIELDS(OF_SERIES)
    return stage_add(&in->stages[STAGE_IDENTITIES], &i, err);
}

/* A record that is there twice in a transaction counts once. */
static accel_status stage_record_id(inserter *in, const record *r, bool *is_new, accel_error *err) {
    staged_id s = {.record_id = r->record_id};
    *is_new = key_set_find(&in->ids, r->record_id) == NULL;
    if (!*is_new)
        return ACCEL_OK;
    ACCEL_TRY(key_set_add(&in->ids, r->record_id, "", NULL, err));
    return stage_add(&in->stages[STAGE_IDS], &s, err);
}

static accel_status stage_result(inserter *in, const char *run_uuid, const record *r, accel_error *err) {
    const char *model_key, *hardware_key;
    char test_case[96];
    bool ok = str_equal(r->status, case_status_name(CASE_OK)), is_new;
    ACCEL_TRY(stage_record_id(in, r, &is_new, err));
    if (!is_new)
        return ACCEL_OK;
    ACCEL_TRY(stage_model(in, r, &model_key, err));
    ACCEL_TRY(stage_hardware(in, r, &hardware_key, err));
    str_format(test_case, sizeof test_case, "%s/%s", r->mode != NULL ? r->mode : "inference",
               r->scenario != NULL ? r->scenario : "single-stream");
    staged_result s = {
        .run_uuid = run_uuid,
        .test_case = test_case,
        .batch_size = r->batch,
        .precision = ok && r->precision_ran != NULL ? r->precision_ran : r->precision_asked,
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
        .is_simulated = is_simulated(r),
        .simulation_reason = r->simulation_reason,
    };
    if (ok)
        set_figures(&s, r);
    else
        no_figures(&s);
    ACCEL_TRY(stage_identity(in, &s, model_key, hardware_key, err));
    in->json.length = 0;
    ACCEL_TRY(record_json(r, ok, &in->json, err));
    s.metrics = in->json.data;
    return stage_add(&in->stages[STAGE_RESULTS], &s, err);
}

/* ---- rows of other kinds -------------------------------------------------------------------------------------------------------- */

/* Model and hardware of a row that is no record: what is known of them. */
static accel_status stage_subject(inserter *in, const char *name, const char *family, const char *modality,
                                  const char *source, const char *hardware, const char *device,
                                  staged_keys *out, accel_error *err) {
    record r;
    record_init(&r);
    r.model_name = name;
    r.model_family = family;
    r.model_modality = modality;
    r.model_source = source;
    r.platform = hardware;
    r.device_name = device;
    if (name != NULL)
        ACCEL_TRY(stage_model(in, &r, &out->model_key, err));
    return hardware != NULL ? stage_hardware(in, &r, &out->hardware_key, err) : ACCEL_OK;
}

static void append_member(str_buf *out, stage_kind kind, const void *member) {
    const char *text;
    switch (kind) {
    case STAGE_TEXT:
    case STAGE_JSON:
        text = *(const char *const *)member;
        str_append(out, text != NULL ? text : "\x01");
        return;
    case STAGE_INT:
        str_append_i64(out, *(const int64_t *)member);
        return;
    case STAGE_REAL:
        if (isnan(*(const double *)member) && !signbit(*(const double *)member)) /* most are */
            str_append_bytes(out, "nan", 3);
        else
            str_appendf(out, "%.17g", *(const double *)member);
        return;
    case STAGE_BOOL:
        str_append_i64(out, *(const int *)member);
        return;
    case STAGE_INTS:
        return;
    }
}

/* SHA-256 of what a staged row says, and of when its run began: the same said twice is one row. */
static accel_status content_key(inserter *in, const stage_table *t, const void *row, const store_run *run,
                                char key[SHA256_HEX_BYTES], accel_error *err) {
    str_buf *all = &in->text;
    all->length = 0;
    append_parts((const char *const[]){run->test_name != NULL ? run->test_name : "",
                                       run->started_at != NULL ? run->started_at : ""},
                 2, all);
    for (size_t c = 1; c < t->column_count;
         c++) { /* the first is the run's UUID: another in another file that says the same */
        append_member(all, t->columns[c].kind, (const char *)row + t->columns[c].offset);
        str_append_char(all, '\x1f');
    }
    return all->failed ? error_no_memory(err, "a key", all->length)
                       : sha256_bytes(all->data, all->length, key, err);
}

#define SUBJECT_OF(r)                                                                                        \
    (r)->model_name, (r)->model_family, (r)->model_modality, (r)->model_source, (r)->hardware_type,          \
        (r)->device_name

typedef char key_text[SHA256_HEX_BYTES];

/* Rows that are found again by what they say; parents, whose content keys their children name, among them. */
#define STAGE_KEYED(type, id, subject)                                                                       \
    static accel_status stage_##type##_rows(inserter *in, const store_batch *b, key_text *content,           \
                                            accel_error *err) {                                              \
        for (size_t i = 0; i < b->type##_count; i++) {                                                       \
            staged_##type s = {.keys.run_uuid = b->run.uuid, .row = b->type##_rows[i]};                      \
            subject;                                                                                         \
            ACCEL_TRY(content_key(in, &stage_tables[id], &s, &b->run, content[i], err));                     \
            s.keys.content_key = content[i];                                                                 \
            ACCEL_TRY(stage_add(&in->stages[id], &s, err));                                                  \
        }                                                                                                    \
        return ACCEL_OK;                                                                                     \
    }
#define WITH_SUBJECT ACCEL_TRY(stage_subject(in, SUBJECT_OF(&s.row), &s.keys, err))
STAGE_KEYED(integration, STAGE_INTEGRATION, WITH_SUBJECT)
STAGE_KEYED(compatibility, STAGE_COMPATIBILITY, WITH_SUBJECT)
STAGE_KEYED(web, STAGE_WEB, WITH_SUBJECT)
STAGE_KEYED(optimization, STAGE_OPTIMIZATIONS, (void)0)

#define STAGE_CHILDREN(type, id)                                                                             \
    static accel_status stage_##type##_rows(inserter *in, const store_batch *b, key_text *content,           \
                                            accel_error *err) {                                              \
        for (size_t i = 0; i < b->type##_count; i++) {                                                       \
            staged_##type s = {.row = b->type##_rows[i]};                                                    \
            s.keys.parent_key = content[s.row.parent];                                                       \
            ACCEL_TRY(stage_add(&in->stages[id], &s, err));                                                  \
        }                                                                                                    \
        return ACCEL_OK;                                                                                     \
    }
STAGE_CHILDREN(assertion, STAGE_ASSERTIONS)
STAGE_CHILDREN(webgpu, STAGE_WEBGPU)
STAGE_CHILDREN(shader, STAGE_SHADERS)
STAGE_CHILDREN(loading, STAGE_LOADING)

static accel_status stage_families(inserter *in, const store_batch *b, accel_error *err) {
    size_t most = b->integration_count + b->web_count + b->optimization_count + b->compatibility_count;
    if (most == 0)
        return ACCEL_OK;
    key_text *content = mem_calloc(most, sizeof *content);
    if (content == NULL)
        return error_no_memory(err, "keys of a batch", most * sizeof *content);
    key_text *web = content + b->integration_count, *optimizations = web + b->web_count;
    key_text *compatibility = optimizations + b->optimization_count;
    accel_status status = stage_integration_rows(in, b, content, err);
    if (status == ACCEL_OK)
        status = stage_assertion_rows(in, b, content, err);
    if (status == ACCEL_OK)
        status = stage_web_rows(in, b, web, err);
    if (status == ACCEL_OK)
        status = stage_webgpu_rows(in, b, web, err);
    if (status == ACCEL_OK)
        status = stage_optimization_rows(in, b, optimizations, err);
    if (status == ACCEL_OK)
        status = stage_shader_rows(in, b, optimizations, err);
    if (status == ACCEL_OK)
        status = stage_loading_rows(in, b, optimizations, err);
    if (status == ACCEL_OK)
        status = stage_compatibility_rows(in, b, compatibility, err);
    mem_free(content);
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
    for (size_t i = 0; i < STAGE_COUNT; i++)
        stage_init(&in->stages[i], db, &stage_tables[i]);
    *out = in;
    return ACCEL_OK;
}

static accel_status stage_batch(inserter *in, const store_batch *b, accel_error *err) {
    if (b->run.uuid != NULL) {
        staged_run s = {.row = b->run};
        ACCEL_TRY(stage_add(&in->stages[STAGE_RUNS], &s, err));
    }
    for (size_t i = 0; i < b->record_count; i++)
        ACCEL_TRY(stage_result(in, b->run.uuid, &b->records[i], err));
    ACCEL_TRY(stage_families(in, b, err));
    for (size_t i = 0; i < b->seen_count; i++) {
        staged_seen s = {.row = b->seen_rows[i]};
        ACCEL_TRY(stage_add(&in->stages[STAGE_SEEN], &s, err));
    }
    if (b->source == NULL)
        return ACCEL_OK;
    staged_source s = {.row = *b->source};
    return stage_add(&in->stages[STAGE_SOURCES], &s, err);
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
    accel_status status = stage_batch(in, b, err);
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
    if (status != ACCEL_OK || in->keys.count > MOST_KEYS)
        key_set_free(&in->keys); /* what they name is gone, or there are too many to keep */
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
    key_set_free(&in->keys);
    key_set_free(&in->ids);
    str_free(&in->text);
    str_free(&in->json);
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
