/* Files for several runtimes that share their weights hold what each runtime's own file would hold. */
#include "base/file.h"
#include "base/mem.h"
#include "engines/engine.h"
#include "formats/formats.h"
#include "graph/builder.h"
#include "support/temp_folder.h"
#include "support/test.h"
#include "zoo/zoo.h"

/* Each form folds constants anew: with several of them one comes to lie in memory where another's were, if that was given back. */
static const char *const names[] = {"onnxruntime", "openvino", "onnxruntime", "openvino",
                                    "onnxruntime", "openvino", "onnxruntime", "openvino"};
enum { FORMS = sizeof names / sizeof *names, ENGINES = 2, SEQUENCE = 128 };

/* Writes for these engines into a folder of its own, whose path is given back. */
static const char *write_for(void **state, const char *folder, const graph *g, const char *const *engines,
                             size_t count) {
    accel_error err = {0};
    engine_file files[FORMS] = {{0}};
    const char *path = temp_path(state, folder);
    assert_ok(file_make_folders(path, &err));
    for (size_t i = 0; i < count; i++)
        files[i].engine = engine_find(engines[i]);
    assert_ok(engine_write_models(files, count, g, path, &err));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(files[i].status, ACCEL_OK);
        str_free(&files[i].path);
    }
    return path;
}

static graph *read_back(const char *folder, const char *engine) {
    char path[4200];
    accel_error err = {0};
    graph *g = NULL;
    snprintf(path, sizeof path, "%s/%s.onnx", folder, engine);
    assert_ok(onnx_read(path, &g, &err));
    return g;
}

static void assert_same_constant(const graph *a, const graph *b, value_id id) {
    accel_error err = {0};
    size_t size = 0;
    const value_type *type = &a->values[id].type;
    assert_string_equal(a->values[id].name, b->values[id].name);
    assert_ok(tensor_size_bytes(type->type, &type->shape, a->values[id].name, &size, &err));
    char *first = mem_alloc(size + 1), *second = mem_alloc(size + 1);
    assert_ok(graph_value_read(a, id, first, size, &err));
    assert_ok(graph_value_read(b, id, second, size, &err));
    if (memcmp(first, second, size) != 0)
        fail_msg("'%s' has other contents", a->values[id].name);
    mem_free(first);
    mem_free(second);
}

/* How many constants of 1 KiB and more there were to compare. */
static size_t assert_same_constants(const graph *a, const graph *b) {
    size_t large = 0;
    assert_int_equal(a->value_count, b->value_count);
    for (value_id id = 0; (size_t)id < a->value_count; id++) {
        if (!graph_value_is_constant(a, id))
            continue;
        assert_true(graph_value_is_constant(b, id));
        assert_same_constant(a, b, id);
        int64_t elements = 0;
        large += shape_elements(&a->values[id].type.shape, &elements) && elements >= 256;
    }
    return large;
}

static void files_written_together_are_those_written_alone(void **state) {
    accel_error err = {0};
    zoo_options options = {.seed = 1};
    zoo_input_options shapes = {.batch = 1, .sequence = SEQUENCE, .seed = 1};
    zoo_model model = {0};
    zoo_inputs inputs = {0};
    assert_ok(zoo_load("t5-tiny", &options, &model, &err));
    assert_ok(zoo_make_inputs(&model, &shapes, &inputs, &err));
    assert_ok(zoo_bind(&model, &inputs, &err));
    const char *together = write_for(state, "together", model.graph, names, FORMS);
    for (size_t i = 0; i < ENGINES; i++) {
        const char *alone = write_for(state, names[i], model.graph, &names[i], 1);
        graph *a = read_back(together, names[i]), *b = read_back(alone, names[i]);
        assert_true(assert_same_constants(a, b) > 10);
        graph_destroy(a);
        graph_destroy(b);
    }
    zoo_inputs_free(&inputs);
    zoo_model_free(&model);
}

