/* What the database consists of: one description from which the DDL and docs/database.md are made. */
#ifndef ACCEL_STORE_SCHEMA_H
#define ACCEL_STORE_SCHEMA_H

#include <stddef.h>

#include "base/str.h"

/* 2: hardware_availability_log. 3: identities and the newest result of each, integration, web, imported files, regressions. */
enum { STORE_SCHEMA_VERSION = 3 };

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
    int since; /* version of the schema */
} schema_table;

typedef struct schema_view {
    const char *name;
    const char *text;
    const char *sql; /* the SELECT */
    int since;
} schema_view;

extern const schema_table schema_tables[];
extern const size_t schema_table_count;
extern const schema_view schema_views[];
extern const size_t schema_view_count;

/* What databases of that version lack (0: everything), to be run in one transaction. */
void schema_write_ddl(int version, str_buf *out);
/* One table without its sequence; all views. */
void schema_write_table(const schema_table *t, str_buf *out);
void schema_write_views(int version, str_buf *out);
void schema_write_markdown(str_buf *out); /* the reference part of docs/database.md */

#endif
