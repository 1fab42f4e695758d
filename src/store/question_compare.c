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

static bool real_cell(store_cell *out, double value, arena *a) {
    *out = isfinite(value) ? (store_cell){STORE_REAL, arena_printf(a, "%.10g", value), 0, value}
                           : (store_cell){.type = STORE_NULL};
    return out->type == STORE_NULL || out->text != NULL;
}

/* Writes the rows of one comparison, sorted, from `to` on. */
static bool write_rows(store_result *answer, const columns *at, compared *rows, size_t count, size_t number,
                       store_cell *to) {
    double best = (double)NAN;
    qsort(rows, count, sizeof *rows, by_key);
    for (size_t i = 0; i < count && isnan(best); i++) {
        const store_cell *verified = &rows[i].cells[at->verified];
        if (verified->type != STORE_BOOL || verified->integer != 0)
            best = rows[i].cells[at->value].real;
    }
    const char *text = arena_printf(answer->arena, "%zu", number);
    for (size_t i = 0; i < count; i++, to += at->width) {
        memcpy(to, rows[i].cells, at->width * sizeof *to);
        to[0] = (store_cell){STORE_INTEGER, text, (int64_t)number, (double)number};
        if (!real_cell(&to[at->best], best, answer->arena) ||
            !real_cell(&to[at->ratio], to[at->value].real / best, answer->arena))
            return false;
    }
    return text != NULL;
}

accel_status question_compare(store_result *answer, const comparison *c, accel_error *err) {
    str_buf order = {0};
    str_appendf(&order, "%s %s %s", c->same, c->different, c->newest);
    accel_status status = order.failed ? error_no_memory(err, "a comparison", order.length)
                                       : question_order(answer, str_text(&order), 0, err);
    str_free(&order);
    ACCEL_TRY(status);
    size_t stride = answer->column_count, kept = 0, number = 0;
    const columns at = {find(answer, "value"), find(answer, "best"), find(answer, "ratio"),
                        find(answer, "verified"), stride - c->hidden};
    const question_keys same = question_keys_of(answer, c->same),
                        different = question_keys_of(answer, c->different);
    store_cell *cells = ARENA_ARRAY(answer->arena, store_cell, answer->row_count * at.width + 1);
    compared *rows = ARENA_ARRAY(answer->arena, compared, answer->row_count + 1);
    bool fine = cells != NULL && rows != NULL;
    for (size_t row = 0; fine && row < answer->row_count && (c->limit == 0 || number < c->limit);) {
        size_t count = 0;
        const store_cell *first = &answer->cells[row * stride], *before = NULL;
        for (; row < answer->row_count; row++) {
            const store_cell *now = &answer->cells[row * stride];
            if (question_rows_compare(first, now, &same) != 0)
                break;
            double value = now[at.value].real;
            if (before == NULL || question_rows_compare(before, now, &different) != 0)
                rows[count++] = (compared){now, c->less_is_better ? value : -value, row};
            before = now;
        }
        fine = write_rows(answer, &at, rows, count, ++number, cells + kept * at.width);
        kept += count;
    }
    if (!fine)
        return error_no_memory(err, "a comparison", answer->row_count * at.width * sizeof *cells);
    answer->cells = cells;
    answer->row_count = kept;
    answer->column_count = at.width;
    return ACCEL_OK;
}
