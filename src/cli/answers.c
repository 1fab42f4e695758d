#include "cli/answers.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "report/table.h"

enum { SHOWN_BYTES = 64 }; /* of an input beside its answers */

static table_format format_of(const command_line *line) {
    table_format format = TABLE_TEXT;
    (void)table_format_from_name(line_text(line, "format", "table"), &format);
    return format;
}

bool cli_answers_for_programs(const command_line *line, const ask *a) {
    table_format format = format_of(line);
    return a != NULL && (format == TABLE_JSON || format == TABLE_CSV);
}

/* ---- for programs ------------------------------------------------------------------------------------- */

static void append_answer(str_buf *out, const ask_answer *a) {
    str_append(out, "{\"input\":");
    json_append_text(out, a->input);
    str_append(out, ",\"answer\":");
    json_append_text(out, a->text);
    if (!isnan(a->score)) {
        str_append(out, ",\"score\":");
        json_append_real(out, a->score);
    }
    for (int i = 0; a->boxed && i < 4; i++) {
        str_append(out, i == 0 ? ",\"box\":[" : ",");
        json_append_real(out, a->box[i]);
    }
    str_append(out, a->boxed ? "]}" : "}");
}

const char *cli_answers_json(arena *memory, const ask *a, const char *output) {
    str_buf out = {0};
    size_t count;
    const ask_answer *answers = ask_answers(a, &count);
    for (size_t i = 0; i < count; i++)
        if (str_equal(answers[i].output, output)) {
            str_append_char(&out, out.length == 0 ? '[' : ',');
            append_answer(&out, &answers[i]);
        }
    str_append(&out, "]");
    const char *text = out.length > 1 && !out.failed ? arena_strdup(memory, str_text(&out)) : NULL;
    str_free(&out);
    return text;
}

/* ---- for people --------------------------------------------------------------------------------------- */

/* The beginning of a long text, cut between characters. */
static void show_input(table *t, const char *text) {
    size_t length = SHOWN_BYTES;
    table_text(t, text);
    if (strlen(text) <= SHOWN_BYTES)
        return;
    while (length > 0 && ((unsigned char)text[length] & 0xC0U) == 0x80U)
        length--;
    table_display(t, "%.*s…", (int)length, text);
}

static void add_row(table *t, const ask_answer *a, bool boxes) {
    table_row(t);
    show_input(t, a->input);
    table_text(t, a->text);
    table_number(t, a->score, 4);
    if (boxes)
        table_textf(t, "%.1f %.1f %.1f %.1f", a->box[0], a->box[1], a->box[2], a->box[3]);
}

static int print_scored(const command_line *line, const ask_answer *answers, size_t count) {
    bool boxes = false;
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    for (size_t i = 0; i < count; i++)
        boxes = boxes || answers[i].boxed;
    table_column(t, "input", NULL, false);
    table_column(t, "answer", NULL, false);
    table_column(t, "score", NULL, true);
    if (boxes)
        table_column(t, "box", "left top right bottom", false);
    for (size_t i = 0; i < count; i++)
        if (!isnan(answers[i].score))
            add_row(t, &answers[i], boxes);
    int code = EXIT_CODE_OK;
    if (table_row_count(t) > 0) {
        code = cli_print_text(&(str_buf){.data = (char[]){"\n"}, .length = 1});
        code = code == EXIT_CODE_OK ? cli_print_table(t, line) : code;
    }
    table_destroy(t);
    return code;
}

/* Lines stay lines; other controls would command the terminal. */
static void append_text(str_buf *out, const char *text) {
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++) {
        bool long_control = *p == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F;
        bool control = (*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7F || long_control;
        str_append_char(out, control ? ' ' : (char)*p);
        p += long_control;
    }
}

static int print_texts(const ask_answer *answers, size_t count) {
    str_buf out = {0};
    for (size_t i = 0; i < count; i++)
        if (isnan(answers[i].score)) {
            str_append(&out, "\n> ");
            append_text(&out, answers[i].input);
            str_append_char(&out, '\n');
            append_text(&out, answers[i].text);
            str_append_char(&out, '\n');
        }
    int code = cli_print_text(&out);
    str_free(&out);
    return code;
}

int cli_print_answers(const command_line *line, const ask *a) {
    size_t count;
    const ask_answer *answers = ask_answers(a, &count);
    if (cli_answers_for_programs(line, a))
        return EXIT_CODE_OK;
    int code = print_scored(line, answers, count);
    return code == EXIT_CODE_OK ? print_texts(answers, count) : code;
}
