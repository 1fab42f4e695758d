/* Writing: the old content or the new, whole, and nothing left over, whatever fails. */
#include "support/test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "support/temp_folder.h"

static void check_content(const char *path, const char *expected) {
    char *text;
    size_t length;
    accel_error err;
    assert_ok(file_read(path, 1 << 24, &text, &length, &err));
    assert_int_equal(length, strlen(expected));
    assert_string_equal(text, expected);
    mem_free(text);
}

static accel_status count_name(void *context, const char *name, accel_error *err) {
    (void)name;
    (void)err;
    ++*(int *)context;
    return ACCEL_OK;
}

static int files_in(void **state) {
    int count = 0;
    assert_int_equal(file_list(*state, count_name, &count, NULL), ACCEL_OK);
    return count;
}

static void replacing_writes_what_was_given(void **state) {
    accel_error err;
    const char *path = temp_path(state, "f");
    assert_ok(file_replace(path, "one", 3, &err));
    check_content(path, "one");
    assert_ok(file_replace(path, "other", 5, &err));
    check_content(path, "other");
    assert_ok(file_replace(path, NULL, 0, &err));
    check_content(path, "");
    assert_int_equal(files_in(state), 1);
}

static void replacing_needs_a_folder(void **state) {
    accel_error err;
    assert_int_equal(file_replace(temp_path(state, "none/f"), "x", 1, &err), ACCEL_NOT_FOUND);
    assert_says("none/f");
    assert_int_equal(file_replace(*state, "x", 1, &err), ACCEL_IO);
    assert_says("not a regular file");
}

static void a_device_is_not_renamed_over(void **state) {
    accel_error err;
    assert_int_equal(mkfifo(temp_path(state, "fifo"), 0600), 0);
    assert_int_equal(file_replace(temp_path(state, "fifo"), "x", 1, &err), ACCEL_IO);
    assert_int_equal(file_replace("/dev/null", "x", 1, &err), ACCEL_IO);
    struct stat info;
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

static void a_link_stays_a_link(void **state) {
    accel_error err;
    const char *file = temp_file(state, "file", "old");
    const char *path = temp_path(state, "link");
    assert_int_equal(symlink("file", path), 0);
    assert_ok(file_replace(path, "new", 3, &err));
    check_content(file, "new");
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(symlink("nowhere", temp_path(state, "dangling")), 0);
    assert_int_equal(file_replace(temp_path(state, "dangling"), "x", 1, &err), ACCEL_NOT_FOUND);
}

static void the_longest_name_can_be_written(void **state) {
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    accel_error err;
    assert_ok(file_replace(temp_path(state, name), "x", 1, &err));
    check_content(temp_path(state, name), "x");
}

static void a_writer_shows_nothing_before_its_commit(void **state) {
    accel_error err;
    const char *path = temp_path(state, "f");
    file_writer *w;
    assert_ok(file_writer_open(path, &w, &err));
    assert_ok(file_writer_write(w, "one ", 4, &err));
    assert_ok(file_writer_write(w, NULL, 0, &err));
    assert_ok(file_writer_write(w, "two", 3, &err));
    assert_int_equal(file_writer_offset(w), 7);
    assert_false(file_exists(path));
    assert_ok(file_writer_commit(w, &err));
    check_content(path, "one two");
    assert_int_equal(files_in(state), 1);
}

static void an_aborted_writer_leaves_nothing(void **state) {
    accel_error err;
    const char *path = temp_file(state, "f", "old");
    file_writer *w;
    assert_ok(file_writer_open(path, &w, &err));
    assert_ok(file_writer_write(w, "new", 3, &err));
    file_writer_abort(w);
    file_writer_abort(NULL);
    check_content(path, "old");
    assert_int_equal(files_in(state), 1);
}

static void pieces_of_every_size_come_out_in_order(void **state) {
    accel_error err;
    const char *path = temp_path(state, "f");
    static const size_t sizes[] = {1, 65535, 65536, 65537, 200000, 3, 0, 65536, 131072};
    str_buf expected = {0};
    file_writer *w;
    assert_ok(file_writer_open(path, &w, &err));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *piece = malloc(sizes[i] + 1);
        memset(piece, (int)('a' + i), sizes[i]);
        assert_ok(file_writer_write(w, piece, sizes[i], &err));
        str_append_bytes(&expected, piece, sizes[i]);
        free(piece);
    }
    assert_int_equal(file_writer_offset(w), expected.length);
    assert_ok(file_writer_commit(w, &err));
    check_content(path, expected.data);
    str_free(&expected);
}

