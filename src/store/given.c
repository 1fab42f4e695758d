#include "store/given.h"

#include <string.h>

#include "base/hash.h"
#include "store/given_record.h"
#include "store/given_value.h"

const char given_result_types[] = "performance|compatibility|integration|web|optimization";

/* ---- the fields of each kind of row --------------------------------------------------------------------------------- */

typedef struct given_field {
    const char *name;
    record_kind kind;
    size_t offset;
} given_field;
#define GIVEN_TEXT                      RECORD_TEXT
#define GIVEN_JSON                      RECORD_TEXT
#define GIVEN_INT                       RECORD_INT
#define GIVEN_REAL                      RECORD_REAL
#define GIVEN_BOOL                      RECORD_BOOL
#define FIELD_run(kind, name)           {#name, GIVEN_##kind, offsetof(store_run, name)},
#define FIELD_compatibility(kind, name) {#name, GIVEN_##kind, offsetof(store_compatibility, name)},
#define FIELD_integration(kind, name)   {#name, GIVEN_##kind, offsetof(store_integration, name)},
#define FIELD_assertion(kind, name)     {#name, GIVEN_##kind, offsetof(store_assertion, name)},
#define FIELD_web(kind, name)           {#name, GIVEN_##kind, offsetof(store_web, name)},
#define FIELD_webgpu(kind, name)        {#name, GIVEN_##kind, offsetof(store_webgpu, name)},
#define FIELD_optimization(kind, name)  {#name, GIVEN_##kind, offsetof(store_optimization, name)},
#define FIELD_shader(kind, name)        {#name, GIVEN_##kind, offsetof(store_shader, name)},
#define FIELD_loading(kind, name)       {#name, GIVEN_##kind, offsetof(store_loading, name)},
static const given_field run_fields[] = {STORE_RUN_FIELDS(FIELD_run)};
static const given_field compatibility_fields[] = {STORE_COMPATIBILITY_FIELDS(FIELD_compatibility)};
static const given_field integration_fields[] = {STORE_INTEGRATION_FIELDS(FIELD_integration)};
static const given_field assertion_fields[] = {STORE_ASSERTION_FIELDS(FIELD_assertion)};
static const given_field web_fields[] = {STORE_WEB_FIELDS(FIELD_web)};
static const given_field webgpu_fields[] = {STORE_WEBGPU_FIELDS(FIELD_webgpu)};
static const given_field optimization_fields[] = {STORE_OPTIMIZATION_FIELDS(FIELD_optimization)};
static const given_field shader_fields[] = {STORE_SHADER_FIELDS(FIELD_shader)};
static const given_field loading_fields[] = {STORE_LOADING_FIELDS(FIELD_loading)};

/* A row being filled, and whether any member of the object was for it. */
typedef struct target {
    const given_field *fields;
    size_t count;
    void *row;
    bool any;
} target;
#define TARGET(type, row) {type##_fields, sizeof type##_fields / sizeof *type##_fields, row, false}

typedef struct reading {
    const given_defaults *defaults;
    arena *arena;
    target targets
        [3]; /* the row, then its children of which there can be one: a name belongs to the first that has it */
    size_t target_count;
    const char *json_column; /* takes what nobody knows; "" and no column: an unknown name is refused */
    const char *list;        /* a member with children of their own; NULL: none */
    accel_error *err;
} reading;

static const given_field *find(const target *t, const char *name) {
    for (size_t i = 0; i < t->count; i++)
        if (str_equal(t->fields[i].name, name) && !str_equal(name, "parent"))
            return &t->fields[i];
    return NULL;
}

static bool is_of_run(const char *name) {
    static const char *const names[] = {"run",        "started_at", "completed_at",
                                        "git_commit", "git_branch", "command_line"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_equal(name, names[i]))
            return true;
    return false;
}

