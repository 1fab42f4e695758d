/* Captures: what is taken out of them, and strangers' ones. */
#include "hw/hw_check.h"

#include "base/mem.h"
#include "hw/scrub.h"

static const char *scrubbed(const char *text, str_buf *out) {
    arena *a = arena_create();
    scrubber s;
    assert_non_null(a);
    scrub_begin(&s, a);
    scrub_word(&s, "alice", "user");
    scrub_word(&s, "linux", "host");
    str_free(out);
    scrub_append(&s, text, out);
    scrub_end(&s);
    arena_destroy(a);
    return str_text(out);
}

#define HOMES "/home"

static void names_and_identifiers_are_taken_out(void **state) {
    str_buf out = {0};
    (void)state;
    assert_string_equal(scrubbed(HOMES "/bob/x and " HOMES "/carol", &out),
                        HOMES "/user/x and " HOMES "/user");
    assert_string_equal(scrubbed("by alice, not malice or alice2", &out), "by user, not malice or alice2");
    assert_string_equal(scrubbed("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", &out),
                        "GPU-00000000-0000-0000-0000-000000000001");
    assert_string_equal(scrubbed("link aa:bb:cc:dd:ee:ff", &out), "link 00:00:00:00:00:01");
    assert_string_equal(scrubbed("0::/docker/8f887b2ae9ada79a93aa852bdb9153bb", &out),
                        "0::/docker/000000000000000000000001");
    assert_string_equal(scrubbed("Serial\t\t: 10000000deadbeef\nModel : x", &out),
                        "Serial\t\t: 0\nModel : x");
    str_free(&out);
}

static void what_hardware_says_stays(void **state) {
    static const char *const texts[] = {
        "0000:01:00.0",      "linux x86_64",         "fpu vme de pse avx512_vnni",           "0-3,8",
        "ffffffff,ffffffff", "18446744073709551615", "/sys/devices/pci0000:00/0000:00:1c.0", "Serial bus",
        "6.18.44-fc-v657"};
    str_buf out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_string_equal(scrubbed(texts[i], &out), texts[i]);
    str_free(&out);
}

/* A list of visible devices must still fit the devices' UUIDs. */
static void the_same_identifier_becomes_the_same(void **state) {
    str_buf out = {0};
    (void)state;
    assert_string_equal(scrubbed("11111111-2222-3333-4444-555555555555 99999999-2222-3333-4444-555555555555 "
                                 "11111111-2222-3333-4444-555555555555",
                                 &out),
                        "00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002 "
                        "00000000-0000-0000-0000-000000000001");
    str_free(&out);
}

static void this_machine_gathered_shows_the_same_machine(void **state) {
    accel_error err = {0};
    hw_source *s = NULL;
    hw_report *r = NULL;
    const char *path = temp_path(state, "capture.json");
    setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", 1);
    assert_ok(hw_source_open(NULL, &s, &err));
    assert_ok(hw_detect(s, NULL, &r, &err));
    assert_ok(hw_source_save(s, path, &err));
    unsetenv("CUDA_VISIBLE_DEVICES");
    hw_source_close(s);
    hw_report *again = detect_capture(path);
    assert_int_equal(r->cpu.cores, again->cpu.cores);
    assert_string_equal(r->cpu.model, again->cpu.model);
    assert_int_equal(r->memory.total_bytes, again->memory.total_bytes);
    assert_true(str_equal(r->cpu.hypervisor, again->cpu.hypervisor));
    assert_int_equal(again->variable_count, r->variable_count);
    assert_non_null(strstr(again->variables[0].value, "GPU-00000000-0000-0000-0000-0000000000"));
    hw_report_destroy(again);
    hw_report_destroy(r);

    char *text = NULL, host[256] = "";
    size_t length = 0;
    assert_ok(file_read(path, HW_CAPTURE_BYTES, &text, &length, &err));
    assert_null(strstr(text, "8932f937"));
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    if (strlen(host) > 3) {
        assert_null(strstr(text, host));
    }
    mem_free(text);
}

static accel_status parsed(const char *json, accel_error *err) {
    hw_source *s = NULL;
    hw_report *r = NULL;
    accel_status status = hw_source_parse_capture(json, strlen(json), &s, err);
    if (status == ACCEL_OK)
        status = hw_detect(s, NULL, &r, err);
    hw_report_destroy(r);
    hw_source_close(s);
    return status;
}

