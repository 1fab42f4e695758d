/* An import: files are read by several threads, while one of them writes those that were read, in their order. */
#include "import/import.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engines/engine.h"
#include "import/databases.h"
#include "import/file.h"
#include "import/find.h"
#include "import/known.h"
#include "import/pipeline.h"
#include "import/put_away.h"
#include "store/store.h"

/* What is read ahead is bounded by memory; a transaction takes in many files, since each costs an fsync and a dozen statements. */
enum { FILES_AHEAD = 4096, BYTES_AHEAD = 48 << 20, COMMIT_FILES = 1 << 15, COMMIT_BYTES = 256 << 20 };
enum { FILES_BETWEEN_PROGRESS = 256 };

const char *import_outcome_name(import_outcome outcome) {
    static const char *const names[] = {"imported", "skipped", "rejected"};
    return names[outcome];
}

typedef struct member {
    file_reading reading;
    accel_status status; /* of reading it */
    accel_error err;
} member;

/* What is remembered of a file between its staging and its commit. */
typedef struct pending {
    const char *hash;
    bool staged;    /* the transaction holds it */
    bool committed; /* its content is in the database, from now or from before */
} pending;

typedef struct import {
    const import_options *options;
    import_report *report;
    found_files files;
    known_files known; /* of the database: not changed while threads read */
    known_files seen;  /* of this import */
    store_bulk *bulk;  /* NULL: a dry run */
    pending *pending;  /* of every file */
    size_t first_pending;
    uint64_t pending_bytes;
    bool any_staged;
    member *members;            /* FILES_AHEAD */
    store_preparer **preparers; /* one a thread */
    accel_status status;        /* of the writer: what ends the import */
    accel_error err;
} import;

static import_stated stated_by(const import_options *options) {
    return (import_stated){options->model, options->hardware};
}

/* ---- outcomes -------------------------------------------------------------------------------------------------------------------- */

static accel_status set_message(import *im, import_file *f, const char *message, accel_error *err) {
    f->message = *message != '\0' ? arena_strdup(im->report->arena, message) : NULL;
    return f->message != NULL || *message == '\0' ? ACCEL_OK
                                                  : error_no_memory(err, "a message", strlen(message));
}

static accel_status settle(import *im, import_file *f, import_outcome outcome, const char *message,
                           accel_error *err) {
    f->outcome = outcome;
    if (outcome != IMPORT_IMPORTED)
        f->rows = 0;
    return set_message(im, f, message, err);
}

static bool is_imported(const known_file *k) {
    return k != NULL && str_equal(k->status, "imported");
}

static const known_file *find_known(const import *im, const char *hash) {
    const known_file *k = known_find(&im->seen, hash);
    return k != NULL ? k : known_find(&im->known, hash);
}

