/* Programs that are no browser, and what dead processes left. ctest: timeout 300 */
#include "browsers/browser_check.h"

/* Scripts stand for browsers. They put down their mark and sleep longer than any test waits. */
#define WRITE_MARK "#!/bin/sh\necho \"$ACCEL_BROWSER\" > \"$0.mark\"\n"
#define LONG_SLEEP "sleep 98765"

static accel_status start_program(const char *program, double timeout_s, accel_error *err) {
    browser *b = NULL;
    const browser_options options = {.name = "chromium", .program = program, .timeout_s = timeout_s};
    accel_status status = browser_start(&options, &b, err);
    assert_null(b);
    return status;
}

static const char *script(void **state, const char *text) {
    const char *path = temp_file(state, "browser.sh", text);
    assert_int_equal(chmod(path, 0755), 0);
    return path;
}

/* What the script was marked with. */
static const char *script_mark(void **state) {
    static char mark[128];
    FILE *file = fopen(temp_path(state, "browser.sh.mark"), "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%127s", mark), 1);
    fclose(file);
    return mark;
}

static void assert_nothing_left(void **state) {
    const char *mark = script_mark(state);
    assert_int_equal(count_processes(0, mark), 0);
    assert_false(has_profile(mark));
}

static void unknown_names_get_a_suggestion(void **state) {
    accel_error err;
    browser_info info;
    arena *a = arena_create();
    (void)state;
    assert_int_equal(browser_find("cromium", a, &info, &err), ACCEL_NOT_FOUND);
    assert_says("did you mean \"chromium\"?");
    assert_int_equal(browser_find("lynx", a, &info, &err), ACCEL_NOT_FOUND);
    assert_says("chromium, firefox, webkit, chrome, edge");
    arena_destroy(a);
}

static void a_variable_names_the_program(void **state) {
    accel_error err;
    browser_info info;
    arena *a = arena_create();
    const char *path = script(state, "#!/bin/sh\necho Strange Browser 7.8.9 beta\n");
    setenv("ACCEL_CHROME", path, 1);
    assert_ok(browser_find("chrome", a, &info, &err));
    assert_true(info.available);
    assert_string_equal(info.program, path);
    assert_string_equal(info.version, "7.8.9");
    setenv("ACCEL_CHROME", "/no/such/browser", 1);
    assert_ok(browser_find("chrome", a, &info, &err));
    assert_false(info.available);
    assert_non_null(strstr(info.reason, "ACCEL_CHROME names /no/such/browser"));
    unsetenv("ACCEL_CHROME");
    arena_destroy(a);
}

static void an_absent_browser_says_what_to_install(void **state) {
    accel_error err;
    browser_info info;
    arena *a = arena_create();
    (void)state;
    assert_ok(browser_find("edge", a, &info, &err));
    if (info.available) {
        arena_destroy(a);
        skip();
    }
    assert_non_null(strstr(info.reason, "install microsoft-edge-stable"));
    assert_non_null(strstr(info.reason, "ACCEL_EDGE"));
    browser *b = NULL;
    const browser_options options = {.name = "edge"};
    assert_int_equal(browser_start(&options, &b, &err), ACCEL_ABSENT);
    assert_says("Microsoft Edge is not installed");
    arena_destroy(a);
}

static void a_missing_program_is_named(void **state) {
    accel_error err;
    (void)state;
    assert_int_equal(start_program("/no/such/program", 5, &err), ACCEL_NOT_FOUND);
    assert_says("/no/such/program");
}

static void a_program_that_ends_at_once_is_told(void **state) {
    accel_error err;
    assert_int_equal(start_program("/bin/false", 5, &err), ACCEL_RUNTIME);
    assert_says("Chromium ended with exit code 1");
    const char *path = script(state, "#!/bin/sh\necho 'no libfoo.so here' >&2\nexit 3\n");
    assert_int_equal(start_program(path, 5, &err), ACCEL_RUNTIME);
    assert_says("Chromium ended with exit code 3 (\"no libfoo.so here\")");
}

static void a_program_that_hangs_is_ended(void **state) {
    accel_error err;
    const char *path = script(state, WRITE_MARK "exec " LONG_SLEEP "\n");
    assert_int_equal(start_program(path, 1, &err), ACCEL_TIMEOUT);
    assert_says("did not answer");
    assert_nothing_left(state);
}

static void one_that_never_answers_is_started_once_more(void **state) {
    accel_error err;
    const char *path =
        script(state, "#!/bin/sh\n[ -e \"$0.tried\" ] && exit 4\ntouch \"$0.tried\"\nexec " LONG_SLEEP "\n");
    assert_int_equal(start_program(path, 6, &err), ACCEL_RUNTIME);
    assert_says("ended with exit code 4");
}

static void children_that_left_the_group_are_ended(void **state) {
    accel_error err;
    const char *path =
        script(state, WRITE_MARK "setsid sh -c 'setsid " LONG_SLEEP " &' &\nexec " LONG_SLEEP "\n");
    assert_int_equal(start_program(path, 1, &err), ACCEL_TIMEOUT);
    assert_nothing_left(state);
}

