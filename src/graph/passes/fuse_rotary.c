/* Rotary embedding as Llama's family spells it: x·cos + rotate_half(x)·sin, with cosines and sines that repeat in both halves. */
#include "graph/passes.h"

#include <string.h>

#include "graph/passes/form.h"
#include "graph/passes/match.h"

/* x [batch, heads, length, size]; its second half, negated, before its first. */
#define SLICE(begin, end, axis) "{Slice(x," begin "," end "," axis ",1)|Slice(x," begin "," end "," axis ")}"
static const char spelling[] =
    "Add(Mul(Concat(Neg(" SLICE("#h", "#e", "#a") ")," SLICE("0", "#h", "#a") "),s),Mul(x,c))";

static bool constant_halves_repeat(const graph *g, value_id v) {
    const shape *s = shape_of(g, v);
    tensor t = {0};
    bool owned = false;
    if (graph_value_contents(g, v, &t, &owned, NULL) != ACCEL_OK) {
        return false;
    }
    size_t bits = dtype_bits(t.type), half = (size_t)s->dims[s->rank - 1] / 2 * (bits / 8);
    bool same = bits >= 8 && half > 0;
    for (size_t at = 0; same && at + 2 * half <= t.size_bytes; at += 2 * half) {
        same = memcmp((const char *)t.data + at, (const char *)t.data + at + half, half) == 0;
    }
    if (owned) {
        tensor_free(&t);
    }
    return same;
}

static bool keeps_last(const graph *g, const graph_node *n) {
    const shape *from = shape_of(g, n->inputs[0]), *to = shape_of(g, n->outputs[0]);
    return from->rank >= 1 && to->rank >= 1 && from->dims[from->rank - 1] == to->dims[to->rank - 1];
}

/* Whether the last axis holds the same twice: joined so, or through operators that keep its elements apart. */
static bool halves_repeat(const graph *g, value_id v) {
    static const char *const through[] = {"Cos",     "Sin",   "Cast",    "Identity", "Unsqueeze",
                                          "Squeeze", "Slice", "Reshape", "Expand",   "Gather"};
    for (int depth = 0; depth < 16; depth++) {
        const shape *s = shape_of(g, v);
        if (s->rank < 1 || s->dims[s->rank - 1] < 2 || s->dims[s->rank - 1] % 2 != 0) {
            return false;
        }
        if (graph_value_is_constant(g, v)) {
            return constant_halves_repeat(g, v);
        }
        graph_node *join = made_by(g, v, "Concat"), *next = NULL;
        if (join != NULL) {
            int64_t axis = node_attr_int(join, "axis", 0);
            return join->input_count == 2 && join->inputs[0] == join->inputs[1] &&
                   (axis == -1 || axis == s->rank - 1);
        }
        value_id x = VALUE_NONE;
        double factor;
        graph_node *scaled = made_by(g, v, "Mul");
        if (scaled != NULL && scalar_operand(g, scaled, &x, &factor)) {
            v = x;
            continue;
        }
        for (size_t i = 0; i < sizeof through / sizeof through[0] && next == NULL; i++) {
            next = made_by(g, v, through[i]);
        }
        bool moves_last = next == NULL || !keeps_last(g, next) ||
                          (node_is(next, "Gather") && node_attr_int(next, "axis", 0) != 0);
        if (moves_last || (node_is(next, "Gather") && shape_of(g, next->inputs[0])->rank < 2)) {
            return false;
        }
        v = next->inputs[0];
    }
    return false;
}

/* Angles of all heads of a token: [batch or 1, 1, length, size] beside x. */
static bool is_angle_for(const graph *g, value_id v, const shape *x) {
    const shape *s = shape_of(g, v);
    return s->rank == 4 && (s->dims[0] == 1 || s->dims[0] == x->dims[0]) && s->dims[1] == 1 &&
           s->dims[2] == x->dims[2] && s->dims[3] == x->dims[3] && halves_repeat(g, v);
}

static value_id half_of(editor *e, value_id v, const shape *x) {
    builder *b = &e->b;
    int64_t batch = shape_of(e->g, v)->dims[0];
    value_id half = FORM_VALUE(e, "Slice", v, build_i64s(b, 1, &(int64_t){0}),
                               build_i64s(b, 1, &(int64_t){x->dims[3] / 2}), build_i64s(b, 1, &(int64_t){3}));
    half = FORM_VALUE(e, "Reshape", half, build_i64s(b, 3, (int64_t[]){batch, x->dims[2], x->dims[3] / 2}));
    return batch == x->dims[0]
               ? half
               : FORM_VALUE(e, "Expand", half,
                            build_i64s(b, 3, (int64_t[]){x->dims[0], x->dims[2], x->dims[3] / 2}));
}

static bool fits(const editor *e, const graph_node *n, const pattern_match *m) {
    const graph *g = e->g;
    value_id x = pattern_value(m, 'x');
    const shape *s = shape_of(g, x);
    double axis = pattern_number(m, 'a'), half = pattern_number(m, 'h');
    int64_t elements;
    if (!shape_elements(s, &elements) || elements == 0 || s->rank != 4 || s->dims[3] < 2 ||
        (axis != -1 && axis != 3) || 2 * half != (double)s->dims[3] ||
        pattern_number(m, 'e') < (double)s->dims[3] || !shape_equal(s, shape_of(g, n->outputs[0]))) {
        return false;
    }
    for (size_t i = 0; i < m->node_count; i++) {
        int64_t joined = node_is(m->nodes[i], "Concat") ? node_attr_int(m->nodes[i], "axis", 0) : -1;
        if (joined != -1 && joined != 3) {
            return false;
        }
    }
    return is_angle_for(g, pattern_value(m, 'c'), s) && is_angle_for(g, pattern_value(m, 's'), s);
}

static accel_status fuse_rotary(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    pattern_match m;
    if (node_is(n, "Add") && pattern_find(e, n->outputs[0], spelling, &m) && fits(e, n, &m)) {
        value_id x = pattern_value(&m, 'x'), y = n->outputs[0];
        const shape s = *shape_of(e->g, x);
        value_id cosine = half_of(e, pattern_value(&m, 'c'), &s),
                 sine = half_of(e, pattern_value(&m, 's'), &s);
        pattern_retire(e, &m);
        FORM_INTO(e, y, "RotaryEmbedding", x, cosine, sine);
    }
    return ACCEL_OK;
}

accel_status pass_fuse_rotary(graph *g, accel_error *err) {
    static const rewrite_rule rules[] = {fuse_rotary};
    return rewrite_nodes(g, rules, sizeof rules / sizeof rules[0], err);
}
