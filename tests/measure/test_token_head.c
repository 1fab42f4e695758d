/* The choice of a token inside a graph (zoo_choose_token) against the sampler of logits: the same seed means the same tokens. */
#include "engines/webgpu_check.h"
#include "measure/sample_token.h"
#include "zoo/zoo.h"

enum { ROWS = 3, WORDS = 1500, DRAWS = 60 };

typedef struct head_case {
    zoo_model model;
    const engine_def *engine;
    engine_session *session;
    arena *arena;
    tensor inputs[2];
    size_t input_count;
} head_case;

/* Logits as they come in, chosen from. device NULL: the native engine. */
static void open_head(head_case *c, const zoo_choice *how, const engine_device *device) {
    accel_error err = {0};
    *c = (head_case){.engine = engine_find(device ? "webgpu" : "native"), .arena = arena_create()};
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, 3, (int64_t[]){DIM_UNKNOWN, 1, WORDS},
                             (const char *const[]){"batch", NULL, NULL});
    build_output(&b, "logits", BUILD(&b, "Identity", x));
    c->model.graph = finish_graph(&b);
    check_ok(zoo_choose_token(&c->model, how, &err), &err);
    check_ok(graph_bind_dim(c->model.graph, "batch", ROWS, &err), &err);
    check_ok(graph_infer(c->model.graph, &err), &err);
    const engine_options options = {.context = vendor_context(), .precision = PRECISION_FP32, .threads = 1};
    check_ok(c->engine->load(&(engine_model){.graph = c->model.graph}, device, &options, &c->session, &err),
             &err);
    c->input_count = c->model.graph->input_count;
    for (size_t i = 0; i < c->input_count; i++) {
        const value_type *t = &c->model.graph->values[c->model.graph->inputs[i]].type;
        check_ok(tensor_create(t->type, &t->shape, &c->inputs[i], &err), &err);
    }
    check_ok(c->engine->bind(c->session, c->inputs, c->input_count, &err), &err);
}

static void close_head(head_case *c) {
    c->engine->unload(c->session);
    for (size_t i = 0; i < c->input_count; i++)
        tensor_free(&c->inputs[i]);
    graph_destroy(c->model.graph);
    arena_destroy(c->arena);
}

static void check_tokens(head_case *c, token_sampler *sampler, const char *what) {
    accel_error err = {0};
    tensor got;
    const float *logits = c->inputs[0].data;
    check_ok(c->engine->run(c->session, &err), &err);
    check_ok(c->engine->outputs(c->session, &got, 1, &err), &err);
    assert_int_equal(got.type, DTYPE_I64);
    for (int row = 0; row < ROWS; row++)
        if (((const int64_t *)got.data)[row] != token_sample(sampler, logits + (size_t)row * WORDS, WORDS))
            fail_msg("%s: row %d has another token: %d", what, row, (int)((const int64_t *)got.data)[row]);
}

static void check_head(const engine_device *device, double temperature, int64_t top_k, double top_p) {
    token_sampler host, draws;
    char what[96];
    head_case c;
    open_head(&c, &(zoo_choice){temperature, top_k, top_p}, device);
    token_sampler_start(&host, temperature, top_k, top_p, 11);
    token_sampler_start(&draws, temperature, top_k, top_p, 11);
    assert_int_equal(c.input_count, temperature > 0 ? 2 : 1);
    for (uint64_t i = 0; i < DRAWS; i++) {
        fill_input(&c.inputs[0], i + 1);
        for (int k = 0; k < ROWS * WORDS; k++)
            ((float *)c.inputs[0].data)[k] *= 8;
        for (int row = 0; c.input_count == 2 && row < ROWS; row++)
            ((float *)c.inputs[1].data)[row] = (float)token_draw(&draws);
        snprintf(what, sizeof what, "temperature %g, top_k %d, top_p %g, draw %d", temperature, (int)top_k,
                 top_p, (int)i);
        check_tokens(&c, &host, what);
    }
    token_sampler_end(&host);
    token_sampler_end(&draws);
    close_head(&c);
}

static void check_heads(const engine_device *device) {
    check_head(device, 0, 0, 1);
    check_head(device, 1, 40, 1);
    check_head(device, 0.7, 40, 0.9);
    check_head(device, 2, 7, 0);
    check_head(device, 1.5, ZOO_MOST_CHOICES, 0.5);
    check_head(device, 1, 1, 1);
}

static void test_the_native_engine_chooses_what_the_sampler_does(void **state) {
    (void)state;
    check_heads(NULL);
}

static void test_the_gpu_chooses_what_the_sampler_does(void **state) {
    (void)state;
    arena *a = arena_create();
    const engine_device gpu = gpu_adapter(a);
    check_heads(&gpu);
    arena_destroy(a);
}

/* Of equal ones the first. */
static void test_the_first_of_equal_logits_is_chosen(void **state) {
    (void)state;
    accel_error err = {0};
    tensor got;
    head_case c;
    open_head(&c, &(zoo_choice){0}, NULL);
    memset(c.inputs[0].data, 0, c.inputs[0].size_bytes);
    ((float *)c.inputs[0].data)[WORDS + 9] = ((float *)c.inputs[0].data)[WORDS + 700] = 1;
    check_ok(c.engine->run(c.session, &err), &err);
    check_ok(c.engine->outputs(c.session, &got, 1, &err), &err);
    assert_int_equal(((const int64_t *)got.data)[0], 0);
    assert_int_equal(((const int64_t *)got.data)[1], 9);
    close_head(&c);
}

static void test_a_graph_without_logits_stays(void **state) {
    (void)state;
    accel_error err = {0};
    builder b = start();
    zoo_model m = {.graph = done(&b, BUILD(&b, "Relu", input(&b, DIMS(3))))};
    check_ok(zoo_choose_token(&m, &(zoo_choice){0}, &err), &err);
    assert_int_equal(m.graph->node_count, 1);
    graph_destroy(m.graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_native_engine_chooses_what_the_sampler_does),
        cmocka_unit_test(test_the_gpu_chooses_what_the_sampler_does),
        cmocka_unit_test(test_the_first_of_equal_logits_is_chosen),
        cmocka_unit_test(test_a_graph_without_logits_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
