/* Two selections side by side. */
#include "report/comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- pairing ------------------------------------------------------------------------------------------------------------- */

typedef struct keyed {
    const history_series *series;
    const bool *across;
} keyed;

static int compare_texts(const char *a, const char *b) {
    if (a == NULL || b == NULL)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

static int compare_keys(const keyed *a, const keyed *b) {
    for (size_t f = 0; f < HISTORY_FIELD_COUNT; f++) {
        int c = a->across[f] ? 0 : compare_texts(a->series->fields[f], b->series->fields[f]);
        if (c != 0)
            return c;
    }
    return 0;
}

static int compare_sorted(const void *left, const void *right) {
    const keyed *a = left, *b = right;
    int c = compare_keys(a, b);
    return c != 0 ? c
                  : (a->series->identity_id > b->series->identity_id) -
                        (a->series->identity_id < b->series->identity_id);
}

static keyed *sort_side(const history *h, const bool *across, arena *a) {
    keyed *out = ARENA_ARRAY(a, keyed, h->count + 1);
    for (size_t i = 0; out != NULL && i < h->count; i++)
        out[i] = (keyed){&h->series[i], across};
    if (out != NULL && h->count > 1)
        qsort(out, h->count, sizeof *out, compare_sorted);
    return out;
}

/* How many from `from` on are of one case. */
static size_t same_case(const keyed *side, size_t from, size_t count) {
    size_t n = 1;
    while (from + n < count && compare_keys(&side[from], &side[from + n]) == 0)
        n++;
    return n;
}

static const char *newest_start(const history_series *s) {
    return s->runs[s->side.run_count - 1]->started_at;
}

static const history_series *newest_of(const keyed *side, size_t count) {
    const history_series *newest = side[0].series;
    for (size_t i = 1; i < count; i++)
        if (strcmp(newest_start(side[i].series), newest_start(newest)) > 0)
            newest = side[i].series;
    return newest;
}

/* ---- verdicts -------------------------------------------------------------------------------------------------------------- */

static comparison_verdict verdict_of(means_verdict v, bool less_is_better) {
    switch (v) {
    case MEANS_SMALLER:
        return less_is_better ? COMPARISON_BETTER : COMPARISON_WORSE;
    case MEANS_LARGER:
        return less_is_better ? COMPARISON_WORSE : COMPARISON_BETTER;
    case MEANS_SAME:
        return COMPARISON_SAME;
    case MEANS_TOO_FEW:
        break;
    }
    return COMPARISON_TOO_FEW;
}

static void add_case(comparison *out, const history_series *a, const history_series *b, bool several) {
    comparison_case *c = &out->cases[out->count++];
    *c = (comparison_case){.a = a, .b = b};
    if (a == NULL || b == NULL) {
        c->verdict = a != NULL ? COMPARISON_ONLY_A : COMPARISON_ONLY_B;
    } else if (several) {
        c->verdict = COMPARISON_SEVERAL;
    } else {
        means_compare(&a->side, &b->side, out->options->at_least, &c->means);
        c->verdict = verdict_of(c->means.verdict, history_metric_less_is_better(out->options->metric));
        out->compared++;
        out->one_process += c->means.level == MEANS_SAMPLES || c->means.level == MEANS_NONE;
    }
    out->verdicts[c->verdict]++;
}

static void pair_sides(const keyed *a, size_t a_count, bool newest_a, const keyed *b, size_t b_count,
                       bool newest_b, comparison *out) {
    size_t i = 0, k = 0;
    while (i < a_count || k < b_count) {
        int order = i == a_count ? 1 : k == b_count ? -1 : compare_keys(&a[i], &b[k]);
        size_t in_a = order <= 0 ? same_case(a, i, a_count) : 0,
               in_b = order >= 0 ? same_case(b, k, b_count) : 0;
        bool several = (in_a > 1 && !newest_a) || (in_b > 1 && !newest_b);
        add_case(out, in_a > 0 ? newest_of(&a[i], in_a) : NULL, in_b > 0 ? newest_of(&b[k], in_b) : NULL,
                 several);
        i += in_a;
        k += in_b;
    }
}

static double geometric_mean(const comparison *c) {
    double logs = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->cases[i].verdict < COMPARISON_SEVERAL)
            logs += log(c->cases[i].means.ratio.ratio);
    return c->compared > 0 ? exp(logs / (double)c->compared) : (double)NAN;
}

