/* X-CLIP (Ni et al., arXiv 2208.02816): CLIP for videos. Frames send messages to each other in every vision layer, a
 * small transformer joins the frames of a video, and prompts made from the video change each text.
 *
 * In: pixel_values, float32 [batch, frames, channels, height, width]; input_ids, attention_mask (1 = keep), int64
 * [texts, sequence]. Out: logits_per_video [batch, texts], logits_per_text [texts, batch], text_embeds [batch, texts,
 * projection], video_embeds [batch, projection]. */
#include "zoo/classes.h"
#include "zoo/clip_towers.h"

typedef struct xclip {
    zoo_clip_text text;
    zoo_clip_vision vision;
    zoo_clip_stack mit; /* across the frames of a video */
    int64_t frames, projection;
    int64_t prompt_layers, prompt_heads;
    const char *prompt_activation;
} xclip;

static void read_mit(hf_config *vision, xclip *m) {
    m->mit = m->vision.stack;
    m->mit.prefix = "mit.";
    m->mit.hidden = hf_config_int(vision, "mit_hidden_size", 512, 1, ZOO_MAX_WIDTH);
    m->mit.intermediate = hf_config_int(vision, "mit_intermediate_size", 2048, 1, ZOO_MAX_WIDTH);
    m->mit.layers = hf_config_int(vision, "mit_num_hidden_layers", 1, 0, ZOO_MAX_LAYERS);
    m->mit.heads = hf_config_int(vision, "mit_num_attention_heads", 8, 1, ZOO_MAX_WIDTH);
    m->frames = hf_config_int(vision, "num_frames", 8, 1, 1 << 16);
}

static accel_status read_config(zoo_build *z, xclip *m, accel_error *err) {
    hf_config *c = z->config, *vision = zoo_clip_part(c, "vision_config");
    ACCEL_TRY(zoo_clip_text_read(zoo_clip_part(c, "text_config"), ZOO_XCLIP, &m->text, err));
    ACCEL_TRY(zoo_clip_vision_read(vision, ZOO_XCLIP, &m->vision, err));
    read_mit(vision, m);
    m->projection = hf_config_int(c, "projection_dim", 512, 1, ZOO_MAX_WIDTH);
    m->prompt_layers = hf_config_int(c, "prompt_layers", 2, 0, ZOO_MAX_LAYERS);
    m->prompt_heads = hf_config_int(c, "prompt_num_attention_heads", 8, 1, ZOO_MAX_WIDTH);
    m->prompt_activation = hf_config_string(c, "prompt_hidden_act", "quick_gelu");
    z->vocabulary = m->text.vocabulary;
    z->max_sequence = m->text.positions;
    ACCEL_TRY(hf_config_check(c, err));
    if (m->mit.hidden != m->projection)
        return error_set(err, ACCEL_BAD_FILE, "mit_hidden_size %lld is not projection_dim %lld",
                         (long long)m->mit.hidden, (long long)m->projection);
    if (m->mit.hidden % m->mit.heads != 0)
        return zoo_refuse_heads(err, "mit_hidden_size", m->mit.hidden, m->mit.heads);
    return m->projection % m->prompt_heads
               ? zoo_refuse_heads(err, "projection_dim", m->projection, m->prompt_heads)
               : ACCEL_OK;
}

/* ---- vision ------------------------------------------------------------------------------------------- */

/* One message a frame, from its class token and, by attention, those of the video's other frames:
 * [batch·frames, 1, hidden]. */
static value_id messages(builder *b, const xclip *m, int64_t layer, value_id x) {
    const zoo_clip_stack *s = &m->vision.stack;
    const char *at = b->scope = zoo_spell(b, "%sencoder.layers.%lld.message_", s->prefix, (long long)layer);
    zoo_attention attention = zoo_attention_named(
        b, at, (const char *const[]){"attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.out_proj"}, true,
        true, s->hidden, s->heads);
    value_id message =
        build_linear(b, zoo_spell(b, "%sfc", at), zoo_pick(b, x, 1, 0), s->hidden, s->hidden, true);
    message = build_reshape(b, message, 3, (int64_t[]){-1, m->frames, s->hidden});
    value_id normed = build_layer_norm(b, zoo_spell(b, "%sln", at), message, s->hidden, s->epsilon);
    message = BUILD(b, "Add", message, zoo_attend(b, &attention, normed));
    b->scope = "";
    return build_reshape(b, message, 3, (int64_t[]){-1, 1, s->hidden});
}

/* The message is one more token of the attention, and gone after it. */
static value_id vision_layer(builder *b, const xclip *m, int64_t layer, value_id x) {
    int64_t tokens = m->vision.class_token + m->vision.patches;
    value_id both = zoo_concat(b, 1, 2, (value_id[]){x, messages(b, m, layer, x)});
    x = zoo_slice(b, zoo_clip_mixed(b, &m->vision.stack, layer, both, VALUE_NONE, false), 1, 0, tokens);
    return zoo_clip_fed(b, &m->vision.stack, layer, x);
}

/* All frames of all videos: [batch·frames, 1 + patches, hidden]. */
static value_id frame_states(builder *b, const xclip *m, value_id pixels) {
    const zoo_clip_vision *v = &m->vision;
    value_id frames = build_reshape(b, pixels, 4, (int64_t[]){-1, v->channels, v->image[0], v->image[1]});
    value_id x = zoo_clip_vision_embed(b, v, frames);
    for (int64_t i = 0; i < v->stack.layers; i++)
        x = vision_layer(b, m, i, x);
    return x;
}

