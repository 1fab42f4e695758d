/* The forms that runtimes are given: the same numbers, in operators that they know. */
#include "graph/form_models.h"

#include "base/mem.h"

static graph *in_form(const graph *house, graph_form form) {
    graph *g;
    accel_error err = {0};
    assert_ok(graph_clone(house, &g, &err));
    assert_ok(pass_to_form(g, form, &err));
    assert_ok(graph_check(g, &err));
    return g;
}

static void assert_same_numbers(const graph *a, const graph *b) {
    accel_error err = {0};
    evaluation *ea = NULL, *eb = NULL;
    tensor inputs[4] = {{0}};
    make_inputs(a, inputs);
    assert_ok(graph_evaluate(a, inputs, a->input_count, NULL, &ea, &err));
    assert_ok(graph_evaluate(b, inputs, b->input_count, NULL, &eb, &err));
    assert_int_equal(a->output_count, b->output_count);
    for (size_t i = 0; i < a->output_count; i++) {
        tensor ta, tb;
        tensor_distance d;
        evaluation_output_tensor(ea, i, &ta);
        evaluation_output_tensor(eb, i, &tb);
        assert_ok(tensor_compare(&tb, &ta, &d, &err));
        assert_true(d.relative_l2 < 1e-5);
        assert_string_equal(a->values[a->outputs[i]].name, b->values[b->outputs[i]].name);
    }
    evaluation_destroy(ea);
    evaluation_destroy(eb);
    for (size_t i = 0; i < a->input_count; i++) {
        tensor_free(&inputs[i]);
    }
}

static bool all_evaluable(const graph *g) {
    for (size_t i = 0; i < g->node_count; i++) {
        if (!g->nodes[i]->op || !g->nodes[i]->op->eval) {
            return false;
        }
    }
    return true;
}

static void assert_form_keeps_the_numbers(graph *house, graph_form form) {
    graph *g = in_form(house, form);
    if (all_evaluable(g)) {
        assert_same_numbers(house, g);
    }
    assert_true(form != FORM_OPENVINO ||
                all_evaluable(g)); /* in the others some operators are not in the table */
    graph_destroy(g);
    graph_destroy(house);
}

/* --- the same numbers --- */

static void every_form_of_an_encoder_gives_the_same(void **state) {
    (void)state;
    assert_form_keeps_the_numbers(encoder_model(), FORM_ONNXRUNTIME);
    assert_form_keeps_the_numbers(encoder_model(), FORM_OPENVINO);
    assert_form_keeps_the_numbers(encoder_model(), FORM_PORTABLE);
}

static void every_form_of_a_model_that_normalises_first_gives_the_same(void **state) {
    (void)state;
    assert_form_keeps_the_numbers(prenorm_model(), FORM_ONNXRUNTIME);
    assert_form_keeps_the_numbers(prenorm_model(), FORM_OPENVINO);
    assert_form_keeps_the_numbers(prenorm_model(), FORM_PORTABLE);
}

static void every_form_of_cross_attention_gives_the_same(void **state) {
    (void)state;
    assert_form_keeps_the_numbers(cross_model(), FORM_ONNXRUNTIME);
    assert_form_keeps_the_numbers(cross_model(), FORM_OPENVINO);
    assert_form_keeps_the_numbers(cross_model(), FORM_PORTABLE);
}

static void every_form_of_a_decoder_gives_the_same(void **state) {
    (void)state;
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        assert_form_keeps_the_numbers(decoder_model(interleaved), FORM_ONNXRUNTIME);
        assert_form_keeps_the_numbers(decoder_model(interleaved), FORM_OPENVINO);
        assert_form_keeps_the_numbers(decoder_model(interleaved), FORM_PORTABLE);
    }
}

static void every_form_of_an_image_model_gives_the_same(void **state) {
    (void)state;
    assert_form_keeps_the_numbers(image_model(), FORM_ONNXRUNTIME);
    assert_form_keeps_the_numbers(image_model(), FORM_OPENVINO);
    graph *house = image_model(), *g = in_form(house, FORM_PORTABLE);
    assert_int_equal(count_nodes(g, "GroupNormalization"), 0);
    graph_destroy(g);
    graph_destroy(house);
}

