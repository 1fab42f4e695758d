/* LSTM, GRU and RNN of the native engine against the reference. */
#include "engines/native_graphs.h"
#include "graph/internal.h"

typedef struct recurrent_case {
    const char *op, *direction;
    int64_t length, batch, input, hidden, layout, flag;
    bool bias, lengths, initial, peepholes;
    double clip;
    const char *const *activations;
} recurrent_case;

static const char *const odd_functions[] = {"hardsigmoid", "LeakyRelu", "Elu", "Softplus", "relu", "tanh"};

static int64_t gates_of(const recurrent_case *c) {
    return strcmp(c->op, "LSTM") == 0 ? 4 : strcmp(c->op, "GRU") == 0 ? 3 : 1;
}

static value_id states(builder *b, const recurrent_case *c, int64_t directions) {
    return c->layout != 0 ? input(b, DIMS(c->batch, directions, c->hidden))
                          : input(b, DIMS(directions, c->batch, c->hidden));
}

static void set_functions(builder *b, const recurrent_case *c, int64_t count) {
    static const double alphas[] = {0.3, 0.1, 0.7}, betas[] = {0.4};
    set_attr(b, &(graph_attr){.name = "activations",
                              .kind = ATTR_STRINGS,
                              .count = (size_t)count,
                              .strings = c->activations});
    set_attr(b, &(graph_attr){.name = "activation_alpha", .kind = ATTR_FLOATS, .count = 3, .floats = alphas});
    set_attr(b, &(graph_attr){.name = "activation_beta", .kind = ATTR_FLOATS, .count = 1, .floats = betas});
}

static void recurrent(const recurrent_case *c) {
    builder b = start();
    int64_t gates = gates_of(c), directions = strcmp(c->direction, "bidirectional") == 0 ? 2 : 1;
    bool lstm = gates == 4;
    value_id in[8] = {input(&b, DIMS(c->layout != 0 ? c->batch : c->length,
                                     c->layout != 0 ? c->length : c->batch, c->input)),
                      constant_in(&b, -0.5, 0.5, DIMS(directions, gates * c->hidden, c->input)),
                      constant_in(&b, -0.5, 0.5, DIMS(directions, gates * c->hidden, c->hidden)),
                      VALUE_NONE,
                      VALUE_NONE,
                      VALUE_NONE,
                      VALUE_NONE,
                      VALUE_NONE};
    in[3] = c->bias ? constant(&b, DIMS(directions, 2 * gates * c->hidden)) : VALUE_NONE;
    in[4] = c->lengths ? input_of(&b, DTYPE_I32, DIMS(c->batch)) : VALUE_NONE;
    in[5] = c->initial ? states(&b, c, directions) : VALUE_NONE;
    in[6] = c->initial && lstm ? states(&b, c, directions) : VALUE_NONE;
    in[7] = c->peepholes ? constant(&b, DIMS(directions, 3 * c->hidden)) : VALUE_NONE;
    build_attr attrs[] = {BUILD_INT("hidden_size", c->hidden), BUILD_STRING("direction", c->direction),
                          BUILD_INT("layout", c->layout), BUILD_FLOAT("clip", c->clip),
                          BUILD_INT(lstm ? "input_forget" : "linear_before_reset", c->flag)};
    size_t attr_count = gates == 1 ? 4 : 5;
    value_id out[3] = {VALUE_NONE, VALUE_NONE, VALUE_NONE};
    build_op_n(&b, c->op, lstm ? 8 : 6, in, attr_count, attrs, lstm ? 3 : 2, out);
    if (c->activations != NULL) {
        set_functions(&b, c, directions * (lstm ? 3 : gates == 3 ? 2 : 1));
    }
    char name[96];
    snprintf(name, sizeof name, "%s %s, %d steps of %d, %d to %d", c->op, c->direction, (int)c->length,
             (int)c->batch, (int)c->input, (int)c->hidden);
    finish_all(&b, 3, out, 2e-5, name); /* each step multiplies the error of the one before */
}

