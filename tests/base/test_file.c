/* Files: mapping, confined opening, reading, folders. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "support/temp_folder.h"

/* --- mapping --- */

static void a_file_is_mapped_whole(void **state) {
    file_map map;
    accel_error err;
    assert_ok(file_map_open(temp_file(state, "f", "content"), &map, &err));
    assert_int_equal(map.size_bytes, 7);
    assert_memory_equal(map.bytes, "content", 7);
    file_map_close(&map);
    assert_true(map.bytes == NULL && map.size_bytes == 0 && map.handle == NULL);
    file_map_close(&map);
}

static void an_empty_file_maps_to_a_valid_pointer(void **state) {
    file_map map;
    accel_error err;
    assert_ok(file_map_open(temp_file(state, "f", ""), &map, &err));
    assert_int_equal(map.size_bytes, 0);
    assert_non_null(map.bytes);
    file_map_release_pages(&map, map.bytes, 0);
    file_map_close(&map);
}

static void what_is_no_regular_file_is_not_mapped(void **state) {
    file_map map;
    accel_error err;
    assert_int_equal(mkfifo(temp_path(state, "fifo"), 0600), 0);
    assert_int_equal(file_map_open(temp_path(state, "fifo"), &map, &err), ACCEL_IO);
    assert_says("not a regular file");
    assert_int_equal(file_map_open(*state, &map, &err), ACCEL_IO);
    assert_says("folder");
    assert_int_equal(file_map_open("/dev/null", &map, &err), ACCEL_IO);
    assert_int_equal(file_map_open(temp_path(state, "none"), &map, &err), ACCEL_NOT_FOUND);
    assert_says("none");
    assert_null(map.bytes);
}

static void released_pages_can_be_read_again(void **state) {
    enum { BYTES = 100000 };
    char *text = malloc(BYTES + 1);
    for (int i = 0; i < BYTES; i++) {
        text[i] = (char)('a' + i % 26);
    }
    text[BYTES] = '\0';
    file_map map;
    accel_error err;
    assert_ok(file_map_open(temp_file(state, "f", text), &map, &err));
    static const size_t starts[] = {0, 1, 4095, 4096, 4097, 50000, BYTES};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        file_map_release_pages(&map, map.bytes + starts[i], BYTES - starts[i]);
        assert_memory_equal(map.bytes, text, BYTES);
    }
    file_map_release_pages(&map, map.bytes, SIZE_MAX); /* more than there is: nothing happens */
    file_map_release_pages(&map, map.bytes + 10, 20);
    assert_memory_equal(map.bytes, text, BYTES);
    file_map_close(&map);
    free(text);
}

/* --- beneath a folder --- */

typedef struct confined {
    file_folder *folder;
    bool walk; /* as where the system has no openat2 */
} confined;

static accel_status open_confined(const confined *c, const char *name, accel_error *err) {
    file_map map;
    if (c->walk) {
        file_fault_set(1, ENOSYS); /* the first system call is openat2 */
    }
    accel_status status = file_map_beneath(c->folder, name, &map, err);
    file_fault_set(0, 0);
    assert_int_equal(map.bytes != NULL, status == ACCEL_OK);
    file_map_close(&map);
    return status;
}

static void make_tree(void **state) {
    assert_int_equal(mkdir(temp_path(state, "model"), 0700), 0);
    assert_int_equal(mkdir(temp_path(state, "model/sub"), 0700), 0);
    temp_file(state, "secret", "secret");
    temp_file(state, "model/weights.bin", "weights");
    temp_file(state, "model/sub/more.bin", "more");
    temp_file(state, "model/..odd", "odd");
    assert_int_equal(symlink("../secret", temp_path(state, "model/link")), 0);
    assert_int_equal(symlink("weights.bin", temp_path(state, "model/inner_link")), 0);
    assert_int_equal(symlink("..", temp_path(state, "model/up")), 0);
    assert_int_equal(symlink("sub", temp_path(state, "model/sub_link")), 0);
    assert_int_equal(link(temp_path(state, "secret"), temp_path(state, "model/hard")), 0);
    assert_int_equal(mkfifo(temp_path(state, "model/fifo"), 0600), 0);
}

