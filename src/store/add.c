/* Results that somebody states, into the database. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/given.h"
#include "store/spool.h"
#include "store/store.h"

enum { MOST_ADD_BYTES = 1 << 28, MOST_ADDED = 1 << 20 };

typedef struct adding {
    arena *arena;
    given_defaults defaults;
    const char *result_type;
    store_batch *batches;
    size_t count;
} adding;

static accel_status read_one(adding *add, yyjson_val *object, accel_error *err) {
    store_batch *b = &add->batches[add->count];
    add->defaults.number = add->count++;
    ACCEL_TRY(given_read(add->result_type, object, &add->defaults, add->arena, b, err));
    return store_batch_validate(b, err);
}

static accel_status read_all(adding *add, yyjson_val *root, accel_error *err) {
    size_t i, n, count = yyjson_is_arr(root) ? yyjson_arr_size(root) : 1;
    yyjson_val *v;
    if (count > MOST_ADDED)
        return error_set(err, ACCEL_LIMIT, "%zu results are more than the %d that are added at once", count,
                         MOST_ADDED);
    if (count == 0)
        return error_set(err, ACCEL_BAD_FILE, "the list holds no result");
    add->batches = ARENA_ARRAY(add->arena, store_batch, count);
    if (add->batches == NULL)
        return error_no_memory(err, "results", count * sizeof *add->batches);
    if (!yyjson_is_arr(root))
        return read_one(add, root, err);
    yyjson_arr_foreach(root, i, n, v) {
        accel_status status = read_one(add, v, err);
        if (status != ACCEL_OK)
            return error_prefix(err, status, "result %zu of %zu", i + 1, n);
    }
    return ACCEL_OK;
}

static accel_status write_all(const adding *add, const char *path, accel_error *err) {
    store_bulk *bulk;
    ACCEL_TRY(store_bulk_open(path, -1, &bulk, err));
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < add->count && status == ACCEL_OK; i++)
        status = store_bulk_add(bulk, &add->batches[i], err);
    if (status == ACCEL_OK)
        status = store_bulk_commit(bulk, NULL, err);
    store_bulk_close(bulk);
    return status;
}

/* A single record need not wait for a lock that somebody else holds. */
static accel_status spool(const adding *add, const char *path, accel_error *err) {
    const store_batch *b = &add->batches[0];
    if (add->count > 1 || b->record_count == 0)
        return error_set(err, ACCEL_BUSY, "%s is in use by another process; try again when it is done", path);
    ACCEL_TRY(spool_write(path, &b->run, b->records, err));
    log_warning(
        "the result waits in %s.spool: another process has the database; whoever opens it next takes it in",
        path);
    return ACCEL_OK;
}

/* What tells the ids of this call from those of any other. */
static accel_status set_defaults(adding *add, const char *provenance, char now[CLOCK_UTC_TEXT_BYTES],
                                 accel_error *err) {
    record id;
    record_init(&id);
    ACCEL_TRY(record_new_id(add->arena, &id, err));
    add->defaults = (given_defaults){.provenance = provenance,
                                     .test_name = "accel db add",
                                     .started_at = clock_utc_text(clock_utc_us(), now),
                                     .seed = id.record_id};
    return ACCEL_OK;
}

accel_status store_add_given(const char *path, const char *result_type, const char *provenance,
                             const char *json, size_t length, size_t *added, accel_error *err) {
    char now[CLOCK_UTC_TEXT_BYTES];
    yyjson_doc *doc = NULL;
    adding add = {.arena = arena_create(), .result_type = result_type};
    accel_status status = add.arena != NULL ? ACCEL_OK : error_no_memory(err, "results", 0);
    if (status == ACCEL_OK)
        status = set_defaults(&add, provenance, now, err);
    if (status == ACCEL_OK)
        status = json_parse(json, length, MOST_ADD_BYTES, "the result", &doc, err);
    if (status == ACCEL_OK)
        status = read_all(&add, yyjson_doc_get_root(doc), err);
    if (status == ACCEL_OK) {
        accel_error why = {0};
        status = write_all(&add, path, &why);
        if (status == ACCEL_BUSY)
            status = spool(&add, path, err);
        else if (status != ACCEL_OK)
            error_set(err, status, "%s", why.message);
    }
    if (added != NULL)
        *added = status == ACCEL_OK ? add.count : 0;
    yyjson_doc_free(doc);
    arena_destroy(add.arena);
    return status;
}
