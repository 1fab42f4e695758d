/* Attention as one kernel, with its masks, shared key heads and caches. */
#include <math.h>
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "engines/webgpu/ops/product.h"

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, LENGTHS };
enum { WIDE = 4, MOST_PARTS = 64 };

bool gpu_takes_attention(const graph *g, const graph_node *n) {
    const shape *q = &g->values[n->inputs[Q]].type.shape, *v = &g->values[n->inputs[V]].type.shape;
    bool plain = node_attr_int(n, "left_window_size", -1) < 0 &&
                 node_attr_int(n, "right_window_size", -1) < 0 &&
                 (n->output_count < 4 || n->outputs[3] == VALUE_NONE);
    if (!plain || !shape_is_static(q) || !shape_is_static(v))
        return false;
    int64_t heads = q->rank == 3 ? node_attr_int(n, "q_num_heads", 1) : 1,
            v_heads = q->rank == 3 ? node_attr_int(n, "kv_num_heads", 1) : 1;
    int64_t head = q->dims[q->rank - 1] / heads, v_head = v->dims[v->rank - 1] / v_heads;
    int64_t wide = head % WIDE == 0 && v_head % WIDE == 0 ? WIDE : 1;
    return head > 0 && v_head > 0 && head / wide <= MOST_PARTS && v_head / wide <= MOST_PARTS;
}

/* [batch, heads, length, size], however it lies. */
typedef struct heads {
    block block;
    int64_t batch, heads, length, size, strides[3]; /* of batch, head, row; in elements */
} heads;

static heads heads_of(block b, const shape *s, int64_t count) {
    if (s->rank == 3) {
        int64_t size = s->dims[2] / count;
        return (heads){b, s->dims[0], count, s->dims[1], size, {s->dims[1] * s->dims[2], size, s->dims[2]}};
    }
    return (heads){b,          s->dims[0],
                   s->dims[1], s->dims[2],
                   s->dims[3], {s->dims[1] * s->dims[2] * s->dims[3], s->dims[2] * s->dims[3], s->dims[3]}};
}

static gpu_operand operand_of(const heads *h) {
    return (gpu_operand){
        .block = h->block, .type = "f32", .strides = {h->strides[0], h->strides[1], h->strides[2], 1}};
}

/* The cache before, then what is new, in output `output` or, where nobody wants it, in memory on the way. */
static heads join_past(gpu_lowering *l, const heads *fresh, size_t past, size_t output) {
    const shape *s = gpu_input_shape(l, past);
    int64_t before = gpu_has_input(l, past) ? s->dims[2] : 0;
    shape whole = {.rank = 4, .dims = {fresh->batch, fresh->heads, before + fresh->length, fresh->size}},
          part = whole;
    if (!gpu_has_input(l, past) && !gpu_has_output(l, output))
        return *fresh;
    block b = gpu_has_output(l, output)
                  ? gpu_output(l, output)
                  : gpu_scratch(l, gpu_elements(&whole), gpu_input_value(l, past == PAST_KEY ? K : V));
    heads all = heads_of(b, &whole, fresh->heads);
    gpu_operand to = operand_of(&all);
    part.dims[2] = before;
    if (before > 0)
        gpu_move(l, &part, gpu_operand_of(gpu_input(l, past), "f32", s), to);
    to.start = before * all.strides[2];
    part.dims[2] = fresh->length;
    gpu_move(l, &part, operand_of(fresh), to);
    return all;
}

/* ---- masks ------------------------------------------------------------------------------------------------------------ */

typedef struct mask {
    bool given, boolean, causal, lengths;
    gpu_operand operand;
    int64_t length; /* keys beyond it are closed */
} mask;

static mask read_mask(gpu_lowering *l, const heads *q, const heads *k) {
    mask m = {.given = gpu_has_input(l, MASK),
              .causal = gpu_attr_int(l, "is_causal", 0) != 0,
              .lengths = gpu_has_input(l, LENGTHS),
              .length = k->length};
    const shape *s = gpu_input_shape(l, MASK);
    shape scores = {.rank = 4, .dims = {q->batch, q->heads, q->length, k->length}};
    if (!m.given)
        return m;
    if (s->dims[s->rank - 1] != 1)
        scores.dims[3] = m.length = s->dims[s->rank - 1];
    const char *type = gpu_type_name(l, gpu_input_type(l, MASK));
    m.boolean = strcmp(type, "i32") == 0;
    m.operand = gpu_broadcast(l, gpu_input(l, MASK), type, s, &scores);
    return m;
}

