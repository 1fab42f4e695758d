#include "report/kind_page.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "report/html.h"
#include "report/html_sort.h"
#include "report/kind_chart.h"
#include "report/kind_derive.h"
#include "report/kind_show.h"

static const char style[] =
    "<style>body{max-width:1280px}nav{display:flex;flex-wrap:wrap;gap:4px 14px;margin:10px 0}a{color:var(--native)}h2{scroll-margin-top:12px}"
    "th{white-space:normal;vertical-align:bottom}td{max-width:46ch;overflow-wrap:break-word;vertical-align:top;white-space:nowrap}td.t{white-space:normal}"
    "td.w{min-width:21ch}.card svg{min-width:640px}td.good{color:var(--good)}td.bad{color:var(--bad)}"
    "td.estimate{color:var(--soft);border-bottom-style:dashed}tr.estimate td.p{font-style:italic}"
    "details pre{min-width:30ch;max-height:24em;overflow:auto;margin:6px 0;font-size:12px}summary{cursor:pointer}"
    ".advice code{display:inline-block;margin-right:8px}code{overflow-wrap:anywhere}"
    "@media(max-width:600px){body{padding:18px 12px 40px}h1{font-size:22px}th,td{padding:4px 6px}dl{grid-template-columns:1fr}dd{margin-bottom:6px}}"
    "</style>";

/* ---- cells -------------------------------------------------------------------------------------------------------------- */

/* In bytes: what is folded and how much of it stands before the fold; what is not squeezed into a narrow column. */
enum { FOLD_FROM = 160, FOLD_HEAD = 100, WIDE_FROM = 20 };

/* Long texts show their first line and fold the rest. */
static void long_text(const char *text, str_buf *out) {
    size_t length = strlen(text), line = strcspn(text, "\n");
    if (length <= FOLD_FROM && line == length) {
        html_text(out, text);
        return;
    }
    size_t kept = line < FOLD_HEAD ? line : FOLD_HEAD;
    while (kept > 0 && ((unsigned char)text[kept] & 0xC0U) == 0x80U)
        kept--;
    str_append(out, "<details><summary>");
    html_textf(out, "%.*s…", (int)kept, text);
    str_append(out, "</summary><pre>");
    html_text(out, text);
    str_append(out, "</pre></details>");
}

/* What a cell of a column with numbers is sorted by. */
static void sort_value(const report_column *column, const store_cell *cell, str_buf *out) {
    if (cell != NULL && show_is_number(column) && (cell->type == STORE_REAL || cell->type == STORE_INTEGER))
        str_appendf(out, " data-v=\"%.17g\"", cell->real);
}

static const char *class_of(const report_column *column) {
    if (show_is_number(column))
        return "n";
    if (str_equal(column->key, "provenance"))
        return "p";
    return column->form == COLUMN_TEXT || column->form == COLUMN_LONG ? "t" : "";
}

static void cell(const report_column *column, const store_result *answer, size_t row, str_buf *out) {
    str_buf text = {0};
    show_cell(column, answer, row, &text);
    str_appendf(out, "<td class=\"%s%s%s\"", class_of(column), text.length > WIDE_FROM ? " w" : "",
                column->not_measured ? " estimate" : "");
    sort_value(column, answer_cell(answer, row, column->key), out);
    str_append(out, ">");
    if (column->form == COLUMN_LONG)
        long_text(str_text(&text), out);
    else
        html_text(out, str_text(&text));
    str_append(out, "</td>");
    out->failed |= text.failed;
    str_free(&text);
}

/* ---- tables ------------------------------------------------------------------------------------------------------------- */

static void heading(const char *title, bool number, str_buf *out) {
    str_appendf(out, "<th%s><button type=\"button\">", number ? " class=\"n\"" : "");
    html_text(out, title);
    str_append(out, "</button></th>");
}

static void rows_table(const shown_section *s, str_buf *out) {
    const report_section *section = s->section;
    str_append(out, "<div class=\"scroll\"><table><thead><tr>");
    for (size_t c = 0; c < section->column_count; c++)
        if (!s->constant[c])
            heading(section->columns[c].title, show_is_number(&section->columns[c]), out);
    str_append(out, "</tr></thead><tbody>\n");
    for (size_t r = 0; r < s->row_count; r++) {
        str_append(out, show_is_measured(s->answer, r) ? "<tr>" : "<tr class=\"estimate\">");
        for (size_t c = 0; c < section->column_count; c++)
            if (!s->constant[c])
                cell(&section->columns[c], s->answer, r, out);
        str_append(out, "</tr>\n");
    }
    str_append(out, "</tbody></table></div>\n");
}

static void text_of(const store_result *answer, size_t row, const char *key, str_buf *out) {
    const store_cell *c = answer_cell(answer, row, key);
    html_text(out, c != NULL ? c->text : "–");
}

static accel_status matrix_table(const report_section *s, const store_result *answer, str_buf *out,
                                 accel_error *err) {
    shown_matrix m;
    ACCEL_TRY(show_matrix(s->matrix, answer, &m, err));
    str_append(out, "<div class=\"scroll\"><table><thead><tr>");
    heading(s->matrix->row, false, out);
    heading("provenance", false, out);
    for (size_t c = 0; c < m.column_count; c++)
        heading(m.columns[c], false, out);
    str_append(out, "</tr></thead><tbody>\n");
    for (size_t r = 0; r < m.row_count; r++) {
        str_append(out, show_is_measured(answer, m.rows[r]) ? "<tr><td class=\"t\">"
                                                            : "<tr class=\"estimate\"><td class=\"t\">");
        text_of(answer, m.rows[r], s->matrix->row, out);
        str_append(out, "</td><td class=\"p\">");
        text_of(answer, m.rows[r], "provenance", out);
        str_append(out, "</td>");
        for (size_t c = 0; c < m.column_count; c++) {
            size_t from = m.cells[r * m.column_count + c];
            if (from == SIZE_MAX) {
                str_append(out, "<td>–</td>");
                continue;
            }
            str_append(out, "<td class=\"");
            text_of(answer, from, s->matrix->state, out);
            str_append(out, "\">");
            text_of(answer, from, s->matrix->cell, out);
            str_append(out, "</td>");
        }
        str_append(out, "</tr>\n");
    }
    str_append(out, "</tbody></table></div>\n");
    shown_matrix_free(&m);
    return ACCEL_OK;
}

