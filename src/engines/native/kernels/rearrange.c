/* Pad, Slice, Expand, Tile, DepthToSpace, SpaceToDepth of elements of any size, in either layout: each axis of the output, as it
 * lies in memory, says where in the input its positions come from. Most axes are steps of one size; what is joined to one run is
 * copied at once. */
#include <string.h>

#include "engines/native/kernels/copy.h"
#include "engines/native/kernels/kernels.h"

enum { MOST_AXES = 2 * TENSOR_MAX_RANK };
#define OUTSIDE INT64_MIN /* a place that the fill value takes */

typedef struct place_axis {
    int64_t count, step;  /* bytes of the input */
    const int64_t *table; /* bytes at each position, or OUTSIDE; NULL: 0, step, 2 step, … */
} place_axis;

/* Neighbouring positions of the last axis that come from places `step` bytes apart. */
typedef struct place_run {
    int64_t at, count, from, step;
} place_run;

typedef struct rearrange_state {
    int rank;
    place_axis axis[MOST_AXES];
    int64_t first;              /* bytes of the input before all */
    size_t element_bytes, unit; /* unit: what is copied whole at each position */
    int64_t rows;
    place_run *runs;
    size_t run_count;
    const kernel_value *fill; /* NULL: zeros */
} rearrange_state;

/* ---- axes ------------------------------------------------------------------------------------------------------------ */

static void add_steps(rearrange_state *s, int64_t count, int64_t step) {
    place_axis *last = s->rank > 0 ? &s->axis[s->rank - 1] : NULL;
    if (count == 1) {
        return;
    }
    if (last != NULL && last->table == NULL && last->step == step * count) {
        last->count *= count;
        last->step = step;
        return;
    }
    s->axis[s->rank++] = (place_axis){count, step, NULL};
}

static void add_table(rearrange_state *s, int64_t count, const int64_t *table) {
    s->axis[s->rank++] = (place_axis){count, 0, table};
}

/* The axis at a place of memory order. */
static int axis_at(const kernel_value *v, int place) {
    if (!v->channels_last || place == 0) {
        return place;
    }
    return place == v->shape.rank - 1 ? 1 : place + 1;
}

/* Bytes from one index of each axis to the next. */
static void byte_strides(const kernel_value *v, int64_t strides[TENSOR_MAX_RANK]) {
    int64_t step = dtype_bits(v->type) / 8;
    for (int place = v->shape.rank - 1; place >= 0; place--) {
        int axis = axis_at(v, place);
        strides[axis] = step;
        step *= v->shape.dims[axis];
    }
}

static accel_status make_runs(kernel_call *c, rearrange_state *s) {
    const place_axis *last = &s->axis[s->rank - 1];
    size_t bytes = (size_t)(last->table == NULL ? 1 : last->count + 1) * sizeof *s->runs;
    s->runs = kernel_state(c, bytes);
    if (s->runs == NULL) {
        return kernel_no_memory(c, bytes);
    }
    if (last->table == NULL) {
        s->runs[s->run_count++] = (place_run){0, last->count, 0, last->step};
        return ACCEL_OK;
    }
    for (int64_t i = 0; i < last->count; i++) {
        place_run *run = s->run_count > 0 ? &s->runs[s->run_count - 1] : NULL;
        int64_t from = last->table[i];
        bool both_outside = run != NULL && run->from == OUTSIDE && from == OUTSIDE,
             inside = run != NULL && run->from != OUTSIDE && from != OUTSIDE;
        if (inside && run->count == 1) {
            run->step = from - run->from;
        }
        if (both_outside || (inside && from == run->from + run->count * run->step)) {
            run->count++;
            continue;
        }
        s->runs[s->run_count++] = (place_run){i, 1, from, 0};
    }
    return ACCEL_OK;
}

