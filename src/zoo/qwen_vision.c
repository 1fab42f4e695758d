/* The vision side of Qwen2-VL and Qwen3-VL. States are [frames, frame_patches, width]. */
#include <math.h>

#include "zoo/qwen_vl.h"

typedef struct vision {
    const zoo_qwen_vl *q;
    int64_t depth, width, heads, intermediate, out;
    const char *activation;
    int64_t deep[ZOO_QWEN_MAX_DEEP]; /* blocks whose states are features too */
    size_t deep_count;
    double theta;
    value_id mask;
    zoo_rotary rotary;
} vision;

/* ---- config.json -------------------------------------------------------------------------------------- */

static accel_status read_deep(hf_config *c, vision *v, accel_error *err) {
    static const int64_t defaults[] = {8, 16, 24};
    v->deep_count = 3;
    for (size_t i = 0; i < 3; i++)
        v->deep[i] = defaults[i];
    if (hf_config_has(c, "deepstack_visual_indexes"))
        v->deep_count = hf_config_ints(c, "deepstack_visual_indexes", v->deep, ZOO_QWEN_MAX_DEEP);
    for (size_t i = 0; i < v->deep_count; i++)
        if (v->deep[i] < (i > 0 ? v->deep[i - 1] + 1 : 0) || v->deep[i] >= v->depth)
            return error_set(
                err, ACCEL_BAD_FILE,
                "deepstack_visual_indexes must be rising numbers of the %lld vision blocks; it has %lld",
                (long long)v->depth, (long long)v->deep[i]);
    return ACCEL_OK;
}

static accel_status read_vision(hf_config *c, const zoo_qwen_vl *q, vision *v, accel_error *err) {
    bool third = q->kind == ZOO_QWEN3_VL;
    *v = (vision){.q = q};
    v->depth = hf_config_int(c, "depth", third ? 27 : 32, 0, ZOO_MAX_LAYERS);
    v->heads = hf_config_int(c, "num_heads", 16, 1, ZOO_MAX_WIDTH);
    v->theta = hf_config_rope_theta(c, "", 10000);
    v->activation = hf_config_string(c, "hidden_act", third ? "gelu_pytorch_tanh" : "quick_gelu");
    if (third) {
        v->width = hf_config_int(c, "hidden_size", 1152, 1, ZOO_MAX_WIDTH);
        v->intermediate = hf_config_int(c, "intermediate_size", 4304, 1, 1 << 24);
        v->out = hf_config_int(c, "out_hidden_size", 3584, 1, ZOO_MAX_WIDTH);
        ACCEL_TRY(read_deep(c, v, err));
    } else {
        v->width = hf_config_int(c, "embed_dim", 1280, 1, ZOO_MAX_WIDTH);
        v->intermediate = v->width * hf_config_int(c, "mlp_ratio", 4, 1, 64);
        v->out = hf_config_int(c, "hidden_size", 3584, 1, ZOO_MAX_WIDTH);
    }
    ACCEL_TRY(hf_config_check(c, err));
    if (v->width % v->heads != 0)
        return zoo_refuse_heads(err, "vision_config", v->width, v->heads);
    if (v->width / v->heads % 4 != 0 || !(v->theta > 0))
        return error_set(err, ACCEL_BAD_FILE,
                         "vision_config: heads of %lld numbers cannot hold rotary positions of rows and "
                         "columns, which need a multiple of 4 and a positive rope_theta",
                         (long long)(v->width / v->heads));
    return ACCEL_OK;
}

/* ---- patches and positions ---------------------------------------------------------------------------- */

static value_id frame_input(builder *b, const char *name, dtype type, int64_t last) {
    return build_input(b, name, type, last > 0 ? 3 : 2, (int64_t[]){DIM_UNKNOWN, DIM_UNKNOWN, last},
                       (const char *const[]){"frames", "frame_patches", NULL});
}

static value_id pixels_input(builder *b, const zoo_qwen_vl *q, const char *name, const char *patches) {
    return build_input(b, name, DTYPE_F32, 2, (int64_t[]){DIM_UNKNOWN, zoo_qwen_patch_values(q)},
                       (const char *const[]){patches, NULL});
}

/* A convolution whose kernel is a whole patch is a product. */
static value_id project(builder *b, const vision *v, value_id pixels) {
    const zoo_qwen_vl *q = v->q;
    value_id kernel = build_weight(b, "visual.patch_embed.proj.weight", 5,
                                   (int64_t[]){v->width, q->channels, q->frames, q->patch, q->patch});
    kernel = build_reshape(b, kernel, 2, (int64_t[]){v->width, zoo_qwen_patch_values(q)});
    value_id x = BUILD(b, "MatMul", pixels, build_transpose(b, kernel, 2, (int64_t[]){1, 0}));
    return q->kind == ZOO_QWEN3_VL
               ? BUILD(b, "Add", x, build_weight(b, "visual.patch_embed.proj.bias", 1, &v->width))
               : x;
}

/* The learned table of positions between its rows. */
static value_id resampled_positions(builder *b, const vision *v) {
    value_id rows = frame_input(b, "table_rows", DTYPE_I64, 4),
             weights = frame_input(b, "table_weights", DTYPE_F32, 4);
    value_id near =
        build_embedding(b, "visual.pos_embed.weight", rows, v->q->table_side * v->q->table_side, v->width);
    value_id weighted = BUILD(b, "Mul", near, zoo_unsqueeze(b, weights, -1));
    return build_op(b, "ReduceSum", 2, (value_id[]){weighted, build_i64s(b, 1, (int64_t[]){2})}, 1,
                    &BUILD_INT("keepdims", 0));
}

