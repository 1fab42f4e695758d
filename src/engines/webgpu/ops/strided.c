/* Maps: one expression over elements that lie by strides. All that is elementwise or moves elements is one. */
#include <string.h>

#include "engines/webgpu/lower.h"

enum { A, B, C, RESULT, WALKED };

typedef struct walk {
    int rank;
    int64_t dims[TENSOR_MAX_RANK], strides[WALKED][TENSOR_MAX_RANK];
} walk;

gpu_operand gpu_operand_of(block b, const char *type, const shape *s) {
    gpu_operand o = {.block = b, .type = type};
    int64_t step = 1;
    for (int d = s->rank - 1; d >= 0; d--) {
        o.strides[d] = step;
        step *= s->dims[d];
    }
    return o;
}

gpu_operand gpu_input_operand(gpu_lowering *l, size_t input) {
    return gpu_operand_of(gpu_input(l, input), gpu_type_name(l, gpu_input_type(l, input)),
                          gpu_input_shape(l, input));
}

gpu_operand gpu_output_operand(gpu_lowering *l, size_t output) {
    return gpu_operand_of(gpu_output(l, output), gpu_type_name(l, gpu_output_type(l, output)),
                          gpu_output_shape(l, output));
}

gpu_operand gpu_broadcast(gpu_lowering *l, block b, const char *type, const shape *from, const shape *to) {
    gpu_operand whole = gpu_operand_of(b, type, from), o = {.block = b, .type = type};
    int missing = to->rank - from->rank;
    for (int d = 0; d < from->rank; d++) {
        if (missing < 0 || (from->dims[d] != 1 && from->dims[d] != to->dims[d + missing]))
            gpu_fail(l, "shapes that do not broadcast");
        else
            o.strides[d + missing] = from->dims[d] == 1 ? 0 : whole.strides[d];
    }
    return o;
}

/* ---- fewer dims ------------------------------------------------------------------------------------------------------ */

/* Dims of 1 go, and dims that lie one in the other become one. */
static walk walk_of(const gpu_map *m) {
    walk all = {.rank = m->dims.rank}, w = {0};
    for (int d = 0; d < all.rank; d++) {
        all.dims[d] = m->dims.dims[d];
        for (int o = 0; o < WALKED; o++)
            all.strides[o][d] = o == RESULT            ? m->to.strides[d]
                                : (size_t)o < m->count ? m->operands[o].strides[d]
                                                       : 0;
    }
    for (int d = 0; d < all.rank; d++) {
        if (all.dims[d] == 1)
            continue;
        bool joined = w.rank > 0;
        for (int o = 0; o < WALKED && joined; o++)
            joined = w.strides[o][w.rank - 1] == all.strides[o][d] * all.dims[d];
        int at = joined ? w.rank - 1 : w.rank++;
        w.dims[at] = joined ? w.dims[at] * all.dims[d] : all.dims[d];
        for (int o = 0; o < WALKED; o++)
            w.strides[o][at] = all.strides[o][d];
    }
    return w;
}

/* ---- the shader -------------------------------------------------------------------------------------------------------- */

static const char *const names[WALKED] = {"a", "b", "c", "result"};

static bool is_there(const gpu_map *m, int o) {
    return o == RESULT || (size_t)o < m->count;
}

/* Operands that lie in the same memory, and so have one type, share a binding. */
static int first_like(const gpu_map *m, int o) {
    for (int before = 0; before < o && o != RESULT; before++)
        if (m->operands[before].block == m->operands[o].block)
            return before;
    return o;
}

static void write_bindings(const gpu_map *m, str_buf *text) {
    for (int o = 0; o < RESULT; o++)
        if (is_there(m, o) && first_like(m, o) == o)
            str_appendf(text, "$read %s_data: %s\n", names[o], m->operands[o].type);
    str_appendf(text, "$write result_data: %s\n", m->to.type);
}

static void write_steps(const gpu_map *m, const walk *w, str_buf *text) {
    for (int d = w->rank - 1; d >= 0; d--) {
        if (d > 0)
            str_appendf(text, "    let k%d = rest %% p.dims[%d][%d];\n    rest = rest / p.dims[%d][%d];\n", d,
                        d / 4, d % 4, d / 4, d % 4);
        else
            str_append(text, "    let k0 = rest;\n");
        for (int o = 0; o < WALKED; o++)
            if (is_there(m, o))
                str_appendf(text, "    at_%s += k%d * p.%s[%d][%d];\n", names[o], d, names[o], d / 4, d % 4);
    }
}

static void write_shader(const gpu_map *m, const walk *w, str_buf *text) {
    str_append(
        text,
        "struct Parameters { count: u32, x: f32, y: f32, rest: u32, starts: vec4<u32>, dims: array<vec4<u32>, 2>,\n"
        "    a: array<vec4<u32>, 2>, b: array<vec4<u32>, 2>, c: array<vec4<u32>, 2>, result: array<vec4<u32>, 2> }\n");
    write_bindings(m, text);
    str_append(text, m->helpers != NULL ? m->helpers : "");
    str_append(text, "$each i of count {\n    var rest = i;\n");
    for (int o = 0; o < WALKED; o++)
        if (is_there(m, o))
            str_appendf(text, "    var at_%s = p.starts[%d];\n", names[o], o);
    write_steps(m, w, text);
    for (int o = 0; o < RESULT; o++) {
        if (!is_there(m, o))
            continue;
        str_appendf(text, "    let %s = %s_data[at_%s];\n", names[o], names[first_like(m, o)], names[o]);
    }
    str_appendf(text, "    result_data[at_result] = %s;\n}\n", m->expression);
}

