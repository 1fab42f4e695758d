/* Operators with subgraphs: If, Loop, Scan, SequenceMap, FlexAttention. */
#include <math.h>
#include <string.h>

#include "graph/ops/attend.h"
#include "graph/ops/kit.h"

/* The subgraph of a node, or a failure. */
static accel_status subgraph(const op_context *c, const char *name, const graph **out) {
    const graph_attr *a = op_attr(c, name);
    if (!a || a->kind != ATTR_GRAPH || !a->graph)
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute %s must be a graph", name);
    *out = a->graph;
    return ACCEL_OK;
}

static accel_status require_counts(const op_context *c, const graph *g, size_t inputs, size_t least_outputs) {
    if (g->input_count == inputs && g->output_count >= least_outputs)
        return ACCEL_OK;
    return op_fail(c, ACCEL_BAD_GRAPH, "its body has %d inputs and %d outputs, expected %d and at least %d",
                   (int)g->input_count, (int)g->output_count, (int)inputs, (int)least_outputs);
}

static const value_type *output_type(const graph *g, size_t i) {
    return &g->values[g->outputs[i]].type;
}

/* Shapes of values that change while running are left to the run. */
static void put_type(op_context *c, size_t output, value_type type, bool keep_shape) {
    if (!has_output(c, output))
        return;
    if (!keep_shape)
        type.shape = shape_unknown();
    c->outputs[output].type = type;
}

/* ---- If --------------------------------------------------------------------------------------------------------------- */

static const op_attr_def if_attrs[] = {{"else_branch", ATTR_GRAPH, true, NULL},
                                       {"then_branch", ATTR_GRAPH, true, NULL}};

static accel_status if_infer(op_context *c) {
    const graph *yes = NULL, *no = NULL;
    ACCEL_TRY(require_type(c, 0, TYPES_BOOL));
    ACCEL_TRY(require_one_element(c, 0));
    ACCEL_TRY(subgraph(c, "then_branch", &yes));
    ACCEL_TRY(subgraph(c, "else_branch", &no));
    ACCEL_TRY(require_counts(c, yes, 0, c->output_count));
    ACCEL_TRY(require_counts(c, no, 0, c->output_count));
    for (size_t i = 0; i < c->output_count; i++) {
        const value_type *a = output_type(yes, i), *b = output_type(no, i);
        if (a->type == DTYPE_UNDEFINED)
            a = b;
        put_type(c, i, *a, shape_equal(&a->shape, &b->shape));
    }
    return ACCEL_OK;
}

static accel_status if_eval(op_context *c) {
    const graph *branch = NULL;
    ACCEL_TRY(subgraph(c, input_i64_at(c, 0, 0, 0) != 0 ? "then_branch" : "else_branch", &branch));
    op_value *outputs = SCRATCH(c, op_value, (int64_t)branch->output_count);
    if (!outputs)
        return ACCEL_OUT_OF_MEMORY;
    ACCEL_TRY(c->services->run_subgraph(c, branch, NULL, 0, outputs, branch->output_count));
    for (size_t i = 0; i < c->output_count; i++)
        ACCEL_TRY(put_value(c, i, &outputs[i]));
    return ACCEL_OK;
}

/* ---- values collected turn by turn ------------------------------------------------------------------------------------ */

typedef struct collected {
    size_t count, capacity;
    op_value *items;
} collected;

static accel_status collect(op_context *c, collected *list, const op_value *v) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        op_value *items = SCRATCH(c, op_value, (int64_t)capacity);
        if (!items)
            return ACCEL_OUT_OF_MEMORY;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    const op_value *first = list->count ? &list->items[0] : v;
    if (v->type.container != CONTAINER_TENSOR || v->type.type != first->type.type ||
        !shape_equal(&v->type.shape, &first->type.shape))
        return op_fail(c, ACCEL_BAD_GRAPH, "a scan output changes its type or shape from turn to turn");
    list->items[list->count++] = *v;
    return ACCEL_OK;
}