/* A quarter of the head turns by the row and the next by the column; then both again. */
static accel_status make_angles(builder *b, vision *v, accel_error *err) {
    int64_t quarter = v->width / v->heads / 4;
    float *inverse = ARENA_ARRAY(b->graph->arena, float, (size_t)quarter);
    if (!inverse)
        return error_no_memory(err, "rotary frequencies", (size_t)quarter);
    for (int64_t i = 0; i < quarter; i++)
        inverse[i] = (float)(1 / pow(v->theta, (double)i / (double)quarter));
    value_id places = frame_input(b, "patch_places", DTYPE_I64, 2);
    value_id angle = BUILD(b, "Mul", zoo_unsqueeze(b, zoo_cast(b, places, DTYPE_F32), -1),
                           zoo_floats(b, 1, &quarter, inverse));
    angle = build_reshape(b, angle, 3, (int64_t[]){0, 0, 2 * quarter});
    v->rotary = (zoo_rotary){BUILD(b, "Cos", angle), BUILD(b, "Sin", angle)};
    return ACCEL_OK;
}

/* ---- blocks ------------------------------------------------------------------------------------------- */

static value_id block(builder *b, const vision *v, int64_t index, value_id x) {
    const char *at = zoo_spell(b, "visual.blocks.%lld.", (long long)index);
    const char *stem = v->q->kind == ZOO_QWEN3_VL ? "linear_fc" : "fc";
    b->scope = at;
    zoo_attention a = {.width = v->width, .heads = v->heads, .mask = v->mask, .rotary = v->rotary};
    value_id normed = build_layer_norm(b, zoo_spell(b, "%snorm1", at), x, v->width, 1e-6);
    value_id packed = build_linear(b, zoo_spell(b, "%sattn.qkv", at), normed, v->width, 3 * v->width, true);
    value_id mixed = zoo_attend_packed(b, &a, packed);
    mixed = build_linear(b, zoo_spell(b, "%sattn.proj", at), mixed, v->width, v->width, true);
    x = BUILD(b, "Add", x, mixed);
    normed = build_layer_norm(b, zoo_spell(b, "%snorm2", at), x, v->width, 1e-6);
    value_id fed =
        zoo_feed_forward(b, zoo_spell(b, "%smlp.%s1", at, stem), zoo_spell(b, "%smlp.%s2", at, stem), normed,
                         v->width, v->intermediate, v->activation, true);
    b->scope = "";
    return BUILD(b, "Add", x, fed);
}

/* Neighbours lie one after the other, so joining them is a reshape. */
static value_id joined(builder *b, const vision *v, value_id x) {
    return build_reshape(b, x, 3, (int64_t[]){0, -1, v->q->merge * v->q->merge * v->width});
}

static value_id merger_layers(builder *b, const vision *v, const char *up, const char *down, value_id x) {
    int64_t wide = v->q->merge * v->q->merge * v->width;
    x = build_activation(b, "gelu", build_linear(b, up, x, wide, wide, true));
    return build_reshape(b, build_linear(b, down, x, wide, v->out, true), 2, (int64_t[]){-1, v->out});
}

static value_id merged(builder *b, const vision *v, value_id x) {
    bool third = v->q->kind == ZOO_QWEN3_VL;
    x = build_layer_norm(b, third ? "visual.merger.norm" : "visual.merger.ln_q", x, v->width, 1e-6);
    return merger_layers(b, v, third ? "visual.merger.linear_fc1" : "visual.merger.mlp.0",
                         third ? "visual.merger.linear_fc2" : "visual.merger.mlp.2", joined(b, v, x));
}

static value_id deep_merged(builder *b, const vision *v, size_t index, value_id x) {
    const char *at = zoo_spell(b, "visual.deepstack_merger_list.%d.", (int)index);
    x = build_layer_norm(b, zoo_spell(b, "%snorm", at), joined(b, v, x), v->q->merge * v->q->merge * v->width,
                         1e-6);
    return merger_layers(b, v, zoo_spell(b, "%slinear_fc1", at), zoo_spell(b, "%slinear_fc2", at), x);
}

accel_status zoo_qwen_vision(builder *b, hf_config *c, const zoo_qwen_vl *q, int64_t text_width,
                             zoo_qwen_features *out, accel_error *err) {
    vision v;
    ACCEL_TRY(read_vision(c, q, &v, err));
    if (v.out != text_width)
        return error_set(err, ACCEL_BAD_FILE,
                         "vision_config makes features of width %lld; the text model's states have %lld",
                         (long long)v.out, (long long)text_width);
    *out = (zoo_qwen_features){0};
    value_id images = pixels_input(b, q, "pixel_values", "patches"),
             videos = pixels_input(b, q, "pixel_values_videos", "video_patches"),
             rows = frame_input(b, "patch_rows", DTYPE_I64, 0);
    value_id patches = project(b, &v, zoo_concat(b, 0, 2, (value_id[]){images, videos}));
    value_id x = BUILD(b, "Gather", patches, rows);
    if (q->table_side > 0)
        x = BUILD(b, "Add", x, resampled_positions(b, &v));
    ACCEL_TRY(make_angles(b, &v, err));
    v.mask = zoo_keep_mask(b, frame_input(b, "patch_mask", DTYPE_I64, 0));
    for (int64_t i = 0; i < v.depth; i++) {
        x = block(b, &v, i, x);
        if (out->deep_count < v.deep_count && v.deep[out->deep_count] == i) {
            out->deep[out->deep_count] = deep_merged(b, &v, out->deep_count, x);
            out->deep_count++;
        }
    }
    out->merged = merged(b, &v, x);
    return ACCEL_OK;
}
