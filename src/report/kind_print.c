/* Reports of a kind as text: for a terminal, an issue, a program. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/version.h"
#include "report/kind_derive.h"
#include "report/kind_page.h"
#include "report/kind_show.h"
#include "report/result_table.h"
#include "report/table.h"

/* ---- for people --------------------------------------------------------------------------------------------------------- */

enum { LONG_MOST = 160 };

/* Long texts keep their beginning. */
static void people_cell(table *t, const report_column *column, const store_result *answer, size_t row) {
    str_buf text = {0};
    show_cell(column, answer, row, &text);
    if (column->form == COLUMN_LONG && text.length > LONG_MOST) {
        size_t kept = LONG_MOST;
        while (kept > 0 && ((unsigned char)text.data[kept] & 0xC0U) == 0x80U)
            kept--; /* whole characters */
        str_buf head = {0};
        str_append_bytes(&head, text.data, kept);
        str_appendf(&head, "… (%zu bytes)", text.length);
        table_text(t, str_text(&head));
        str_free(&head);
    } else {
        table_text(t, str_text(&text));
    }
    str_free(&text);
}

static table *people_table(const shown_section *s) {
    const report_section *section = s->section;
    table *t = table_create();
    for (size_t c = 0; t != NULL && c < section->column_count; c++)
        if (!s->constant[c])
            table_column(t, section->columns[c].key, section->columns[c].title,
                         show_is_number(&section->columns[c]));
    for (size_t r = 0; t != NULL && r < s->row_count; r++) {
        table_row(t);
        for (size_t c = 0; c < section->column_count; c++)
            if (!s->constant[c])
                people_cell(t, &section->columns[c], s->answer, r);
    }
    return t;
}

static accel_status matrix_table(const report_section *s, const store_result *answer, table **out,
                                 accel_error *err) {
    shown_matrix m;
    ACCEL_TRY(show_matrix(s->matrix, answer, &m, err));
    table *t = *out = table_create();
    if (t != NULL) {
        table_column(t, s->matrix->row, NULL, false);
        table_column(t, "provenance", NULL, false);
        for (size_t c = 0; c < m.column_count; c++)
            table_column(t, m.columns[c], NULL, false);
    }
    for (size_t r = 0; t != NULL && r < m.row_count; r++) {
        const store_cell *label = answer_cell(answer, m.rows[r], s->matrix->row),
                         *provenance = answer_cell(answer, m.rows[r], "provenance");
        table_row(t);
        table_text(t, label != NULL ? label->text : NULL);
        table_text(t, provenance != NULL ? provenance->text : NULL);
        for (size_t c = 0; c < m.column_count; c++) {
            size_t from = m.cells[r * m.column_count + c];
            const store_cell *cell = from != SIZE_MAX ? answer_cell(answer, from, s->matrix->cell) : NULL;
            table_text(t, cell != NULL ? cell->text : NULL);
        }
    }
    shown_matrix_free(&m);
    return t != NULL ? ACCEL_OK : error_no_memory(err, "a table", 1);
}

static void paragraph(str_buf *out, void (*write)(const shown_section *, str_buf *), const shown_section *s) {
    size_t before = out->length;
    write(s, out);
    if (out->length > before)
        str_append(out, "\n\n");
}

/* Names in the line above the table are texts like those in it: a table of one column escapes them for Markdown. */
static accel_status print_section(const report_section *section, const store_result *answer, bool markdown,
                                  bool color, str_buf *out, accel_error *err) {
    shown_section s;
    table *t = NULL;
    ACCEL_TRY(show_section(section, answer, &s, err));
    str_appendf(out, markdown ? "## %s\n\n%s\n\n" : "%s\n%s\n\n", section->title, section->text);
    accel_status status = ACCEL_OK;
    if (section->matrix != NULL) {
        status = matrix_table(section, answer, &t, err);
    } else {
        str_buf constants = {0};
        show_constants(&s, &constants);
        if (constants.length > 0) {
            table_append_clean(out, str_text(&constants), markdown);
            str_append(out, "\n\n");
        }
        out->failed |= constants.failed;
        str_free(&constants);
        t = people_table(&s);
        status = t != NULL ? ACCEL_OK : error_no_memory(err, "a table", 1);
    }
    if (status == ACCEL_OK)
        status = table_print(t, markdown ? TABLE_MARKDOWN : TABLE_TEXT, color, out, err);
    str_append(out, "\n");
    paragraph(out, show_left_out, &s);
    table_destroy(t);
    shown_section_free(&s);
    return status;
}

