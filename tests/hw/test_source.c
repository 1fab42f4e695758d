/* Reading files that are strange, and remembering. */
#include "hw/hw_check.h"

#include <sys/stat.h>

static hw_source *opened(const char *root) {
    accel_error err = {0};
    hw_source *s = NULL;
    assert_ok(hw_source_open(root, &s, &err));
    return s;
}

static void text_without_the_end_of_its_line(void **state) {
    put(state, "/a", "text  \n\n");
    put(state, "/number", "  42 kB\n");
    put(state, "/hexadecimal", "0x10de\n");
    put(state, "/negative", "-1\n");
    put(state, "/word", "max\n");
    put(state, "/too_large", "99999999999999999999\n");
    hw_source *s = opened(*state);
    assert_string_equal(hw_read(s, "/a"), "text");
    assert_int_equal(hw_read_number(s, "/number"), 42);
    assert_int_equal(hw_read_number(s, "/hexadecimal"), 0x10de);
    assert_int_equal(hw_read_number(s, "/negative"), HW_UNKNOWN);
    assert_int_equal(hw_read_number(s, "/word"), HW_UNKNOWN);
    assert_int_equal(hw_read_number(s, "/too_large"), HW_UNKNOWN);
    assert_int_equal(hw_read_number(s, "/absent"), HW_UNKNOWN);
    hw_source_close(s);
}

