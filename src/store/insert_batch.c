/* A batch's rows of all kinds to the stages, but those that are there already. */
#include "base/mem.h"
#include "store/inserter.h"

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

accel_status stage_row(inserter *in, stage_id id, const void *row, accel_error *err) {
    if (in->stages[id].total == 0)
        ACCEL_TRY(begin_stage(in, id, err));
    in->added++;
    return stage_add(&in->stages[id], row, err);
}

accel_status inserter_wants(inserter *in, stage_id id, const char *text, bool *wanted, accel_error *err) {
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

accel_status inserter_is_new(inserter *in, stage_id id, const char *key, bool *is_new, accel_error *err) {
    *is_new = key_set_find(&in->natural[id], key) == NULL;
    return *is_new ? key_set_add(&in->natural[id], key, "", NULL, err) : ACCEL_OK;
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
            ACCEL_TRY(inserter_wants(in, id, p[i].content_key, &wanted[i], err));                            \
            if (!wanted[i])                                                                                  \
                continue;                                                                                    \
            subject;                                                                                         \
            ACCEL_TRY(stage_row(in, id, &s, err));                                                           \
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
                ACCEL_TRY(stage_row(in, id, &s, err));                                                       \
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

/* ---- a batch -------------------------------------------------------------------------------------------------------------------- */

static accel_status stage_run(inserter *in, const store_run *run, accel_error *err) {
    staged_run s = {.row = *run};
    bool wanted;
    ACCEL_TRY(inserter_wants(in, STAGE_RUNS, run->uuid, &wanted, err));
    return wanted ? stage_row(in, STAGE_RUNS, &s, err) : ACCEL_OK;
}

accel_status stage_batch(inserter *in, const store_batch *b, accel_error *err) {
    if (b->run.uuid != NULL)
        ACCEL_TRY(stage_run(in, &b->run, err));
    for (size_t i = 0; i < b->record_count; i++)
        ACCEL_TRY(stage_result(in, b->run.uuid, &b->records[i], &b->prepared[i], err));
    ACCEL_TRY(stage_families(in, b, err));
    for (size_t i = 0; i < b->seen_count; i++) {
        staged_seen s = {.row = b->seen_rows[i]};
        ACCEL_TRY(stage_row(in, STAGE_SEEN, &s, err));
    }
    if (b->source == NULL)
        return ACCEL_OK;
    staged_source s = {.row = *b->source};
    return stage_row(in, STAGE_SOURCES, &s, err);
}
