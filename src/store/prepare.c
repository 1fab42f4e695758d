#include "store/prepare.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/insert_stages.h"
#include "store/key_set.h"
#include "store/record_columns.h"

enum { MOST_KEYS = 1 << 17 };

struct store_preparer {
    key_set keys; /* natural keys of models, hardware and series, by what they are made of */
    str_buf text; /* of a key */
    str_buf json; /* of a record */
};

store_preparer *store_preparer_create(void) {
    return mem_calloc(1, sizeof(store_preparer));
}

void store_preparer_destroy(store_preparer *p) {
    if (p == NULL)
        return;
    key_set_free(&p->keys);
    str_free(&p->text);
    str_free(&p->json);
    mem_free(p);
}

/* ---- natural keys -------------------------------------------------------------------------------------------------------------- */

static void append_parts(const char *const *parts, size_t count, str_buf *out) {
    for (size_t i = 0; i < count; i++) {
        str_append(out, parts[i] != NULL ? parts[i] : "\x01");
        str_append_char(out, '\x1f');
    }
}

/* SHA-256 of the parts, in a. */
static accel_status key_of(store_preparer *p, arena *a, const char *const *parts, size_t count,
                           const char **key, accel_error *err) {
    char hex[SHA256_HEX_BYTES];
    str_buf *all = &p->text;
    all->length = 0;
    all->failed = false;
    append_parts(parts, count, all);
    if (all->failed)
        return error_no_memory(err, "a key", all->length);
    const char *known = key_set_find(&p->keys, all->data);
    if (known == NULL) {
        ACCEL_TRY(sha256_bytes(all->data, all->length, hex, err));
        if (p->keys.count >= MOST_KEYS)
            key_set_free(&p->keys);
        ACCEL_TRY(key_set_add(&p->keys, all->data, hex, &known, err));
    }
    *key = arena_strndup(a, known, SHA256_HEX_BYTES - 1);
    return *key != NULL ? ACCEL_OK : error_no_memory(err, "a key", SHA256_HEX_BYTES);
}

static accel_status model_key(store_preparer *p, arena *a, const char *name, const char *source,
                              const char *version, store_prepared *out, accel_error *err) {
    const char *parts[] = {name, source, version};
    return key_of(p, a, parts, sizeof parts / sizeof *parts, &out->model_key, err);
}

static accel_status hardware_key(store_preparer *p, arena *a, const record *r, store_prepared *out,
                                 accel_error *err) {
    const char *parts[] = {r->platform,   r->device_name, r->device_id,  r->device_driver,
                           r->machine_id, r->machine_cpu, r->machine_os, r->machine_kernel};
    return key_of(p, a, parts, sizeof parts / sizeof *parts, &out->hardware_key, err);
}