static void test_recurrent_operators(void **state) {
    (void)state;
    static const recurrent_case cases[] = {
        {"LSTM", "forward", 5, 1, 7, 9, 0, 0, true, false, false, false, 0, NULL},
        {"LSTM", "reverse", 7, 3, 16, 32, 0, 0, true, true, true, true, 0, NULL},
        {"LSTM", "bidirectional", 9, 2, 20, 33, 0, 0, false, true, true, false, 0, NULL},
        {"LSTM", "bidirectional", 4, 3, 5, 17, 1, 0, true, true, true, true, 0.5, NULL},
        {"LSTM", "bidirectional", 6, 2, 5, 8, 0, 0, true, false, false, true, 0.9, odd_functions},
        {"LSTM", "forward", 6, 2, 5, 8, 0, 1, true, false, false, false, 0, NULL},
        {"LSTM", "forward", 300, 1, 8, 64, 0, 0, true, false, false, false, 0, NULL},
        {"LSTM", "reverse", 300, 3, 8, 16, 1, 0, true, false, false, false, 0, NULL},
        {"LSTM", "forward", 3, 40, 30, 70, 0, 0, true, false, false, false, 0, NULL},
        {"GRU", "forward", 5, 1, 7, 9, 0, 0, true, false, false, false, 0, NULL},
        {"GRU", "forward", 5, 2, 7, 9, 0, 1, true, true, true, false, 0, NULL},
        {"GRU", "bidirectional", 6, 3, 12, 40, 0, 0, true, true, true, false, 0.6, NULL},
        {"GRU", "bidirectional", 6, 3, 12, 40, 1, 1, false, true, true, false, 0, NULL},
        {"GRU", "bidirectional", 6, 3, 12, 40, 1, 1, true, false, false, false, 0, odd_functions},
        {"GRU", "reverse", 290, 1, 3, 48, 0, 0, true, false, false, false, 0, NULL},
        {"RNN", "forward", 5, 1, 7, 9, 0, 0, true, false, false, false, 0, NULL},
        {"RNN", "bidirectional", 6, 3, 12, 40, 1, 0, true, true, true, false, 0.3, NULL},
        {"RNN", "bidirectional", 6, 3, 12, 40, 0, 0, true, true, true, false, 0, odd_functions},
        {"LSTM", "forward", 0, 2, 3, 4, 0, 0, true, false, true, false, 0, NULL},
        {"GRU", "reverse", 3, 0, 3, 4, 0, 0, true, false, true, false, 0, NULL},
        {"RNN", "forward", 3, 2, 0, 4, 0, 0, true, false, true, false, 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        recurrent(&cases[i]);
    }
}

static value_id bytes(builder *b, dtype type, int rank, const int64_t *dims) {
    shape s = shape_make(rank, dims);
    tensor t;
    accel_error err = {0};
    value_id id = VALUE_NONE;
    check_ok(tensor_create(type, &s, &t, &err), &err);
    for (size_t i = 0; i < t.size_bytes; i++) {
        ((uint8_t *)t.data)[i] = (uint8_t)(i * 83 + i / 7 * 29 + b->graph->value_count * 11);
    }
    check_ok(graph_add_constant(b->graph, "", type, &s, t.data, &id, &err), &err);
    tensor_free(&t);
    return id;
}

/* LSTM with weights of 8 bits, a scale a direction or a column. */
static void quantised(dtype type, bool columns, bool bidirectional, int64_t length, int64_t batch) {
    enum { INPUT = 7, HIDDEN = 9, WIDTH = 4 * HIDDEN };
    builder b = start();
    const int64_t directions = bidirectional ? 2 : 1, dims[] = {directions, WIDTH};
    const int rank = columns ? 2 : 1;
    value_id in[12] = {input(&b, DIMS(length, batch, INPUT)),
                       bytes(&b, type, DIMS(directions, INPUT, WIDTH)),
                       bytes(&b, type, DIMS(directions, HIDDEN, WIDTH)),
                       constant(&b, DIMS(directions, 2 * WIDTH)),
                       VALUE_NONE,
                       input(&b, DIMS(directions, batch, HIDDEN)),
                       input(&b, DIMS(directions, batch, HIDDEN)),
                       constant(&b, DIMS(directions, 3 * HIDDEN)),
                       constant_in(&b, 0.001, 0.004, rank, dims),
                       bytes(&b, type, rank, dims),
                       constant_in(&b, 0.001, 0.004, rank, dims),
                       bytes(&b, type, rank, dims)};
    const build_attr attrs[] = {BUILD_INT("hidden_size", HIDDEN),
                                BUILD_STRING("direction", bidirectional ? "bidirectional" : "forward")};
    value_id out[3] = {VALUE_NONE, VALUE_NONE, VALUE_NONE};
    build_any(&b, &(build_node){.domain = "com.microsoft",
                                .op_type = "DynamicQuantizeLSTM",
                                .input_count = 12,
                                .inputs = in,
                                .attr_count = 2,
                                .attrs = attrs,
                                .output_count = 3,
                                .outputs = out});
    finish_all(&b, 3, out, 2e-5, columns ? "8 bits, a scale a column" : "8 bits");
}

static void test_quantised_weights(void **state) {
    (void)state;
    quantised(DTYPE_I8, false, true, 5, 2);
    quantised(DTYPE_U8, true, false, 6, 1);
    quantised(DTYPE_I8, true, true, 1, 3);
}

/* A length above the steps there are is an error that names the node. */
static void test_length_outside_is_refused(void **state) {
    (void)state;
    builder b = start();
    accel_error err = {0};
    graph *g = NULL;
    value_id in[5] = {input(&b, DIMS(2, 9, 3)), constant(&b, DIMS(1, 4, 3)), constant(&b, DIMS(1, 4, 4)),
                      VALUE_NONE, input_of(&b, DTYPE_I32, DIMS(9))};
    build_output(&b, "out", build_op(&b, "RNN", 5, in, 0, NULL));
    check_ok(builder_finish(&b, &g, &err), &err);
    check_ok(graph_infer(g, &err), &err);
    int32_t lengths[9] = {0, 1, 2, 2, 1, 2, 2, 3, 1};
    float x[2 * 9 * 3] = {0};
    shape x_shape = shape_make(DIMS(2, 9, 3)), length_shape = shape_make(DIMS(9));
    tensor inputs[2] = {
        {.type = DTYPE_F32, .shape = x_shape, .data = x, .size_bytes = sizeof x},
        {.type = DTYPE_I32, .shape = length_shape, .data = lengths, .size_bytes = sizeof lengths}};
    engine_model model = {.graph = g};
    engine_options options = {.precision = PRECISION_FP32, .threads = 1};
    engine_session *s = NULL;
    check_ok(engine_find("native")->load(&model, NULL, &options, &s, &err), &err);
    check_ok(engine_find("native")->bind(s, inputs, 2, &err), &err);
    assert_int_not_equal(engine_find("native")->run(s, &err), ACCEL_OK);
    assert_non_null(strstr(err.message, "RNN"));
    engine_find("native")->unload(s);
    graph_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recurrent_operators),
        cmocka_unit_test(test_quantised_weights),
        cmocka_unit_test(test_length_outside_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
