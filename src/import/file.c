#include "import/file.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/posix/io.h"
#include "import/times.h"
#include "import/value.h"

enum { MOST_NOTES = 3 };

void import_note(import_context *c, const char *format, ...) {
    va_list arguments;
    if (c->notes_left_out++ >= MOST_NOTES)
        return;
    va_start(arguments, format);
    str_append(&c->notes, c->notes.length > 0 ? "; " : "");
    str_appendv(&c->notes, format, arguments);
    va_end(arguments);
}

static void settle(file_reading *f, import_outcome outcome, const char *format, ...) ACCEL_PRINTF(3, 4);
static void settle(file_reading *f, import_outcome outcome, const char *format, ...) {
    va_list arguments;
    f->outcome = outcome;
    va_start(arguments, format);
    str_formatv(f->message, sizeof f->message, format, arguments);
    va_end(arguments);
    /* a sentence that was cut may end inside a character */
    size_t length = strlen(f->message);
    while (length > 0 && !str_utf8_valid(f->message, length))
        f->message[--length] = '\0';
}

/* ---- from bytes to a document ------------------------------------------------------------------------------------------------ */

/* Why it is no JSON, in a sentence: yyjson's words, unless it simply ends too early. */
static void settle_parse_failure(file_reading *f, const yyjson_read_err *failure, size_t length) {
    if (failure->code == YYJSON_READ_ERROR_UNEXPECTED_END ||
        (failure->code == YYJSON_READ_ERROR_UNEXPECTED_CHARACTER && failure->pos >= length))
        settle(f, IMPORT_REJECTED, "it is cut off: its JSON ends in the middle, after %zu bytes", length);
    else
        settle(f, IMPORT_REJECTED, "it is not JSON: %s at byte %zu", failure->msg, failure->pos);
}

