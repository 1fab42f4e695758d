/* The two towers of CLIP (Radford et al., arXiv 2103.00020), which X-CLIP and LLaVA build on, and SigLIP's vision
 * tower (Zhai et al., arXiv 2303.15343): stacks of pre-norm layers over patches of an image, or over words. */
#ifndef ACCEL_ZOO_CLIP_TOWERS_H
#define ACCEL_ZOO_CLIP_TOWERS_H

#include "zoo/blocks.h"

/* Whose fields and names a configuration has. SigLIP has no class token and no norm before the layers, but a bias
 * in its patch convolution. */
typedef enum zoo_clip_kind { ZOO_CLIP, ZOO_XCLIP, ZOO_SIGLIP } zoo_clip_kind;

/* A stack of pre-norm layers: PREFIX encoder.layers.N.{layer_norm1, self_attn.…, layer_norm2, mlp.fc1, mlp.fc2}. */
typedef struct zoo_clip_stack {
    const char *prefix; /* of all names of the tower, with its dot: "vision_model." */
    int64_t hidden, layers, heads, intermediate;
    double epsilon;
    const char *activation;
} zoo_clip_stack;

/* x + attention(norm x), then + feed-forward(norm x). mask: see zoo_attention. */
value_id zoo_clip_layer(builder *b, const zoo_clip_stack *s, int64_t layer, value_id x, value_id mask,
                        bool causal);
/* The two halves of a layer. */
value_id zoo_clip_mixed(builder *b, const zoo_clip_stack *s, int64_t layer, value_id x, value_id mask,
                        bool causal);
value_id zoo_clip_fed(builder *b, const zoo_clip_stack *s, int64_t layer, value_id x);

/* The part of a CLIP configuration: "text_config" or "vision_config"; older files repeat it, in full, as
 * "…_config_dict", which then counts. Itself where it has neither: the configuration of one tower. */
hf_config *zoo_clip_part(hf_config *c, const char *key);

/* ---- vision ------------------------------------------------------------------------------------------- */

typedef struct zoo_clip_vision {
    zoo_clip_stack stack;
    int64_t channels, image[2], patch[2]; /* height, width */
    int64_t patches;                      /* of one image */
    bool class_token;                     /* a token before the patches */
    bool patch_bias;
    const char *pre_norm; /* name of the norm before the layers; NULL: none */
} zoo_clip_vision;

/* From a vision_config; the prefix is "vision_model." until the caller sets another. */
accel_status zoo_clip_vision_read(hf_config *c, zoo_clip_kind kind, zoo_clip_vision *v, accel_error *err);
/* pixel_values, f32 [batch, channels, height, width]. */
value_id zoo_clip_pixels(builder *b, const zoo_clip_vision *v);
/* What the first layer takes: [batch, class_token + patches, hidden], patches in raster order. */
value_id zoo_clip_vision_embed(builder *b, const zoo_clip_vision *v, value_id pixels);
/* The hidden state number `state` as the transformers package counts them: 0 is what the first layer takes, k the
 * output of k layers, -1 that of the last layer, -2 that of the last but one; always without post_layernorm. Weights
 * of layers beyond it are not asked for. The caller checks that -layers - 1 ≤ state ≤ layers. */
value_id zoo_clip_vision_state(builder *b, const zoo_clip_vision *v, value_id pixels, int64_t state);
/* The weights that the architecture has beyond this state, post_layernorm's too: parameters that nothing reads. */
void zoo_clip_vision_unread(builder *b, const zoo_clip_vision *v, int64_t state);
/* post_layernorm of the class token: [batch, hidden]. */
value_id zoo_clip_vision_pool(builder *b, const zoo_clip_vision *v, value_id last_state);

/* ---- text --------------------------------------------------------------------------------------------- */

typedef struct zoo_clip_text {
    zoo_clip_stack stack;
    int64_t vocabulary, positions;
    int64_t end; /* the first token of this id is a text's end; -1: the largest id is */
} zoo_clip_text;

/* From a text_config; the prefix is "text_model." until the caller sets another. */
accel_status zoo_clip_text_read(hf_config *c, zoo_clip_kind kind, zoo_clip_text *t, accel_error *err);
/* ids and mask, i64 [texts, sequence] → after final_layer_norm, [texts, sequence, hidden]. */
value_id zoo_clip_text_state(builder *b, const zoo_clip_text *t, value_id ids, value_id mask);
/* The state at the end of each text: [texts, hidden]. */
value_id zoo_clip_text_pool(builder *b, const zoo_clip_text *t, value_id ids, value_id last_state);
/* input_ids and attention_mask, i64 [texts, sequence]: their number is not that of the images. */
void zoo_clip_text_inputs(builder *b, value_id *ids, value_id *mask);

#endif