static void check_confinement(void **state, bool walk) {
    make_tree(state);
    confined c = {.walk = walk};
    accel_error err;
    assert_ok(file_folder_open(temp_path(state, "model"), &c.folder, &err));
    static const char *const allowed[] = {"weights.bin",   "sub/more.bin",     "./weights.bin",
                                          "sub//more.bin", "./sub/./more.bin", "..odd"};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        assert_ok(open_confined(&c, allowed[i], &err));
    }
    char absolute[4096];
    snprintf(absolute, sizeof absolute, "%s", temp_path(state, "model/weights.bin"));
    const char *const refused[] = {"",
                                   "..",
                                   "../secret",
                                   "sub/../weights.bin",
                                   "a/../../secret",
                                   "sub/..",
                                   "/etc/hosts",
                                   absolute,
                                   "link",
                                   "inner_link",
                                   "up/secret",
                                   "up/model/weights.bin",
                                   "sub_link/more.bin",
                                   "hard",
                                   "fifo",
                                   "sub",
                                   "weights.bin/x",
                                   "."};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        accel_status status = open_confined(&c, refused[i], &err);
        if (status != ACCEL_BAD_FILE && status != ACCEL_IO) {
            fail_msg("\"%s\" gave %s", refused[i], accel_status_name(status));
        }
    }
    assert_int_equal(open_confined(&c, "missing.bin", &err), ACCEL_NOT_FOUND);
    assert_says("missing.bin");
    file_folder_close(c.folder);
}

static void a_name_from_a_file_cannot_leave_its_folder(void **state) {
    check_confinement(state, false);
}

static void nor_where_the_system_has_no_openat2(void **state) {
    check_confinement(state, true);
}

static void refusals_say_why(void **state) {
    make_tree(state);
    confined c = {0};
    accel_error err;
    assert_ok(file_folder_open(temp_path(state, "model"), &c.folder, &err));
    open_confined(&c, "../secret", &err);
    assert_says("without \"..\"");
    open_confined(&c, "link", &err);
    assert_says("symbolic link");
    open_confined(&c, "hard", &err);
    assert_says("hard link");
    open_confined(&c, "fifo", &err);
    assert_says("not a regular file");
    file_folder_close(c.folder);
    file_folder_close(NULL);
}

static void a_folder_that_is_none_is_not_opened(void **state) {
    file_folder *folder;
    accel_error err;
    assert_int_equal(file_folder_open(temp_path(state, "none"), &folder, &err), ACCEL_NOT_FOUND);
    assert_null(folder);
    assert_int_equal(file_folder_open(temp_file(state, "f", ""), &folder, &err), ACCEL_IO);
}

/* --- reading --- */

static void a_file_is_read_whole_with_a_nul(void **state) {
    char *text;
    size_t length;
    accel_error err;
    assert_ok(file_read(temp_file(state, "f", "0123456789"), 10, &text, &length, &err));
    assert_int_equal(length, 10);
    assert_string_equal(text, "0123456789");
    mem_free(text);
    assert_ok(file_read(temp_file(state, "e", ""), 0, &text, &length, &err));
    assert_string_equal(text, "");
    mem_free(text);
}

static void a_file_that_is_too_large_is_not_read(void **state) {
    char *text;
    size_t length;
    accel_error err;
    assert_int_equal(file_read(temp_file(state, "f", "0123456789"), 9, &text, &length, &err), ACCEL_LIMIT);
    assert_says("9 bytes");
    assert_null(text);
    assert_int_equal(length, 0);
}

static void a_file_without_a_true_size_is_read_to_its_end(void **state) {
    (void)state;
    char *text;
    size_t length;
    accel_error err;
    assert_ok(file_read("/proc/self/status", 1 << 20, &text, &length, &err));
    assert_true(length > 100 && strlen(text) == length);
    mem_free(text);
}

static void reading_survives_every_failure(void **state) {
    const char *path = temp_file(state, "f", "0123456789");
    for (uint64_t n = 1;; n++) {
        char *text;
        size_t length;
        uint64_t before = file_io_count();
        file_fault_set(n, EIO);
        accel_status status = file_read(path, 100, &text, &length, NULL);
        file_fault_set(0, 0);
        bool reached = file_io_count() - before >= n;
        assert_int_equal(text != NULL, status == ACCEL_OK);
        mem_free(text);
        if (!reached) {
            break;
        }
    }
}

