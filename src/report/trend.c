/* Changes over runs. */
#include "report/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "measure/change.h"

enum { POINTS_MOST = 256 };

/* ---- finding --------------------------------------------------------------------------------------------------------------- */

typedef struct finding {
    history_metric metric;
    arena *arena;
    trend *out;
    trend_change *changes;
    size_t count, capacity;
} finding;

static size_t index_of_run(const history_series *s, int64_t run_id) {
    size_t i = 0;
    while (i < s->side.run_count && s->runs[i]->run_id != run_id)
        i++;
    return i;
}

static accel_status add_change(finding *f, const history_series *s, const history_change *c, size_t index,
                               bool is_new, accel_error *err) {
    if (!mem_grow((void **)&f->changes, &f->capacity, f->count + 1, sizeof *f->changes))
        return error_no_memory(err, "changes", 0);
    f->changes[f->count++] = (trend_change){.series = s,
                                            .change = *c,
                                            .run = s->runs[index],
                                            .previous = index > 0 ? s->runs[index - 1] : NULL,
                                            .is_new = is_new};
    return ACCEL_OK;
}

static bool is_known(const size_t *known, size_t count, size_t index) {
    for (size_t i = 0; i < count; i++)
        if (known[i] == index)
            return true;
    return false;
}

static history_change change_at(const finding *f, const history_series *s, const change_point *p) {
    bool less_is_better = history_metric_less_is_better(f->metric);
    return (history_change){.identity_id = s->identity_id,
                            .result_id = s->first_results[p->index],
                            .run_id = s->runs[p->index]->run_id,
                            .previous_run_id = s->runs[p->index - 1]->run_id,
                            .worse = (p->ratio.ratio > 1) == less_is_better,
                            .ratio = p->ratio.ratio,
                            .low = p->ratio.low,
                            .high = p->ratio.high,
                            .p_value = p->p_value};
}

static accel_status judge_series(finding *f, const history_series *s, accel_error *err) {
    size_t known[POINTS_MOST], known_count = 0, found = 0;
    change_point points[POINTS_MOST];
    for (size_t i = 0; i < s->known_count && known_count < POINTS_MOST; i++) {
        size_t index = index_of_run(s, s->known[i].run_id);
        if (index == s->side.run_count)
            continue; /* its results are in no selection any more */
        known[known_count++] = index;
        ACCEL_TRY(add_change(f, s, &s->known[i], index, false, err));
    }
    ACCEL_TRY(
        change_points(s->run_means, s->side.run_count, known, known_count, points, POINTS_MOST, &found, err));
    for (size_t i = 0; i < found; i++) {
        if (is_known(known, known_count, points[i].index))
            continue;
        history_change c = change_at(f, s, &points[i]);
        ACCEL_TRY(add_change(f, s, &c, points[i].index, true, err));
        f->out->new_count++;
    }
    f->out->short_count += s->side.run_count < CHANGE_RESULTS_LEAST;
    return ACCEL_OK;
}

static int newest_first(const void *left, const void *right) {
    const trend_change *a = left, *b = right;
    int c = strcmp(b->run->started_at, a->run->started_at);
    return c != 0 ? c
                  : (a->change.identity_id > b->change.identity_id) -
                        (a->change.identity_id < b->change.identity_id);
}

/* What was found is told even where it cannot be kept: the database may be locked, or in a folder that is only to be read. */
static accel_status store_new(finding *f, const char *path, accel_error *err) {
    accel_error why = {0};
    history_change *changes = ARENA_ARRAY(f->arena, history_change, f->out->new_count + 1);
    if (changes == NULL)
        return error_no_memory(err, "changes", 0);
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        if (f->changes[i].is_new)
            changes[n++] = f->changes[i].change;
    if (n > 0 && history_store_changes(path, f->metric, changes, n, &why) != ACCEL_OK) {
        f->out->not_stored = arena_strdup(f->arena, why.message);
        return f->out->not_stored != NULL ? ACCEL_OK : error_no_memory(err, "changes", 0);
    }
    n = 0;
    for (size_t i = 0; i < f->count; i++)
        if (f->changes[i].is_new)
            f->changes[i].change = changes[n++];
    return ACCEL_OK;
}

static accel_status find_all(finding *f, const char *path, const history *h, accel_error *err) {
    for (size_t i = 0; i < h->count; i++)
        ACCEL_TRY(judge_series(f, &h->series[i], err));
    ACCEL_TRY(store_new(f, path, err));
    if (f->count > 1)
        qsort(f->changes, f->count, sizeof *f->changes, newest_first);
    for (size_t i = 0; i < f->count; i++)
        f->out->open_count += f->changes[i].change.worse && !f->changes[i].change.acknowledged;
    f->out->count = f->count;
    f->out->changes = arena_copy(f->arena, f->changes, f->count * sizeof *f->changes);
    return f->out->changes != NULL ? ACCEL_OK : error_no_memory(err, "changes", 0);
}

