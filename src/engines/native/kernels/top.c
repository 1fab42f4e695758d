/* TopK of f32, int32 and int64 over any axis, sorted whether asked for or not; equal elements by their index, as the reference.
 *
 * A line is read once. Its best k so far are kept in order; an element that beats the least of them waits in a list (or is put
 * in its place, when k is small), and when the list is full it is sorted and merged. Most elements of a long line are passed over a vector at a time, and a line that
 * rises all the way costs no more than sorting it. */
#include <string.h>

#include "engines/native/kernels/copy.h"
#include "engines/native/kernels/kernels.h"

enum { FEW = 24 };

typedef struct top_state {
    int64_t outer, length, inner, k;
    int64_t waiting_room; /* of a worker: entries that may wait */
    bool largest;
} top_state;

/* The larger key first. */
typedef struct top_entry {
    int64_t key, index;
} top_entry;

/* What a worker needs for one line. */
typedef struct top_list {
    const top_state *state;
    top_entry *best, *waiting, *spare;
    int64_t kept, count; /* entries in best; in waiting */
    int64_t least;       /* key of the last of k: others must be above it */
} top_list;

static bool top_accepts(const kernel_call *c) {
    const kernel_value *x = c->inputs[0];
    int axis;
    return (x->type == DTYPE_F32 || x->type == DTYPE_I32 || x->type == DTYPE_I64) && x->shape.rank > 0 &&
           shape_axis(kernel_attr_int(c, "axis", -1), x->shape.rank, &axis);
}

static const kernel_value *any_output(const kernel_call *c) {
    return c->outputs[0] != NULL ? c->outputs[0] : c->outputs[1];
}

static int64_t entries_of(const top_state *s) {
    int64_t spare = s->k > s->waiting_room ? s->k : s->waiting_room;
    return s->k + s->waiting_room + spare;
}

static size_t worker_bytes(const top_state *s) {
    return (size_t)entries_of(s) * sizeof(top_entry) + (s->inner > 1 ? (size_t)s->length * 8 : 0);
}

static accel_status top_prepare(kernel_call *c) {
    top_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    const shape *x = &c->inputs[0]->shape;
    int axis = 0;
    (void)shape_axis(kernel_attr_int(c, "axis", -1), x->rank, &axis);
    s->outer = product_of(x->dims, axis);
    s->length = x->dims[axis];
    s->inner = product_of(x->dims + axis + 1, x->rank - axis - 1);
    s->k = any_output(c)->shape.dims[axis];
    s->waiting_room = s->k <= FEW ? 0 : s->k;
    s->largest = kernel_attr_int(c, "largest", 1) != 0;
    c->workspace_bytes = worker_bytes(s) * (size_t)c->threads;
    c->state = s;
    c->variant = "best of lines";
    return ACCEL_OK;
}

/* ---- order ------------------------------------------------------------------------------------------------------------------ */

/* Short runs, by insertion; equal keys keep their order. */
static void sort_run(top_entry *e, int64_t count) {
    for (int64_t i = 1; i < count; i++) {
        top_entry x = e[i];
        int64_t k = i;
        for (; k > 0 && e[k - 1].key < x.key; k--) {
            e[k] = e[k - 1];
        }
        e[k] = x;
    }
}

/* At most `most` entries of both lists; of equal ones those of a first. */
static void merge(const top_entry *a, int64_t a_count, const top_entry *b, int64_t b_count, int64_t most,
                  top_entry *out) {
    int64_t i = 0, k = 0;
    while (i + k < most && i < a_count && k < b_count) {
        bool second = b[k].key > a[i].key;
        out[i + k] = second ? b[k] : a[i];
        k += second;
        i += !second;
    }
    int64_t rest = most - i - k;
    int64_t from_a = a_count - i < rest ? a_count - i : rest;
    memcpy(out + i + k, a + i, (size_t)from_a * sizeof *out);
    int64_t from_b = b_count - k < rest - from_a ? b_count - k : rest - from_a;
    memcpy(out + i + k + from_a, b + k, (size_t)from_b * sizeof *out);
}

/* Sorts the entries that wait, by merging: no recursion, no worst case. */
static void sort_waiting(top_list *l) {
    enum { RUN = 12 };
    for (int64_t i = 0; i < l->count; i += RUN) {
        sort_run(l->waiting + i, l->count - i < RUN ? l->count - i : RUN);
    }
    for (int64_t width = RUN; width < l->count; width *= 2) {
        for (int64_t low = 0; low < l->count; low += 2 * width) {
            int64_t left = l->count - low < width ? l->count - low : width;
            int64_t right = l->count - low - left < width ? l->count - low - left : width;
            merge(l->waiting + low, left, l->waiting + low + left, right, left + right, l->spare + low);
        }
        memcpy(l->waiting, l->spare, (size_t)l->count * sizeof *l->waiting);
    }
}

static void settle(top_list *l) {
    const int64_t k = l->state->k, all = l->kept + l->count;
    sort_waiting(l);
    int64_t kept = all < k ? all : k;
    merge(l->best, l->kept, l->waiting, l->count, kept, l->spare);
    memcpy(l->best, l->spare, (size_t)kept * sizeof *l->best);
    l->kept = kept;
    l->count = 0;
    l->least = kept == k ? l->best[k - 1].key : INT64_MIN;
}

