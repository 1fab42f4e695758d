/* One kind of file: how it is told, and how it is read. */
#ifndef ACCEL_IMPORT_SHAPE_H
#define ACCEL_IMPORT_SHAPE_H

#include "base/json.h"
#include "import/rows.h"

/* What the user states of files that do not say it; NULL: nothing. */
typedef struct import_stated {
    const char *model, *hardware;
} import_stated;

typedef enum import_time { IMPORT_TIME_CONTENT, IMPORT_TIME_NAME, IMPORT_TIME_MTIME } import_time;

/* What a reader knows of the file, and tells of it. */
typedef struct import_context {
    arena *arena; /* for texts of rows; the document lives as long */
    const char
        *path; /* for times and names in it only: the same content in another file must give the same rows */
    yyjson_val *root;  /* the document; NULL: it is no JSON */
    const char *bytes; /* of the file */
    size_t length;
    import_stated stated;
    int64_t
        mtime_us; /* for a reader that finds times in the content: times_of_run again, once root is there */
    yyjson_doc *doc;        /* that a reader of text made; lives as long as the rows */
    const char *started_at; /* of the run: UTC */
    import_time time_from;  /* where started_at comes from */
    const char *skip;       /* set by the reader: why the file holds no result */
    str_buf notes;          /* what was left out, in words: import_note */
    size_t notes_left_out;  /* more of them than are kept */
} import_context;

typedef struct import_shape {
    const char *name; /* "benchmark run": also test_runs.test_name */
    const char
        *category; /* performance, hardware, compatibility, integration, web; NULL: never holds results */
    bool (*matches)(yyjson_val *root); /* looks at keys only; shapes are asked in the order of the table */
    /* Fills rows. ACCEL_BAD_FILE: the file is rejected with this sentence. ACCEL_OK without rows: it is skipped with c->skip, or, where that is
     * NULL and something was left out, rejected with the notes. */
    accel_status (*read)(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err);
} import_shape;

extern const import_shape *const import_shapes[];
extern const size_t import_shape_count;

/* A kind of file that is told by its bytes: tables and texts. Asked before the bytes are read as JSON; `read` gets no root. */
typedef struct import_text_shape {
    import_shape shape; /* its own matches is NULL */
    bool (*matches)(const char *bytes, size_t length);
} import_text_shape;

extern const import_text_shape *const import_text_shapes[];
extern const size_t import_text_shape_count;

/* Remembers that something was left out, and why: told with the file. */
void import_note(import_context *c, const char *format, ...) ACCEL_PRINTF(2, 3);

#endif