static void the_house_form_is_the_graph_as_it_is(void **state) {
    (void)state;
    graph *house = encoder_model(), *g = in_form(house, FORM_HOUSE);
    assert_int_equal(g->node_count, house->node_count);
    graph_destroy(g);
    graph_destroy(house);
}

/* --- ONNX Runtime --- */

static void an_encoder_layer_becomes_contributed_operators(void **state) {
    (void)state;
    graph *house = encoder_model(), *g = in_form(house, FORM_ONNXRUNTIME);
    assert_int_equal(count_nodes(g, "Attention"), 2);
    assert_int_equal(count_nodes(g, "LayerNormalization"), 4);
    assert_int_equal(count_nodes(g, "Sum"),
                     4); /* the residual sums: as Add they would become the slow SkipLayerNormalization */
    assert_int_equal(count_nodes(g, "BiasGelu"), 2);
    assert_int_equal(count_nodes(g, "MatMul"), 2 * 3); /* o, up, down */
    assert_int_equal(count_nodes(g, "Cast"),
                     2); /* the mask to bool, as the model says, and to int32 for all layers */
    assert_int_equal(count_nodes(g, "Transpose"), 0);
    assert_int_equal(count_nodes(g, "Add"),
                     2 * 2); /* biases of o and down: with their MatMul one Gemm, once loaded */
    graph_destroy(g);
    graph_destroy(house);
}

static const graph_node *find_node(const graph *g, const char *op_type) {
    for (size_t i = 0; i < g->node_count; i++) {
        if (strcmp(g->nodes[i]->op_type, op_type) == 0) {
            return g->nodes[i];
        }
    }
    return NULL;
}

/* Columns: q, then k, then v. */
static void the_three_weights_become_one(void **state) {
    (void)state;
    graph *house = encoder_model(), *g = in_form(house, FORM_ONNXRUNTIME);
    accel_error err = {0};
    const graph_node *n = find_node(g, "Attention");
    assert_string_equal(n->domain, "com.microsoft");
    assert_int_equal(node_attr_int(n, "num_heads", 0), HEADS);
    float joined[WIDTH][3 * WIDTH], k[WIDTH][WIDTH], bias[3 * WIDTH], v_bias[WIDTH];
    assert_ok(graph_value_read(g, n->inputs[1], joined, sizeof joined, &err));
    assert_ok(graph_value_read(g, n->inputs[2], bias, sizeof bias, &err));
    assert_ok(graph_value_read(house, graph_find_value(house, "0.k.weight"), k, sizeof k, &err));
    assert_ok(graph_value_read(house, graph_find_value(house, "0.v.bias"), v_bias, sizeof v_bias, &err));
    for (int in = 0; in < WIDTH; in++) {
        for (int out = 0; out < WIDTH; out++) {
            assert_true(joined[in][WIDTH + out] == k[out][in]);
        }
    }
    assert_memory_equal(bias + 2 * WIDTH, v_bias, sizeof v_bias);
    const graph_value *mask = &g->values[n->inputs[3]];
    assert_int_equal(mask->type.type, DTYPE_I32);
    assert_int_equal(mask->type.shape.rank, 2);
    graph_destroy(g);
    graph_destroy(house);
}

static void a_residual_sum_that_others_use_stays_theirs(void **state) {
    (void)state;
    graph *house = prenorm_model(), *g = in_form(house, FORM_ONNXRUNTIME);
    assert_int_equal(count_nodes(g, "Sum"), 2);
    assert_int_equal(count_nodes(g, "LayerNormalization"), count_nodes(house, "LayerNormalization"));
    assert_int_equal(count_nodes(g, "FastGelu"), 1);
    graph_destroy(g);
    graph_destroy(house);
}

static void attention_over_another_sequence_keeps_its_products(void **state) {
    (void)state;
    graph *house = cross_model(), *g = in_form(house, FORM_ONNXRUNTIME);
    accel_error err = {0};
    const graph_node *n = find_node(g, "MultiHeadAttention");
    assert_non_null(n);
    assert_int_equal(count_nodes(g, "MatMul"), 3);
    assert_ok(graph_infer(g, &err));
    assert_shape(g, n->inputs[5],
                 DIMS(1, 1, LENGTH, 3)); /* broadcast over batch and heads, not over queries */
    graph_destroy(g);
    graph_destroy(house);
}