/* Stacks along a new axis. With no turns the elements' shape is what the body declares, unknown dims 0. */
static accel_status put_stacked(op_context *c, size_t output, const collected *list,
                                const value_type *declared, int64_t axis, bool backwards) {
    if (!has_output(c, output))
        return ACCEL_OK;
    shape item = list->count ? list->items[0].type.shape : declared->shape, out;
    dtype type = list->count ? list->items[0].type.type : declared->type;
    int at;
    if (item.rank == RANK_UNKNOWN)
        item.rank = 0;
    if (item.rank == TENSOR_MAX_RANK)
        return op_fail(c, ACCEL_LIMIT, "the rank of a scan output is above the limit");
    out = (shape){.rank = item.rank + 1};
    ACCEL_TRY(require_axis(c, axis, out.rank, &at));
    for (int i = 0; i < out.rank; i++) {
        int64_t dim = i == at ? (int64_t)list->count : item.dims[i - (i > at)];
        out.dims[i] = dim < 0 ? 0 : dim;
    }
    if (dtype_bits(type) < 8)
        return op_fail(c, ACCEL_UNSUPPORTED, "a scan output of %s is not supported", dtype_name(type));
    c->outputs[output].type.type = type;
    ACCEL_TRY(op_allocate_output(c, output, &out));
    axis_split s = split_at(&out, at);
    size_t part = (size_t)s.inner * movable_bytes(type);
    for (size_t k = 0; k < list->count && part > 0; k++) {
        size_t place = backwards ? list->count - 1 - k : k;
        for (int64_t o = 0; o < s.outer; o++)
            memcpy((uint8_t *)c->output_data[output] + ((size_t)(o * s.length) + place) * part,
                   (const uint8_t *)list->items[k].data + (size_t)o * part, part);
    }
    return ACCEL_OK;
}

/* ---- Loop ---------------------------------------------------------------------------------------------------------------- */

static const op_attr_def loop_attrs[] = {{"body", ATTR_GRAPH, true, NULL}};
enum { TRIPS, CONDITION, FIRST_STATE };

static accel_status loop_body(const op_context *c, const graph **body, size_t *states) {
    ACCEL_TRY(subgraph(c, "body", body));
    *states = c->input_count > FIRST_STATE ? c->input_count - FIRST_STATE : 0;
    ACCEL_TRY(require_counts(c, *body, *states + 2, *states + 1));
    if (c->output_count > (*body)->output_count - 1)
        return op_fail(c, ACCEL_BAD_GRAPH, "it has more outputs than its body gives");
    return ACCEL_OK;
}

static accel_status loop_infer(op_context *c) {
    const graph *body = NULL;
    size_t states;
    ACCEL_TRY(require_type(c, TRIPS, TYPES_I64));
    ACCEL_TRY(require_type(c, CONDITION, TYPES_BOOL));
    ACCEL_TRY(require_one_element(c, TRIPS));
    ACCEL_TRY(require_one_element(c, CONDITION));
    ACCEL_TRY(loop_body(c, &body, &states));
    for (size_t i = 0; i < c->output_count; i++) {
        value_type type = *output_type(body, i + 1);
        if (i < states && type.type == DTYPE_UNDEFINED)
            type = c->inputs[FIRST_STATE + i].type;
        put_type(c, i, type, false);
    }
    return ACCEL_OK;
}

typedef struct loop_run {
    const graph *body;
    size_t states, scans;
    op_value *in, *out; /* of the body */
    collected *lists;
} loop_run;

static accel_status start_run(op_context *c, const graph *body, size_t states, size_t before, loop_run *run) {
    *run = (loop_run){.body = body, .states = states, .scans = body->output_count - before - states};
    run->in = SCRATCH(c, op_value, (int64_t)body->input_count);
    run->out = SCRATCH(c, op_value, (int64_t)body->output_count);
    run->lists = SCRATCH(c, collected, (int64_t)run->scans);
    return run->in && run->out && run->lists ? ACCEL_OK : ACCEL_OUT_OF_MEMORY;
}

/* One turn: runs the body, keeps the scan outputs; the states stay in run->out. `before` outputs precede the states. */
static accel_status turn(op_context *c, loop_run *run, size_t before) {
    ACCEL_TRY(c->services->run_subgraph(c, run->body, run->in, run->body->input_count, run->out,
                                        run->body->output_count));
    for (size_t k = 0; k < run->scans; k++)
        ACCEL_TRY(collect(c, &run->lists[k], &run->out[before + run->states + k]));
    return ACCEL_OK;
}

