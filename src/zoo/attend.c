/* Attention of the zoo: projections, norms and rotary turns of heads, caches of keys and values, the operator. */
#include "zoo/blocks.h"

#include <math.h>

/* [batch, sequence, heads·size] ↔ [batch, heads, sequence, size]. */
static value_id split_heads(builder *b, value_id x, int64_t heads, int64_t size) {
    value_id apart = build_reshape(b, x, 4, (int64_t[]){0, 0, heads, size});
    return build_transpose(b, apart, 4, (int64_t[]){0, 2, 1, 3});
}

static value_id join_heads(builder *b, value_id x, int64_t heads, int64_t size) {
    value_id turned = build_transpose(b, x, 4, (int64_t[]){0, 2, 1, 3});
    return build_reshape(b, turned, 3, (int64_t[]){0, 0, heads * size});
}

static value_id heads_norm(builder *b, const char *name, value_id x, int64_t heads, int64_t size,
                           double epsilon) {
    value_id apart = build_reshape(b, x, 4, (int64_t[]){0, 0, heads, size});
    return build_reshape(b, zoo_rms_norm(b, name, apart, size, epsilon), 3, (int64_t[]){0, 0, heads * size});
}

static value_id turned(builder *b, const zoo_rotary *r, value_id x, int64_t heads) {
    return build_op(b, "RotaryEmbedding", 3, (value_id[]){x, r->cosine, r->sine}, 1,
                    &BUILD_INT("num_heads", heads));
}

static value_id head_states(builder *b, const zoo_attention *a, value_id x, const char *norm, int64_t heads) {
    if (norm)
        x = heads_norm(b, norm, x, heads, a->head_size, a->norm_epsilon);
    return a->rotary.cosine != VALUE_NONE ? turned(b, &a->rotary, x, heads) : x;
}

zoo_attention zoo_attention_named(builder *b, const char *at, const char *const names[4], bool bias,
                                  bool o_bias, int64_t width, int64_t heads) {
    return (zoo_attention){.q = zoo_spell(b, "%s%s", at, names[0]),
                           .k = zoo_spell(b, "%s%s", at, names[1]),
                           .v = zoo_spell(b, "%s%s", at, names[2]),
                           .o = zoo_spell(b, "%s%s", at, names[3]),
                           .q_bias = bias,
                           .k_bias = bias,
                           .v_bias = bias,
                           .o_bias = o_bias,
                           .width = width,
                           .heads = heads,
                           .mask = VALUE_NONE,
                           .rotary = {VALUE_NONE, VALUE_NONE}};
}

/* What is left out follows from the rest. */
static zoo_attention completed(const zoo_attention *given) {
    zoo_attention a = *given;
    a.kv_heads = a.kv_heads ? a.kv_heads : a.heads;
    a.head_size = a.head_size ? a.head_size : a.width / a.heads;
    a.other_width = a.other_width ? a.other_width : a.width;
    a.scale = a.scale != 0 ? a.scale : 1 / sqrt((double)a.head_size);
    return a;
}

static value_id attention_op(builder *b, const zoo_attention *a, value_id q, value_id k, value_id v,
                             bool causal) {
    return build_op(b, "Attention", 4, (value_id[]){q, k, v, a->mask}, 4,
                    (build_attr[]){BUILD_INT("q_num_heads", a->heads), BUILD_INT("kv_num_heads", a->kv_heads),
                                   BUILD_INT("is_causal", causal), BUILD_FLOAT("scale", a->scale)});
}

static value_id output(builder *b, const zoo_attention *a, value_id mixed) {
    return build_linear(b, a->o, mixed, a->heads * a->head_size, a->width, a->o_bias);
}

/* ---- caches ------------------------------------------------------------------------------------------- */

static value_id heads_input(builder *b, const zoo_attention *a, const char *name, int64_t length,
                            const char *length_name) {
    value_id v =
        build_input(b, name, DTYPE_F32, 4, (int64_t[]){DIM_UNKNOWN, a->kv_heads, length, a->head_size},
                    (const char *const[]){"batch", NULL, length_name, NULL});
    if (v != VALUE_NONE)
        b->graph->values[v].held = true;
    return v;
}

/* Made by whoever asks first: see zoo_cache_capacity. */
static value_id past_input(builder *b, const zoo_attention *a, const char *part) {
    const char *name = zoo_spell(b, "past_key_values.%lld.%s", (long long)a->layer, part);
    value_id there = b->error.status == ACCEL_OK ? graph_find_value(b->graph, name) : VALUE_NONE;
    return there != VALUE_NONE ? there : heads_input(b, a, name, DIM_UNKNOWN, "capacity");
}

static value_id cross_input(builder *b, const zoo_attention *a, const char *part) {
    const char *name = zoo_spell(b, "cross.%lld.%s", (long long)a->layer, part);
    return heads_input(b, a, name, a->other_length ? a->other_length : DIM_UNKNOWN, "encoder_sequence");
}