static char large[150001]; /* more than the writer's buffer: several writes */

static accel_status replace_with_writer(const char *path, accel_error *err) {
    file_writer *w;
    ACCEL_TRY(file_writer_open(path, &w, err));
    for (int i = 0; i < 3; i++) {
        accel_status status = file_writer_write(w, large + 50000 * i, 50000, err);
        if (status != ACCEL_OK) {
            file_writer_abort(w);
            return status;
        }
    }
    return file_writer_commit(w, err);
}

static accel_status replace_at_once(const char *path, accel_error *err) {
    return file_replace(path, large, 150000, err);
}

/* Every system call of the way fails once: the file is old or new, there is no other file, and the caller knows. */
static void check_every_failure(void **state, accel_status (*replace)(const char *, accel_error *)) {
    memset(large, 'x', 150000);
    for (uint64_t n = 1;; n++) {
        const char *path = temp_file(state, "f", "old");
        accel_error err = {0};
        uint64_t before = file_io_count();
        file_fault_set(n, ENOSPC);
        accel_status status = replace(path, &err);
        file_fault_set(0, 0);
        bool reached = file_io_count() - before >= n;
        assert_int_equal(files_in(state), 1);
        char *text;
        size_t length;
        assert_int_equal(file_read(path, 1 << 20, &text, &length, NULL), ACCEL_OK);
        bool is_new = length == 150000 && text[0] == 'x';
        assert_true(is_new || strcmp(text, "old") == 0);
        assert_true(is_new || status != ACCEL_OK);
        mem_free(text);
        if (!reached) {
            assert_true(is_new && status == ACCEL_OK);
            assert_true(n > 6);
            break;
        }
    }
}

static void replacing_survives_the_failure_of_each_call(void **state) {
    check_every_failure(state, replace_at_once);
}

static void a_writer_survives_the_failure_of_each_call(void **state) {
    check_every_failure(state, replace_with_writer);
}

static void a_full_disk_is_a_sentence(void **state) {
    accel_error err = {0};
    const char *path = temp_path(state, "f");
    file_writer *w;
    memset(large, 'x', 150000);
    assert_ok(file_writer_open(path, &w, &err));
    file_fault_set(1, ENOSPC);
    assert_int_equal(file_writer_write(w, large, 150000, &err), ACCEL_IO);
    file_fault_set(0, 0);
    assert_says("No space left");
    assert_says(path);
    assert_int_equal(file_writer_write(w, "x", 1, &err), ACCEL_IO);
    assert_int_equal(file_writer_commit(w, &err), ACCEL_IO);
    assert_int_equal(files_in(state), 0);
}

static void replacing_survives_the_failure_of_each_allocation(void **state) {
    accel_status status = ACCEL_OUT_OF_MEMORY;
    for (uint64_t n = 1; status != ACCEL_OK; n++) {
        const char *path = temp_file(state, "f", "old");
        mem_fault_set(n, false);
        status = file_replace(path, "new", 3, NULL);
        mem_fault_set(0, false);
        assert_true(status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY);
        check_content(path, status == ACCEL_OK ? "new" : "old");
        assert_int_equal(files_in(state), 1);
        assert_true(n < 20);
    }
}

static void interrupted_writes_go_on(void **state) {
    memset(large, 'x', 150000);
    for (uint64_t n = 1; n < 12; n++) {
        accel_error err;
        const char *path = temp_path(state, "f");
        file_fault_set(n, EINTR);
        accel_status status = replace_at_once(path, &err);
        file_fault_set(0, 0);
        /* Closing is the exception: what a signal interrupted there may not be repeated. */
        assert_true(status == ACCEL_OK || strstr(err.message, "finish"));
        assert_true(status != ACCEL_OK || file_exists(path));
    }
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(replacing_writes_what_was_given),
        WITH_FOLDER(replacing_needs_a_folder),
        WITH_FOLDER(a_device_is_not_renamed_over),
        WITH_FOLDER(a_link_stays_a_link),
        WITH_FOLDER(the_longest_name_can_be_written),
        WITH_FOLDER(a_writer_shows_nothing_before_its_commit),
        WITH_FOLDER(an_aborted_writer_leaves_nothing),
        WITH_FOLDER(pieces_of_every_size_come_out_in_order),
        WITH_FOLDER(replacing_survives_the_failure_of_each_call),
        WITH_FOLDER(a_writer_survives_the_failure_of_each_call),
        WITH_FOLDER(a_full_disk_is_a_sentence),
        WITH_FOLDER(replacing_survives_the_failure_of_each_allocation),
        WITH_FOLDER(interrupted_writes_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
