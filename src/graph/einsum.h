/* How an Einsum's equation is read. Shared by the reference and by the pass that writes Einsum as products. */
#ifndef ACCEL_GRAPH_EINSUM_H
#define ACCEL_GRAPH_EINSUM_H

#include "graph/op.h"

enum { EINSUM_LETTERS = 52, EINSUM_LABELS = EINSUM_LETTERS + TENSOR_MAX_RANK, EINSUM_MAX_INPUTS = 16 };

/* Labels 0 … 51 are letters (A-Z, a-z), then the dims under the ellipsis, counted from the back. */
typedef struct einsum_term {
    int rank;
    int8_t labels[TENSOR_MAX_RANK];
} einsum_term;

typedef struct einsum_plan {
    bool known;           /* all ranks are known */
    int inputs, ellipsis; /* ellipsis: most dims that it stands for */
    einsum_term terms[EINSUM_MAX_INPUTS], out;
    int uses[EINSUM_LABELS]; /* in the inputs */
    int64_t dims[EINSUM_LABELS];
} einsum_plan;

/* Fails where the equation is malformed or the operands do not fit it; c->err may be NULL. */
accel_status einsum_read(const op_context *c, einsum_plan *p);

#endif
