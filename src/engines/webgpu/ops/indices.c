/* Operators that read and write by tensors of indices. A kernel cannot fail: an index outside reads the nearest place, and writes nothing. */
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "engines/webgpu/ops/rows.h"

static int64_t product(const int64_t *dims, int from, int to) {
    int64_t result = 1;
    for (int d = from; d < to; d++)
        result *= dims[d];
    return result;
}

/* Output 0 as a copy of input 0, into which a kernel then writes. */
static block copied(gpu_lowering *l) {
    gpu_operand to = gpu_output_operand(l, 0);
    gpu_move(l, gpu_input_shape(l, 0), gpu_input_operand(l, 0), to);
    return to.block;
}

/* ---- by rows of indices ------------------------------------------------------------------------------------------------- */

static void lower_gather_nd(gpu_lowering *l, const char *detail) {
    const shape *data = gpu_input_shape(l, 0), *s = gpu_input_shape(l, 1);
    int batch = (int)gpu_attr_int(l, "batch_dims", 0), depth = (int)s->dims[s->rank - 1];
    int64_t batches = product(data->dims, 0, batch), rows = product(s->dims, 0, s->rank - 1);
    size_t count = gpu_elements(gpu_output_shape(l, 0));
    (void)detail;
    gpu_call(l, "gather_nd");
    gpu_define(l, "T", gpu_type_name(l, gpu_input_type(l, 0)));
    gpu_read(l, gpu_input(l, 0));
    gpu_read(l, gpu_input(l, 1));
    gpu_write(l, gpu_output(l, 0));
    const int64_t words[] = {(int64_t)count, product(data->dims, batch + depth, data->rank), depth,
                             batches > 0 ? rows / batches : 0, product(data->dims, batch, batch + depth)};
    gpu_words(l, 5, words, 8, 0);
    gpu_words(l, (size_t)depth, data->dims + batch, TENSOR_MAX_RANK, 1);
    gpu_run(l, count);
}

/* What an element becomes: `result[at]` meets x. */
static const char *expression_of(gpu_lowering *l) {
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    static const char *const expressions[] = {"x", "result[at] + x", "result[at] * x", "max(result[at], x)",
                                              "min(result[at], x)"};
    const char *reduction = gpu_attr_string(l, "reduction", "none");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(reduction, names[i]) == 0)
            return expressions[i];
    gpu_fail(l, "no kernel for reduction '%s'", reduction);
    return "x";
}

static void lower_scatter_nd(gpu_lowering *l, const char *detail) {
    const shape *data = gpu_input_shape(l, 0), *s = gpu_input_shape(l, 1);
    const char *expression = expression_of(l);
    int depth = (int)s->dims[s->rank - 1];
    int64_t block_size = product(data->dims, depth, data->rank), rows = product(s->dims, 0, s->rank - 1);
    bool meet = strcmp(expression, "x") != 0; /* ONNX forbids that rows meet where they replace */
    int64_t count = meet && rows > 0 ? block_size : block_size * rows;
    (void)detail;
    block to = copied(l);
    gpu_call(l, "scatter_nd");
    gpu_define(l, "T", gpu_type_name(l, gpu_input_type(l, 0)));
    gpu_define(l, "EXPRESSION", expression);
    gpu_read(l, gpu_input(l, 1));
    gpu_read(l, gpu_input(l, 2));
    gpu_write(l, to);
    const int64_t words[] = {count, block_size, depth, meet ? rows : 1};
    gpu_words(l, 4, words, 4, 0);
    gpu_words(l, (size_t)depth, data->dims, TENSOR_MAX_RANK, 1);
    gpu_run(l, (size_t)count);
}

/* ---- along an axis -------------------------------------------------------------------------------------------------------- */

static void lower_gather_elements(gpu_lowering *l, const char *detail) {
    const shape *data = gpu_input_shape(l, 0), *s = gpu_input_shape(l, 1);
    int axis = gpu_axis(l, gpu_attr_int(l, "axis", 0), data->rank);
    gpu_operand x = gpu_input_operand(l, 0);
    int64_t step = x.strides[axis];
    size_t count = gpu_elements(s);
    (void)detail;
    x.strides[axis] = 0;
    gpu_call(l, "gather_elements");
    gpu_define(l, "T", x.type);
    gpu_read(l, x.block);
    gpu_read(l, gpu_input(l, 1));
    gpu_write(l, gpu_output(l, 0));
    const int64_t words[] = {(int64_t)count, data->dims[axis], step, data->rank};
    gpu_words(l, 4, words, 4, 0);
    gpu_words(l, (size_t)s->rank, s->dims, TENSOR_MAX_RANK, 1);
    gpu_words(l, (size_t)s->rank, x.strides, TENSOR_MAX_RANK, 0);
    gpu_run(l, count);
}

static void lower_scatter_elements(gpu_lowering *l, const char *detail) {
    const shape *data = gpu_input_shape(l, 0), *s = gpu_input_shape(l, 1);
    const char *expression = expression_of(l);
    int axis = gpu_axis(l, gpu_attr_int(l, "axis", 0), data->rank);
    gpu_operand x = gpu_input_operand(l, 0), from = gpu_input_operand(l, 2);
    shape lines = *s;
    lines.dims[axis] = 1;
    size_t count = gpu_elements(s) > 0 ? gpu_elements(&lines) : 0;
    (void)detail;
    block to = copied(l);
    gpu_call(l, "scatter_elements");
    gpu_define(l, "T", x.type);
    gpu_define(l, "EXPRESSION", expression);
    gpu_read(l, gpu_input(l, 1));
    gpu_read(l, gpu_input(l, 2));
    gpu_write(l, to);
    const int64_t words[] = {(int64_t)count, data->dims[axis], x.strides[axis],
                             data->rank,     s->dims[axis],    from.strides[axis]};
    gpu_words(l, 6, words, 8, 0);
    gpu_words(l, (size_t)s->rank, lines.dims, TENSOR_MAX_RANK, 1);
    gpu_words(l, (size_t)s->rank, x.strides, TENSOR_MAX_RANK, 0);
    gpu_words(l, (size_t)s->rank, from.strides, TENSOR_MAX_RANK, 0);
    gpu_run(l, count);
}

