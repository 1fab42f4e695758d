/* Records as a table and as sentences. */
#include "report/report.h"

#include <math.h>
#include <string.h>

#include "report/groups.h"

static const struct {
    const char *key, *title;
    bool right;
} columns[] = {
    {"model", NULL, false},
    {"weights", NULL, false},
    {"batch", NULL, true},
    {"sequence", "seq", true},
    {"precision", NULL, false},
    {"threads", NULL, true},
    {"mode", NULL, false},
    {"scenario", NULL, false},
    {"platform", NULL, false},
    {"engine", NULL, false},
    {"device", NULL, false},
    {"version", NULL, false},
    {"latency_ms", "median latency", true},
    {"throughput", "items/s", true},
    {"tokens_per_s", "tokens/s", true},
    {"load_ms", "load ms", true},
    {"first_ms", "first ms", true},
    {"peak_memory_mb", "peak MB", true},
    {"samples", "runs", true},
    {"verified", NULL, false},
    {"status", NULL, false},
    {"provenance", NULL, false},
    {"reason", NULL, false},
};

static void integer_cell(table *t, int64_t value) {
    if (value == RECORD_NONE) {
        table_null(t);
    } else {
        table_integer(t, value);
    }
}

static void latency_cell(table *t, const record *r, bool best) {
    double ms = r->latency_median_ms;
    int decimals = record_decimals(ms);
    table_number(t, ms, decimals);
    if (isnan(ms))
        return;
    if (isnan(r->latency_ci95_ms)) {
        table_display(t, "%.*f", decimals, ms);
    } else {
        table_display(t, "%.*f ± %.*f", decimals, ms, decimals, r->latency_ci95_ms);
    }
    if (best)
        table_mark(t);
}

static void ns_cell(table *t, int64_t ns) {
    table_number(t, ns == RECORD_NONE ? NAN : (double)ns / 1e6, 1);
}

static void verified_cell(table *t, const record *r) {
    const char *reference = r->verification_reference != NULL ? r->verification_reference : "?";
    table_bool(t, r->verified);
    if (r->verified < 0)
        return;
    if (isnan(r->relative_l2))
        table_display(t, "%svs %s", r->verified ? "" : "WRONG ", reference);
    else
        table_display(t, "%s%.0e vs %s", r->verified ? "" : "WRONG ", r->relative_l2, reference);
}

static void device_text(table *t, const record *r) {
    if (r->device_id != NULL && r->device_name != NULL && !str_equal(r->device_id, r->device_name)) {
        table_textf(t, "%s (%s)", r->device_name, r->device_id);
    } else {
        table_text(t, r->device_name != NULL ? r->device_name : r->device_id);
    }
}

static void record_row(table *t, const record *r, bool best) {
    table_row(t);
    table_text(t, r->model_name);
    table_text(t, r->model_source);
    integer_cell(t, r->batch);
    integer_cell(t, r->sequence > 0 ? r->sequence : RECORD_NONE);
    table_text(t, r->precision_ran != NULL ? r->precision_ran : r->precision_asked);
    integer_cell(t, r->threads);
    table_text(t, r->mode);
    table_text(t, r->scenario);
    table_text(t, r->platform);
    table_text(t, r->engine_name);
    device_text(t, r);
    table_text(t, r->engine_version);
    latency_cell(t, r, best);
    table_number(t, r->throughput_items_per_s, 1);
    table_number(t, r->tokens_per_s, 1);
    ns_cell(t, r->load_ns == RECORD_NONE ? RECORD_NONE
                                         : r->load_ns + (r->compile_ns == RECORD_NONE ? 0 : r->compile_ns));
    ns_cell(t, r->first_ns);
    table_number(t, r->peak_rss_bytes == RECORD_NONE ? NAN : (double)r->peak_rss_bytes / 1e6, 0);
    integer_cell(t, record_is_ok(r) ? (int64_t)r->samples_ns_count : RECORD_NONE);
    verified_cell(t, r);
    table_text(t, r->status);
    table_text(t, record_is_ok(r) ? r->provenance : NULL); /* a case without figures shows none as measured */
    table_text(t, r->error);
}

table *report_table(const record *records, size_t count) {
    static const char *const always[] = {"model",    "engine",     "latency_ms",
                                         "verified", "provenance", "weights"};
    record_groups groups;
    if (record_groups_make(records, count, &groups, NULL) != ACCEL_OK)
        return NULL;
    table *t = table_create();
    for (size_t c = 0; t != NULL && c < sizeof columns / sizeof *columns; c++)
        table_column(t, columns[c].key, columns[c].title, columns[c].right);
    for (size_t g = 0; t != NULL && g < groups.group_count; g++) {
        const record *best = record_groups_best(&groups, g);
        bool alone = groups.starts[g + 1] - groups.starts[g] < 2;
        for (size_t i = groups.starts[g]; i < groups.starts[g + 1]; i++)
            record_row(t, groups.rows[i], groups.rows[i] == best && !alone);
    }
    if (t != NULL)
        table_hide_constant_columns(t, always, sizeof always / sizeof *always);
    record_groups_free(&groups);
    return t;
}

/* ---- sentences -------------------------------------------------------------------------------------------------------- */

enum { NOTES_MAX = 64 };

typedef struct note {
    const char *sentence; /* of the first case that has it */
    size_t length;
    const record *first;
    size_t cases;
} note;

static bool is_figure(char c) {
    return (c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-';
}

/* The same sentence but for its figures. */
static bool same_note(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a_length && is_figure(a[i]))
            i++;
        while (k < b_length && is_figure(b[k]))
            k++;
        if (i == a_length || k == b_length)
            return i == a_length && k == b_length;
        if (a[i++] != b[k++])
            return false;
    }
}

static void count_note(note *notes, size_t *count, const record *r, const char *sentence, size_t length) {
    for (size_t i = 0; i < *count; i++) {
        if (same_note(notes[i].sentence, notes[i].length, sentence, length)) {
            notes[i].cases++;
            return;
        }
    }
    if (*count < NOTES_MAX && length > 0)
        notes[(*count)++] = (note){sentence, length, r, 1};
}

void report_notes(const record *records, size_t count, str_buf *out) {
    note notes[NOTES_MAX];
    size_t note_count = 0;
    for (size_t i = 0; i < count; i++) {
        for (const char *p = records[i].warnings; p != NULL && *p != 0;) {
            size_t length = strcspn(p, "\n");
            count_note(notes, &note_count, &records[i], p, length);
            p += length + (p[length] == '\n');
        }
    }
    for (size_t i = 0; i < note_count; i++) {
        char subject[256], runner[96];
        str_appendf(out, "- %.*s (%s, %s", (int)notes[i].length, notes[i].sentence,
                    record_subject(notes[i].first, subject, sizeof subject),
                    record_runner(notes[i].first, runner, sizeof runner));
        if (notes[i].cases > 1)
            str_appendf(out, "; the like in %zu of %zu cases", notes[i].cases, count);
        str_append(out, ")\n");
    }
}