static accel_status finish_axes(kernel_call *c, rearrange_state *s) {
    s->unit = s->element_bytes;
    if (s->rank == 0) {
        s->axis[s->rank++] = (place_axis){1, (int64_t)s->unit, NULL};
    }
    if (s->rank > 1 && s->axis[s->rank - 1].table == NULL &&
        s->axis[s->rank - 1].step == (int64_t)s->element_bytes) {
        s->unit *= (size_t)s->axis[--s->rank].count;
    }
    s->rows = 1;
    for (int d = 0; d < s->rank - 1; d++) {
        s->rows *= s->axis[d].count;
    }
    c->state = s;
    c->variant = s->unit > s->element_bytes ? "place rows" : "place elements";
    return make_runs(c, s);
}

static rearrange_state *start_axes(kernel_call *c) {
    rearrange_state *s = kernel_state(c, sizeof *s);
    if (s != NULL) {
        s->element_bytes = dtype_bits(c->inputs[0]->type) / 8;
    }
    return s;
}

/* ---- copying ----------------------------------------------------------------------------------------------------------- */

/* `bytes` of to, of which the first `have` are there already, are filled by doubling. */
static void repeat(char *to, size_t have, size_t bytes) {
    while (have < bytes) {
        size_t more = have < bytes - have ? have : bytes - have;
        memcpy(to + have, to, more);
        have += more;
    }
}

static void fill(const rearrange_state *s, char *to, size_t bytes) {
    if (s->fill == NULL) {
        memset(to, 0, bytes);
    } else if (bytes > 0) {
        memcpy(to, s->fill->data, s->element_bytes);
        repeat(to, s->element_bytes, bytes);
    }
}

static void copy_run(const rearrange_state *s, const place_run *run, const char *from, char *row) {
    char *to = row + (size_t)run->at * s->unit;
    const size_t bytes = (size_t)run->count * s->unit;
    if (run->from == OUTSIDE) {
        fill(s, to, bytes);
    } else if (run->step == (int64_t)s->unit || run->count == 1) {
        memcpy(to, from + run->from, bytes);
    } else if (run->step == 0) {
        memcpy(to, from + run->from, s->unit);
        repeat(to, s->unit, bytes);
    } else {
        copy_steps(to, (int64_t)s->unit, from + run->from, run->step, run->count, s->unit);
    }
}

/* Where row `at` reads; OUTSIDE: all of it is filled. */
static int64_t row_offset(const rearrange_state *s, int axes, size_t at) {
    int64_t offset = s->first;
    for (int d = axes - 1; d >= 0; d--) {
        const place_axis *a = &s->axis[d];
        int64_t i = (int64_t)(at % (size_t)a->count);
        at /= (size_t)a->count;
        int64_t add = a->table == NULL ? i * a->step : a->table[i];
        if (add == OUTSIDE) {
            return OUTSIDE;
        }
        offset += add;
    }
    return offset;
}

static void rows_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const rearrange_state *s = c->state;
    const size_t row_bytes = (size_t)s->axis[s->rank - 1].count * s->unit;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        char *row = (char *)c->outputs[0]->data + i * row_bytes;
        int64_t offset = row_offset(s, s->rank - 1, i);
        if (offset == OUTSIDE) {
            fill(s, row, row_bytes);
            continue;
        }
        const char *from = (const char *)c->inputs[0]->data + offset;
        for (size_t r = 0; r < s->run_count; r++) {
            copy_run(s, &s->runs[r], from, row);
        }
    }
}

/* Rows of a few positions (DepthToSpace): two axes at once, the longer one inside. */
static bool short_rows(const rearrange_state *s) {
    enum { FEW = 16 };
    return s->rank >= 2 && s->axis[s->rank - 1].count < FEW && s->axis[s->rank - 1].table == NULL &&
           s->axis[s->rank - 2].table == NULL && s->axis[s->rank - 2].count > s->axis[s->rank - 1].count;
}

