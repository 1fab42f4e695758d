#include "graph/ops/kit.h"

#include <math.h>
#include <string.h>

#include "base/thread.h"

/* ---- infer ---------------------------------------------------------------------------------------------------- */

bool input_is_static(const op_context *c, size_t i) {
    return op_has_input(c, i) && shape_is_static(input_shape(c, i));
}

static accel_status require_tensor(const op_context *c, size_t input) {
    if (op_has_input(c, input) && c->inputs[input].type.container != CONTAINER_TENSOR)
        return op_fail(c, ACCEL_BAD_GRAPH, "input %d must be a tensor, not a sequence or an optional",
                       (int)input);
    return ACCEL_OK;
}

accel_status require_type(const op_context *c, size_t input, type_set allowed) {
    if (!op_has_input(c, input))
        return ACCEL_OK;
    ACCEL_TRY(require_tensor(c, input));
    dtype t = input_type(c, input);
    if (t == DTYPE_UNDEFINED || (allowed & TYPE_BIT(t)))
        return ACCEL_OK;
    /* Strings are real ONNX types that we do not compute with: valid files, which we cannot run. */
    accel_status status =
        t == DTYPE_STRING || (TYPES_COMPLEX & TYPE_BIT(t)) ? ACCEL_UNSUPPORTED : ACCEL_BAD_GRAPH;
    return op_fail(c, status, "input %d is %s, a type that %s does not take here", (int)input, dtype_name(t),
                   c->op->name);
}

accel_status require_present(const op_context *c, size_t input) {
    if (op_has_input(c, input))
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "input %d is missing", (int)input);
}

accel_status require_same_type(const op_context *c, size_t a, size_t b) {
    if (!op_has_input(c, a) || !op_has_input(c, b))
        return ACCEL_OK;
    dtype s = input_type(c, a), t = input_type(c, b);
    if (s == t || s == DTYPE_UNDEFINED || t == DTYPE_UNDEFINED)
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "inputs %d and %d must have one type, but are %s and %s", (int)a,
                   (int)b, dtype_name(s), dtype_name(t));
}

accel_status require_all_same(const op_context *c, size_t first, type_set allowed) {
    for (size_t i = first; i < c->input_count; i++) {
        ACCEL_TRY(require_type(c, i, allowed));
        ACCEL_TRY(require_same_type(c, first, i));
    }
    return ACCEL_OK;
}

accel_status require_rank(const op_context *c, size_t input, int min_rank, int max_rank) {
    if (!op_has_input(c, input))
        return ACCEL_OK;
    ACCEL_TRY(require_tensor(c, input));
    int rank = input_rank(c, input);
    if (rank == RANK_UNKNOWN || (rank >= min_rank && rank <= max_rank))
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "input %d has rank %d, expected %d to %d", (int)input, rank, min_rank,
                   max_rank);
}

accel_status require_elements(const op_context *c, size_t input, int64_t count) {
    if (!input_is_static(c, input) || op_elements(&c->inputs[input]) == count)
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "input %d must have %lld elements", (int)input, (long long)count);
}

accel_status require_one_element(const op_context *c, size_t input) {
    if (!input_is_static(c, input) || op_elements(&c->inputs[input]) == 1)
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "input %d must hold one element", (int)input);
}

accel_status merge_dim(const op_context *c, const char *what, int64_t *dim, int64_t other) {
    if (other < 0 || *dim == other)
        return ACCEL_OK;
    if (*dim >= 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "%s do not agree: %lld and %lld", what, (long long)*dim,
                       (long long)other);
    *dim = other;
    return ACCEL_OK;
}

accel_status require_axis(const op_context *c, int64_t axis, int rank, int *out) {
    if (shape_axis(axis, rank, out))
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "axis %lld is outside a rank of %d", (long long)axis, rank);
}

accel_status attr_ints(const op_context *c, const char *name, size_t count, int64_t low, int64_t high,
                       const int64_t **out) {
    const graph_attr *a = op_attr(c, name);
    *out = NULL;
    if (!a || a->count == 0)
        return ACCEL_OK;
    if (a->kind != ATTR_INTS || a->count != count)
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute %s must hold %d integers", name, (int)count);
    for (size_t i = 0; i < count; i++) {
        if (a->ints[i] < low || a->ints[i] > high)
            return op_fail(c, ACCEL_BAD_GRAPH, "attribute %s holds %lld, which is outside %lld to %lld", name,
                           (long long)a->ints[i], (long long)low, (long long)high);
    }
    *out = a->ints;
    return ACCEL_OK;
}

