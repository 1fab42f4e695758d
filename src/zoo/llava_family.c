/* What LLaVA 1.5, NeXT and OneVision share: configuration, vision tower with its projector, text model. */
#include "zoo/llava.h"
#include "zoo/merge.h"

const zoo_spelling zoo_llava_spellings[] = {{ZOO_START, "model.language_model.", "language_model."},
                                            {ZOO_START, "language_model.model.", "language_model."},
                                            {ZOO_START, "language_model.lm_head.", "lm_head."},
                                            {ZOO_START, "model.", ""},
                                            {ZOO_START, "vision_tower.vision_model.", "vision_tower."},
                                            {ZOO_START, NULL, NULL}};

/* ---- config.json -------------------------------------------------------------------------------------- */

/* image_token_index is the published spelling. */
static int64_t read_token(hf_config *c, const char *index, const char *id, int64_t fallback) {
    return hf_config_int(c, index, hf_config_int(c, id, fallback, 0, ZOO_MAX_VOCABULARY), 0,
                         ZOO_MAX_VOCABULARY);
}

static accel_status read_tower(hf_config *c, zoo_llava *l, accel_error *err) {
    hf_config *vision = hf_config_child(c, "vision_config");
    ACCEL_TRY(hf_config_check(c, err)); /* a child that there was no memory for is no tower */
    const char *type = hf_config_string(
        vision, "model_type", l->kind == ZOO_LLAVA_ONEVISION ? "siglip_vision_model" : "clip_vision_model");
    bool siglip = str_equal(type, "siglip_vision_model");
    ACCEL_TRY(hf_config_check(c, err)); /* without memory there is no vision_config */
    if (!siglip && !str_equal(type, "clip_vision_model"))
        return error_set(err, ACCEL_UNSUPPORTED,
                         "vision_config of type '%s' is not supported; known are clip_vision_model and "
                         "siglip_vision_model",
                         type);
    ACCEL_TRY(zoo_clip_vision_read(vision, siglip ? ZOO_SIGLIP : ZOO_CLIP, &l->vision, err));
    l->vision.stack.prefix = "vision_tower.";
    return ACCEL_OK;
}

static accel_status read_states(hf_config *c, zoo_llava *l, accel_error *err) {
    int64_t layers = l->vision.stack.layers;
    l->states[0] = l->kind == ZOO_LLAVA_ONEVISION ? -1 : -2;
    l->state_count = hf_config_has(c, "vision_feature_layer")
                         ? hf_config_ints(c, "vision_feature_layer", l->states, ZOO_LLAVA_MAX_STATES)
                         : 1;
    ACCEL_TRY(hf_config_check(c, err));
    for (size_t i = 0; i < l->state_count; i++) {
        int64_t state = l->states[i];
        if (state < -layers - 1 || state > layers)
            return error_set(err, ACCEL_BAD_FILE,
                             "vision_feature_layer %lld: the vision tower has %lld layers", (long long)state,
                             (long long)layers);
        l->states[i] = state < 0 ? layers + 1 + state : state;
    }
    if (l->state_count == 0)
        return error_set(err, ACCEL_BAD_FILE, "vision_feature_layer names no layer");
    return ACCEL_OK;
}

static accel_status read_strategy(hf_config *c, zoo_llava *l, accel_error *err) {
    const char *strategy = hf_config_string(c, "vision_feature_select_strategy",
                                            l->kind == ZOO_LLAVA_ONEVISION ? "full" : "default");
    l->drop_class = str_equal(strategy, "default");
    if (!l->drop_class && !str_equal(strategy, "full"))
        return error_set(err, ACCEL_UNSUPPORTED,
                         "vision_feature_select_strategy '%s' is not supported; known are default and full",
                         strategy);
    l->per_tile = l->vision.patches + l->vision.class_token - l->drop_class;
    return ACCEL_OK;
}

static void default_pinpoints(zoo_llava *l) {
    static const int64_t next[][2] = {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};
    if (l->kind == ZOO_LLAVA_NEXT) {
        for (size_t i = 0; i < 5; i++)
            for (int k = 0; k < 2; k++)
                l->pinpoints[i][k] = next[i][k];
        l->pinpoint_count = 5;
        return;
    }
    for (int64_t i = 0; i < 36; i++) {
        l->pinpoints[i][0] = 384 * (i / 6 + 1);
        l->pinpoints[i][1] = 384 * (i % 6 + 1);
    }
    l->pinpoint_count = 36;
}

/* "anyres_max_9": the features of nine tiles. */
static accel_status read_aspect(hf_config *c, zoo_llava *l, accel_error *err) {
    static const char start[] = "anyres_max_";
    const char *text = hf_config_string(c, "vision_aspect_ratio", "anyres_max_9");
    int64_t tiles = 0;
    if (!str_starts_with(text, start) || !str_to_i64(text + sizeof start - 1, &tiles) || tiles < 1 ||
        tiles > 4096)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "vision_aspect_ratio '%s' is not supported; anyres_max_9 and the like are", text);
    l->most_features = tiles * l->per_tile;
    return ACCEL_OK;
}

