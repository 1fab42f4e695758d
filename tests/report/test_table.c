/* One table, four forms. */
#include "support/test.h"

#include <math.h>
#include <yyjson.h>

#include "base/mem.h"
#include "report/table.h"

static const char *printed(const table *t, table_format format, bool color) {
    static char text[8192];
    str_buf out = {0};
    accel_error err = {0};
    assert_ok(table_print(t, format, color, &out, &err));
    snprintf(text, sizeof text, "%s", str_text(&out));
    str_free(&out);
    return text;
}

static table *two_columns(void) {
    table *t = table_create();
    assert_non_null(t);
    table_column(t, "name", NULL, false);
    table_column(t, "value", "the value", true);
    return t;
}

static void add_row(table *t, const char *name, double value) {
    table_row(t);
    table_text(t, name);
    table_number(t, value, 2);
}

static void text_is_aligned_and_ends_in_no_blanks(void **state) {
    (void)state;
    table *t = two_columns();
    add_row(t, "a", 1.5);
    add_row(t, "longer", 12.25);
    table_mark(t);
    assert_string_equal(printed(t, TABLE_TEXT, false), "name    the value\n"
                                                       "a            1.50\n"
                                                       "longer     12.25*\n");
    table_destroy(t);
}

static void wide_characters_count_as_the_columns_they_take(void **state) {
    (void)state;
    table *t = two_columns();
    add_row(t,
            "Gr\xc3\xb6\xc3\x9f"
            "e",
            1);                                /* Größe: 5 columns */
    add_row(t, "\xe6\xa8\xa1\xe5\x9e\x8b", 1); /* two Han characters: 4 columns */
    add_row(t, "e\xcc\x81", 1);                /* e and a combining accent: 1 column */
    add_row(t, "\xf0\x9f\x9a\x80", 1);         /* a rocket: 2 columns */
    assert_string_equal(printed(t, TABLE_TEXT, false), "name   the value\n"
                                                       "Gr\xc3\xb6\xc3\x9f"
                                                       "e       1.00\n"
                                                       "\xe6\xa8\xa1\xe5\x9e\x8b        1.00\n"
                                                       "e\xcc\x81           1.00\n"
                                                       "\xf0\x9f\x9a\x80          1.00\n");
    table_destroy(t);
}

static void control_characters_do_not_reach_a_terminal(void **state) {
    (void)state;
    table *t = two_columns();
    add_row(t,
            "a\033[31mb\nc\xc2\x9b"
            "1m",
            1);
    assert_null(strchr(printed(t, TABLE_TEXT, false), '\033'));
    assert_null(strstr(printed(t, TABLE_TEXT, false), "\xc2\x9b")); /* CSI as one character */
    assert_null(strstr(printed(t, TABLE_MARKDOWN, false), "b\nc"));
    table_destroy(t);
}

static void csv_is_quoted_by_rfc_4180(void **state) {
    (void)state;
    table *t = two_columns();
    add_row(t, "plain", 0.1);
    add_row(t, "a,b", 1e-7);
    add_row(t, "say \"x\"", (double)NAN);
    add_row(t, "two\nlines", 3);
    assert_string_equal(printed(t, TABLE_CSV, false), "name,value\n"
                                                      "plain,0.1\n"
                                                      "\"a,b\",1e-07\n"
                                                      "\"say \"\"x\"\"\",\n"
                                                      "\"two\nlines\",3\n");
    table_destroy(t);
}

static void markdown_escapes_what_would_end_a_cell(void **state) {
    (void)state;
    table *t = two_columns();
    add_row(t, "a|b\\c", 1);
    table_mark(t);
    assert_string_equal(printed(t, TABLE_MARKDOWN, false), "| name | the value |\n"
                                                           "|---|---:|\n"
                                                           "| a\\|b\\\\c | **1.00** |\n");
    table_destroy(t);
}

