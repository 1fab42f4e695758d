/* The report as one page that needs no network. */
#include "report/html.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/version.h"
#include "report/report.h"

void html_text(str_buf *out, const char *text) {
    for (const char *p = text; p != NULL && *p != 0; p++) {
        switch (*p) {
        case '&':
            str_append(out, "&amp;");
            break;
        case '<':
            str_append(out, "&lt;");
            break;
        case '>':
            str_append(out, "&gt;");
            break;
        case '"':
            str_append(out, "&quot;");
            break;
        default:
            str_append_char(out, (unsigned char)*p < 0x20 && *p != '\n' && *p != '\t' ? ' ' : *p);
        }
    }
}

void html_textf(str_buf *out, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(text, sizeof text, format, arguments);
    va_end(arguments);
    html_text(out, text);
}

static const char style[] =
    ":root{--ink:#1c2430;--soft:#5c6675;--line:#d9dee6;--page:#fff;--card:#f7f8fa;--native:#2667b5;--onnxruntime:#c2702c;--openvino:#3b8f6b;"
    "--webgpu:#7b58b0;--browser:#a94b6d;--other:#77808c;--bad:#b3261e;--good:#1e7b45;"
    "--k0:#9dc1ee;--k1:#f3bd8b;--k2:#99d6b3;--k3:#ceb6e8;--k4:#f3adbb;--k5:#e8d686;--k6:#92d5da;--k7:#c9ced6;--scope:#eceff3}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa4b2;--line:#343c48;--page:#14181e;--card:#1c222a;--native:#6ba4e8;"
    "--onnxruntime:#e3a06a;--openvino:#6fc49d;--webgpu:#b195e0;--browser:#e08cab;--other:#98a2af;--bad:#f2857d;--good:#74cf98;"
    "--k0:#2d5d97;--k1:#8f5520;--k2:#2b7550;--k3:#66478f;--k4:#903f57;--k5:#75641d;--k6:#226c75;--k7:#4a525e;--scope:#2a323d}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:32px 20px 64px;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}\n"
    "h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 10px}h3{font-size:15px;margin:0 0 8px}p{margin:6px 0;max-width:78ch}\n"
    ".soft{color:var(--soft)}.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px 16px;margin:12px 0}\n"
    ".chart{width:100%;height:auto;display:block}.chart text{font:13px system-ui,sans-serif;fill:var(--ink)}.chart .name{text-anchor:end}\n"
    ".chart .figure{fill:var(--soft)}.chart .best{fill:var(--good);font-weight:600}.axis{stroke:var(--line)}.whisker{stroke:var(--ink);fill:none;stroke-width:1.2}\n"
    ".bar.native{fill:var(--native)}.bar.onnxruntime{fill:var(--onnxruntime)}.bar.openvino{fill:var(--openvino)}.bar.webgpu{fill:var(--webgpu)}\n"
    ".bar.browser{fill:var(--browser)}.bar.other{fill:var(--other)}.bar.wrong{fill:var(--bad)}.bar.estimate{fill-opacity:.35;stroke:var(--ink);stroke-dasharray:4 3}\n"
    ".failures{margin:8px 0 0;padding-left:20px;color:var(--soft)}.failures b{color:var(--ink)}.status{color:var(--bad)}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px;width:100%}th,td{padding:5px 9px;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}\n"
    "th.case{padding-top:14px;color:var(--soft);font-weight:600}h3,th.case,dd,li{overflow-wrap:anywhere}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.reason{white-space:normal;min-width:22ch}.good{color:var(--good)}.bad{color:var(--bad)}\n"
    ".frames{display:block;min-width:880px;width:100%;height:auto;margin:6px 0 12px}.frames text{font:12px system-ui,sans-serif;fill:var(--ink);pointer-events:none}\n"
    ".k0{--k:var(--k0)}.k1{--k:var(--k1)}.k2{--k:var(--k2)}.k3{--k:var(--k3)}.k4{--k:var(--k4)}.k5{--k:var(--k5)}.k6{--k:var(--k6)}.k7{--k:var(--k7)}.scope{--k:var(--scope)}\n"
    ".frame{fill:var(--k)}.frame:hover{stroke:var(--ink)}.swatch{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px;background:var(--k)}\n"
    "h4{font-size:13px;margin:14px 0 4px}dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0}dt{color:var(--soft)}dd{margin:0}\n";

