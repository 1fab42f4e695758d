/* Decoding on a GPU: caches that stay on the device, and what is written with them. */
#include "engines/webgpu_check.h"
#include "measure/generate.h"

/* ---- a cache that stays ------------------------------------------------------------------------------------------------ */

enum { HEADS = 2, CAPACITY = 5, SIZE = 4, CACHE = HEADS * CAPACITY * SIZE, FRESH = HEADS * SIZE };

/* past, fresh, at → present, and a sum over it, so that somebody reads it. */
static graph *cache_graph(void) {
    builder b = start();
    value_id past = input(&b, DIMS(1, HEADS, CAPACITY, SIZE)), fresh = input(&b, DIMS(1, HEADS, 1, SIZE)),
             at = input_of(&b, DTYPE_I64, DIMS(1));
    value_id present =
        build_op(&b, "TensorScatter", 3, (value_id[]){past, fresh, at}, 1, &BUILD_INT("axis", 2));
    b.graph->values[past].held = b.graph->values[past].updated = true;
    build_output(&b, "present", present);
    return done(&b, build_op(&b, "ReduceSum", 2, (value_id[]){present, build_i64s(&b, 1, &(int64_t){2})}, 1,
                             &BUILD_INT("keepdims", 1)));
}

typedef struct cache_case {
    graph *graph;
    arena *arena;
    engine_session *session;
    tensor inputs[3];
    float want[CACHE];
} cache_case;

static void open_cache(cache_case *c) {
    accel_error err = {0};
    *c = (cache_case){.arena = arena_create()};
    (void)gpu_adapter(c->arena);
    c->graph = cache_graph();
    check_ok(graph_infer(c->graph, &err), &err);
    check_ok(gpu_load(c->graph, c->arena, &c->session, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        const value_type *t = &c->graph->values[c->graph->inputs[i]].type;
        check_ok(tensor_create(t->type, &t->shape, &c->inputs[i], &err), &err);
        fill_input(&c->inputs[i], i + 1);
    }
    memcpy(c->want, c->inputs[0].data, sizeof c->want);
    check_ok(engine_find("webgpu")->bind(c->session, c->inputs, 3, &err), &err);
}

static void close_cache(cache_case *c) {
    engine_find("webgpu")->unload(c->session);
    for (size_t i = 0; i < 3; i++)
        tensor_free(&c->inputs[i]);
    graph_destroy(c->graph);
    arena_destroy(c->arena);
}

static void write_line(cache_case *c, int64_t at, float first) {
    accel_error err = {0};
    float *fresh = c->inputs[1].data;
    *(int64_t *)c->inputs[2].data = at;
    for (int i = 0; i < FRESH; i++)
        fresh[i] = c->want[(i / SIZE * CAPACITY + at) * SIZE + i % SIZE] = first + (float)i;
    check_ok(engine_find("webgpu")->run(c->session, &err), &err);
}

static void check_cache(cache_case *c) {
    accel_error err = {0};
    tensor present, sums;
    check_ok(engine_find("webgpu")->output(c->session, 0, &present, &err), &err);
    assert_int_equal(present.size_bytes, sizeof c->want);
    assert_memory_equal(present.data, c->want, sizeof c->want);
    check_ok(engine_find("webgpu")->output(c->session, 1, &sums, &err), &err);
    for (int i = 0; i < FRESH; i++) {
        float sum = 0;
        for (int k = 0; k < CAPACITY; k++)
            sum += c->want[(i / SIZE * CAPACITY + k) * SIZE + i % SIZE];
        assert_float_equal(((const float *)sums.data)[i], sum, 1e-5);
    }
}

static void test_each_run_goes_on_from_the_cache_that_the_last_one_left(void **state) {
    (void)state;
    const engine_def *e = engine_find("webgpu");
    cache_case c;
    open_cache(&c);
    assert_true(e->holds(c.session, 0));
    assert_false(e->holds(c.session, 1));
    memset(c.inputs[0].data, 0, c.inputs[0].size_bytes); /* of no account until it is bound again */
    write_line(&c, 1, 3);
    write_line(&c, 4, 20);
    check_cache(&c);
    write_line(&c, 1, -7);
    check_cache(&c);
    close_cache(&c);
}

static void test_binding_again_takes_the_callers_cache(void **state) {
    (void)state;
    accel_error err = {0};
    cache_case c;
    open_cache(&c);
    write_line(&c, 2, 5);
    memset(c.inputs[0].data, 0, c.inputs[0].size_bytes);
    memset(c.want, 0, sizeof c.want);
    check_ok(engine_find("webgpu")->bind(c.session, c.inputs, 3, &err), &err);
    write_line(&c, 0, 9);
    check_cache(&c);
    close_cache(&c);
}

/* ---- whole models ---------------------------------------------------------------------------------------------------------- */

static generate_result written(const char *model, const char *engine, const engine_device *device,
                               generate_options how) {
    accel_error err = {0};
    generate_result result = {0};
    const zoo_input_options shapes = {.batch = 2, .sequence = 7, .seed = 5};
    how.engine = engine_find(engine);
    how.device = device;
    how.engine_options = (engine_options){.context = vendor_context(), .threads = 1};
    check_ok(generate_run(model, NULL, &shapes, NULL, NULL, 0, &how, &result, &err), &err);
    return result;
}

static void check_written(const char *model, generate_options how) {
    arena *a = arena_create();
    const engine_device gpu = gpu_adapter(a);
    generate_result want = written(model, "native", NULL, how), got = written(model, "webgpu", &gpu, how);
    assert_int_equal(got.ids.size_bytes, want.ids.size_bytes);
    for (size_t i = 0; i < want.ids.size_bytes / sizeof(int64_t); i++)
        if (((const int64_t *)got.ids.data)[i] != ((const int64_t *)want.ids.data)[i])
            fail_msg("%s: token %zu is another", model, i);
    generate_result_free(&want);
    generate_result_free(&got);
    arena_destroy(a);
}

static const char *const writers[] = {"qwen2-tiny", "gpt2-tiny", "t5-tiny", "whisper-tiny-random"};

static void test_the_likeliest_tokens_are_those_of_the_native_engine(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++)
        check_written(writers[i], (generate_options){.max_new_tokens = 8, .stop_token = -1});
}

static void test_sampled_tokens_are_those_of_the_native_engine_with_the_same_seed(void **state) {
    (void)state;
    static const generate_options ways[] = {
        {.max_new_tokens = 12, .stop_token = -1, .temperature = 1, .top_k = 10, .seed = 3},
        {.max_new_tokens = 12, .stop_token = 5, .temperature = 2, .top_k = 256, .top_p = 0.9, .seed = 4},
        {.max_new_tokens = 12, .stop_token = -1, .temperature = 1.5, .seed = 5}, /* by the logits */
    };
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++)
        for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++)
            check_written(writers[i], ways[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_run_goes_on_from_the_cache_that_the_last_one_left),
        cmocka_unit_test(test_binding_again_takes_the_callers_cache),
        cmocka_unit_test(test_the_likeliest_tokens_are_those_of_the_native_engine),
        cmocka_unit_test(test_sampled_tokens_are_those_of_the_native_engine_with_the_same_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
