/* Records that cannot go into the database wait beside it. */
#include "store/store_check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* A process that holds the database's lock as another writer would, until it is killed. */
static pid_t hold_lock(const char *path) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        int descriptor = open(path, O_RDWR);
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        char c = descriptor >= 0 && fcntl(descriptor, F_SETLK, &lock) == 0 ? 'y' : 'n';
        (void)!write(ready[1], &c, 1);
        for (;;)
            pause();
    }
    char c = 'n';
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(c, 'y');
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void release(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void a_locked_database_sends_records_to_the_spool(void **state) {
    const char *path = temp_path(state, "held.duckdb");
    accel_error err = {0};
    arena *a = arena_create();
    record r[] = {made_up(a, 1), made_up(a, 2), made_up(a, 3)};
    add_all(path, &r[0], 1);
    pid_t holder = hold_lock(path);
    store_writer *w = writer_of(path, 0.05);
    assert_ok(store_add(w, &r[1], &err));
    assert_ok(store_add(w, &r[2], &err));
    assert_ok(store_writer_close(w, true, &err));
    release(holder);
    /* The next reader already sees them, under the run that measured them. */
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_results"), "3");
    assert_string_equal(ask(path, "SELECT count(*) FROM test_runs"), "2");
    size_t taken = 9, left = 9;
    assert_ok(store_take_in(path, &taken, &left, &err));
    assert_int_equal(taken, 0);
    assert_int_equal(left, 0);
    arena_destroy(a);
}

static void reading_a_locked_database_is_a_sentence(void **state) {
    const char *path = temp_path(state, "busy.duckdb");
    accel_error err = {0};
    arena *a = arena_create();
    record r = made_up(a, 1);
    add_all(path, &r, 1);
    pid_t holder = hold_lock(path);
    size_t taken = 0;
    store_writer *w = writer_of(path, 0);
    r = made_up(a, 2);
    assert_ok(store_add(w, &r, &err));
    assert_int_equal(store_take_in(path, &taken, NULL, &err), ACCEL_BUSY);
    assert_says("in use by another process");
    release(holder);
    assert_ok(store_writer_close(w, true, &err));
    arena_destroy(a);
}

/* Spools record number 1 of a made-up run, and gives the file's text to be spoilt. */
static char *spooled_text(void **state, const char *path, char file[4096]) {
    accel_error err = {0};
    arena *a = arena_create();
    record r = made_up(a, 1), first = made_up(a, 0);
    add_all(path, &first, 1);
    pid_t holder = hold_lock(path);
    store_writer *w = writer_of(path, 0);
    assert_ok(store_add(w, &r, &err));
    assert_ok(store_writer_close(w, true, &err));
    release(holder);
    (void)state;
    snprintf(file, 4096, "%s.spool/%s.json", path, r.record_id);
    char *text = NULL;
    size_t length = 0;
    assert_ok(file_read(file, 1 << 20, &text, &length, &err));
    arena_destroy(a);
    return text;
}

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The text with `from` replaced once; freed with free(). */
static char *replaced(const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);
    assert_non_null(at);
    size_t size = strlen(text) + strlen(to) + 1;
    char *out = malloc(size);
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void spoilt_files_are_set_aside_and_the_rest_is_taken(void **state) {
    static const char *const spoilt[][2] = {
        {"\"status\":\"ok\"", "\"status\":\"fine\""},
        {"\"started_at\": \"2", "\"started_at\": \"infinity\", \"x\": \"2"},
        {"\"started_at\": \"2", "\"started_at\": \"9999-99-99T99:99:99Z\", \"x\": \"2"},
        {"\"uuid\": \"", "\"uuid\": 7, \"x\": \""},
        {"\"uuid\": \"", "\"uuid\": \"a\\u0000b\", \"x\": \""},
        {"\"run\"", "\"walk\""},
        {"\"batch\":1", "\"batch\":-1"},
        {"{", "["},
    };
    const char *path = temp_path(state, "spoilt.duckdb");
    char file[4096], name[4200];
    accel_error err = {0};
    char *text = spooled_text(state, path, file);
    size_t count = sizeof spoilt / sizeof *spoilt;
    for (size_t i = 0; i < count; i++) {
        char *bad = replaced(text, spoilt[i][0], spoilt[i][1]);
        snprintf(name, sizeof name, "%s.spool/-%c.json", path,
                 (int)('0' + i)); /* listed before the good one */
        write_text(name, bad);
        free(bad);
    }
    snprintf(name, sizeof name, "%s.spool/empty.json", path);
    write_text(name, "");
    size_t taken = 0, left = 9;
    assert_ok(store_take_in(path, &taken, &left, &err));
    assert_int_equal(taken, 1);
    assert_int_equal(left, 0);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s.spool/rejected/-%c.json", path, (int)('0' + i));
        if (!file_exists(name))
            fail_msg("%s was not set aside: %s", name, spoilt[i][1]);
    }
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_results"), "2");
    free(text);
}

