/* Libraries that answer, print, crash, hang, fork and lie, each asked in a process of its own: this program, called again. */
#include "hw/hw_check.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"

/* ---- the libraries ------------------------------------------------------------------------------------------------------ */

static void wait_for_ever(void) {
    for (;;)
        pause();
}

static accel_status one_device(hw_report *r) {
    hw_device *d = hw_report_device(r, "0000:01:00.0");
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->kind = HW_GPU;
    d->state = HW_USABLE;
    d->reason = NULL;
    d->probe = "fake";
    d->name = "Fake 9000";
    d->memory_bytes = 1 << 20;
    return hw_report_fact(r, d, "ecc", "on");
}

static accel_status answers(hw_report *r, accel_error *err) {
    (void)err;
    return one_device(r);
}

static accel_status prints(hw_report *r, accel_error *err) {
    (void)err;
    printf("{\"devices\": spoiled}\n");
    fprintf(stderr, "warning\n");
    fflush(stdout);
    return one_device(r);
}

static accel_status crashes(hw_report *r, accel_error *err) {
    (void)r;
    (void)err;
    signal(SIGSEGV, SIG_DFL); /* sanitizers have a handler */
    raise(SIGSEGV);
    return ACCEL_OK;
}

static accel_status hangs(hw_report *r, accel_error *err) {
    (void)r;
    (void)err;
    wait_for_ever();
    return ACCEL_OK;
}

static accel_status exits(hw_report *r, accel_error *err) {
    (void)r;
    (void)err;
    _exit(7);
}

static accel_status fails(hw_report *r, accel_error *err) {
    (void)r;
    return error_set(err, ACCEL_RUNTIME, "the driver is older than the library");
}

/* A daemon in a session of its own that outlives its parent and keeps the pipe. */
static accel_status forks(hw_report *r, accel_error *err) {
    (void)err;
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child != 0)
            continue;
        setsid();
        if (fork() != 0)
            _exit(0);
        wait_for_ever();
    }
    return one_device(r);
}

static accel_status forks_and_hangs(hw_report *r, accel_error *err) {
    ACCEL_TRY(forks(r, err));
    wait_for_ever();
    return ACCEL_OK;
}

static accel_status babbles(hw_report *r, accel_error *err) {
    static const char junk[] = "{\"devices\":[{\"kind\":\"gpu\",\"state\":\"wonderful\"}]}";
    (void)r;
    (void)err;
    ssize_t n = write(3, junk, sizeof junk);
    _exit(n < 0);
}

static accel_status floods(hw_report *r, accel_error *err) {
    static char junk[1 << 16];
    (void)r;
    (void)err;
    memset(junk, 'x', sizeof junk);
    for (;;)
        if (write(3, junk, sizeof junk) < 0)
            _exit(1);
}

static accel_status closes_all(hw_report *r, accel_error *err) {
    (void)r;
    (void)err;
    for (int descriptor = 0; descriptor < 64; descriptor++)
        close(descriptor);
    wait_for_ever();
    return ACCEL_OK;
}

static accel_status nothing(hw_source *s, const hw_options *o, hw_report *r, accel_error *err) {
    (void)s;
    (void)o;
    (void)r;
    (void)err;
    return ACCEL_OK;
}

#define PROBE(name)                                                                                          \
    static const hw_question question_##name = {#name, NULL, name, false};                                   \
    static const hw_question *const questions_##name[] = {&question_##name, NULL};                           \
    static const hw_probe probe_##name = {#name, 1, "", nothing, questions_##name}
PROBE(answers);
PROBE(prints);
PROBE(crashes);
PROBE(hangs);
PROBE(exits);
PROBE(fails);
PROBE(forks);
PROBE(forks_and_hangs);
PROBE(babbles);
PROBE(floods);
PROBE(closes_all);
static const hw_probe *const probes[] = {
    &probe_answers, &probe_prints,          &probe_crashes, &probe_hangs,  &probe_exits,     &probe_fails,
    &probe_forks,   &probe_forks_and_hangs, &probe_babbles, &probe_floods, &probe_closes_all};
enum { PROBES = sizeof probes / sizeof *probes };

/* ---- asking --------------------------------------------------------------------------------------------------------------- */

static hw_report *asked(const hw_probe *probe, double timeout_s) {
    accel_error err = {0};
    hw_source *s = NULL;
    hw_report *r = hw_report_create();
    hw_options options = {.all = true, .timeout_s = timeout_s};
    assert_non_null(r);
    assert_ok(hw_source_open(NULL, &s, &err));
    assert_ok(hw_ask(s, probe, &options, r, &err));
    hw_source_close(s);
    return r;
}