static void blocks_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const rearrange_state *s = c->state;
    const place_axis *last = &s->axis[s->rank - 1], *before = last - 1;
    const int64_t row_bytes = last->count * (int64_t)s->unit;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        char *block = (char *)c->outputs[0]->data + i * (size_t)(before->count * row_bytes);
        int64_t offset = row_offset(s, s->rank - 2, i);
        if (offset == OUTSIDE) {
            fill(s, block, (size_t)(before->count * row_bytes));
            continue;
        }
        for (int64_t k = 0; k < last->count; k++) {
            copy_steps(block + k * (int64_t)s->unit, row_bytes,
                       (const char *)c->inputs[0]->data + offset + k * last->step, before->step,
                       before->count, s->unit);
        }
    }
}

static accel_status rearrange_run(kernel_call *c) {
    const rearrange_state *s = c->state;
    int64_t n = value_elements(c->outputs[0]);
    if (n == 0) {
        return ACCEL_OK;
    }
    bool blocks = short_rows(s);
    size_t rows = (size_t)(blocks ? s->rows / s->axis[s->rank - 2].count : s->rows);
    thread_pool_for(pool_for(c, n), rows, grain_for(rows, n), blocks ? blocks_task : rows_task, c);
    return ACCEL_OK;
}

/* ---- operators -------------------------------------------------------------------------------------------------------------- */

static bool whole_bytes(const kernel_call *c) {
    return dtype_bits(c->inputs[0]->type) >= 8 && dtype_bits(c->inputs[0]->type) % 8 == 0;
}

/* A list of integers whose contents are there; an omitted one is not. */
static bool has_list(const kernel_call *c, size_t input) {
    return kernel_has(c, input) && c->inputs[input]->constant &&
           (c->inputs[input]->data != NULL || value_elements(c->inputs[input]) == 0);
}
static int64_t list_at(const kernel_call *c, size_t input, int64_t i) {
    return dtype_get_i64(c->inputs[input]->type, c->inputs[input]->data, (size_t)i);
}
/* The axis that entry i of the lists speaks of. */
static int listed_axis(const kernel_call *c, size_t axes, int64_t i) {
    int axis = -1;
    int64_t given = kernel_has(c, axes) ? list_at(c, axes, i) : i;
    return shape_axis(given, c->inputs[0]->shape.rank, &axis) ? axis : -1;
}

/* Pad: inputs x, pads, constant, axes. */
typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP, PAD_UNKNOWN } pad_mode;

static pad_mode read_mode(const kernel_call *c) {
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    const char *name = node_attr_string(c->node, "mode", "constant");
    for (int i = 0; i < PAD_UNKNOWN; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (pad_mode)i;
        }
    }
    return PAD_UNKNOWN;
}

static bool pad_accepts(const kernel_call *c) {
    if (!whole_bytes(c) || read_mode(c) == PAD_UNKNOWN || !has_list(c, 1) ||
        (kernel_has(c, 3) && !has_list(c, 3))) {
        return false;
    }
    int64_t count = value_elements(c->inputs[1]) / 2;
    for (int64_t i = 0; i < count; i++) {
        if (listed_axis(c, 3, i) < 0) {
            return false;
        }
    }
    return true;
}

/* Where a place before or behind the input reads; -1: the constant. */
static int64_t pad_source(pad_mode mode, int64_t at, int64_t dim) {
    if (at >= 0 && at < dim) {
        return at;
    }
    switch (mode) {
    case PAD_EDGE:
        return at < 0 ? 0 : dim - 1;
    case PAD_WRAP:
        return (at % dim + dim) % dim;
    case PAD_REFLECT: {
        int64_t period = dim > 1 ? 2 * (dim - 1) : 1, folded = (at % period + period) % period;
        return folded < dim ? folded : period - folded;
    }
    default:
        return -1;
    }
}

