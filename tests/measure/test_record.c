/* The record: what is written is read back, untrusted text is refused in a sentence, memory may end anywhere. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/json.h"
#include "measure/record.h"

static const int64_t samples[] = {1200000, 1100000, 1150000};

static void fill(arena *a, record *r) {
    record_init(r);
    assert_int_equal(record_new_id(a, r, NULL), ACCEL_OK);
    r->provenance = "measured";
    r->status = "ok";
    r->model_name = "mini\"lm\n\xc3\xa9";
    r->model_flops = 1.25e9;
    r->model_parameters = 22000000;
    r->shapes = "{\"input_ids\":[1,128]}";
    r->platform = "cpu";
    r->engine_name = "native";
    r->batch = 1;
    r->seed = -3;
    r->steady = 1;
    r->samples_ns = samples;
    r->samples_ns_count = 3;
    r->latency_mean_ms = 1.15;
    r->latency_std_ms = 0.1 + 0.2;
    r->verified = 0;
    r->started_at = "2026-11-23T02:11:00.123456Z";
}

static void read_ok(const char *json, arena *a, record *r) {
    accel_error err = {0};
    if (record_read_json(json, strlen(json), a, r, &err) != ACCEL_OK)
        fail_msg("%s", err.message);
}

static void a_record_survives_writing_and_reading(void **state) {
    (void)state;
    arena *a = arena_create();
    record r, back;
    str_buf first = {0}, second = {0};
    fill(a, &r);
    record_write_json(&r, &first);
    assert_false(first.failed);
    read_ok(str_text(&first), a, &back);
    record_write_json(&back, &second);
    assert_string_equal(str_text(&first), str_text(&second));
    assert_string_equal(back.model_name, r.model_name);
    assert_int_equal(back.samples_ns_count, 3);
    assert_int_equal(back.samples_ns[1], 1100000);
    assert_true(back.latency_std_ms == r.latency_std_ms);
    assert_true(back.load_ns == RECORD_NONE && isnan(back.energy_j) &&
                back.machine_throttled == RECORD_UNKNOWN_BOOL);
    assert_true(back.seed == -3 && back.steady == 1 && back.verified == 0);
    assert_null(back.unknown_json);
    assert_int_equal(record_validate(&back, NULL), ACCEL_OK);
    str_free(&first);
    str_free(&second);
    arena_destroy(a);
}

static void absent_is_null_and_never_zero(void **state) {
    (void)state;
    record r;
    str_buf out = {0};
    record_init(&r);
    record_write_json(&r, &out);
    assert_non_null(strstr(str_text(&out), "\"load_ns\":null"));
    assert_non_null(strstr(str_text(&out), "\"mean\":null"));
    assert_non_null(strstr(str_text(&out), "\"steady\":null"));
    assert_non_null(strstr(str_text(&out), "\"shapes\":null"));
    str_free(&out);
}

static void unknown_fields_are_kept_where_they_were(void **state) {
    (void)state;
    arena *a = arena_create();
    record r;
    str_buf out = {0};
    read_ok(
        "{\"schema_version\":9,\"model\":{\"name\":\"m\",\"licence\":[1,{\"x\":null}]},\"colour\":\"red\",\"n\":1e3}",
        a, &r);
    assert_string_equal(r.unknown_json,
                        "{\"model\":{\"licence\":[1,{\"x\":null}]},\"colour\":\"red\",\"n\":1000.0}");
    record_write_json(&r, &out);
    record again;
    read_ok(str_text(&out), a, &again);
    assert_string_equal(again.unknown_json, r.unknown_json);
    assert_string_equal(again.model_name, "m");
    assert_int_equal(again.schema_version, 9);
    str_free(&out);
    arena_destroy(a);
}

static void wrong_types_are_refused_with_the_field_named(void **state) {
    (void)state;
    static const struct {
        const char *json, *named;
    } rows[] = {
        {"{\"batch\":\"1\"}", "batch"},
        {"{\"batch\":1.5}", "batch"},
        {"{\"batch\":18446744073709551615}", "batch"},
        {"{\"status\":1}", "status"},
        {"{\"samples_ns\":[1,\"2\"]}", "samples_ns"},
        {"{\"samples_ns\":{}}", "samples_ns"},
        {"{\"steady\":1}", "steady"},
        {"{\"shapes\":[1]}", "shapes"},
        {"{\"model\":3}", "model"},
        {"{\"latency_ms\":{\"mean\":\"fast\"}}", "latency_ms.mean"},
        {"{\"batch\":1,\"batch\":2}", "batch"},
        {"{\"error\":\"a\\u0000b\"}", "error"},
        {"[]", "object"},
        {"{\"latency_ms\":{\"mean\":1e999}}", "latency_ms.mean"},
        {"{\"a\":", "JSON"},
        {"", "JSON"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        arena *a = arena_create();
        record r;
        accel_error err = {0};
        assert_int_equal(record_read_json(rows[i].json, strlen(rows[i].json), a, &r, &err), ACCEL_BAD_FILE);
        if (!strstr(err.message, rows[i].named))
            fail_msg("'%s' does not name %s", err.message, rows[i].named);
        arena_destroy(a);
    }
}

static void arrays_of_records_are_read(void **state) {
    (void)state;
    arena *a = arena_create();
    record *records = NULL, one;
    size_t count = 0;
    str_buf out = {0};
    fill(a, &one);
    str_append(&out, "[");
    record_write_json(&one, &out);
    str_append(&out, ",{\"status\":\"absent\"}]");
    assert_int_equal(record_read_json_array(out.data, out.length, a, &records, &count, NULL), ACCEL_OK);
    assert_int_equal(count, 2);
    assert_string_equal(records[1].status, "absent");
    accel_error err = {0};
    assert_int_equal(record_read_json_array("[1]", 3, a, &records, &count, &err), ACCEL_BAD_FILE);
    assert_non_null(strstr(err.message, "record 1 of 1"));
    str_free(&out);
    arena_destroy(a);
}

static void invalid_with(void (*spoil)(record *r), const char *named) {
    arena *a = arena_create();
    record r;
    accel_error err = {0};
    fill(a, &r);
    spoil(&r);
    assert_int_equal(record_validate(&r, &err), ACCEL_BAD_FILE);
    if (!strstr(err.message, named))
        fail_msg("'%s' does not name %s", err.message, named);
    arena_destroy(a);
}

static void spoil_id(record *r) {
    r->record_id = "1234";
}
static void spoil_provenance(record *r) {
    r->provenance = "measure";
}
static void spoil_status(record *r) {
    r->status = "fine";
}
static void spoil_error(record *r) {
    r->status = "crashed";
}
static void spoil_figures(record *r) {
    r->status = "timeout";
    r->error = "it hung";
    r->samples_ns_count = 0;
}
static void spoil_infinite(record *r) {
    r->latency_mean_ms = INFINITY;
}
static void spoil_negative(record *r) {
    r->load_ns = -5;
}
static void spoil_platform(record *r) {
    r->platform = "abacus";
}
static void spoil_json(record *r) {
    r->shapes = "{";
}
static void spoil_text(record *r) {
    r->model_name = "\xff\xfe";
}
static void spoil_time(record *r) {
    r->started_at = "yesterday";
}

static void records_that_break_a_rule_are_named(void **state) {
    (void)state;
    invalid_with(spoil_id, "record_id");
    invalid_with(spoil_provenance, "provenance");
    invalid_with(spoil_status, "status");
    invalid_with(spoil_error, "error");
    invalid_with(spoil_figures, "latency_ms.mean");
    invalid_with(spoil_infinite, "latency_ms.mean");
    invalid_with(spoil_negative, "load_ns");
    invalid_with(spoil_platform, "platform");
    invalid_with(spoil_json, "shapes");
    invalid_with(spoil_text, "model.name");
    invalid_with(spoil_time, "started_at");
}

static void ids_are_fresh_uuids_of_version_4(void **state) {
    (void)state;
    arena *a = arena_create();
    record r, s;
    assert_int_equal(record_new_id(a, &r, NULL), ACCEL_OK);
    assert_int_equal(record_new_id(a, &s, NULL), ACCEL_OK);
    assert_int_equal(strlen(r.record_id), 36);
    assert_int_equal(r.record_id[14], '4');
    assert_non_null(strchr("89ab", r.record_id[19]));
    assert_string_not_equal(r.record_id, s.record_id);
    arena_destroy(a);
}

/* Reads and writes one record; false when memory ended somewhere. */
static bool round_trip(const char *json, size_t length) {
    arena *a = arena_create();
    if (!a)
        return false;
    record r;
    str_buf out = {0};
    accel_error err = {0};
    accel_status status = record_read_json(json, length, a, &r, &err);
    if (status == ACCEL_OK)
        record_write_json(&r, &out);
    else
        assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
    bool whole = status == ACCEL_OK && !out.failed;
    str_free(&out);
    arena_destroy(a);
    return whole;
}

