/* Resize: one axis after the other, by tables of places and weights that the host makes. */
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "graph/resize.h"

typedef struct axis_tables {
    block places, weights;
    int64_t taps;
    bool weighted; /* not each position one place with a weight of 1 */
} axis_tables;

static bool make_tables(gpu_lowering *l, const resize_plan *p, int axis, int64_t length, axis_tables *out) {
    int64_t most = resize_most_taps(p, axis), outputs = p->out[axis];
    int64_t taps = p->mode == RESIZE_NEAREST ? 1 : most;
    resize_taps t = {.weights = ARENA_ARRAY(l->arena, double, (size_t)most)};
    uint32_t *places = gpu_table_words(l, (size_t)(outputs * taps)),
             *weights = gpu_table_words(l, (size_t)(outputs * taps));
    if (t.weights == NULL && !l->failed)
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at tables of Resize");
    if (l->failed)
        return false;
    *out = (axis_tables){.taps = taps, .weighted = p->mode != RESIZE_NEAREST};
    for (int64_t i = 0; i < outputs; i++) {
        bool inside = resize_find_taps(p, axis, i, length, outputs, &t);
        out->weighted |= !inside;
        for (int64_t k = 0; k < taps; k++) {
            int64_t at = t.first + k; /* the edge repeats */
            float weight = k < t.count ? (float)t.weights[k] : 0.0F;
            at = at < 0 ? 0 : at >= length ? length - 1 : at;
            places[i * taps + k] = inside ? (uint32_t)at : UINT32_MAX;
            memcpy(&weights[i * taps + k], &weight, sizeof weight);
        }
    }
    out->places = gpu_table(l, (size_t)(outputs * taps), places);
    out->weights = out->weighted ? gpu_table(l, (size_t)(outputs * taps), weights) : BLOCK_NONE;
    return !l->failed;
}

/* `now`: the shape of what is resized; its axis gets the new length. */
static void resize_axis(gpu_lowering *l, const resize_plan *p, int axis, shape *now, block from, block to) {
    axis_tables tables;
    const shape before = *now;
    int64_t inner = 1, length = now->dims[axis];
    if (!make_tables(l, p, axis, length, &tables))
        return;
    for (int d = axis + 1; d < now->rank; d++)
        inner *= now->dims[d];
    now->dims[axis] = p->out[axis];
    const char *type = gpu_type_name(l, gpu_input_type(l, 0));
    size_t count = gpu_elements(now);
    if (!tables.weighted) {
        gpu_gather(l, type, from, &before, axis, tables.places, p->out[axis], to);
        return;
    }
    if (strcmp(type, "f32") != 0)
        gpu_fail(l, "no kernel that interpolates %s", dtype_name(gpu_input_type(l, 0)));
    gpu_call(l, "resize");
    gpu_read(l, from);
    gpu_read(l, tables.places);
    gpu_read(l, tables.weights);
    gpu_write(l, to);
    const int64_t words[] = {(int64_t)count, inner, length, p->out[axis], tables.taps};
    gpu_words(l, 5, words, 5, 0);
    gpu_real(l, p->extrapolation);
    gpu_run(l, count);
}

static void lower_resize(gpu_lowering *l, const char *detail) {
    resize_plan p;
    shape now = *gpu_input_shape(l, 0);
    block from = gpu_input(l, 0);
    int last = -1;
    (void)detail;
    if (l->failed)
        return;
    if (resize_read(&l->context, &p) != ACCEL_OK)
        gpu_fail(l, "%s", l->err->message);
    else if (!p.known)
        gpu_fail(l, "its sizes are computed; the kernels want constants");
    for (int d = 0; d < now.rank && !l->failed; d++)
        last = resize_keeps(&p, d, now.dims[d]) ? last : d;
    if (last < 0)
        gpu_view(l, 0, 0);
    for (int d = 0; d <= last && !l->failed && gpu_elements(gpu_output_shape(l, 0)) > 0; d++) {
        shape next = now;
        if (resize_keeps(&p, d, now.dims[d]))
            continue;
        next.dims[d] = p.out[d];
        block to = d == last ? gpu_output(l, 0) : gpu_scratch(l, gpu_elements(&next), gpu_input_value(l, 0));
        resize_axis(l, &p, d, &now, from, to);
        from = to;
    }
    if (last >= 0 && gpu_elements(gpu_output_shape(l, 0)) == 0)
        (void)gpu_output(l, 0);
}

static const gpu_lower_def ops[] = {
    {"Resize", lower_resize, NULL, NULL},
};
GPU_FAMILY(gpu_resize, ops);