/* What the report says of a file that was read. *is_new: the database must hear of it. */
static accel_status judge(import *im, member *m, import_file *f, bool *is_new, accel_error *err) {
    const file_reading *r = &m->reading;
    *is_new = false;
    f->size_bytes = r->size_bytes;
    if (m->status != ACCEL_OK) {
        if (m->status == ACCEL_OUT_OF_MEMORY)
            return error_set(err, m->status, "%s", m->err.message);
        return settle(im, f, IMPORT_REJECTED, m->err.message, err);
    }
    f->shape = r->shape != NULL ? r->shape->name : NULL;
    f->category = r->shape != NULL ? r->shape->category : NULL;
    f->rows = import_rows_count(&r->rows);
    const known_file *known = find_known(im, r->hash);
    if (is_imported(known)) {
        f->known = true;
        return settle(im, f, IMPORT_SKIPPED, "its bytes were taken in before", err);
    }
    if (im->options->category != NULL && !str_equal(im->options->category, f->category) &&
        r->outcome == IMPORT_IMPORTED) {
        char message[96];
        str_format(message, sizeof message, "it is of the category %s, which was not asked for", f->category);
        return settle(im, f, IMPORT_SKIPPED, message, err);
    }
    f->known = known != NULL && str_equal(known->status, import_outcome_name(r->outcome)) &&
               str_equal(known->message, r->message);
    *is_new = !f->known;
    return settle(im, f, r->outcome, r->message, err);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------------ */

/* What the database refuses is the file's fault; what the disk or the memory refuses ends the import. */
static bool is_the_files_fault(accel_status status) {
    return status == ACCEL_BAD_FILE || status == ACCEL_LIMIT || status == ACCEL_UNSUPPORTED;
}

/* Its rows, where it has any, and what became of it. */
static accel_status stage(import *im, const file_reading *r, import_file *f, accel_error *err) {
    accel_error own = {0};
    store_batch batch = {0};
    store_run_init(&batch.run);
    if (f->outcome == IMPORT_IMPORTED)
        batch = file_reading_batch(r);
    store_source source = {.file_path = f->path,
                           .file_hash = r->hash,
                           .file_size = (int64_t)f->size_bytes,
                           .category = f->category,
                           .status = import_outcome_name(f->outcome),
                           .records_imported = (int64_t)f->rows,
                           .message = f->message};
    batch.source = &source;
    accel_status status = store_bulk_add(im->bulk, &batch, &own);
    if (is_the_files_fault(status) && f->outcome == IMPORT_IMPORTED) {
        ACCEL_TRY(settle(im, f, IMPORT_REJECTED, own.message, err));
        return stage(im, r, f, err);
    }
    im->any_staged |= status == ACCEL_OK;
    return status == ACCEL_OK ? ACCEL_OK : error_set(err, status, "%s", own.message);
}

static accel_status commit(import *im, accel_error *err) {
    int64_t rows = 0;
    ACCEL_TRY(store_bulk_commit(im->bulk, &rows, err));
    im->report->new_rows += rows;
    return ACCEL_OK;
}

/* One file of a transaction that was refused, read again. */
static accel_status write_alone(import *im, size_t index, accel_error *err) {
    import_file *f = &im->report->files[index];
    file_reading r;
    accel_error own = {0};
    accel_status status = file_reading_of_path(f->path, stated_by(im->options), NULL, NULL, &r, &own);
    if (status == ACCEL_OK && !str_equal(r.hash, im->pending[index].hash))
        status = error_set(&own, ACCEL_BAD_FILE, "it was changed while it was read");
    if (status == ACCEL_OK)
        status = stage(im, &r, f, &own);
    if (status == ACCEL_OK)
        status = commit(im, &own);
    if (status != ACCEL_OK && status != ACCEL_IO && status != ACCEL_OUT_OF_MEMORY &&
        f->outcome == IMPORT_IMPORTED) {
        status = settle(im, f, IMPORT_REJECTED, own.message, &own);
        if (status == ACCEL_OK)
            status = stage(im, &r, f, &own);
        if (status == ACCEL_OK)
            status = commit(im, &own);
    }
    file_reading_free(&r);
    return status == ACCEL_OK ? ACCEL_OK : error_set(err, status, "%s", own.message);
}

static accel_status put_away(import *im, size_t index, accel_error *err) {
    const import_options *o = im->options;
    import_file *f = &im->report->files[index];
    if (o->dry_run || !im->pending[index].committed || (o->archive == NULL && !o->remove))
        return ACCEL_OK;
    if (o->archive != NULL)
        ACCEL_TRY(put_away_move(f->path, im->files.roots[index], o->archive, im->pending[index].hash, err));
    else
        ACCEL_TRY(file_remove(f->path, err));
    f->put_away = true;
    return ACCEL_OK;
}

/* Ends the transaction. A refused one is taken apart, so that only the file that cannot go in is turned away. */
static accel_status finish_pending(import *im, size_t end, accel_error *err) {
    accel_error own = {0};
    accel_status status = im->any_staged ? commit(im, &own) : ACCEL_OK;
    im->any_staged = false;
    if (status == ACCEL_IO || status == ACCEL_OUT_OF_MEMORY)
        return error_set(err, status, "%s", own.message);
    for (size_t i = im->first_pending; i < end; i++) {
        pending *p = &im->pending[i];
        if (status != ACCEL_OK && p->staged)
            ACCEL_TRY(write_alone(im, i, err));
        p->committed |= p->staged && im->report->files[i].outcome == IMPORT_IMPORTED;
        ACCEL_TRY(put_away(im, i, err)); /* only now: the content is safe */
        im->report->counts[im->report->files[i].outcome]++;
    }
    im->first_pending = im->report->file_count = end;
    im->pending_bytes = 0;
    return ACCEL_OK;
}

static accel_status write_member(import *im, member *m, size_t index, accel_error *err) {
    import_file *f = &im->report->files[index];
    pending *p = &im->pending[index];
    bool is_new;
    ACCEL_TRY(judge(im, m, f, &is_new, err));
    if (m->status != ACCEL_OK)
        return ACCEL_OK;
    p->hash = arena_strdup(im->report->arena, m->reading.hash);
    if (p->hash == NULL)
        return error_no_memory(err, "a hash", SHA256_HEX_BYTES);
    p->committed = is_imported(known_find(&im->known, p->hash));
    if (!is_new)
        return ACCEL_OK;
    if (im->bulk == NULL)
        im->report->new_rows += (int64_t)f->rows;
    else
        ACCEL_TRY(stage(im, &m->reading, f, err));
    p->staged = im->bulk != NULL;
    return known_add(
        &im->seen,
        (known_file){p->hash, import_outcome_name(f->outcome), f->message != NULL ? f->message : ""}, err);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------------ */

/* A file whose bytes were imported before need not be parsed. */
static bool is_known(void *context, const char *hash) {
    const import *im = context;
    return is_imported(known_find(&im->known, hash));
}

static uint64_t read_file(void *context, size_t index, size_t slot, int worker) {
    import *im = context;
    member *m = &im->members[slot];
    *m = (member){0};
    m->status = file_reading_of_path(im->files.paths[index], stated_by(im->options), is_known, im,
                                     &m->reading, &m->err);
    if (m->status == ACCEL_OK)
        m->status = file_reading_prepare(&m->reading, im->preparers[worker], &m->err);
    return m->reading.size_bytes;
}

static bool write_file(void *context, size_t index, size_t slot) {
    import *im = context;
    member *m = &im->members[slot];
    size_t end = index + 1;
    im->status = write_member(im, m, index, &im->err);
    im->pending_bytes += m->reading.size_bytes;
    im->report->bytes += m->reading.size_bytes;
    file_reading_free(&m->reading);
    bool last = end == im->files.count,
         full = im->pending_bytes >= COMMIT_BYTES || end - im->first_pending >= COMMIT_FILES;
    if (im->status == ACCEL_OK && (full || last))
        im->status = finish_pending(im, end, &im->err);
    if (im->options->progress != NULL && (last || end % FILES_BETWEEN_PROGRESS == 0))
        im->options->progress(im->options->progress_context, end, im->files.count, im->report->bytes);
    return im->status == ACCEL_OK;
}

static void drop_file(void *context, size_t slot) {
    import *im = context;
    file_reading_free(&im->members[slot].reading);
}

static accel_status make_preparers(import *im, size_t threads, accel_error *err) {
    im->preparers = ARENA_ARRAY(im->report->arena, store_preparer *, threads);
    for (size_t i = 0; im->preparers != NULL && i < threads; i++)
        if ((im->preparers[i] = store_preparer_create()) == NULL)
            return error_no_memory(err, "a thread that reads", 0);
    return im->preparers != NULL ? ACCEL_OK : error_no_memory(err, "threads that read", threads);
}

static accel_status import_files(import *im, thread_pool *pool, accel_error *err) {
    size_t threads = (size_t)thread_pool_size(pool);
    pipeline p = {.count = im->files.count,
                  .most_ahead = FILES_AHEAD,
                  .most_bytes_ahead = BYTES_AHEAD,
                  .context = im,
                  .read = read_file,
                  .write = write_file,
                  .drop = drop_file};
    accel_status status = make_preparers(im, threads, err);
    if (status == ACCEL_OK)
        status = pipeline_run(&p, pool, err);
    for (size_t i = 0; im->preparers != NULL && i < threads; i++)
        store_preparer_destroy(im->preparers[i]);
    if (status != ACCEL_OK)
        return status;
    return im->status == ACCEL_OK ? ACCEL_OK : error_set(err, im->status, "%s", im->err.message);
}

/* ---- what is known ------------------------------------------------------------------------------------------------------------------ */

static accel_status learn_known(import *im, accel_error *err) {
    const store_file *files;
    size_t count;
    ACCEL_TRY(store_bulk_files(im->bulk, im->report->arena, &files, &count, err));
    for (size_t i = 0; i < count; i++)
        ACCEL_TRY(known_add(&im->known, (known_file){files[i].hash, files[i].status, files[i].message}, err));
    return ACCEL_OK;
}

/* A dry run must not even open the database for writing. */
static accel_status learn_known_dry(import *im, accel_error *err) {
    store_result *r = NULL;
    accel_error own = {0};
    if (!file_exists(im->options->database) ||
        store_query(im->options->database,
                    "SELECT file_hash, status, coalesce(message, '') FROM migration_tracking", 0, &r,
                    &own) != ACCEL_OK)
        return ACCEL_OK; /* an older database knows no files */
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < r->row_count && status == ACCEL_OK; i++) {
        const store_cell *row = &r->cells[3 * i];
        arena *a = im->report->arena;
        known_file k = {arena_strdup(a, row[0].text), arena_strdup(a, row[1].text),
                        arena_strdup(a, row[2].text)};
        status = k.hash != NULL && k.status != NULL && k.message != NULL
                     ? known_add(&im->known, k, err)
                     : error_no_memory(err, "a file that is known", 64);
    }
    store_result_destroy(r);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------------ */

static accel_status prepare(import *im, accel_error *err) {
    const import_options *o = im->options;
    platform p;
    if (o->hardware != NULL && !platform_from_name(o->hardware, &p))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "'%.40s' is no platform that is known here",
                         o->hardware);
    for (size_t i = 0; i < o->path_count; i++)
        ACCEL_TRY(find_files(o->paths[i], im->report->arena, &im->files, err));
    im->report->other_files = im->files.others;
    im->report->files =
        ARENA_ARRAY(im->report->arena, import_file, im->files.count + im->files.database_count);
    im->pending = ARENA_ARRAY(im->report->arena, pending, im->files.count);
    im->members = mem_calloc(FILES_AHEAD, sizeof *im->members);
    if (im->report->files == NULL || im->pending == NULL || im->members == NULL)
        return error_no_memory(err, "the files to import", im->files.count * sizeof *im->report->files);
    for (size_t i = 0; i < im->files.count; i++)
        im->report->files[i].path = im->files.paths[i];
    if (o->dry_run)
        return learn_known_dry(im, err);
    ACCEL_TRY(store_bulk_open(o->database, -1, &im->bulk, err));
    return learn_known(im, err);
}

accel_status import_run(const import_options *options, import_report *report, accel_error *err) {
import im = {.options = options, .report = report };
    thread_pool *pool = NULL;
    *report = (import_report){.arena = arena_create()};
    if (report->arena == NULL)
        return error_no_memory(err, "a report", sizeof *report);
    accel_status status = prepare(&im, err);
    if (status == ACCEL_OK)
        status = thread_pool_create(options->jobs > 0 ? options->jobs : thread_cpu_count(), 0, &pool, err);
    if (status == ACCEL_OK)
        status = import_files(&im, pool, err);
    thread_pool_destroy(pool);
    store_bulk_close(im.bulk);
    if (status == ACCEL_OK) /* a merge opens the database itself */
        status = databases_merge(options, im.files.databases, im.files.database_count, report, err);
    mem_free(im.members);
    known_free(&im.known);
    known_free(&im.seen);
    found_files_free(&im.files);
    return status;
}

void import_report_destroy(import_report *report) {
    arena_destroy(report->arena);
    *report = (import_report){0};
}