static void memory_may_end_at_any_allocation(void **state) {
    (void)state;
    arena *a = arena_create();
    record r;
    str_buf json = {0};
    fill(a, &r);
    r.unknown_json = "{\"x\":[1,2,3],\"model\":{\"y\":\"z\"}}";
    record_write_json(&r, &json);
    bool whole = false;
    uint64_t n = 0;
    while (!whole && n < 10000) {
        mem_fault_set(++n, false);
        whole = round_trip(json.data, json.length);
        mem_fault_set(0, false);
    }
    assert_true(whole);
    assert_true(n > 5);
    str_free(&json);
    arena_destroy(a);
}

static void the_schema_is_json_and_names_every_field(void **state) {
    (void)state;
    str_buf out = {0};
    yyjson_doc *doc = NULL;
    accel_error err = {0};
    record_write_schema(&out);
    if (json_parse(out.data, out.length, SIZE_MAX, "schema", &doc, &err) != ACCEL_OK)
        fail_msg("%s", err.message);
    yyjson_val *properties = yyjson_obj_get(yyjson_doc_get_root(doc), "properties");
    for (size_t i = 0; i < record_field_count; i++) {
        char pointer[128], *dot;
        str_format(pointer, sizeof pointer, "/%s", record_fields[i].path);
        yyjson_val *at = NULL;
        if ((dot = strchr(pointer, '.')) != NULL) {
            *dot = '\0';
            at = yyjson_obj_get(yyjson_obj_get(yyjson_obj_get(properties, pointer + 1), "properties"),
                                dot + 1);
        } else {
            at = yyjson_obj_get(properties, pointer + 1);
        }
        if (!yyjson_get_str(yyjson_obj_get(at, "description")))
            fail_msg("%s has no description", record_fields[i].path);
    }
    yyjson_doc_free(doc);
    str_free(&out);
}