static op_value scalar_value(dtype type, const void *data) {
    return (op_value){.present = true, .type = {.type = type, .shape = {.rank = 0}}, .data = data};
}

static accel_status loop_eval(op_context *c) {
    const graph *body = NULL;
    size_t states;
    loop_run run;
    ACCEL_TRY(loop_body(c, &body, &states));
    ACCEL_TRY(start_run(c, body, states, 1, &run));
    int64_t trips = input_i64_at(c, TRIPS, 0, INT64_MAX), i = 0;
    uint8_t condition = input_i64_at(c, CONDITION, 0, 1) != 0;
    for (size_t k = 0; k < states; k++)
        run.in[FIRST_STATE + k] = c->inputs[FIRST_STATE + k];
    run.in[TRIPS] = scalar_value(DTYPE_I64, &i);
    run.in[CONDITION] = scalar_value(DTYPE_BOOL, &condition);
    for (; condition && i < trips; i++) {
        ACCEL_TRY(turn(c, &run, 1));
        if (run.out[0].type.type != DTYPE_BOOL || op_elements(&run.out[0]) != 1)
            return op_fail(c, ACCEL_BAD_GRAPH, "its body's condition is not one bool");
        condition = *(const uint8_t *)run.out[0].data != 0;
        for (size_t k = 0; k < states; k++)
            run.in[FIRST_STATE + k] = run.out[1 + k];
    }
    for (size_t k = 0; k < c->output_count; k++) {
        if (k < states)
            ACCEL_TRY(put_value(c, k, &run.in[FIRST_STATE + k]));
        else
            ACCEL_TRY(put_stacked(c, k, &run.lists[k - states], output_type(body, k + 1), 0, false));
    }
    return ACCEL_OK;
}

/* ---- Scan ------------------------------------------------------------------------------------------------------------------ */

static const op_attr_def scan_attrs[] = {
    {"body", ATTR_GRAPH, true, NULL},
    {"num_scan_inputs", ATTR_INT, true, NULL},
    {"scan_input_axes", ATTR_INTS, false, "0 each"},
    {"scan_input_directions", ATTR_INTS, false, "0 each"},
    {"scan_output_axes", ATTR_INTS, false, "0 each"},
    {"scan_output_directions", ATTR_INTS, false, "0 each"},
};

static int64_t listed(const op_context *c, const char *name, size_t i) {
    const graph_attr *a = op_attr(c, name);
    return a && i < a->count ? a->ints[i] : 0;
}

static accel_status scan_body(const op_context *c, const graph **body, size_t *states) {
    int64_t scanned = op_attr_int(c, "num_scan_inputs", 0);
    ACCEL_TRY(subgraph(c, "body", body));
    if (scanned < 1 || scanned > (int64_t)c->input_count)
        return op_fail(c, ACCEL_BAD_GRAPH, "num_scan_inputs is %lld", (long long)scanned);
    *states = c->input_count - (size_t)scanned;
    ACCEL_TRY(require_counts(c, *body, c->input_count, *states));
    if (c->output_count > (*body)->output_count)
        return op_fail(c, ACCEL_BAD_GRAPH, "it has more outputs than its body gives");
    return ACCEL_OK;
}

/* How many turns; the axis of each scanned input must exist and have this length. */
static accel_status scan_length(const op_context *c, size_t states, int64_t *length) {
    *length = DIM_UNKNOWN;
    for (size_t i = states; i < c->input_count; i++) {
        int axis;
        if (input_rank(c, i) == RANK_UNKNOWN)
            continue;
        ACCEL_TRY(require_axis(c, listed(c, "scan_input_axes", i - states), input_rank(c, i), &axis));
        ACCEL_TRY(merge_dim(c, "the lengths of the scanned inputs", length, input_dim(c, i, axis)));
    }
    return ACCEL_OK;
}

static accel_status scan_infer(op_context *c) {
    const graph *body = NULL;
    size_t states;
    int64_t length;
    ACCEL_TRY(scan_body(c, &body, &states));
    ACCEL_TRY(scan_length(c, states, &length));
    for (size_t i = states; i < c->input_count; i++)
        ACCEL_TRY(require_type(c, i, TYPES_ANY & ~TYPES_SUB_BYTE));
    for (size_t i = 0; i < c->output_count; i++) {
        value_type type = *output_type(body, i);
        if (i < states && type.type == DTYPE_UNDEFINED)
            type = c->inputs[i].type;
        put_type(c, i, type, false);
    }
    return ACCEL_OK;
}