static void run_map(gpu_lowering *l, const gpu_map *m) {
    const walk w = walk_of(m);
    size_t count = gpu_elements(&m->dims);
    str_buf text = {0};
    write_shader(m, &w, &text);
    if (text.failed)
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at a shader");
    gpu_call_text(l, "map", str_text(&text));
    str_free(&text);
    for (int o = 0; o < RESULT; o++)
        if (is_there(m, o) && first_like(m, o) == o)
            gpu_read(l, m->operands[o].block);
    gpu_write(l, m->to.block);
    gpu_word(l, (int64_t)count);
    gpu_real(l, m->x);
    gpu_real(l, m->y);
    gpu_word(l, 0);
    for (int o = 0; o < WALKED; o++)
        gpu_word(l, o == RESULT ? m->to.start : is_there(m, o) ? m->operands[o].start : 0);
    gpu_words(l, (size_t)w.rank, w.dims, TENSOR_MAX_RANK, 1);
    for (int o = 0; o < WALKED; o++)
        gpu_words(l, (size_t)w.rank, w.strides[o], TENSOR_MAX_RANK, 0);
    gpu_run(l, count);
}

/* ---- blocks that the device does not bind as a whole ---------------------------------------------------------------------- */

static gpu_operand *operand_at(gpu_map *m, int o) {
    return o == RESULT ? &m->to : &m->operands[o];
}

/* The elements from which to which the operand lies. */
static int64_t reach(const gpu_operand *x, const shape *dims, int64_t *first) {
    int64_t last = *first = x->start;
    for (int d = 0; d < dims->rank; d++) {
        int64_t way = (dims->dims[d] - 1) * x->strides[d];
        *(way < 0 ? first : &last) += way;
    }
    return last - *first + 1;
}

/* Windows in place of what is bound; false: one of them is still too large. */
static bool bind_windows(gpu_lowering *l, gpu_map *m) {
    for (int o = 0; o < WALKED && !l->failed; o++) {
        gpu_operand *x = operand_at(m, o);
        int64_t first, before;
        if (!is_there(m, o) || gpu_binds(l, x->block))
            continue;
        int64_t count = reach(x, &m->dims, &first);
        x->block = gpu_window(l, x->block, first, count, &before);
        x->start += before - first;
        if (!gpu_binds(l, x->block))
            return false;
    }
    return true;
}

static void run_map_in_windows(gpu_lowering *l, const gpu_map *m) {
    gpu_map part = *m;
    int d = 0;
    if (bind_windows(l, &part)) {
        run_map(l, &part);
        return;
    }
    while (d < m->dims.rank && m->dims.dims[d] == 1)
        d++;
    if (d == m->dims.rank) {
        gpu_fail_large(l, m->to.block);
        return;
    }
    for (int64_t first = 0, half = (m->dims.dims[d] + 1) / 2; first < m->dims.dims[d] && !l->failed;
         first += half) {
        part = *m;
        part.dims.dims[d] = first == 0 ? half : m->dims.dims[d] - half;
        for (int o = 0; o < WALKED; o++)
            if (is_there(m, o))
                operand_at(&part, o)->start += first * operand_at(&part, o)->strides[d];
        run_map_in_windows(l, &part);
    }
}

void gpu_run_map(gpu_lowering *l, const gpu_map *m) {
    bool whole = gpu_elements(&m->dims) == 0 || gpu_binds(l, m->to.block);
    for (size_t o = 0; o < m->count; o++)
        whole = whole && gpu_binds(l, m->operands[o].block);
    (whole ? run_map : run_map_in_windows)(l, m);
}

void gpu_move(gpu_lowering *l, const shape *dims, gpu_operand from, gpu_operand to) {
    const gpu_map m = {.expression = "a", .count = 1, .operands = {from}, .to = to, .dims = *dims};
    gpu_run_map(l, &m);
}

/* The data as [outer, size, inner]: out[o, i, n] = data[o, indices[i], n]. */
void gpu_gather_rows(gpu_lowering *l, const char *type, block data, const shape *s, int axis, block indices,
                     int64_t index_count, block to, int64_t first, int64_t rows) {
    int64_t outer = 1, inner = 1;
    for (int d = 0; d < s->rank; d++) {
        outer *= d < axis ? s->dims[d] : 1;
        inner *= d > axis ? s->dims[d] : 1;
    }
    gpu_call(l, "gather");
    gpu_define(l, "T", type);
    gpu_read(l, data);
    gpu_read(l, indices);
    gpu_write(l, to);
    const int64_t words[] = {outer * index_count * inner, index_count, s->dims[axis], inner, first, rows};
    gpu_words(l, 6, words, 8, 0);
    gpu_run(l, (size_t)(outer * index_count * inner));
}

void gpu_gather(gpu_lowering *l, const char *type, block data, const shape *s, int axis, block indices,
                int64_t index_count, block to) {
    gpu_gather_rows(l, type, data, s, axis, indices, index_count, to, 0, s->dims[axis]);
}