static void define_mask(gpu_lowering *l, const mask *m) {
    str_buf closed = {0}, given = {0}, text = {0};
    if (m->given)
        str_appendf(&given, "$read mask: %s\n", m->operand.type);
    if (m->lengths)
        str_append(&given, "$read lengths: i32");
    if (m->given && !m->boolean)
        str_append(&text, "s$r += mask[mask_at$r + min(j, p.mask_length - 1u) * p.mask.w];\n        ");
    if (m->given)
        str_append(&closed, " || j >= p.mask_length");
    if (m->given && m->boolean)
        str_append(&closed, " || mask[mask_at$r + min(j, p.mask_length - 1u) * p.mask.w] == 0");
    if (m->causal)
        str_append(&closed, " || i32(j) > i32(row$r) + offset");
    if (closed.length > 0)
        str_appendf(&text, "if (%s) { s$r = LEAST; }", closed.data + strlen(" || "));
    if (closed.failed || given.failed || text.failed)
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at a shader");
    gpu_define(l, "GIVEN", str_text(&given));
    gpu_define(l, "MASK", str_text(&text));
    gpu_define(l, "KEYS", m->lengths ? "min(u32(max(lengths[batch], 0)), p.kv_length)" : "p.kv_length");
    gpu_define(l, "OFFSET", m->lengths ? "i32(keys) - i32(p.q_length)" : "i32(p.offset)");
    gpu_define(l, "LAST", m->causal ? "u32(clamp(i32(first) + $ROWS + offset, 0, i32(keys)))" : "keys");
    str_free(&closed);
    str_free(&given);
    str_free(&text);
}

/* ---- the kernel --------------------------------------------------------------------------------------------------------- */

static void define_words(gpu_lowering *l, const mask *m, int64_t parts, int64_t v_parts, bool wide,
                         int64_t rows) {
    gpu_define(l, "CAP",
               gpu_attr_float(l, "softcap", 0.0) > 0.0
                   ? "s$r = p.softcap * tanh(clamp(s$r / p.softcap, -12.0, 12.0));"
                   : "");
    define_mask(l, m);
    gpu_define_number(l, "ROWS", rows);
    gpu_define_number(l, "PARTS", parts);
    gpu_define_number(l, "PARTS_V", v_parts);
    gpu_define(l, "V", wide ? "vec4<f32>" : "f32");
    gpu_define(l, "DOT", wide ? "dot(q$r_$c, k$c)" : "q$r_$c * k$c");
}

static void add_strides(gpu_lowering *l, const int64_t *strides, int64_t unit) {
    for (int d = 0; d < 3; d++)
        gpu_word(l, strides[d] / unit);
    gpu_word(l, 1);
}

static void run_attention(gpu_lowering *l, const heads *q, const heads *k, const heads *v, const heads *to,
                          const mask *m) {
    bool wide = q->size % WIDE == 0 && v->size % WIDE == 0;
    const gpu_variant *variant =
        gpu_choose(l, q->length > 1 ? GPU_ATTENTION : GPU_ATTENTION_ROW, q->length, k->length, q->size);
    int64_t unit = wide ? WIDE : 1, rows = q->length >= variant->rows ? variant->rows : 1;
    const int64_t sizes[] = {q->length, k->length, q->heads, q->heads / k->heads};
    gpu_call(l, variant->file);
    gpu_include(l, "ATTENTION_HEAD", "attention_head");
    gpu_include(l, "ATTENTION_START", "attention_start");
    gpu_define_number(l, "GROUP", variant->group[0]);
    define_words(l, m, q->size / unit, v->size / unit, wide, rows);
    gpu_read(l, q->block);
    gpu_read(l, k->block);
    gpu_read(l, v->block);
    if (m->given)
        gpu_read(l, m->operand.block);
    if (m->lengths)
        gpu_read(l, gpu_input(l, LENGTHS));
    gpu_write(l, to->block);
    gpu_words(l, 4, sizes, 4, 0);
    gpu_real(l, gpu_attr_float(l, "scale", 1.0 / sqrt((double)q->size)));
    gpu_real(l, gpu_attr_float(l, "softcap", 0.0));
    gpu_word(l, gpu_has_input(l, PAST_KEY) ? gpu_input_shape(l, PAST_KEY)->dims[2] : 0);
    gpu_word(l, m->length);
    add_strides(l, q->strides, unit);
    add_strides(l, k->strides, unit);
    add_strides(l, v->strides, unit);
    add_strides(l, to->strides, unit);
    gpu_words(l, 4, m->operand.strides, 4, 0);
    int64_t lines = (q->length + rows - 1) / rows, group = variant->group[0];
    gpu_run_groups(l, (size_t)((lines + group - 1) / group), /* one a head, where there is one line */
                   (size_t)q->heads, (size_t)q->batch);
}

static void lower_attention(gpu_lowering *l, const char *detail) {
    int64_t q_heads = gpu_attr_int(l, "q_num_heads", 1), kv_heads = gpu_attr_int(l, "kv_num_heads", 1);
    (void)detail;
    gpu_want_reals(l);
    heads q = heads_of(gpu_input(l, Q), gpu_input_shape(l, Q), q_heads);
    heads k = heads_of(gpu_input(l, K), gpu_input_shape(l, K), kv_heads);
    heads v = heads_of(gpu_input(l, V), gpu_input_shape(l, V), kv_heads);
    k = join_past(l, &k, PAST_KEY, 1);
    v = join_past(l, &v, PAST_VALUE, 2);
    const mask m = read_mask(l, &q, &k);
    heads to = heads_of(gpu_output(l, 0), gpu_output_shape(l, 0), q.heads);
    run_attention(l, &q, &k, &v, &to, &m);
}

static const gpu_lower_def ops[] = {
    {"Attention", lower_attention, NULL, "accel"},
};
GPU_FAMILY(gpu_attention, ops);
