#include "report/table.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "report/html.h"

typedef struct cell {
    cell_kind kind;
    const char *value;   /* for programs */
    const char *display; /* for people; NULL: the value */
    bool best;
} cell;

typedef struct column {
    const char *key, *title;
    bool right_aligned, hidden;
} column;

struct table {
    arena *arena;
    column *columns;
    size_t column_count, column_capacity;
    cell *cells; /* row by row, column_count each */
    size_t row_count, cell_capacity;
    size_t filled; /* cells of the open row */
    bool failed;
};

bool table_format_from_name(const char *name, table_format *out) {
    static const char *const names[] = {
#define TABLE_FORMAT_NAME(symbol, text) text,
        TABLE_FORMAT_LIST(TABLE_FORMAT_NAME)
#undef TABLE_FORMAT_NAME
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_equal(name, names[i])) {
            *out = (table_format)i;
            return true;
        }
    }
    return false;
}

table *table_create(void) {
    table *t = mem_calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->arena = arena_create();
    if (t->arena == NULL) {
        mem_free(t);
        return NULL;
    }
    return t;
}

void table_destroy(table *t) {
    if (t == NULL)
        return;
    arena_destroy(t->arena);
    mem_free(t->columns);
    mem_free(t->cells);
    mem_free(t);
}

static const char *keep_text(table *t, const char *text) {
    char *copy = arena_strdup(t->arena, text);
    if (copy == NULL)
        t->failed = true;
    return copy;
}

void table_column(table *t, const char *key, const char *title, bool right_aligned) {
    if (t->failed)
        return;
    if (!mem_grow((void **)&t->columns, &t->column_capacity, t->column_count + 1, sizeof *t->columns)) {
        t->failed = true;
        return;
    }
    column *c = &t->columns[t->column_count++];
    *c = (column){.right_aligned = right_aligned};
    c->key = keep_text(t, key);
    c->title = title != NULL ? keep_text(t, title) : c->key;
}

void table_row(table *t) {
    if (t->failed)
        return;
    size_t needed = (t->row_count + 1) * t->column_count;
    if (!mem_grow((void **)&t->cells, &t->cell_capacity, needed, sizeof *t->cells)) {
        t->failed = true;
        return;
    }
    for (size_t i = 0; i < t->column_count; i++)
        t->cells[t->row_count * t->column_count + i] = (cell){0};
    t->row_count++;
    t->filled = 0;
}

static void add_cell(table *t, cell_kind kind, const char *value) {
    if (t->failed || t->row_count == 0 || t->filled >= t->column_count)
        return;
    cell *c = &t->cells[(t->row_count - 1) * t->column_count + t->filled++];
    c->kind = value == NULL ? CELL_NULL : kind;
    if (value != NULL)
        c->value = keep_text(t, value);
}

static cell *last_cell(table *t) {
    if (t->failed || t->row_count == 0 || t->filled == 0)
        return NULL;
    return &t->cells[(t->row_count - 1) * t->column_count + t->filled - 1];
}

void table_text(table *t, const char *text) {
    add_cell(t, CELL_TEXT, text);
}

void table_textf(table *t, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(text, sizeof text, format, arguments);
    va_end(arguments);
    add_cell(t, CELL_TEXT, text);
}

void table_number(table *t, double value, int decimals) {
    char text[64];
    if (!isfinite(value)) {
        add_cell(t, CELL_NULL, NULL);
        return;
    }
    str_format(text, sizeof text, "%.17g", value);
    double shorter = 0;
    char brief[64];
    str_format(brief, sizeof brief, "%.15g", value);
    if (str_to_f64(brief, &shorter) && shorter == value)
        memcpy(text, brief, sizeof text);
    add_cell(t, CELL_NUMBER, text);
    table_display(t, "%.*f", decimals, value);
}

void table_integer(table *t, int64_t value) {
    char text[32];
    str_format(text, sizeof text, "%lld", (long long)value);
    add_cell(t, CELL_INTEGER, text);
}

void table_bool(table *t, int value) {
    add_cell(t, CELL_BOOL, value < 0 ? NULL : value ? "true" : "false");
}

void table_json(table *t, const char *json) {
    add_cell(t, CELL_JSON, json);
}