static void what_is_no_text_is_not_there(void **state) {
    put(state, "/empty", "");
    put(state, "/blank", " \n");
    put(state, "/binary", "\x01\x02\x03\n");
    put(state, "/latin", "caf\xe9\n");
    assert_int_equal(mkfifo(temp_path(state, "pipe"), 0600), 0);
    assert_int_equal(mkdir(temp_path(state, "folder"), 0700), 0);
    hw_source *s = opened(*state);
    static const char *const paths[] = {"/empty", "/blank",  "/binary", "/latin",
                                        "/pipe",  "/folder", "/absent", "/absent/below"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (hw_read(s, paths[i])) {
            fail_msg("%s gives \"%s\"", paths[i], hw_read(s, paths[i]));
        }
    hw_source_close(s);
}

static void the_nul_of_a_device_tree_is_cut_and_one_inside_is_binary(void **state) {
    FILE *f = fopen(temp_path(state, "model"), "wb");
    assert_non_null(f);
    fwrite("A board\0", 1, 8, f);
    fclose(f);
    f = fopen(temp_path(state, "two"), "wb");
    assert_non_null(f);
    fwrite("one\0two\0", 1, 8, f);
    fclose(f);
    hw_source *s = opened(*state);
    assert_string_equal(hw_read(s, "/model"), "A board");
    assert_null(hw_read(s, "/two"));
    hw_source_close(s);
}

static void a_huge_file_gives_the_whole_lines_that_fit(void **state) {
    FILE *f = fopen(temp_path(state, "huge"), "wb");
    assert_non_null(f);
    for (int i = 0; i < 100000; i++)
        fprintf(f, "line %07d\n", i);
    fclose(f);
    f = fopen(temp_path(state, "one_line"), "wb");
    assert_non_null(f);
    for (int i = 0; i < HW_FILE_BYTES + 1; i++)
        fputc('x', f);
    fclose(f);
    hw_source *s = opened(*state);
    const char *text = hw_read(s, "/huge");
    assert_non_null(text);
    assert_in_range(strlen(text), HW_FILE_BYTES - 64, HW_FILE_BYTES);
    assert_int_equal(strlen(strrchr(text, '\n') + 1), strlen("line 0000000"));
    assert_null(hw_read(s, "/one_line"));
    hw_source_close(s);
}

static void only_the_lines_with_a_word(void **state) {
    put(state, "/mounts",
        "tmpfs /srv/alice tmpfs rw\ncgroup2 /sys/fs/cgroup cgroup2 rw\nserver:/x /y nfs rw");
    hw_source *s = opened(*state);
    assert_string_equal(hw_read_lines(s, "/mounts", "cgroup"), "cgroup2 /sys/fs/cgroup cgroup2 rw");
    hw_source_close(s);
}

static void a_file_that_vanishes_is_as_it_was_read(void **state) {
    put(state, "/proc/x", "1\n");
    hw_source *s = opened(*state);
    assert_int_equal(hw_read_number(s, "/proc/x"), 1);
    assert_int_equal(unlink(temp_path(state, "proc/x")), 0);
    assert_int_equal(hw_read_number(s, "/proc/x"), 1);
    hw_source_close(s);
}

/* Each I/O call fails once: the file or the folder is absent then, and nothing stays open. */
static void every_read_that_fails_is_an_absent_file(void **state) {
    put(state, "/a", "1\n");
    put(state, "/folder/b", "");
    int absent = 0, lowest = dup(0);
    assert_true(lowest >= 0);
    close(lowest);
    for (uint64_t n = 1;; n++) {
        hw_source *s = opened(*state);
        uint64_t before = file_io_count();
        file_fault_set(n, 5);
        const char *text = hw_read(s, "/a");
        const char *const *names = hw_list(s, "/folder");
        file_fault_set(0, 0);
        bool all = text && names && names[0];
        absent += !all;
        assert_true(!text || strcmp(text, "1") == 0);
        hw_source_close(s);
        int again = dup(0);
        assert_int_equal(again, lowest);
        close(again);
        if (n > file_io_count() - before) {
            assert_true(all);
            assert_true(absent >= 4); /* open, fstat, read, read; open, … */
            return;
        }
    }
}

static void folders_are_sorted_and_links_name_their_target(void **state) {
    put(state, "/bus/b", "");
    put(state, "/bus/a", "");
    put_link(state, "/bus/driver", "../../drivers/nvidia");
    put_link(state, "/bus/nothing", "nowhere");
    hw_source *s = opened(*state);
    const char *const *names = hw_list(s, "/bus");
    assert_non_null(names);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_string_equal(names[2], "driver");
    assert_string_equal(names[3], "nothing");
    assert_null(names[4]);
    assert_null(hw_list(s, "/absent"));
    assert_null(hw_list(s, "/bus/a"));
    assert_string_equal(hw_link(s, "/bus/driver"), "nvidia");
    assert_null(hw_link(s, "/bus/a"));
    assert_true(hw_exists(s, "/bus/a"));
    assert_false(hw_exists(s, "/bus/nothing"));
    hw_source_close(s);
}

/* A folder from a stranger must not make us read this machine's files. */
static void links_do_not_lead_out_of_the_folder(void **state) {
    put(state, "/inside/passwd", "inside");
    put_link(state, "/absolute", "/inside/passwd");
    put_link(state, "/up", "../../../../../../../../etc/passwd");
    hw_source *s = opened(*state);
    assert_string_equal(hw_read(s, "/absolute"), "inside");
    assert_null(hw_read(s, "/up"));
    assert_null(hw_read(s, "/../../../../../../../etc/passwd"));
    hw_source_close(s);
}

static void other_machines_have_no_variables(void **state) {
    setenv("CUDA_VISIBLE_DEVICES", "0", 1);
    hw_source *s = opened(*state);
    assert_null(hw_variable_value(s, "CUDA_VISIBLE_DEVICES"));
    hw_source_close(s);
    s = opened(NULL);
    assert_string_equal(hw_variable_value(s, "CUDA_VISIBLE_DEVICES"), "0");
    hw_source_close(s);
    unsetenv("CUDA_VISIBLE_DEVICES");
}

static void a_root_that_is_no_folder_is_named(void **state) {
    accel_error err = {0};
    hw_source *s = NULL;
    (void)state;
    assert_int_equal(hw_source_open("/nowhere/at/all", &s, &err), ACCEL_IO);
    assert_says("/nowhere/at/all");
    assert_null(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(text_without_the_end_of_its_line),
        TEST(what_is_no_text_is_not_there),
        TEST(the_nul_of_a_device_tree_is_cut_and_one_inside_is_binary),
        TEST(a_huge_file_gives_the_whole_lines_that_fit),
        TEST(only_the_lines_with_a_word),
        TEST(a_file_that_vanishes_is_as_it_was_read),
        TEST(every_read_that_fails_is_an_absent_file),
        TEST(folders_are_sorted_and_links_name_their_target),
        TEST(links_do_not_lead_out_of_the_folder),
        TEST(other_machines_have_no_variables),
        TEST(a_root_that_is_no_folder_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
