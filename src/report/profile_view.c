#include "report/profile_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "report/groups.h"

/* ---- what the views share ---------------------------------------------------------------------------------------------- */

typedef struct ranked_row {
    uint64_t time_ns;
    size_t index;
} ranked_row;

static int by_time(const void *a, const void *b) {
    const ranked_row *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

const size_t *profile_longest(const case_profile *p, size_t most, arena *a, size_t *count) {
    ranked_row *ranked = ARENA_ARRAY(a, ranked_row, p->row_count);
    size_t *out = ARENA_ARRAY(a, size_t, p->row_count);
    *count = most < p->row_count ? most : p->row_count;
    if (ranked == NULL || out == NULL)
        return NULL;
    for (size_t r = 0; r < p->row_count; r++)
        ranked[r] = (ranked_row){p->rows[r].time_ns, r};
    qsort(ranked, p->row_count, sizeof *ranked, by_time);
    for (size_t i = 0; i < *count; i++)
        out[i] = ranked[i].index;
    return out;
}

const char *profile_row_name(const engine_profile_row *row, char *buffer, size_t size) {
    str_format(buffer, size, "%s%s%s", row->node, row->fused != NULL ? " + " : "",
               row->fused != NULL ? row->fused : "");
    return buffer;
}

static void append_ms(str_buf *out, double ms) {
    str_appendf(out, "%.*f ms", record_decimals(ms), ms);
}

void profile_sums_text(const profiled_case *c, str_buf *out) {
    const case_profile *p = c->profile;
    str_append(out, "profiled run ");
    append_ms(out, p->run_ms);
    str_appendf(out, " (median of %lld), its steps ", (long long)p->runs);
    append_ms(out, profile_steps_ms(p));
    if (isnan(c->record->latency_median_ms))
        return;
    str_append(out, ", unprofiled median ");
    append_ms(out, c->record->latency_median_ms);
}

void profile_roof_text(const case_profile *p, str_buf *out) {
    const roofline *roof = &p->roof;
    size_t before = out->length;
    if (!isnan(roof->peak_gflops))
        str_appendf(out, "%.0f GFLOP/s by our own %s product of 1024³", roof->peak_gflops,
                    precision_name(roof->precision));
    if (!isnan(p->roof8.peak_gflops))
        str_appendf(out, "%s%.0f Gop/s by that of 8-bit integers", out->length > before ? ", " : "",
                    p->roof8.peak_gflops);
    if (!isnan(roof->bandwidth_gb_per_s))
        str_appendf(out, "%s%.1f GB/s by a triad over arrays of %.0f MB", out->length > before ? ", " : "",
                    roof->bandwidth_gb_per_s, roof->array_bytes * 1e-6);
    if (out->length > before)
        str_appendf(out, "; %d thread%s, measured", roof->threads, roof->threads == 1 ? "" : "s");
}

void profile_remarks(const case_profile *p, str_buf *out) {
    bool above_peak = false, above_bandwidth = false, unknown = false, reference = false;
    for (size_t r = 0; r < p->row_count; r++) {
        const engine_profile_row *row = &p->rows[r];
        profile_rate rate;
        profile_rate_of(p, row->op_type, (double)row->time_ns, row->flops, row->bytes, &rate);
        above_peak = above_peak || rate.of_peak > 1.05;
        above_bandwidth = above_bandwidth || rate.of_bandwidth > 1.05;
        unknown = unknown || isnan(rate.gb_per_s);
        reference = reference || str_equal(row->kernel, "reference");
    }
    if (above_peak)
        str_append(
            out,
            "More than 100 % of peak: fewer operations were done than the operator counts (Winograd), or other work "
            "disturbed the measuring of the peak.\n");
    if (above_bandwidth)
        str_append(out, "More than 100 % of DRAM: the values came from a cache.\n");
    if (unknown)
        str_append(out,
                   "No rates: the runtime made this row of several nodes, or their cost is not known.\n");
    if (reference)
        str_append(out, "Kernel \"reference\": a plain loop; there is no fast kernel for this node yet.\n");
}

/* ---- text --------------------------------------------------------------------------------------------------------------- */

static void share_cell(table *t, double share) {
    table_number(t, share, 3);
    if (!isnan(share))
        table_display(t, "%.1f %%", share * 100.0);
}

static void rate_columns(table *t) {
    table_column(t, "time_ms", "ms", true);
    table_column(t, "share", NULL, true);
    table_column(t, "gflops", "GFLOP/s", true);
    table_column(t, "of_peak", "of peak", true);
    table_column(t, "gb_per_s", "GB/s", true);
    table_column(t, "of_bandwidth", "of DRAM", true);
}

static void rate_cells(table *t, const case_profile *p, const profile_kind *k) {
    profile_rate rate;
    profile_rate_of(p, k->op_type, k->costed_ns, k->flops, k->bytes, &rate);
    table_number(t, k->time_ns * 1e-6, 3);
    share_cell(t, profile_share(p, k->time_ns));
    table_number(t, rate.gflops, 1);
    share_cell(t, rate.of_peak);
    table_number(t, rate.gb_per_s, 1);
    share_cell(t, rate.of_bandwidth);
}

static table *kinds_table(const case_profile *p, arena *a) {
    profile_kind *kinds = NULL;
    size_t count = 0;
    table *t = table_create();
    if (t == NULL || profile_kinds(p, a, &kinds, &count, NULL) != ACCEL_OK) {
        table_destroy(t);
        return NULL;
    }
    table_column(t, "operator", NULL, false);
    table_column(t, "steps", NULL, true);
    rate_columns(t);
    for (size_t k = 0; k < count; k++) {
        table_row(t);
        table_text(t, kinds[k].op_type);
        table_integer(t, (int64_t)kinds[k].rows);
        rate_cells(t, p, &kinds[k]);
    }
    return t;
}

static table *rows_table(const case_profile *p, size_t most, arena *a) {
    size_t count = 0;
    const size_t *longest = profile_longest(p, most, a, &count);
    table *t = longest != NULL ? table_create() : NULL;
    if (t == NULL)
        return NULL;
    table_column(t, "node", NULL, false);
    table_column(t, "operator", NULL, false);
    rate_columns(t);
    table_column(t, "kernel", NULL, false);
    for (size_t i = 0; i < count; i++) {
        const engine_profile_row *row = &p->rows[longest[i]];
        char name[512];
        table_row(t);
        table_text(t, profile_row_name(row, name, sizeof name));
        table_text(t, row->op_type);
        profile_kind alone = profile_kind_of(row);
        rate_cells(t, p, &alone);
        table_text(t, row->kernel);
    }
    return t;
}

static accel_status print_and_destroy(table *t, table_format format, bool color, str_buf *out,
                                      accel_error *err) {
    if (t == NULL)
        return error_no_memory(err, "a profile", 0);
    str_append(out, "\n");
    accel_status status = table_print(t, format, color, out, err);
    table_destroy(t);
    return status;
}

static accel_status append_tables(const profiled_case *c, size_t rows, table_format format, bool color,
                                  str_buf *out, accel_error *err) {
    arena *a = arena_create();
    if (a == NULL)
        return error_no_memory(err, "a profile", 0);
    accel_status status = print_and_destroy(kinds_table(c->profile, a), format, color, out, err);
    if (status == ACCEL_OK && rows > 0) {
        if (rows < c->profile->row_count)
            str_appendf(out, "\nThe %zu longest of %zu steps:\n", rows, c->profile->row_count);
        status = print_and_destroy(rows_table(c->profile, rows, a), format, color, out, err);
    }
    arena_destroy(a);
    return status;
}

/* Between two texts, unless there is nothing to say. */
static void append_part(str_buf *out, const char *before, void (*write)(const case_profile *, str_buf *),
                        const case_profile *p, const char *after) {
    str_buf part = {0};
    write(p, &part);
    if (part.length > 0)
        str_appendf(out, "%s%s%s", before, str_text(&part), after);
    out->failed = out->failed || part.failed;
    str_free(&part);
}

accel_status profile_view_text(const profiled_case *c, size_t rows, table_format format, bool color,
                               str_buf *out, accel_error *err) {
    char subject[256], runner[96];
    const bool markdown = format == TABLE_MARKDOWN;
    const char *line_end = markdown ? "\n\n" : "\n";
    str_appendf(out, "\n%s%s, %s: where the time goes%s", markdown ? "### " : "",
                record_subject(c->record, subject, sizeof subject),
                record_runner(c->record, runner, sizeof runner), line_end);
    if (c->profile->why_not != NULL) {
        str_appendf(out, "no profile: %s\n", c->profile->why_not);
        return out->failed ? error_no_memory(err, "a profile", out->length) : ACCEL_OK;
    }
    profile_sums_text(c, out);
    str_append(out, line_end);
    append_part(out, "this machine: ", profile_roof_text, c->profile, line_end);
    accel_status status = append_tables(c, rows, format, color, out, err);
    append_part(out, "\n", profile_remarks, c->profile, "");
    return status == ACCEL_OK && out->failed ? error_no_memory(err, "a profile", out->length) : status;
}

/* ---- JSON --------------------------------------------------------------------------------------------------------------- */

static void json_real(str_buf *out, const char *key, double value) {
    str_appendf(out, ", \"%s\": ", key);
    json_append_real(out, value);
}

static void json_rates(str_buf *out, const case_profile *p, const profile_kind *k) {
    profile_rate rate;
    profile_rate_of(p, k->op_type, k->costed_ns, k->flops, k->bytes, &rate);
    json_real(out, "time_ms", k->time_ns * 1e-6);
    json_real(out, "share", profile_share(p, k->time_ns));
    json_real(out, "flops", k->flops > 0.0 ? k->flops : (double)NAN);
    json_real(out, "bytes", k->bytes > 0.0 ? k->bytes : (double)NAN);
    json_real(out, "gflops", rate.gflops);
    json_real(out, "of_peak", rate.of_peak);
    json_real(out, "gb_per_s", rate.gb_per_s);
    json_real(out, "of_bandwidth", rate.of_bandwidth);
}

static void json_roof(const case_profile *p, str_buf *out) {
    str_appendf(out, ",\n  \"roofline\": {\"provenance\": \"measured\", \"threads\": %d, \"precision\": ",
                p->roof.threads);
    json_append_text(out, precision_name(p->roof.precision));
    json_real(out, "peak_gflops", p->roof.peak_gflops);
    json_real(out, "peak_int8_gops", p->roof8.peak_gflops);
    json_real(out, "bandwidth_gb_per_s", p->roof.bandwidth_gb_per_s);
    str_append(out, "}");
}

static void json_kinds(const case_profile *p, const profile_kind *kinds, size_t count, str_buf *out) {
    str_append(out, ",\n  \"operators\": [");
    for (size_t k = 0; k < count; k++) {
        str_append(out, k > 0 ? ",\n    {\"operator\": " : "\n    {\"operator\": ");
        json_append_text(out, kinds[k].op_type);
        str_appendf(out, ", \"steps\": %zu", kinds[k].rows);
        json_rates(out, p, &kinds[k]);
        str_append(out, "}");
    }
    str_append(out, "]");
}

static void json_rows(const case_profile *p, str_buf *out) {
    str_append(out, ",\n  \"steps\": [");
    for (size_t r = 0; r < p->row_count; r++) {
        const engine_profile_row *row = &p->rows[r];
        str_append(out, r > 0 ? ",\n    {\"node\": " : "\n    {\"node\": ");
        json_append_text(out, row->node);
        str_append(out, ", \"operator\": ");
        json_append_text(out, row->op_type);
        str_append(out, ", \"fused\": ");
        json_append_text(out, row->fused);
        str_append(out, ", \"kernel\": ");
        json_append_text(out, row->kernel);
        profile_kind alone = profile_kind_of(row);
        json_rates(out, p, &alone);
        str_append(out, "}");
    }
    str_append(out, "]");
}

accel_status profile_view_json(const case_profile *p, str_buf *out, accel_error *err) {
    profile_kind *kinds = NULL;
    size_t count = 0;
    arena *a = arena_create();
    if (a == NULL)
        return error_no_memory(err, "a profile", 0);
    accel_status status = profile_kinds(p, a, &kinds, &count, err);
    if (status == ACCEL_OK) {
        str_append(out, "{\"why_not\": ");
        json_append_text(out, p->why_not);
        str_appendf(out, ", \"runs\": %lld", (long long)p->runs);
        json_real(out, "run_ms", p->why_not != NULL ? (double)NAN : p->run_ms);
        json_real(out, "steps_ms", p->why_not != NULL ? (double)NAN : profile_steps_ms(p));
        json_roof(p, out);
        json_kinds(p, kinds, count, out);
        json_rows(p, out);
        str_append(out, "}");
    }
    arena_destroy(a);
    if (status == ACCEL_OK && out->failed)
        status = error_no_memory(err, "a profile", out->length);
    return status;
}