static void json_keeps_every_digit(void **state) {
    (void)state;
    static const double values[] = {0.1, 1.0 / 3, 1e300, 5e-324, 123456789.123456789, 9007199254740993.0};
    table *t = two_columns();
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        add_row(t, "x \"quoted\" \xff", values[i]);
    add_row(t, NULL, HUGE_VAL);
    const char *text = printed(t, TABLE_JSON, false);
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    assert_non_null(doc);
    yyjson_val *rows = yyjson_doc_get_root(doc);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double value = yyjson_get_num(yyjson_obj_get(yyjson_arr_get(rows, i), "value"));
        assert_memory_equal(&value, &values[i], sizeof value);
    }
    yyjson_val *last = yyjson_arr_get_last(rows);
    assert_true(yyjson_is_null(yyjson_obj_get(last, "name")));
    assert_true(yyjson_is_null(yyjson_obj_get(last, "value")));
    yyjson_doc_free(doc);
    table_destroy(t);
}

static void constant_columns_are_listed_above_for_people_only(void **state) {
    (void)state;
    static const char *const keep[] = {"kept"};
    table *t = table_create();
    table_column(t, "name", NULL, false);
    table_column(t, "same", NULL, false);
    table_column(t, "kept", NULL, false);
    for (int i = 0; i < 2; i++) {
        table_row(t);
        table_textf(t, "row %d", i);
        table_text(t, "s");
        table_text(t, "k");
    }
    table_hide_constant_columns(t, keep, 1);
    assert_string_equal(printed(t, TABLE_TEXT, false), "same s\n\nname   kept\nrow 0  k\nrow 1  k\n");
    assert_non_null(strstr(printed(t, TABLE_CSV, false), "name,same,kept\n"));
    table_destroy(t);
}

static void an_empty_table_prints(void **state) {
    (void)state;
    table *t = two_columns();
    assert_string_equal(printed(t, TABLE_JSON, false), "[]\n");
    assert_string_equal(printed(t, TABLE_CSV, false), "name,value\n");
    assert_string_equal(printed(t, TABLE_TEXT, true), "\033[1mname\033[0m  \033[1mthe value\033[0m\n");
    table_destroy(t);
}

/* Whatever allocation fails, making and printing ends in out-of-memory or in the whole text. */
static void memory_that_ends_is_reported(void **state) {
    (void)state;
    for (int format = TABLE_TEXT; format <= TABLE_MARKDOWN; format++) {
        bool whole = false;
        for (uint64_t n = 1; n < 200 && !whole; n++) {
            str_buf out = {0};
            mem_fault_set(n, false);
            table *t = table_create();
            if (t != NULL) {
                table_column(t, "name", NULL, false);
                for (int i = 0; i < 50; i++) {
                    table_row(t);
                    table_textf(t, "row number %d with some text to fill memory", i);
                }
            }
            accel_status status =
                t != NULL ? table_print(t, (table_format)format, false, &out, NULL) : ACCEL_OUT_OF_MEMORY;
            bool complete = strstr(str_text(&out), "row number 49 with") != NULL;
            whole = status == ACCEL_OK;
            assert_true(status == ACCEL_OUT_OF_MEMORY || (status == ACCEL_OK && complete));
            mem_fault_set(0, false);
            str_free(&out);
            table_destroy(t);
        }
        assert_true(whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_aligned_and_ends_in_no_blanks),
        cmocka_unit_test(wide_characters_count_as_the_columns_they_take),
        cmocka_unit_test(control_characters_do_not_reach_a_terminal),
        cmocka_unit_test(csv_is_quoted_by_rfc_4180),
        cmocka_unit_test(markdown_escapes_what_would_end_a_cell),
        cmocka_unit_test(json_keeps_every_digit),
        cmocka_unit_test(constant_columns_are_listed_above_for_people_only),
        cmocka_unit_test(an_empty_table_prints),
        cmocka_unit_test(memory_that_ends_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
