#include "report/question_view.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/groups.h"
#include "report/question_names.h"
#include "report/result_table.h"

/* ---- cells ------------------------------------------------------------------------------------------------------------------- */

static double number_of(const store_cell *c) {
    return c->type == STORE_REAL || c->type == STORE_INTEGER ? c->real : (double)NAN;
}

/* "12.3 ± 0.1 (1.24×)": the half of low to high, and the ratio where it is not 1. */
static void figure_cell(table *t, double value, double half, double ratio) {
    char text[96], part[48];
    int decimals = record_decimals(value);
    table_number(t, value, decimals);
    if (!isfinite(value))
        return;
    str_format(text, sizeof text, "%.*f", decimals, value);
    if (isfinite(half)) {
        str_format(part, sizeof part, " ± %.*f", decimals, half);
        str_format(text + strlen(text), sizeof text - strlen(text), "%s", part);
    }
    if (isfinite(ratio) && ratio != 1) {
        str_format(part, sizeof part, " (%.2f×)", ratio);
        str_format(text + strlen(text), sizeof text - strlen(text), "%s", part);
    }
    table_display(t, "%s", text);
    if (ratio == 1)
        table_mark(t);
}

static const char *const figures[] = {"latency_ms", "throughput", "tokens_per_s", "memory_mb", "value"};

static bool is_one_of(const char *name, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, list[i]))
            return true;
    return false;
}

/* ---- one row a row -------------------------------------------------------------------------------------------------------------- */

/* What people see within the value's cell. */
static bool is_part_of_figure(const char *name) {
    static const char *const parts[] = {"low", "high", "ci95_ms", "ratio", "best", "comparison"};
    return is_one_of(name, parts, sizeof parts / sizeof *parts);
}

static double half_interval(const store_result *answer, size_t row) {
    size_t low = result_column(answer, "low"), high = result_column(answer, "high"),
           ci = result_column(answer, "ci95_ms");
    if (ci != SIZE_MAX)
        return number_of(answer_cell_of(answer, row, ci));
    return (number_of(answer_cell_of(answer, row, high)) - number_of(answer_cell_of(answer, row, low))) / 2;
}

static table *rows_table(const question *q, const store_result *answer, bool for_programs) {
    static const char *const always[] = {"model",      "platform",   "engine",    "provenance", "value",
                                         "latency_ms", "throughput", "memory_mb", "n",          "started_at"};
    char title[64];
    table *t = table_create();
    size_t ratio = result_column(answer, "ratio");
    for (size_t c = 0; t != NULL && c < answer->column_count; c++) {
        const char *name = answer->columns[c];
        str_format(title, sizeof title, "%s, %s", question_metric_name(q->metric),
                   question_metric_unit(q->metric));
        if (for_programs || !is_part_of_figure(name))
            table_column(t, name, str_equal(name, "value") ? title : NULL, answer->numeric[c]);
    }
    for (size_t row = 0; t != NULL && row < answer->row_count; row++) {
        table_row(t);
        for (size_t c = 0; c < answer->column_count; c++) {
            const char *name = answer->columns[c];
            const store_cell *cell = answer_cell_of(answer, row, c);
            bool with_interval = str_equal(name, "value") || str_equal(name, "latency_ms");
            if (!for_programs && is_part_of_figure(name))
                continue;
            if (is_one_of(name, figures, sizeof figures / sizeof *figures))
                figure_cell(t, number_of(cell), with_interval ? half_interval(answer, row) : (double)NAN,
                            with_interval ? number_of(answer_cell_of(answer, row, ratio)) : (double)NAN);
            else
                result_cell(t, cell);
        }
    }
    if (t != NULL && !for_programs)
        table_hide_constant_columns(t, always, sizeof always / sizeof *always);
    return t;
}

/* ---- pivots ----------------------------------------------------------------------------------------------------------------------- */

/* Rows of an answer side by side: which of them stands in row r and column c. */
typedef struct pivot {
    arena *arena;
    size_t row_count, column_count;
    const char **labels; /* of the columns, sorted */
    size_t *firsts;      /* of each row: the answer's first row in it */
    size_t *cells;       /* row by row; SIZE_MAX: none */
} pivot;

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *label_of(const answer_names *n, size_t row, unsigned columns, arena *a) {
    str_buf text = {0};
    append_names(n, row, columns, &text);
    const char *label = text.failed ? NULL : arena_strdup(a, str_text(&text));
    str_free(&text);
    return label;
}

/* Which rows of an answer, standing one after the other, become one. */
typedef enum merging { EACH_ALONE, SAME_COMPARISON, SAME_MODEL } merging;