static void expect_finding(const hw_probe *probe, double timeout_s, const char *words) {
    hw_report *r = asked(probe, timeout_s);
    assert_int_equal(r->device_count, 0);
    assert_int_equal(r->evidence_count, 1);
    assert_string_equal(r->evidence[0].probe, probe->name);
    assert_false(r->evidence[0].found);
    if (!strstr(r->evidence[0].finding, words)) {
        fail_msg("\"%s\" does not say \"%s\"", r->evidence[0].finding, words);
    }
    hw_report_destroy(r);
}

static void expect_device(const hw_probe *probe) {
    hw_report *r = asked(probe, 10);
    assert_int_equal(r->device_count, 1);
    assert_string_equal(r->devices[0].name, "Fake 9000");
    assert_string_equal(r->devices[0].pci, "0000:01:00.0");
    assert_int_equal(r->devices[0].state, HW_USABLE);
    assert_int_equal(r->devices[0].memory_bytes, 1 << 20);
    assert_int_equal(r->devices[0].max_mhz, HW_UNKNOWN);
    assert_string_equal(r->devices[0].facts[0].value, "on");
    hw_report_destroy(r);
}

static void an_answer_is_joined_whatever_else_is_printed(void **state) {
    (void)state;
    expect_device(&probe_answers);
    expect_device(&probe_prints);
}

static void a_failure_is_a_line_of_evidence(void **state) {
    (void)state;
    expect_finding(&probe_crashes, 10, "crashed with SIGSEGV");
    expect_finding(&probe_exits, 10, "exit code 7 and without an answer");
    expect_finding(&probe_fails, 10, "the driver is older than the library");
    expect_finding(&probe_babbles, 10, "cannot be read");
    expect_finding(&probe_floods, 10, "gave no answer that can be read");
}

static void a_library_that_hangs_is_ended_in_time(void **state) {
    (void)state;
    uint64_t begin = clock_now_ns();
    expect_finding(&probe_hangs, 0.3, "did not answer within 0.3 s");
    expect_finding(&probe_closes_all, 0.3, "did not answer within 0.3 s");
    assert_true(clock_now_ns() - begin < UINT64_C(4000000000));
}

static volatile sig_atomic_t cancelled;

static void on_alarm(int signal_number) {
    (void)signal_number;
    cancelled = 1;
}

static void who_asks_may_cancel(void **state) {
    accel_error err = {0};
    hw_source *s = NULL;
    hw_report *r = hw_report_create();
    hw_options options = {.all = true, .timeout_s = 60, .cancel = &cancelled};
    (void)state;
    signal(SIGALRM, on_alarm);
    alarm(1);
    assert_ok(hw_source_open(NULL, &s, &err));
    assert_int_equal(hw_ask(s, &probe_hangs, &options, r, &err), ACCEL_CANCELLED);
    assert_says("cancelled while hangs's library was asked");
    hw_source_close(s);
    hw_report_destroy(r);
}

static void a_program_that_cannot_be_started_is_told(void **state) {
    accel_error err = {0};
    hw_source *s = NULL;
    hw_report *r = hw_report_create();
    hw_options options = {.all = true, .program = "/nowhere"};
    (void)state;
    assert_ok(hw_source_open(NULL, &s, &err));
    assert_ok(hw_ask(s, &probe_answers, &options, r, &err));
    assert_non_null(evidence_of(r, "answers", "cannot start a process"));
    hw_source_close(s);
    hw_report_destroy(r);
}

static void a_later_answer_completes_the_device_that_is_there(void **state) {
    accel_error err = {0};
    hw_source *s = NULL;
    hw_report *r = hw_report_create();
    hw_options options = {.all = true, .timeout_s = 10};
    (void)state;
    hw_device *d = hw_report_device(r, "0000:01:00.0");
    d->driver = "fake_driver";
    d->state = HW_NOT_PROBED;
    d->reason = "not asked";
    assert_ok(hw_source_open(NULL, &s, &err));
    assert_ok(hw_ask(s, &probe_answers, &options, r, &err));
    assert_int_equal(r->device_count, 1);
    assert_string_equal(r->devices[0].driver, "fake_driver");
    assert_string_equal(r->devices[0].name, "Fake 9000");
    assert_int_equal(r->devices[0].state, HW_USABLE);
    assert_null(r->devices[0].reason);
    hw_source_close(s);
    hw_report_destroy(r);
}