accel_status trend_find(const char *path, const history_filter *filter, arena *a, trend *out,
                        accel_error *err) {
    history_selection all = {.path = path};
    history *h = ARENA_NEW(a, history);
    *out = (trend){.metric = filter->metric};
    if (h == NULL)
        return error_no_memory(err, "a history", 0);
    ACCEL_TRY(history_read(&all, filter, false, a, h, err));
    out->series_count = h->count;
    out->result_count = h->result_count;
    finding f = {.metric = filter->metric, .arena = a, .out = out};
    accel_status status = find_all(&f, path, h, err);
    mem_free(f.changes);
    return status;
}

/* ---- for people and programs ------------------------------------------------------------------------------------------------- */

static const char *state_of(const trend_change *c) {
    if (c->change.acknowledged)
        return "acknowledged";
    return c->change.worse ? "open" : "better";
}

static void percent_cell(table *t, double ratio, int decimals) {
    table_number(t, ratio, 3);
    if (!isnan(ratio))
        table_display(t, "%+.*f %%", decimals, 100 * (ratio - 1));
}

/* Hashes of commits are known by their first digits. */
static void commit_cell(table *t, const char *commit) {
    table_text(t, commit);
    if (commit != NULL)
        table_display(t, "%.12s", commit);
}

static void hash_cell(table *t, const char *hash) {
    table_text(t, hash);
    if (hash != NULL)
        table_display(t, "%.8s", hash);
}

static void change_row(table *t, const trend_change *c, history_metric metric) {
    table_row(t);
    if (c->change.id > 0)
        table_integer(t, c->change.id);
    else
        table_null(t);
    table_text(t, state_of(c));
    if (c->change.worse && !c->change.acknowledged)
        table_mark(t);
    table_text(t, history_metric_name(metric));
    table_text(t, c->change.worse ? "worse" : "better");
    percent_cell(t, c->change.ratio, 1);
    percent_cell(t, c->change.low, 1);
    percent_cell(t, c->change.high, 1);
    table_number(t, c->change.p_value, 0);
    table_display(t, "%.0e", c->change.p_value);
    table_integer(t, c->run->run_id);
    table_text(t, c->run->started_at);
    commit_cell(t, c->run->git_commit);
    if (c->previous != NULL)
        table_integer(t, c->previous->run_id);
    else
        table_null(t);
    commit_cell(t, c->previous != NULL ? c->previous->git_commit : NULL);
    for (size_t f = 0; f < HISTORY_FIELD_COUNT; f++) {
        if (f == HISTORY_MACHINE || f == HISTORY_MODEL_VERSION)
            hash_cell(t, c->series->fields[f]);
        else
            table_text(t, c->series->fields[f]);
    }
    table_text(t, c->change.note);
}

table *trend_table(const trend *trend_, bool with_acknowledged) {
    static const struct {
        const char *key, *title;
        bool right;
    } columns[] = {
        {"id", NULL, true},
        {"state", NULL, false},
        {"metric", NULL, false},
        {"direction", NULL, false},
        {"ratio", "change", true},
        {"low", "95 % from", true},
        {"high", "to", true},
        {"p_value", "p", true},
        {"run", "first run", true},
        {"started_at", "started", false},
        {"commit", NULL, false},
        {"previous_run", "run before", true},
        {"previous_commit", "commit before", false},
    };
    static const char *const always[] = {"id",  "state",  "direction",  "ratio", "low",   "high",
                                         "run", "commit", "started_at", "model", "engine"};
    table *t = table_create();
    if (t == NULL)
        return NULL;
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        table_column(t, columns[c].key, columns[c].title, columns[c].right);
    for (size_t f = 0; f < HISTORY_FIELD_COUNT; f++)
        table_column(t, history_field_name((history_field)f), NULL, false);
    table_column(t, "note", NULL, false);
    for (size_t i = 0; i < trend_->count; i++)
        if (with_acknowledged || !trend_->changes[i].change.acknowledged)
            change_row(t, &trend_->changes[i], trend_->metric);
    table_hide_constant_columns(t, always, sizeof always / sizeof *always);
    static const char *const of_several[] = {"weights", "model_version", "machine", "shapes",
                                             "mode",    "scenario",      "note"};
    for (size_t c = 0; c < sizeof of_several / sizeof *of_several && table_row_count(t) == 1; c++)
        table_hide_column(
            t, of_several[c]); /* one change says little by these; of several, what varies is shown anyway */
    return t;
}

void trend_summary(const trend *t, str_buf *out) {
    size_t acknowledged = 0;
    for (size_t i = 0; i < t->count; i++)
        acknowledged += t->changes[i].change.acknowledged;
    str_appendf(out, "- %s: %zu result%s in %zu series", history_metric_name(t->metric), t->result_count,
                t->result_count == 1 ? "" : "s", t->series_count);
    if (t->short_count > 0)
        str_appendf(out, ", %zu of them with fewer than the %d runs that a change needs", t->short_count,
                    CHANGE_RESULTS_LEAST);
    str_appendf(out, ".\n- %zu change%s, %zu new; %zu regression%s open, %zu change%s acknowledged.\n",
                t->count, t->count == 1 ? "" : "s", t->new_count, t->open_count,
                t->open_count == 1 ? "" : "s", acknowledged, acknowledged == 1 ? "" : "s");
    if (t->not_stored != NULL)
        str_appendf(out, "- What is new could not be stored, and is found again: %s\n", t->not_stored);
}
