/* What a kernel is: the joint between the plan (compiled once) and the kernels (compiled once an instruction set).
 *
 * A family is a file in kernels/ that lists its entries; kernels/table.c lists the families. The plan asks, for each node,
 * the entries of that operator in order: the first that accepts the operands gets the step. Then `prepare` chooses the
 * variant and packs the weights, once, and `run` computes, every time, without allocating.
 *
 * Operands: dense row-major tensors, or "channels-last" ones, whose shape stays as ONNX says ([N,C,spatial…]) while the
 * bytes lie [N][spatial…][channel], pixel_stride elements from one pixel to the next. */
#ifndef ACCEL_ENGINES_NATIVE_KERNEL_H
#define ACCEL_ENGINES_NATIVE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/thread.h"
#include "engines/engine.h"
#include "graph/graph.h"
#include "graph/op.h"
#include "graph/tensor.h"

typedef enum kernel_activation {
    ACT_NONE,
    ACT_RELU,
    ACT_CLIP, /* to [alpha, beta] */
    ACT_LEAKY_RELU,
    ACT_SIGMOID,
    ACT_TANH,
    ACT_GELU, /* with erf */
    ACT_GELU_TANH,
    ACT_ELU,
    ACT_HARD_SIGMOID, /* clip(alpha x + beta, 0, 1) */
    ACT_HARD_SWISH,   /* x clip(x/6 + 1/2, 0, 1) */
    ACT_SOFTPLUS,
    ACT_SILU, /* x sigmoid(alpha x) */
    ACT_ERF,
    ACT_EXP,
    ACT_LOG,
    ACT_SQRT,
    ACT_ABS,
    ACT_NEG,
    ACT_RECIPROCAL,
    ACT_COUNT
} kernel_activation;

typedef struct kernel_value {
    dtype type;
    shape shape;
    bool constant;        /* data is there at prepare time */
    bool channels_last;   /* see above */
    int64_t pixel_stride; /* channels-last: elements from pixel to pixel, at least the channels */
    void *data;
} kernel_value;

/* What the plan fused into a step behind its own operator: y = activation(scale[c] * op(x) + shift[c] + residual), where c
 * is the output's channel (Conv: axis 1; MatMul, Gemm: last axis). */
typedef struct kernel_epilogue {
    const float *scale, *shift; /* one a channel, or NULL; prepare folds them into weights and bias */
    kernel_value *residual;     /* shape and layout of the output, or NULL */
    kernel_activation activation;
    float alpha, beta;
} kernel_epilogue;

typedef struct kernel_block kernel_block; /* memory a step owns: plan.c */
typedef struct kernel_slab kernel_slab;   /* memory that many steps' packed weights share: plan.c */

/* What this CPU has beyond its table's instruction set. A kernel compiles such code with a target attribute and asks before it
 * takes it; ACCEL_ISA=avx512f leaves all of them out. */
enum cpu_extensions {
    CPU_VNNI = 1, /* AVX-512 VNNI: dot products of 8-bit integers */
    CPU_BF16 = 2, /* AVX-512 BF16: dot products of bfloat16 */
    CPU_VBMI = 4  /* AVX-512 VBMI: bytes by their places in a table */
};

typedef struct kernel_call {
    const graph *graph;
    const graph_node *node; /* of the operator itself; NULL for steps that the plan made */
    size_t input_count, output_count;
    kernel_value **inputs, **outputs; /* NULL entries: omitted */
    kernel_epilogue epilogue;
    int64_t groups;        /* accel ChannelShuffle */
    bool transposed_right; /* MatMul: input 1 is the constant W of MatMul(x, Transpose(W)) */
    /* Of kernels that are KERNEL_FILE_RIGHT. Constant contents of input 1 as the model's file has them, at any address (input 1 has no data then), or
     * NULL. And memory of that file in which the packed form may take the place of the contents, or NULL: a prepare that puts it there sets kept_as to
     * a number that tells that form from others. When kept_as is there before, that form lies there already, and contents are no more. */
    const void *raw;
    void *home;
    uint64_t kept_as;
    precision precision; /* asked for: what products and convolutions of fp32 values compute in */
    uint32_t extensions; /* bits of cpu_extensions that may be used */
    /* Set by prepare. */
    void *state;
    size_t workspace_bytes; /* shared by all steps, so forgotten between runs */
    uint32_t packed_inputs; /* bits of the constant inputs that run no longer reads */
    const char *variant;    /* for the profile: "gemm 8x32 packed" */
    /* Given to run. */
    void *workspace; /* 64-byte aligned */
    thread_pool *pool;
    int threads;
    kernel_block *blocks;
    kernel_slab **slabs; /* NULL: weights get memory of their own */
    accel_error *err;
} kernel_call;

enum kernel_flags {
    KERNEL_AFFINE = 1,        /* takes scale and shift a channel */
    KERNEL_RESIDUAL = 2,      /* takes a residual */
    KERNEL_ACTIVATION = 4,    /* takes an activation */
    KERNEL_EPILOGUE = 7,      /* all three */
    KERNEL_CHANNELS_LAST = 8, /* wants input 0 and output 0 channels-last */
    KERNEL_ANY_LAYOUT = 16,   /* takes inputs all channels-last or all row-major, the output likewise */
    KERNEL_PLAIN_INPUT = 32,  /* with KERNEL_CHANNELS_LAST: input 0 may also be row-major */
    KERNEL_STRIDED_OUT = 64,  /* output 0 may have a pixel_stride above its channels */
    KERNEL_STRIDED_IN = 128,  /* inputs may */
    KERNEL_IN_PLACE = 256,    /* output 0 may lie on an input of the same size that dies here */
    KERNEL_FILE_RIGHT = 512   /* takes a constant input 1 as the model's file has it: kernel_call.raw */
};

typedef struct kernel_def {
    const char *domain, *name;
    uint32_t flags;
    /* Whether this kernel computes this step: types, ranks, attributes. Shapes are static. No error sentence. */
    bool (*accepts)(const kernel_call *c);
    accel_status (*prepare)(kernel_call *c); /* may be NULL */
    accel_status (*run)(kernel_call *c);
} kernel_def;

typedef struct kernel_family {
    const kernel_def *kernels;
    size_t count;
} kernel_family;

/* All families of one instruction set: kernels/table.c. */
typedef struct kernel_table {
    const char *isa;
    const kernel_family *const *families;
    size_t count;
    int vector_bytes;
} kernel_table;

/* Memory that lives as long as the step's preparation. NULL when memory ends; the caller reports it by kernel_no_memory. */
void *kernel_state(kernel_call *c, size_t size_bytes); /* zeroed, aligned to 64 */
void *kernel_packed(kernel_call *c,
                    size_t size_bytes); /* the same for packed weights: huge pages, counted as weights */
accel_status kernel_no_memory(const kernel_call *c, size_t size_bytes);
accel_status kernel_fail(const kernel_call *c, accel_status status, const char *format, ...)
    ACCEL_PRINTF(3, 4);

/* Attributes of the step's node. */
int64_t kernel_attr_int(const kernel_call *c, const char *name, int64_t fallback);
float kernel_attr_float(const kernel_call *c, const char *name, double fallback);

static inline bool kernel_is_f32(const kernel_value *v) {
    return v != NULL && v->type == DTYPE_F32;
}
static inline bool kernel_has(const kernel_call *c, size_t input) {
    return input < c->input_count && c->inputs[input] != NULL;
}

#endif
