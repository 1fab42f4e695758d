/* Lowering: how an ONNX operator becomes steps of a GPU. Private to engines/webgpu.
 *
 * To add a kernel: a file under wgsl/, a function in a family of ops/ and a line in that family's table. A function reads its node through `l`,
 * makes calls, and the outputs are there. The first failure of a node sticks: later calls of that node do nothing, and the node is named in the
 * error; so lowerings read straight on, without a check on every line. All shapes are known. */
#ifndef ACCEL_ENGINES_WEBGPU_LOWER_H
#define ACCEL_ENGINES_WEBGPU_LOWER_H

#include "base/arena.h"
#include "base/str.h"
#include "engines/node_context.h"
#include "engines/webgpu/gpu_plan.h"
#include "graph/op.h"

typedef int32_t block; /* a piece of the device's memory: an index into gpu_lowering.blocks */
enum { BLOCK_NONE = -1 };

typedef struct gpu_block {
    uint64_t size_bytes;
    size_t elements;
    bool half;           /* they are f16 */
    value_id constant;   /* whose contents it holds, or VALUE_NONE */
    const uint32_t *own; /* its contents when they are not of the graph, or NULL */
    bool turned;
    gpu_part part;
    bool held; /* an input that stays on the device from run to run */
    block
        whole; /* that it is a window of, from range.offset on: the whole is what has a place; BLOCK_NONE: of none */
    uint32_t first, last; /* steps between which it lives */
    uint32_t arena;       /* blocks that a step reads and those that it writes lie in different buffers */
    gpu_range range;      /* once all is placed */
} gpu_block;

/* A step while blocks have no places yet. */
typedef struct gpu_draft {
    gpu_step step;
    block bindings[GPU_MOST_BINDINGS]; /* of a window the whole, within which step.bindings says where */
} gpu_draft;

typedef struct gpu_lowering {
    graph *graph; /* rewritten */
    const gpu_limits *limits;
    arena *arena;
    gpu_block *blocks;
    size_t block_count, block_capacity;
    block *placed, *turned;     /* by value id: its block; the one with the last two axes exchanged */
    uint8_t *half;              /* by value id: whether it lies in f16 (half.c); NULL: none does */
    uint32_t *uses;             /* by value id, as graph_count_uses gives them */
    const graph_node **readers; /* by value id: the last node that reads it; NULL for none */
    gpu_draft *drafts;
    size_t draft_count, draft_capacity;
    gpu_shader *shaders;
    size_t shader_count, shader_capacity;
    gpu_choice *choices;
    size_t choice_count, choice_capacity;
    /* The node at hand. */
    const graph_node *node;
    op_context context; /* for window_read and its like; inputs that are small constants have data */
    accel_error *err;
    bool failed;
    bool follows; /* it failed only because what it reads did */
    str_buf why;
    /* The call at hand. */
    str_buf text;
    const char *kernel;
    gpu_draft call;
    size_t words;
    uint32_t written;
    missing_parts missing; /* all nodes that failed */
    accel_error fatal;     /* memory ran out: no node's fault */
} gpu_lowering;

/* `detail`: what the table says beside the function, so that one function serves a row of operators. */
typedef void (*gpu_lower_function)(gpu_lowering *l, const char *detail);
typedef struct gpu_lower_def {
    const char *op_type; /* of ai.onnx, but where `domain` says another */
    gpu_lower_function lower;
    const char *detail;
    const char *domain; /* NULL: ai.onnx */
} gpu_lower_def;
typedef struct gpu_lower_family {
    const gpu_lower_def *ops;
    size_t count;
} gpu_lower_family;
#define GPU_FAMILY(name, array) const gpu_lower_family name = {(array), sizeof(array) / sizeof((array)[0])}
const gpu_lower_def *gpu_lower_find(const char *domain, const char *op_type); /* table.c */

accel_status gpu_rewrite(const graph *g, graph **out, accel_error *err); /* rewrite.c */
/* Whether Attention stays one node, for the kernel of ops/attention.c; else it becomes products and a softmax. */
bool gpu_takes_attention(const graph *g, const graph_node *n);
/* Decides l->half (half.c). ACCEL_UNSUPPORTED: the device cannot compute in the precision that is asked for. */
accel_status gpu_choose_half(gpu_lowering *l, accel_error *err);
/* Gives all blocks places and makes the plan of them (place.c). */
accel_status gpu_place(gpu_lowering *l, gpu_plan *plan, accel_error *err);