static accel_status read_member(reading *in, const char *name, yyjson_val *v, given_rest *rest) {
    const char *column = str_equal(name, "modality") ? "model_modality" : name;
    if (str_equal(name, in->json_column))
        return given_is_absent(v, in->defaults) || given_keep_all(rest, v)
                   ? ACCEL_OK
                   : error_set(in->err, ACCEL_BAD_FILE, "%s must be an object", name);
    for (size_t t = 0; t < in->target_count; t++) {
        const given_field *f = find(&in->targets[t], column);
        if (f == NULL)
            continue;
        in->targets[t].any |= !given_is_absent(v, in->defaults);
        return given_value(f->kind, name, v, 1, in->defaults, in->arena,
                           (char *)in->targets[t].row + f->offset, NULL, in->err);
    }
    if (yyjson_is_null(v) || is_of_run(name) || given_is_internal(name) || str_equal(name, in->list))
        return ACCEL_OK;
    if (*in->json_column == '\0')
        return error_set(in->err, ACCEL_BAD_FILE, "'%.60s' is no member of it", name);
    given_keep(rest, name, v);
    return ACCEL_OK;
}

/* Fills the rows; what nobody knows becomes *json (NULL: nothing). */
static accel_status read_members(reading *in, yyjson_val *object, const char **json) {
    size_t i, count;
    yyjson_val *key, *v;
    given_rest rest = {0};
    *json = NULL;
    yyjson_obj_foreach(object, i, count, key, v) {
        accel_status status = read_member(in, yyjson_get_str(key), v, &rest);
        if (status != ACCEL_OK) {
            str_free(&rest.json);
            return status;
        }
    }
    return given_rest_finish(&rest, in->arena, json, in->err);
}

/* ---- provenance ------------------------------------------------------------------------------------------------------ */

typedef struct provenance {
    const char **provenance;
    int *is_simulated;
    const char **reason;
} provenance;
#define PROVENANCE_OF(row)                                                                                   \
    (provenance) {                                                                                           \
        &(row)->provenance, &(row)->is_simulated, &(row)->simulation_reason                                  \
    }

/* A figure that accel did not measure is imported, unless somebody says otherwise; one that was made up must say why it is here. */
static accel_status set_provenance(provenance p, const given_defaults *d, accel_error *err) {
    const char *stated = *p.provenance;
    if (stated == NULL || d->from_table)
        *p.provenance = d->provenance != NULL ? d->provenance : "imported";
    if (str_equal(stated, "simulated") || str_equal(*p.provenance, "simulated") ||
        (d->from_table && str_equal(stated, "predicted")))
        *p.is_simulated = 1;
    if (*p.is_simulated <= 0 || *p.reason != NULL)
        return ACCEL_OK;
    if (!d->from_table)
        return error_set(err, ACCEL_BAD_FILE,
                         "a simulated result needs simulation_reason: what made its figures");
    *p.reason = str_equal(stated, "predicted") ? "the file says that it was predicted"
                                               : "the file says that it was simulated";
    return ACCEL_OK;
}

/* ---- the kinds ------------------------------------------------------------------------------------------------------- */

#define NEW_ROW(type, row)                                                                                   \
    store_##type *row = ARENA_NEW(in->arena, store_##type);                                                  \
    if (row == NULL)                                                                                         \
        return error_no_memory(in->err, "a result", sizeof *row);                                            \
    store_##type##_init(row)

static accel_status read_performance(reading *in, yyjson_val *object, store_batch *out) {
    record *r = ARENA_NEW(in->arena, record);
    if (r == NULL)
        return error_no_memory(in->err, "a record", sizeof *r);
    ACCEL_TRY(given_record(object, in->defaults, in->arena, r, in->err));
    ACCEL_TRY(set_provenance(PROVENANCE_OF(r), in->defaults, in->err));
    if (r->started_at == NULL)
        r->started_at = out->run.started_at;
    out->records = r;
    out->record_count = 1;
    return ACCEL_OK;
}