/* Element `at` of a scanned input, copied to scratch memory. */
static accel_status take_slice(op_context *c, size_t input, int axis, int64_t at, op_value *out) {
    axis_split s = split_at(input_shape(c, input), axis);
    size_t part = (size_t)s.inner * movable_bytes(input_type(c, input));
    uint8_t *data = SCRATCH(c, uint8_t, (int64_t)((size_t)s.outer * part));
    if (!data)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t o = 0; o < s.outer && part > 0; o++)
        memcpy(data + (size_t)o * part,
               (const uint8_t *)c->inputs[input].data + (size_t)(o * s.length + at) * part, part);
    *out = c->inputs[input];
    out->data = data;
    shape *sh = &out->type.shape;
    memmove(sh->dims + axis, sh->dims + axis + 1, (size_t)(sh->rank - axis - 1) * sizeof(int64_t));
    sh->rank--;
    return ACCEL_OK;
}

static accel_status scan_eval(op_context *c) {
    const graph *body = NULL;
    size_t states;
    int64_t length;
    loop_run run;
    ACCEL_TRY(scan_body(c, &body, &states));
    ACCEL_TRY(scan_length(c, states, &length));
    ACCEL_TRY(start_run(c, body, states, 0, &run));
    for (size_t k = 0; k < states; k++)
        run.in[k] = c->inputs[k];
    for (int64_t t = 0; t < length; t++) {
        for (size_t i = states; i < c->input_count; i++) {
            int axis;
            ACCEL_TRY(require_axis(c, listed(c, "scan_input_axes", i - states), input_rank(c, i), &axis));
            int64_t at = listed(c, "scan_input_directions", i - states) != 0 ? length - 1 - t : t;
            ACCEL_TRY(take_slice(c, i, axis, at, &run.in[i]));
        }
        ACCEL_TRY(turn(c, &run, 0));
        for (size_t k = 0; k < states; k++)
            run.in[k] = run.out[k];
    }
    for (size_t k = 0; k < c->output_count; k++) {
        size_t scan = k - states;
        if (k < states)
            ACCEL_TRY(put_value(c, k, &run.in[k]));
        else
            ACCEL_TRY(put_stacked(c, k, &run.lists[scan], output_type(body, k),
                                  listed(c, "scan_output_axes", scan),
                                  listed(c, "scan_output_directions", scan) != 0));
    }
    return ACCEL_OK;
}

/* ---- SequenceMap --------------------------------------------------------------------------------------------------------------- */

static const op_attr_def map_attrs[] = {{"body", ATTR_GRAPH, true, NULL}};

static accel_status map_infer(op_context *c) {
    const graph *body = NULL;
    ACCEL_TRY(subgraph(c, "body", &body));
    ACCEL_TRY(require_counts(c, body, c->input_count, c->output_count));
    if (c->inputs[0].type.container != CONTAINER_SEQUENCE)
        return op_fail(c, ACCEL_BAD_GRAPH, "input 0 must be a sequence");
    for (size_t i = 0; i < c->output_count; i++) {
        value_type type = *output_type(body, i);
        type.container = CONTAINER_SEQUENCE;
        put_type(c, i, type, false);
    }
    return ACCEL_OK;
}

static accel_status map_inputs(const op_context *c, size_t item, op_value *in) {
    for (size_t i = 0; i < c->input_count; i++) {
        in[i] = c->inputs[i];
        if (in[i].type.container != CONTAINER_SEQUENCE)
            continue;
        const op_sequence *s = c->inputs[i].data;
        if (!s || item >= s->count)
            return op_fail(c, ACCEL_BAD_GRAPH, "the sequences have different lengths");
        in[i] = value_of_tensor(&s->items[item]);
    }
    return ACCEL_OK;
}