/* ---- failing ------------------------------------------------------------------------------------------------------- */

void gpu_fail(gpu_lowering *l, const char *format, ...) ACCEL_PRINTF(2, 3);
void gpu_fatal(gpu_lowering *l, accel_status status, const char *format, ...) ACCEL_PRINTF(3, 4);

/* ---- the node at hand (values.c) -------------------------------------------------------------------------------------- */

bool gpu_has_input(const gpu_lowering *l, size_t input);
bool gpu_has_output(const gpu_lowering *l, size_t output);
value_id gpu_input_value(const gpu_lowering *l, size_t input); /* VALUE_NONE when omitted */
const shape *gpu_shape(const gpu_lowering *l, value_id v);
const shape *gpu_input_shape(const gpu_lowering *l, size_t input);
const shape *gpu_output_shape(const gpu_lowering *l, size_t output);
dtype gpu_input_type(const gpu_lowering *l, size_t input);
dtype gpu_output_type(const gpu_lowering *l, size_t output);
size_t gpu_elements(const shape *s);
/* "f32" or "i32", in which kernels compute with it; the node fails for element types that the device does not hold. */
const char *gpu_type_name(gpu_lowering *l, dtype t);
void gpu_want_reals(gpu_lowering *l); /* the node fails unless input 0 is f32 */

block gpu_input(gpu_lowering *l, size_t input);   /* BLOCK_NONE when omitted */
block gpu_value(gpu_lowering *l, value_id v);     /* any that is there */
block gpu_output(gpu_lowering *l, size_t output); /* new memory for it */
/* Memory on the way to a value, of the same kind of element; VALUE_NONE: f32 or i32. */
block gpu_scratch(gpu_lowering *l, size_t elements, value_id like);
bool gpu_is_half(const gpu_lowering *l, value_id v); /* it lies in f16, or will */
/* A constant matrix, or several, with the last two axes exchanged. */
block gpu_turned(gpu_lowering *l, value_id v);
/* The constant matrix that v is the Transpose of; VALUE_NONE: v is none. */
value_id gpu_turned_constant(const gpu_lowering *l, value_id v);
/* Memory for a value that a later node would make; that node is then passed over. */
block gpu_output_value(gpu_lowering *l, value_id v);
/* The one node that reads v, where there is one and v is no output of the graph; else NULL. */
const graph_node *gpu_only_reader(const gpu_lowering *l, value_id v);
/* A constant that is not of the graph: tables that the host computes. The words stay the caller's: they live as long as the plan, as what
 * l->arena gives does. */
block gpu_table(gpu_lowering *l, size_t elements, const uint32_t *words);
uint32_t *gpu_table_words(gpu_lowering *l, size_t elements); /* memory for it; NULL: the node failed */
bool gpu_block_is_constant(const gpu_block *b);
void gpu_set_output(gpu_lowering *l, size_t output, block b); /* it lies there already */
/* Output 0 is input 0 under another shape. */
void gpu_view(gpu_lowering *l, size_t output, size_t input);
bool gpu_is_constant(const gpu_lowering *l, value_id v);
/* Integers, or one number, of a constant input; the node fails when it is none. */
bool gpu_constant_ints(gpu_lowering *l, size_t input, const int64_t **out, size_t *count);
bool gpu_constant_number(gpu_lowering *l, size_t input, double *out);

int64_t gpu_attr_int(const gpu_lowering *l, const char *name, int64_t fallback);
double gpu_attr_float(const gpu_lowering *l, const char *name, double fallback);
const char *gpu_attr_string(const gpu_lowering *l, const char *name, const char *fallback);
int gpu_axis(gpu_lowering *l, int64_t axis, int rank); /* normalised */

/* ---- what is larger than what the device binds at once (parts.c) ----------------------------------------------------------- */

/* Constants lie in parts. How many lines (rows or columns) of so many elements of v the device binds, a multiple of `unit`; 0: not even that. */
bool gpu_is_large(const gpu_lowering *l, value_id v);
int64_t gpu_lines_at_once(const gpu_lowering *l, value_id v, int64_t line_elements, int64_t unit);
/* Rows or columns of the constant as [first dim, the others], or of the matrix turned; `line`: elements of one. */
block gpu_part_of(gpu_lowering *l, value_id v, bool turned, gpu_part part, int64_t line_elements);
/* Other values lie in one piece, of which a step binds a window. Maps and products do so by themselves. */
bool gpu_binds(const gpu_lowering *l, block b); /* as a whole; BLOCK_NONE: true */
/* Elements first … first + count of b. It begins where a binding may, *before elements before the first. BLOCK_NONE stays that. */
block gpu_window(gpu_lowering *l, block b, int64_t first, int64_t count, int64_t *before);
void gpu_fail_large(gpu_lowering *l, block b);

