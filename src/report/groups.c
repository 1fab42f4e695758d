#include "report/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static int compare_text(const char *a, const char *b) {
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int compare_int(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

bool record_is_ok(const record *r) {
    return str_equal(r->status, case_status_name(CASE_OK));
}

double record_figure_ms(const record *r) {
    if (!record_is_ok(r))
        return NAN;
    if (str_equal(r->scenario, "offline") && r->throughput_items_per_s > 0)
        return 1e3 / r->throughput_items_per_s;
    return r->latency_median_ms;
}

double record_interval_ms(const record *r) {
    return isnan(r->latency_ci95_ms) || str_equal(r->scenario, "offline") ? 0 : r->latency_ci95_ms;
}

/* Weights apart: what all rows of a group share. */
static int compare_setting(const record *a, const record *b) {
    int c = compare_text(a->model_name, b->model_name);
    if (c == 0)
        c = compare_text(a->mode, b->mode);
    if (c == 0)
        c = compare_text(a->scenario, b->scenario);
    if (c == 0)
        c = compare_text(a->precision_asked, b->precision_asked);
    if (c == 0)
        c = compare_int(a->batch, b->batch);
    if (c == 0)
        c = compare_int(a->sequence, b->sequence);
    if (c == 0)
        c = compare_int(a->threads, b->threads);
    return c != 0 ? c : compare_text(a->machine_id, b->machine_id);
}

static int compare_subjects(const void *left, const void *right) {
    const record *a = *(const record *const *)left, *b = *(const record *const *)right;
    int c = compare_setting(a, b);
    if (c == 0)
        c = compare_text(a->model_sha256, b->model_sha256);
    return c != 0 ? c : compare_text(a->model_source, b->model_source);
}

/* A case that failed before its model was loaded knows neither hash nor source, and stands with those of its setting. */
static bool same_or_unknown(const char *a, const char *b) {
    return a == NULL || b == NULL || str_equal(a, b);
}

static bool same_subject(const record *a, const record *b) {
    return compare_setting(a, b) == 0 && same_or_unknown(a->model_sha256, b->model_sha256) &&
           same_or_unknown(a->model_source, b->model_source);
}

static int compare_figures(const void *left, const void *right) {
    const record *a = *(const record *const *)left, *b = *(const record *const *)right;
    double x = record_figure_ms(a), y = record_figure_ms(b);
    if (isnan(x) != isnan(y))
        return isnan(x) ? 1 : -1;
    if (!isnan(x) && x != y)
        return x < y ? -1 : 1;
    int c = compare_text(a->platform, b->platform);
    return c != 0 ? c : compare_text(a->engine_name, b->engine_name);
}

static void find_groups(record_groups *g) {
    for (size_t i = 0; i < g->count; i++) {
        if (i == 0 || !same_subject(g->rows[i - 1], g->rows[i]))
            g->starts[g->group_count++] = i;
    }
    g->starts[g->group_count] = g->count;
    for (size_t i = 0; i < g->group_count; i++)
        qsort(&g->rows[g->starts[i]], g->starts[i + 1] - g->starts[i], sizeof *g->rows, compare_figures);
}

accel_status record_groups_make(const record *records, size_t count, record_groups *out, accel_error *err) {
    *out = (record_groups){0};
    out->rows = mem_calloc(count + 1, sizeof *out->rows);
    out->starts = mem_calloc(count + 2, sizeof *out->starts);
    if (out->rows == NULL || out->starts == NULL) {
        record_groups_free(out);
        return error_no_memory(err, "a report", count * sizeof *out->rows);
    }
    out->count = count;
    for (size_t i = 0; i < count; i++)
        out->rows[i] = &records[i];
    if (count > 1)
        qsort(out->rows, count, sizeof *out->rows, compare_subjects);
    find_groups(out);
    return ACCEL_OK;
}

void record_groups_free(record_groups *g) {
    mem_free(g->rows);
    mem_free(g->starts);
    *g = (record_groups){0};
}

static bool is_candidate(const record *r) {
    return record_is_ok(r) && r->verified != 0 && !isnan(record_figure_ms(r));
}

bool record_is_measured(const record *r) {
    return str_equal(r->provenance, "measured");
}

const record *record_groups_best(const record_groups *g, size_t group) {
    const record *best = NULL;
    for (size_t i = g->starts[group]; i < g->starts[group + 1]; i++) {
        const record *r = g->rows[i];
        if (!is_candidate(r))
            continue;
        bool better = best == NULL || (record_is_measured(r) && !record_is_measured(best));
        if (best != NULL && record_is_measured(r) == record_is_measured(best))
            better = record_figure_ms(r) < record_figure_ms(best);
        if (better)
            best = r;
    }
    return best;
}

const record *record_groups_second(const record_groups *g, size_t group, const record *best) {
    char name[96], best_name[96];
    record_runner(best, best_name, sizeof best_name);
    for (size_t i = g->starts[group]; i < g->starts[group + 1]; i++) {
        const record *r = g->rows[i];
        if (r != best && is_candidate(r) && record_is_measured(r) == record_is_measured(best) &&
            !str_equal(record_runner(r, name, sizeof name), best_name))
            return r;
    }
    return NULL;
}

int record_decimals(double ms) {
    return ms >= 100 ? 1 : ms >= 10 ? 2 : ms >= 0.1 ? 3 : ms >= 0.01 ? 4 : 6;
}

const char *record_runner(const record *r, char *buffer, size_t size) {
    const char *engine = r->engine_name != NULL && *r->engine_name != 0 ? r->engine_name : "no engine";
    const char *platform = r->platform != NULL ? r->platform : "?";
    bool plain = str_equal(platform, "cpu") || str_equal(platform, engine);
    bool paged = str_equal(engine, "browser") && r->device_id != NULL; /* each browser is one of its own */
    str_format(buffer, size, "%s%s%s%s%s", engine, plain ? "" : " ", plain ? "" : platform, paged ? " " : "",
               paged ? r->device_id : "");
    if (r->repeat != RECORD_NONE && r->repeat > 0) {
        size_t length = strlen(buffer);
        str_format(buffer + length, size - length, " #%lld", (long long)r->repeat + 1);
    }
    return buffer;
}

const char *record_subject(const record *r, char *buffer, size_t size) {
    str_buf b = {0};
    str_append(&b, r->model_name != NULL ? r->model_name : "?");
    if (str_equal(r->model_source, "generated"))
        str_append(&b, " (generated weights)");
    if (r->batch != RECORD_NONE)
        str_appendf(&b, ", batch %lld", (long long)r->batch);
    if (r->sequence != RECORD_NONE && r->sequence > 0)
        str_appendf(&b, ", sequence %lld", (long long)r->sequence);
    if (r->precision_asked != NULL)
        str_appendf(&b, ", %s", r->precision_asked);
    if (r->threads != RECORD_NONE && r->threads > 0)
        str_appendf(&b, ", %lld thread%s", (long long)r->threads, r->threads == 1 ? "" : "s");
    if (r->mode != NULL && !str_equal(r->mode, "inference"))
        str_appendf(&b, ", %s", r->mode);
    if (r->scenario != NULL && !str_equal(r->scenario, "single-stream"))
        str_appendf(&b, ", %s", r->scenario);
    str_format(buffer, size, "%s", str_text(&b));
    str_free(&b);
    return buffer;
}
