/* What a GPU is to do for one model, as data: memory, shaders, steps. Made of a graph here, without a GPU; executed by native/ over wgpu-native.
 *
 * An element takes 4 bytes on the device: floats are f32; integers and bool are i32 (WGSL has neither 64 bits nor bytes). In fp16 most floats are f16
 * and take 2 (half.c says which); kernels compute in f32 all the same: what they read is widened, what they write is rounded. */
#ifndef ACCEL_ENGINES_WEBGPU_GPU_PLAN_H
#define ACCEL_ENGINES_WEBGPU_GPU_PLAN_H

#include "engines/engine.h"
#include "engines/webgpu/tuning.h"
#include "graph/graph.h"

enum {
    GPU_MOST_BINDINGS = 8, /* storage buffers of a step: WebGPU's default limit */
    GPU_PARAMETER_WORDS = 64,
    GPU_ALIGNMENT = 256, /* of ranges: minStorageBufferOffsetAlignment is never above it */
    GPU_ELEMENT_BYTES = 4,
    GPU_HALF_BYTES = 2,
    GPU_GROUP = 64 /* invocations of a workgroup in kernels that say nothing else */
};

/* What a device can do, and what is known to be fast on it. */
typedef struct gpu_limits {
    uint64_t buffer_bytes;  /* maxBufferSize */
    uint64_t binding_bytes; /* maxStorageBufferBindingSize */
    uint32_t groups;        /* maxComputeWorkgroupsPerDimension */
    uint32_t subgroup;      /* invocations of its smallest subgroups; 0: kernels may not use subgroups */
    bool f16;               /* shaders may hold f16: the feature shader-f16 */
    precision precision;    /* that is asked for: fp32, or fp16 where there is f16 */
    const char *subgroup_directive; /* by which a shader says that it uses them; NULL: by none */
    const char *tuning;             /* tuning.h; NULL: as usual. It lives as long as the lowering */
    bool
        apart; /* large weights of the model have a buffer each, with which another plan of the model can go on (gpu_tensor.lasts) */
    bool soon; /* shaders are waited for: what compiles sooner is usual (gpu_variant_usual) */
} gpu_limits;

typedef struct gpu_range {
    uint32_t buffer; /* index into gpu_plan.buffers */
    uint64_t offset, size_bytes;
} gpu_range;

typedef struct gpu_shader {
    const char *name; /* of the kernel: "gemm" */
    const char
        *text; /* WGSL; its function main; binding 0 is the step's parameters (uniform), storage follows */
    uint32_t binding_count;
    uint32_t written; /* bit i: storage binding i is written */
} gpu_shader;

/* Where a variant was chosen: a kernel and a class of shapes, for one step or more. */
typedef struct gpu_choice {
    gpu_class class;
    int64_t sizes[GPU_SIZES]; /* of the first step */
    const graph_node *node;   /* whose first step it was */
    const gpu_variant *variant;
    bool tuned; /* the tuning names it */
    size_t steps;
} gpu_choice;

typedef struct gpu_step {
    const graph_node *node;
    const char *label;
    uint32_t shader, binding_count;
    gpu_range bindings[GPU_MOST_BINDINGS];
    uint32_t groups[3];
    uint32_t parameters[GPU_PARAMETER_WORDS];
} gpu_step;

/* Some rows or columns of a constant matrix, as it lies on the device, that is larger than what the device binds at once. */
typedef struct gpu_part {
    size_t first, count; /* count 0: the whole */
    bool columns;
} gpu_part;

/* A value of the graph on the device: a constant to upload, an input, an output. */
typedef struct gpu_tensor {
    value_id value; /* VALUE_NONE: a constant that a lowering made */
    gpu_range range;
    size_t elements;
    bool half;     /* they are f16 */
    bool turned;   /* a constant whose last two axes are exchanged on the device */
    gpu_part part; /* what of a constant it is */
    bool
        lasts; /* a constant that is all its buffer holds, of contents that are the model's, not of this plan */
    const uint32_t *own; /* contents of one that is not of the graph, or NULL */
    bool
        held; /* an input that goes to the device when it is bound and stays there; an output that lies in such a one, and is read when it is asked for */
} gpu_tensor;

typedef struct gpu_tensors {
    gpu_tensor *items;
    size_t count;
} gpu_tensors;

typedef struct gpu_plan {
    arena *arena;
    graph *graph;      /* rewritten; the plan's own */
    uint64_t *buffers; /* sizes in bytes */
    size_t buffer_count;
    gpu_shader *shaders;
    size_t shader_count;
    gpu_step *steps;
    size_t step_count;
    gpu_tensors constants, inputs,
        outputs; /* inputs and outputs in the graph's order; an input that nothing reads has no elements */
    gpu_choice *choices;
    size_t choice_count;
    bool soon;           /* as its limits said */
    precision precision; /* likewise */
    uint64_t weight_bytes, value_bytes;
    uint64_t held_bytes; /* of value_bytes: inputs that stay on the device */
} gpu_plan;

/* ACCEL_UNSUPPORTED names what the kernels lack; ACCEL_LIMIT what the device cannot hold. g outlives the plan. */
accel_status gpu_plan_create(const graph *g, const gpu_limits *limits, gpu_plan **out, accel_error *err);
void gpu_plan_destroy(gpu_plan *p); /* accepts NULL */

/* What so many elements take: whole words. */
uint64_t gpu_bytes_of(size_t elements, bool half);
uint64_t gpu_tensor_bytes(const gpu_tensor *t);
/* Contents of a constant as the device holds them: `out` has room for a word an element. ACCEL_UNSUPPORTED: integers of more than 32 bits. */
accel_status gpu_plan_constant(const gpu_plan *p, const gpu_tensor *constant, uint32_t *out,
                               accel_error *err);
/* To and from elements of the device; `out` has room for a word an element. False: an integer does not fit 32 bits. */
bool gpu_elements_from(dtype type, const void *data, size_t count, bool half, uint32_t *out);
void gpu_elements_to(dtype type, const uint32_t *elements, size_t count, bool half, void *out);

/* "tuned=3 of 7, gemm/tile-8x16 12, gemv/split-4 60": how many choices the tuning made, and for how many steps which variants that are not the usual
 * ones; in fp16 "values=fp16, sums=fp32" between them. For people and records. */
void gpu_plan_describe_tuning(const gpu_plan *p, char *out, size_t size);

/* The WGSL file of this name under wgsl/; NULL: there is none. */
const char *gpu_source(const char *name);

#endif
