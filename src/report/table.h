/* Tables: one description, printed for a person, a document or a program. */
#ifndef ACCEL_REPORT_TABLE_H
#define ACCEL_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define TABLE_FORMAT_LIST(X)                                                                                 \
    X(TABLE_TEXT, "table")                                                                                   \
    X(TABLE_JSON, "json")                                                                                    \
    X(TABLE_CSV, "csv")                                                                                      \
    X(TABLE_MARKDOWN, "markdown")

typedef enum table_format {
#define TABLE_FORMAT_ENUM(symbol, name) symbol,
    TABLE_FORMAT_LIST(TABLE_FORMAT_ENUM)
#undef TABLE_FORMAT_ENUM
} table_format;
bool table_format_from_name(const char *name, table_format *out);

typedef enum cell_kind { CELL_NULL, CELL_TEXT, CELL_NUMBER, CELL_INTEGER, CELL_BOOL, CELL_JSON } cell_kind;

typedef struct table table;

table *table_create(void);    /* NULL when memory ends */
void table_destroy(table *t); /* accepts NULL */
/* key: name in JSON and CSV; title: over the column for people (NULL: the key). Columns come before rows. */
void table_column(table *t, const char *key, const char *title, bool right_aligned);
/* A row is opened, then filled cell by cell; missing cells are null. Failures stick and are reported by table_print. */
void table_row(table *t);
void table_text(table *t, const char *text); /* NULL is null */
void table_textf(table *t, const char *format, ...) ACCEL_PRINTF(2, 3);
void table_number(table *t, double value,
                  int decimals); /* NAN is null; people see `decimals`, programs all digits */
void table_integer(table *t, int64_t value);
void table_bool(table *t, int value);        /* negative is null */
void table_json(table *t, const char *json); /* a JSON value for programs; people see its text */
void table_null(table *t);
/* What people see instead of the last cell's value ("12.3 ms ± 0.1"); programs still get the value. */
void table_display(table *t, const char *format, ...) ACCEL_PRINTF(2, 3);
void table_mark(
    table
        *t); /* the last cell is the best of its group: bold on a terminal, ** in Markdown, * in plain text */
/* Drops columns in which every row has the same value (for people only), except `keep` named ones. The dropped ones are listed above the table. */
void table_hide_constant_columns(table *t, const char *const *keep, size_t keep_count);
/* Drops one column of a table with rows, for people only: its value in the first is listed above. */
void table_hide_column(table *t, const char *key);

/* Text of unknown origin as a cell prints it: controls become blanks; in Markdown what would be read as a cell's end, as HTML, as code, as
 * emphasis or as a link is escaped. */
void table_append_clean(str_buf *out, const char *text, bool markdown);

size_t table_row_count(const table *t);
/* color: ANSI escapes in TABLE_TEXT. Text goes to out; ACCEL_OUT_OF_MEMORY when a cell or out failed. */
accel_status table_print(const table *t, table_format format, bool color, str_buf *out, accel_error *err);
/* A <table> for a page with html_sort.h. Rows whose column "provenance" says something else than measured are pale and dashed. */
accel_status table_html(const table *t, str_buf *out, accel_error *err);

#endif
