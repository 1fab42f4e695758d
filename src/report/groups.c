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

/* What all rows of a group share. The hash is left out for cases that failed before the model was loaded. */
static int compare_subject(const record *a, const record *b) {
    int c = compare_text(a->model_name, b->model_name);
    if (c == 0 && a->model_sha256 != NULL && b->model_sha256 != NULL)
        c = compare_text(a->model_sha256, b->model_sha256);
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
    if (c == 0)
        c = compare_text(a->machine_id, b->machine_id);
    return c;
}

static int compare_rows(const void *left, const void *right) {
    const record *a = *(const record *const *)left, *b = *(const record *const *)right;
    int c = compare_subject(a, b);
    if (c != 0)
        return c;
    double x = record_figure_ms(a), y = record_figure_ms(b);
    if (isnan(x) != isnan(y))
        return isnan(x) ? 1 : -1;
    if (!isnan(x) && x != y)
        return x < y ? -1 : 1;
    c = compare_text(a->platform, b->platform);
    return c != 0 ? c : compare_text(a->engine_name, b->engine_name);
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
        qsort(out->rows, count, sizeof *out->rows, compare_rows);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_subject(out->rows[i - 1], out->rows[i]) != 0)
            out->starts[out->group_count++] = i;
    }
    out->starts[out->group_count] = count;
    return ACCEL_OK;
}

void record_groups_free(record_groups *g) {
    mem_free(g->rows);
    mem_free(g->starts);
    *g = (record_groups){0};
}

const record *record_groups_best(const record_groups *g, size_t group) {
    const record *best = NULL;
    for (size_t i = g->starts[group]; i < g->starts[group + 1]; i++) {
        const record *r = g->rows[i];
        if (!record_is_ok(r) || r->verified == 0)
            continue;
        if (best == NULL || record_figure_ms(r) < record_figure_ms(best))
            best = r;
    }
    return best;
}

const char *record_runner(const record *r, char *buffer, size_t size) {
    const char *engine = r->engine_name != NULL && *r->engine_name != 0 ? r->engine_name : "no engine";
    const char *platform = r->platform != NULL ? r->platform : "?";
    bool plain = str_equal(platform, "cpu") || str_equal(platform, engine);
    str_format(buffer, size, "%s%s%s%s%s", engine, plain ? "" : " ", plain ? "" : platform,
               r->repeat != RECORD_NONE && r->repeat > 0 ? " #" : "", "");
    if (r->repeat != RECORD_NONE && r->repeat > 0) {
        size_t length = strlen(buffer);
        str_format(buffer + length, size - length, "%lld", (long long)r->repeat + 1);
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