/* Rotary positions of three-dimensional states, by angles for each token. */
static graph *turned_model(void) {
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, &any_weights, &err));
    value_id in[] = {states(&b, "x"),
                     build_input(&b, "cos", DTYPE_F32, 3, (int64_t[]){BATCH, LENGTH, 2}, NULL),
                     build_input(&b, "sin", DTYPE_F32, 3, (int64_t[]){BATCH, LENGTH, 2}, NULL)};
    build_output(&b, "y", build_op(&b, "RotaryEmbedding", 3, in, 1, &BUILD_INT("num_heads", HEADS)));
    return finished(&b);
}

static void angles_of_tokens_become_a_table_of_positions(void **state) {
    (void)state;
    graph *house = turned_model(), *g = in_form(house, FORM_ONNXRUNTIME);
    accel_error err = {0};
    const graph_node *n = find_node(g, "RotaryEmbedding");
    int64_t positions[BATCH * LENGTH];
    assert_string_equal(n->domain, "com.microsoft");
    assert_int_equal(node_attr_int(n, "num_heads", 0), HEADS);
    assert_int_equal(node_attr_int(n, "rotary_embedding_dim", -1), 0); /* the whole head */
    assert_shape(g, n->inputs[1], DIMS(BATCH, LENGTH));
    assert_ok(graph_value_read(g, n->inputs[1], positions, sizeof positions, &err));
    for (int i = 0; i < BATCH * LENGTH; i++) {
        assert_int_equal(positions[i], i);
    }
    assert_shape(g, n->inputs[2], DIMS(BATCH * LENGTH, 2));
    assert_shape(g, n->inputs[3], DIMS(BATCH * LENGTH, 2));
    graph_destroy(g);
    graph_destroy(house);
}

static void a_decoder_for_onnx_runtime_copies_no_keys(void **state) {
    (void)state;
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        graph *house = decoder_model(interleaved), *g = in_form(house, FORM_ONNXRUNTIME);
        assert_int_equal(count_nodes(g, "RotaryEmbedding"), 2);
        assert_int_equal(node_attr_int(find_node(g, "RotaryEmbedding"), "interleaved", 0), interleaved);
        assert_int_equal(count_nodes(g, "Expand"), 0);
        graph_destroy(g);
        graph_destroy(house);
    }
}

/* --- OpenVINO and older readers --- */

static void rotary_heads_go_straight_into_attention(void **state) {
    (void)state;
    graph *house = decoder_model(false), *g = in_form(house, FORM_OPENVINO);
    assert_int_equal(count_nodes(g, "Transpose"), 5); /* q, k, v apart, keys turned, heads together */
    assert_int_equal(count_nodes(g, "Neg"), 2);       /* x · cos + (-x2, x1) · sin */
    assert_int_equal(count_nodes(g, "Expand"), 2);    /* many queries: keys and values are repeated */
    graph_destroy(g);
    graph_destroy(house);
}

/* One token over a cache: four heads share two, and the mask speaks of keys alone. */
static graph *one_query_model(void) {
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, &any_weights, &err));
    value_id in[] = {build_input(&b, "q", DTYPE_F32, 4, (int64_t[]){BATCH, 4, 1, 4}, NULL),
                     build_input(&b, "k", DTYPE_F32, 4, (int64_t[]){BATCH, 2, LENGTH, 4}, NULL),
                     build_input(&b, "v", DTYPE_F32, 4, (int64_t[]){BATCH, 2, LENGTH, 3}, NULL),
                     build_input(&b, "bias", DTYPE_F32, 4, (int64_t[]){BATCH, 1, 1, LENGTH}, NULL)};
    build_output(&b, "y", build_op(&b, "Attention", 4, in, 0, NULL));
    return finished(&b);
}

static void one_query_reads_shared_keys_in_place(void **state) {
    (void)state;
    for (int form = FORM_ONNXRUNTIME; form <= FORM_PORTABLE; form++) {
        graph *house = one_query_model(), *g = in_form(house, (graph_form)form);
        assert_int_equal(count_nodes(g, "Expand"), 0);
        assert_int_equal(count_nodes(g, "Reshape"),
                         2); /* none between the products: the mask fits as it is */
        graph_destroy(g);
        assert_form_keeps_the_numbers(house, (graph_form)form);
    }
}

