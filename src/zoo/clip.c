/* CLIP (Radford et al., arXiv 2103.00020): images and texts in one space.
 *
 * In: pixel_values, float32 [batch, channels, height, width]; input_ids, attention_mask (1 = keep), int64
 * [texts, sequence]. Out by architecture:
 *   Model                     logits_per_image [batch, texts], logits_per_text [texts, batch], text_embeds [texts,
 *                             projection], image_embeds [batch, projection], both of length 1
 *   TextModel, VisionModel    last_hidden_state, pooler_output
 *   …WithProjection           text_embeds or image_embeds, of any length, and last_hidden_state */
#include "zoo/classes.h"
#include "zoo/clip_towers.h"

enum head { BOTH, TEXT, TEXT_PROJECTED, VISION, VISION_PROJECTED };

typedef struct clip {
    zoo_clip_text text;
    zoo_clip_vision vision;
    int64_t projection;
} clip;

static bool has_text(const zoo_build *z) {
    return z->head == BOTH || z->head == TEXT || z->head == TEXT_PROJECTED;
}

static bool has_vision(const zoo_build *z) {
    return z->head == BOTH || z->head == VISION || z->head == VISION_PROJECTED;
}

static accel_status read_config(zoo_build *z, clip *m, accel_error *err) {
    hf_config *c = z->config, *text = zoo_clip_part(c, "text_config"),
              *vision = zoo_clip_part(c, "vision_config");
    if (has_text(z)) {
        ACCEL_TRY(zoo_clip_text_read(text, ZOO_CLIP, &m->text, err));
        z->vocabulary = m->text.vocabulary;
        z->max_sequence = m->text.positions;
    }
    if (has_vision(z))
        ACCEL_TRY(zoo_clip_vision_read(vision, ZOO_CLIP, &m->vision, err));
    hf_config *own = z->head == BOTH ? c : has_text(z) ? text : vision;
    m->projection = hf_config_int(own, "projection_dim", 512, 1, ZOO_MAX_WIDTH);
    return hf_config_check(c, err);
}

/* A tower alone is also written without its prefix. */
static void find_prefix(builder *b, zoo_clip_stack *s, const char *first_weight) {
    if (!zoo_has(b, zoo_spell(b, "%s%s", s->prefix, first_weight)))
        s->prefix = "";
}

static value_id projected(builder *b, const clip *m, const char *name, const zoo_clip_stack *s,
                          value_id pooled) {
    return build_linear(b, name, pooled, s->hidden, m->projection, false);
}

typedef struct tower {
    value_id last, pooled;
    value_id embeds; /* VALUE_NONE: of a tower without projection */
} tower;

static tower text(builder *b, const zoo_build *z, clip *m) {
    value_id ids, mask;
    zoo_clip_text_inputs(b, &ids, &mask);
    find_prefix(b, &m->text.stack, "embeddings.token_embedding.weight");
    tower t = {.last = zoo_clip_text_state(b, &m->text, ids, mask), .embeds = VALUE_NONE};
    t.pooled = zoo_clip_text_pool(b, &m->text, ids, t.last);
    if (z->head != TEXT)
        t.embeds = projected(b, m, "text_projection", &m->text.stack, t.pooled);
    return t;
}

static tower vision(builder *b, const zoo_build *z, clip *m) {
    value_id pixels = zoo_clip_pixels(b, &m->vision);
    find_prefix(b, &m->vision.stack, "embeddings.class_embedding");
    tower t = {.last = zoo_clip_vision_state(b, &m->vision, pixels, -1), .embeds = VALUE_NONE};
    t.pooled = zoo_clip_vision_pool(b, &m->vision, t.last);
    if (z->head != VISION)
        t.embeds = projected(b, m, "visual_projection", &m->vision.stack, t.pooled);
    return t;
}

static void alone(builder *b, tower t, const char *embeds) {
    build_output(b, "last_hidden_state", t.last);
    if (t.embeds != VALUE_NONE)
        build_output(b, embeds, t.embeds);
    else
        build_output(b, "pooler_output", t.pooled);
}

/* exp(logit_scale)·texts·imagesᵀ, and the same turned. */
static void similarities(builder *b, value_id texts, value_id images) {
    value_id scale = BUILD(b, "Exp", build_weight(b, "logit_scale", 0, NULL));
    value_id by_text =
        BUILD(b, "MatMul", BUILD(b, "Mul", texts, scale), build_transpose(b, images, 2, (int64_t[]){1, 0}));
    build_output(b, "logits_per_image", build_transpose(b, by_text, 2, (int64_t[]){1, 0}));
    build_output(b, "logits_per_text", by_text);
    build_output(b, "text_embeds", texts);
    build_output(b, "image_embeds", images);
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    clip m = {0};
    ACCEL_TRY(read_config(z, &m, err));
    if (z->head == BOTH) {
        value_id texts = text(b, z, &m).embeds, images = vision(b, z, &m).embeds;
        similarities(b, zoo_l2_normalized(b, texts), zoo_l2_normalized(b, images));
    } else if (has_text(z)) {
        alone(b, text(b, z, &m), "text_embeds");
    } else {
        alone(b, vision(b, z, &m), "image_embeds");
    }
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"clip", "CLIPModel"},
                                             {"clip_text_model", "CLIPTextModel"},
                                             {"clip_vision_model", "CLIPVisionModel"},
                                             {NULL, NULL}};
static const zoo_architecture architectures[] = {{"CLIPModel", BOTH},
                                                 {"CLIPTextModel", TEXT},
                                                 {"CLIPTextModelWithProjection", TEXT_PROJECTED},
                                                 {"CLIPVisionModel", VISION},
                                                 {"CLIPVisionModelWithProjection", VISION_PROJECTED},
                                                 {NULL, 0}};
static const zoo_spelling spellings[] = {{ZOO_START, "clip.", ""}, {ZOO_START, NULL, NULL}};

const zoo_class zoo_class_clip = {.family = "clip",
                                  .modality = "multimodal",
                                  .model_types = model_types,
                                  .architectures = architectures,
                                  .spellings = spellings,
                                  .build = build};
