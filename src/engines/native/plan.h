/* The plan: what the engine makes of a graph when it is loaded. The caller's graph is never changed; fusions, layouts and
 * addresses live here.
 *
 * Making one (plan_create) goes through the files in this order:
 *   plan.c      values and their constant contents
 *   fuse.c      which nodes join the step before them
 *   lower.c     steps with their kernels; layouts and the conversions between them
 *   join.c      Concat without copies
 *   keep.c      weights of products as the model's file has them; packed ones in their place
 *   schedule.c  views, lifetimes, in-place outputs, one arena; prepares every step
 *   subgraph.c  plans of the graphs inside nodes, for the shapes that they are called with
 *   execute.c   runs the steps; shapes known only now are inferred here
 *   dynamic.c   kernels of steps whose shapes are known only now
 *
 * Plan value i is graph value i; values that the plan adds (other layouts) come after them. */
#ifndef ACCEL_ENGINES_NATIVE_PLAN_H
#define ACCEL_ENGINES_NATIVE_PLAN_H

#include "base/arena.h"
#include "engines/native/kernel.h"
#include "graph/graph.h"
#include "graph/op.h"

enum { PLAN_NONE = -1 };
enum { PLAN_ALIGNMENT = 64 };
enum {
    PLAN_SMALL_BYTES = 4096
}; /* constants up to this size are looked at while planning: axes, pads, limits */

typedef enum plan_store {
    STORE_NONE,     /* nobody needs it */
    STORE_CONSTANT, /* contents of an initializer, or folded */
    STORE_INPUT,    /* the caller's memory, set by bind */
    STORE_ARENA,    /* at offset of the plan's arena */
    STORE_VIEW,     /* in the bytes of another value, from view_offset */
    STORE_OWN,      /* shape known at run time only: its own buffer, which grows */
    STORE_OUTER     /* in a subgraph: a value of the plan around it */
} plan_store;

typedef struct plan_value {
    kernel_value v;
    bool is_static; /* a tensor of known shape: v is complete before the run */
    uint64_t
        kept_as; /* of a constant whose packed form lies in the place of its contents: kernel_call.kept_as; else 0 */
    bool foldable; /* all that it depends on is constant; contents are made when somebody asks */
    plan_store store;
    int32_t view_of;
    size_t view_offset;
    int32_t other_layout; /* the same contents in the other layout, or PLAN_NONE */
    size_t size_bytes;    /* as stored; static values */
    uint32_t first, last; /* steps at which the bytes are needed; of the root of a chain of views */
    size_t offset;
    tensor owned;          /* contents that the plan owns (STORE_CONSTANT) or that grow (STORE_OWN) */
    size_t capacity_bytes; /* of owned.data, where it grows */
    value_type type;       /* containers other than tensors, and shapes at run time */
    op_sequence *sequence; /* STORE_OWN sequences */
} plan_value;

typedef struct plan_dynamic plan_dynamic; /* dynamic.c */

typedef enum step_kind { STEP_KERNEL, STEP_REFERENCE, STEP_NONE } step_kind;

typedef struct plan_step {
    step_kind kind;
    const graph_node *node;    /* the operator, NULL for conversions */
    const char *domain, *name; /* of the kernels that can run it: the operator's, or "accel" forms */
    const kernel_def *kernel;
    kernel_call call;
    int32_t *inputs, *outputs; /* plan values or PLAN_NONE; counts in call */
    int32_t residual;          /* plan value or PLAN_NONE */
    bool reads_source;         /* input 1 is plan_fusion.right */
    bool is_dynamic;
    plan_dynamic *dynamic; /* of a dynamic step: its kernels for the shapes that it met */
    const char *label;     /* for the profile: the node's name, or that of what it writes */
    const char *fused;     /* operators that joined it: "BatchNormalization, Relu"; NULL: none */
    op_cost cost;
    uint64_t time_ns;
} plan_step;

typedef struct plan plan;
struct plan {
    const graph *graph;
    plan *parent; /* of a subgraph's plan */
    const kernel_table *table;
    uint32_t extensions; /* cpu_extensions */
    precision precision;
    thread_pool *pool;
    arena *arena;   /* the plan's own structures */
    arena *scratch; /* of one reference operator */
    plan_value *values;
    size_t value_count, value_capacity;
    uint32_t *uses;    /* of the graph's values by steps and outputs: fuse.c */
    uint32_t *readers; /* of the graph's values, nodes that are no steps counted in: keep.c */
    plan_step *steps;
    size_t step_count, step_capacity;
    int32_t *outputs; /* values that hold the graph's outputs, row-major */
    plan **children;  /* plans of the graphs inside nodes: subgraph.c */
    size_t child_count, child_capacity;
    uint64_t last_call; /* of a subgraph's plan: the parent's call_count when it was called last */
    uint64_t call_count;
    void *memory; /* the arena of activations */
    size_t memory_bytes;
    void *workspace;
    size_t workspace_bytes;
    size_t weight_bytes; /* packed and owned constants */
    kernel_slab *slabs;  /* that packed weights of static steps lie in */
    bool profile;
    plan_value *temporaries; /* outputs of subgraphs, until the node that ran them ends */
    size_t temporary_count, temporary_capacity;
};

typedef struct plan_options {
    const kernel_table *table;
    uint32_t extensions; /* cpu_extensions */
    precision precision;
    thread_pool *pool;
    bool profile;
} plan_options;

