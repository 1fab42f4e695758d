#include "report/kind_derive.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "measure/measure.h"
#include "measure/stats.h"
#include "report/result_table.h"

const store_cell *answer_cell(const store_result *answer, size_t row, const char *key) {
    size_t c = key != NULL ? result_column(answer, key) : SIZE_MAX;
    if (c == SIZE_MAX)
        return NULL;
    const store_cell *cell = &answer->cells[row * answer->column_count + c];
    return cell->type == STORE_NULL ? NULL : cell;
}

static store_cell real_cell(arena *a, double value) {
    if (!isfinite(value))
        return (store_cell){.type = STORE_NULL};
    return (store_cell){STORE_REAL, arena_printf(a, "%.10g", value), 0, value};
}

static store_cell text_cell(const char *text) {
    return text != NULL ? (store_cell){STORE_TEXT, text, 0, NAN} : (store_cell){.type = STORE_NULL};
}

/* The same rows with `more` columns behind; their cells are null. */
static accel_status widen(store_result *answer, const char *const *names, const bool *numeric, size_t more,
                          accel_error *err) {
    size_t before = answer->column_count, after = before + more;
    const char **columns = ARENA_ARRAY(answer->arena, const char *, after);
    bool *numbers = ARENA_ARRAY(answer->arena, bool, after);
    store_cell *cells = ARENA_ARRAY(answer->arena, store_cell, answer->row_count * after + 1);
    if (columns == NULL || numbers == NULL || cells == NULL)
        return error_no_memory(err, "an answer", answer->row_count * after * sizeof *cells);
    for (size_t c = 0; c < after; c++) {
        columns[c] = c < before ? answer->columns[c] : names[c - before];
        numbers[c] = c < before ? answer->numeric[c] : numeric[c - before];
    }
    for (size_t r = 0; r < answer->row_count; r++) /* zeroed memory is null: STORE_NULL is 0 */
        for (size_t c = 0; c < before; c++)
            cells[r * after + c] = answer->cells[r * before + c];
    answer->columns = columns;
    answer->numeric = numbers;
    answer->column_count = after;
    answer->cells = cells;
    return ACCEL_OK;
}

static void set_cell(store_result *answer, size_t row, size_t column, store_cell cell) {
    ((store_cell *)(uintptr_t)answer->cells)[row * answer->column_count + column] = cell;
}

/* ---- means -------------------------------------------------------------------------------------------------------------- */

static double number_of(const store_cell *c) {
    return c != NULL ? c->real : NAN;
}

/* Half of Student's 95 % interval. */
static double half_width(double deviation, double samples) {
    return samples >= 2 ? stats_student_quantile(0.975, samples - 1) * deviation / sqrt(samples) : NAN;
}

static accel_status derive_mean(const report_column *column, store_result *answer, accel_error *err) {
    const char *name = arena_printf(answer->arena, "%s_ci95", column->key);
    const bool numeric = true;
    if (name == NULL)
        return error_no_memory(err, "an answer", 1);
    ACCEL_TRY(widen(answer, &name, &numeric, 1, err));
    for (size_t r = 0; r < answer->row_count; r++) {
        double half = half_width(number_of(answer_cell(answer, r, column->deviation)),
                                 number_of(answer_cell(answer, r, column->samples)));
        if (isnan(half)) /* rows of two kinds: of some the answer knows it */
            half = number_of(answer_cell(answer, r, column->half));
        set_cell(answer, r, answer->column_count - 1, real_cell(answer->arena, half));
    }
    return ACCEL_OK;
}

/* ---- ratios ------------------------------------------------------------------------------------------------------------- */

typedef struct number_list {
    double *values;
    size_t count;
} number_list;

/* "[1.5, 2]", as DuckDB writes a list; a cell that is null is an empty one. */
static accel_status parse_list(const store_cell *cell, arena *a, number_list *out, accel_error *err) {
    const char *text = cell != NULL ? cell->text : "";
    size_t most = 1;
    for (const char *p = text; *p != 0; p++)
        most += *p == ',';
    *out = (number_list){ARENA_ARRAY(a, double, most), 0};
    if (out->values == NULL)
        return error_no_memory(err, "a list", most * sizeof *out->values);
    while (*text != 0) {
        if (strchr("[], ", *text) != NULL) {
            text++;
            continue;
        }
        char *end = NULL;
        double value = strtod(text, &end);
        if (end == text || !isfinite(value))
            return error_set(err, ACCEL_BAD_FILE, "the database holds a figure that is no number: %.40s",
                             text);
        out->values[out->count++] = value;
        text = end;
    }
    return ACCEL_OK;
}