/* In what the two series differ that are most alike: what --across would have to name. */
static const char *name_nearest(const history *a, const history *b, const bool *across, arena *memory) {
    bool best[HISTORY_FIELD_COUNT] = {false};
    size_t least = HISTORY_FIELD_COUNT + 1;
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            bool differs[HISTORY_FIELD_COUNT];
            size_t count = 0;
            for (size_t f = 0; f < HISTORY_FIELD_COUNT; f++) {
                differs[f] = !across[f] && compare_texts(a->series[i].fields[f], b->series[k].fields[f]) != 0;
                count += differs[f];
            }
            if (count < least) {
                least = count;
                memcpy(best, differs, sizeof best);
            }
        }
    }
    if (least > HISTORY_FIELD_COUNT)
        return NULL;
    str_buf text = {0};
    for (size_t f = 0; f < HISTORY_FIELD_COUNT; f++)
        if (best[f])
            str_appendf(&text, "%s%s", text.length > 0 ? "," : "", history_field_name((history_field)f));
    const char *out = arena_strdup(memory, str_text(&text));
    str_free(&text);
    return out;
}

accel_status comparison_make(const history *a, const history *b, const comparison_options *options,
                             bool newest_a, bool newest_b, arena *memory, comparison *out, accel_error *err) {
    keyed *side_a = sort_side(a, options->across, memory), *side_b = sort_side(b, options->across, memory);
    *out = (comparison){.options = options,
                        .cases = ARENA_ARRAY(memory, comparison_case, a->count + b->count + 1)};
    if (side_a == NULL || side_b == NULL || out->cases == NULL)
        return error_no_memory(err, "a comparison", 0);
    pair_sides(side_a, a->count, newest_a, side_b, b->count, newest_b, out);
    out->geometric_mean = geometric_mean(out);
    if (out->compared == 0)
        out->nearest = name_nearest(a, b, options->across, memory);
    return ACCEL_OK;
}

/* ---- for people and programs ------------------------------------------------------------------------------------------------- */

static const char *verdict_word(comparison_verdict v, history_metric metric) {
    bool memory = metric == HISTORY_MEMORY;
    switch (v) {
    case COMPARISON_BETTER:
        return memory ? "smaller" : "faster";
    case COMPARISON_WORSE:
        return memory ? "larger" : "slower";
    case COMPARISON_SAME:
        return "no difference shown";
    case COMPARISON_TOO_FEW:
        return "too few runs to tell";
    case COMPARISON_SEVERAL:
        return "several series";
    case COMPARISON_ONLY_A:
        return "only in A";
    case COMPARISON_ONLY_B:
    case COMPARISON_VERDICTS:
        break;
    }
    return "only in B";
}

/* Hashes are told apart by their first digits. */
static void field_cell(table *t, history_field f, const comparison_case *c) {
    const char *a = c->a != NULL ? c->a->fields[f] : NULL, *b = c->b != NULL ? c->b->fields[f] : NULL;
    bool hash = f == HISTORY_MACHINE || f == HISTORY_MODEL_VERSION;
    int shown = hash ? 8 : 1000;
    if (c->a != NULL && c->b != NULL && compare_texts(a, b) != 0) {
        a = a != NULL ? a : "none";
        b = b != NULL ? b : "none";
        table_textf(t, "%s → %s", a, b);
        if (hash)
            table_display(t, "%.*s → %.*s", shown, a, shown, b);
        return;
    }
    table_text(t, a != NULL ? a : b);
    if (hash && (a != NULL || b != NULL))
        table_display(t, "%.*s", shown, a != NULL ? a : b);
}

static int decimals_of(double value) {
    return value < 1 ? 4 : value < 100 ? 3 : 1;
}