accel_status native_plan_create(const graph *g, const plan_options *options, plan **out, accel_error *err);
void native_plan_destroy(plan *p); /* accepts NULL */
accel_status native_plan_bind(plan *p, const op_value *inputs, size_t count, accel_error *err);
accel_status native_plan_run(plan *p, accel_error *err);
op_value native_plan_output(const plan *p, size_t index); /* a view, until the next run */

/* ---- between the plan's own files --------------------------------------------------------------------------------- */

/* plan.c */
accel_status native_plan_create_inside(const graph *g, plan *parent, const op_value *inputs, plan **out,
                                       accel_error *err);
/* A value of this type: known shapes are static. */
void native_plan_set_type(plan_value *v, const value_type *type);
/* A node of constants is not a step: its outputs are constants, made when a step asks for them. */
void native_plan_mark_foldable(plan *p, const graph_node *n);
accel_status native_plan_add_value(plan *p, int32_t *out, accel_error *err);
/* Makes the contents of a constant present in v.data. */
accel_status native_plan_contents(plan *p, int32_t value, accel_error *err);
void native_plan_drop_contents(plan *p, int32_t value);
accel_status native_plan_prepare_step(plan *p, plan_step *s, accel_error *err);
/* Calls the kernel's prepare. */
accel_status native_plan_prepare_call(plan *p, const kernel_def *kernel, kernel_call *c, accel_error *err);
void native_plan_release_call(plan *p, kernel_call *c);    /* frees what prepare made */
kernel_value *native_plan_operand(plan *p, int32_t value); /* NULL for PLAN_NONE */
void native_plan_free_owned(plan_value *v);
void native_plan_free_sequence(plan_value *v);
/* The value itself, or its row-major copy, for those who know nothing of layouts. */
static inline int32_t native_plan_row_major(const plan *p, int32_t value) {
    return p->values[value].v.channels_last ? p->values[value].other_layout : value;
}

/* fuse.c: nodes that join the step of another. A step stands at the place of its last node, where all that it reads is there. */
typedef struct plan_fusion {
    bool joined;    /* this node is part of another's step */
    bool skipped;   /* constant, or nobody reads it */
    bool leads;     /* other nodes joined this one's step */
    node_id emits;  /* the node whose step stands here, or NODE_NONE */
    int32_t output; /* of a leader: the value that the step writes instead of its own output 0 */
    int32_t
        right; /* MatMul(x, W), W a Transpose or Cast of a constant, or both: the constant, else PLAN_NONE */
    bool transposed_right; /* right's rows are W's columns */
    int32_t residual;
    int64_t shuffle; /* of a Reshape: the groups of a channel shuffle that starts here; else 0 */
    kernel_epilogue epilogue;
} plan_fusion;
accel_status native_plan_fuse(plan *p, plan_fusion *fusions, accel_error *err);

/* keep.c: weights of products as the model's file has them. Where the file lies in memory of ours, a page's, one that a single product reads is there
 * once, packed, and stays so for the next plan. */
/* Whether the packed form of this constant lies there from an earlier plan. */
void native_plan_find_kept(const plan *p, int32_t value, plan_value *v);
/* Before a step is prepared: the call's raw, home and kept_as. */
accel_status native_plan_offer_right(plan *p, const plan_step *s, kernel_call *c, accel_error *err);
/* After it. */
void native_plan_note_kept(plan *p, const plan_step *s);

/* lower.c */
accel_status native_plan_lower(plan *p, const plan_fusion *fusions, accel_error *err);
/* A call on the node's operands as the values stand; arrays come from the arena. */
accel_status native_plan_make_call(plan *p, const graph_node *n, kernel_call *c, accel_error *err);
/* The first kernel of the table that accepts the call; NULL: the reference. */
const kernel_def *native_plan_find_kernel(const plan *p, const char *domain, const char *name,
                                          const kernel_call *c);

/* join.c */
/* Lets steps write into the output of the Concat that reads them. */
accel_status native_plan_join(plan *p, accel_error *err);

/* schedule.c */
accel_status native_plan_schedule(plan *p, accel_error *err);
void plan_resolve(plan *p); /* addresses of all static values */

/* subgraph.c */
/* Values of a subgraph's plan, from the shapes of its inputs and of what is around it now. */
accel_status native_plan_values_inside(plan *p, const op_value *inputs, accel_error *err);
/* Plans of the graphs whose shapes are known before the run. */
accel_status native_plan_static_children(plan *p, accel_error *err);
/* The plan of a subgraph for these inputs, bound to them and to what is around it. */
accel_status native_plan_enter(plan *p, const graph *inside, const op_value *inputs, plan **out,
                               accel_error *err);

/* dynamic.c */
accel_status native_plan_make_dynamic(plan *p, plan_step *s, accel_error *err);
/* Runs a step whose operands have shapes and memory now, by a kernel for these shapes. *done false: no kernel takes them. */
accel_status native_plan_run_dynamic(plan *p, plan_step *s, bool *done, accel_error *err);
void native_plan_free_dynamic(plan *p, plan_step *s);

/* execute.c */
op_value native_plan_op_value(const plan_value *v);
/* Runs a node by the operator table: outputs go where their values lie, or into memory that the values then own. */
accel_status native_plan_run_node(plan *p, const graph_node *n, const int32_t *inputs, const int32_t *outputs,
                                  accel_error *err);
void native_plan_free_temporaries(plan *p);

#endif