static accel_status map_eval(op_context *c) {
    const graph *body = NULL;
    const op_sequence *first = c->inputs[0].data;
    size_t count = first ? first->count : 0;
    ACCEL_TRY(subgraph(c, "body", &body));
    op_value *in = SCRATCH(c, op_value, (int64_t)c->input_count),
             *out = SCRATCH(c, op_value, (int64_t)body->output_count);
    tensor *items = SCRATCH(c, tensor, (int64_t)(count * c->output_count));
    if (!in || !out || !items)
        return ACCEL_OUT_OF_MEMORY;
    for (size_t k = 0; k < count; k++) {
        ACCEL_TRY(map_inputs(c, k, in));
        ACCEL_TRY(c->services->run_subgraph(c, body, in, c->input_count, out, body->output_count));
        for (size_t i = 0; i < c->output_count; i++) {
            tensor *t = &items[i * count + k];
            *t = (tensor){.type = out[i].type.type, .shape = out[i].type.shape};
            memcpy(&t->data, &out[i].data, sizeof t->data); /* a view: nobody writes through it */
            if (out[i].type.container != CONTAINER_TENSOR ||
                !dtype_size_bytes(t->type, op_elements(&out[i]), &t->size_bytes))
                return op_fail(c, ACCEL_BAD_GRAPH, "its body gives something that is no tensor");
        }
    }
    for (size_t i = 0; i < c->output_count; i++)
        ACCEL_TRY(c->services->set_sequence(c, i, items + i * count, count));
    return ACCEL_OK;
}

/* ---- FlexAttention (ai.onnx.preview) ---------------------------------------------------------------------------------------------- */

static const op_attr_def flex_attrs[] = {{"prob_mod", ATTR_GRAPH, false, NULL},
                                         {"scale", ATTR_FLOAT, false, "1/sqrt(head_size)"},
                                         {"score_mod", ATTR_GRAPH, false, NULL},
                                         {"softmax_precision", ATTR_INT, false, "float32 or double"}};

