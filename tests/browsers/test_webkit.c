/* ctest: timeout 500 */
#define KIND          "webkit"
#define LEAST_VERSION 2
#define PAGE_COMMAND  "WebKitWebProcess"
#define LEADER        "WebKitWebDriver"
#define PAGE_GONE     "the page's process"
#include "browsers/every_browser.h"

static void kill_process(browser *b, const char *name) {
    pid_t pid = 0;
    assert_int_not_equal(count_commands(name, browser_pid(b), &pid), 0);
    kill(pid, SIGKILL);
}

static void a_killed_window_is_told(void **state) {
    kill_process(*state, "MiniBrowser --automation");
    assert_becomes(*state, BROWSER_ENDED, "MiniBrowser, has ended");
}

static void a_dialog_gives_no_wrong_result(void **state) {
    accel_error err;
    str_buf json = {0};
    assert_int_equal(browser_evaluate(*state, "(alert('stop!'), 5)", 20, &json, &err), ACCEL_RUNTIME);
    assert_says("the page showed a dialog");
    assert_evaluates(*state, "6", "6");
}

static void a_phone_s_size_is_refused(void **state) {
    accel_error err;
    assert_int_equal(browser_screenshot(*state, 100, 844, "/nowhere/page.png", &err), ACCEL_UNSUPPORTED);
    assert_says("cannot show a page of 100 × 844 pixels");
}

static void a_display_killed_while_it_starts_is_a_crash(void **state) {
    assert_its_end_is_a_crash(state, "Xvfb", ""); /* told as its own end or as the window's */
}

static void a_window_killed_while_it_starts_has_crashed(void **state) {
    assert_its_end_is_a_crash(state, "MiniBrowser", "MiniBrowser, has ended");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EVERY_BROWSER_TESTS,
        WITH_BROWSER(a_killed_window_is_told),
        WITH_BROWSER(a_dialog_gives_no_wrong_result),
        WITH_BROWSER(a_phone_s_size_is_refused),
        WITH_OWN_PROFILES(a_display_killed_while_it_starts_is_a_crash),
        WITH_OWN_PROFILES(a_window_killed_while_it_starts_has_crashed),
    };
    return is_installed(KIND) ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
