/* Small models with everything that forms rewrite, and a way to compare two graphs by the reference. */
#ifndef ACCEL_TESTS_GRAPH_FORM_MODELS_H
#define ACCEL_TESTS_GRAPH_FORM_MODELS_H

#include "graph/graph_kit.h"

#include "base/random.h"
#include "graph/builder.h"
#include "graph/passes.h"

enum { BATCH = 2, LENGTH = 5, WIDTH = 8, HEADS = 2 };

static accel_status find_any(weight_source *source, const char *name, const shape *s, dtype *type,
                             graph_data *out, accel_error *err) {
    (void)source, (void)s, (void)err;
    static char names[256][64];
    static size_t count;
    char *kept = names[count++ % 256];
    snprintf(kept, sizeof names[0], "%s", name);
    *type = DTYPE_F32;
    *out = (graph_data){
        .kind = DATA_GENERATED, .stream = kept, .seed = 5, .a = strstr(name, "norm") ? 1 : 0, .b = 0.4};
    return ACCEL_OK;
}

static bool has_any(weight_source *source, const char *name) {
    (void)source, (void)name;
    return true;
}

static weight_source any_weights = {.find = find_any, .has = has_any};

static inline graph *finished(builder *b) {
    graph *g = NULL;
    accel_error err = {0};
    assert_ok(builder_finish(b, &g, &err));
    return g;
}

static inline value_id states(builder *b, const char *name) {
    return build_input(b, name, DTYPE_F32, 3, (int64_t[]){BATCH, LENGTH, WIDTH}, NULL);
}

static inline value_id layer_linear(builder *b, const char *layer, const char *name, value_id x, int64_t in,
                                    int64_t out) {
    return build_linear(b, arena_printf(b->graph->arena, "%s.%s", layer, name), x, in, out, true);
}

static inline value_id layer_norm(builder *b, const char *layer, const char *name, value_id x) {
    return build_layer_norm(b, arena_printf(b->graph->arena, "%s.%s", layer, name), x, WIDTH, 1e-12);
}

/* BERT: padding mask, self-attention, norms after the residual sums. */
static inline graph *encoder_model(void) {
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, &any_weights, &err));
    value_id x = states(&b, "x"),
             mask = build_input(&b, "mask", DTYPE_I64, 2, (int64_t[]){BATCH, LENGTH}, NULL);
    value_id keep = build_op(&b, "Cast", 1, &mask, 1, &BUILD_INT("to", DTYPE_BOOL));
    keep = BUILD(&b, "Unsqueeze", keep, build_i64s(&b, 2, (int64_t[]){1, 2}));
    for (int layer = 0; layer < 2; layer++) {
        const char *p = layer == 0 ? "0" : "1";
        value_id q = layer_linear(&b, p, "q", x, WIDTH, WIDTH), k = layer_linear(&b, p, "k", x, WIDTH, WIDTH);
        value_id v = layer_linear(&b, p, "v", x, WIDTH, WIDTH);
        value_id a = build_attention(&b, q, k, v, keep, HEADS, HEADS, false);
        a = layer_linear(&b, p, "o", a, WIDTH, WIDTH);
        x = layer_norm(&b, p, "norm1", BUILD(&b, "Add", a, x));
        value_id m = build_activation(&b, "gelu", layer_linear(&b, p, "up", x, WIDTH, 16));
        x = layer_norm(&b, p, "norm2", BUILD(&b, "Add", layer_linear(&b, p, "down", m, 16, WIDTH), x));
    }
    build_output(&b, "y", x);
    return finished(&b);
}

/* ViT: no mask, norms before, the residual stream used twice. */
static inline graph *prenorm_model(void) {
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, &any_weights, &err));
    value_id x = states(&b, "x");
    value_id n = build_layer_norm(&b, "norm1", x, WIDTH, 1e-6);
    value_id a = build_attention(
        &b, build_linear(&b, "q", n, WIDTH, WIDTH, true), build_linear(&b, "k", n, WIDTH, WIDTH, true),
        build_linear(&b, "v", n, WIDTH, WIDTH, true), VALUE_NONE, HEADS, HEADS, false);
    x = BUILD(&b, "Add", x, build_linear(&b, "o", a, WIDTH, WIDTH, true));
    n = build_layer_norm(&b, "norm2", x, WIDTH, 1e-6);
    x = BUILD(&b, "Add", x,
              build_linear(&b, "down",
                           build_activation(&b, "gelu_new", build_linear(&b, "up", n, WIDTH, 16, true)), 16,
                           WIDTH, true));
    build_output(&b, "y", build_layer_norm(&b, "norm3", x, WIDTH, 1e-6));
    return finished(&b);
}

/* Whisper's decoder: attention over another sequence, with an additive mask of its own. */
static inline graph *cross_model(void) {
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, &any_weights, &err));
    value_id x = states(&b, "x"),
             memory = build_input(&b, "memory", DTYPE_F32, 3, (int64_t[]){BATCH, 3, WIDTH}, NULL);
    value_id bias = build_input(&b, "bias", DTYPE_F32, 4, (int64_t[]){1, 1, 1, 3}, NULL);
    value_id a = build_attention(
        &b, build_linear(&b, "q", x, WIDTH, WIDTH, true), build_linear(&b, "k", memory, WIDTH, WIDTH, true),
        build_linear(&b, "v", memory, WIDTH, WIDTH, true), bias, HEADS, HEADS, false);
    build_output(&b, "y", a);
    return finished(&b);
}

