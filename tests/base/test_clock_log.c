/* Time, and messages to a person. */
#include "support/test.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "support/temp_folder.h"

static void the_clock_never_runs_back(void **state) {
    (void)state;
    uint64_t last = clock_now_ns();
    for (int i = 0; i < 100000; i++) {
        uint64_t now = clock_now_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void sleeping_takes_at_least_the_time_asked(void **state) {
    (void)state;
    uint64_t start = clock_now_ns();
    clock_sleep_ns(5000000);
    assert_true(clock_now_ns() - start >= 4900000); /* two clocks: the raw one may run a little slower */
}

static void reading_the_clock_is_cheap_and_known(void **state) {
    (void)state;
    uint64_t overhead = clock_overhead_ns();
    assert_true(overhead < 100000);
    assert_int_equal(overhead, clock_overhead_ns());
    assert_true(strlen(clock_source()) > 0);
}

static void working_uses_cpu_time(void **state) {
    (void)state;
    uint64_t before = clock_process_cpu_ns();
    volatile uint64_t sum = 0;
    for (int i = 0; i < 3000000; i++) {
        sum = sum + 1;
    }
    assert_true(clock_process_cpu_ns() > before);
}

static void check_text(int64_t utc_us, const char *expected) {
    char text[CLOCK_UTC_TEXT_BYTES];
    assert_string_equal(clock_utc_text(utc_us, text), expected);
}

static void dates_are_right_at_every_edge(void **state) {
    (void)state;
    check_text(0, "1970-01-01T00:00:00.000000Z");
    check_text(-1, "1969-12-31T23:59:59.999999Z");
    check_text((int64_t)951782399 * 1000000 + 999999, "2000-02-28T23:59:59.999999Z");
    check_text((int64_t)951782400 * 1000000,
               "2000-02-29T00:00:00.000000Z"); /* a leap day in a century year */
    check_text((int64_t)951868800 * 1000000, "2000-03-01T00:00:00.000000Z");
    check_text((int64_t)4107542400 * 1000000, "2100-03-01T00:00:00.000000Z"); /* no leap day */
    check_text((int64_t)1795400000 * 1000000 + 123456, "2026-11-23T02:13:20.123456Z");
    check_text((int64_t)253402300799 * 1000000, "9999-12-31T23:59:59.000000Z");
}

static void the_present_is_after_this_was_written(void **state) {
    (void)state;
    assert_true(clock_utc_us() > (int64_t)1735689600 * 1000000); /* 2025 */
}

/* What log_message writes to stderr while `write_messages` runs. */
static void capture(void **state, void (*write_messages)(void), char *text, size_t size) {
    const char *path = temp_path(state, "stderr");
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    dup2(file, STDERR_FILENO);
    write_messages();
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t length = pread(file, text, size - 1, 0);
    close(file);
    text[length > 0 ? length : 0] = '\0';
}

static void write_at_warning(void) {
    log_set_level(LOG_WARNING);
    log_info("not shown");
    log_warning("disk %d%% full", 90);
    log_error("gone");
}

static void messages_up_to_the_level_are_shown(void **state) {
    char text[4096];
    capture(state, write_at_warning, text, sizeof text);
    assert_string_equal(text, "accel: warning: disk 90% full\naccel: error: gone\n");
}

static void write_a_long_one(void) {
    log_error("%03000d", 1);
}

static void a_long_message_is_cut_but_stays_a_line(void **state) {
    char text[8192];
    capture(state, write_a_long_one, text, sizeof text);
    size_t length = strlen(text);
    assert_in_range(length, 2000, 2048);
    assert_int_equal(text[length - 1], '\n');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_never_runs_back),
        cmocka_unit_test(sleeping_takes_at_least_the_time_asked),
        cmocka_unit_test(reading_the_clock_is_cheap_and_known),
        cmocka_unit_test(working_uses_cpu_time),
        cmocka_unit_test(dates_are_right_at_every_edge),
        cmocka_unit_test(the_present_is_after_this_was_written),
        cmocka_unit_test_setup_teardown(messages_up_to_the_level_are_shown, temp_folder_setup,
                                        temp_folder_teardown),
        cmocka_unit_test_setup_teardown(a_long_message_is_cut_but_stays_a_line, temp_folder_setup,
                                        temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