static accel_status read_tiles(hf_config *c, zoo_llava *l, accel_error *err) {
    const zoo_clip_vision *v = &l->vision;
    l->tile = v->image[0];
    l->side = v->image[0] / v->patch[0];
    if (v->image[1] != l->tile || l->per_tile != l->side * l->side || v->image[1] / v->patch[1] != l->side)
        return error_set(
            err, ACCEL_UNSUPPORTED,
            "vision_config: tiles must be square with one feature a patch; they have %lld features "
            "over %lld x %lld pixels",
            (long long)l->per_tile, (long long)v->image[0], (long long)v->image[1]);
    default_pinpoints(l);
    if (hf_config_has(c, "image_grid_pinpoints"))
        l->pinpoint_count = hf_config_pairs(c, "image_grid_pinpoints", l->pinpoints, ZOO_LLAVA_MAX_PINPOINTS);
    ACCEL_TRY(hf_config_check(c, err));
    for (size_t i = 0; i < l->pinpoint_count; i++)
        for (int k = 0; k < 2; k++)
            if (l->pinpoints[i][k] < 1 || l->pinpoints[i][k] % l->tile != 0 ||
                l->pinpoints[i][k] > 64 * l->tile)
                return error_set(err, ACCEL_BAD_FILE,
                                 "image_grid_pinpoints: %lld x %lld is not in whole tiles of %lld pixels, at "
                                 "most 64 a side",
                                 (long long)l->pinpoints[i][0], (long long)l->pinpoints[i][1],
                                 (long long)l->tile);
    if (l->pinpoint_count == 0)
        return error_set(err, ACCEL_BAD_FILE, "image_grid_pinpoints is empty");
    return l->kind == ZOO_LLAVA_ONEVISION ? read_aspect(c, l, err) : ACCEL_OK;
}

accel_status zoo_llava_read(hf_config *c, zoo_llava_kind kind, zoo_llava *l, accel_error *err) {
    bool onevision = kind == ZOO_LLAVA_ONEVISION;
    *l = (zoo_llava){.kind = kind};
    l->image_token = read_token(c, "image_token_index", "image_token_id", onevision ? 151646 : 32000);
    l->video_token =
        onevision ? read_token(c, "video_token_index", "video_token_id", 151647) : l->image_token;
    l->projector_bias = hf_config_bool(c, "multimodal_projector_bias", true);
    l->projector_activation = hf_config_string(c, "projector_hidden_act", "gelu");
    ACCEL_TRY(read_tower(c, l, err));
    ACCEL_TRY(read_states(c, l, err));
    ACCEL_TRY(read_strategy(c, l, err));
    ACCEL_TRY(hf_config_check(c, err));
    return kind == ZOO_LLAVA ? ACCEL_OK : read_tiles(c, l, err);
}

static accel_status read_text(builder *b, hf_config *c, const zoo_llava *l, zoo_llama *m, accel_error *err) {
    hf_config *text = hf_config_child(c, "text_config");
    const char *type =
        hf_config_string(text, "model_type", l->kind == ZOO_LLAVA_ONEVISION ? "qwen2" : "llama");
    zoo_llama_kind kind;
    ACCEL_TRY(hf_config_check(c, err));
    if (!zoo_llama_kind_of(type, &kind))
        return error_set(
            err, ACCEL_UNSUPPORTED,
            "text_config of type '%s' is not supported; known are llama, mistral, qwen2 and qwen3", type);
    ACCEL_TRY(zoo_llama_read(b, text, kind, 10000, m, err));
    m->prefix = "language_model.";
    /* Older files of LLaVA 1.5 and OneVision say it of the text alone. */
    m->tied = (m->tied && l->kind != ZOO_LLAVA_NEXT) || hf_config_bool(c, "tie_word_embeddings", false);
    ACCEL_TRY(hf_config_check(c, err));
    if (l->image_token >= m->vocabulary || l->video_token >= m->vocabulary)
        return error_set(err, ACCEL_BAD_FILE,
                         "the image and video tokens %lld and %lld must be below vocab_size %lld",
                         (long long)l->image_token, (long long)l->video_token, (long long)m->vocabulary);
    return ACCEL_OK;
}

/* ---- features ----------------------------------------------------------------------------------------- */

/* The hidden states that are asked for, side by side, without their class tokens. */
static value_id tower_states(builder *b, const zoo_llava *l, value_id pixels) {
    value_id states[ZOO_LLAVA_MAX_STATES], x = zoo_clip_vision_embed(b, &l->vision, pixels);
    int64_t last = 0;
    for (size_t i = 0; i < l->state_count; i++)
        last = l->states[i] > last ? l->states[i] : last;
    for (int64_t layer = 0; layer <= last; layer++) {
        for (size_t i = 0; i < l->state_count; i++)
            if (l->states[i] == layer)
                states[i] = l->drop_class ? zoo_slice(b, x, 1, 1, INT64_MAX) : x;
        if (layer < last)
            x = zoo_clip_layer(b, &l->vision.stack, layer, x, VALUE_NONE, false);
    }
    zoo_clip_vision_unread(b, &l->vision, last);
    return l->state_count == 1 ? states[0] : zoo_concat(b, -1, l->state_count, states);
}