static void plain_forms_hold_no_operator_newer_than_their_opset(void **state) {
    (void)state;
    static const char *const newer[] = {"Attention", "RMSNormalization", "RotaryEmbedding", "Swish"};
    graph *house = decoder_model(false);
    for (int form = FORM_OPENVINO; form <= FORM_PORTABLE; form++) {
        graph *g = in_form(house, (graph_form)form);
        for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
            assert_int_equal(count_nodes(g, newer[i]), 0);
        }
        graph_destroy(g);
    }
    graph_destroy(house);
    assert_int_equal(graph_form_opset(FORM_PORTABLE), 17);
    assert_true(graph_form_opset(FORM_OPENVINO) < 23);
    assert_int_equal(graph_form_opset(FORM_HOUSE), graph_opset());
}

static void openvino_keeps_gelu_whole(void **state) {
    (void)state;
    graph *house = encoder_model(), *g = in_form(house, FORM_OPENVINO),
          *portable = in_form(house, FORM_PORTABLE);
    assert_int_equal(count_nodes(g, "Gelu"), 2);
    assert_int_equal(count_nodes(portable, "Gelu"), 0);
    assert_int_equal(count_nodes(portable, "Erf"), 2);
    graph_destroy(portable);
    graph_destroy(g);
    graph_destroy(house);
}

static void older_spellings_have_attributes_for_inputs(void **state) {
    (void)state;
    graph *house = image_model(), *g = in_form(house, FORM_PORTABLE);
    const graph_node *reduce = find_node(g, "ReduceMean"), *split = find_node(g, "Split"),
                     *pad = find_node(g, "Pad");
    assert_int_equal(reduce->input_count, 1);
    assert_int_equal(node_attr(reduce, "axes")->count, 2);
    assert_int_equal(split->input_count, 2);
    assert_null(node_attr(split, "num_outputs"));
    assert_int_equal(pad->input_count, 3);
    assert_shape(g, pad->inputs[1], DIMS(8));
    graph_destroy(g);
    graph_destroy(house);
}

static void what_cannot_be_said_is_refused_with_the_node(void **state) {
    (void)state;
    graph *g = new_graph();
    accel_error err = {0};
    value_id in[] = {input(g, "q", DTYPE_F32, DIMS(1, 2, 3, 4)), input(g, "k", DTYPE_F32, DIMS(1, 2, 3, 4)),
                     input(g, "v", DTYPE_F32, DIMS(1, 2, 3, 4))};
    graph_attr window = attr_int("left_window_size", 2);
    output(g, node_with(g, "Attention", "narrow", 3, in, 1, &window)->outputs[0]);
    assert_int_equal(pass_to_form(g, FORM_PORTABLE, &err), ACCEL_UNSUPPORTED);
    assert_says("node 'narrow' (Attention)");
    assert_says("windows");
    graph_destroy(g);
}

/* --- attention with a cache, four-dimensional, bool mask --- */

static void a_cache_is_appended_to(void **state) {
    (void)state;
    graph *g = new_graph(), *split;
    accel_error err = {0};
    value_id in[] = {
        input(g, "q", DTYPE_F32, DIMS(1, 4, 2, 4)),      input(g, "k", DTYPE_F32, DIMS(1, 2, 2, 4)),
        input(g, "v", DTYPE_F32, DIMS(1, 2, 2, 3)),      input(g, "bias", DTYPE_F32, DIMS(2, 5)),
        input(g, "past_k", DTYPE_F32, DIMS(1, 2, 3, 4)), input(g, "past_v", DTYPE_F32, DIMS(1, 2, 3, 3))};
    const char *names[] = {"y", "present_k", "present_v"};
    graph_attr attrs[] = {attr_int("is_causal", 1), {.name = "softcap", .kind = ATTR_FLOAT, .f = 2}};
    node_id n;
    assert_ok(graph_add_node(g, "", "Attention", "cached", in, 6, names, 3, attrs, 2, &n, &err));
    for (int i = 0; i < 3; i++) {
        output(g, g->nodes[n]->outputs[i]);
    }
    assert_ok(graph_infer(g, &err));
    split = in_form(g, FORM_PORTABLE);
    tensor inputs[6] = {{0}};
    make_inputs(g, inputs);
    evaluation *a, *b;
    assert_ok(graph_evaluate(g, inputs, 6, NULL, &a, &err));
    assert_ok(graph_evaluate(split, inputs, 6, NULL, &b, &err));
    for (size_t i = 0; i < 3; i++) {
        tensor ta, tb;
        tensor_distance d;
        evaluation_output_tensor(a, i, &ta);
        evaluation_output_tensor(b, i, &tb);
        assert_ok(tensor_compare(&tb, &ta, &d, &err));
        assert_true(d.relative_l2 < 1e-6);
    }
    evaluation_destroy(a);
    evaluation_destroy(b);
    for (size_t i = 0; i < 6; i++) {
        tensor_free(&inputs[i]);
    }
    graph_destroy(split);
    graph_destroy(g);
}