static accel_status flex_infer(op_context *c) {
    for (size_t i = 0; i < 3; i++)
        ACCEL_TRY(require_rank(c, i, 4, 4));
    ACCEL_TRY(require_all_same(c, 0, TYPES_FLOAT));
    shape out = shape_of_rank(4);
    const shape *q = input_shape(c, 0), *k = input_shape(c, 1), *v = input_shape(c, 2);
    if (q->rank == 4 && k->rank == 4 && v->rank == 4) {
        int64_t batch = q->dims[0], head = q->dims[3], kv_heads = k->dims[1], length = k->dims[2];
        ACCEL_TRY(merge_dim(c, "the batches of query and key", &batch, k->dims[0]));
        ACCEL_TRY(merge_dim(c, "the batches of query and value", &batch, v->dims[0]));
        ACCEL_TRY(merge_dim(c, "the head sizes of query and key", &head, k->dims[3]));
        ACCEL_TRY(merge_dim(c, "the heads of key and value", &kv_heads, v->dims[1]));
        ACCEL_TRY(merge_dim(c, "the lengths of key and value", &length, v->dims[2]));
        if (q->dims[1] >= 0 && kv_heads >= 0 && (kv_heads == 0 || q->dims[1] % kv_heads != 0))
            return op_fail(c, ACCEL_BAD_GRAPH, "%lld query heads do not share %lld key heads",
                           (long long)q->dims[1], (long long)kv_heads);
        out = (shape){.rank = 4, .dims = {batch, q->dims[1], q->dims[2], v->dims[3]}};
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

/* Passes the scores through the subgraph, in the softmax's precision. */
static accel_status modify(op_context *c, const char *name, dtype type, const shape *s, double *scores) {
    const graph *g = NULL;
    if (!op_attr(c, name))
        return ACCEL_OK;
    ACCEL_TRY(subgraph(c, name, &g));
    ACCEL_TRY(require_counts(c, g, 1, 1));
    op_value in = {.present = true, .type = {.type = type, .shape = *s}},
             *out = SCRATCH(c, op_value, (int64_t)g->output_count);
    int64_t count = op_elements(&in);
    void *data = scratch_array(c, count, dtype_bits(type) / 8);
    if (!data || !out)
        return ACCEL_OUT_OF_MEMORY;
    store_f64(type, data, 0, 1, count, scores);
    in.data = data;
    ACCEL_TRY(c->services->run_subgraph(c, g, &in, 1, out, g->output_count));
    if (out[0].type.container != CONTAINER_TENSOR || out[0].type.type != type ||
        !shape_equal(&out[0].type.shape, s))
        return op_fail(c, ACCEL_BAD_GRAPH, "%s changes the type or shape of the scores", name);
    load_f64(type, out[0].data, 0, 1, count, scores);
    return ACCEL_OK;
}

static void softmax_rows(double *x, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, x += n) {
        double top = -INFINITY, sum = 0;
        for (int64_t i = 0; i < n; i++)
            top = fmax(top, x[i]);
        for (int64_t i = 0; i < n; i++)
            sum += x[i] = top == -INFINITY ? 0 : exp(x[i] - top);
        for (int64_t i = 0; i < n && sum > 0; i++)
            x[i] /= sum;
    }
}

static accel_status flex_eval(op_context *c) {
    const int64_t *q = input_shape(c, 0)->dims, *k = input_shape(c, 1)->dims, *v = input_shape(c, 2)->dims;
    dtype fallback = input_type(c, 0) == DTYPE_F64 ? DTYPE_F64 : DTYPE_F32;
    dtype type = dtype_from_onnx(op_attr_int(c, "softmax_precision", fallback));
    shape s = {.rank = 4, .dims = {q[0], q[1], q[2], k[2]}};
    if (!(TYPES_FLOAT & TYPE_BIT(type)))
        return op_fail(c, ACCEL_BAD_GRAPH, "softmax_precision is not a floating type");
    int64_t heads = q[0] * q[1], rows = q[2], columns = k[2];
    const double *query = op_input_f64(c, 0), *key = op_input_f64(c, 1), *value = op_input_f64(c, 2);
    double *scores = SCRATCH(c, double, heads *rows *columns), *out = SCRATCH(c, double, heads *rows *v[3]);
    double *turned = SCRATCH(c, double, columns *q[3]),
           scale = op_attr_float(c, "scale", 1 / sqrt((double)q[3]));
    if (!query || !key || !value || !scores || !out || !turned)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t h = 0; h < heads; h++) {
        const double *from = key + (h / q[1] * k[1] + h % q[1] / (q[1] / k[1])) * columns * q[3];
        for (int64_t i = 0; i < columns * q[3]; i++)
            turned[i % q[3] * columns + i / q[3]] = from[i] * scale;
        matmul_f64(c->pool, rows, columns, q[3], query + h * rows * q[3], q[3], turned, columns,
                   scores + h * rows * columns, columns);
    }
    ACCEL_TRY(modify(c, "score_mod", type, &s, scores));
    softmax_rows(scores, heads * rows, columns);
    ACCEL_TRY(modify(c, "prob_mod", type, &s, scores));
    for (int64_t h = 0; h < heads; h++) {
        const double *from = value + (h / q[1] * k[1] + h % q[1] / (q[1] / k[1])) * columns * v[3];
        matmul_f64(c->pool, rows, v[3], columns, scores + h * rows * columns, columns, from, v[3],
                   out + h * rows * v[3], v[3]);
    }
    return op_output_from_f64(c, 0, out);
}

static const op_def control_ops[] = {
    {"", "If", 1, 1, 1, OP_VARIADIC, OP_SUBGRAPH, OPS_LIST(if_attrs), if_infer, NULL, if_eval},
    {"", "Loop", 0, OP_VARIADIC, 1, OP_VARIADIC, OP_SUBGRAPH, OPS_LIST(loop_attrs), loop_infer, NULL,
     loop_eval},
    {"", "Scan", 1, OP_VARIADIC, 1, OP_VARIADIC, OP_SUBGRAPH, OPS_LIST(scan_attrs), scan_infer, NULL,
     scan_eval},
    {"", "SequenceMap", 1, OP_VARIADIC, 1, OP_VARIADIC, OP_SUBGRAPH, OPS_LIST(map_attrs), map_infer, NULL,
     map_eval},
    {"ai.onnx.preview", "FlexAttention", 3, 3, 1, 1, OP_SUBGRAPH, OPS_LIST(flex_attrs), flex_infer, NULL,
     flex_eval},
};
OPS_FAMILY(control, control_ops);
