/* Scaled dot-product attention in f64, shared by Attention, FlexAttention and the contributed forms. */
#ifndef ACCEL_GRAPH_OPS_ATTEND_H
#define ACCEL_GRAPH_OPS_ATTEND_H

#include "graph/ops/kit.h"

enum qk_output { QK_RAW, QK_SOFTCAPPED, QK_BIASED, QK_SOFTMAX };

typedef struct attend_problem attend_problem;
struct attend_problem {
    int64_t batch, q_heads,
        kv_heads; /* q_heads is a multiple of kv_heads: head h reads h / (q_heads / kv_heads) */
    int64_t q_length, kv_length, head, v_head;
    const double *q, *k;   /* [batch, heads, length, head] */
    const double *v;       /* [batch, kv_heads, kv_length, v_head] */
    double scale, softcap; /* softcap 0: none */
    /* Adds to one row of scores (kv_length): masks and biases; -inf closes a place. NULL: nothing to add. Called from
     * several threads. */
    void (*add_bias)(const attend_problem *p, int64_t batch, int64_t head, int64_t query, double *row);
    const void *bias_context;
    /* Optional: what one row of scores becomes before (and probabilities after) the softmax goes through these types. */
    dtype softmax_type;
    double *out; /* [batch, q_heads, q_length, v_head] */
    double *qk;  /* [batch, q_heads, q_length, kv_length], or NULL */
    enum qk_output qk_mode;
};

/* A row that is closed everywhere gives zeros. */
accel_status attend(op_context *c, const attend_problem *p);

/* [batch, length, heads · head] to [batch, heads, length, head] in scratch memory, and back. NULL when memory ends. */
const double *split_heads(const op_context *c, const double *in, int64_t batch, int64_t length, int64_t heads,
                          int64_t head);
const double *join_heads(const op_context *c, const double *in, int64_t batch, int64_t length, int64_t heads,
                         int64_t head);
/* past [batch, heads, past_length, head] followed by new [batch, heads, length, head]. */
const double *append_cache(const op_context *c, const double *past, const double *fresh, int64_t lines,
                           int64_t past_length, int64_t length, int64_t head);

/* Rotates one head of one token in place: pairs are neighbours (interleaved) or lie half a rotated size apart. cosine and
 * sine have rotated / 2 entries. */
void rotate_head(double *x, int64_t rotated, const double *cosine, const double *sine, bool interleaved);

#endif
