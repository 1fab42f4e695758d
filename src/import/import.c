/* An import: files are read by several threads, a group at a time, while one of them writes the group before it. */
#include "import/import.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/posix/io.h"
#include "base/thread.h"
#include "engines/engine.h"
#include "import/databases.h"
#include "import/file.h"
#include "import/find.h"
#include "import/known.h"
#include "import/put_away.h"
#include "store/store.h"

/* One transaction: enough files that its fsync is cheap, few enough that memory is bounded. */
enum { GROUP_FILES = 512, GROUP_BYTES = 32 << 20 };

const char *import_outcome_name(import_outcome outcome) {
    static const char *const names[] = {"imported", "skipped", "rejected"};
    return names[outcome];
}

typedef struct member {
    file_reading reading;
    accel_status status; /* of reading it */
    accel_error err;
    bool write;  /* it is new: the database must hear of it */
    bool staged; /* in this transaction */
} member;

typedef struct group {
    member *members;
    size_t first, count; /* of the files */
} group;

typedef struct import {
    const import_options *options;
    import_report *report;
    found_files files;
    known_files known;
    store_bulk *bulk; /* NULL: a dry run */
    group groups[2];
    group *reading, *writing; /* writing: NULL before the first */
    accel_status status;      /* of the writer: what ends the import */
    accel_error err;
} import;

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

