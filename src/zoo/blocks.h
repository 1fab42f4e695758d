/* The blocks that model classes are built from: attention with all its variants, feed-forward, norms, positions,
 * pieces of images. Private to zoo/.
 *
 * Calls return a value id; the first failure sticks to the builder. Names of weights are whole ("encoder.layer.0.
 * attention.self.query"), without ".weight" and ".bias". States are [batch, sequence, width]. */
#ifndef ACCEL_ZOO_BLOCKS_H
#define ACCEL_ZOO_BLOCKS_H

#include "zoo/class.h"

/* ---- names and small things --------------------------------------------------------------------------- */

/* A name in the graph's arena; "" after a failure. */
const char *zoo_spell(builder *b, const char *format, ...) ACCEL_PRINTF(2, 3);
bool zoo_has(builder *b,
             const char *weight); /* whether the weights have it; generated ones have everything */

/* The class refuses what it cannot compute: sets the builder's error and the status. */
accel_status zoo_refuse_heads(accel_error *err, const char *what, int64_t width, int64_t heads);

/* Labels of a classification: num_labels, else the entries of id2label, else the fallback. */
int64_t zoo_label_count(hf_config *c, int64_t fallback);

value_id zoo_ids_input(builder *b, const char *name, const char *sequence); /* i64 [batch, sequence] */
value_id zoo_cast(builder *b, value_id x, dtype type);
value_id zoo_unsqueeze(builder *b, value_id x, int64_t axis);
value_id zoo_squeeze(builder *b, value_id x, int64_t axis);
value_id zoo_concat(builder *b, int64_t axis, size_t count, const value_id *parts);
/* x[axis = index], without that axis. */
value_id zoo_pick(builder *b, value_id x, int64_t axis, int64_t index);
/* x[axis from begin to end); INT64_MAX for the end. */
value_id zoo_slice(builder *b, value_id x, int64_t axis, int64_t begin, int64_t end);
/* The length of x along the axis, i64 [1]. */
value_id zoo_length(builder *b, value_id x, int64_t axis);
/* 0 … length-1 for i64 [1]. */
value_id zoo_range(builder *b, value_id length);
value_id zoo_floats(builder *b, int rank, const int64_t *dims, const float *values); /* a constant */
/* i64 [count]; for many, whose names need not spell them as those of build_i64s do. */
value_id zoo_indices(builder *b, int64_t count, const int64_t *values);
value_id zoo_scaled(builder *b, value_id x, double factor);
value_id zoo_l2_normalized(builder *b, value_id x);      /* along the last axis */
value_id zoo_mean(builder *b, value_id x, int64_t axis); /* without that axis */

/* ---- layers ------------------------------------------------------------------------------------------- */

value_id zoo_rms_norm(builder *b, const char *name, value_id x, int64_t width, double epsilon);
/* w2·activation(w1·x), both with a bias or both without. */
value_id zoo_feed_forward(builder *b, const char *up, const char *down, value_id x, int64_t width,
                          int64_t wide, const char *activation, bool bias);
/* down·(activation(gate·x) · up·x), as Llama and T5 1.1 do, without biases. */
value_id zoo_gated_feed_forward(builder *b, const char *gate, const char *up, const char *down, value_id x,
                                int64_t width, int64_t wide, const char *activation);

/* A convolution along the last axis of [batch, in, length]. */
typedef struct zoo_conv {
    int64_t in, out, kernel, stride, pad; /* on both sides */
    int64_t groups;                       /* 0: 1 */
    bool bias;
} zoo_conv;
value_id zoo_conv_1d(builder *b, const char *name, value_id x, const zoo_conv *c);
/* The same with a weight [out, in / groups, kernel] that is computed. */
value_id zoo_conv_1d_by(builder *b, const char *name, value_id x, value_id weight, const zoo_conv *c);

/* Keys to keep, from a mask [batch, keys] of 1 and 0: bool [batch, 1, 1, keys]. */
value_id zoo_keep_mask(builder *b, value_id mask);
/* bool [1, 1, sequence, sequence]: key ≤ query, and query - key < window where one is given (0: none). */
value_id zoo_causal_mask(builder *b, value_id ids, int64_t window);

/* ---- images ------------------------------------------------------------------------------------------- */

/* A field that is one number for both sides, or [height, width]. */
void zoo_read_sides(hf_config *c, const char *key, int64_t fallback, int64_t sides[2]);
/* How many whole patches an image holds; what is left over at its right and bottom is dropped. */
accel_status zoo_count_patches(const int64_t image[2], const int64_t patch[2], int64_t *count,
                               accel_error *err);
/* f32 [batch, channels, height, width]; sides NULL: height and width are symbolic. */
value_id zoo_pixels_input(builder *b, const char *name, int64_t channels, const int64_t *sides);
/* A convolution of NAME over patches side by side: [batch, patches, width], in raster order. */
value_id zoo_patches(builder *b, const char *name, value_id pixels, int64_t channels, int64_t width,
                     const int64_t patch[2], bool bias);
/* One more token of `width` elements before x [batch, sequence, width]. */
value_id zoo_prepend(builder *b, value_id token, value_id x, int64_t width);

/* ---- attention ---------------------------------------------------------------------------------------- */

/* Angles of rotary positions: cos and sin [batch, sequence, half]. */
typedef struct zoo_rotary {
    value_id cosine, sine; /* VALUE_NONE: no rotary positions */
} zoo_rotary;