static void the_table_has_a_line_for_every_field(void **state) {
    (void)state;
    str_buf out = {0};
    record_write_markdown(&out);
    for (size_t i = 0; i < record_field_count; i++) {
        char cell[128];
        str_format(cell, sizeof cell, "\n| `%s` |", record_fields[i].path);
        assert_non_null(strstr(str_text(&out), cell));
    }
    str_free(&out);
}

static void statuses_have_names(void **state) {
    (void)state;
    case_status s;
    assert_true(case_status_from_name("out_of_memory", &s) && s == CASE_OUT_OF_MEMORY);
    assert_false(case_status_from_name("", &s) || case_status_from_name(NULL, &s));
    assert_string_equal(case_status_name(CASE_WRONG_OUTPUT), "wrong_output");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_survives_writing_and_reading),
        cmocka_unit_test(absent_is_null_and_never_zero),
        cmocka_unit_test(unknown_fields_are_kept_where_they_were),
        cmocka_unit_test(wrong_types_are_refused_with_the_field_named),
        cmocka_unit_test(arrays_of_records_are_read),
        cmocka_unit_test(records_that_break_a_rule_are_named),
        cmocka_unit_test(ids_are_fresh_uuids_of_version_4),
        cmocka_unit_test(memory_may_end_at_any_allocation),
        cmocka_unit_test(the_schema_is_json_and_names_every_field),
        cmocka_unit_test(the_table_has_a_line_for_every_field),
        cmocka_unit_test(statuses_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
