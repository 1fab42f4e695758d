/* TensorScatter: new lines written into a key or value cache, in place where nobody needs the cache as it was. */
#include <string.h>

#include "engines/native/kernels/kernels.h"

typedef struct scatter_state {
    int64_t lines, lines_a_batch; /* pieces of `length` places */
    int64_t length, fresh;        /* places of the cache and of the update */
    size_t part_bytes;            /* of a place */
    bool circular;
} scatter_state;

static bool read_scatter(const kernel_call *c, scatter_state *s) {
    const shape *cache = &c->inputs[0]->shape;
    unsigned bits = dtype_bits(c->inputs[0]->type);
    int axis;
    if (bits < 8 || c->inputs[0]->type != c->inputs[1]->type || cache->rank < 2 ||
        !shape_axis(kernel_attr_int(c, "axis", -2), cache->rank, &axis) || axis == 0) {
        return false;
    }
    *s = (scatter_state){.lines = product_of(cache->dims, axis),
                         .lines_a_batch = product_of(cache->dims + 1, axis - 1),
                         .length = cache->dims[axis],
                         .fresh = c->inputs[1]->shape.dims[axis],
                         .part_bytes =
                             (size_t)product_of(cache->dims + axis + 1, cache->rank - axis - 1) * (bits / 8)};
    s->circular = strcmp(node_attr_string(c->node, "mode", "linear"), "circular") == 0;
    return s->part_bytes > 0 && s->length > 0;
}

/* An update as long as the cache could be what the output lies on: then nothing is done in place. */
static bool shorter_accepts(const kernel_call *c) {
    scatter_state s;
    return read_scatter(c, &s) && s.fresh < s.length;
}
static bool whole_accepts(const kernel_call *c) {
    scatter_state s;
    return read_scatter(c, &s);
}

static accel_status scatter_prepare(kernel_call *c) {
    scatter_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_scatter(c, s);
    c->state = s;
    c->variant = "cache lines";
    return ACCEL_OK;
}

static int64_t start_of(const kernel_call *c, int64_t batch) {
    return kernel_has(c, 2) ? ((const int64_t *)c->inputs[2]->data)[batch] : 0;
}

static void scatter_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const scatter_state *s = c->state;
    (void)worker;
    const size_t line_bytes = (size_t)s->length * s->part_bytes;
    for (size_t line = begin; line < end; line++) {
        char *out = (char *)c->outputs[0]->data + line * line_bytes;
        const char *cache = (const char *)c->inputs[0]->data + line * line_bytes;
        const char *from = (const char *)c->inputs[1]->data + line * (size_t)s->fresh * s->part_bytes;
        if (out != cache) {
            memcpy(out, cache, line_bytes);
        }
        int64_t at = start_of(c, (int64_t)line / s->lines_a_batch) % s->length, left = s->length - at;
        int64_t first = s->fresh < left ? s->fresh : left; /* the rest goes round to the start */
        memcpy(out + (size_t)at * s->part_bytes, from, (size_t)first * s->part_bytes);
        memcpy(out, from + (size_t)first * s->part_bytes, (size_t)(s->fresh - first) * s->part_bytes);
    }
}

static accel_status scatter_run(kernel_call *c) {
    const scatter_state *s = c->state;
    for (int64_t i = 0; s->lines > 0 && i < c->inputs[0]->shape.dims[0]; i++) {
        int64_t start = start_of(c, i);
        if (start < 0 || (!s->circular && start > s->length - s->fresh)) {
            return kernel_fail(c, ACCEL_BAD_GRAPH, "write index %lld is outside the cache", (long long)start);
        }
    }
    bool in_place = c->outputs[0]->data == c->inputs[0]->data;
    int64_t n = s->lines * (in_place ? s->fresh : s->length) * (int64_t)s->part_bytes / 4;
    thread_pool_for(pool_for(c, n), (size_t)s->lines, grain_for((size_t)s->lines, n), scatter_task, c);
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "TensorScatter", KERNEL_IN_PLACE, shorter_accepts, scatter_prepare, scatter_run},
    {"", "TensorScatter", 0, whole_accepts, scatter_prepare, scatter_run},
};
KERNEL_FAMILY(cache, kernels);
