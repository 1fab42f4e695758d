#include "report/kind_chart.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "report/kind_derive.h"
#include "report/kind_show.h"

/* More series than have colours and a place in the legend, or rows than anybody can read, are left to the table. */
enum { SERIES_MOST = CHART_MOST_LEGEND, ROWS_MOST = 4000 };
/* Where the largest value is so many times the smallest, a linear scale would hide the small ones. */
static const double log_from = 60;

typedef struct builder {
    const report_chart *description;
    const store_result *answer;
    arena *arena;
    const char **categories, **series; /* names */
    size_t category_count, series_count, most;
    chart_point *points; /* of bars: [series][category], `most` each; of lines: [series][row] */
    size_t *counts;      /* of lines */
    const char *common;  /* parts of `more` that all rows have, separated by ", " */
    double least, greatest;
    bool failed;
} builder;

static const char *text_at(builder *b, size_t row, const char *key) {
    const store_cell *c = answer_cell(b->answer, row, key);
    if (c == NULL || strchr(c->text, '\033') == NULL)
        return c != NULL ? c->text : NULL;
    str_buf plain = {0};
    show_plain(c->text, &plain);
    const char *text = arena_strdup(b->arena, str_text(&plain));
    b->failed |= plain.failed || text == NULL;
    str_free(&plain);
    return text;
}

/* "a, b", of those that there are. */
static const char *joined(builder *b, const char *first, const char *second) {
    if (first == NULL || second == NULL)
        return first != NULL ? first : second != NULL ? second : "";
    const char *text = arena_printf(b->arena, "%s, %s", first, second);
    b->failed |= text == NULL;
    return text != NULL ? text : "";
}

/* Whether the part is one of a list's, which are separated by ", ". */
static bool has_part(const char *list, const char *part, size_t length) {
    while (list != NULL && *list != 0) {
        size_t here = strcspn(list, ",");
        if (here == length && memcmp(list, part, length) == 0)
            return true;
        list += here + strspn(list + here, ", ");
    }
    return false;
}

/* The parts of a list that `other` has, or has not. */
static const char *parts(builder *b, const char *list, const char *other, bool wanted) {
    str_buf out = {0};
    while (list != NULL && *list != 0) {
        size_t here = strcspn(list, ",");
        if (has_part(other, list, here) == wanted) {
            str_append(&out, out.length > 0 ? ", " : "");
            str_append_bytes(&out, list, here);
        }
        list += here + strspn(list + here, ", ");
    }
    const char *text = out.length > 0 ? arena_strdup(b->arena, str_text(&out)) : NULL;
    b->failed |= out.failed || (out.length > 0 && text == NULL);
    str_free(&out);
    return text;
}

/* What all rows have in common stands once, under the title, so that names have room for what tells them apart. */
static void find_common(builder *b) {
    const char *more = b->description->more;
    b->common = more != NULL && b->most > 1 ? text_at(b, 0, more) : NULL;
    for (size_t row = 1; row < b->most && b->common != NULL; row++)
        b->common = parts(b, b->common, text_at(b, row, more), true);
}

static const char *more_of(builder *b, size_t row) {
    return parts(b, text_at(b, row, b->description->more), b->common, false);
}

/* What is not measured is a series of its own, named so. */
static const char *series_name(builder *b, size_t row, const char *value_key) {
    const report_chart *d = b->description;
    const char *name = d->x != NULL ? joined(b, text_at(b, row, d->name), more_of(b, row)) : NULL;
    if (d->series != NULL)
        name = joined(b, name, text_at(b, row, d->series));
    if (name == NULL) { /* several values: their columns' names */
        name = arena_strdup(b->arena, value_key);
        for (char *c = (char *)(uintptr_t)name; c != NULL && *c != 0; c++)
            *c = *c == '_' ? ' ' : *c;
    }
    if (name != NULL && !show_is_measured(b->answer, row))
        name = arena_printf(b->arena, "%s, %s", name, text_at(b, row, "provenance"));
    b->failed |= name == NULL;
    return name;
}

