/* Many batches at once: what importers and `accel db add` write through. */
#include <string.h>

#include "base/mem.h"
#include "store/insert.h"
#include "store/store.h"

struct store_bulk {
    database db;
    inserter *in;
    const char *path;
};

enum { BULK_PATIENCE_S = 5, MOST_FILES = 1 << 24 };

accel_status store_bulk_open(const char *path, double patience_s, store_bulk **out, accel_error *err) {
    store_bulk *b = mem_calloc(1, sizeof *b);
    *out = NULL;
    if (b == NULL)
        return error_no_memory(err, "a writer", sizeof *b);
    accel_status status =
        database_open(path, false, patience_s < 0 ? (double)BULK_PATIENCE_S : patience_s, &b->db, err);
    /* Each checkpoint writes the last, unfinished part of every column again. */
    if (status == ACCEL_OK)
        status = database_exec(&b->db, "SET checkpoint_threshold = '256MB'", err);
    if (status == ACCEL_OK)
        status = inserter_create(&b->db, &b->in, err);
    if (status != ACCEL_OK) {
        database_close(&b->db);
        mem_free(b);
        return status;
    }
    inserter_learn(b->in);
    *out = b;
    return ACCEL_OK;
}

accel_status store_bulk_add(store_bulk *b, const store_batch *batch, accel_error *err) {
    if (batch->prepared == NULL)
        ACCEL_TRY(store_batch_validate(batch, err));
    else if (batch->source != NULL)
        ACCEL_TRY(store_source_validate(batch->source, err));
    return inserter_add(b->in, batch, err);
}

accel_status store_bulk_commit(store_bulk *b, int64_t *rows, accel_error *err) {
    return inserter_commit(b->in, rows, err);
}

/* "hash status message" of one file. */
static void split_file(char *text, store_file *out) {
    char *status = strchr(text, ' '), *message = status != NULL ? strchr(status + 1, ' ') : NULL;
    if (message == NULL)
        return; /* cannot be: the question put the blanks there */
    *status = *message = '\0';
    *out = (store_file){text, status + 1, message + 1};
}

accel_status store_bulk_files(store_bulk *b, arena *a, const store_file **out, size_t *count,
                              accel_error *err) {
    int64_t files = 0;
    statement s;
    ACCEL_TRY(statement_prepare(&b->db, "SELECT count(*) FROM migration_tracking", &s, err));
    ACCEL_TRY(statement_run(&s, &files, NULL, err));
    if (files < 0 || files > MOST_FILES)
        return error_set(err, ACCEL_LIMIT, "%s knows more than %d files", b->db.path, MOST_FILES);
    const char **texts = ARENA_ARRAY(a, const char *, (size_t)files + 1);
    store_file *known = ARENA_ARRAY(a, store_file, (size_t)files + 1);
    if (texts == NULL || known == NULL)
        return error_no_memory(err, "the files that are known", (size_t)files * sizeof *known);
    ACCEL_TRY(database_texts(
        &b->db, "SELECT file_hash || ' ' || status || ' ' || coalesce(message, '') FROM migration_tracking",
        a, texts, (size_t)files, count, err));
    for (size_t i = 0; i < *count; i++)
        split_file((char *)(uintptr_t)texts[i], &known[i]);
    *out = known;
    return ACCEL_OK;
}

void store_bulk_close(store_bulk *b) {
    if (b == NULL)
        return;
    inserter_destroy(b->in);
    database_close(&b->db);
    mem_free(b);
}
