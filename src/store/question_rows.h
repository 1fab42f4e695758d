/* The order of a question's rows. DuckDB's sort takes longer than all the rest of a small question, whose rows are wide and few. Private to the
 * store. */
#ifndef ACCEL_STORE_QUESTION_ROWS_H
#define ACCEL_STORE_QUESTION_ROWS_H

#include "store/store.h"

enum { QUESTION_MOST_KEYS = 24 };

/* Columns of an answer, by their places; its rows are compared by the first, where that is equal by the next, … as SQL does: texts by their
 * bytes, NaN above all numbers, NULL last in both directions. */
typedef struct question_keys {
    size_t columns[QUESTION_MOST_KEYS];
    bool descending[QUESTION_MOST_KEYS];
    size_t count;
} question_keys;

/* "model -started" (descending): names of columns of answer, which must be there, between spaces. */
question_keys question_keys_of(const store_result *answer, const char *names);
/* Like strcmp, of two rows' cells. */
int question_rows_compare(const store_cell *a, const store_cell *b, const question_keys *keys);

/* A row, and what it is sorted by. */
typedef struct question_row {
    const store_cell *cells;
    const question_keys *keys;
} question_row;

/* All rows in the order of the keys, which must outlive them; the answer stays as it is. */
accel_status question_sort(const store_result *answer, const question_keys *keys, question_row **out,
                           accel_error *err);
/* The answer gets these rows, each without its last `hidden` columns. */
accel_status question_keep(store_result *answer, const question_row *rows, size_t count, size_t hidden,
                           accel_error *err);
/* Both: the first `limit` rows (0: all). The hidden columns may be keys. */
accel_status question_order(store_result *answer, const char *names, size_t hidden, size_t limit,
                            accel_error *err);
/* Microseconds since 1970 of a column as texts: 2026-01-31T10:00:00Z. */
accel_status question_write_times(store_result *answer, const char *column, accel_error *err);

#endif