static accel_status parse(file_reading *f, const char *bytes, size_t length, accel_error *err) {
    size_t mark =
        length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* Windows programs begin UTF-8 so */
    size_t blanks = mark;
    while (blanks < length && strchr(" \t\r\n", bytes[blanks]) != NULL && bytes[blanks] != '\0')
        blanks++;
    if (blanks == length) {
        settle(f, IMPORT_REJECTED, "it is empty");
        return ACCEL_OK;
    }
    yyjson_read_err failure = {0};
    f->doc = yyjson_read_opts((char *)(uintptr_t)(bytes + mark), length - mark, YYJSON_READ_ALLOW_INF_AND_NAN,
                              json_allocator(), &failure);
    if (f->doc == NULL && failure.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return error_no_memory(err, "a file", length);
    if (f->doc == NULL)
        settle_parse_failure(f, &failure, length - mark);
    return ACCEL_OK;
}

/* ---- from a document to rows ---------------------------------------------------------------------------------------------------- */

static const import_shape *find_shape(yyjson_val *root) {
    for (size_t i = 0; i < import_shape_count; i++)
        if (import_shapes[i]->matches(root))
            return import_shapes[i];
    return NULL;
}

static const import_shape *find_text_shape(const char *bytes, size_t length) {
    for (size_t i = 0; i < import_text_shape_count; i++)
        if (import_text_shapes[i]->matches(bytes, length))
            return &import_text_shapes[i]->shape;
    return NULL;
}

/* Whether the name promises something else than JSON. */
static bool is_named_as_text(const char *path) {
    return str_ends_with(path, ".csv") || str_ends_with(path, ".txt") || str_ends_with(path, ".parquet");
}

/* test_runs knows four types. */
static const char *run_type(const char *category) {
    return str_equal(category, "hardware") || str_equal(category, "compatibility") ||
                   str_equal(category, "integration")
               ? category
               : "performance";
}

/* Members of the top level that hold the results, which rows were made of. */
static bool holds_rows(const char *key) {
    static const char *const keys[] = {"results",
                                       "benchmarks",
                                       "model_results",
                                       "tests",
                                       "test_results",
                                       "skill_tests",
                                       "api_tests",
                                       "test_files",
                                       "modules",
                                       "test_modules",
                                       "test_suites",
                                       "functionality_verification",
                                       "performance_benchmarks",
                                       "detailed_results",
                                       "compatibility_results",
                                       "model_compatibility",
                                       "hardware_compatibility",
                                       "compatibility_matrix",
                                       "compatibility",
                                       "results_by_modality",
                                       "errors",
                                       "status",
                                       "examples",
                                       "model_families",
                                       "stdout",
                                       "stderr",
                                       "json_result",
                                       "metrics",

                                       "benchmark_results",
                                       "performance_results",
                                       "platform_status"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_equal(keys[i], key))
            return true;
    return str_starts_with(key, "test_hf_") || str_starts_with(key, "test_default_");
}

/* The rest of the top level says what the run was: it is kept with it. */
static void append_top(const import_context *c, str_buf *out) {
    enum { MOST_BYTES = 1 << 20 };
    size_t i, count;
    yyjson_val *key, *value;
    const char *separator = "";
    if (c->keeps_all || !yyjson_is_obj(c->root))
        return;
    str_append(out, ",\"file\":{");
    yyjson_obj_foreach(c->root, i, count, key, value) {
        const char *json = holds_rows(yyjson_get_str(key)) ? NULL : value_json(c, value);
        if (json == NULL || strlen(json) > MOST_BYTES)
            continue;
        str_append(out, separator);
        str_append_json(out, yyjson_get_str(key), yyjson_get_len(key));
        str_appendf(out, ":%s", json);
        separator = ",";
    }
    str_append_char(out, '}');
}

static accel_status set_run(import_context *c, file_reading *f, accel_error *err) {
    static const char *const times[] = {[IMPORT_TIME_CONTENT] = "the file",
                                        [IMPORT_TIME_NAME] = "its name",
                                        [IMPORT_TIME_MTIME] = "its modification time"};
    store_run *run = &f->rows.run;
    char uuid[37];
    ACCEL_TRY(store_uuid_of(f->hash, strlen(f->hash), uuid, err));
    run->uuid = arena_strdup(f->arena, uuid);
    run->test_name = run->test_name != NULL ? run->test_name : f->shape->name;
    run->test_type = run_type(f->shape->category);
    run->started_at = c->started_at;
    str_buf metadata = {0};
    str_appendf(&metadata, "{\"shape\":\"%s\",\"started_at_from\":\"%s\",\"file_hash\":\"%s\"",
                f->shape->name, times[c->time_from], f->hash);
    append_top(c, &metadata);
    str_append_char(&metadata, '}');
    run->metadata = metadata.failed ? NULL : arena_strndup(f->arena, metadata.data, metadata.length);
    str_free(&metadata);
    return run->uuid != NULL && run->metadata != NULL ? ACCEL_OK : error_no_memory(err, "a run", 256);
}

static void settle_notes(const import_context *c, file_reading *f, import_outcome outcome,
                         const char *before) {
    if (c->notes_left_out > MOST_NOTES)
        settle(f, outcome, "%s%s; and %zu more", before, str_text(&c->notes), c->notes_left_out - MOST_NOTES);
    else
        settle(f, outcome, "%s%s", before, str_text(&c->notes));
}

static void settle_rows(const import_context *c, file_reading *f) {
    if (import_rows_count(&f->rows) > 0)
        settle_notes(c, f, IMPORT_IMPORTED, c->notes.length > 0 ? "left out: " : "");
    else if (c->skip != NULL)
        settle(f, IMPORT_SKIPPED, "%s", c->skip);
    else if (c->notes.length > 0)
        settle_notes(c, f, IMPORT_REJECTED, "none of its results can be used: ");
    else
        settle(f, IMPORT_SKIPPED, "there is no result inside");
}

static accel_status read_rows(import_context *c, int64_t mtime_us, file_reading *f, accel_error *err) {
    accel_error own = {0};
    if (f->shape == NULL && yyjson_is_ctn(c->root))
        f->shape = find_shape(c->root);
    if (f->shape == NULL) {
        settle(f, IMPORT_SKIPPED, "there is no result inside: no kind of file that is known here");
        return ACCEL_OK;
    }
    ACCEL_TRY(times_of_run(c, mtime_us, err));
    accel_status status = f->shape->read(c, c->root, &f->rows, &own);
    if (status == ACCEL_OK && (f->rows.failed || c->notes.failed))
        status = error_no_memory(&own, "rows of a file", f->size_bytes);
    if (status == ACCEL_OK)
        settle_rows(c, f);
    if (status == ACCEL_OK && f->outcome == IMPORT_IMPORTED)
        status = set_run(c, f, &own);
    if (status == ACCEL_OK)
        return ACCEL_OK;
    if (status != ACCEL_BAD_FILE && status != ACCEL_LIMIT)
        return error_set(err, status, "%s", own.message);
    settle(f, IMPORT_REJECTED, "%s", own.message);
    return ACCEL_OK;
}

static accel_status read_bytes(import_context *c, int64_t mtime_us, file_reading *out, accel_error *err) {
    out->shape = find_text_shape(c->bytes, c->length);
    if (out->shape != NULL)
        return read_rows(c, mtime_us, out, err);
    if (is_named_as_text(c->path) && c->length > 0) {
        settle(out, IMPORT_SKIPPED, "there is no result inside: no kind of table or text that is known here");
        return ACCEL_OK;
    }
    ACCEL_TRY(parse(out, c->bytes, c->length, err));
    if (out->doc == NULL)
        return ACCEL_OK;
    c->root = yyjson_doc_get_root(out->doc);
    return read_rows(c, mtime_us, out, err);
}

static accel_status begin(const char *bytes, size_t length, file_reading *out, accel_error *err) {
    *out = (file_reading){.size_bytes = length, .arena = arena_create()};
    import_rows_init(&out->rows);
    if (out->arena == NULL)
        return error_no_memory(err, "a file", length);
    return sha256_bytes(bytes, length, out->hash, err);
}

static accel_status read_as(import_context *c, int64_t mtime_us, file_reading *out, accel_error *err) {
    c->arena = out->arena;
    c->mtime_us = mtime_us;
    accel_status status = read_bytes(c, mtime_us, out, err);
    if (c->doc != NULL)
        out->doc = c->doc; /* of text, so that there was none */
    str_free(&c->notes);
    return status;
}

accel_status file_reading_of_bytes(const char *path, const char *bytes, size_t length, int64_t mtime_us,
                                   file_reading *out, accel_error *err) {
    return file_reading_of_stated_bytes(path, bytes, length, mtime_us, (import_stated){0}, out, err);
}

accel_status file_reading_of_stated_bytes(const char *path, const char *bytes, size_t length,
                                          int64_t mtime_us, import_stated stated, file_reading *out,
                                          accel_error *err) {
    import_context c = {.path = path, .bytes = bytes, .length = length, .stated = stated};
    ACCEL_TRY(begin(bytes, length, out, err));
    return read_as(&c, mtime_us, out, err);
}

accel_status file_reading_of_path(const char *path, import_stated stated,
                                  bool (*is_known)(void *context, const char *hash), void *context,
                                  file_reading *out, accel_error *err) {
    struct stat facts;
    char *bytes;
    size_t length;
    *out = (file_reading){0};
    import_rows_init(&out->rows);
    if (io_stat(path, &facts) != 0)
        return io_error(err, "cannot read", path);
    ACCEL_TRY(file_read(path, IMPORT_MOST_FILE_BYTES, &bytes, &length, err));
    import_context c = {.path = path, .bytes = bytes, .length = length, .stated = stated};
    accel_status status = begin(bytes, length, out, err);
    if (status == ACCEL_OK && (is_known == NULL || !is_known(context, out->hash)))
        status =
            read_as(&c, (int64_t)facts.st_mtim.tv_sec * 1000000 + facts.st_mtim.tv_nsec / 1000, out, err);
    mem_free(bytes);
    return status;
}

accel_status file_reading_prepare(file_reading *f, store_preparer *p, accel_error *err) {
    accel_error own = {0};
    store_batch b = import_rows_batch(&f->rows);
    if (f->outcome != IMPORT_IMPORTED)
        return ACCEL_OK;
    accel_status status = store_batch_prepare(p, f->arena, &b, &own);
    if (status != ACCEL_OK && status != ACCEL_BAD_FILE && status != ACCEL_LIMIT)
        return error_set(err, status, "%s", own.message);
    f->prepared = b.prepared;
    if (status != ACCEL_OK)
        settle(f, IMPORT_REJECTED, "%s", own.message);
    return ACCEL_OK;
}

void file_reading_free(file_reading *f) {
    import_rows_free(&f->rows);
    yyjson_doc_free(f->doc);
    arena_destroy(f->arena);
    *f = (file_reading){0};
}

store_batch file_reading_batch(const file_reading *f) {
    store_batch b = import_rows_batch(&f->rows);
    b.prepared = f->prepared;
    return b;
}