static bool same_row(const answer_names *n, size_t a, size_t b, merging how) {
    static const name_column model[] = {NAME_MODEL, NAME_WEIGHTS, NAME_PROVENANCE};
    size_t number = result_column(n->answer, "comparison");
    if (how != SAME_MODEL)
        return how == SAME_COMPARISON &&
               answer_cell_of(n->answer, a, number)->integer == answer_cell_of(n->answer, b, number)->integer;
    for (size_t i = 0; i < sizeof model / sizeof *model; i++)
        if (!str_equal(answer_cell_of(n->answer, a, n->columns[model[i]])->text,
                       answer_cell_of(n->answer, b, n->columns[model[i]])->text))
            return false;
    return true;
}

static size_t label_index(const pivot *p, const char *label) {
    const char **found = bsearch(&label, p->labels, p->column_count, sizeof *p->labels, by_text);
    return found != NULL ? (size_t)(found - p->labels) : 0;
}

static bool make_pivot(const answer_names *n, merging how, unsigned column_names, arena *a, pivot *p) {
    size_t rows = n->answer->row_count;
    const char **own = ARENA_ARRAY(a, const char *, rows + 1);
    *p = (pivot){.arena = a,
                 .labels = ARENA_ARRAY(a, const char *, rows + 1),
                 .firsts = ARENA_ARRAY(a, size_t, rows + 1)};
    if (own == NULL || p->labels == NULL || p->firsts == NULL)
        return false;
    for (size_t row = 0; row < rows; row++) {
        own[row] = p->labels[row] = label_of(n, row, column_names, a);
        if (own[row] == NULL)
            return false;
        if (row == 0 || !same_row(n, row - 1, row, how))
            p->firsts[p->row_count++] = row;
    }
    qsort(p->labels, rows, sizeof *p->labels, by_text);
    for (size_t i = 0; i < rows; i++)
        if (p->column_count == 0 || !str_equal(p->labels[p->column_count - 1], p->labels[i]))
            p->labels[p->column_count++] = p->labels[i];
    p->cells = ARENA_ARRAY(a, size_t, p->row_count * p->column_count + 1);
    if (p->cells == NULL)
        return false;
    memset(p->cells, 0xFF, (p->row_count * p->column_count + 1) * sizeof *p->cells);
    for (size_t r = 0; r < p->row_count; r++)
        for (size_t row = p->firsts[r]; row < (r + 1 < p->row_count ? p->firsts[r + 1] : rows); row++)
            p->cells[r * p->column_count + label_index(p, own[row])] = row;
    return true;
}

/* Platform and engine name a column; the device where several of one platform are compared. */
static unsigned runner_names(const answer_names *n) {
    return NAME_BIT(NAME_PLATFORM) | NAME_BIT(NAME_ENGINE) | (n->varying & NAME_BIT(NAME_DEVICE));
}

static const char *const subject_keys[] = {"model",  "weights", "precision", "batch",    "sequence",
                                           "shapes", "threads", "mode",      "scenario", "provenance"};
enum { SUBJECT_KEYS = sizeof subject_keys / sizeof *subject_keys };

static void hardware_columns(table *t, const store_result *answer, const pivot *p, bool for_programs) {
    for (size_t k = 0; k < SUBJECT_KEYS; k++) {
        size_t c = result_column(answer, subject_keys[k]);
        table_column(t, subject_keys[k], NULL, c != SIZE_MAX && answer->numeric[c]);
    }
    for (size_t c = 0; c < p->column_count; c++) {
        const char *ratio = arena_printf(p->arena, "%s ratio", p->labels[c]);
        table_column(t, p->labels[c], NULL, true);
        if (for_programs)
            table_column(t, ratio != NULL ? ratio : "ratio", NULL, true);
    }
}

static void hardware_row(table *t, const store_result *answer, const pivot *p, size_t row,
                         bool for_programs) {
    size_t value = result_column(answer, "value"), ratio = result_column(answer, "ratio");
    table_row(t);
    for (size_t k = 0; k < SUBJECT_KEYS; k++)
        result_cell(t, answer_cell_of(answer, p->firsts[row], result_column(answer, subject_keys[k])));
    for (size_t c = 0; c < p->column_count; c++) {
        size_t from = p->cells[row * p->column_count + c];
        bool some = from != SIZE_MAX;
        double share = some ? number_of(answer_cell_of(answer, from, ratio)) : (double)NAN;
        figure_cell(t, some ? number_of(answer_cell_of(answer, from, value)) : (double)NAN,
                    some ? half_interval(answer, from) : (double)NAN, share);
        if (for_programs)
            table_number(t, share, 3);
    }
}