/* Few are kept in order as they come. */
static inline void insert(top_list *l, int64_t key, int64_t index) {
    int64_t at = l->kept < l->state->k ? l->kept++ : l->kept - 1;
    for (; at > 0 && l->best[at - 1].key < key; at--) {
        l->best[at] = l->best[at - 1];
    }
    l->best[at] = (top_entry){key, index};
    l->least = l->best[l->kept - 1].key;
}

static inline void offer(top_list *l, int64_t key, int64_t index) {
    if (l->kept == l->state->k && key <= l->least) {
        return;
    }
    if (l->state->k <= FEW) {
        insert(l, key, index);
        return;
    }
    l->waiting[l->count++] = (top_entry){key, index};
    if (l->count == l->state->waiting_room) {
        settle(l);
    }
}

/* ---- lines --------------------------------------------------------------------------------------------------------------------- */

/* In the order of floats: -0 is 0, every NaN above all. */
INLINE vi float_keys(vf x) {
    vi bits = (vi)(x + 0.0f), keys = bits ^ ((bits >> 31) & 0x7fffffff);
    vi is_nan = x != x;
    return (keys & ~is_nan) | (is_nan & 0x7fffffff);
}

/* x: floats or their likes of 32 bits. The smallest are the largest of the complements. */
INLINE void read_words(top_list *l, const void *line, const bool floats) {
    const int64_t length = l->state->length;
    const float *x = line;
    const vi flip = v_splat_int(l->state->largest ? 0 : -1);
    for (int64_t i = 0; i < length; i += VW) {
        int64_t count = length - i < VW ? length - i : VW;
        vf y = v_load_some(x + i, count);
        vi keys = (floats ? float_keys(y) : (vi)y) ^ flip;
        if (count == VW && l->kept == l->state->k && !v_any(keys > v_splat_int((int32_t)l->least))) {
            continue;
        }
        int32_t lanes[VW];
        __builtin_memcpy(lanes, &keys, sizeof lanes);
        for (int64_t k = 0; k < count; k++) {
            offer(l, lanes[k], i + k);
        }
    }
}

static void read_line(top_list *l, dtype type, const void *x) {
    l->kept = l->count = 0;
    if (type == DTYPE_F32) {
        read_words(l, x, true);
    } else if (type == DTYPE_I32) {
        read_words(l, x, false);
    } else {
        for (int64_t i = 0; i < l->state->length; i++) {
            int64_t value = ((const int64_t *)x)[i];
            offer(l, l->state->largest ? value : ~value, i);
        }
    }
    if (l->count > 0) {
        settle(l);
    }
}

static void write_line(const kernel_call *c, const top_list *l, const char *line, size_t bytes, int64_t to) {
    const top_state *s = l->state;
    char *values = c->outputs[0] != NULL ? (char *)c->outputs[0]->data + (size_t)to * bytes : NULL;
    int64_t *indices =
        c->output_count > 1 && c->outputs[1] != NULL ? (int64_t *)c->outputs[1]->data + to : NULL;
    for (int64_t i = 0; i < s->k && values != NULL; i++) {
        memcpy(values + (size_t)(i * s->inner) * bytes, line + (size_t)l->best[i].index * bytes, bytes);
    }
    for (int64_t i = 0; i < s->k && indices != NULL; i++) {
        indices[i * s->inner] = l->best[i].index;
    }
}

static void top_task(void *context, size_t begin, size_t end, int worker) {
    const kernel_call *c = context;
    const top_state *s = c->state;
    const size_t bytes = c->inputs[0]->type == DTYPE_I64 ? 8 : 4;
    top_entry *room = (top_entry *)(void *)((char *)c->workspace + (size_t)worker * worker_bytes(s));
    char *gathered = (char *)(room + entries_of(s));
    top_list list = {s, room, room + s->k, room + s->k + s->waiting_room, 0, 0, 0};
    for (size_t i = begin; i < end; i++) {
        int64_t outer = (int64_t)i / s->inner, inner = (int64_t)i % s->inner;
        const char *line =
            (const char *)c->inputs[0]->data + (size_t)(outer * s->length * s->inner + inner) * bytes;
        if (s->inner > 1) {
            copy_steps(gathered, (int64_t)bytes, line, s->inner * (int64_t)bytes, s->length, bytes);
            line = gathered;
        }
        read_line(&list, c->inputs[0]->type, line);
        write_line(c, &list, line, bytes, outer * s->k * s->inner + inner);
    }
}

static accel_status top_run(kernel_call *c) {
    const top_state *s = c->state;
    size_t lines = (size_t)(s->outer * s->inner);
    int64_t n = value_elements(c->inputs[0]), k = dtype_get_i64(c->inputs[1]->type, c->inputs[1]->data, 0);
    if (k != s->k || (n > 0 && k > s->length)) { /* a declared output may not be for what this run asks */
        return kernel_fail(c, ACCEL_BAD_GRAPH,
                           "%lld of an axis of %lld are asked for, the output is for %lld", (long long)k,
                           (long long)s->length, (long long)s->k);
    }
    if (n > 0 && s->k > 0) {
        thread_pool_for(pool_for(c, n), lines, grain_for(lines, n), top_task, c);
    }
    return ACCEL_OK;
}

static const kernel_def kernels[] = {
    {"", "TopK", 0, top_accepts, top_prepare, top_run},
};
KERNEL_FAMILY(top, kernels);