static void subgraphs_are_rewritten_too(void **state) {
    (void)state;
    graph *g = new_graph(), *sub;
    accel_error err = {0};
    value_id x = input(g, "x", DTYPE_F32, DIMS(2, 3)), outer;
    assert_ok(graph_create_subgraph(g, &sub, &err));
    assert_ok(graph_add_outer(sub, "x.in", x, &outer, &err));
    output(sub, NODE(sub, "Gelu", "inner", outer));
    output(g, node_with(g, "Holder", "h", 0, NULL, 1, (graph_attr[]){attr_graph("body", sub)})->outputs[0]);
    assert_ok(pass_to_form(g, FORM_PORTABLE, &err));
    assert_ok(graph_check(g, &err));
    assert_int_equal(count_nodes(sub, "Gelu"), 0);
    assert_int_equal(count_nodes(sub, "Erf"), 1);
    assert_string_equal(sub->values[sub->outputs[0]].name, "inner");
    graph_destroy(g);
}

/* --- memory --- */

static void every_allocation_may_fail(void **state) {
    (void)state;
    graph *house = prenorm_model();
    bool failed = true;
    /* In steps that grow: each failure costs a whole run. */
    for (uint64_t n = 1; failed; n += 1 + n / 20) {
        graph *g;
        accel_error err = {0};
        assert_ok(graph_clone(house, &g, &err));
        mem_fault_set(n, false);
        accel_status status = pass_to_form(g, FORM_ONNXRUNTIME, &err);
        mem_fault_set(0, false);
        failed = status != ACCEL_OK;
        if (failed) {
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
            assert_true(err.message[0] != '\0');
        }
        graph_destroy(g);
        assert_true(n < 1000000);
    }
    graph_destroy(house);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_an_encoder_gives_the_same),
        cmocka_unit_test(every_form_of_a_model_that_normalises_first_gives_the_same),
        cmocka_unit_test(every_form_of_cross_attention_gives_the_same),
        cmocka_unit_test(every_form_of_a_decoder_gives_the_same),
        cmocka_unit_test(every_form_of_an_image_model_gives_the_same),
        cmocka_unit_test(the_house_form_is_the_graph_as_it_is),
        cmocka_unit_test(an_encoder_layer_becomes_contributed_operators),
        cmocka_unit_test(the_three_weights_become_one),
        cmocka_unit_test(a_residual_sum_that_others_use_stays_theirs),
        cmocka_unit_test(attention_over_another_sequence_keeps_its_products),
        cmocka_unit_test(angles_of_tokens_become_a_table_of_positions),
        cmocka_unit_test(a_decoder_for_onnx_runtime_copies_no_keys),
        cmocka_unit_test(rotary_heads_go_straight_into_attention),
        cmocka_unit_test(one_query_reads_shared_keys_in_place),
        cmocka_unit_test(plain_forms_hold_no_operator_newer_than_their_opset),
        cmocka_unit_test(openvino_keeps_gelu_whole),
        cmocka_unit_test(older_spellings_have_attributes_for_inputs),
        cmocka_unit_test(what_cannot_be_said_is_refused_with_the_node),
        cmocka_unit_test(a_cache_is_appended_to),
        cmocka_unit_test(subgraphs_are_rewritten_too),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