static table *hardware_table(const store_result *answer, bool for_programs, arena *a) {
    static const char *const always[] = {"model", "provenance"};
    answer_names n;
    pivot p;
    answer_names_of(answer, &n);
    if (!make_pivot(&n, SAME_COMPARISON, runner_names(&n), a, &p))
        return NULL;
    table *t = table_create();
    if (t == NULL)
        return NULL;
    hardware_columns(t, answer, &p, for_programs);
    for (size_t row = 0; row < p.row_count; row++)
        hardware_row(t, answer, &p, row, for_programs);
    const char **keep = ARENA_ARRAY(a, const char *, p.column_count + 2);
    for (size_t i = 0; keep != NULL && i < p.column_count + 2; i++)
        keep[i] = i < 2 ? always[i] : p.labels[i - 2];
    if (!for_programs && keep != NULL)
        table_hide_constant_columns(t, keep, p.column_count + 2);
    return t;
}

/* "yes", "no: absent", "2 of 3 devices" */
static void compatibility_cell(table *t, const store_result *answer, size_t row) {
    const store_cell *devices = answer_cell_of(answer, row, result_column(answer, "devices"));
    const store_cell *good = answer_cell_of(answer, row, result_column(answer, "compatible_devices"));
    const store_cell *error = answer_cell_of(answer, row, result_column(answer, "error_type"));
    if (good->integer == devices->integer)
        table_text(t, "yes");
    else if (good->integer > 0)
        table_textf(t, "%s of %s devices", good->text, devices->text);
    else
        table_textf(t, "no%s%s", error->type == STORE_NULL ? "" : ": ",
                    error->type == STORE_NULL ? "" : error->text);
}

static table *compatibility_table(const store_result *answer, arena *a) {
    static const char *const keys[] = {"model", "weights", "family", "provenance"};
    answer_names n;
    pivot p;
    answer_names_of(answer, &n);
    if (!make_pivot(&n, SAME_MODEL, NAME_BIT(NAME_PLATFORM), a, &p))
        return NULL;
    table *t = table_create();
    for (size_t k = 0; t != NULL && k < sizeof keys / sizeof *keys; k++)
        table_column(t, keys[k], NULL, false);
    for (size_t c = 0; t != NULL && c < p.column_count; c++)
        table_column(t, p.labels[c], NULL, false);
    for (size_t row = 0; t != NULL && row < p.row_count; row++) {
        table_row(t);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            result_cell(t, answer_cell_of(answer, p.firsts[row], result_column(answer, keys[k])));
        for (size_t c = 0; c < p.column_count; c++) {
            size_t from = p.cells[row * p.column_count + c];
            if (from == SIZE_MAX)
                table_null(t);
            else
                compatibility_cell(t, answer, from);
        }
    }
    return t;
}

table *question_table(const question *q, const store_result *answer, bool for_programs) {
    bool hardware = q->kind == QUESTION_COMPARE_HARDWARE;
    if (!hardware && q->kind != QUESTION_COMPATIBILITY)
        return rows_table(q, answer, for_programs);
    arena *a = arena_create();
    table *t = a == NULL  ? NULL
               : hardware ? hardware_table(answer, for_programs, a)
                          : compatibility_table(answer, a);
    arena_destroy(a);
    return t;
}

/* ---- charts ------------------------------------------------------------------------------------------------------------------------- */

static chart_point point_of(const store_result *answer, size_t row, size_t value) {
    double y = number_of(answer_cell_of(answer, row, value)), half = half_interval(answer, row);
    const store_cell *low = answer_cell_of(answer, row, result_column(answer, "low"));
    const store_cell *high = answer_cell_of(answer, row, result_column(answer, "high"));
    return (chart_point){
        .y = y,
        .low = low->type != STORE_NULL ? low->real : y - half,
        .high = high->type != STORE_NULL ? high->real : y + half,
        .not_measured =
            !str_equal(answer_cell_of(answer, row, result_column(answer, "provenance"))->text, "measured"),
        .marked = number_of(answer_cell_of(answer, row, result_column(answer, "ratio"))) == 1};
}

/* Categories are the pivot's rows, series its columns. */
static bool bars_of(const answer_names *n, merging how, unsigned row_names, unsigned column_names,
                    const char *value_key, arena *a, chart *out) {
    pivot p;
    if (!make_pivot(n, how, column_names, a, &p))
        return false;
    size_t value = result_column(n->answer, value_key);
    chart_series *series = ARENA_ARRAY(a, chart_series, p.column_count + 1);
    const char **names = ARENA_ARRAY(a, const char *, p.row_count + 1);
    if (series == NULL || names == NULL)
        return false;
    for (size_t row = 0; row < p.row_count; row++)
        names[row] = label_of(n, p.firsts[row], row_names, a);
    for (size_t s = 0; s < p.column_count; s++) {
        chart_point *points = ARENA_ARRAY(a, chart_point, p.row_count + 1);
        if (points == NULL)
            return false;
        for (size_t row = 0; row < p.row_count; row++) {
            size_t from = p.cells[row * p.column_count + s];
            points[row] =
                from != SIZE_MAX ? point_of(n->answer, from, value) : (chart_point){.y = (double)NAN};
        }
        series[s] = (chart_series){*p.labels[s] != '\0' ? p.labels[s] : "result", points, p.row_count};
    }
    for (size_t row = 0; row < p.row_count; row++)
        if (names[row] == NULL)
            return false;
    out->form = CHART_BARS;
    out->categories = names;
    out->category_count = p.row_count;
    out->series = series;
    out->series_count = p.column_count;
    return true;
}