static void print_advice(const kind_report *r, bool markdown, str_buf *out) {
    str_buf advice = {0};
    kind_report_advice(r, &advice);
    str_append(out, "There is nothing to show yet. What to run:\n\n");
    const char *text = str_text(&advice);
    for (advice_line line; kind_advice_next(&text, &line);)
        str_appendf(out, markdown ? "- `%.*s`: %.*s\n" : "  %.*s\n      %.*s\n", line.command_length,
                    line.command, line.what_for_length, line.what_for);
    out->failed |= advice.failed;
    str_free(&advice);
}

static accel_status print_people(const kind_report *r, bool markdown, bool color, str_buf *out,
                                 accel_error *err) {
    const char *title = r->title != NULL ? r->title : r->kind->title;
    str_append(out, markdown ? "# " : "");
    table_append_clean(out, title, markdown);
    str_append(out, "\n\n");
    if (kind_report_is_empty(r)) {
        print_advice(r, markdown, out);
        return ACCEL_OK;
    }
    str_buf scope = {0};
    kind_report_scope(r, &scope);
    table_append_clean(out, str_text(&scope), markdown);
    str_append(out, "\n\n");
    str_free(&scope);
    for (size_t s = 0; s < r->kind->section_count; s++)
        if (r->answers[s]->row_count > 0)
            ACCEL_TRY(print_section(&r->kind->sections[s], r->answers[s], markdown, color, out, err));
    return ACCEL_OK;
}

/* ---- for programs --------------------------------------------------------------------------------------------------------- */

static bool is_for_programs(const char *column) {
    return column[0] != '_';
}

static accel_status print_rows(const store_result *answer, str_buf *out, accel_error *err) {
    table *t = table_create();
    for (size_t c = 0; t != NULL && c < answer->column_count; c++)
        if (is_for_programs(answer->columns[c]))
            table_column(t, answer->columns[c], NULL, answer->numeric[c]);
    for (size_t r = 0; t != NULL && r < answer->row_count; r++) {
        table_row(t);
        for (size_t c = 0; c < answer->column_count; c++)
            if (is_for_programs(answer->columns[c]))
                result_cell(t, &answer->cells[r * answer->column_count + c]);
    }
    accel_status status =
        t != NULL ? table_print(t, TABLE_JSON, false, out, err) : error_no_memory(err, "a table", 1);
    table_destroy(t);
    return status;
}

static void json_list(str_buf *out, const char *key, const char *const *values, size_t count) {
    str_appendf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < count; i++) {
        str_append(out, i > 0 ? ", " : "");
        json_append_text(out, values[i]);
    }
    str_append(out, "]");
}

static void json_scope(const kind_report *r, str_buf *out) {
    const report_scope *s = r->scope;
    str_append(out, "\"filters\": {\"since\": ");
    json_append_text(out, s->since);
    json_list(out, "models", s->models, s->model_count);
    json_list(out, "platforms", s->platforms, s->platform_count);
    json_list(out, "engines", s->engines, s->engine_count);
    json_list(out, "provenances", s->provenances, s->provenance_count);
    str_append(out, "},\n\"provenances\": [");
    for (size_t i = 0; i < r->provenances->row_count; i++) {
        const store_cell *cells = &r->provenances->cells[2 * i];
        str_append(out, i > 0 ? ", {\"provenance\": " : "{\"provenance\": ");
        json_append_text(out, cells[0].type == STORE_NULL ? NULL : cells[0].text);
        str_appendf(out, ", \"rows\": %s, \"shown\": %s}", cells[1].text,
                    cells[0].type != STORE_NULL && kind_report_shows(r, cells[0].text) ? "true" : "false");
    }
    str_append(out, "]");
}