void table_null(table *t) {
    add_cell(t, CELL_NULL, NULL);
}

void table_display(table *t, const char *format, ...) {
    cell *c = last_cell(t);
    if (c == NULL)
        return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(text, sizeof text, format, arguments);
    va_end(arguments);
    c->display = keep_text(t, text);
}

void table_mark(table *t) {
    cell *c = last_cell(t);
    if (c != NULL)
        c->best = true;
}

size_t table_row_count(const table *t) {
    return t->row_count;
}

static const cell *cell_at(const table *t, size_t row, size_t col) {
    return &t->cells[row * t->column_count + col];
}

static const char *shown(const cell *c) {
    if (c->display != NULL)
        return c->display;
    return c->value != NULL ? c->value : "";
}

void table_hide_constant_columns(table *t, const char *const *keep, size_t keep_count) {
    if (t->failed || t->row_count < 2)
        return;
    for (size_t col = 0; col < t->column_count; col++) {
        bool wanted = false;
        for (size_t k = 0; k < keep_count; k++)
            wanted = wanted || str_equal(keep[k], t->columns[col].key);
        bool constant = true;
        for (size_t row = 1; row < t->row_count && constant; row++)
            constant = str_equal(shown(cell_at(t, row, col)), shown(cell_at(t, 0, col)));
        t->columns[col].hidden = constant && !wanted;
    }
}

void table_hide_column(table *t, const char *key) {
    for (size_t col = 0; col < t->column_count; col++)
        if (str_equal(t->columns[col].key, key))
            t->columns[col].hidden = true;
}

/* ---- for people --------------------------------------------------------------------------------------------------- */

/* The code point at *p, which moves behind it. Text that is not UTF-8 counts byte by byte. */
static uint32_t next_code_point(const unsigned char **p) {
    uint32_t lead = *(*p)++;
    int rest = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    uint32_t code = rest > 0 ? lead & (0x3FU >> rest) : lead;
    for (; rest > 0 && (**p & 0xC0U) == 0x80U; rest--)
        code = code << 6 | (*(*p)++ & 0x3FU);
    return code;
}

/* Columns that a terminal gives a character (UAX #11): none for combining marks, two for wide scripts and pictures. */
static size_t character_width(uint32_t code) {
    static const struct {
        uint32_t first, last;
        size_t width;
    } ranges[] = {
        {0x300, 0x36F, 0},     {0x200B, 0x200F, 0},   {0x20D0, 0x20FF, 0},   {0xFE00, 0xFE0F, 0},
        {0x1100, 0x115F, 2},   {0x2E80, 0x303E, 2},   {0x3041, 0xA4CF, 2},   {0xAC00, 0xD7A3, 2},
        {0xF900, 0xFAFF, 2},   {0xFE30, 0xFE6F, 2},   {0xFF01, 0xFF60, 2},   {0xFFE0, 0xFFE6, 2},
        {0x1F300, 0x1F64F, 2}, {0x1F680, 0x1F6FF, 2}, {0x1F900, 0x1F9FF, 2}, {0x20000, 0x3FFFD, 2},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return ranges[i].width;
    }
    return 1;
}

static size_t text_width(const char *text) {
    size_t width = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != 0;)
        width += character_width(next_code_point(&p));
    return width;
}

/* C0 and C1 controls and DEL would command a terminal or break a Markdown row. */
static bool is_control(const unsigned char *p) {
    return *p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F);
}

void table_append_clean(str_buf *out, const char *text, bool markdown) {
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++) {
        if (is_control(p)) {
            str_append_char(out, ' ');
            p += *p == 0xC2;
        } else if (markdown && *p == '<') {
            str_append(out, "&lt;"); /* Markdown passes HTML on */
        } else {
            if (markdown && strchr("|\\`*[", *p) != NULL)
                str_append_char(out, '\\');
            str_append_char(out, (char)*p);
        }
    }
}

static void append_padding(str_buf *out, size_t count) {
    for (size_t i = 0; i < count; i++)
        str_append_char(out, ' ');
}

static size_t column_width(const table *t, size_t col) {
    size_t width = text_width(t->columns[col].title);
    for (size_t row = 0; row < t->row_count; row++) {
        const cell *c = cell_at(t, row, col);
        size_t w = text_width(shown(c)) + (c->best ? 1 : 0);
        if (w > width)
            width = w;
    }
    return width;
}