static void what_is_no_file_does_not_stop_the_taking_in(void **state) {
    const char *path = temp_path(state, "odd.duckdb");
    char file[4096], name[4200];
    accel_error err = {0};
    free(spooled_text(state, path, file));
    snprintf(name, sizeof name, "%s.spool/0-folder.json", path);
    assert_int_equal(mkdir(name, 0755), 0);
    snprintf(name, sizeof name, "%s.spool/0-pipe.json", path);
    assert_int_equal(mkfifo(name, 0644), 0);
    snprintf(name, sizeof name, "%s.spool/0-nowhere.json", path);
    assert_int_equal(symlink("nowhere", name), 0);
    size_t taken = 0;
    assert_ok(store_take_in(path, &taken, NULL, &err));
    assert_int_equal(taken, 1);
}

static void a_spooled_record_is_taken_twice_without_harm(void **state) {
    const char *path = temp_path(state, "again.duckdb");
    char file[4096];
    accel_error err = {0};
    char *text = spooled_text(state, path, file);
    for (int i = 0; i < 2; i++) {
        write_text(file, text);
        assert_ok(store_take_in(path, NULL, NULL, &err));
    }
    assert_string_equal(ask(path, "SELECT count(*) FROM performance_results"), "2");
    free(text);
}

/* Every I/O call of the spool fails once: the addition says so, and nothing is half-written. */
static void a_failing_disk_acknowledges_nothing_that_is_not_there(void **state) {
    static const int numbers[] = {ENOSPC, EIO, EACCES};
    const char *path = temp_path(state, "disk.duckdb");
    accel_error err = {0};
    arena *a = arena_create();
    record r = made_up(a, 0);
    add_all(path, &r, 1);
    pid_t holder = hold_lock(path);
    store_writer *w = writer_of(path, 0);
    uint64_t before = file_io_count();
    r = made_up(a, 1);
    assert_ok(store_add(w, &r, &err));
    uint64_t calls = file_io_count() - before;
    unsigned acknowledged = 2, number = 2;
    for (uint64_t n = 1; n <= calls; n++) {
        r = made_up(a, number++);
        file_fault_set(n, numbers[n % 3]);
        accel_status status = store_add(w, &r, &err);
        file_fault_set(0, 0);
        acknowledged += status == ACCEL_OK;
    }
    assert_ok(store_writer_close(w, true, &err));
    release(holder);
    size_t left = 9;
    assert_ok(store_take_in(path, NULL, &left, &err));
    assert_int_equal(left, 0);
    char low[128];
    snprintf(low, sizeof low, "SELECT count(*) >= %u AND count(*) <= %u FROM performance_results",
             acknowledged, number);
    assert_string_equal(ask(path, low), "true"); /* one that failed after the rename may be there, too */
    char rejected[4200];
    snprintf(rejected, sizeof rejected, "%s.spool/rejected", path);
    assert_false(file_exists(rejected));
    arena_destroy(a);
}

int main(void) {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_locked_database_sends_records_to_the_spool),
        STORE_TEST(reading_a_locked_database_is_a_sentence),
        STORE_TEST(spoilt_files_are_set_aside_and_the_rest_is_taken),
        STORE_TEST(what_is_no_file_does_not_stop_the_taking_in),
        STORE_TEST(a_spooled_record_is_taken_twice_without_harm),
        STORE_TEST(a_failing_disk_acknowledges_nothing_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