/* [batch, projection]. */
static value_id video_embeds(builder *b, const xclip *m, value_id states) {
    value_id pooled = build_linear(b, "visual_projection", zoo_clip_vision_pool(b, &m->vision, states),
                                   m->vision.stack.hidden, m->projection, false);
    value_id frames = build_reshape(b, pooled, 3, (int64_t[]){-1, m->frames, m->projection});
    value_id positions =
        build_weight(b, "mit.position_embedding", 3, (int64_t[]){1, m->frames, m->projection});
    value_id x = BUILD(b, "Add", frames, positions);
    for (int64_t i = 0; i < m->mit.layers; i++)
        x = zoo_clip_layer(b, &m->mit, i, x, VALUE_NONE, false);
    return zoo_mean(b, BUILD(b, "Add", x, frames), 1);
}

/* ---- prompts ------------------------------------------------------------------------------------------ */

/* The patches of a video, averaged over its frames: [batch, patches, projection]. */
static value_id prompt_visuals(builder *b, const xclip *m, value_id states) {
    const zoo_clip_stack *s = &m->vision.stack;
    b->scope = "prompts_visual.";
    value_id x = zoo_slice(b, states, 1, m->vision.class_token, INT64_MAX);
    x = build_layer_norm(b, "prompts_visual_layernorm", x, s->hidden, s->epsilon);
    x = BUILD(b, "MatMul", x,
              build_weight(b, "prompts_visual_projection", 2, (int64_t[]){s->hidden, m->projection}));
    x = build_reshape(b, x, 4, (int64_t[]){-1, m->frames, m->vision.patches, m->projection});
    return build_layer_norm(b, "prompts_generator.layernorm", zoo_mean(b, x, 1), m->projection, s->epsilon);
}

static value_id prompt_layer(builder *b, const xclip *m, int64_t layer, value_id x, value_id visuals) {
    const char *at = b->scope = zoo_spell(b, "prompts_generator.decoder.%lld.", (long long)layer);
    int64_t width = m->projection;
    double epsilon = m->text.stack.epsilon;
    zoo_attention attention =
        zoo_attention_named(b, at,
                            (const char *const[]){"cross_attn.q_proj", "cross_attn.k_proj",
                                                  "cross_attn.v_proj", "cross_attn.proj"},
                            false, true, width, m->prompt_heads);
    value_id normed = build_layer_norm(b, zoo_spell(b, "%snorm1", at), x, width, epsilon);
    x = BUILD(b, "Add", x, zoo_attend_to(b, &attention, normed, visuals));
    normed = build_layer_norm(b, zoo_spell(b, "%snorm3", at), x, width, epsilon);
    value_id fed = zoo_feed_forward(b, zoo_spell(b, "%smlp.0", at), zoo_spell(b, "%smlp.3", at), normed,
                                    width, 4 * width, m->prompt_activation, true);
    b->scope = "";
    return BUILD(b, "Add", x, fed);
}

/* Each text as each video changes it: [batch, texts, projection]. */
static value_id prompted(builder *b, const xclip *m, value_id texts, value_id visuals) {
    value_id sizes[2] = {zoo_length(b, visuals, 0), build_op(b, "Shape", 1, &texts, 0, NULL)};
    value_id each = BUILD(b, "Expand", texts, zoo_concat(b, 0, 2, sizes)), x = each;
    for (int64_t i = 0; i < m->prompt_layers; i++)
        x = prompt_layer(b, m, i, x, visuals);
    value_id alpha = build_weight(b, "prompts_generator.alpha", 1, &m->projection);
    return BUILD(b, "Add", each, BUILD(b, "Mul", alpha, x));
}

/* ---- the model ---------------------------------------------------------------------------------------- */

/* exp(logit_scale)·texts·video, of each video's own texts: [batch, texts]. */
static void similarities(builder *b, value_id texts, value_id videos) {
    value_id scale = BUILD(b, "Exp", build_weight(b, "logit_scale", 0, NULL));
    value_id scaled = BUILD(b, "Mul", videos, scale);
    value_id logits = zoo_squeeze(b, BUILD(b, "MatMul", texts, zoo_unsqueeze(b, scaled, 2)), 2);
    build_output(b, "logits_per_video", logits);
    build_output(b, "logits_per_text", build_transpose(b, logits, 2, (int64_t[]){1, 0}));
    build_output(b, "text_embeds", texts);
    build_output(b, "video_embeds", videos);
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    xclip m = {0};
    value_id ids, mask;
    ACCEL_TRY(read_config(z, &m, err));
    const zoo_clip_vision *v = &m.vision;
    zoo_clip_text_inputs(b, &ids, &mask);
    value_id pixels = build_input(b, "pixel_values", DTYPE_F32, 5,
                                  (int64_t[]){DIM_UNKNOWN, m.frames, v->channels, v->image[0], v->image[1]},
                                  (const char *const[]){"batch", NULL, NULL, NULL, NULL});
    value_id states = frame_states(b, &m, pixels);
    value_id pooled = zoo_clip_text_pool(b, &m.text, ids, zoo_clip_text_state(b, &m.text, ids, mask));
    value_id texts = build_linear(b, "text_projection", pooled, m.text.stack.hidden, m.projection, false);
    value_id videos = video_embeds(b, &m, states);
    texts = prompted(b, &m, texts, prompt_visuals(b, &m, states));
    similarities(b, zoo_l2_normalized(b, texts), zoo_l2_normalized(b, videos));
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"xclip", "XCLIPModel"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {{"XCLIPModel", 0}, {NULL, 0}};
static const zoo_spelling spellings[] = {{ZOO_START, "x_clip.", ""}, {ZOO_START, NULL, NULL}};

const zoo_class zoo_class_xclip = {.family = "xclip",
                                   .modality = "multimodal",
                                   .model_types = model_types,
                                   .architectures = architectures,
                                   .spellings = spellings,
                                   .build = build};