static void one_without_group_mark_and_parent_is_ended(void **state) {
    accel_error err;
    char text[512];
    pid_t hidden = 0;
    snprintf(text, sizeof text,
             WRITE_MARK "setsid env -i sh -c '" LONG_SLEEP " & echo $! > %s.hidden' &\nexec " LONG_SLEEP "\n",
             temp_path(state, "browser.sh"));
    assert_int_equal(start_program(script(state, text), 1, &err), ACCEL_TIMEOUT);
    FILE *file = fopen(temp_path(state, "browser.sh.hidden"), "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &hidden), 1);
    fclose(file);
    assert_true(hidden > 0);
    assert_int_equal(kill(hidden, 0), -1);
    assert_nothing_left(state);
}

static void one_that_is_killed_has_crashed(void **state) {
    accel_error err;
    const char *path = script(state, WRITE_MARK "echo 'no more' >&2\nkill -9 $$\n");
    assert_int_equal(start_program(path, 5, &err), ACCEL_CRASHED);
    assert_says("Chromium was ended by SIGKILL (\"no more\")");
    assert_nothing_left(state);
}

/* What watches it is its parent. */
static void one_whose_supervisor_is_killed_has_crashed(void **state) {
    accel_error err;
    const char *path =
        script(state, WRITE_MARK "(" LONG_SLEEP ") &\nsleep 0.3\nkill -9 $PPID\nexec " LONG_SLEEP "\n");
    assert_int_equal(start_program(path, 5, &err), ACCEL_CRASHED);
    assert_says("Chromium was ended together with the process that watched it");
    assert_nothing_left(state);
}

static void one_whose_supervisor_is_killed_at_once_has_crashed(void **state) {
    accel_error err;
    const char *path = script(state, WRITE_MARK "(" LONG_SLEEP ") &\nkill -9 $PPID\nexec " LONG_SLEEP "\n");
    assert_int_equal(start_program(path, 5, &err), ACCEL_CRASHED);
    assert_says("together with the process that watched it");
    assert_nothing_left(state);
}

static void one_that_ignores_sigterm_is_killed(void **state) {
    accel_error err;
    const char *path = script(state, WRITE_MARK "trap '' TERM\nwhile true; do " LONG_SLEEP "; done\n");
    assert_int_equal(start_program(path, 1, &err), ACCEL_TIMEOUT);
    assert_nothing_left(state);
}

static void nonsense_on_the_line_does_no_harm(void **state) {
    accel_error err;
    const char *path = script(
        state,
        "#!/bin/sh\nprintf 'nonsense\\0{\"id\":1}\\0[1]\\0{\"method\":5,\"id\":\"x\"}\\0' >&4\nexec " LONG_SLEEP
        "\n");
    assert_int_equal(start_program(path, 5, &err), ACCEL_RUNTIME);
    assert_says("refused Browser.getVersion");
}

static void words_without_end_do_not_fill_the_pipe(void **state) {
    accel_error err;
    const char *path = script(state, "#!/bin/sh\nyes 'too many words' | head -c 3000000 >&2\nexit 4\n");
    assert_int_equal(start_program(path, 20, &err), ACCEL_RUNTIME);
    assert_says("Chromium ended with exit code 4 (\"too many words");
}

/* ---- leftovers ---------------------------------------------------------------------------------------------------------- */

static void what_a_dead_process_left_running_is_ended_at_the_next_start(void **state) {
    accel_error err;
    char command[512], mark[64];
    const char *path = script(state, "#!/bin/sh\nexit 0\n");
    snprintf(mark, sizeof mark, "accel-browser-left%d", (int)getpid());
    snprintf(command, sizeof command,
             "cd \"$TMPDIR\" && mkdir %s && ACCEL_BROWSER=%s setsid " LONG_SLEEP " > /dev/null 2>&1 &", mark,
             mark);
    assert_int_equal(system(command), 0);
    for (int i = 0; i < 100 && count_processes(0, mark) == 0; i++)
        clock_sleep_ns(20000000);
    assert_int_not_equal(count_processes(0, mark), 0);
    assert_int_not_equal(start_program(path, 5, &err), ACCEL_OK);
    assert_int_equal(count_processes(0, mark), 0);
    assert_false(has_profile(mark));
}

static void profiles_of_living_processes_stay(void **state) {
    accel_error err;
    (void)state;
    if (!is_installed("chromium"))
        skip();
    browser *b = start_browser("chromium", BLANK_PAGE);
    assert_int_not_equal(start_program("/bin/false", 5, &err), ACCEL_OK);
    assert_true(has_profile(mark_of(browser_pid(b))));
    assert_evaluates(b, "1 + 1", "2");
    browser_stop(b);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names_get_a_suggestion),
        IN_FOLDER(a_variable_names_the_program),
        cmocka_unit_test(an_absent_browser_says_what_to_install),
        cmocka_unit_test(a_missing_program_is_named),
        IN_FOLDER(a_program_that_ends_at_once_is_told),
        IN_FOLDER(a_program_that_hangs_is_ended),
        IN_FOLDER(one_that_never_answers_is_started_once_more),
        IN_FOLDER(children_that_left_the_group_are_ended),
        IN_FOLDER(one_without_group_mark_and_parent_is_ended),
        IN_FOLDER(one_that_is_killed_has_crashed),
        IN_FOLDER(one_whose_supervisor_is_killed_has_crashed),
        IN_FOLDER(one_whose_supervisor_is_killed_at_once_has_crashed),
        IN_FOLDER(one_that_ignores_sigterm_is_killed),
        IN_FOLDER(nonsense_on_the_line_does_no_harm),
        IN_FOLDER(words_without_end_do_not_fill_the_pipe),
        WITH_OWN_PROFILES(what_a_dead_process_left_running_is_ended_at_the_next_start),
        cmocka_unit_test(profiles_of_living_processes_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