/* What makes two results measurements of the same thing (contracts.md); rewrite.c says the same in SQL. */
static accel_status identity_key(store_preparer *p, arena *a, const record *r, store_prepared *out,
                                 accel_error *err) {
    char batch[24], sequence[24], threads[24];
    const struct {
        int64_t value;
        char *text;
    } numbers[] = {{r->batch, batch}, {r->sequence, sequence}, {r->threads, threads}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        str_format(numbers[i].text, sizeof batch, "%lld", (long long)numbers[i].value);
    const char *parts[] = {out->model_key,
                           out->hardware_key,
                           r->engine_name,
                           r->engine_version,
                           record_precision(r),
                           r->batch != RECORD_NONE ? batch : NULL,
                           r->sequence != RECORD_NONE ? sequence : NULL,
                           r->shapes,
                           r->threads != RECORD_NONE ? threads : NULL,
                           r->mode,
                           r->scenario,
                           r->provenance,
                           record_is_simulated(r) ? "true" : "false"};
    return key_of(p, a, parts, sizeof parts / sizeof *parts, &out->identity_key, err);
}

/* ---- records ---------------------------------------------------------------------------------------------------------------------- */

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

static accel_status prepare_record(store_preparer *p, arena *a, const record *r, store_prepared *out,
                                   accel_error *err) {
    ACCEL_TRY(model_key(p, a, r->model_name, r->model_source, r->model_sha256, out, err));
    ACCEL_TRY(hardware_key(p, a, r, out, err));
    ACCEL_TRY(identity_key(p, a, r, out, err));
    p->json.length = 0;
    p->json.failed = false;
    ACCEL_TRY(record_json(r, record_is_ok(r), &p->json, err));
    out->metrics = arena_strndup(a, p->json.data, p->json.length);
    out->test_case = arena_printf(a, "%s/%s", r->mode != NULL ? r->mode : "inference",
                                  r->scenario != NULL ? r->scenario : "single-stream");
    return out->metrics != NULL && out->test_case != NULL ? ACCEL_OK
                                                          : error_no_memory(err, "a record", p->json.length);
}

/* ---- rows of other kinds -------------------------------------------------------------------------------------------------------- */

/* Model and hardware of a row that is no record: what is known of them. */
static accel_status subject_keys(store_preparer *p, arena *a, const char *name, const char *source,
                                 const char *hardware, const char *device, store_prepared *out,
                                 accel_error *err) {
    record r;
    if (name != NULL)
        ACCEL_TRY(model_key(p, a, name, source, NULL, out, err));
    if (hardware == NULL)
        return ACCEL_OK;
    record_init(&r);
    r.platform = hardware;
    r.device_name = device;
    return hardware_key(p, a, &r, out, err);
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
static accel_status content_key(store_preparer *p, arena *a, const stage_table *t, const void *row,
                                const store_run *run, store_prepared *out, accel_error *err) {
    char hex[SHA256_HEX_BYTES];
    str_buf *all = &p->text;
    all->length = 0;
    all->failed = false;
    append_parts((const char *const[]){run->test_name != NULL ? run->test_name : "",
                                       run->started_at != NULL ? run->started_at : ""},
                 2, all);
    for (size_t c = 1; c < t->column_count;
         c++) { /* the first is the run's UUID: another in another file that says the same */
        append_member(all, t->columns[c].kind, (const char *)row + t->columns[c].offset);
        str_append_char(all, '\x1f');
    }
    if (all->failed)
        return error_no_memory(err, "a key", all->length);
    ACCEL_TRY(sha256_bytes(all->data, all->length, hex, err));
    out->content_key = arena_strndup(a, hex, SHA256_HEX_BYTES - 1);
    return out->content_key != NULL ? ACCEL_OK : error_no_memory(err, "a key", sizeof hex);
}

/* Rows that are found again by what they say; parents, whose content keys their children name, among them. */
#define PREPARE_KEYED(type, id, subject)                                                                     \
    static accel_status prepare_##type##_rows(store_preparer *p, arena *a, const store_batch *b,             \
                                              store_prepared *out, accel_error *err) {                       \
        for (size_t i = 0; i < b->type##_count; i++) {                                                       \
            staged_##type s = {.row = b->type##_rows[i]};                                                    \
            subject;                                                                                         \
            s.keys.model_key = out[i].model_key;                                                             \
            s.keys.hardware_key = out[i].hardware_key;                                                       \
            ACCEL_TRY(content_key(p, a, &stage_tables[id], &s, &b->run, &out[i], err));                      \
        }                                                                                                    \
        return ACCEL_OK;                                                                                     \
    }
#define WITH_SUBJECT                                                                                         \
    ACCEL_TRY(subject_keys(p, a, s.row.model_name, s.row.model_source, s.row.hardware_type,                  \
                           s.row.device_name, &out[i], err))
PREPARE_KEYED(integration, STAGE_INTEGRATION, WITH_SUBJECT)
PREPARE_KEYED(web, STAGE_WEB, WITH_SUBJECT)
PREPARE_KEYED(optimization, STAGE_OPTIMIZATIONS, (void)0)
PREPARE_KEYED(compatibility, STAGE_COMPATIBILITY, WITH_SUBJECT)

/* ---- batches -------------------------------------------------------------------------------------------------------------------- */

accel_status prepare_batch(store_preparer *p, arena *a, store_batch *b, accel_error *err) {
    size_t count = b->record_count + b->integration_count + b->web_count + b->optimization_count +
                   b->compatibility_count;
    store_prepared *out = ARENA_ARRAY(a, store_prepared, count);
    if (out == NULL)
        return error_no_memory(err, "keys of a batch", count * sizeof *out);
    b->prepared = out;
    for (size_t i = 0; i < b->record_count; i++)
        ACCEL_TRY(prepare_record(p, a, &b->records[i], out++, err));
    ACCEL_TRY(prepare_integration_rows(p, a, b, out, err));
    out += b->integration_count;
    ACCEL_TRY(prepare_web_rows(p, a, b, out, err));
    out += b->web_count;
    ACCEL_TRY(prepare_optimization_rows(p, a, b, out, err));
    out += b->optimization_count;
    return prepare_compatibility_rows(p, a, b, out, err);
}

accel_status store_batch_prepare(store_preparer *p, arena *a, store_batch *b, accel_error *err) {
    store_batch own = *b;
    own.source = NULL;
    ACCEL_TRY(store_batch_validate(&own, err));
    accel_status status = prepare_batch(p, a, &own, err);
    b->prepared = status == ACCEL_OK ? own.prepared : NULL;
    return status;
}
