/* The decoder of Llama and its kin (Mistral, Qwen2, Qwen3), also the text side of LLaVA and Qwen-VL. Private to zoo/. */
#ifndef ACCEL_ZOO_LLAMA_H
#define ACCEL_ZOO_LLAMA_H

#include "zoo/blocks.h"

typedef enum zoo_llama_kind { ZOO_LLAMA, ZOO_MISTRAL, ZOO_QWEN2, ZOO_QWEN3 } zoo_llama_kind;

typedef struct zoo_llama {
    int64_t vocabulary, hidden, layers, heads, kv_heads, head_size, intermediate, positions;
    int64_t window; /* of sliding attention; 0: none */
    double epsilon;
    const char *activation;
    bool tied, qkv_bias, o_bias, head_norms;
    const float *inverse; /* head_size / 2 frequencies of the rotary positions; in the graph's arena */
    const char *prefix;   /* of tensor names: "model." */
} zoo_llama;

/* The kind for a model_type ("qwen2"); false when it is none of them. */
bool zoo_llama_kind_of(const char *model_type, zoo_llama_kind *out);
/* default_theta: of rope_theta, which differs by class. */
accel_status zoo_llama_read(builder *b, hf_config *c, zoo_llama_kind kind, double default_theta, zoo_llama *m,
                            accel_error *err);
value_id zoo_llama_words(builder *b, const zoo_llama *m); /* the table [vocabulary, hidden] */
/* Angles for positions [batch, sequence]. */
zoo_rotary zoo_llama_angles(builder *b, const zoo_llama *m, value_id positions);
/* One layer, and the norm at the end. */
value_id zoo_llama_layer(builder *b, const zoo_llama *m, int64_t layer, const zoo_text_inputs *t,
                         const zoo_rotary *rotary, value_id x);
value_id zoo_llama_norm(builder *b, const zoo_llama *m, value_id x);
/* All layers and the norm. */
value_id zoo_llama_decode(builder *b, const zoo_llama *m, const zoo_text_inputs *t, const zoo_rotary *rotary,
                          value_id x);
/* Output "logits"; lm_head by this whole name ("lm_head.weight") where it is not tied. */
void zoo_llama_logits(builder *b, const zoo_llama *m, zoo_mode mode, value_id states, const char *lm_head);
/* The whole model, of a class that takes text alone. */
accel_status zoo_llama_build(builder *b, zoo_build *z, zoo_llama_kind kind, accel_error *err);

#endif