accel_status attr_choice(const op_context *c, const char *name, const char *fallback, const char *words,
                         int *index) {
    const char *value = op_attr_string(c, name, fallback);
    size_t length = strlen(value);
    *index = 0;
    for (const char *word = words; *word && length; (*index)++) {
        const char *end = strchr(word, ' ');
        size_t word_length = end ? (size_t)(end - word) : strlen(word);
        if (word_length == length && memcmp(word, value, length) == 0)
            return ACCEL_OK;
        word += word_length + (end ? 1 : 0);
    }
    return op_fail(c, ACCEL_BAD_GRAPH, "attribute %s is \"%s\", expected one of: %s", name, value, words);
}

shape shape_of_rank(int rank) {
    shape s = {.rank = rank};
    for (int i = 0; i < rank && i < TENSOR_MAX_RANK; i++)
        s.dims[i] = DIM_UNKNOWN;
    return s;
}

void put_output(op_context *c, size_t output, dtype type, const shape *s) {
    if (has_output(c, output))
        op_set_output(c, output, type, s);
}

void put_unknown(op_context *c, size_t output, dtype type) {
    shape s = shape_unknown();
    put_output(c, output, type, &s);
}

accel_status broadcast_inputs(const op_context *c, size_t first, shape *out) {
    *out = (shape){.rank = 0};
    for (size_t i = first; i < c->input_count; i++) {
        if (!op_has_input(c, i))
            continue;
        shape joined;
        if (!shape_broadcast(out, input_shape(c, i), &joined)) {
            char a[128], b[128];
            return op_fail(c, ACCEL_BAD_GRAPH, "shapes %s and %s do not broadcast together",
                           shape_text(out, a, sizeof a), shape_text(input_shape(c, i), b, sizeof b));
        }
        *out = joined;
    }
    return ACCEL_OK;
}