static void a_capture_has_the_answer(void **state) {
    accel_error err = {0};
    hw_source *s = NULL;
    hw_report *r = hw_report_create();
    hw_options options = {.all = true, .timeout_s = 10};
    const char *path = temp_path(state, "capture.json");
    assert_ok(hw_source_open(NULL, &s, &err));
    assert_ok(hw_ask(s, &probe_answers, &options, r, &err));
    assert_ok(hw_source_save(s, path, &err));
    hw_source_close(s);
    hw_report_destroy(r);
    r = hw_report_create();
    assert_ok(hw_source_open_capture(path, &s, &err));
    options.program = "/nowhere";
    assert_ok(hw_ask(s, &probe_answers, &options, r, &err));
    assert_int_equal(r->device_count, 1);
    assert_string_equal(r->devices[0].name, "Fake 9000");
    hw_source_close(s);
    hw_report_destroy(r);
}

/* ---- nothing is left over -------------------------------------------------------------------------------------------------- */

static size_t entries_of(const char *folder) {
    size_t count = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    while (readdir(d))
        count++;
    closedir(d);
    return count;
}

/* Processes that run this program, this one left out: what a library forked keeps its program. */
static size_t others_of_us(void) {
    char own[4096], path[300], program[4096];
    size_t count = 0;
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    assert_true(length > 0);
    own[length] = '\0';
    DIR *d = opendir("/proc");
    for (struct dirent *e; (e = readdir(d));) {
        if (atoi(e->d_name) <= 0 || atoi(e->d_name) == (int)getpid())
            continue;
        snprintf(path, sizeof path, "/proc/%s/exe", e->d_name);
        length = readlink(path, program, sizeof program - 1);
        program[length > 0 ? length : 0] = '\0';
        count += strcmp(program, own) == 0;
    }
    closedir(d);
    return count;
}

static void daemons_of_a_library_are_ended(void **state) {
    (void)state;
    expect_device(&probe_forks);
    assert_int_equal(others_of_us(), 0);
    expect_finding(&probe_forks_and_hangs, 0.5, "did not answer within");
    assert_int_equal(others_of_us(), 0);
}

static void nothing_is_left_over(void **state) {
    (void)state;
    size_t descriptors = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    for (size_t i = 0; i < PROBES; i++)
        hw_report_destroy(asked(probes[i], 0.3));
    assert_int_equal(entries_of("/proc/self/fd"), descriptors);
    assert_int_equal(entries_of("/proc/self/task"), threads);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(others_of_us(), 0);
}

/* A report's text without what changes by itself: memory that is free, and nodes' memory, which a virtual machine plugs as it needs it. */
static str_buf lasting_text(void) {
    hw_report *r = detect_in(NULL);
    str_buf out = {0};
    assert_true(r->cpu.node_count == 0 || r->memory.installed_bytes > 0);
    r->memory.available_bytes = r->allowance.usable_bytes = r->memory.installed_bytes = 0;
    r->cpu.node_count = 0;
    hw_report_write_json(r, &out);
    hw_report_destroy(r);
    return out;
}

static void a_thousand_times_the_same_and_nothing_left(void **state) {
    (void)state;
    str_buf first = lasting_text();
    size_t descriptors = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    for (int i = 0; i < 1000; i++) {
        str_buf again = lasting_text();
        assert_string_equal(str_text(&first), str_text(&again));
        str_free(&again);
    }
    assert_int_equal(entries_of("/proc/self/fd"), descriptors);
    assert_int_equal(entries_of("/proc/self/task"), threads);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    str_free(&first);
}

static void the_table_is_in_order_and_its_names_are_unique(void **state) {
    (void)state;
    assert_true(hw_probe_count() > 0);
    assert_null(hw_probe_at(hw_probe_count()));
    for (size_t i = 0; i < hw_probe_count(); i++) {
        assert_non_null(hw_probe_at(i)->run);
        for (size_t k = 0; k < i; k++) {
            assert_true(hw_probe_at(k)->priority <= hw_probe_at(i)->priority);
            assert_string_not_equal(hw_probe_at(k)->name, hw_probe_at(i)->name);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], HW_CHILD_ARGUMENT) == 0)
        return hw_child_main(probes, PROBES, argv[2]);
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_joined_whatever_else_is_printed),
        TEST(a_failure_is_a_line_of_evidence),
        TEST(a_library_that_hangs_is_ended_in_time),
        TEST(who_asks_may_cancel),
        TEST(a_program_that_cannot_be_started_is_told),
        TEST(a_later_answer_completes_the_device_that_is_there),
        TEST(a_capture_has_the_answer),
        TEST(daemons_of_a_library_are_ended),
        TEST(nothing_is_left_over),
        TEST(a_thousand_times_the_same_and_nothing_left),
        TEST(the_table_is_in_order_and_its_names_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
