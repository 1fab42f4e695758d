#include "report/result_table.h"

#include <math.h>
#include <stdint.h>

void result_cell(table *t, const store_cell *c) {
    switch (c->type) {
    case STORE_NULL:
        table_null(t);
        return;
    case STORE_TEXT:
        table_text(t, c->text);
        return;
    case STORE_INTEGER:
        table_integer(t, c->integer);
        break;
    case STORE_REAL:
        table_number(t, c->real, 6);
        break;
    case STORE_BOOL:
        table_bool(t, c->integer != 0);
        break;
    }
    table_display(t, "%s", c->text);
}

table *result_table(const store_result *r) {
    table *t = table_create();
    if (t == NULL)
        return NULL;
    for (size_t c = 0; c < r->column_count; c++)
        table_column(t, r->columns[c], NULL, r->numeric[c]);
    for (size_t row = 0; row < r->row_count; row++) {
        table_row(t);
        for (size_t c = 0; c < r->column_count; c++)
            result_cell(t, &r->cells[row * r->column_count + c]);
    }
    return t;
}

size_t result_column(const store_result *r, const char *name) {
    for (size_t c = 0; c < r->column_count; c++)
        if (str_equal(r->columns[c], name))
            return c;
    return SIZE_MAX;
}

/* ---- charts of SQL ------------------------------------------------------------------------------------------------------ */

static double number_at(const store_result *r, size_t row, size_t column) {
    const store_cell *c = &r->cells[row * r->column_count + column];
    return c->type == STORE_REAL || c->type == STORE_INTEGER ? c->real : (double)NAN;
}

static bool first_is_time(const store_result *r) {
    for (size_t row = 0; row < r->row_count; row++) {
        const store_cell *c = &r->cells[row * r->column_count];
        if (c->type != STORE_NULL && (c->type != STORE_TEXT || isnan(chart_time(c->text))))
            return false;
    }
    return r->row_count > 0;
}

static double x_of(const store_result *r, size_t row, bool time) {
    const store_cell *c = &r->cells[row * r->column_count];
    if (!time)
        return number_at(r, row, 0);
    return c->type == STORE_TEXT ? chart_time(c->text) : (double)NAN;
}

static const chart_point *points_of(const store_result *r, size_t column, bool time, arena *a) {
    size_t provenance = result_column(r, "provenance");
    chart_point *points = ARENA_ARRAY(a, chart_point, r->row_count + 1);
    for (size_t row = 0; points != NULL && row < r->row_count; row++) {
        const char *kind = provenance != SIZE_MAX ? r->cells[row * r->column_count + provenance].text : NULL;
        points[row] = (chart_point){.x = x_of(r, row, time),
                                    .y = number_at(r, row, column),
                                    .low = (double)NAN,
                                    .high = (double)NAN,
                                    .not_measured = kind != NULL && !str_equal(kind, "measured")};
    }
    return points;
}

accel_status result_chart(const store_result *r, const char *title, arena *a, chart *out, accel_error *err) {
    chart_series *series = ARENA_ARRAY(a, chart_series, r->column_count + 1);
    const char **names = ARENA_ARRAY(a, const char *, r->row_count + 1);
    if (series == NULL || names == NULL)
        return error_no_memory(err, "a chart", 0);
    bool time = first_is_time(r), lines = time || (r->column_count > 0 && r->numeric[0]);
    *out = (chart){.title = title,
                   .form = lines ? CHART_LINES : CHART_BARS,
                   .categories = names,
                   .category_count = r->row_count,
                   .series = series};
    out->x = (chart_axis){.title = r->column_count > 0 ? r->columns[0] : NULL,
                          .scale = time ? CHART_TIME : CHART_LINEAR};
    for (size_t column = 1; column < r->column_count; column++) {
        if (!r->numeric[column])
            continue;
        chart_series *s = &series[out->series_count++];
        *s = (chart_series){r->columns[column], points_of(r, column, time, a), r->row_count};
        if (s->points == NULL)
            return error_no_memory(err, "a chart", 0);
    }
    if (out->series_count == 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "a chart needs a first column that names rows, and columns of numbers behind it");
    if (out->series_count == 1)
        out->y.title = series[0].name;
    for (size_t row = 0; row < r->row_count; row++) {
        const char *name = r->cells[row * r->column_count].text;
        names[row] = name != NULL ? name : "NULL";
    }
    return ACCEL_OK;
}
