/* What the operator families share: type sets, requirements for infer, element access, walks over broadcast or strided
 * index spaces, and a plain matrix product. Private to graph/ops.
 *
 * Inference meets half-known graphs: a type may be DTYPE_UNDEFINED, a rank or a dim unknown. Every require_… passes on what
 * is not known, since the same rule runs again when everything is. */
#ifndef ACCEL_GRAPH_OPS_KIT_H
#define ACCEL_GRAPH_OPS_KIT_H

#include "base/arena.h"
#include "base/checked.h"
#include "base/error.h"
#include "graph/dtype.h"
#include "graph/op.h"
#include "graph/ops/families.h"
#include "graph/tensor.h"

/* ---- table entries -------------------------------------------------------------------------------------------- */

#define OPS_COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* The attribute list of an entry: OPS_LIST(array) or OPS_NONE. */
#define OPS_LIST(array)         (array), OPS_COUNT(array)
#define OPS_NONE                NULL, 0
#define OPS_FAMILY(name, array) const op_family name##_family = {(array), OPS_COUNT(array)}

/* ---- sets of element types ------------------------------------------------------------------------------------ */

typedef uint32_t type_set;
#define TYPE_BIT(t)    ((type_set)1 << (t))
#define TYPES_FLOAT    (TYPE_BIT(DTYPE_F32) | TYPE_BIT(DTYPE_F16) | TYPE_BIT(DTYPE_BF16) | TYPE_BIT(DTYPE_F64))
#define TYPES_SIGNED   (TYPE_BIT(DTYPE_I8) | TYPE_BIT(DTYPE_I16) | TYPE_BIT(DTYPE_I32) | TYPE_BIT(DTYPE_I64))
#define TYPES_UNSIGNED (TYPE_BIT(DTYPE_U8) | TYPE_BIT(DTYPE_U16) | TYPE_BIT(DTYPE_U32) | TYPE_BIT(DTYPE_U64))
#define TYPES_INTEGER  (TYPES_SIGNED | TYPES_UNSIGNED)
#define TYPES_NUMBER   (TYPES_FLOAT | TYPES_INTEGER)
#define TYPES_BOOL     TYPE_BIT(DTYPE_BOOL)
#define TYPES_FLOAT8                                                                                         \
    (TYPE_BIT(DTYPE_F8E4M3FN) | TYPE_BIT(DTYPE_F8E4M3FNUZ) | TYPE_BIT(DTYPE_F8E5M2) |                        \
     TYPE_BIT(DTYPE_F8E5M2FNUZ) | TYPE_BIT(DTYPE_F8E8M0))
#define TYPES_SUB_BYTE                                                                                       \
    (TYPE_BIT(DTYPE_U4) | TYPE_BIT(DTYPE_I4) | TYPE_BIT(DTYPE_F4E2M1) | TYPE_BIT(DTYPE_U2) |                 \
     TYPE_BIT(DTYPE_I2))
#define TYPES_COMPLEX (TYPE_BIT(DTYPE_C64) | TYPE_BIT(DTYPE_C128))
/* Everything that is a number to us: what Cast and CastLike take. */
#define TYPES_REAL (TYPES_NUMBER | TYPES_BOOL | TYPES_FLOAT8 | TYPES_SUB_BYTE)
/* Everything with a fixed size: what data movement takes. */
#define TYPES_ANY   (TYPES_REAL | TYPES_COMPLEX)
#define TYPES_INDEX (TYPE_BIT(DTYPE_I32) | TYPE_BIT(DTYPE_I64))
#define TYPES_I64   TYPE_BIT(DTYPE_I64)

/* ---- infer ---------------------------------------------------------------------------------------------------- */

static inline dtype input_type(const op_context *c, size_t i) {
    return c->inputs[i].type.type;
}
static inline const shape *input_shape(const op_context *c, size_t i) {
    return &c->inputs[i].type.shape;
}
static inline int input_rank(const op_context *c, size_t i) {
    return c->inputs[i].type.shape.rank;
}
/* DIM_UNKNOWN where the rank is not known. axis must be inside a known rank. */
static inline int64_t input_dim(const op_context *c, size_t i, int axis) {
    const shape *s = input_shape(c, i);
    return s->rank == RANK_UNKNOWN ? DIM_UNKNOWN : s->dims[axis];
}
static inline bool has_output(const op_context *c, size_t i) {
    return i < c->output_count && c->outputs[i].present;
}
bool input_is_static(const op_context *c, size_t i);

accel_status require_type(const op_context *c, size_t input, type_set allowed);
accel_status require_present(const op_context *c, size_t input);
accel_status require_same_type(const op_context *c, size_t a, size_t b);
accel_status require_rank(const op_context *c, size_t input, int min_rank, int max_rank);
/* The input is a tensor of one element (any rank), as scales, ratios and axes are. */
accel_status require_one_element(const op_context *c, size_t input);
accel_status require_elements(const op_context *c, size_t input,
                              int64_t count); /* where the shape is known */
/* Two dims that must agree: *dim becomes the known one. what names them in the sentence. */
accel_status merge_dim(const op_context *c, const char *what, int64_t *dim, int64_t other);
/* All inputs in [first, input_count) are tensors of an allowed type and of the same one. */
accel_status require_all_same(const op_context *c, size_t first, type_set allowed);
/* The axis, normalised, or a failure. */
accel_status require_axis(const op_context *c, int64_t axis, int rank, int *out);
/* The list attribute must have `count` entries, each in [low, high]; *out is NULL when it is absent. */
accel_status attr_ints(const op_context *c, const char *name, size_t count, int64_t low, int64_t high,
                       const int64_t **out);