/* ---- sections ----------------------------------------------------------------------------------------------------------- */

static void soft_line(void (*write)(const shown_section *, str_buf *), const shown_section *s, str_buf *out) {
    str_buf text = {0};
    write(s, &text);
    if (text.length > 0) {
        str_append(out, "<p class=\"soft\">");
        html_text(out, str_text(&text));
        str_append(out, "</p>\n");
    }
    out->failed |= text.failed;
    str_free(&text);
}

static accel_status chart_card(const report_section *section, const store_result *answer, str_buf *out,
                               accel_error *err) {
    chart c;
    bool drawable = false;
    arena *a = arena_create();
    accel_status status =
        a != NULL ? kind_chart(section, answer, a, &c, &drawable, err) : error_no_memory(err, "a chart", 1);
    if (status == ACCEL_OK && drawable) {
        str_append(out, "<div class=\"card scroll\">");
        status = chart_svg_inline(&c, out, err);
        str_append(out, "</div>\n");
    }
    arena_destroy(a);
    return status;
}

static accel_status section_html(const report_section *section, const store_result *answer, str_buf *out,
                                 accel_error *err) {
    shown_section s;
    ACCEL_TRY(show_section(section, answer, &s, err));
    str_appendf(out, "<section><h2 id=\"%s\">%s</h2>\n<p class=\"soft\">", section->key, section->title);
    html_text(out, section->text);
    str_append(out, "</p>\n");
    accel_status status = chart_card(section, answer, out, err);
    if (section->matrix != NULL && status == ACCEL_OK) {
        status = matrix_table(section, answer, out, err);
    } else if (status == ACCEL_OK) {
        soft_line(show_constants, &s, out);
        rows_table(&s, out);
        soft_line(show_left_out, &s, out);
    }
    str_append(out, "</section>\n");
    shown_section_free(&s);
    return status;
}

static void advice(const kind_report *r, str_buf *out) {
    str_buf text = {0};
    kind_report_advice(r, &text);
    str_append(out, "<p>There is nothing to show yet. What to run:</p>\n<ul class=\"advice\">\n");
    const char *rest = str_text(&text);
    for (advice_line line; kind_advice_next(&rest, &line);) {
        str_append(out, "<li><code>");
        html_textf(out, "%.*s", line.command_length, line.command);
        str_append(out, "</code> ");
        html_textf(out, "%.*s", line.what_for_length, line.what_for);
        str_append(out, "</li>\n");
    }
    str_append(out, "</ul>\n");
    out->failed |= text.failed;
    str_free(&text);
}

static void contents(const kind_report *r, str_buf *out) {
    str_append(out, "<nav>");
    for (size_t s = 0; s < r->kind->section_count; s++)
        if (r->answers[s]->row_count > 0)
            str_appendf(out, "<a href=\"#%s\">%s</a>", r->kind->sections[s].key, r->kind->sections[s].title);
    str_append(out, "</nav>\n");
}

static void provenance(const kind_report *r, str_buf *out) {
    char now[CLOCK_UTC_TEXT_BYTES];
    str_append(out, "<h2>Provenance</h2>\n<dl class=\"card\"><dt>database</dt><dd>");
    html_text(out, r->database);
    str_appendf(out, "</dd><dt>asked at</dt><dd>%s</dd></dl>\n", clock_utc_text(clock_utc_us(), now));
    str_append(
        out,
        "<p class=\"soft\">± is half of the 95&nbsp;% interval of the mean; “± –” means that there is none: too few samples, or a source that kept none. Items and tokens a second "
        "follow from the mean, memory is one reading. "
        "Pale rows with a dashed line are not measured: their provenance says what they are. “generated weights” means seeded random numbers in place "
        "of trained ones: the same shapes and work, no useful answers. – means absent, never zero. Times are UTC.</p>\n");
}

accel_status kind_page(const kind_report *r, str_buf *out, accel_error *err) {
    str_buf scope = {0};
    str_buf head = {0};
    str_append(&head, html_sort_head);
    str_append(&head, style);
    html_page_begin(out, r->title != NULL ? r->title : r->kind->title, str_text(&head));
    out->failed |= head.failed;
    str_free(&head);
    kind_report_scope(r, &scope);
    str_append(out, "<p class=\"soft\">");
    html_text(out, r->kind->summary);
    str_append(out, ". ");
    html_text(out, str_text(&scope));
    str_append(out, "</p>\n");
    out->failed |= scope.failed;
    str_free(&scope);
    if (kind_report_is_empty(r))
        advice(r, out);
    else
        contents(r, out);
    for (size_t s = 0; s < r->kind->section_count && !kind_report_is_empty(r); s++)
        if (r->answers[s]->row_count > 0)
            ACCEL_TRY(section_html(&r->kind->sections[s], r->answers[s], out, err));
    provenance(r, out);
    str_append(out, "<script>");
    str_append(out, html_sort_script);
    str_append(out, "</script>\n");
    html_page_end(out);
    return ACCEL_OK;
}
