/* Inputs of com.microsoft's GroupQueryAttention, which its reference and the pass that expands it both read. */
#ifndef ACCEL_GRAPH_GROUP_QUERY_H
#define ACCEL_GRAPH_GROUP_QUERY_H

enum {
    G_QUERY,
    G_KEY,
    G_VALUE,
    G_PAST_KEY,
    G_PAST_VALUE,
    G_LENGTHS,
    G_TOTAL,
    G_COSINE,
    G_SINE,
    G_POSITIONS,
    G_SCORE_BIAS,
    G_SINK
};

#endif