static value_id rms_norm(builder *b, const char *name, value_id x) {
    value_id scale = build_weight(b, name, 1, (int64_t[]){WIDTH});
    return build_op(b, "RMSNormalization", 2, (value_id[]){x, scale}, 2,
                    (build_attr[]){BUILD_INT("axis", -1), BUILD_FLOAT("epsilon", 1e-6)});
}

/* Llama: RMS norms, rotary positions, grouped causal attention, gated Swish. */
static inline graph *decoder_model(bool interleaved) {
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, &any_weights, &err));
    value_id x = states(&b, "x"),
             positions = build_input(&b, "positions", DTYPE_I64, 2, (int64_t[]){BATCH, LENGTH}, NULL);
    value_id cosines = build_weight(&b, "cos", 2, (int64_t[]){16, 2}),
             sines = build_weight(&b, "sin", 2, (int64_t[]){16, 2});
    value_id n = rms_norm(&b, "norm1", x);
    value_id q = build_linear(&b, "q", n, WIDTH, WIDTH, true), k = build_linear(&b, "k", n, WIDTH, 4, true),
             v = build_linear(&b, "v", n, WIDTH, 4, true);
    build_attr q_heads[] = {BUILD_INT("num_heads", 2), BUILD_INT("interleaved", interleaved)};
    build_attr k_heads[] = {BUILD_INT("num_heads", 1), BUILD_INT("interleaved", interleaved)};
    q = build_op(&b, "RotaryEmbedding", 4, (value_id[]){q, cosines, sines, positions}, 2, q_heads);
    k = build_op(&b, "RotaryEmbedding", 4, (value_id[]){k, cosines, sines, positions}, 2, k_heads);
    x = BUILD(
        &b, "Add", x,
        build_linear(&b, "o", build_attention(&b, q, k, v, VALUE_NONE, 2, 1, true), WIDTH, WIDTH, true));
    n = rms_norm(&b, "norm2", x);
    value_id gate = build_activation(&b, "silu", build_linear(&b, "gate", n, WIDTH, 16, true));
    value_id up = BUILD(&b, "Mul", gate, build_linear(&b, "up", n, WIDTH, 16, true));
    x = BUILD(&b, "Add", x, build_linear(&b, "down", up, 16, WIDTH, true));
    build_output(&b, "y", rms_norm(&b, "norm3", x));
    return finished(&b);
}

/* A convolutional block with what opset 17 spells otherwise. */
static inline graph *image_model(void) {
    builder b;
    accel_error err = {0};
    assert_ok(builder_start(&b, &any_weights, &err));
    value_id x = build_input(&b, "x", DTYPE_F32, 4, (int64_t[]){1, 4, 5, 6}, NULL);
    value_id gn[] = {x, build_weight(&b, "norm.weight", 1, (int64_t[]){4}),
                     build_weight(&b, "norm.bias", 1, (int64_t[]){4})};
    x = build_op(&b, "GroupNormalization", 3, gn, 1, &BUILD_INT("num_groups", 2));
    x = build_activation(&b, "mish", x);
    x = build_activation(&b, "quick_gelu", x);
    value_id pad[] = {x, build_i64s(&b, 2, (int64_t[]){1, 2}), build_f32(&b, 0.5f),
                      build_i64s(&b, 1, (int64_t[]){-1})};
    x = build_op(&b, "Pad", 4, pad, 0, NULL);
    value_id halves[2];
    build_op_n(&b, "Split", 1, &x, 2, (build_attr[]){BUILD_INT("axis", 3), BUILD_INT("num_outputs", 2)}, 2,
               halves);
    x = BUILD(&b, "Concat", halves[0], halves[0]);
    b.graph->nodes[b.graph->node_count - 1]->attrs = arena_copy(
        b.graph->arena, &(graph_attr){.name = "axis", .kind = ATTR_INT, .i = 1}, sizeof(graph_attr));
    b.graph->nodes[b.graph->node_count - 1]->attr_count = 1;
    value_id mean = build_op(&b, "ReduceMean", 2, (value_id[]){x, build_i64s(&b, 2, (int64_t[]){2, 3})}, 1,
                             &BUILD_INT("keepdims", 0));
    build_output(&b, "y", mean);
    build_output(&b, "rest", halves[1]);
    return finished(&b);
}

/* Inputs by name and type, the same for both graphs. */
static inline void make_inputs(const graph *g, tensor *inputs) {
    accel_error err = {0};
    for (size_t i = 0; i < g->input_count; i++) {
        const graph_value *v = &g->values[g->inputs[i]];
        rng r;
        rng_seed_name(&r, 1, v->name);
        assert_ok(tensor_create(v->type.type, &v->type.shape, &inputs[i], &err));
        int64_t n = 0;
        shape_elements(&v->type.shape, &n);
        for (int64_t k = 0; k < n; k++) {
            float normal;
            rng_fill_normal_f32(&r, &normal, 1, 0, 1);
            double value = v->type.type == DTYPE_F32      ? (double)normal
                           : strcmp(v->name, "mask") == 0 ? (k % LENGTH < 3)
                                                          : (double)(k % LENGTH);
            dtype_set_f64(v->type.type, inputs[i].data, (size_t)k, value);
        }
    }
}

#endif
