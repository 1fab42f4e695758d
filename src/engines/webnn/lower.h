/* Lowering: how an ONNX operator is said with MLGraphBuilder's methods. Private to engines/webnn.
 *
 * To add an operator: a function in a family of ops/, and a line in that family's table. A function reads its node through `l`, emits
 * calls, and sets the node's outputs. The first failure of a node sticks: later calls of that node emit nothing, and the node is named in the
 * error; so lowerings read straight on, without a check on every line. All shapes are known. */
#ifndef ACCEL_ENGINES_WEBNN_LOWER_H
#define ACCEL_ENGINES_WEBNN_LOWER_H

#include "base/arena.h"
#include "engines/node_context.h"
#include "engines/webnn/limits.h"
#include "graph/op.h"

typedef int32_t operand; /* index into lowering.operands */
enum { OPERAND_NONE = -1, LOWER_MAX_RESULTS = 64 };

typedef struct lowering {
    const graph *graph;  /* rewritten: only what lowerings know, as far as it goes */
    struct graph *owned; /* the same */
    const webnn_limits *limits;
    arena *arena;
    bool wide;          /* int64 and uint64 stay; else they are int32 and uint32 */
    bool wants_narrow;  /* something refused 64 bits: to be made again without */
    bool channels_last; /* the layout in which convolutions and pools are asked for */
    webnn_operand *operands;
    size_t operand_count, operand_capacity;
    /* By value id: its operand in row-major order, and, from rank 3, in channels-last order; OPERAND_NONE where it is not made yet. */
    operand *plain, *last;
    uint32_t *uses;             /* by value id, as graph_count_uses gives them */
    const graph_node **readers; /* by value id: the last node that reads it; NULL for none */
    tensor *kept;               /* contents that were made for this description */
    size_t kept_count, kept_capacity;
    str_buf calls;
    const char *called_node, *called_method; /* of the last call */
    bool in_options;
    /* The node at hand. */
    const graph_node *node;
    const char *node_name;
    op_context context; /* for window_read and its like; inputs that are small constants have data */
    accel_error *err;
    bool failed;
    bool follows; /* it failed only because what it reads did */
    str_buf why;
    missing_parts missing; /* all nodes that failed */
    accel_error fatal;     /* memory ran out, a value out of range: no node's fault */
} lowering;

/* `method`: what the table says beside the function, so that one function serves a row of operators. */
typedef void (*lower_function)(lowering *l, const char *method);
typedef struct lower_def {
    const char *op_type; /* of ai.onnx, but where `domain` says another */
    lower_function lower;
    const char *method;
    const char *domain; /* NULL: ai.onnx */
} lower_def;
typedef struct lower_family {
    const lower_def *ops;
    size_t count;
} lower_family;
#define LOWER_FAMILY(name, array) const lower_family name = {(array), sizeof(array) / sizeof((array)[0])}
const lower_def *lower_find(const char *domain, const char *op_type); /* table.c */

/* ---- failing (lower.c) ------------------------------------------------------------------------------------------- */

void lower_fail(lowering *l, const char *format, ...) ACCEL_PRINTF(2, 3);
void lower_fatal(lowering *l, accel_status status, const char *format, ...) ACCEL_PRINTF(3, 4);
/* Memory that lives as long as the description; NULL, and all fails, when it ends. */
void *lower_alloc(lowering *l, size_t count, size_t element_bytes);

/* ---- the node at hand (values.c) ---------------------------------------------------------------------------------- */

bool has_input(const lowering *l, size_t input);
value_id input_value(const lowering *l, size_t input); /* VALUE_NONE when omitted */
operand value_plain(lowering *l, value_id v);
bool is_constant(const lowering *l, size_t input);
const shape *value_shape(const lowering *l, value_id v);
dtype value_held_type(const lowering *l, value_id v); /* as operands hold it */
operand input_plain(lowering *l, size_t input);
operand input_last(lowering *l, size_t input); /* of the rank of output 0, or what broadcasts against it */
/* Whether an input lies channels-last and in no other way. */
bool lies_last(const lowering *l, size_t input);
/* Whether the node would rather run so: one of its inputs lies so, and has the rank of its output. */
bool wants_last(const lowering *l);
operand input_laid(lowering *l, size_t input, bool last);
void set_output(lowering *l, size_t output, operand x); /* row-major */
void set_output_last(lowering *l, size_t output, operand x);
void set_output_laid(lowering *l, size_t output, operand x, bool last);
/* Gives a later node's output, which this node makes along: that node is then passed over. */
void set_value(lowering *l, value_id v, operand x);
/* The one node that reads v, where there is one and v is no output of the graph; else NULL. */
const graph_node *only_reader(const lowering *l, value_id v);
bool node_is_op(const graph_node *n, const char *op_type); /* of ai.onnx */
bool output_wanted(const lowering *l, size_t output);
const shape *output_shape(const lowering *l, size_t output);
/* Contents of a constant input: valid while the graph lives; false, and the node fails, when it is none. */
bool constant_input(lowering *l, size_t input, tensor *out);
/* Integers of a constant input. */
bool constant_ints(lowering *l, size_t input, const int64_t **out, size_t *count);
bool constant_number(lowering *l, size_t input, double *out); /* of one element; false without failing */