accel_status infer_same_as_input(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

accel_status shape_from_ints(const op_context *c, const int64_t *dims, size_t count, shape *out) {
    if (count > TENSOR_MAX_RANK)
        return op_fail(c, ACCEL_LIMIT, "a rank of %lld is above the limit of %d", (long long)count,
                       TENSOR_MAX_RANK);
    *out = (shape){.rank = (int)count};
    for (size_t i = 0; i < count; i++) {
        if (dims[i] < 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "a dim of %lld", (long long)dims[i]);
        out->dims[i] = dims[i];
    }
    int64_t elements;
    if (!shape_elements(out, &elements))
        return op_fail(c, ACCEL_LIMIT, "the shape has too many elements");
    return ACCEL_OK;
}

op_value value_of_tensor(const tensor *t) {
    static const uint64_t no_elements[2] = {0, 0}; /* data NULL would mean unknown */
    return (op_value){.present = true,
                      .type = {.container = CONTAINER_TENSOR, .type = t->type, .shape = t->shape},
                      .data = t->data ? t->data : no_elements};
}

accel_status put_value(op_context *c, size_t output, const op_value *v) {
    if (!has_output(c, output))
        return ACCEL_OK;
    value_type *out = &c->outputs[output].type;
    bool sequence =
        v->type.container == CONTAINER_SEQUENCE || v->type.container == CONTAINER_OPTIONAL_SEQUENCE;
    bool optional = out->container == CONTAINER_OPTIONAL || out->container == CONTAINER_OPTIONAL_SEQUENCE;
    out->type = v->type.type;
    out->container = sequence   ? optional ? CONTAINER_OPTIONAL_SEQUENCE : CONTAINER_SEQUENCE
                     : optional ? CONTAINER_OPTIONAL
                                : CONTAINER_TENSOR;
    if (!v->data && optional)
        return ACCEL_OK; /* empty */
    if (!v->data)
        return op_fail(c, ACCEL_BAD_GRAPH, "an empty optional is used as a value");
    if (sequence) {
        const op_sequence *items = v->data;
        return c->services->set_sequence(c, output, items->items, items->count);
    }
    ACCEL_TRY(op_allocate_output(c, output, &v->type.shape));
    size_t bytes = 0;
    if (dtype_size_bytes(v->type.type, op_elements(v), &bytes) && bytes > 0)
        memcpy(c->output_data[output], v->data, bytes);
    return ACCEL_OK;
}

accel_status eval_copy(op_context *c) {
    const op_value *in = &c->inputs[0];
    size_t bytes = 0;
    if (dtype_size_bytes(in->type.type, op_elements(in), &bytes) && bytes > 0 &&
        c->output_data[0] != in->data)
        memcpy(c->output_data[0], in->data, bytes);
    return ACCEL_OK;
}

void cost_of_flops(const op_context *c, double flops, op_cost *out) {
    *out = (op_cost){.flops = flops};
    for (size_t i = 0; i < c->input_count; i++) {
        size_t bytes;
        if (op_has_input(c, i) && dtype_size_bytes(input_type(c, i), op_elements(&c->inputs[i]), &bytes))
            out->bytes_read += (double)bytes;
    }
    for (size_t i = 0; i < c->output_count; i++) {
        size_t bytes;
        if (has_output(c, i) && dtype_size_bytes(c->outputs[i].type.type, output_elements(c, i), &bytes))
            out->bytes_written += (double)bytes;
    }
}

void cost_of_selection(const op_context *c, op_cost *out) {
    size_t bytes;
    cost_of_flops(c, 0, out);
    if (dtype_size_bytes(input_type(c, 0), op_elements(&c->inputs[0]), &bytes))
        out->bytes_read += out->bytes_written - (double)bytes;
}

/* ---- memory and elements -------------------------------------------------------------------------------------- */

void *scratch_array(const op_context *c, int64_t count, size_t element_bytes) {
    void *memory = count < 0 ? NULL : arena_array(c->scratch, (size_t)count, element_bytes);
    if (!memory)
        error_no_memory(c->err, c->op->name, (unsigned long long)count * element_bytes);
    return memory;
}

/* X(dtype, C type): the types whose elements are read without a call. */
#define PLAIN_TYPES(X)                                                                                       \
    X(DTYPE_F32, float)                                                                                      \
    X(DTYPE_F64, double)                                                                                     \
    X(DTYPE_I8, int8_t)                                                                                      \
    X(DTYPE_U8, uint8_t)                                                                                     \
    X(DTYPE_I32, int32_t)                                                                                    \
    X(DTYPE_I64, int64_t)

void load_f64(dtype t, const void *data, int64_t first, int64_t step, int64_t count, double *out) {
    switch (t) {
#define LOAD(symbol, type)                                                                                   \
    case symbol: {                                                                                           \
        const type *from = (const type *)data + first;                                                       \
        for (int64_t i = 0; i < count; i++)                                                                  \
            out[i] = (double)from[i * step];                                                                 \
        return;                                                                                              \
    }
        PLAIN_TYPES(LOAD)
#undef LOAD
    default:
        for (int64_t i = 0; i < count; i++)
            out[i] = dtype_get_f64(t, data, (size_t)(first + i * step));
    }
}

void load_i64(dtype t, const void *data, int64_t first, int64_t step, int64_t count, int64_t *out) {
    if (t == DTYPE_I64) {
        const int64_t *from = (const int64_t *)data + first;
        for (int64_t i = 0; i < count; i++)
            out[i] = from[i * step];
        return;
    }
    for (int64_t i = 0; i < count; i++)
        out[i] = dtype_get_i64(t, data, (size_t)(first + i * step));
}

void store_f64(dtype t, void *data, int64_t first, int64_t step, int64_t count, const double *values) {
    if (t == DTYPE_F32) {
        float *to = (float *)data + first;
        for (int64_t i = 0; i < count; i++)
            to[i * step] = (float)values[i];
        return;
    }
    for (int64_t i = 0; i < count; i++)
        dtype_set_f64(t, data, (size_t)(first + i * step), values[i]);
}

void store_i64(dtype t, void *data, int64_t first, int64_t step, int64_t count, const int64_t *values) {
    for (int64_t i = 0; i < count; i++)
        dtype_set_i64(t, data, (size_t)(first + i * step), values[i]);
}

double input_f64_at(const op_context *c, size_t input, int64_t index, double fallback) {
    if (!op_has_input(c, input) || !c->inputs[input].data || index >= op_elements(&c->inputs[input]))
        return fallback;
    return dtype_get_f64(input_type(c, input), c->inputs[input].data, (size_t)index);
}

int64_t input_i64_at(const op_context *c, size_t input, int64_t index, int64_t fallback) {
    if (!op_has_input(c, input) || !c->inputs[input].data || index >= op_elements(&c->inputs[input]))
        return fallback;
    return dtype_get_i64(input_type(c, input), c->inputs[input].data, (size_t)index);
}

const int64_t *input_i64(op_context *c, size_t input) {
    int64_t count = op_elements(&c->inputs[input]);
    int64_t *values = SCRATCH(c, int64_t, count);
    if (values)
        load_i64(input_type(c, input), c->inputs[input].data, 0, 1, count, values);
    return values;
}

size_t movable_bytes(dtype t) {
    unsigned bits = dtype_bits(t);
    return bits < 8 ? 1 : bits / 8;
}

const uint8_t *movable_input(op_context *c, size_t input) {
    dtype t = input_type(c, input);
    int64_t count = op_elements(&c->inputs[input]);
    if (dtype_bits(t) >= 8 && count > 0)
        return c->inputs[input].data;
    uint8_t *wide = SCRATCH(c, uint8_t, count);
    /* float4 is moved as its four bits: read as u4. */
    dtype raw = t == DTYPE_F4E2M1 ? DTYPE_U4 : t;
    for (int64_t i = 0; wide && i < count; i++)
        wide[i] = (uint8_t)dtype_get_i64(raw, c->inputs[input].data, (size_t)i);
    return wide;
}

uint8_t *movable_output(op_context *c, size_t output) {
    int64_t count = output_elements(c, output);
    if (dtype_bits(c->outputs[output].type.type) >= 8 && count > 0)
        return c->output_data[output];
    return SCRATCH(c, uint8_t, count);
}

void movable_finish(op_context *c, size_t output, const uint8_t *filled) {
    dtype t = c->outputs[output].type.type;
    if (dtype_bits(t) >= 8)
        return;
    dtype raw = t == DTYPE_F4E2M1 ? DTYPE_U4 : t;
    int64_t count = output_elements(c, output);
    for (int64_t i = 0; i < count; i++)
        dtype_set_i64(raw, c->output_data[output], (size_t)i, filled[i]);
}

/* ---- walks ---------------------------------------------------------------------------------------------------- */

int64_t dims_product(const int64_t *dims, int count) {
    /* Unsigned: where one dim is 0, the others may multiply beyond the range, and nothing is read through the result. */
    uint64_t product = 1;
    for (int i = 0; i < count; i++)
        product *= (uint64_t)dims[i];
    return (int64_t)product;
}

void dense_strides(int rank, const int64_t *dims, int64_t *strides) {
    uint64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = (int64_t)stride;
        stride *= (uint64_t)dims[i];
    }
}