static size_t place_of(const char **names, size_t *count, size_t most, const char *name) {
    for (size_t i = 0; i < *count; i++)
        if (str_equal(names[i], name))
            return i;
    if (*count == most)
        return SIZE_MAX;
    names[*count] = name;
    return (*count)++;
}

static const char *hover(builder *b, size_t row, const char *name, const store_cell *value) {
    const report_chart *d = b->description;
    const char *samples = text_at(b, row, d->samples), *provenance = text_at(b, row, "provenance"),
               *when = text_at(b, row, "started_at");
    const store_cell *half = answer_cell(b->answer, row, d->half), *low = answer_cell(b->answer, row, d->low),
                     *high = answer_cell(b->answer, row, d->high);
    str_buf text = {0};
    str_appendf(&text, "%s: %.5g", name, value->real);
    if (half != NULL)
        str_appendf(&text, " ± %.2g", half->real);
    else if (low != NULL && high != NULL)
        str_appendf(&text, " (%.5g to %.5g)", low->real, high->real);
    str_appendf(&text, "%s%s", d->unit != NULL ? " " : "", d->unit != NULL ? d->unit : "");
    if (samples != NULL)
        str_appendf(&text, ", n = %s", samples);
    if (provenance != NULL)
        str_appendf(&text, ", %s", provenance);
    if (when != NULL)
        str_appendf(&text, ", %.16s UTC", when);
    const char *kept = arena_strdup(b->arena, str_text(&text));
    b->failed |= text.failed || kept == NULL;
    str_free(&text);
    return kept;
}

static chart_point point_of(builder *b, size_t row, const char *name, const store_cell *value) {
    const report_chart *d = b->description;
    const store_cell *half = answer_cell(b->answer, row, d->half), *low = answer_cell(b->answer, row, d->low),
                     *high = answer_cell(b->answer, row, d->high), *x = answer_cell(b->answer, row, d->x);
    chart_point p = {.x = x != NULL ? x->real : 0, .y = value->real, .low = NAN, .high = NAN};
    if (half != NULL) {
        p.low = value->real - half->real;
        p.high = value->real + half->real;
    } else if (low != NULL && high != NULL) {
        p.low = low->real;
        p.high = high->real;
    }
    p.hover = hover(b, row, name, value);
    p.not_measured = !show_is_measured(b->answer, row);
    b->least = fmin(b->least, p.y);
    b->greatest = fmax(b->greatest, p.y);
    return p;
}

/* Two rows of one category and series (two devices, two versions): the second begins another category of that name. */
static void add_bar(builder *b, size_t series, const char *category, chart_point point) {
    size_t c = 0;
    for (; c < b->category_count; c++)
        if (str_equal(b->categories[c], category) && isnan(b->points[series * b->most + c].y))
            break;
    if (c == b->most)
        return;
    if (c == b->category_count)
        b->categories[b->category_count++] = category;
    b->points[series * b->most + c] = point;
}

static void add_row(builder *b, size_t row) {
    const report_chart *d = b->description;
    for (size_t v = 0; v < CHART_VALUES_MOST && d->values[v] != NULL; v++) {
        const store_cell *value = answer_cell(b->answer, row, d->values[v]);
        if (value == NULL || !isfinite(value->real) || (value->real == 0 && d->values[1] != NULL))
            continue; /* of several counts those that are none are not drawn */
        const char *name = series_name(b, row, d->values[v]);
        size_t s = name != NULL ? place_of(b->series, &b->series_count, SERIES_MOST, name) : SIZE_MAX;
        if (s == SIZE_MAX)
            continue;
        if (d->x != NULL)
            b->points[s * b->most + b->counts[s]++] = point_of(b, row, name, value);
        else
            add_bar(b, s, joined(b, text_at(b, row, d->name), more_of(b, row)),
                    point_of(b, row, name, value));
    }
}