static accel_status pad_prepare(kernel_call *c) {
    rearrange_state *s = start_axes(c);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape, *y = &c->outputs[0]->shape;
    int64_t begin[TENSOR_MAX_RANK] = {0}, strides[TENSOR_MAX_RANK], count = value_elements(c->inputs[1]) / 2;
    for (int64_t i = 0; i < count; i++) {
        begin[listed_axis(c, 3, i)] = list_at(c, 1, i);
    }
    byte_strides(c->inputs[0], strides);
    for (int place = 0; place < x->rank; place++) {
        int d = axis_at(c->inputs[0], place);
        if (begin[d] == 0 && y->dims[d] == x->dims[d]) {
            add_steps(s, x->dims[d], strides[d]);
            continue;
        }
        int64_t *table = kernel_state(c, (size_t)(y->dims[d] + 1) * sizeof *table);
        if (table == NULL) {
            return kernel_no_memory(c, (size_t)y->dims[d] * sizeof *table);
        }
        for (int64_t i = 0; i < y->dims[d]; i++) {
            int64_t from = pad_source(read_mode(c), i - begin[d], x->dims[d]);
            table[i] = from < 0 ? OUTSIDE : from * strides[d];
        }
        add_table(s, y->dims[d], table);
    }
    s->fill = kernel_has(c, 2) && value_elements(c->inputs[2]) == 1 ? c->inputs[2] : NULL;
    return finish_axes(c, s);
}

/* Slice: inputs x, starts, ends, axes, steps. */
static bool slice_accepts(const kernel_call *c) {
    if (!whole_bytes(c) || !has_list(c, 1) || !has_list(c, 2) || (kernel_has(c, 3) && !has_list(c, 3)) ||
        (kernel_has(c, 4) && !has_list(c, 4))) {
        return false;
    }
    int64_t count = value_elements(c->inputs[1]);
    for (int64_t i = 0; i < count; i++) {
        if (listed_axis(c, 3, i) < 0) {
            return false;
        }
    }
    return true;
}

static accel_status slice_prepare(kernel_call *c) {
    rearrange_state *s = start_axes(c);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape, *y = &c->outputs[0]->shape;
    int64_t steps[TENSOR_MAX_RANK], count = value_elements(c->inputs[1]);
    byte_strides(c->inputs[0], steps);
    for (int64_t i = 0; i < count && value_elements(c->outputs[0]) > 0; i++) {
        int d = listed_axis(c, 3, i);
        int64_t step = kernel_has(c, 4) ? list_at(c, 4, i) : 1, start = list_at(c, 1, i),
                most = step > 0 ? x->dims[d] : x->dims[d] - 1;
        start += start < 0 ? x->dims[d] : 0;
        start = start < 0 ? 0 : start > most ? most : start;
        s->first += start * steps[d];
        steps[d] = y->dims[d] > 1 ? steps[d] * step : 0; /* a step past the end must not overflow */
    }
    for (int place = 0; place < x->rank; place++) {
        int d = axis_at(c->inputs[0], place);
        add_steps(s, y->dims[d], steps[d]);
    }
    return finish_axes(c, s);
}

static bool expand_accepts(const kernel_call *c) {
    return whole_bytes(c) &&
           (!c->inputs[0]->channels_last || c->inputs[0]->shape.rank == c->outputs[0]->shape.rank);
}

static accel_status expand_prepare(kernel_call *c) {
    rearrange_state *s = start_axes(c);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape, *y = &c->outputs[0]->shape;
    int64_t strides[TENSOR_MAX_RANK];
    byte_strides(c->inputs[0], strides);
    for (int place = 0; place < y->rank; place++) {
        int d = axis_at(c->outputs[0], place), from = d - (y->rank - x->rank);
        bool repeats = from < 0 || x->dims[from] != y->dims[d];
        add_steps(s, y->dims[d], repeats ? 0 : strides[from]);
    }
    return finish_axes(c, s);
}

static bool tile_accepts(const kernel_call *c) {
    return whole_bytes(c) && value_elements(c->inputs[0]) > 0;
}