static bool lines_of(const answer_names *n, arena *a, chart *out) {
    const store_result *answer = n->answer;
    size_t number = result_column(answer, "series"), value = result_column(answer, "value");
    size_t time = result_column(answer, "started_at"), count = 0;
    chart_series *series = ARENA_ARRAY(a, chart_series, answer->row_count + 1);
    chart_point *points = ARENA_ARRAY(a, chart_point, answer->row_count + 1);
    if (series == NULL || points == NULL)
        return false;
    for (size_t row = 0; row < answer->row_count; row++) {
        const char *started = answer_cell_of(answer, row, time)->text;
        if (row == 0 || !str_equal(answer_cell_of(answer, row, number)->text,
                                   answer_cell_of(answer, row - 1, number)->text)) {
            const char *name = label_of(n, row, n->varying, a);
            if (name == NULL)
                return false;
            series[count++] = (chart_series){
                *name != '\0' ? name : answer_cell_of(answer, row, n->columns[NAME_MODEL])->text,
                &points[row], 0};
        }
        points[row] = point_of(answer, row, value);
        points[row].x = started != NULL ? chart_time(started) : (double)NAN;
        series[count - 1].point_count++;
    }
    out->form = CHART_LINES;
    out->x = (chart_axis){.title = "start of the run (UTC)", .scale = CHART_TIME};
    out->series = series;
    out->series_count = count;
    return true;
}

static bool describe(const question *q, const answer_names *n, arena *a, chart *out) {
    static const char *const titles[] = {
        [QUESTION_LATEST] = "Newest results",
        [QUESTION_COMPARE_HARDWARE] = "Platforms and engines compared",
        [QUESTION_COMPARE_MODELS] = "Models compared",
        [QUESTION_TREND] = "Results over time",
        [QUESTION_COMPATIBILITY] = "Share of cases that ran, newest state of each device",
    };
    str_buf same = {0};
    if (n->answer->row_count > 0)
        append_names(n, 0, NAMES_OF_ALL & ~n->varying & ~NAME_BIT(NAME_SHAPES), &same);
    out->title = titles[q->kind];
    out->subtitle = arena_strdup(a, str_text(&same));
    out->y = q->kind == QUESTION_COMPATIBILITY ? (chart_axis){.title = "share of cases"}
                                               : (chart_axis){.title = question_metric_name(q->metric),
                                                              .unit = question_metric_unit(q->metric)};
    bool fine = !same.failed && out->subtitle != NULL;
    str_free(&same);
    return fine;
}

accel_status question_chart(const question *q, const store_result *answer, arena *a, chart *out,
                            accel_error *err) {
    static const char *const latest[] = {[METRIC_LATENCY] = "latency_ms",
                                         [METRIC_THROUGHPUT] = "throughput",
                                         [METRIC_MEMORY] = "memory_mb",
                                         [METRIC_NONE] = "latency_ms"};
    answer_names n;
    *out = (chart){0};
    answer_names_of(answer, &n);
    const unsigned model = NAME_BIT(NAME_MODEL);
    bool fine = describe(q, &n, a, out);
    switch (q->kind) {
    case QUESTION_LATEST:
        fine = fine && bars_of(&n, EACH_ALONE, n.varying | model, 0, latest[q->metric], a, out);
        break;
    case QUESTION_COMPARE_HARDWARE:
        fine = fine && bars_of(&n, SAME_COMPARISON, (n.varying & ~NAMES_OF_RUNNERS) | model, runner_names(&n),
                               "value", a, out);
        break;
    case QUESTION_COMPARE_MODELS:
        fine = fine && bars_of(&n, EACH_ALONE, n.varying | model, 0, "value", a, out);
        break;
    case QUESTION_TREND:
        fine = fine && lines_of(&n, a, out);
        break;
    case QUESTION_COMPATIBILITY:
        fine = fine && bars_of(&n, SAME_MODEL, model | (n.varying & NAME_BIT(NAME_PROVENANCE)),
                               NAME_BIT(NAME_PLATFORM), "score", a, out);
        break;
    }
    return fine ? ACCEL_OK : error_no_memory(err, "a chart", 0);
}