/* What the report says of a file that was read, and whether the database must hear of it. */
static accel_status judge(import *im, member *m, import_file *f, accel_error *err) {
    const file_reading *r = &m->reading;
    m->write = false;
    f->size_bytes = r->size_bytes;
    if (m->status != ACCEL_OK) {
        if (m->status == ACCEL_OUT_OF_MEMORY)
            return error_set(err, m->status, "%s", m->err.message);
        return settle(im, f, IMPORT_REJECTED, m->err.message, err);
    }
    f->shape = r->shape != NULL ? r->shape->name : NULL;
    f->category = r->shape != NULL ? r->shape->category : NULL;
    f->rows = import_rows_count(&r->rows);
    const known_file *known = known_find(&im->known, r->hash);
    if (known != NULL && str_equal(known->status, "imported")) {
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
    m->write = !f->known;
    return settle(im, f, r->outcome, r->message, err);
}

static store_source source_of(const member *m, const import_file *f) {
    return (store_source){.file_path = f->path,
                          .file_hash = m->reading.hash,
                          .file_size = (int64_t)f->size_bytes,
                          .category = f->category,
                          .status = import_outcome_name(f->outcome),
                          .records_imported = (int64_t)f->rows,
                          .message = f->message};
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------------ */

/* What the database refuses is the file's fault; what the disk or the memory refuses ends the import. */
static bool is_the_files_fault(accel_status status) {
    return status == ACCEL_BAD_FILE || status == ACCEL_LIMIT || status == ACCEL_UNSUPPORTED;
}

static accel_status stage(import *im, member *m, import_file *f, accel_error *err) {
    accel_error own = {0};
    store_source source = source_of(m, f);
    store_batch nothing = {.source = &source},
                batch = f->outcome == IMPORT_IMPORTED ? file_reading_batch(&m->reading) : nothing;
    store_run_init(&nothing.run);
    if (f->outcome != IMPORT_IMPORTED)
        batch.run = nothing.run;
    batch.source = &source;
    accel_status status = store_bulk_add(im->bulk, &batch, &own);
    if (is_the_files_fault(status) && f->outcome == IMPORT_IMPORTED) {
        ACCEL_TRY(settle(im, f, IMPORT_REJECTED, own.message, err));
        return stage(im, m, f, err);
    }
    if (status != ACCEL_OK)
        return error_set(err, status, "%s", own.message);
    m->staged = true;
    const char *hash = arena_strdup(im->report->arena, m->reading.hash);
    if (hash == NULL)
        return error_no_memory(err, "a hash", SHA256_HEX_BYTES);
    return known_add(&im->known, (known_file){hash, source.status, f->message != NULL ? f->message : ""},
                     err);
}

static accel_status commit(import *im, accel_error *err) {
    int64_t rows = 0;
    ACCEL_TRY(store_bulk_commit(im->bulk, &rows, err));
    im->report->new_rows += rows;
    return ACCEL_OK;
}

/* A group was refused: its files go in one by one, so that only the one that cannot is turned away. */
static accel_status write_alone(import *im, group *g, accel_error *err) {
    for (size_t i = 0; i < g->count; i++) {
        member *m = &g->members[i];
        import_file *f = &im->report->files[g->first + i];
        accel_error own = {0};
        if (!m->staged)
            continue;
        ACCEL_TRY(stage(im, m, f, err));
        accel_status status = commit(im, &own);
        if (status == ACCEL_OK)
            continue;
        if (status == ACCEL_IO || status == ACCEL_OUT_OF_MEMORY || f->outcome != IMPORT_IMPORTED)
            return error_set(err, status, "%s", own.message);
        ACCEL_TRY(settle(im, f, IMPORT_REJECTED, own.message, err));
        ACCEL_TRY(stage(im, m, f, err));
        ACCEL_TRY(commit(im, err));
    }
    return ACCEL_OK;
}

static accel_status put_away(import *im, const member *m, import_file *f, size_t index, accel_error *err) {
    const import_options *o = im->options;
    bool committed =
        f->outcome == IMPORT_IMPORTED ||
        (f->known && f->outcome == IMPORT_SKIPPED && known_find(&im->known, m->reading.hash) != NULL &&
         str_equal(known_find(&im->known, m->reading.hash)->status, "imported"));
    if (o->dry_run || !committed || (o->archive == NULL && !o->remove))
        return ACCEL_OK;
    if (o->archive != NULL)
        ACCEL_TRY(put_away_move(f->path, im->files.roots[index], o->archive, m->reading.hash, err));
    else
        ACCEL_TRY(file_remove(f->path, err));
    f->put_away = true;
    return ACCEL_OK;
}

static accel_status write_group(import *im, group *g, accel_error *err) {
    bool any = false;
    for (size_t i = 0; i < g->count; i++) {
        member *m = &g->members[i];
        import_file *f = &im->report->files[g->first + i];
        ACCEL_TRY(judge(im, m, f, err));
        if (im->bulk != NULL && m->write) {
            ACCEL_TRY(stage(im, m, f, err));
            any = true;
        } else if (m->write) {
            im->report->new_rows += (int64_t)f->rows;
            if (f->outcome == IMPORT_IMPORTED)
                ACCEL_TRY(known_add(
                    &im->known,
                    (known_file){arena_strdup(im->report->arena, m->reading.hash), "imported", ""}, err));
        }
    }
    accel_error own = {0};
    accel_status status = any ? commit(im, &own) : ACCEL_OK;
    if (status == ACCEL_IO || status == ACCEL_OUT_OF_MEMORY)
        return error_set(err, status, "%s", own.message);
    if (status != ACCEL_OK)
        ACCEL_TRY(write_alone(im, g, err));
    for (size_t i = 0; i < g->count; i++) /* only now: the content is safe */
        ACCEL_TRY(put_away(im, &g->members[i], &im->report->files[g->first + i], g->first + i, err));
    return ACCEL_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------------ */

static void finish_group(import *im, group *g) {
    import_report *report = im->report;
    for (size_t i = 0; i < g->count; i++) {
        import_file *f = &report->files[g->first + i];
        report->counts[f->outcome]++;
        report->bytes += f->size_bytes;
        file_reading_free(&g->members[i].reading);
    }
    report->file_count = g->first + g->count;
    if (im->options->progress != NULL)
        im->options->progress(im->options->progress_context, report->file_count, im->files.count,
                              report->bytes);
}

static void work(void *context, size_t begin, size_t end, int worker) {
    import *im = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        if (i == 0) {
            if (im->writing != NULL)
                im->status = write_group(im, im->writing, &im->err);
            continue;
        }
        group *g = im->reading;
        member *m = &g->members[i - 1];
        *m = (member){0};
        import_stated stated = {im->options->model, im->options->hardware};
        m->status =
            file_reading_of_stated_path(im->files.paths[g->first + i - 1], stated, &m->reading, &m->err);
    }
}

/* As many files as belong into one transaction. */
static size_t group_size(const import *im, size_t first) {
    uint64_t bytes = 0;
    size_t count = 0;
    struct stat facts;
    while (count < GROUP_FILES && first + count < im->files.count && (count == 0 || bytes < GROUP_BYTES))
        bytes += io_stat(im->files.paths[first + count++], &facts) == 0 ? (uint64_t)facts.st_size : 0;
    return count;
}

static accel_status import_groups(import *im, thread_pool *pool, accel_error *err) {
    size_t next = 0;
    for (size_t turn = 0; next < im->files.count || im->writing != NULL; turn++) {
        group *g = &im->groups[turn % 2];
        g->first = next;
        g->count = group_size(im, next);
        next += g->count;
        im->reading = g;
        thread_pool_for(pool, g->count + 1, 1, work, im);
        if (im->writing != NULL)
            finish_group(im, im->writing);
        im->writing = g->count > 0 ? g : NULL;
        if (im->status != ACCEL_OK) {
            for (size_t i = 0; i < g->count; i++)
                file_reading_free(&g->members[i].reading);
            return error_set(err, im->status, "%s", im->err.message);
        }
    }
    return ACCEL_OK;
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
    for (size_t i = 0; i < 2; i++)
        im->groups[i].members = mem_calloc(GROUP_FILES, sizeof *im->groups[i].members);
    if (im->report->files == NULL || im->groups[0].members == NULL || im->groups[1].members == NULL)
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
        status = import_groups(&im, pool, err);
    thread_pool_destroy(pool);
    store_bulk_close(im.bulk);
    if (status == ACCEL_OK) /* a merge opens the database itself */
        status = databases_merge(options, im.files.databases, im.files.database_count, report, err);
    for (size_t i = 0; i < 2; i++)
        mem_free(im.groups[i].members);
    known_free(&im.known);
    found_files_free(&im.files);
    return status;
}

void import_report_destroy(import_report *report) {
    arena_destroy(report->arena);
    *report = (import_report){0};
}
