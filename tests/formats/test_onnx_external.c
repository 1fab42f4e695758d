/* External data: read where it lies, and never from outside of the model's folder. */
#include "formats/onnx_bytes.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "support/temp_folder.h"

static accel_error err;

/* y = x + w, where w [4] lies in an external file. */
static const char *write_model(void **state, const char *location, const char *offset, const char *length) {
    str_buf g = {0};
    put_node(&g, "Add", "add", "x w", "y", NULL);
    put_external(&g, "w", 4, location, offset, length);
    put_value(&g, GRAPH_INPUT, "x", DTYPE_F32, 1, (int64_t[]){4});
    put_value(&g, GRAPH_OUTPUT, "y", DTYPE_F32, 1, (int64_t[]){4});
    str_buf m = model_of(&g, 17);
    const char *path = temp_path(state, "model.onnx");
    assert_ok(file_replace(path, m.data, m.length, &err));
    str_free(&m);
    return path;
}

static void write_weights(const char *path, size_t zeros) {
    static const float w[4] = {1, 2, 3, 4};
    char bytes[256] = {0};
    assert_true(zeros + sizeof w <= sizeof bytes);
    memcpy(bytes + zeros, w, sizeof w);
    assert_ok(file_replace(path, bytes, zeros + sizeof w, &err));
}

static void refused(const char *path, accel_status status, const char *text) {
    graph *g = NULL;
    err = (accel_error){0};
    accel_status got = onnx_read(path, &g, &err);
    if (got == ACCEL_OK) {
        graph_destroy(g);
        fail_msg("the model was read");
    }
    assert_says(path);
    assert_says("initializer 'w'");
    assert_says(text);
    if (status != ACCEL_OK) {
        assert_int_equal(got, status);
    }
}

static void check_read(const char *path) {
    graph *g;
    float w[4];
    assert_ok(onnx_read(path, &g, &err));
    value_id id = graph_find_value(g, "w");
    assert_true(g->values[id].data.file_backed);
    assert_ok(graph_value_read(g, id, w, sizeof w, &err));
    assert_true(w[0] == 1 && w[3] == 4);
    graph_destroy(g);
}

static void data_is_read_from_a_file_beside_the_model(void **state) {
    write_weights(temp_path(state, "w.bin"), 0);
    check_read(write_model(state, "w.bin", NULL, NULL));
    check_read(write_model(state, "w.bin", "0", "16"));
}

static void data_may_lie_at_any_offset_and_in_a_folder_below(void **state) {
    assert_int_equal(mkdir(temp_path(state, "data"), 0755), 0);
    write_weights(temp_path(state, "data/w.bin"), 7);
    check_read(write_model(state, "data/w.bin", "7", "16"));
}

static void data_beyond_the_end_of_the_file_is_refused(void **state) {
    write_weights(temp_path(state, "w.bin"), 0);
    refused(write_model(state, "w.bin", "1", NULL), ACCEL_BAD_FILE, "beyond the end of 'w.bin'");
    refused(write_model(state, "w.bin", "9223372036854775800", NULL), ACCEL_BAD_FILE, "beyond the end");
}

static void a_stated_length_must_fit_the_shape(void **state) {
    write_weights(temp_path(state, "w.bin"), 0);
    refused(write_model(state, "w.bin", "0", "12"), ACCEL_BAD_FILE, "needs 16 bytes, but 12 are stated");
}

static void offsets_must_be_numbers(void **state) {
    static const char *const wrong[] = {"-4", "0x10", "1e3", "", "99999999999999999999"};
    graph *g;
    write_weights(temp_path(state, "w.bin"), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *path = write_model(state, "w.bin", wrong[i], NULL);
        assert_int_equal(onnx_read(path, &g, &err), ACCEL_BAD_FILE);
        assert_says("not a number");
    }
}

static void a_missing_file_is_named(void **state) {
    refused(write_model(state, "w.bin", NULL, NULL), ACCEL_OK, "w.bin");
    refused(write_model(state, NULL, NULL, NULL), ACCEL_BAD_FILE, "name is missing");
}

static void paths_out_of_the_folder_are_refused(void **state) {
    static const char *const ways[] = {"../w.bin", "inside/../../w.bin", "inside/../w.bin", "/etc/passwd",
                                       ".."};
    assert_int_equal(mkdir(temp_path(state, "inside"), 0755), 0);
    write_weights(temp_path(state, "w.bin"), 0);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        refused(write_model(state, ways[i], NULL, NULL), ACCEL_OK, ways[i]);
    }
}

static void links_are_refused(void **state) {
    write_weights(temp_path(state, "real.bin"), 0);
    assert_int_equal(symlink("real.bin", temp_path(state, "soft.bin")), 0);
    refused(write_model(state, "soft.bin", NULL, NULL), ACCEL_OK, "soft.bin");
    assert_int_equal(mkdir(temp_path(state, "folder"), 0755), 0);
    write_weights(temp_path(state, "folder/w.bin"), 0);
    assert_int_equal(symlink("folder", temp_path(state, "way")), 0);
    refused(write_model(state, "way/w.bin", NULL, NULL), ACCEL_OK, "way/w.bin");
    assert_int_equal(link(temp_path(state, "real.bin"), temp_path(state, "hard.bin")), 0);
    refused(write_model(state, "hard.bin", NULL, NULL), ACCEL_OK, "hard.bin");
}

static void what_is_no_regular_file_is_refused(void **state) {
    assert_int_equal(mkfifo(temp_path(state, "pipe"), 0600), 0);
    refused(write_model(state, "pipe", NULL, NULL), ACCEL_OK, "pipe");
    assert_int_equal(mkdir(temp_path(state, "folder"), 0755), 0);
    refused(write_model(state, "folder", NULL, NULL), ACCEL_OK, "folder");
}

static void bytes_without_a_folder_have_no_external_data(void **state) {
    (void)state;
    graph *g;
    str_buf model = {0};
    put_external(&model, "w", 4, "w.bin", NULL, NULL);
    str_buf m = model_of(&model, 17);
    assert_int_equal(read_bytes(&m, &g, &err), ACCEL_UNSUPPORTED);
    assert_says("external file");
    str_free(&m);
}

int main(void) {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(data_is_read_from_a_file_beside_the_model),
        WITH_FOLDER(data_may_lie_at_any_offset_and_in_a_folder_below),
        WITH_FOLDER(data_beyond_the_end_of_the_file_is_refused),
        WITH_FOLDER(a_stated_length_must_fit_the_shape),
        WITH_FOLDER(offsets_must_be_numbers),
        WITH_FOLDER(a_missing_file_is_named),
        WITH_FOLDER(paths_out_of_the_folder_are_refused),
        WITH_FOLDER(links_are_refused),
        WITH_FOLDER(what_is_no_regular_file_is_refused),
        cmocka_unit_test(bytes_without_a_folder_have_no_external_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