static void print_hidden(const table *t, str_buf *out) {
    bool any = false;
    for (size_t col = 0; col < t->column_count; col++) {
        if (!t->columns[col].hidden)
            continue;
        const char *text = shown(cell_at(t, 0, col));
        if (*text == 0)
            continue;
        str_append(out, any ? " · " : "");
        str_appendf(out, "%s ", t->columns[col].title);
        table_append_clean(out, text, false);
        any = true;
    }
    if (any)
        str_append(out, "\n\n");
}

static void print_line(const table *t, size_t row, bool header, const size_t *widths, bool color,
                       str_buf *out) {
    size_t pending = 0; /* blanks are written late, so that no line ends in them */
    bool first = true;
    for (size_t col = 0; col < t->column_count; col++) {
        if (t->columns[col].hidden)
            continue;
        const cell *c = header ? NULL : cell_at(t, row, col);
        const char *text = header ? t->columns[col].title : shown(c);
        bool best = c != NULL && c->best;
        size_t width = text_width(text) + (best && !color ? 1 : 0);
        size_t room = widths[col] > width ? widths[col] - width : 0;
        if (!first)
            pending += 2;
        first = false;
        if (t->columns[col].right_aligned)
            pending += room;
        if (width > 0) {
            append_padding(out, pending);
            pending = 0;
            if (color && (best || header))
                str_append(out, "\033[1m");
            table_append_clean(out, text, false);
            if (best && !color)
                str_append_char(out, '*');
            if (color && (best || header))
                str_append(out, "\033[0m");
        }
        if (!t->columns[col].right_aligned)
            pending += room;
    }
    str_append_char(out, '\n');
}

static accel_status print_text(const table *t, bool color, str_buf *out, accel_error *err) {
    size_t *widths = mem_calloc(t->column_count + 1, sizeof *widths);
    if (widths == NULL)
        return error_no_memory(err, "a table", t->column_count * sizeof *widths);
    for (size_t col = 0; col < t->column_count; col++)
        widths[col] = column_width(t, col);
    print_hidden(t, out);
    print_line(t, 0, true, widths, color, out);
    for (size_t row = 0; row < t->row_count; row++)
        print_line(t, row, false, widths, color, out);
    mem_free(widths);
    return ACCEL_OK;
}

static void print_markdown(const table *t, str_buf *out) {
    print_hidden(t, out);
    str_append_char(out, '|');
    for (size_t col = 0; col < t->column_count; col++) {
        if (!t->columns[col].hidden) {
            str_append_char(out, ' ');
            table_append_clean(out, t->columns[col].title, true);
            str_append(out, " |");
        }
    }
    str_append(out, "\n|");
    for (size_t col = 0; col < t->column_count; col++) {
        if (!t->columns[col].hidden)
            str_append(out, t->columns[col].right_aligned ? "---:|" : "---|");
    }
    str_append_char(out, '\n');
    for (size_t row = 0; row < t->row_count; row++) {
        str_append_char(out, '|');
        for (size_t col = 0; col < t->column_count; col++) {
            if (t->columns[col].hidden)
                continue;
            const cell *c = cell_at(t, row, col);
            str_append(out, c->best ? " **" : " ");
            table_append_clean(out, shown(c), true);
            str_append(out, c->best ? "** |" : " |");
        }
        str_append_char(out, '\n');
    }
}

/* ---- for programs --------------------------------------------------------------------------------------------------- */

static void csv_field(str_buf *out, const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        str_append(out, text);
        return;
    }
    str_append_char(out, '"');
    for (const char *p = text; *p != 0; p++) {
        if (*p == '"')
            str_append_char(out, '"');
        str_append_char(out, *p);
    }
    str_append_char(out, '"');
}

/* RFC 4180, with plain line feeds. */
static void print_csv(const table *t, str_buf *out) {
    for (size_t col = 0; col < t->column_count; col++) {
        if (col > 0)
            str_append_char(out, ',');
        csv_field(out, t->columns[col].key);
    }
    str_append_char(out, '\n');
    for (size_t row = 0; row < t->row_count; row++) {
        for (size_t col = 0; col < t->column_count; col++) {
            if (col > 0)
                str_append_char(out, ',');
            const cell *c = cell_at(t, row, col);
            if (c->value != NULL)
                csv_field(out, c->value);
        }
        str_append_char(out, '\n');
    }
}