/* Keys and values of tokens that came before: see zoo_mode. */
typedef struct zoo_cache {
    zoo_mode mode;
    value_id write_indices; /* DECODE: where this token's keys go, i64 [batch] */
} zoo_cache;

/* Attention from q of the states to k and v of the same states, or of others. Names of the projections are whole. */
typedef struct zoo_attention {
    const char *q, *k, *v, *o;
    bool q_bias, k_bias, v_bias, o_bias;
    int64_t width;        /* of the states */
    int64_t other_width;  /* of the others; 0: width */
    int64_t other_length; /* of the others, where the class fixes it; 0: any */
    int64_t heads, kv_heads /* 0: heads */, head_size /* 0: width / heads */;
    double scale; /* 0: 1/√head_size */
    bool causal;  /* key ≤ query; not in DECODE, where the mask says all */
    value_id
        mask; /* bool (true: look) or f32 (added); broadcast to [batch, heads, queries, keys]; or VALUE_NONE */
    zoo_rotary rotary;
    const char *q_norm, *k_norm; /* RMSNorm over head_size before the rotary turn; NULL: none */
    double norm_epsilon;
    const zoo_cache *cache; /* NULL: none */
    int64_t layer;          /* names the cache's tensors */
} zoo_attention;

/* Projections at + names[0..3] for q, k, v and o, the first three with a bias or none, one key head a query head; no
 * mask, no rotary turn, no cache. What differs is set in what it returns. */
zoo_attention zoo_attention_named(builder *b, const char *at, const char *const names[4], bool bias,
                                  bool o_bias, int64_t width, int64_t heads);
value_id zoo_attend(builder *b, const zoo_attention *a, value_id states);
/* The same with queries, keys and values made from states of their own. No cache. */
value_id zoo_attend_apart(builder *b, const zoo_attention *a, value_id queries, value_id keys,
                          value_id values);
/* The middle of it, without projections, from q, k and v in one tensor [batch, sequence, 3·width] (one key head a
 * query head); also without the output projection. */
value_id zoo_attend_packed(builder *b, const zoo_attention *a, value_id packed);
/* Cross-attention. In PREFILL (of the encoder) only keys and values are made, as outputs, and nothing is returned:
 * zoo_cross_keys; in DECODE they are inputs, and `others` is ignored. */
value_id zoo_attend_to(builder *b, const zoo_attention *a, value_id states, value_id others);
void zoo_cross_keys(builder *b, const zoo_attention *a, value_id others);
/* The length of the cache of a->layer, i64 [1]: what masks of a DECODE without attention_mask are made from. */
value_id zoo_cache_capacity(builder *b, const zoo_attention *a);

/* ---- rotary positions (rope.c) ------------------------------------------------------------------------ */

/* Frequencies of rotary positions from config.json: rope_theta and rope_scaling, or rope_parameters. The kinds
 * default, linear and llama3 are known; others are an error that names them. inverse has room for half =
 * rotary_size / 2 floats. */
accel_status zoo_rope_frequencies(hf_config *c, double default_theta, int64_t half, float *inverse,
                                  accel_error *err);
/* positions i64 [batch, sequence] → angles. */
zoo_rotary zoo_rope_angles(builder *b, value_id positions, int64_t half, const float *inverse);

/* ---- decoders (decoder.c) ----------------------------------------------------------------------------- */

/* Inputs of a decoder-only text model in the three modes (zoo.h, zoo_mode). */
typedef struct zoo_text_inputs {
    value_id ids;       /* i64 [batch, sequence] */
    value_id mask;      /* attention_mask, i64 [batch, keys] */
    value_id positions; /* i64 [batch, sequence]: 0, 1, 2 … in INFERENCE, an input in the other modes */
    value_id keep;      /* bool mask for zoo_attention */
    zoo_cache cache;    /* give its address where mode is not INFERENCE */
} zoo_text_inputs;

zoo_text_inputs zoo_text_inputs_make(builder *b, zoo_mode mode);
/* Of M-RoPE: position_ids is i64 [3, batch, sequence] in every mode. */
zoo_text_inputs zoo_text_inputs_make_rows(builder *b, zoo_mode mode, int64_t rows);
/* Logits of all positions, or of the last one in PREFILL. table: [vocabulary, width]. */
void zoo_lm_logits(builder *b, zoo_mode mode, value_id states, value_id table);

/* The decoder's side of an encoder-decoder in INFERENCE and DECODE, and what follows for its self-attention. */
typedef struct zoo_decoder {
    value_id ids;       /* decoder_input_ids, i64 [batch, decoder_sequence] */
    value_id places;    /* of the queries: i64 [1, decoder_sequence], or [batch, 1] in DECODE */
    value_id distances; /* key - query: i64 [1 or batch, queries, keys] */
    value_id keep;      /* DECODE: keys up to this token, bool [batch, 1, 1, capacity]; else VALUE_NONE */
    zoo_cache cache;    /* give its address */
} zoo_decoder;
zoo_decoder zoo_decoder_make(builder *b, zoo_mode mode, int64_t kv_heads, int64_t head_size);
/* zoo_class.derive of an encoder-decoder: without decoder_input_ids, every sequence begins with the start token. */
accel_status zoo_decoder_start(const zoo_model *m, zoo_given_list *given, accel_error *err);

#endif
