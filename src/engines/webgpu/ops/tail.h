/* What follows a product or a convolution and is read by nobody else: an activation, a sum with a value that is there, an activation after that. The kernel takes it along. */
#ifndef ACCEL_ENGINES_WEBGPU_OPS_TAIL_H
#define ACCEL_ENGINES_WEBGPU_OPS_TAIL_H

#include "engines/webgpu/lower.h"

enum { TAIL_MOST = 4 };

typedef struct gpu_tail {
    value_id result;            /* what the kernel writes */
    block to;                   /* where; BLOCK_NONE: into new memory of `result` */
    value_id passed[TAIL_MOST]; /* values before it, which are never made */
    int passed_count;
    gpu_map activation; /* expression NULL: none */
    block residual;     /* BLOCK_NONE: none */
    bool activation_last;
} gpu_tail;

gpu_tail gpu_tail_of(value_id result);
/* The kernel does what n does, too: it goes on with n's output. */
void gpu_tail_pass(gpu_tail *t, const graph_node *n);
/* Looks at the nodes that follow. */
void gpu_tail_take(gpu_lowering *l, gpu_tail *t);
/* $FUNCTIONS, $RESIDUAL (what is read for it), $RESULT for x at [index], of type "f32" or, wide, "vec4<f32>". */
void gpu_tail_define(gpu_lowering *l, const gpu_tail *t, bool wide, const char *index);
/* The result gets its memory, unless it has some. */
void gpu_tail_place(gpu_lowering *l, gpu_tail *t);
/* Binds the residual and the result, in this order. */
void gpu_tail_bind(gpu_lowering *l, gpu_tail *t);
void gpu_tail_words(gpu_lowering *l, const gpu_tail *t); /* x and y of the activation */

#endif
