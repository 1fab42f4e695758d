#include "zoo/clip_towers.h"

/* ---- layers ------------------------------------------------------------------------------------------- */

static const char *layer_prefix(builder *b, const zoo_clip_stack *s, int64_t layer) {
    return zoo_spell(b, "%sencoder.layers.%lld.", s->prefix, (long long)layer);
}

value_id zoo_clip_mixed(builder *b, const zoo_clip_stack *s, int64_t layer, value_id x, value_id mask,
                        bool causal) {
    const char *at = b->scope = layer_prefix(b, s, layer);
    zoo_attention attention =
        zoo_attention_named(b, at,
                            (const char *const[]){"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                                  "self_attn.out_proj"},
                            true, true, s->hidden, s->heads);
    attention.causal = causal;
    attention.mask = mask;
    value_id normed = build_layer_norm(b, zoo_spell(b, "%slayer_norm1", at), x, s->hidden, s->epsilon);
    x = BUILD(b, "Add", x, zoo_attend(b, &attention, normed));
    b->scope = "";
    return x;
}

value_id zoo_clip_fed(builder *b, const zoo_clip_stack *s, int64_t layer, value_id x) {
    const char *at = b->scope = layer_prefix(b, s, layer);
    value_id normed = build_layer_norm(b, zoo_spell(b, "%slayer_norm2", at), x, s->hidden, s->epsilon);
    value_id fed = zoo_feed_forward(b, zoo_spell(b, "%smlp.fc1", at), zoo_spell(b, "%smlp.fc2", at), normed,
                                    s->hidden, s->intermediate, s->activation, true);
    x = BUILD(b, "Add", x, fed);
    b->scope = "";
    return x;
}

value_id zoo_clip_layer(builder *b, const zoo_clip_stack *s, int64_t layer, value_id x, value_id mask,
                        bool causal) {
    return zoo_clip_fed(b, s, layer, zoo_clip_mixed(b, s, layer, x, mask, causal));
}

/* The defaults of the package: towers of 12 layers, heads of 64. */
static void read_stack(hf_config *c, zoo_clip_kind kind, int64_t hidden, zoo_clip_stack *s) {
    s->hidden = hf_config_int(c, "hidden_size", hidden, 1, ZOO_MAX_WIDTH);
    s->layers = hf_config_int(c, "num_hidden_layers", 12, 0, ZOO_MAX_LAYERS);
    s->heads = hf_config_int(c, "num_attention_heads", hidden / 64, 1, ZOO_MAX_WIDTH);
    s->intermediate = hf_config_int(c, "intermediate_size", 4 * hidden, 1, ZOO_MAX_WIDTH);
    s->epsilon = hf_config_float(c, "layer_norm_eps", kind == ZOO_SIGLIP ? 1e-6 : 1e-5);
    s->activation =
        hf_config_string(c, "hidden_act", kind == ZOO_SIGLIP ? "gelu_pytorch_tanh" : "quick_gelu");
}

static accel_status check_stack(const zoo_clip_stack *s, accel_error *err) {
    return s->hidden % s->heads ? zoo_refuse_heads(err, "hidden_size", s->hidden, s->heads) : ACCEL_OK;
}

hf_config *zoo_clip_part(hf_config *c, const char *key) {
    bool text = str_equal(key, "text_config");
    const char *old = text ? "text_config_dict" : "vision_config_dict";
    if (hf_config_has(c, old))
        return hf_config_child(c, old);
    return hf_config_has(c, key) ? hf_config_child(c, key) : c;
}

/* ---- vision ------------------------------------------------------------------------------------------- */

accel_status zoo_clip_vision_read(hf_config *c, zoo_clip_kind kind, zoo_clip_vision *v, accel_error *err) {
    *v = (zoo_clip_vision){.stack = {.prefix = "vision_model."}};
    read_stack(c, kind, 768, &v->stack);
    v->channels = hf_config_int(c, "num_channels", 3, 1, ZOO_MAX_WIDTH);
    zoo_read_sides(c, "image_size", 224, v->image);
    zoo_read_sides(c, "patch_size", kind == ZOO_SIGLIP ? 16 : 32, v->patch);
    v->class_token = kind != ZOO_SIGLIP;
    v->patch_bias = kind == ZOO_SIGLIP;
    v->pre_norm = kind == ZOO_CLIP ? "pre_layrnorm" : kind == ZOO_XCLIP ? "pre_layernorm" : NULL;
    ACCEL_TRY(hf_config_check(c, err));
    ACCEL_TRY(zoo_count_patches(v->image, v->patch, &v->patches, err));
    return check_stack(&v->stack, err);
}

value_id zoo_clip_pixels(builder *b, const zoo_clip_vision *v) {
    return zoo_pixels_input(b, "pixel_values", v->channels, v->image);
}

value_id zoo_clip_vision_embed(builder *b, const zoo_clip_vision *v, value_id pixels) {
    const zoo_clip_stack *s = &v->stack;
    const char *at = b->scope = zoo_spell(b, "%sembeddings.", s->prefix);
    value_id x = zoo_patches(b, zoo_spell(b, "%spatch_embedding", at), pixels, v->channels, s->hidden,
                             v->patch, v->patch_bias);
    if (v->class_token)
        x = zoo_prepend(b, build_weight(b, zoo_spell(b, "%sclass_embedding", at), 1, &s->hidden), x,
                        s->hidden);
    x = BUILD(b, "Add", x,
              build_weight(b, zoo_spell(b, "%sposition_embedding.weight", at), 2,
                           (int64_t[]){v->class_token + v->patches, s->hidden}));
    b->scope = "";
    return v->pre_norm
               ? build_layer_norm(b, zoo_spell(b, "%s%s", s->prefix, v->pre_norm), x, s->hidden, s->epsilon)
               : x;
}

value_id zoo_clip_vision_state(builder *b, const zoo_clip_vision *v, value_id pixels, int64_t state) {
    int64_t layers = state < 0 ? v->stack.layers + 1 + state : state;
    value_id x = zoo_clip_vision_embed(b, v, pixels);
    for (int64_t i = 0; i < layers; i++)
        x = zoo_clip_layer(b, &v->stack, i, x, VALUE_NONE, false);
    return x;
}

/* NAME.weight [out, in] (in 0: [out]) and NAME.bias [out], where the weights have them. */
static void unread(builder *b, const char *name, int64_t out, int64_t in) {
    const char *weight = zoo_spell(b, "%s.weight", name), *bias = zoo_spell(b, "%s.bias", name);
    if (zoo_has(b, weight))
        build_unread(b, weight, in > 0 ? 2 : 1, (int64_t[]){out, in});
    if (zoo_has(b, bias))
        build_unread(b, bias, 1, &out);
}

static void unread_layer(builder *b, const zoo_clip_stack *s, int64_t layer) {
    static const char *const projections[] = {"q_proj", "k_proj", "v_proj", "out_proj"};
    const char *at = layer_prefix(b, s, layer);
    for (size_t i = 0; i < 4; i++)
        unread(b, zoo_spell(b, "%sself_attn.%s", at, projections[i]), s->hidden, s->hidden);
    unread(b, zoo_spell(b, "%slayer_norm1", at), s->hidden, 0);
    unread(b, zoo_spell(b, "%slayer_norm2", at), s->hidden, 0);
    unread(b, zoo_spell(b, "%smlp.fc1", at), s->intermediate, s->hidden);
    unread(b, zoo_spell(b, "%smlp.fc2", at), s->hidden, s->intermediate);
}

void zoo_clip_vision_unread(builder *b, const zoo_clip_vision *v, int64_t state) {
    for (int64_t i = state; i < v->stack.layers; i++)
        unread_layer(b, &v->stack, i);
    unread(b, zoo_spell(b, "%spost_layernorm", v->stack.prefix), v->stack.hidden, 0);
}

value_id zoo_clip_vision_pool(builder *b, const zoo_clip_vision *v, value_id last_state) {
    const zoo_clip_stack *s = &v->stack;
    return build_layer_norm(b, zoo_spell(b, "%spost_layernorm", s->prefix), zoo_pick(b, last_state, 1, 0),
                            s->hidden, s->epsilon);
}

/* ---- text --------------------------------------------------------------------------------------------- */

enum { LARGEST_IS_END = 2 }; /* the eos_token_id of files older than the rule of the first one */

accel_status zoo_clip_text_read(hf_config *c, zoo_clip_kind kind, zoo_clip_text *t, accel_error *err) {
    *t = (zoo_clip_text){.stack = {.prefix = "text_model."}, .end = -1};
    read_stack(c, kind, 512, &t->stack);
    t->vocabulary = hf_config_int(c, "vocab_size", 49408, 1, ZOO_MAX_VOCABULARY);
    t->positions = hf_config_int(c, "max_position_embeddings", 77, 1, ZOO_MAX_VOCABULARY);
    if (kind == ZOO_CLIP) {
        int64_t end = hf_config_int(c, "eos_token_id", 49407, 0, ZOO_MAX_VOCABULARY);
        t->end = end == LARGEST_IS_END ? -1 : end;
    }
    ACCEL_TRY(hf_config_check(c, err));
    return check_stack(&t->stack, err);
}

void zoo_clip_text_inputs(builder *b, value_id *ids, value_id *mask) {
    static const char *const dims[] = {"texts", "sequence"};
    int64_t free[2] = {DIM_UNKNOWN, DIM_UNKNOWN};
    *ids = build_input(b, "input_ids", DTYPE_I64, 2, free, dims);
    *mask = build_input(b, "attention_mask", DTYPE_I64, 2, free, dims);
}

value_id zoo_clip_text_state(builder *b, const zoo_clip_text *t, value_id ids, value_id mask) {
    const zoo_clip_stack *s = &t->stack;
    value_id zero = build_i64s(b, 1, (int64_t[]){0});
    const char *at = b->scope = zoo_spell(b, "%sembeddings.", s->prefix);
    value_id table = build_weight(b, zoo_spell(b, "%sposition_embedding.weight", at), 2,
                                  (int64_t[]){t->positions, s->hidden});
    value_id x =
        build_embedding(b, zoo_spell(b, "%stoken_embedding.weight", at), ids, t->vocabulary, s->hidden);
    x = BUILD(b, "Add", x, BUILD(b, "Slice", table, zero, zoo_length(b, ids, 1), zero));
    b->scope = "";
    value_id keep = zoo_keep_mask(b, mask);
    for (int64_t i = 0; i < s->layers; i++)
        x = zoo_clip_layer(b, s, i, x, keep, true);
    return build_layer_norm(b, zoo_spell(b, "%sfinal_layer_norm", s->prefix), x, s->hidden, s->epsilon);
}

value_id zoo_clip_text_pool(builder *b, const zoo_clip_text *t, value_id ids, value_id last_state) {
    /* 32 bits: ONNX Runtime has ArgMax for no other whole numbers. */
    value_id ranks = zoo_cast(b, t->end < 0 ? ids : BUILD(b, "Equal", ids, build_i64(b, t->end)), DTYPE_I32);
    value_id places = build_op(b, "ArgMax", 1, &ranks, 1, &BUILD_INT("axis", 1)); /* [texts, 1] */
    return build_op(b, "GatherND", 2, (value_id[]){last_state, places}, 1, &BUILD_INT("batch_dims", 1));
}
