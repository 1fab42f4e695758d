/* What the database consists of: one description from which the DDL and docs/database.md are made. */
#ifndef ACCEL_STORE_SCHEMA_H
#define ACCEL_STORE_SCHEMA_H

#include <stddef.h>

#include "base/str.h"

enum { STORE_SCHEMA_VERSION = 1 };

typedef struct schema_column {
    const char *name;
    const char *type; /* with its constraints, as DDL */
    const char *text; /* meaning and unit */
} schema_column;

typedef struct schema_table {
    const char *name;
    const char *text;
    const char *sequence; /* gives the first column its numbers; NULL: none */
    const schema_column *columns;
    size_t column_count;
} schema_table;

typedef struct schema_view {
    const char *name;
    const char *text;
    const char *sql; /* the SELECT */
} schema_view;

extern const schema_table schema_tables[];
extern const size_t schema_table_count;
extern const schema_view schema_views[];
extern const size_t schema_view_count;

void schema_write_ddl(str_buf *out); /* everything, for an empty database, to be run in one transaction */
void schema_write_markdown(str_buf *out); /* the reference part of docs/database.md */

#endif
