/* Rows on their way in: a temporary table that an appender fills, or, where one statement reads it, the appender alone. Private to the store. */
#ifndef ACCEL_STORE_STAGE_H
#define ACCEL_STORE_STAGE_H

#include <stddef.h>

#include "base/str.h"
#include "store/database.h"

/* JSON: text that is known to be JSON, so that DuckDB need not parse it. */
typedef enum stage_kind { STAGE_TEXT, STAGE_INT, STAGE_REAL, STAGE_BOOL, STAGE_INTS, STAGE_JSON } stage_kind;

typedef struct stage_column {
    const char *name;
    stage_kind kind;
    size_t offset;       /* in the row's struct */
    size_t count_offset; /* STAGE_INTS: of its size_t */
} stage_column;

typedef struct stage_table {
    const char *name;
    const stage_column *columns;
    size_t column_count;
} stage_table;

/* A column of the chunk being filled. */
typedef struct stage_vector {
    duckdb_vector vector;
    void *data;
    uint64_t *validity;
} stage_vector;

/* A staging table being filled. It is made when its first row comes, and emptied by stage_clear. */
typedef struct stage {
    const stage_table *table;
    database *db;
    duckdb_appender appender;
    duckdb_data_chunk chunk;
    duckdb_logical_type types[64];
    stage_vector vectors[64]; /* of the chunk */
    size_t rows;              /* in the chunk */
    size_t total;
    bool made; /* the chunk */
    str_buf
        insert; /* the one statement that reads it, as a table of its name; empty: it is a temporary table, for several */
    bool has_table;
} stage;

void stage_init(stage *s, database *db, const stage_table *table); /* nothing is made yet */
bool stage_is_direct(const stage *s);                              /* it has its one statement */
accel_status stage_add(stage *s, const void *row, accel_error *err);
accel_status stage_finish(stage *s,
                          accel_error *err); /* all rows are in the table, or its statement has taken them */
accel_status stage_clear(stage *s, accel_error *err); /* ready for the next batch */
void stage_free(stage *s);

#endif