static accel_status tile_prepare(kernel_call *c) {
    rearrange_state *s = start_axes(c);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape, *y = &c->outputs[0]->shape;
    int64_t strides[TENSOR_MAX_RANK];
    byte_strides(c->inputs[0], strides);
    for (int place = 0; place < x->rank; place++) {
        int d = axis_at(c->inputs[0], place);
        add_steps(s, y->dims[d] / x->dims[d], 0);
        add_steps(s, x->dims[d], strides[d]);
    }
    return finish_axes(c, s);
}

/* DepthToSpace, SpaceToDepth: the block's two axes stand before the channels (DCR) or behind them (CRD). */
static bool blocks_accepts(const kernel_call *c) {
    return whole_bytes(c) && c->inputs[0]->shape.rank == 4 && kernel_attr_int(c, "blocksize", 0) > 0;
}

static bool column_first(const kernel_call *c) {
    return strcmp(node_attr_string(c->node, "mode", "DCR"), "CRD") == 0;
}

static accel_status depth_prepare(kernel_call *c) {
    rearrange_state *s = start_axes(c);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const int64_t *y = c->outputs[0]->shape.dims, block = kernel_attr_int(c, "blocksize", 1);
    int64_t in[TENSOR_MAX_RANK] = {0};
    byte_strides(c->inputs[0], in);
    int64_t column = column_first(c) ? in[1] : in[1] * y[1],
            channel = column_first(c) ? in[1] * block * block : in[1];
    add_steps(s, y[0], in[0]);
    if (!c->outputs[0]->channels_last) {
        add_steps(s, y[1], channel);
    }
    add_steps(s, y[2] / block, in[2]);
    add_steps(s, block, block * column);
    add_steps(s, y[3] / block, in[3]);
    add_steps(s, block, column);
    if (c->outputs[0]->channels_last) {
        add_steps(s, y[1], channel);
    }
    return finish_axes(c, s);
}

static void add_block(rearrange_state *s, const int64_t *in, int64_t block) {
    add_steps(s, block, in[2]);
    add_steps(s, block, in[3]);
}

static accel_status space_prepare(kernel_call *c) {
    rearrange_state *s = start_axes(c);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const int64_t *y = c->outputs[0]->shape.dims, block = kernel_attr_int(c, "blocksize", 1),
                  channels = c->inputs[0]->shape.dims[1];
    const bool last = c->outputs[0]->channels_last, columns = column_first(c);
    int64_t in[TENSOR_MAX_RANK] = {0};
    byte_strides(c->inputs[0], in);
    add_steps(s, y[0], in[0]);
    for (int turn = 0; turn < 2; turn++) {
        if ((turn == 0) != last) { /* the output's channels */
            if (!columns) {
                add_block(s, in, block);
            }
            add_steps(s, channels, in[1]);
            if (columns) {
                add_block(s, in, block);
            }
        } else {
            add_steps(s, y[2], in[2] * block);
            add_steps(s, y[3], in[3] * block);
        }
    }
    return finish_axes(c, s);
}

static const kernel_def kernels[] = {
    {"", "Pad", KERNEL_ANY_LAYOUT, pad_accepts, pad_prepare, rearrange_run},
    {"", "Slice", KERNEL_ANY_LAYOUT, slice_accepts, slice_prepare, rearrange_run},
    {"", "Expand", KERNEL_ANY_LAYOUT, expand_accepts, expand_prepare, rearrange_run},
    {"", "Tile", KERNEL_ANY_LAYOUT, tile_accepts, tile_prepare, rearrange_run},
    {"", "DepthToSpace", KERNEL_ANY_LAYOUT, blocks_accepts, depth_prepare, rearrange_run},
    {"", "SpaceToDepth", KERNEL_ANY_LAYOUT, blocks_accepts, space_prepare, rearrange_run},
};
KERNEL_FAMILY(rearrange, kernels);