void html_page_begin(str_buf *out, const char *title, const char *head) {
    str_append(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    html_text(out, title);
    str_append(out, "</title>\n<style>");
    str_append(out, style);
    str_append(out, "</style>");
    str_append(out, head);
    str_append(out, "</head><body>\n<h1>");
    html_text(out, title);
    str_append(out, "</h1>\n");
}

void html_page_end(str_buf *out) {
    str_appendf(out, "<p class=\"soft\">Made by accel %s. This page needs no network.</p>\n</body></html>\n",
                accel_version_text());
}

static void definition(str_buf *out, const char *term, const char *text) {
    if (text == NULL || *text == 0)
        return;
    str_append(out, "<dt>");
    html_text(out, term);
    str_append(out, "</dt><dd>");
    html_text(out, text);
    str_append(out, "</dd>\n");
}

/* ---- what the page says first ------------------------------------------------------------------------------------------ */

static void append_ms(str_buf *out, double ms) {
    str_appendf(out, "%.*f ms", record_decimals(ms), ms);
}

static void compare_two(str_buf *out, const record *best, const record *second) {
    char first[96], other[96];
    double ms = record_figure_ms(best), other_ms = record_figure_ms(second);
    bool apart = other_ms - ms > record_interval_ms(best) + record_interval_ms(second);
    html_text(out, record_runner(best, first, sizeof first));
    str_append(out, apart ? " is fastest with " : " (");
    append_ms(out, ms);
    if (apart) {
        str_appendf(out, ", %.2f times as fast as ", other_ms / ms);
        html_text(out, record_runner(second, other, sizeof other));
        return;
    }
    str_append(out, ") and ");
    html_text(out, record_runner(second, other, sizeof other));
    str_append(out, " (");
    append_ms(out, other_ms);
    str_append(out, ") cannot be told apart by these runs");
}

static void summary_line(str_buf *out, const record_groups *g, size_t group) {
    char subject[256], runner[96];
    const record *best = record_groups_best(g, group);
    if (best == NULL)
        return;
    const record *second = record_groups_second(g, group, best);
    str_append(out, "<li>");
    html_text(out, record_subject(best, subject, sizeof subject));
    str_append(out, ": ");
    if (second != NULL) {
        compare_two(out, best, second);
    } else {
        html_text(out, record_runner(best, runner, sizeof runner));
        str_append(out, " takes ");
        append_ms(out, record_figure_ms(best));
    }
    if (!record_is_measured(best))
        html_textf(out, " (%s, not measured)",
                   best->provenance != NULL ? best->provenance : "of unknown provenance");
    str_append(out, ".</li>\n");
}

static void summary(str_buf *out, const record_groups *groups) {
    if (groups->count == 0) {
        str_append(out, "<p>There are no results here: <code>accel bench MODEL</code> makes some.</p>\n");
        return;
    }
    str_append(out, "<ul>\n");
    for (size_t g = 0; g < groups->group_count; g++)
        summary_line(out, groups, g);
    str_append(out, "</ul>\n");
}

static void charts(str_buf *out, const record_groups *groups) {
    char subject[256];
    str_append(
        out,
        "<h2>Comparison</h2>\n<p class=\"soft\">Median latency, shorter is better. Whiskers are the 95&nbsp;% interval of the mean. "
        "Pale bars with a dashed edge are not measured, red ones gave wrong outputs.</p>\n");
    for (size_t g = 0; g < groups->group_count; g++) {
        str_append(out, "<section class=\"card\"><h3>");
        html_text(out, record_subject(groups->rows[groups->starts[g]], subject, sizeof subject));
        str_append(out, "</h3>\n");
        chart_group(out, groups, g);
        str_append(out, "</section>\n");
    }
}

/* ---- the table --------------------------------------------------------------------------------------------------------- */

static void number_cell(str_buf *out, double value, int decimals) {
    if (isnan(value)) {
        str_append(out, "<td class=\"n\">–</td>");
    } else {
        str_appendf(out, "<td class=\"n\">%.*f</td>", decimals, value);
    }
}

static void text_cell(str_buf *out, const char *text) {
    str_append(out, "<td>");
    html_text(out, text != NULL ? text : "–");
    str_append(out, "</td>");
}

static double in_ms(int64_t ns) {
    return ns == RECORD_NONE ? NAN : (double)ns / 1e6;
}

static double in_mb(int64_t bytes) {
    return bytes == RECORD_NONE ? NAN : (double)bytes / 1e6;
}

static void verified_cell(str_buf *out, const record *r) {
    if (r->verified < 0) {
        text_cell(out, record_is_ok(r) ? "not compared" : "–");
        return;
    }
    str_appendf(out, "<td class=\"%s\">%s", r->verified ? "good" : "bad", r->verified ? "yes" : "WRONG");
    if (!isnan(r->relative_l2))
        str_appendf(out, ", relative L2 %.1e", r->relative_l2);
    str_append(out, " vs ");
    html_text(out, r->verification_reference);
    str_append(out, "</td>");
}

static void table_row_html(str_buf *out, const record *r) {
    char runner[96];
    str_append(out, "<tr>");
    text_cell(out, record_runner(r, runner, sizeof runner));
    text_cell(out, r->engine_version);
    text_cell(out, r->precision_ran);
    number_cell(out, r->latency_median_ms, 3);
    number_cell(out, r->latency_ci95_ms, 3);
    number_cell(out, r->throughput_items_per_s, 1);
    number_cell(out, record_is_ok(r) ? (double)r->samples_ns_count : NAN, 0);
    text_cell(out, r->status);
    text_cell(out, record_is_ok(r) ? r->provenance : NULL);
    verified_cell(out, r);
    number_cell(out, r->latency_mean_ms, 3);
    number_cell(out, r->latency_p90_ms, 3);
    number_cell(out, r->latency_p99_ms, 3);
    number_cell(out, in_ms(r->load_ns), 1);
    number_cell(out, in_ms(r->compile_ns), 1);
    number_cell(out, in_ms(r->first_ns), 1);
    number_cell(out, in_mb(r->peak_rss_bytes), 0);
    str_append(out, "<td class=\"reason\">");
    html_text(out, r->error);
    str_append(out, "</td></tr>\n");
}

/* In the order of table_row_html: what a figure is worth stands beside it, the rest behind. */
static const struct {
    const char *name;
    bool number;
} result_columns[] = {
    {"engine", false},  {"version", false}, {"ran in", false}, {"median ms", true},   {"±", true},
    {"items/s", true},  {"runs", true},     {"status", false}, {"provenance", false}, {"verified", false},
    {"mean ms", true},  {"p90", true},      {"p99", true},     {"load ms", true},     {"compile ms", true},
    {"first ms", true}, {"peak MB", true},  {"reason", false},
};

static void full_table(str_buf *out, const record_groups *groups) {
    enum { COLUMNS = sizeof result_columns / sizeof *result_columns };
    char subject[256];
    str_append(out, "<h2>All results</h2>\n<div class=\"scroll\"><table><thead><tr>");
    for (int i = 0; i < COLUMNS; i++)
        str_appendf(out, "<th%s>%s</th>", result_columns[i].number ? " class=\"n\"" : "",
                    result_columns[i].name);
    str_append(out, "</tr></thead>\n");
    for (size_t g = 0; g < groups->group_count; g++) {
        str_appendf(out, "<tbody><tr><th class=\"case\" colspan=\"%d\">", COLUMNS);
        html_text(out, record_subject(groups->rows[groups->starts[g]], subject, sizeof subject));
        str_append(out, "</th></tr>\n");
        for (size_t i = groups->starts[g]; i < groups->starts[g + 1]; i++)
            table_row_html(out, groups->rows[i]);
        str_append(out, "</tbody>\n");
    }
    str_append(
        out,
        "</table></div>\n<p class=\"soft\">Percentiles follow MLPerf's early-stopping rule: p90 needs 64 runs, p99 662; "
        "– means absent or too few samples, never zero.</p>\n");
}

/* ---- where the figures come from ------------------------------------------------------------------------------------------ */

static void machines(str_buf *out, const record *records, size_t count) {
    str_append(out, "<h2>Machine</h2>\n");
    for (size_t i = 0; i < count; i++) {
        const record *r = &records[i];
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = str_equal(records[k].machine_id, r->machine_id);
        if (seen)
            continue;
        char text[128], memory[32];
        str_append(out, "<dl class=\"card\">\n");
        definition(out, "processor", r->machine_cpu);
        str_format(text, sizeof text, "%lld that a process may use", (long long)r->machine_cores);
        if (r->machine_cores != RECORD_NONE)
            definition(out, "cores", text);
        if (r->machine_memory_bytes != RECORD_NONE)
            definition(out, "memory", str_bytes(memory, sizeof memory, (double)r->machine_memory_bytes));
        definition(out, "system", r->machine_os);
        definition(out, "kernel", r->machine_kernel);
        definition(out, "virtual machine", r->machine_virtualised);
        definition(out, "identity", r->machine_id);
        str_append(out, "</dl>\n");
    }
}

static void notes(str_buf *out, const record *records, size_t count) {
    str_buf text = {0};
    report_notes(records, count, &text);
    if (text.length > 0) {
        str_append(out, "<h2>About the quality of these figures</h2>\n<ul>\n");
        const char *p = str_text(&text);
        while (*p != 0) {
            size_t length = strcspn(p, "\n");
            str_buf sentence = {0};
            str_append_bytes(&sentence, p + (length > 2 ? 2 : 0), length > 2 ? length - 2 : 0);
            str_append(out, "<li>");
            html_text(out, str_text(&sentence));
            str_append(out, "</li>\n");
            out->failed |= sentence.failed;
            str_free(&sentence);
            p += length + (p[length] == '\n');
        }
        str_append(out, "</ul>\n");
    }
    str_free(&text);
}

static void provenance(str_buf *out, const record *records, size_t count, const report_options *options) {
    static const char *const kinds[] = {"measured", "predicted", "imported", "simulated"};
    str_append(out, "<h2>Provenance</h2>\n<p>");
    bool any = false;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t number = 0;
        for (size_t i = 0; i < count; i++)
            number += record_is_ok(&records[i]) && str_equal(records[i].provenance, kinds[k]);
        if (number == 0)
            continue;
        str_appendf(out, "%s%zu of %zu results are %s", any ? ", " : "", number, count, kinds[k]);
        any = true;
    }
    str_append(out, any ? ". " : "");
    str_append(
        out,
        "Each case ran in a process of its own: load, compile, first run and steady state are separate figures, warm-up ended when the series was "
        "steady, all samples are kept in the database.</p>\n<dl class=\"card\">\n");
    definition(out, "database", options->database);
    for (size_t i = 0; i < count; i++) { /* each command that made these results, once */
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = str_equal(records[k].command_line, records[i].command_line);
        if (!seen)
            definition(out, "command", records[i].command_line);
    }
    if (count > 0) {
        definition(out, "accel", records[0].program_version);
        definition(out, "commit", records[0].git_commit);
    }
    str_append(
        out,
        "</dl>\n<p class=\"soft\">“generated weights” means seeded random numbers in place of trained ones: the same shapes and work, "
        "no useful answers.</p>\n");
}