int64_t attr_int(const lowering *l, const char *name, int64_t fallback);
double attr_float(const lowering *l, const char *name, double fallback);
const char *attr_string(const lowering *l, const char *name, const char *fallback);
/* The attribute as an axis of this rank, normalised. */
int attr_axis(lowering *l, const char *name, int64_t fallback, int rank);
/* Where an axis of a row-major tensor lies channels-last: [N,C,spatial…] as [N,spatial…,C]. */
int axis_last(int axis, int rank);

/* ---- operands (values.c) -------------------------------------------------------------------------------------------- */

dtype held_type(const lowering *l, dtype t);
dtype type_of(const lowering *l, operand x);
const shape *shape_of_operand(const lowering *l, operand x);
int rank_of(const lowering *l, operand x);
operand add_operand(lowering *l, dtype type, const shape *s);
/* bytes live as long as the description. */
operand add_constant(lowering *l, dtype type, const shape *s, const void *bytes, size_t size_bytes);
operand number(lowering *l, dtype type, double value); /* a scalar */
operand numbers(lowering *l, dtype type, int rank, const int64_t *dims, const double *values);
/* A constant with its axes in another order: to [perm[0], perm[1], …]. The element type is that of operands. */
operand turned_constant(lowering *l, value_id v, int rank, const int64_t *dims, const int64_t *perm);

/* ---- calls (calls.c) -------------------------------------------------------------------------------------------------- */

/* Arguments in MLGraphBuilder's order, then options, then the end:
 *     call_start(l, "conv2d"); call_operand(l, "input", x); call_operand(l, "filter", w); option_int(l, "groups", 2);
 *     y = call_end(l, DTYPE_F32, &s);
 * Roles are those of opSupportLimits, by which types and ranks are checked. */
void call_start(lowering *l, const char *method);
void call_operand(lowering *l, const char *role, operand x);
void call_operands(lowering *l, const char *role, size_t count, const operand *x);
void call_ints(lowering *l, size_t count, const int64_t *values);
void call_int(lowering *l, int64_t value);
void call_text(lowering *l, const char *text);
void option_operand(lowering *l, const char *name, operand x); /* the option's name is its role */
void option_ints(lowering *l, const char *name, size_t count, const int64_t *values);
void option_int(lowering *l, const char *name, int64_t value);
void option_bool(lowering *l, const char *name, bool value);
void option_real(lowering *l, const char *name, double value);
void option_text(lowering *l, const char *name, const char *text);
void option_texts(lowering *l, const char *name, size_t count, const char *const *texts);
operand call_end(lowering *l, dtype type, const shape *s);
void call_end_n(lowering *l, size_t count, const dtype *types, const shape *shapes, operand *results);

/* ---- single calls that many lowerings share (emit.c); those that would change nothing give x back -------------------- */

operand emit_unary(lowering *l, const char *method, operand x);
operand emit_binary(lowering *l, const char *method, operand a, operand b);
operand emit_compare(lowering *l, const char *method, operand a, operand b); /* gives uint8 */
operand emit_where(lowering *l, operand condition, operand a, operand b);
operand emit_cast(lowering *l, operand x, dtype type);
operand emit_clamp(lowering *l, operand x, double low, double high); /* infinite: no bound */
operand emit_reshape(lowering *l, operand x, int rank, const int64_t *dims);
operand emit_transpose(lowering *l, operand x, const int64_t *perm);
operand emit_expand(lowering *l, operand x, const shape *s);
operand emit_slice(lowering *l, operand x, const int64_t *starts, const int64_t *sizes,
                   const int64_t *strides);
operand emit_concat(lowering *l, size_t count, const operand *x, int axis);
operand emit_gather(lowering *l, operand x, operand indices, int axis);
operand emit_matmul(lowering *l, operand a, operand b);
operand emit_reduce(lowering *l, const char *method, operand x, size_t count, const int64_t *axes, bool keep);
operand emit_reverse(lowering *l, operand x, size_t count, const int64_t *axes);
operand emit_pad(lowering *l, operand x, const int64_t *before, const int64_t *after, const char *mode,
                 double value);

#endif