/* Several values have their colours in the order in which the kind names them, whichever of them comes up first. */
static void name_series(builder *b) {
    const report_chart *d = b->description;
    for (size_t v = 0; v < CHART_VALUES_MOST && d->values[v] != NULL && d->values[1] != NULL; v++)
        for (size_t row = 0; row < b->most; row++) {
            const store_cell *value = answer_cell(b->answer, row, d->values[v]);
            const char *name = value != NULL && value->real > 0 ? series_name(b, row, d->values[v]) : NULL;
            if (name != NULL)
                (void)place_of(b->series, &b->series_count, SERIES_MOST, name);
        }
}

static bool prepare(builder *b) {
    size_t rows = b->answer->row_count;
    b->most = rows < ROWS_MOST ? rows : ROWS_MOST;
    b->categories = ARENA_ARRAY(b->arena, const char *, b->most + 1);
    b->series = ARENA_ARRAY(b->arena, const char *, SERIES_MOST);
    b->counts = ARENA_ARRAY(b->arena, size_t, SERIES_MOST);
    b->points = ARENA_ARRAY(b->arena, chart_point, SERIES_MOST * b->most + 1);
    b->least = INFINITY;
    b->greatest = -INFINITY;
    if (b->categories == NULL || b->series == NULL || b->counts == NULL || b->points == NULL)
        return false;
    for (size_t i = 0; i < SERIES_MOST * b->most; i++)
        b->points[i].y = NAN;
    find_common(b);
    name_series(b);
    for (size_t row = 0; row < b->most; row++)
        add_row(b, row);
    return !b->failed;
}

/* What all bars have in common; a single series has no legend and stands here too. */
static const char *subtitle(builder *b) {
    bool single = b->description->series != NULL && b->series_count == 1;
    const char *text = joined(b, b->common, single ? b->series[0] : NULL);
    return *text != 0 ? text : NULL;
}

accel_status kind_chart(const report_section *s, const store_result *answer, arena *a, chart *out,
                        bool *drawable, accel_error *err) {
    builder b = {.description = s->chart, .answer = answer, .arena = a};
    *drawable = false;
    *out = (chart){0};
    if (s->chart == NULL || answer->row_count == 0)
        return ACCEL_OK;
    if (!prepare(&b))
        return error_no_memory(err, "a chart", SERIES_MOST * b.most * sizeof *b.points);
    chart_series *series = ARENA_ARRAY(a, chart_series, b.series_count + 1);
    if (series == NULL)
        return error_no_memory(err, "a chart", b.series_count * sizeof *series);
    bool lines = s->chart->x != NULL;
    for (size_t i = 0; i < b.series_count; i++)
        series[i] =
            (chart_series){b.series[i], &b.points[i * b.most], lines ? b.counts[i] : b.category_count};
    bool wide = b.least > 0 && b.greatest > log_from * b.least;
    *out =
        (chart){.title = s->chart->title,
                .subtitle = subtitle(&b),
                .form = lines ? CHART_LINES : CHART_BARS,
                .x = {.scale = CHART_TIME},
                .y = {.unit = s->chart->unit, .scale = wide ? CHART_LOG : CHART_LINEAR, .from_zero = !wide},
                .categories = b.categories,
                .category_count = b.category_count,
                .series = series,
                .series_count = b.series_count};
    *drawable = isfinite(b.least);
    return ACCEL_OK;
}

accel_status kind_report_draw(const kind_report *r, const char *path, accel_error *err) {
    arena *a = arena_create();
    chart c;
    bool drawable = false;
    accel_status status = a != NULL ? ACCEL_OK : error_no_memory(err, "a chart", 1);
    for (size_t s = 0; s < r->kind->section_count && !drawable && status == ACCEL_OK; s++)
        status = kind_chart(&r->kind->sections[s], r->answers[s], a, &c, &drawable, err);
    if (status == ACCEL_OK)
        status = drawable ? chart_write(&c, path, err)
                          : error_set(err, ACCEL_NOT_FOUND,
                                      "there is nothing that can be drawn in the report %s", r->kind->name);
    arena_destroy(a);
    return status;
}