static void json_value(str_buf *out, const cell *c) {
    switch (c->kind) {
    case CELL_NULL:
        str_append(out, "null");
        break;
    case CELL_TEXT:
        str_append_json(out, c->value, strlen(c->value));
        break;
    default: /* numbers, booleans and JSON stand as they are */
        str_append(out, c->value);
        break;
    }
}

static void print_json(const table *t, str_buf *out) {
    str_append_char(out, '[');
    for (size_t row = 0; row < t->row_count; row++) {
        str_append(out, row > 0 ? ",\n  {" : "\n  {");
        for (size_t col = 0; col < t->column_count; col++) {
            if (col > 0)
                str_append(out, ", ");
            str_append_json(out, t->columns[col].key, strlen(t->columns[col].key));
            str_append(out, ": ");
            json_value(out, cell_at(t, row, col));
        }
        str_append_char(out, '}');
    }
    str_append(out, t->row_count > 0 ? "\n]\n" : "]\n");
}

accel_status table_print(const table *t, table_format format, bool color, str_buf *out, accel_error *err) {
    if (t->failed)
        return error_no_memory(err, "a table", 0);
    switch (format) {
    case TABLE_TEXT:
        ACCEL_TRY(print_text(t, color, out, err));
        break;
    case TABLE_MARKDOWN:
        print_markdown(t, out);
        break;
    case TABLE_CSV:
        print_csv(t, out);
        break;
    case TABLE_JSON:
        print_json(t, out);
        break;
    }
    return out->failed ? error_no_memory(err, "a printed table", out->length) : ACCEL_OK;
}

/* ---- for pages ------------------------------------------------------------------------------------------------------- */

static void html_cell(str_buf *out, const cell *c, bool right_aligned) {
    bool number = c->kind == CELL_NUMBER || c->kind == CELL_INTEGER;
    str_append(out, right_aligned ? "<td class=\"n\"" : "<td");
    if (number)
        str_appendf(out, " data-v=\"%s\"", c->value);
    str_append(out, c->best ? "><b>" : ">");
    html_text(out, c->kind == CELL_NULL ? "–" : shown(c));
    str_append(out, c->best ? "</b></td>" : "</td>");
}

static bool row_is_measured(const table *t, size_t row) {
    for (size_t col = 0; col < t->column_count; col++) {
        const cell *c = cell_at(t, row, col);
        if (str_equal(t->columns[col].key, "provenance"))
            return c->value == NULL || str_equal(c->value, "measured");
    }
    return true;
}

accel_status table_html(const table *t, str_buf *out, accel_error *err) {
    str_buf same = {0};
    if (t->failed)
        return error_no_memory(err, "a table", 0);
    print_hidden(t, &same);
    if (same.length > 0) {
        str_append(out, "<p class=\"soft\">");
        html_text(out, str_text(&same));
        str_append(out, "</p>\n");
    }
    str_append(out, "<div class=\"scroll\"><table><thead><tr>");
    for (size_t col = 0; col < t->column_count; col++) {
        if (t->columns[col].hidden)
            continue;
        str_append(out, t->columns[col].right_aligned ? "<th class=\"n\"><button type=\"button\">"
                                                      : "<th><button type=\"button\">");
        html_text(out, t->columns[col].title);
        str_append(out, "</button></th>");
    }
    str_append(out, "</tr></thead><tbody>\n");
    for (size_t row = 0; row < t->row_count; row++) {
        str_append(out, row_is_measured(t, row) ? "<tr>" : "<tr class=\"estimate\">");
        for (size_t col = 0; col < t->column_count; col++)
            if (!t->columns[col].hidden)
                html_cell(out, cell_at(t, row, col), t->columns[col].right_aligned);
        str_append(out, "</tr>\n");
    }
    str_append(out, "</tbody></table></div>\n");
    out->failed |= same.failed;
    str_free(&same);
    return out->failed ? error_no_memory(err, "a page", out->length) : ACCEL_OK;
}