/* [tiles, per_tile, width of the text]. */
static value_id features(builder *b, const zoo_llava *l, int64_t width) {
    const zoo_clip_vision *v = &l->vision;
    value_id pixels = build_input(
        b, "pixel_values", DTYPE_F32, 4, (int64_t[]){DIM_UNKNOWN, v->channels, v->image[0], v->image[1]},
        (const char *const[]){l->kind == ZOO_LLAVA ? "images" : "tiles", NULL, NULL, NULL});
    value_id x = tower_states(b, l, pixels);
    x = build_linear(b, "multi_modal_projector.linear_1", x, (int64_t)l->state_count * v->stack.hidden, width,
                     l->projector_bias);
    return build_linear(b, "multi_modal_projector.linear_2", build_activation(b, l->projector_activation, x),
                        width, width, l->projector_bias);
}

/* Rows of features at their placeholders, or sums of four rows. */
static value_id placed_tiles(builder *b, const zoo_llava *l, value_id table, value_id ids, value_id x) {
    static const char *const dims[2] = {"features", NULL};
    bool resampled = l->kind == ZOO_LLAVA_ONEVISION;
    value_id rows =
        build_input(b, "feature_rows", DTYPE_I64, 1 + resampled, (int64_t[]){DIM_UNKNOWN, 4}, dims);
    if (resampled) {
        value_id weights = build_input(b, "feature_weights", DTYPE_F32, 2, (int64_t[]){DIM_UNKNOWN, 4}, dims);
        value_id near = BUILD(b, "Mul", BUILD(b, "Gather", table, rows), zoo_unsqueeze(b, weights, -1));
        table = build_op(b, "ReduceSum", 2, (value_id[]){near, build_i64s(b, 1, (int64_t[]){1})}, 1,
                         &BUILD_INT("keepdims", 0));
        rows = VALUE_NONE;
    }
    zoo_slots slots = zoo_slots_of(b, ids, l->image_token, l->video_token, rows);
    return zoo_slots_fill(b, &slots, table, x);
}

static value_id with_images(builder *b, const zoo_llava *l, int64_t width, value_id ids, value_id x) {
    value_id made = features(b, l, width);
    value_id table = build_reshape(b, made, 2, (int64_t[]){-1, width});
    if (l->kind == ZOO_LLAVA) {
        zoo_slots slots = zoo_slots_of(b, ids, l->image_token, l->image_token, VALUE_NONE);
        build_output(b, "image_hidden_states", made);
        return zoo_slots_fill(b, &slots, table, x);
    }
    value_id newline =
        build_reshape(b, build_weight(b, "image_newline", 1, &width), 2, (int64_t[]){1, width});
    return placed_tiles(b, l, zoo_concat(b, 0, 2, (value_id[]){table, newline}), ids, x);
}

accel_status zoo_llava_build(builder *b, zoo_build *z, zoo_llava_kind kind, accel_error *err) {
    zoo_llava l;
    zoo_llama m;
    ACCEL_TRY(zoo_llava_read(z->config, kind, &l, err));
    ACCEL_TRY(read_text(b, z->config, &l, &m, err));
    z->vocabulary = m.vocabulary;
    z->max_sequence = m.positions;
    z->generation.able = true;
    zoo_text_inputs t = zoo_text_inputs_make(b, z->mode);
    zoo_rotary rotary = zoo_llama_angles(b, &m, t.positions);
    value_id x = build_rows(b, zoo_llama_words(b, &m), t.ids);
    if (z->mode != ZOO_DECODE)
        x = with_images(b, &l, m.hidden, t.ids, x);
    x = zoo_llama_decode(b, &m, &t, &rotary, x);
    zoo_llama_logits(b, &m, z->mode, x, "lm_head.weight");
    return ACCEL_OK;
}

/* ---- what is given ------------------------------------------------------------------------------------ */

accel_status zoo_llava_prompt(const zoo_given_list *given, tensor *ids, accel_error *err) {
    const tensor *found;
    ACCEL_TRY(zoo_given_need(given, "input_ids", DTYPE_I64, 2, &found, err));
    if (!found)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "input_ids must be given: images stand where it says");
    *ids = *found;
    return ACCEL_OK;
}

accel_status zoo_llava_match(const tensor *ids, int64_t token, int64_t count, const char *what,
                             accel_error *err) {
    int64_t tokens = zoo_count_tokens(ids, token);
    if (tokens == count)
        return ACCEL_OK;
    return error_set(err, ACCEL_INVALID_ARGUMENT,
                     "input_ids has %lld %s tokens (%lld), but the %ss given stand for %lld",
                     (long long)tokens, what, (long long)token, what, (long long)count);
}