/* Samples of one process resemble their neighbours: as a record's. */
static accel_status compare_processes(const number_list lists[2], arena *a, stats_ratio *out,
                                      accel_error *err) {
    record sides[2];
    record_comparison comparison;
    for (size_t s = 0; s < 2; s++) {
        int64_t *samples = ARENA_ARRAY(a, int64_t, lists[s].count + 1);
        if (samples == NULL)
            return error_no_memory(err, "samples", lists[s].count * sizeof *samples);
        for (size_t i = 0; i < lists[s].count; i++)
            samples[i] = (int64_t)lists[s].values[i];
        record_init(&sides[s]);
        sides[s].samples_ns = samples;
        sides[s].samples_ns_count = lists[s].count;
    }
    const record *over = &sides[0], *under = &sides[1];
    ACCEL_TRY(record_compare(&over, 1, &under, 1, &comparison, err));
    *out = (stats_ratio){comparison.ratio, comparison.low, comparison.high, comparison.different};
    return ACCEL_OK;
}

static accel_status compare_lists(const report_ratio *ratio, const number_list lists[2], arena *a,
                                  stats_ratio *out, accel_error *err) {
    *out = (stats_ratio){NAN, NAN, NAN, false};
    if (lists[0].count == 0 || lists[1].count == 0)
        return ACCEL_OK;
    if (ratio->same_process)
        return compare_processes(lists, a, out, err);
    const stats_series over = {lists[0].values, &lists[0].count, 1},
                       under = {lists[1].values, &lists[1].count, 1};
    stats_ratio_of_means(&over, &under, 0.95, out);
    return ACCEL_OK;
}

static const char *verdict_of(const report_ratio *ratio, const stats_ratio *r) {
    if (isnan(r->ratio))
        return NULL;
    if (isnan(r->low) || isnan(r->high))
        return ratio->too_few;
    return !r->different ? "no difference shown" : r->ratio < 1 ? ratio->less : ratio->more;
}

static accel_status derive_ratio(const report_ratio *ratio, store_result *answer, accel_error *err) {
    static const char *const names[] = {"ratio",           "ratio_low",           "ratio_high",
                                        "verdict",         "improvement_percent", "improvement_low",
                                        "improvement_high"};
    static const bool numeric[] = {true, true, true, false, true, true, true};
    size_t first = answer->column_count, more = ratio->improvement ? 7 : 4;
    ACCEL_TRY(widen(answer, names, numeric, more, err));
    for (size_t r = 0; r < answer->row_count; r++) {
        number_list lists[2];
        stats_ratio result;
        arena *a = answer->arena;
        ACCEL_TRY(parse_list(answer_cell(answer, r, ratio->over), a, &lists[0], err));
        ACCEL_TRY(parse_list(answer_cell(answer, r, ratio->under), a, &lists[1], err));
        ACCEL_TRY(compare_lists(ratio, lists, a, &result, err));
        const double figures[] = {result.ratio, result.low, result.high};
        for (size_t i = 0; i < 3; i++)
            set_cell(answer, r, first + i, real_cell(a, figures[i]));
        set_cell(answer, r, first + 3, text_cell(verdict_of(ratio, &result)));
        for (size_t i = 0; i < 3 && ratio->improvement; i++) /* the ends change places */
            set_cell(answer, r, first + 4 + i, real_cell(a, 100 * (1 - figures[(3 - i) % 3])));
    }
    return ACCEL_OK;
}

accel_status kind_derive(const report_section *s, store_result *answer, accel_error *err) {
    for (size_t c = 0; c < s->column_count; c++)
        if (s->columns[c].deviation != NULL)
            ACCEL_TRY(derive_mean(&s->columns[c], answer, err));
    return s->ratio != NULL ? derive_ratio(s->ratio, answer, err) : ACCEL_OK;
}