static accel_status read_compatibility(reading *in, yyjson_val *object, store_batch *out) {
    NEW_ROW(compatibility, row);
    in->targets[in->target_count++] = (target)TARGET(compatibility, row);
    in->json_column = "metadata";
    ACCEL_TRY(read_members(in, object, &row->metadata));
    if (row->is_compatible > 0) { /* it ran: so it was there, and was loaded */
        row->detection_success = row->detection_success < 0 ? 1 : row->detection_success;
        row->initialization_success = row->initialization_success < 0 ? 1 : row->initialization_success;
    }
    out->compatibility_rows = row;
    out->compatibility_count = 1;
    return set_provenance(PROVENANCE_OF(row), in->defaults, in->err);
}

static accel_status read_assertions(reading *in, yyjson_val *list, store_batch *out) {
    size_t i, count;
    yyjson_val *v;
    const char *rest;
    if (list == NULL || yyjson_is_null(list))
        return ACCEL_OK;
    if (!yyjson_is_arr(list))
        return error_set(in->err, ACCEL_BAD_FILE, "assertions must be a list of objects");
    store_assertion *rows = ARENA_ARRAY(in->arena, store_assertion, yyjson_arr_size(list));
    if (rows == NULL)
        return error_no_memory(in->err, "assertions", yyjson_arr_size(list) * sizeof *rows);
    yyjson_arr_foreach(list, i, count, v) {
        reading one = {.defaults = in->defaults, .arena = in->arena, .json_column = "", .err = in->err};
        store_assertion_init(&rows[i]);
        one.targets[one.target_count++] = (target)TARGET(assertion, &rows[i]);
        if (!yyjson_is_obj(v))
            return error_set(in->err, ACCEL_BAD_FILE, "assertions must be a list of objects");
        ACCEL_TRY(read_members(&one, v, &rest));
        rows[i].parent = 0;
    }
    out->assertion_rows = rows;
    out->assertion_count = count;
    return ACCEL_OK;
}

static accel_status read_integration(reading *in, yyjson_val *object, store_batch *out) {
    NEW_ROW(integration, row);
    in->targets[in->target_count++] = (target)TARGET(integration, row);
    in->json_column = "metadata";
    in->list = "assertions";
    ACCEL_TRY(read_members(in, object, &row->metadata));
    ACCEL_TRY(read_assertions(in, yyjson_obj_get(object, in->list), out));
    out->run.test_type = "integration";
    out->integration_rows = row;
    out->integration_count = 1;
    return set_provenance(PROVENANCE_OF(row), in->defaults, in->err);
}

static accel_status read_web(reading *in, yyjson_val *object, store_batch *out) {
    NEW_ROW(web, row);
    NEW_ROW(webgpu, features);
    in->targets[in->target_count++] = (target)TARGET(web, row);
    in->targets[in->target_count++] = (target)TARGET(webgpu, features);
    in->json_column = "metrics";
    ACCEL_TRY(read_members(in, object, &row->metrics));
    if (row->hardware_type == NULL)
        row->hardware_type = row->platform; /* webnn, webgpu and wasm are platforms, too */
    features->parent = 0;
    out->web_rows = row;
    out->web_count = 1;
    out->webgpu_rows = features;
    out->webgpu_count = in->targets[1].any;
    return set_provenance(PROVENANCE_OF(row), in->defaults, in->err);
}