/* A string attribute that must be one of the words (separated by spaces); *index tells which. */
accel_status attr_choice(const op_context *c, const char *name, const char *fallback, const char *words,
                         int *index);
/* dims as an unknown shape of this rank. */
shape shape_of_rank(int rank);
/* Sets an output that may be absent. */
void put_output(op_context *c, size_t output, dtype type, const shape *s);
void put_unknown(op_context *c, size_t output, dtype type);
/* Shape of all inputs from `first` on broadcast together. */
accel_status broadcast_inputs(const op_context *c, size_t first, shape *out);

/* A dims list from a tensor (the shape of ConstantOfShape, Expand, …) as a shape: each at least 0 and rank within limits. */
accel_status shape_from_ints(const op_context *c, const int64_t *dims, size_t count, shape *out);

/* Common rules. */
accel_status infer_same_as_input(op_context *c); /* output 0 like input 0, any type */
accel_status eval_copy(op_context *c);           /* output 0 has the bytes of input 0 */

/* ---- eval: memory and elements -------------------------------------------------------------------------------- */

/* Scratch memory, zeroed; NULL (and the error is set) when memory ends. */
void *scratch_array(const op_context *c, int64_t count, size_t element_bytes);
#define SCRATCH(c, type, count) ((type *)scratch_array((c), (count), sizeof(type)))

/* Elements first, first+step, … as numbers. The i64 forms keep every bit of 64-bit integers. */
void load_f64(dtype t, const void *data, int64_t first, int64_t step, int64_t count, double *out);
void load_i64(dtype t, const void *data, int64_t first, int64_t step, int64_t count, int64_t *out);
void store_f64(dtype t, void *data, int64_t first, int64_t step, int64_t count, const double *values);
void store_i64(dtype t, void *data, int64_t first, int64_t step, int64_t count, const int64_t *values);

/* One number of an input; the fallback when the input is omitted or empty. */
double input_f64_at(const op_context *c, size_t input, int64_t index, double fallback);
int64_t input_i64_at(const op_context *c, size_t input, int64_t index, int64_t fallback);
/* The whole input as int64 in scratch memory; NULL when memory ends. */
const int64_t *input_i64(op_context *c, size_t input);

/* Elements of an output, its shape known. */
static inline int64_t output_elements(const op_context *c, size_t i) {
    return op_elements(&c->outputs[i]);
}

/* Data movement works on whole bytes: sub-byte elements are widened to a byte each on the way in and packed on the way
 * out. `bytes` is the size of an element there. */
typedef struct movable {
    const uint8_t *in;
    uint8_t *out;
    size_t bytes;
} movable;
size_t movable_bytes(dtype t);
const uint8_t *movable_input(op_context *c, size_t input); /* NULL when memory ends */
uint8_t *movable_output(op_context *c, size_t output);     /* memory to fill; NULL when memory ends */
void movable_finish(op_context *c, size_t output, const uint8_t *filled);

/* A whole value (tensor, sequence, optional) becomes an output, whatever inference knew of it. Copies. */
accel_status put_value(op_context *c, size_t output, const op_value *v);
op_value value_of_tensor(const tensor *t);

/* ---- walks ---------------------------------------------------------------------------------------------------- */

enum { WALK_MAX_RANK = 16, WALK_MAX_OPERANDS = 4 };

/* Visits an index space row by row; neighbouring dims that every operand steps through evenly are joined first. In a row,
 * operand k's element j is at[k] + j * step[k]. */
typedef struct walk {
    int rank, operands;
    int64_t dims[WALK_MAX_RANK], index[WALK_MAX_RANK];
    int64_t strides[WALK_MAX_OPERANDS][WALK_MAX_RANK];
    int64_t row;
    int64_t step[WALK_MAX_OPERANDS], at[WALK_MAX_OPERANDS];
    bool started, empty;
} walk;

/* for (walk_start(…); walk_next(&w);) … ; strides[k] has rank entries, in elements. */
void walk_start(walk *w, int rank, const int64_t *dims, int operands, const int64_t *const *strides);
/* Over `out`, reading inputs that broadcast to it. */
void walk_broadcast(walk *w, const shape *out, int operands, const shape *const *inputs);
bool walk_next(walk *w);
/* Strides of a dense tensor. */
void dense_strides(int rank, const int64_t *dims, int64_t *strides);

/* Copies elements of `bytes` bytes: dims of strided source to strided destination. */
void copy_strided(size_t bytes, int rank, const int64_t *dims, uint8_t *to, const int64_t *to_strides,
                  const uint8_t *from, const int64_t *from_strides);

/* A dense shape cut at an axis: outer × length × inner. */
typedef struct axis_split {
    int64_t outer, length, inner;
} axis_split;
axis_split split_at(const shape *s, int axis);
int64_t dims_product(const int64_t *dims, int count); /* of known dims */

/* ---- arithmetic ----------------------------------------------------------------------------------------------- */

/* out[m,n] = a[m,k] · b[k,n] in f64, over the pool. a's row stride and b's row stride in elements. */
void matmul_f64(struct thread_pool *pool, int64_t m, int64_t n, int64_t k, const double *a, int64_t a_stride,
                const double *b, int64_t b_stride, double *out, int64_t out_stride);

double sigmoid_f64(double x);
double hard_sigmoid_f64(double x); /* x cut to [0, 1]; NaN stays */
double gelu_f64(double x);         /* by erf */
double gelu_tanh_f64(double x);    /* the tanh approximation */
double round_even(double x);       /* half to even, whatever the rounding mode */

/* cost of operators that read a window or a row for each output element. */
void cost_of_flops(const op_context *c, double flops, op_cost *out);
/* cost of operators that copy some elements of input 0: those are all that they read of it. */
void cost_of_selection(const op_context *c, op_cost *out);

#endif