/* ---- calls (calls.c) ------------------------------------------------------------------------------------------------------ */

/* A kernel's file, what its $WORDS stand for, its blocks in the order of its bindings, its parameters in the order of their structure, and how
 * many workgroups run:
 *     gpu_call(l, "softmax"); gpu_define(l, "T", "f32"); gpu_read(l, x); gpu_write(l, y); gpu_word(l, n); gpu_run(l, n); */
void gpu_call(gpu_lowering *l, const char *kernel);
/* The same with a text of ours in place of a file. */
void gpu_call_text(gpu_lowering *l, const char *kernel, const char *text);
void gpu_define(gpu_lowering *l, const char *word, const char *text);
/* $WORD as the text of a file, what kernels share; before the words that stand in it are defined. */
void gpu_include(gpu_lowering *l, const char *word, const char *file);
void gpu_read(gpu_lowering *l, block b);
void gpu_write(gpu_lowering *l, block b);
void gpu_word(gpu_lowering *l, int64_t value);
void gpu_real(gpu_lowering *l, double value);
void gpu_words(gpu_lowering *l, size_t count, const int64_t *values, size_t room,
               int64_t rest); /* then `rest` until there are `room` */
/* So many invocations in groups of GPU_GROUP: `id.x + id.y * groups.x * 64` counts them. None: nothing is done. */
void gpu_run(gpu_lowering *l, size_t invocations);
void gpu_run_groups(gpu_lowering *l, size_t x, size_t y, size_t z);
/* So many workgroups, which count themselves by `group.x + group.y * groups.x`. */
void gpu_run_lines(gpu_lowering *l, size_t groups);

/* ---- choosing (choices.c) --------------------------------------------------------------------------------------------------- */

/* The variant of a kernel for these sizes: what the tuning says, else the usual one. One that the device cannot run is not taken. */
const gpu_variant *gpu_choose(gpu_lowering *l, gpu_tuned kernel, int64_t a, int64_t b, int64_t c);
/* $ENABLE: the directive of a kernel that uses subgroups, when the variant does. */
void gpu_define_enable(gpu_lowering *l, const gpu_variant *v);

/* ---- steps that many lowerings share (ops/strided.c) ---------------------------------------------------------------------------- */

enum { GPU_MOST_OPERANDS = 3 };

/* Elements of blocks by strides, counted in elements; a stride may be 0 or negative. */
typedef struct gpu_operand {
    block block;
    const char *type; /* "f32", "i32" */
    int64_t start, strides[TENSOR_MAX_RANK];
} gpu_operand;

gpu_operand gpu_operand_of(block b, const char *type, const shape *s); /* row-major */
gpu_operand gpu_input_operand(gpu_lowering *l, size_t input);
gpu_operand gpu_output_operand(gpu_lowering *l, size_t output); /* new memory for it */
/* An operand as it broadcasts to a shape. */
gpu_operand gpu_broadcast(gpu_lowering *l, block b, const char *type, const shape *from, const shape *to);
/* to[i] = expression of a, b, c (those that there are) at i, for all i of dims. x and y: numbers that the expression may name. */
typedef struct gpu_map {
    const char *expression;
    const char *helpers; /* functions that it calls, or NULL */
    size_t count;
    gpu_operand operands[GPU_MOST_OPERANDS], to;
    shape dims;
    double x, y;
} gpu_map;
void gpu_run_map(gpu_lowering *l, const gpu_map *m);
/* What a node does to each element of one f32 input alone, as an expression of a; false: it is no such node (ops/elementwise.c). */
bool gpu_activation(const graph_node *n, gpu_map *out);
/* A copy: from strides to strides. */
void gpu_move(gpu_lowering *l, const shape *dims, gpu_operand from, gpu_operand to);
/* Along an axis of data of this shape, the places that a row of indices says. */
void gpu_gather(gpu_lowering *l, const char *type, block data, const shape *s, int axis, block indices,
                int64_t index_count, block to);
/* The same where only rows first … first + rows of the axis lie in data: what the others give stays as it is. */
void gpu_gather_rows(gpu_lowering *l, const char *type, block data, const shape *s, int axis, block indices,
                     int64_t index_count, block to, int64_t first, int64_t rows);

#endif
