#include "store/question_compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct columns {
    size_t value, best, ratio, verified;
} columns;

/* One row while its comparison is put in order. */
typedef struct compared {
    const store_cell *cells;
    double key; /* smaller is better */
    size_t place;
} compared;

static size_t find(const store_result *r, const char *name) {
    size_t c = 0;
    while (c + 1 < r->column_count && !str_equal(r->columns[c], name))
        c++;
    return c;
}

static int by_key(const void *left, const void *right) {
    const compared *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static bool real_cell(store_cell *out, double value, arena *a) {
    *out = isfinite(value) ? (store_cell){STORE_REAL, arena_printf(a, "%.10g", value), 0, value}
                           : (store_cell){.type = STORE_NULL};
    return out->type == STORE_NULL || out->text != NULL;
}

/* Writes the rows of one comparison, sorted, from `to` on. */
static bool write_rows(store_result *answer, const columns *at, compared *rows, size_t count, size_t number,
                       store_cell *to) {
    size_t width = answer->column_count - 1;
    double best = (double)NAN;
    qsort(rows, count, sizeof *rows, by_key);
    for (size_t i = 0; i < count && isnan(best); i++) {
        const store_cell *verified = &rows[i].cells[at->verified];
        if (verified->type != STORE_BOOL || verified->integer != 0)
            best = rows[i].cells[at->value].real;
    }
    const char *text = arena_printf(answer->arena, "%zu", number);
    for (size_t i = 0; i < count; i++, to += width) {
        memcpy(to, rows[i].cells, width * sizeof *to);
        to[0] = (store_cell){STORE_INTEGER, text, (int64_t)number, (double)number};
        if (!real_cell(&to[at->best], best, answer->arena) ||
            !real_cell(&to[at->ratio], to[at->value].real / best, answer->arena))
            return false;
    }
    return text != NULL;
}

accel_status question_compare(store_result *answer, size_t limit, bool less_is_better, accel_error *err) {
    size_t stride = answer->column_count, last = stride - 1, kept = 0, number = 0;
    columns at = {find(answer, "value"), find(answer, "best"), find(answer, "ratio"),
                  find(answer, "verified")};
    store_cell *cells = arena_array(answer->arena, answer->row_count * last + 1, sizeof *cells);
    compared *rows = arena_array(answer->arena, answer->row_count + 1, sizeof *rows);
    bool fine = cells != NULL && rows != NULL;
    for (size_t begin = 0; fine && begin < answer->row_count && (limit == 0 || number < limit);) {
        size_t count = 0, row = begin;
        const store_cell *first = &answer->cells[begin * stride], *before = NULL;
        for (; row < answer->row_count && answer->cells[row * stride].integer == first->integer; row++) {
            const store_cell *c = &answer->cells[row * stride];
            bool older = before != NULL && before[last].integer == c[last].integer;
            before = c;
            if (!older)
                rows[count++] = (compared){c, less_is_better ? c[at.value].real : -c[at.value].real, row};
        }
        fine = write_rows(answer, &at, rows, count, ++number, cells + kept * last);
        kept += count;
        begin = row;
    }
    if (!fine)
        return error_no_memory(err, "a comparison", answer->row_count * last * sizeof *cells);
    answer->cells = cells;
    answer->row_count = kept;
    answer->column_count = last;
    return ACCEL_OK;
}