static void time_range(str_buf *out, const record *records, size_t count) {
    const char *first = NULL, *last = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *t = records[i].started_at;
        if (t == NULL)
            continue;
        if (first == NULL || strcmp(t, first) < 0)
            first = t;
        if (last == NULL || strcmp(t, last) > 0)
            last = t;
    }
    if (first == NULL)
        return;
    str_append(out, "<p class=\"soft\">");
    html_textf(out, "%zu result%s, %.10s %.5s", count, count == 1 ? "" : "s", first,
               strlen(first) > 16 ? first + 11 : "");
    if (strncmp(first, last, 16) != 0)
        html_textf(out, " to %.10s %.5s", last, strlen(last) > 16 ? last + 11 : "");
    str_append(out, " UTC");
    str_append(out, "</p>\n");
}

accel_status report_html(const record *records, size_t count, const report_options *options, str_buf *out,
                         accel_error *err) {
    record_groups groups;
    ACCEL_TRY(record_groups_make(records, count, &groups, err));
    const char *title = options->title != NULL ? options->title : "accel: benchmark report";
    html_page_begin(out, title, "");
    time_range(out, records, count);
    summary(out, &groups);
    if (count > 0) {
        charts(out, &groups);
        full_table(out, &groups);
    }
    accel_status status =
        profile_view_html(options->profiles, options->profile_count, options->profile_rows, out, err);
    notes(out, records, count);
    machines(out, records, count);
    provenance(out, records, count, options);
    html_page_end(out);
    record_groups_free(&groups);
    return status != ACCEL_OK ? status
           : out->failed      ? error_no_memory(err, "a report", out->length)
                              : ACCEL_OK;
}
