#include "store/question_compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/question_rows.h"

typedef struct columns {
    size_t value, best, ratio, verified;
    size_t width; /* of a row that is kept */
} columns;

/* One row while its comparison is put in order. */
typedef struct compared {
    const store_cell *cells;
    double key; /* smaller is better */
    size_t place;
} compared;

static size_t find(const store_result *r, const char *name) {
    return question_keys_of(r, name).columns[0];
}

static int by_key(const void *left, const void *right) {
    const compared *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static store_cell real_cell(double value) {
    return isfinite(value) ? (store_cell){STORE_REAL, NULL, 0, value} : (store_cell){.type = STORE_NULL};
}

/* Writes the rows of one comparison, sorted, from `to` on. */
static void write_rows(const columns *at, compared *rows, size_t count, size_t number, store_cell *to) {
    double best = (double)NAN;
    qsort(rows, count, sizeof *rows, by_key);
    for (size_t i = 0; i < count && isnan(best); i++) {
        const store_cell *verified = &rows[i].cells[at->verified];
        if (verified->type != STORE_BOOL || verified->integer != 0)
            best = rows[i].cells[at->value].real;
    }
    for (size_t i = 0; i < count; i++, to += at->width) {
        memcpy(to, rows[i].cells, at->width * sizeof *to);
        to[0] = (store_cell){STORE_INTEGER, NULL, (int64_t)number, (double)number};
        to[at->best] = real_cell(best);
        to[at->ratio] = real_cell(to[at->value].real / best);
    }
}

/* What the rows are sorted by. */
static accel_status sort_rows(const store_result *answer, const comparison *c, question_keys *keys,
                              question_row **out, accel_error *err) {
    char names[256];
    str_format(names, sizeof names, "%s %s %s", c->same, c->different, c->newest);
    *keys = question_keys_of(answer, names);
    return question_sort(answer, keys, out, err);
}

accel_status question_compare(store_result *answer, const comparison *c, accel_error *err) {
    question_keys keys;
    question_row *sorted;
    ACCEL_TRY(sort_rows(answer, c, &keys, &sorted, err));
    size_t kept = 0, number = 0, row_count = answer->row_count;
    const columns at = {find(answer, "value"), find(answer, "best"), find(answer, "ratio"),
                        find(answer, "verified"), answer->column_count - c->hidden};
    const question_keys same = question_keys_of(answer, c->same),
                        different = question_keys_of(answer, c->different);
    store_cell *cells = ARENA_ARRAY(answer->arena, store_cell, row_count * at.width + 1);
    compared *rows = ARENA_ARRAY(answer->arena, compared, row_count + 1);
    if (cells == NULL || rows == NULL)
        return error_no_memory(err, "a comparison", row_count * at.width * sizeof *cells);
    for (size_t row = 0; row < row_count && (c->limit == 0 || number < c->limit);) {
        size_t count = 0;
        const store_cell *first = sorted[row].cells, *before = NULL;
        for (; row < row_count; row++) {
            const store_cell *now = sorted[row].cells;
            if (question_rows_compare(first, now, &same) != 0)
                break;
            double value = now[at.value].real;
            if (before == NULL || question_rows_compare(before, now, &different) != 0)
                rows[count++] = (compared){now, c->less_is_better ? value : -value, row};
            before = now;
        }
        write_rows(&at, rows, count, ++number, cells + kept * at.width);
        kept += count;
    }
    answer->cells = cells;
    answer->row_count = kept;
    answer->column_count = at.width;
    return ACCEL_OK;
}