static bool is_held(gpu_lowering *l, size_t input) {
    block b = gpu_input(l, input);
    return b != BLOCK_NONE && l->blocks[b].held;
}

/* Output 0 in the memory of input 0, where that is a cache which nobody else reads; else as a copy. What is held may share a buffer, and no step
 * writes to a buffer that it reads. */
static block cache_to_write(gpu_lowering *l) {
    value_id past = gpu_input_value(l, 0);
    const graph_value *v = &l->graph->values[past];
    if (v->origin != VALUE_INPUT || !v->held || !v->updated || l->uses[past] != 1 || is_held(l, 1) ||
        is_held(l, 2) || l->failed)
        return copied(l);
    block b = gpu_input(l, 0);
    l->blocks[b].held = true;
    gpu_set_output(l, 0, b);
    return b;
}

/* A step of a key or value cache. */
static void lower_tensor_scatter(gpu_lowering *l, const char *detail) {
    const shape *cache = gpu_input_shape(l, 0), *s = gpu_input_shape(l, 1);
    int axis = gpu_axis(l, gpu_attr_int(l, "axis", -2), cache->rank);
    bool circular = strcmp(gpu_attr_string(l, "mode", "linear"), "circular") == 0,
         starts = gpu_has_input(l, 2);
    const char *type = gpu_type_name(l, gpu_input_type(l, 0));
    size_t count = gpu_elements(s);
    (void)detail;
    block to = cache_to_write(l);
    gpu_call(l, "tensor_scatter");
    gpu_define(l, "STARTS", starts ? "$read starts: i32" : "");
    gpu_define(l, "START", starts ? "starts[line / p.lines_a_batch]" : "0");
    gpu_define(l, "AT",
               circular ? "(u32(start) + i / p.inner % p.updates) % p.size"
                        : "u32(start) + i / p.inner % p.updates");
    gpu_define(l, "T", type);
    gpu_read(l, gpu_input(l, 1));
    if (starts)
        gpu_read(l, gpu_input(l, 2));
    gpu_write(l, to);
    const int64_t words[] = {(int64_t)count, product(cache->dims, axis + 1, cache->rank), s->dims[axis],
                             cache->dims[axis], product(cache->dims, 1, axis)};
    gpu_words(l, 5, words, 8, 0);
    gpu_run(l, count);
}

/* ---- OneHot, Trilu --------------------------------------------------------------------------------------------------------- */

static void lower_one_hot(gpu_lowering *l, const char *detail) {
    const shape *to = gpu_output_shape(l, 0);
    int axis = gpu_axis(l, gpu_attr_int(l, "axis", -1), to->rank);
    size_t count = gpu_elements(to);
    (void)detail;
    gpu_call(l, "one_hot");
    gpu_define(l, "I", gpu_type_name(l, gpu_input_type(l, 0)));
    gpu_define(l, "T", gpu_type_name(l, gpu_output_type(l, 0)));
    gpu_read(l, gpu_input(l, 0));
    gpu_read(l, gpu_input(l, 2));
    gpu_write(l, gpu_output(l, 0));
    const int64_t words[] = {(int64_t)count, to->dims[axis], product(to->dims, axis + 1, to->rank)};
    gpu_words(l, 3, words, 4, 0);
    gpu_run(l, count);
}

static void lower_trilu(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0);
    const int64_t *diagonal = NULL;
    size_t count = gpu_elements(s), given = 0;
    int64_t rows = s->dims[s->rank - 2], columns = s->dims[s->rank - 1], at = 0;
    (void)detail;
    if (gpu_has_input(l, 1) && !gpu_constant_ints(l, 1, &diagonal, &given))
        return;
    at = given > 0 ? diagonal[0] : 0;
    at = at < -rows ? -rows : at > columns ? columns : at; /* further out changes nothing */
    gpu_call(l, "trilu");
    gpu_define(l, "T", gpu_type_name(l, gpu_input_type(l, 0)));
    gpu_define(l, "KEPT", gpu_attr_int(l, "upper", 1) != 0 ? ">=" : "<=");
    gpu_read(l, gpu_input(l, 0));
    gpu_write(l, gpu_output(l, 0));
    const int64_t words[] = {(int64_t)count, rows, columns, at};
    gpu_words(l, 4, words, 4, 0);
    gpu_run(l, count);
}

static const gpu_lower_def ops[] = {
    {"GatherND", lower_gather_nd, NULL, NULL},
    {"ScatterND", lower_scatter_nd, NULL, NULL},
    {"GatherElements", lower_gather_elements, NULL, NULL},
    {"ScatterElements", lower_scatter_elements, NULL, NULL},
    {"TensorScatter", lower_tensor_scatter, NULL, NULL},
    {"OneHot", lower_one_hot, NULL, NULL},
    {"Trilu", lower_trilu, NULL, NULL},
};
GPU_FAMILY(gpu_indices, ops);