static void json_advice(const kind_report *r, str_buf *out) {
    str_buf advice = {0};
    kind_report_advice(r, &advice);
    str_append(out, ",\n\"what_to_run\": [");
    const char *text = str_text(&advice), *separator = "";
    for (advice_line line; kind_advice_next(&text, &line); separator = ", ") {
        str_append(out, separator);
        str_append_json(out, line.command, (size_t)line.command_length);
    }
    str_append(out, "]");
    out->failed |= advice.failed;
    str_free(&advice);
}

static accel_status print_json(const kind_report *r, str_buf *out, accel_error *err) {
    char now[CLOCK_UTC_TEXT_BYTES];
    bool empty = kind_report_is_empty(r);
    (void)clock_utc_text(clock_utc_us(), now);
    str_append(out, "{\"report\": ");
    json_append_text(out, r->kind->name);
    str_append(out, ", \"title\": ");
    json_append_text(out, r->title != NULL ? r->title : r->kind->title);
    str_append(out, ", \"database\": ");
    json_append_text(out, r->database);
    str_appendf(out, ", \"made_at\": \"%s\", \"program_version\": \"%s\", \"empty\": %s,\n", now,
                accel_version_text(), empty ? "true" : "false");
    json_scope(r, out);
    if (empty)
        json_advice(r, out);
    str_append(out, ",\n\"sections\": [");
    for (size_t s = 0; s < r->kind->section_count; s++) {
        str_append(out, s > 0 ? ",\n{\"section\": " : "\n{\"section\": ");
        json_append_text(out, r->kind->sections[s].key);
        str_append(out, ", \"title\": ");
        json_append_text(out, r->kind->sections[s].title);
        str_append(out, ", \"text\": ");
        json_append_text(out, r->kind->sections[s].text);
        str_append(out, ", \"rows\": ");
        ACCEL_TRY(print_rows(r->answers[s], out, err));
        str_append(out, "}");
    }
    str_append(out, "\n]}\n");
    return ACCEL_OK;
}

/* All sections in one table: the columns of each, in the order in which they come up. */
enum { CSV_COLUMNS_MOST = 256 };

static size_t csv_columns(const kind_report *r, const char **names) {
    size_t count = 0;
    for (size_t s = 0; s < r->kind->section_count; s++) {
        const store_result *answer = r->answers[s];
        for (size_t c = 0; c < answer->column_count && count < CSV_COLUMNS_MOST; c++) {
            bool known = !is_for_programs(answer->columns[c]);
            for (size_t i = 0; i < count && !known; i++)
                known = str_equal(names[i], answer->columns[c]);
            if (!known)
                names[count++] = answer->columns[c];
        }
    }
    return count;
}

static accel_status print_csv(const kind_report *r, str_buf *out, accel_error *err) {
    const char *names[CSV_COLUMNS_MOST];
    size_t count = csv_columns(r, names);
    table *t = table_create();
    if (t != NULL)
        table_column(t, "section", NULL, false);
    for (size_t c = 0; t != NULL && c < count; c++)
        table_column(t, names[c], NULL, false);
    for (size_t s = 0; t != NULL && s < r->kind->section_count; s++) {
        for (size_t row = 0; row < r->answers[s]->row_count; row++) {
            table_row(t);
            table_text(t, r->kind->sections[s].key);
            for (size_t c = 0; c < count; c++) {
                const store_cell *cell = answer_cell(r->answers[s], row, names[c]);
                if (cell == NULL)
                    table_null(t);
                else
                    result_cell(t, cell);
            }
        }
    }
    accel_status status =
        t != NULL ? table_print(t, TABLE_CSV, false, out, err) : error_no_memory(err, "a table", 1);
    table_destroy(t);
    return status;
}

accel_status kind_report_write(const kind_report *r, kind_format format, bool color, str_buf *out,
                               accel_error *err) {
    accel_status status = ACCEL_OK;
    switch (format) {
    case KIND_TABLE:
    case KIND_MARKDOWN:
        status = print_people(r, format == KIND_MARKDOWN, color, out, err);
        break;
    case KIND_HTML:
        status = kind_page(r, out, err);
        break;
    case KIND_JSON:
        status = print_json(r, out, err);
        break;
    case KIND_CSV:
        status = print_csv(r, out, err);
        break;
    }
    return status == ACCEL_OK && out->failed ? error_no_memory(err, "a report", out->length) : status;
}