static void an_interrupted_call_is_made_again(void **state) {
    const char *path = temp_file(state, "f", "0123456789");
    for (uint64_t n = 1; n < 5; n++) {
        char *text;
        size_t length;
        accel_error err;
        file_fault_set(n, EINTR);
        assert_ok(file_read(path, 100, &text, &length, &err));
        file_fault_set(0, 0);
        mem_free(text);
    }
}

/* --- folders --- */

static void folders_are_made_with_those_above(void **state) {
    accel_error err;
    const char *path = temp_path(state, "a//b/c/");
    assert_ok(file_make_folders(path, &err));
    assert_true(file_is_folder(path));
    assert_ok(file_make_folders(path, &err));
    temp_file(state, "a/file", "");
    assert_int_equal(file_make_folders(temp_path(state, "a/file/x"), &err), ACCEL_IO);
    assert_int_equal(file_make_folders(temp_path(state, "a/file"), &err), ACCEL_IO);
    assert_says("a/file");
}

static void what_is_there_is_seen(void **state) {
    const char *file = temp_file(state, "f", "");
    assert_true(file_exists(file) && !file_is_folder(file));
    assert_true(file_exists(*state) && file_is_folder(*state));
    assert_false(file_exists(temp_path(state, "none")) || file_is_folder(temp_path(state, "none")));
}

static void removing_what_is_absent_is_fine(void **state) {
    accel_error err;
    const char *file = temp_file(state, "f", "");
    assert_ok(file_remove(file, &err));
    assert_false(file_exists(file));
    assert_ok(file_remove(file, &err));
    assert_ok(file_remove_tree(file, &err));
    assert_int_equal(file_remove(*state, &err), ACCEL_IO);
}

static void removing_a_tree_follows_no_link(void **state) {
    accel_error err;
    assert_ok(file_make_folders(temp_path(state, "keep"), &err));
    const char *kept = temp_file(state, "keep/file", "x");
    assert_ok(file_make_folders(temp_path(state, "tree/a/b"), &err));
    temp_file(state, "tree/a/b/f", "x");
    assert_int_equal(symlink("../keep", temp_path(state, "tree/link")), 0);
    assert_ok(file_remove_tree(temp_path(state, "tree"), &err));
    assert_false(file_exists(temp_path(state, "tree")));
    assert_true(file_exists(kept));
}

/* Makes files in the folder for a third of a second, or until it is gone. */
static void *keep_writing(void *folder) {
    const uint64_t until = clock_now_ns() + 300000000;
    char path[512];
    for (int i = 0; clock_now_ns() < until; i++) {
        str_format(path, sizeof path, "%s/%d", (const char *)folder, i);
        const int file = open(path, O_CREAT | O_WRONLY, 0600);
        if (file >= 0)
            close(file);
    }
    return NULL;
}

static void a_tree_goes_in_which_somebody_still_writes(void **state) {
    accel_error err;
    pthread_t writer;
    char folder[256];
    str_format(folder, sizeof folder, "%s", temp_path(state, "busy"));
    assert_ok(file_make_folders(folder, &err));
    assert_int_equal(pthread_create(&writer, NULL, keep_writing, folder), 0);
    clock_sleep_ns(10000000);
    assert_ok(file_remove_tree_within(folder, 10, &err));
    assert_false(file_exists(folder));
    pthread_join(writer, NULL);
}

static void a_tree_of_any_depth_ends_in_an_answer(void **state) {
    accel_error err;
    str_buf path = {0};
    str_append(&path, temp_path(state, "deep"));
    for (int i = 0; i < 200; i++) {
        str_append(&path, "/d");
    }
    assert_ok(file_make_folders(path.data, &err));
    assert_int_equal(file_remove_tree(temp_path(state, "deep"), &err), ACCEL_LIMIT);
    /* the lower half first, then the rest */
    path.data[strlen(temp_path(state, "deep")) + 200] = '\0';
    assert_ok(file_remove_tree(path.data, &err));
    assert_ok(file_remove_tree(temp_path(state, "deep"), &err));
    str_free(&path);
}