static void strangers_captures_are_refused_with_a_sentence(void **state) {
    static const struct {
        const char *json, *says;
    } bad[] = {
        {"", "not valid JSON"},
        {"[]", "\"accel_capture\" is not 1"},
        {"{\"accel_capture\": 2}", "\"accel_capture\" is not 1"},
        {"{\"accel_capture\": 1, \"files\": []}", "\"files\" is no object"},
        {"{\"accel_capture\": 1, \"files\": {\"/a\": 1}}", "\"files\" has a value of another type"},
        {"{\"accel_capture\": 1, \"files\": {\"/a\": \"x\\u0000y\"}}",
         "\"files\" has a value of another type"},
        {"{\"accel_capture\": 1, \"files\": {\"/a\\u0000b\": \"x\"}}", "a NUL in it"},
        {"{\"accel_capture\": 1, \"folders\": {\"/a\": \"x\"}}", "\"folders\" has a value of another type"},
        {"{\"accel_capture\": 1, \"folders\": {\"/a\": [1]}}", "a name that is no text"},
        {"{\"accel_capture\": 1, \"answers\": {\"hwloc\": \"{\"}}", "not valid JSON"},
        {"{\"accel_capture\": 1, \"answers\": {\"hwloc\": \"[]\"}}", "topology"},
        {"{\"accel_capture\": 1, \"answers\": {\"hwloc\": \"{\\\"cores\\\": -7}\"}}", "topology"},
        {"{\"accel_capture\": 1, \"answers\": {\"hwloc\": \"{\\\"kinds\\\":[],\\\"caches\\\":[{\\\"type\\\":\\\"data\\\",\\\"level\\\":99}],"
         "\\\"nodes\\\":[]}\"}}",
         "topology"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        accel_error err = {0};
        print_message("%s\n", bad[i].json);
        assert_int_not_equal(parsed(bad[i].json, &err), ACCEL_OK);
        assert_says(bad[i].says);
    }
}

static void limits_hold_on_both_sides(void **state) {
    accel_error err = {0};
    str_buf json = {0};
    (void)state;
    for (int more = 0; more < 2; more++) {
        str_free(&json);
        str_append(&json, "{\"accel_capture\": 1, \"files\": {\"/a\": \"");
        for (int i = 0; i < HW_FILE_BYTES + more; i++)
            str_append_char(&json, 'x');
        str_append(&json, "\"}}");
        assert_int_equal(parsed(str_text(&json), &err), more ? ACCEL_BAD_FILE : ACCEL_OK);
    }
    for (int more = 0; more < 2; more++) {
        str_free(&json);
        str_append(&json, "{\"accel_capture\": 1, \"folders\": {\"/sys/bus/pci/devices\": [");
        for (int i = 0; i < HW_FOLDER_NAMES + more; i++)
            str_append(&json, i > 0 ? ",\"x\"" : "\"x\"");
        str_append(&json, "]}}");
        assert_int_equal(parsed(str_text(&json), &err), more ? ACCEL_BAD_FILE : ACCEL_OK);
    }
    str_free(&json);
}

static void an_empty_capture_is_a_machine_of_which_nothing_is_known(void **state) {
    accel_error err = {0};
    (void)state;
    assert_ok(parsed("{\"accel_capture\": 1}", &err));
}

/* Every allocation fails once: a sentence, no crash, nothing lost (the sanitizer looks). */
static void when_memory_ends_anywhere(void **state) {
    const char *path = temp_path(state, "capture.json");
    accel_error err = {0};
    hw_source *s = NULL;
    assert_ok(hw_source_open(NULL, &s, &err));
    hw_report *r = NULL;
    assert_ok(hw_detect(s, NULL, &r, &err));
    assert_ok(hw_source_save(s, path, &err));
    hw_report_destroy(r);
    hw_source_close(s);
    for (uint64_t n = 1;; n++) {
        s = NULL;
        r = NULL;
        uint64_t hits = mem_fault_hits();
        mem_fault_set(n, false);
        accel_status status = hw_source_open_capture(path, &s, &err);
        if (status == ACCEL_OK)
            status = hw_detect(s, NULL, &r, &err);
        mem_fault_set(0, false);
        hw_report_destroy(r);
        hw_source_close(s);
        if (mem_fault_hits() == hits) {
            assert_int_equal(status, ACCEL_OK);
            assert_true(n > 10);
            return;
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(names_and_identifiers_are_taken_out),
        TEST(what_hardware_says_stays),
        TEST(the_same_identifier_becomes_the_same),
        TEST(this_machine_gathered_shows_the_same_machine),
        TEST(strangers_captures_are_refused_with_a_sentence),
        TEST(limits_hold_on_both_sides),
        TEST(an_empty_capture_is_a_machine_of_which_nothing_is_known),
        TEST(when_memory_ends_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