/* Bytes of all initializers that something reads. */
static size_t weight_bytes(const graph *g) {
    accel_error err = {0};
    size_t total = 0;
    uint32_t *uses = mem_calloc(g->value_count, sizeof *uses);
    assert_ok(graph_count_uses(g, uses, &err));
    for (size_t i = 0; i < g->value_count; i++) {
        const graph_value *v = &g->values[i];
        size_t size = 0;
        if (v->origin == VALUE_INITIALIZER && uses[i] > 0)
            assert_ok(tensor_size_bytes(v->type.type, &v->type.shape, v->name, &size, &err));
        total += size;
    }
    mem_free(uses);
    return total;
}

static bool refers_to(const char *folder, const char *engine, const char *name) {
    char path[4200];
    accel_error err = {0};
    file_map map;
    const char **files = NULL;
    size_t count = 0;
    bool found = false;
    arena *a = arena_create();
    snprintf(path, sizeof path, "%s/%s.onnx", folder, engine);
    assert_ok(file_map_open(path, &map, &err));
    assert_ok(onnx_external_names(map.bytes, map.size_bytes, a, &files, &count, &err));
    for (size_t i = 0; i < count; i++)
        found = found || strcmp(files[i], name) == 0;
    arena_destroy(a);
    file_map_close(&map);
    return found;
}

/* Rows of a table, and products with the same table and with a weight of their own. */
static graph *tied_graph(void) {
    enum { ROWS = 8192, WIDTH = 64 };
    builder b;
    accel_error err = {0};
    static float table[ROWS * WIDTH], own[WIDTH * WIDTH * 8];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        table[i] = (float)(i % 997);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        own[i] = (float)(i % 31);
    value_id e = VALUE_NONE, w = VALUE_NONE;
    assert_ok(builder_start(&b, NULL, &err));
    value_id ids = build_input(&b, "ids", DTYPE_I64, 2, (int64_t[]){1, 8}, NULL);
    const shape of_table = shape_make(2, (int64_t[]){ROWS, WIDTH}),
                of_own = shape_make(2, (int64_t[]){WIDTH * 8, WIDTH});
    assert_ok(graph_add_constant(b.graph, "e", DTYPE_F32, &of_table, table, &e, &err));
    assert_ok(graph_add_constant(b.graph, "w", DTYPE_F32, &of_own, own, &w, &err));
    value_id x = BUILD(&b, "Gather", e, ids);
    build_output(&b, "own", BUILD(&b, "MatMul", x, BUILD(&b, "Transpose", w)));
    build_output(&b, "tied", BUILD(&b, "MatMul", x, BUILD(&b, "Transpose", e)));
    graph *g = NULL;
    assert_ok(builder_finish(&b, &g, &err));
    return g;
}

static void a_tied_weight_is_there_once_for_pages_and_as_products_read_it_for_runtimes(void **state) {
    static const char *const both[] = {"onnxruntime", "browser"};
    graph *g = tied_graph();
    const char *folder = write_for(state, "tied", g, both, 2);
    graph *page = read_back(folder, "browser"), *runtime = read_back(folder, "onnxruntime");
    size_t once = weight_bytes(g);
    assert_int_equal(weight_bytes(page), once);
    assert_true(weight_bytes(runtime) > once + once / 8);
    assert_true(refers_to(folder, "browser", "weights.data"));
    assert_false(refers_to(folder, "browser", "weights.data.1"));
    assert_true(refers_to(folder, "onnxruntime", "weights.data"));
    assert_true(refers_to(folder, "onnxruntime", "weights.data.1"));
    graph_destroy(page);
    graph_destroy(runtime);
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_written_together_are_those_written_alone, temp_folder_setup,
                                        temp_folder_teardown),
        cmocka_unit_test_setup_teardown(
            a_tied_weight_is_there_once_for_pages_and_as_products_read_it_for_runtimes, temp_folder_setup,
            temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