/* Whether dims `outer` and `outer + 1` are one even run for every operand. */
static bool walk_joins(const walk *w, int outer, int64_t inner_dim, const int64_t *const *strides, int next) {
    for (int k = 0; k < w->operands; k++) {
        if (w->strides[k][outer] != strides[k][next] * inner_dim)
            return false;
    }
    return true;
}

void walk_start(walk *w, int rank, const int64_t *dims, int operands, const int64_t *const *strides) {
    *w = (walk){.operands = operands};
    for (int i = 0; i < rank; i++) {
        if (dims[i] == 0)
            w->empty = true;
        if (dims[i] == 1)
            continue;
        bool join = w->rank > 0 && walk_joins(w, w->rank - 1, dims[i], strides, i);
        int at = join ? w->rank - 1 : w->rank++;
        w->dims[at] = join ? w->dims[at] * dims[i] : dims[i];
        for (int k = 0; k < operands; k++)
            w->strides[k][at] = strides[k][i];
    }
    w->row = 1;
    if (w->rank > 0) {
        w->rank--;
        w->row = w->dims[w->rank];
        for (int k = 0; k < operands; k++)
            w->step[k] = w->strides[k][w->rank];
    }
}

void walk_broadcast(walk *w, const shape *out, int operands, const shape *const *inputs) {
    int64_t strides[WALK_MAX_OPERANDS][TENSOR_MAX_RANK];
    const int64_t *pointers[WALK_MAX_OPERANDS];
    for (int k = 0; k < operands; k++) {
        const shape *in = inputs[k];
        int64_t dense[TENSOR_MAX_RANK];
        dense_strides(in->rank, in->dims, dense);
        int missing = out->rank - in->rank;
        for (int i = 0; i < out->rank; i++) {
            bool repeats = i < missing || in->dims[i - missing] == 1;
            strides[k][i] = repeats ? 0 : dense[i - missing];
        }
        pointers[k] = strides[k];
    }
    walk_start(w, out->rank, out->dims, operands, pointers);
}

bool walk_next(walk *w) {
    if (w->empty)
        return false;
    if (!w->started) {
        w->started = true;
        return true;
    }
    for (int i = w->rank - 1; i >= 0; i--) {
        bool more = ++w->index[i] < w->dims[i];
        for (int k = 0; k < w->operands; k++)
            w->at[k] += more ? w->strides[k][i] : -w->strides[k][i] * (w->dims[i] - 1);
        if (more)
            return true;
        w->index[i] = 0;
    }
    return false;
}