static accel_status read_optimization(reading *in, yyjson_val *object, store_batch *out) {
    NEW_ROW(optimization, row);
    NEW_ROW(shader, shaders);
    NEW_ROW(loading, loading);
    in->targets[in->target_count++] = (target)TARGET(optimization, row);
    in->targets[in->target_count++] = (target)TARGET(shader, shaders);
    in->targets[in->target_count++] = (target)TARGET(loading, loading);
    in->json_column = "environment";
    ACCEL_TRY(read_members(in, object, &row->environment));
    if (row->test_datetime == NULL)
        row->test_datetime = out->run.started_at;
    shaders->test_datetime = loading->test_datetime = row->test_datetime;
    shaders->parent = loading->parent = 0;
    out->run.uuid = NULL; /* these rows belong to no run */
    out->optimization_rows = row;
    out->optimization_count = 1;
    out->shader_rows = shaders;
    out->shader_count = in->targets[1].any;
    out->loading_rows = loading;
    out->loading_count = in->targets[2].any;
    return set_provenance(PROVENANCE_OF(row), in->defaults, in->err);
}

/* ---- the run --------------------------------------------------------------------------------------------------------- */

accel_status uuid_from_text(arena *a, const char *text, const char **out, accel_error *err) {
    char uuid[37];
    ACCEL_TRY(store_uuid_of(text, strlen(text), uuid, err));
    *out = arena_strdup(a, uuid);
    return *out != NULL ? ACCEL_OK : error_no_memory(err, "an id", sizeof uuid);
}

/* Members of the object "run", and those that stand beside the result's own. */
static accel_status read_run(reading *in, yyjson_val *object, store_run *run) {
    static const char *const beside[] = {"started_at", "completed_at", "git_commit", "git_branch",
                                         "command_line"};
    const given_defaults *d = in->defaults;
    target whole = TARGET(run, run);
    yyjson_val *inside = yyjson_obj_get(object, "run");
    const char *rest;
    store_run_init(run);
    if (yyjson_is_obj(inside)) {
        reading one = {.defaults = d, .arena = in->arena, .json_column = "metadata", .err = in->err};
        one.targets[one.target_count++] = whole;
        ACCEL_TRY(read_members(&one, inside, &rest));
        run->metadata = rest;
    }
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        const given_field *f = find(&whole, beside[i]);
        ACCEL_TRY(given_value(f->kind, f->name, yyjson_obj_get(object, f->name), 1, d, in->arena,
                              (char *)run + f->offset, NULL, in->err));
    }
    run->test_name = run->test_name != NULL ? run->test_name : d->test_name;
    run->started_at = run->started_at != NULL ? run->started_at : d->started_at;
    if (run->uuid != NULL)
        return ACCEL_OK;
    const char *name = arena_printf(
        in->arena, "%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s\x1frun", d->seed, run->test_name, run->started_at,
        run->git_commit != NULL ? run->git_commit : "", run->git_branch != NULL ? run->git_branch : "",
        run->command_line != NULL ? run->command_line : "");
    return name != NULL ? uuid_from_text(in->arena, name, &run->uuid, in->err)
                        : error_no_memory(in->err, "a run", 0);
}

accel_status given_read(const char *result_type, yyjson_val *object, const given_defaults *defaults, arena *a,
                        store_batch *out, accel_error *err) {
    static const struct {
        const char *name;
        accel_status (*read)(reading *in, yyjson_val *object, store_batch *out);
    } kinds[] = {{"performance", read_performance},
                 {"compatibility", read_compatibility},
                 {"integration", read_integration},
                 {"web", read_web},
                 {"optimization", read_optimization}};
    reading in = {.defaults = defaults, .arena = a, .json_column = "", .err = err};
    *out = (store_batch){0};
    if (!yyjson_is_obj(object))
        return error_set(err, ACCEL_BAD_FILE, "a result must be a JSON object");
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (!str_equal(kinds[k].name, result_type))
            continue;
        ACCEL_TRY(read_run(&in, object, &out->run));
        if (out->run.test_type == NULL)
            out->run.test_type = str_equal(result_type, "compatibility") ? "compatibility" : "performance";
        return kinds[k].read(&in, object, out);
    }
    return error_set(err, ACCEL_INVALID_ARGUMENT, "there is no result type '%.40s'; there are: %s",
                     result_type, given_result_types);
}
