#include "report/kind_show.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "report/groups.h"
#include "report/kind_derive.h"
#include "report/result_table.h"

/* ---- cells -------------------------------------------------------------------------------------------------------------- */

bool show_is_number(const report_column *column) {
    return column->form == COLUMN_FIGURE || column->form == COLUMN_COUNT;
}

void show_plain(const char *text, str_buf *out) {
    for (const char *p = text; *p != 0; p++) {
        if (*p == '\033' && p[1] == '[') {
            p += 2 + strspn(p + 2, "0123456789;:?=<> ");
            if (*p == 0)
                return;
        } else if ((unsigned char)*p >= 0x20 || *p == '\n' || *p == '\t') {
            str_append_char(out, *p);
        }
    }
}

static void figure_text(double value, int decimals, str_buf *out) {
    if (value != 0 && fabs(value) < 1e-4)
        str_appendf(out, "%.1e", value);
    else
        str_appendf(out, "%.*f", value == 0 ? 0 : decimals, value);
}

static void interval_text(const report_column *column, const store_result *answer, size_t row, int decimals,
                          str_buf *out) {
    char derived[96];
    str_format(derived, sizeof derived, "%s_ci95", column->key);
    const char *half_key = column->deviation != NULL ? derived : column->half;
    const store_cell *half = answer_cell(answer, row, half_key), *low = answer_cell(answer, row, column->low),
                     *high = answer_cell(answer, row, column->high);
    if (half != NULL) {
        str_append(out, " ± ");
        figure_text(half->real, decimals, out);
    } else if (low != NULL && high != NULL) {
        str_append(out, " (");
        figure_text(low->real, decimals, out);
        str_append(out, " to ");
        figure_text(high->real, decimals, out);
        str_append(out, ")");
    } else if (half_key != NULL || column->low != NULL) {
        str_append(out, " ± –");
    }
}

void show_cell(const report_column *column, const store_result *answer, size_t row, str_buf *out) {
    const store_cell *cell = answer_cell(answer, row, column->key);
    if (cell == NULL || *cell->text == 0) {
        str_append(out, "–");
        return;
    }
    switch (column->form) {
    case COLUMN_FIGURE: {
        int decimals = record_decimals(fabs(cell->real));
        figure_text(cell->real, decimals, out);
        interval_text(column, answer, row, decimals, out);
        break;
    }
    case COLUMN_YES_NO:
        str_append(out, cell->integer != 0 ? "yes" : "no");
        break;
    case COLUMN_TIME: /* 2026-11-23 02:11:00.5 */
        str_appendf(out, "%.16s", cell->text);
        break;
    default:
        show_plain(cell->text, out);
    }
}

bool show_is_measured(const store_result *answer, size_t row) {
    const store_cell *provenance = answer_cell(answer, row, "provenance");
    return provenance == NULL || str_equal(provenance->text, "measured");
}

/* ---- sections ----------------------------------------------------------------------------------------------------------- */

static bool is_constant(const report_column *column, const store_result *answer, size_t rows) {
    size_t c = result_column(answer, column->key);
    if (column->always || column->form == COLUMN_LONG || show_is_number(column) || rows < 2 || c == SIZE_MAX)
        return false;
    for (size_t r = 1; r < rows; r++) {
        const store_cell *cell = &answer->cells[r * answer->column_count + c];
        if (cell->type != answer->cells[c].type || !str_equal(cell->text, answer->cells[c].text))
            return false;
    }
    return true;
}

accel_status show_section(const report_section *s, const store_result *answer, shown_section *out,
                          accel_error *err) {
    *out = (shown_section){.section = s, .answer = answer};
    out->row_count = answer->row_count < KIND_ROWS_MOST ? answer->row_count : KIND_ROWS_MOST;
    out->constant = mem_calloc(s->column_count + 1, sizeof *out->constant);
    if (out->constant == NULL)
        return error_no_memory(err, "a section", s->column_count);
    for (size_t c = 0; c < s->column_count; c++)
        out->constant[c] = is_constant(&s->columns[c], answer, out->row_count);
    return ACCEL_OK;
}

void shown_section_free(shown_section *s) {
    mem_free(s->constant);
    s->constant = NULL;
}

void show_constants(const shown_section *s, str_buf *out) {
    bool any = false;
    for (size_t c = 0; c < s->section->column_count; c++) {
        const report_column *column = &s->section->columns[c];
        if (!s->constant[c] || answer_cell(s->answer, 0, column->key) == NULL)
            continue;
        str_appendf(out, "%s%s ", any ? " · " : "the same in all rows: ", column->title);
        show_cell(column, s->answer, 0, out);
        any = true;
    }
}

void show_left_out(const shown_section *s, str_buf *out) {
    if (s->row_count < s->answer->row_count)
        str_appendf(
            out,
            "%zu of %zu rows are shown; --model, --on, --engine and --since choose, json and csv have all.",
            s->row_count, s->answer->row_count);
}

/* ---- matrices ----------------------------------------------------------------------------------------------------------- */

static const char *text_of(const store_result *answer, size_t row, const char *key) {
    const store_cell *cell = answer_cell(answer, row, key);
    return cell != NULL ? cell->text : "";
}

static bool same_row(const report_grid *m, const store_result *answer, size_t a, size_t b) {
    return str_equal(text_of(answer, a, m->row), text_of(answer, b, m->row)) &&
           str_equal(text_of(answer, a, "provenance"), text_of(answer, b, "provenance"));
}

static size_t place_of_row(const report_grid *m, const store_result *answer, shown_matrix *out, size_t row) {
    for (size_t i = out->row_count; i > 0; i--) /* answers are ordered: it is mostly the last */
        if (same_row(m, answer, out->rows[i - 1], row))
            return i - 1;
    out->rows[out->row_count] = row;
    return out->row_count++;
}

static size_t place_of_column(shown_matrix *out, const char *label) {
    for (size_t i = 0; i < out->column_count; i++)
        if (str_equal(out->columns[i], label))
            return i;
    out->columns[out->column_count] = label;
    return out->column_count++;
}

accel_status show_matrix(const report_grid *m, const store_result *answer, shown_matrix *out,
                         accel_error *err) {
    size_t most = answer->row_count + 1;
    *out = (shown_matrix){.rows = mem_calloc(most, sizeof *out->rows),
                          .columns = mem_calloc(most, sizeof(const char *))};
    bool made = out->rows != NULL && out->columns != NULL;
    for (size_t r = 0; made && r < answer->row_count; r++) {
        (void)place_of_row(m, answer, out, r);
        (void)place_of_column(out, text_of(answer, r, m->column));
    }
    if (made)
        out->cells = mem_calloc(out->row_count * out->column_count + 1, sizeof *out->cells);
    if (!made || out->cells == NULL) {
        shown_matrix_free(out);
        return error_no_memory(err, "a matrix", most * sizeof *out->rows);
    }
    for (size_t i = 0; i < out->row_count * out->column_count; i++)
        out->cells[i] = SIZE_MAX;
    for (size_t r = 0; r < answer->row_count; r++)
        out->cells[place_of_row(m, answer, out, r) * out->column_count +
                   place_of_column(out, text_of(answer, r, m->column))] = r;
    return ACCEL_OK;
}

void shown_matrix_free(shown_matrix *m) {
    mem_free(m->rows);
    mem_free(m->columns);
    mem_free(m->cells);
    *m = (shown_matrix){0};
}