static void copy_row(size_t bytes, int64_t count, uint8_t *to, int64_t to_step, const uint8_t *from,
                     int64_t from_step) {
    if (to_step == 1 && from_step == 1) {
        memcpy(to, from, (size_t)count * bytes);
        return;
    }
    ptrdiff_t to_bytes = (ptrdiff_t)to_step * (ptrdiff_t)bytes,
              from_bytes = (ptrdiff_t)from_step * (ptrdiff_t)bytes;
    switch (bytes) {
#define COPY(size)                                                                                           \
    case size:                                                                                               \
        for (int64_t i = 0; i < count; i++, to += to_bytes, from += from_bytes)                              \
            memcpy(to, from, size);                                                                          \
        return;
        COPY(1)
        COPY(2)
        COPY(4)
        COPY(8)
#undef COPY
    default:
        for (int64_t i = 0; i < count; i++, to += to_bytes, from += from_bytes)
            memcpy(to, from, bytes);
    }
}

void copy_strided(size_t bytes, int rank, const int64_t *dims, uint8_t *to, const int64_t *to_strides,
                  const uint8_t *from, const int64_t *from_strides) {
    const int64_t *strides[2] = {to_strides, from_strides};
    walk w;
    for (walk_start(&w, rank, dims, 2, strides); walk_next(&w);)
        copy_row(bytes, w.row, to + w.at[0] * (int64_t)bytes, w.step[0], from + w.at[1] * (int64_t)bytes,
                 w.step[1]);
}

axis_split split_at(const shape *s, int axis) {
    return (axis_split){.outer = dims_product(s->dims, axis),
                        .length = s->dims[axis],
                        .inner = dims_product(s->dims + axis + 1, s->rank - axis - 1)};
}

/* ---- arithmetic ----------------------------------------------------------------------------------------------- */

enum { MATMUL_ROWS = 4, MATMUL_COLUMNS = 256 };

typedef struct matmul_job {
    int64_t m, n, k, a_stride, b_stride, out_stride;
    const double *a, *b;
    double *out;
} matmul_job;

/* A block of up to 4 rows and 256 columns: the sums stay in the first cache while b streams through. The four rows are
 * written out, so that the loop over columns is one that every compiler turns into vector code. */
static void matmul_block(const matmul_job *job, int64_t row, int64_t rows, int64_t column, int64_t columns) {
    double sums[MATMUL_ROWS][MATMUL_COLUMNS] = {{0}};
    const double *a[MATMUL_ROWS];
    for (int r = 0; r < MATMUL_ROWS; r++)
        a[r] = job->a + (row + (r < rows ? r : 0)) * job->a_stride;
    for (int64_t p = 0; p < job->k; p++) {
        const double *b = job->b + p * job->b_stride + column;
        const double a0 = a[0][p], a1 = a[1][p], a2 = a[2][p], a3 = a[3][p];
        for (int64_t j = 0; j < columns; j++) {
            sums[0][j] += a0 * b[j];
            sums[1][j] += a1 * b[j];
            sums[2][j] += a2 * b[j];
            sums[3][j] += a3 * b[j];
        }
    }
    for (int64_t r = 0; r < rows; r++)
        memcpy(job->out + (row + r) * job->out_stride + column, sums[r], (size_t)columns * sizeof(double));
}

static void matmul_task(void *context, size_t begin, size_t end, int worker) {
    const matmul_job *job = context;
    (void)worker;
    for (int64_t block = (int64_t)begin; block < (int64_t)end; block++) {
        int64_t row = block * MATMUL_ROWS;
        int64_t rows = job->m - row < MATMUL_ROWS ? job->m - row : MATMUL_ROWS;
        for (int64_t column = 0; column < job->n; column += MATMUL_COLUMNS) {
            int64_t columns = job->n - column < MATMUL_COLUMNS ? job->n - column : MATMUL_COLUMNS;
            matmul_block(job, row, rows, column, columns);
        }
    }
}

void matmul_f64(struct thread_pool *pool, int64_t m, int64_t n, int64_t k, const double *a, int64_t a_stride,
                const double *b, int64_t b_stride, double *out, int64_t out_stride) {
    matmul_job job = {m, n, k, a_stride, b_stride, out_stride, a, b, out};
    if (m <= 0 || n <= 0)
        return;
    thread_pool_for(pool, (size_t)((m + MATMUL_ROWS - 1) / MATMUL_ROWS), 1, matmul_task, &job);
}

double sigmoid_f64(double x) {
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

double hard_sigmoid_f64(double x) {
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

double gelu_f64(double x) {
    return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
}

double gelu_tanh_f64(double x) {
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

double round_even(double x) {
    double below = floor(x), rest = x - below;
    if (rest != 0.5)
        return rest < 0.5 ? below : ceil(x);
    return fmod(below, 2) == 0 ? below : below + 1;
}