value_id zoo_cache_capacity(builder *b, const zoo_attention *given) {
    zoo_attention a = completed(given);
    return zoo_length(b, past_input(b, &a, "key"), 2);
}

/* The cache with this token's keys or values written into their place, as 4-D heads. */
static value_id cached(builder *b, const zoo_attention *a, value_id fresh, const char *part) {
    value_id past = past_input(b, a, part);
    value_id heads = split_heads(b, fresh, a->kv_heads, a->head_size);
    value_id present = build_op(b, "TensorScatter", 3, (value_id[]){past, heads, a->cache->write_indices}, 1,
                                &BUILD_INT("axis", 2));
    build_output(b, zoo_spell(b, "present.%lld.%s", (long long)a->layer, part), present);
    if (b->error.status == ACCEL_OK)
        b->graph->values[past].updated = true;
    return present;
}

static value_id attend_cached(builder *b, const zoo_attention *a, value_id q, value_id k, value_id v) {
    value_id keys = cached(b, a, k, "key"), values = cached(b, a, v, "value");
    value_id mixed = attention_op(b, a, split_heads(b, q, a->heads, a->head_size), keys, values, false);
    return join_heads(b, mixed, a->heads, a->head_size);
}

static void give_heads(builder *b, const zoo_attention *a, const char *stem, value_id x, const char *part) {
    build_output(b, zoo_spell(b, "%s.%lld.%s", stem, (long long)a->layer, part),
                 split_heads(b, x, a->kv_heads, a->head_size));
}

/* ---- the blocks --------------------------------------------------------------------------------------- */

static value_id key(builder *b, const zoo_attention *a, value_id states) {
    value_id k = build_linear(b, a->k, states, a->other_width, a->kv_heads * a->head_size, a->k_bias);
    return head_states(b, a, k, a->k_norm, a->kv_heads);
}

static value_id value(builder *b, const zoo_attention *a, value_id states) {
    return build_linear(b, a->v, states, a->other_width, a->kv_heads * a->head_size, a->v_bias);
}

static value_id query(builder *b, const zoo_attention *a, value_id states) {
    value_id q = build_linear(b, a->q, states, a->width, a->heads * a->head_size, a->q_bias);
    return head_states(b, a, q, a->q_norm, a->heads);
}

static value_id mix(builder *b, const zoo_attention *a, value_id q, value_id k, value_id v) {
    zoo_mode mode = a->cache ? a->cache->mode : ZOO_INFERENCE;
    if (mode == ZOO_DECODE)
        return attend_cached(b, a, q, k, v);
    if (mode == ZOO_PREFILL) {
        give_heads(b, a, "present", k, "key");
        give_heads(b, a, "present", v, "value");
    }
    return attention_op(b, a, q, k, v, a->causal);
}

value_id zoo_attend(builder *b, const zoo_attention *given, value_id states) {
    zoo_attention a = completed(given);
    value_id q = query(b, &a, states), k = key(b, &a, states), v = value(b, &a, states);
    return output(b, &a, mix(b, &a, q, k, v));
}

value_id zoo_attend_apart(builder *b, const zoo_attention *given, value_id queries, value_id keys,
                          value_id values) {
    zoo_attention a = completed(given);
    value_id q = query(b, &a, queries), k = key(b, &a, keys), v = value(b, &a, values);
    return output(b, &a, attention_op(b, &a, q, k, v, a.causal));
}

value_id zoo_attend_packed(builder *b, const zoo_attention *given, value_id packed) {
    zoo_attention a = completed(given);
    value_id parts[3];
    build_op_n(b, "Split", 1, &packed, 2, (build_attr[]){BUILD_INT("axis", -1), BUILD_INT("num_outputs", 3)},
               3, parts);
    for (int i = 0; i < 2; i++)
        parts[i] = head_states(b, &a, parts[i], NULL, a.heads);
    return mix(b, &a, parts[0], parts[1], parts[2]);
}

void zoo_cross_keys(builder *b, const zoo_attention *given, value_id others) {
    zoo_attention a = completed(given);
    give_heads(b, &a, "cross", key(b, &a, others), "key");
    give_heads(b, &a, "cross", value(b, &a, others), "value");
}

value_id zoo_attend_to(builder *b, const zoo_attention *given, value_id states, value_id others) {
    zoo_attention a = completed(given);
    value_id q = query(b, &a, states), k, v;
    if (a.cache && a.cache->mode == ZOO_DECODE) {
        k = cross_input(b, &a, "key");
        v = cross_input(b, &a, "value");
        q = split_heads(b, q, a.heads, a.head_size);
        return output(b, &a, join_heads(b, attention_op(b, &a, q, k, v, false), a.heads, a.head_size));
    }
    k = key(b, &a, others);
    v = value(b, &a, others);
    return output(b, &a, attention_op(b, &a, q, k, v, false));
}
