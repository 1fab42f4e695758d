#include "store/question_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

question_keys question_keys_of(const store_result *answer, const char *names) {
    question_keys keys = {0};
    while (*names != '\0' && keys.count < QUESTION_MOST_KEYS) {
        bool descending = *names == '-';
        names += descending;
        size_t length = strcspn(names, " "), column = 0;
        while (column + 1 < answer->column_count && (strncmp(answer->columns[column], names, length) != 0 ||
                                                     answer->columns[column][length] != '\0'))
            column++;
        keys.columns[keys.count] = column;
        keys.descending[keys.count++] = descending;
        names += length + strspn(names + length, " ");
    }
    return keys;
}

static int compare_cells(const store_cell *a, const store_cell *b) {
    if (a->type == STORE_TEXT && b->type == STORE_TEXT)
        return a->text == b->text ? 0 : strcmp(a->text, b->text);
    if (a->type == STORE_REAL || b->type == STORE_REAL)
        return (a->real > b->real) - (a->real < b->real) + isnan(a->real) - isnan(b->real);
    return (a->integer > b->integer) - (a->integer < b->integer);
}

int question_rows_compare(const store_cell *a, const store_cell *b, const question_keys *keys) {
    for (size_t i = 0; i < keys->count; i++) {
        const store_cell *x = &a[keys->columns[i]], *y = &b[keys->columns[i]];
        bool x_null = x->type == STORE_NULL, y_null = y->type == STORE_NULL;
        if (x_null && y_null)
            continue;
        if (x_null || y_null)
            return x_null ? 1 : -1;
        int order = compare_cells(x, y);
        if (order != 0)
            return keys->descending[i] ? -order : order;
    }
    return 0;
}

static int by_keys(const void *left, const void *right) {
    const question_row *a = left, *b = right;
    int order = question_rows_compare(a->cells, b->cells, a->keys);
    return order != 0 ? order : (a->cells > b->cells) - (a->cells < b->cells); /* one array's: as they came */
}

accel_status question_sort(const store_result *answer, const question_keys *keys, question_row **out,
                           accel_error *err) {
    size_t count = answer->row_count;
    question_row *rows = *out = ARENA_ARRAY(answer->arena, question_row, count + 1);
    if (rows == NULL)
        return error_no_memory(err, "an answer", count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = (question_row){answer->cells + i * answer->column_count, keys};
    qsort(rows, count, sizeof *rows, by_keys);
    return ACCEL_OK;
}

accel_status question_keep(store_result *answer, const question_row *rows, size_t count, size_t hidden,
                           accel_error *err) {
    size_t width = answer->column_count - hidden;
    store_cell *cells = ARENA_ARRAY(answer->arena, store_cell, count * width + 1);
    if (cells == NULL)
        return error_no_memory(err, "an answer", count * width * sizeof *cells);
    for (size_t i = 0; i < count; i++)
        memcpy(cells + i * width, rows[i].cells, width * sizeof *cells);
    answer->cells = cells;
    answer->row_count = count;
    answer->column_count = width;
    return ACCEL_OK;
}

accel_status question_order(store_result *answer, const char *names, size_t hidden, size_t limit,
                            accel_error *err) {
    const question_keys keys = question_keys_of(answer, names);
    size_t count = limit > 0 && limit < answer->row_count ? limit : answer->row_count;
    question_row *rows;
    ACCEL_TRY(question_sort(answer, &keys, &rows, err));
    return question_keep(answer, rows, count, hidden, err);
}

accel_status question_write_times(store_result *answer, const char *column, accel_error *err) {
    size_t at = question_keys_of(answer, column).columns[0], stride = answer->column_count;
    store_cell *cells = (store_cell *)(uintptr_t)answer->cells; /* the answer's own */
    const store_cell *above = NULL;
    int64_t above_us = 0;
    for (size_t i = at; i < answer->row_count * stride; i += stride) {
        char text[CLOCK_UTC_TEXT_BYTES];
        int64_t us = cells[i].integer;
        if (cells[i].type != STORE_INTEGER)
            continue;
        cells[i].text = above != NULL && above_us == us
                            ? above->text
                            : arena_printf(answer->arena, "%.19sZ", clock_utc_text(us, text));
        cells[i].type = STORE_TEXT;
        if (cells[i].text == NULL)
            return error_no_memory(err, "an answer", sizeof text);
        above = &cells[i];
        above_us = us;
    }
    answer->numeric[at] = false;
    return ACCEL_OK;
}