static accel_status append_name(void *context, const char *name, accel_error *err) {
    str_appendf(context, "%s ", name);
    return strcmp(name, "stop") == 0 ? error_set(err, ACCEL_CANCELLED, "stopped") : ACCEL_OK;
}

static void a_listing_is_sorted_and_stops_where_asked(void **state) {
    accel_error err;
    str_buf names = {0};
    temp_file(state, "b", "");
    temp_file(state, "a", "");
    temp_file(state, "Z", "");
    temp_file(state, ".hidden", "");
    assert_ok(file_list(*state, append_name, &names, &err));
    assert_string_equal(names.data, ".hidden Z a b ");
    str_free(&names);
    temp_file(state, "stop", "");
    temp_file(state, "t", "");
    assert_int_equal(file_list(*state, append_name, &names, &err), ACCEL_CANCELLED);
    assert_string_equal(names.data, ".hidden Z a b stop ");
    str_free(&names);
    assert_int_equal(file_list(temp_path(state, "none"), append_name, &names, &err), ACCEL_NOT_FOUND);
}

static accel_status ignore_name(void *context, const char *name, accel_error *err) {
    (void)context;
    (void)name;
    (void)err;
    return ACCEL_OK;
}

static void listing_survives_every_failure(void **state) {
    temp_file(state, "a", "");
    temp_file(state, "b", "");
    accel_status status = ACCEL_IO;
    for (uint64_t n = 1; status != ACCEL_OK; n++) {
        file_fault_set(n, EIO);
        status = file_list(*state, ignore_name, NULL, NULL);
        file_fault_set(0, 0);
        assert_true(n < 20);
    }
    status = ACCEL_IO;
    for (uint64_t n = 1; status != ACCEL_OK; n++) {
        mem_fault_set(n, false);
        status = file_list(*state, ignore_name, NULL, NULL);
        mem_fault_set(0, false);
        assert_true(n < 20);
    }
}

static void check_path(const char *folder, const char *name, const char *joined) {
    str_buf path = {0};
    file_join(&path, folder, name);
    assert_string_equal(path.data, joined);
    str_free(&path);
}

static void check_parts(const char *path, const char *folder, const char *name) {
    str_buf b = {0};
    file_dir_name(&b, path);
    assert_string_equal(b.data, folder);
    assert_string_equal(file_base_name(path), name);
    str_free(&b);
}

static void paths_are_joined_and_taken_apart(void **state) {
    (void)state;
    check_path("a", "b", "a/b");
    check_path("a/", "b", "a/b");
    check_path("/", "b", "/b");
    check_parts("a/b", "a", "b");
    check_parts("b", ".", "b");
    check_parts("/b", "/", "b");
    check_parts("//b", "/", "b");
    check_parts("a//b", "a", "b");
    check_parts("a/b/", "a/b", "");
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_file_is_mapped_whole),
        WITH_FOLDER(an_empty_file_maps_to_a_valid_pointer),
        WITH_FOLDER(what_is_no_regular_file_is_not_mapped),
        WITH_FOLDER(released_pages_can_be_read_again),
        WITH_FOLDER(a_name_from_a_file_cannot_leave_its_folder),
        WITH_FOLDER(nor_where_the_system_has_no_openat2),
        WITH_FOLDER(refusals_say_why),
        WITH_FOLDER(a_folder_that_is_none_is_not_opened),
        WITH_FOLDER(a_file_is_read_whole_with_a_nul),
        WITH_FOLDER(a_file_that_is_too_large_is_not_read),
        WITH_FOLDER(a_file_without_a_true_size_is_read_to_its_end),
        WITH_FOLDER(reading_survives_every_failure),
        WITH_FOLDER(an_interrupted_call_is_made_again),
        WITH_FOLDER(folders_are_made_with_those_above),
        WITH_FOLDER(what_is_there_is_seen),
        WITH_FOLDER(removing_what_is_absent_is_fine),
        WITH_FOLDER(removing_a_tree_follows_no_link),
        WITH_FOLDER(a_tree_goes_in_which_somebody_still_writes),
        WITH_FOLDER(a_tree_of_any_depth_ends_in_an_answer),
        WITH_FOLDER(a_listing_is_sorted_and_stops_where_asked),
        WITH_FOLDER(listing_survives_every_failure),
        cmocka_unit_test(paths_are_joined_and_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