static void case_row(table *t, const comparison_case *c, history_metric metric) {
    bool compared = c->verdict < COMPARISON_SEVERAL;
    const means_comparison *m = &c->means;
    table_row(t);
    for (size_t f = 0; f < HISTORY_FIELD_COUNT; f++)
        field_cell(t, (history_field)f, c);
    table_number(t, compared ? m->mean_a : (double)NAN, compared ? decimals_of(m->mean_a) : 0);
    table_number(t, compared ? m->mean_b : (double)NAN, compared ? decimals_of(m->mean_b) : 0);
    table_number(t, compared ? m->ratio.ratio : (double)NAN, 3);
    table_number(t, compared ? m->ratio.low : (double)NAN, 3);
    table_number(t, compared ? m->ratio.high : (double)NAN, 3);
    table_text(t, verdict_word(c->verdict, metric));
    if (c->verdict == COMPARISON_WORSE)
        table_mark(t);
    table_text(t, compared ? means_level_name(m->level) : NULL);
    if (c->a != NULL)
        table_integer(t, (int64_t)c->a->count);
    else
        table_null(t);
    if (c->b != NULL)
        table_integer(t, (int64_t)c->b->count);
    else
        table_null(t);
}

/* One case says little by its hashes and shapes; of several, what varies is shown anyway. */
static void hide_of_one_case(table *t, const comparison *c) {
    for (size_t f = 0; f < HISTORY_FIELD_COUNT && c->count == 1; f++) {
        const comparison_case *only = &c->cases[0];
        bool telling =
            f == HISTORY_MODEL || f == HISTORY_HARDWARE || f == HISTORY_ENGINE || f == HISTORY_PRECISION;
        bool differs =
            only->a != NULL && only->b != NULL && compare_texts(only->a->fields[f], only->b->fields[f]) != 0;
        if (!telling && !differs)
            table_hide_column(t, history_field_name((history_field)f));
    }
}

table *comparison_table(const comparison *c) {
    static const char *const always[] = {"model", "engine", "a", "b", "ratio", "low", "high", "verdict"};
    table *t = table_create();
    if (t == NULL)
        return NULL;
    for (size_t f = 0; f < HISTORY_FIELD_COUNT; f++)
        table_column(t, history_field_name((history_field)f), NULL, false);
    char title_a[32], title_b[32];
    str_format(title_a, sizeof title_a, "A %s", history_metric_unit(c->options->metric));
    str_format(title_b, sizeof title_b, "B %s", history_metric_unit(c->options->metric));
    table_column(t, "a", title_a, true);
    table_column(t, "b", title_b, true);
    table_column(t, "ratio", "B / A", true);
    table_column(t, "low", "95 % from", true);
    table_column(t, "high", "to", true);
    table_column(t, "verdict", NULL, false);
    table_column(t, "level", "interval of", false);
    table_column(t, "processes_a", "processes A", true);
    table_column(t, "processes_b", "processes B", true);
    for (size_t i = 0; i < c->count; i++)
        case_row(t, &c->cases[i], c->options->metric);
    table_hide_constant_columns(t, always, sizeof always / sizeof *always);
    hide_of_one_case(t, c);
    return t;
}

void comparison_summary(const comparison *c, const char *a, const char *b, str_buf *out) {
    const char *metric = history_metric_name(c->options->metric);
    str_appendf(out, "- A is %s, B is %s; the metric is %s.\n", a, b, metric);
    str_appendf(out, "- %zu case%s compared", c->compared, c->compared == 1 ? "" : "s");
    const char *separator = ": ";
    for (size_t v = 0; v < COMPARISON_VERDICTS; v++) {
        if (c->verdicts[v] == 0)
            continue;
        if (v >= COMPARISON_SEVERAL)
            separator = "; ";
        str_appendf(out, "%s%zu %s", separator, c->verdicts[v],
                    verdict_word((comparison_verdict)v, c->options->metric));
        separator = ", ";
    }
    str_append(out, ".\n");
    if (c->compared > 0)
        str_appendf(out, "- Geometric mean of the ratios B / A: %.3f.\n", c->geometric_mean);
    if (c->options->at_least > 0)
        str_appendf(out, "- Differences below %g %% are not counted as such.\n", 100 * c->options->at_least);
    if (c->one_process > 0)
        str_appendf(
            out,
            "- %zu case%s measured by one process a side, which tells nothing of how processes differ: `accel bench --repeat 5` does.\n",
            c->one_process, c->one_process == 1 ? " was" : "s were");
    if (c->verdicts[COMPARISON_SEVERAL] > 0)
        str_append(
            out,
            "- \"several series\": within one side there are results that differ in what --across names; name less, or another run.\n");
    if (c->nearest != NULL)
        str_appendf(
            out, "- No case is in both. The two most alike differ in: %s (--across would overlook that).\n",
            c->nearest);
}
