/* Attention that exporters spell out: softmax(q·kᵀ · scale + mask) · v, with the Reshape and Transpose of heads around it.
 *
 * Two things differ from what was spelt, both for rows of the mask that are closed everywhere: -inf in all of a row gives zeros, as
 * ONNX defines, where the spelling gives NaN (or, as newer exporters write it, zeros). Finite masks give the same average. */
#include "graph/passes.h"

#include <math.h>
#include <string.h>

#include "graph/passes/form.h"
#include "graph/passes/match.h"

/* What scores are replaced by or lowered by so that nothing of them is left: an f32 score below 8 vanishes beside it. */
static const double closed_below = -1e8;

enum { MOST_MASKS = 4, MOST_STEPS = 16 };

/* Scores seen from the softmax towards the product. */
typedef struct scores {
    const graph_node *product;
    shape
        shape; /* where the mask is added: [batch, heads, queries, keys], or 3-D with batch and heads in one */
    double scale, softcap;
    value_id masks[MOST_MASKS];
    size_t mask_count;
    int steps;   /* from the softmax so far */
    bool scaled; /* a scale was seen: masks further in would be scaled too */
} scores;

/* Query, key or value. */
typedef struct heads {
    value_id split; /* [batch, heads, length, size] (or 3-D, batch and heads in one), or VALUE_NONE */
    value_id rows;  /* [batch, length, heads, size], or VALUE_NONE */
    int64_t batch, count, length, size;
    int64_t repeats; /* of each head */
    double scale;
} heads;

/* ---- looking ------------------------------------------------------------------------------------------------------ */

static bool has_perm(const graph_node *n, size_t rank, const int64_t *perm) {
    const graph_attr *a = node_attr(n, "perm");
    return a != NULL && a->count == rank && memcmp(a->ints, perm, rank * sizeof *perm) == 0;
}

static graph_node *transposed_by(const graph *g, value_id v, size_t rank, const int64_t *perm) {
    graph_node *n = made_by(g, v, "Transpose");
    return n != NULL && has_perm(n, rank, perm) ? n : NULL;
}

static bool same_last_two(const shape *a, const shape *b) {
    return a->rank >= 2 && b->rank >= 2 && a->dims[a->rank - 1] == b->dims[b->rank - 1] &&
           a->dims[a->rank - 2] == b->dims[b->rank - 2];
}

/* The input of a Reshape between [batch·heads, a, b] and [batch, heads, a, b]. */
static value_id behind_reshape(const graph *g, value_id v) {
    graph_node *n = made_by(g, v, "Reshape");
    return n != NULL && same_last_two(shape_of(g, n->inputs[0]), shape_of(g, v)) ? n->inputs[0] : VALUE_NONE;
}

static graph_node *scaled_by(const graph *g, value_id v, value_id *x, double *factor) {
    graph_node *n = made_by(g, v, "Mul");
    n = n != NULL ? n : made_by(g, v, "Div");
    if (n == NULL || !scalar_operand(g, n, x, factor)) {
        return NULL;
    }
    *factor = node_is(n, "Div") ? 1 / *factor : *factor;
    return n;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static value_id reshaped(editor *e, value_id x, size_t rank, const int64_t *dims) {
    return FORM_VALUE(e, "Reshape", x, build_i64s(&e->b, rank, dims));
}

/* ---- from the softmax to the product ---------------------------------------------------------------------------------- */

static bool read_scores(editor *e, value_id v, scores *s);

static bool add_mask(scores *s, const shape *where, value_id mask) {
    if (s->scaled || s->mask_count == MOST_MASKS || (s->mask_count > 0 && !shape_equal(where, &s->shape))) {
        return false;
    }
    s->shape = *where;
    s->masks[s->mask_count++] = mask;
    return true;
}

/* A mask is f32 and repeats along the scores; it does not widen them. */
static bool is_mask_for(const graph *g, value_id mask, value_id before, value_id after) {
    const shape *m = shape_of(g, mask);
    return g->values[mask].type.type == DTYPE_F32 && shape_is_static(m) && m->rank >= 1 &&
           shape_equal(shape_of(g, before), shape_of(g, after));
}

static bool read_added(editor *e, const graph_node *n, scores *s) {
    for (int k = 0; k < 2; k++) {
        scores attempt = *s;
        value_id x = n->inputs[k], mask = n->inputs[1 - k];
        if (is_mask_for(e->g, mask, x, n->outputs[0]) &&
            add_mask(&attempt, shape_of(e->g, n->outputs[0]), mask) && read_scores(e, x, &attempt)) {
            *s = attempt;
            return true;
        }
    }
    return false;
}

/* Where(open, x, closed) or Where(shut, closed, x): the same as x plus 0 or closed. */
static bool read_chosen(editor *e, const graph_node *n, scores *s) {
    double closed;
    int at = scalar_constant(e->g, n->inputs[2], &closed) ? 2 : 1;
    value_id x = n->inputs[3 - at], choice = n->inputs[0];
    if (!scalar_constant(e->g, n->inputs[at], &closed) || closed > closed_below ||
        e->g->values[x].type.type != DTYPE_F32 || shape_of(e->g, choice)->rank < 1 ||
        !shape_equal(shape_of(e->g, x), shape_of(e->g, n->outputs[0]))) {
        return false;
    }
    scores attempt = *s;
    if (!add_mask(&attempt, shape_of(e->g, n->outputs[0]), VALUE_NONE) || !read_scores(e, x, &attempt)) {
        return false;
    }
    value_id zero = build_f32(&e->b, 0), shut = build_f32(&e->b, (float)closed);
    value_id inputs[3] = {choice, at == 2 ? zero : shut, at == 2 ? shut : zero};
    attempt.masks[s->mask_count] = form_value(e, false, "Where", 3, inputs, 0, NULL);
    *s = attempt;
    return true;
}

/* cap · tanh(x / cap) */
static bool read_softcap(editor *e, const graph_node *n, scores *s) {
    double cap, inner;
    value_id x = VALUE_NONE, inside = VALUE_NONE;
    if (s->softcap != 0 || s->scaled || scaled_by(e->g, n->outputs[0], &x, &cap) == NULL) {
        return false;
    }
    graph_node *tanh = used_once(e, x) ? made_by(e->g, x, "Tanh") : NULL;
    if (tanh == NULL || !used_once(e, tanh->inputs[0]) ||
        scaled_by(e->g, tanh->inputs[0], &inside, &inner) == NULL || cap <= 0 ||
        fabs(cap * inner - 1) > 1e-6) {
        return false;
    }
    scores attempt = *s;
    attempt.softcap = cap;
    if (!read_scores(e, inside, &attempt)) {
        return false;
    }
    *s = attempt;
    return true;
}

static bool read_scaled(editor *e, const graph_node *n, scores *s) {
    double factor;
    value_id x = VALUE_NONE;
    scores attempt = *s;
    if (scaled_by(e->g, n->outputs[0], &x, &factor) == NULL) {
        return false;
    }
    attempt.scaled = true;
    attempt.scale *= factor;
    if (!read_scores(e, x, &attempt)) {
        return false;
    }
    *s = attempt;
    return true;
}

static bool read_scores(editor *e, value_id v, scores *s) {
    const graph *g = e->g;
    if (!used_once(e, v) || g->values[v].origin != VALUE_NODE || !has_static_shape(g, v) ||
        s->steps++ == MOST_STEPS) {
        return false;
    }
    value_id inner = behind_reshape(g, v);
    if (inner != VALUE_NONE) {
        return read_scores(e, inner, s);
    }
    const graph_node *n = g->nodes[g->values[v].producer];
    if (node_is(n, "MatMul")) {
        s->product = n;
        s->shape = s->mask_count > 0 ? s->shape : *shape_of(g, v);
        return s->shape.rank == 3 || s->shape.rank == 4;
    }
    if (node_is(n, "Add")) {
        return read_added(e, n, s);
    }
    if (node_is(n, "Where")) {
        return read_chosen(e, n, s);
    }
    return read_softcap(e, n, s) || read_scaled(e, n, s);
}

/* ---- heads -------------------------------------------------------------------------------------------------------- */

/* Each head of key or value as often as query heads share it: Unsqueeze, Expand, Reshape. */
static value_id behind_repeat(const graph *g, value_id v, int64_t *repeats) {
    graph_node *joined = made_by(g, v, "Reshape");
    graph_node *expand = joined != NULL ? made_by(g, joined->inputs[0], "Expand") : NULL;
    graph_node *apart = expand != NULL ? made_by(g, expand->inputs[0], "Unsqueeze") : NULL;
    apart = apart == NULL && expand != NULL ? made_by(g, expand->inputs[0], "Reshape") : apart;
    if (apart == NULL || !has_static_shape(g, apart->inputs[0]) || !has_static_shape(g, expand->outputs[0])) {
        return VALUE_NONE;
    }
    const shape *from = shape_of(g, apart->inputs[0]), *one = shape_of(g, apart->outputs[0]),
                *many = shape_of(g, expand->outputs[0]), *to = shape_of(g, v);
    bool fits = from->rank == 4 && one->rank == 5 && many->rank == 5 && one->dims[2] == 1 &&
                (to->rank == 3 || (to->rank == 4 && to->dims[0] == from->dims[0])) && same_last_two(from, to);
    for (int d = 0; fits && d < 5; d++) {
        int at = d < 2 ? d : d - 1;
        fits = d == 2 || (one->dims[d] == from->dims[at] && many->dims[d] == from->dims[at]);
    }
    *repeats = fits ? many->dims[2] : 1;
    return fits ? apart->inputs[0] : VALUE_NONE;
}

static bool measure_heads(const graph *g, heads *h) {
    const shape *s = shape_of(g, h->rows != VALUE_NONE ? h->rows : h->split);
    if (!shape_is_static(s) || (h->rows != VALUE_NONE && s->rank != 4) || (s->rank != 3 && s->rank != 4)) {
        return false;
    }
    int last = s->rank - 1;
    h->batch = s->rank == 4 ? s->dims[0] : 1;
    h->count = h->rows != VALUE_NONE ? s->dims[2] : s->dims[last - 2];
    h->length = h->rows != VALUE_NONE ? s->dims[1] : s->dims[last - 1];
    h->size = s->dims[last];
    return h->batch > 0 && h->count > 0 && h->length > 0 && h->size > 0; /* a Reshape reads 0 as a copy */
}

/* v is [batch, heads, length, size] or [batch·heads, length, size]. */
static bool read_heads(const graph *g, value_id v, heads *h) {
    value_id x = VALUE_NONE;
    double factor;
    while (scaled_by(g, v, &x, &factor) != NULL) {
        h->scale *= factor;
        v = x;
    }
    value_id inner = behind_reshape(g, v);
    if (shape_of(g, v)->rank == 3 && inner != VALUE_NONE && shape_of(g, inner)->rank == 4) {
        v = inner;
    }
    inner = behind_repeat(g, v, &h->repeats);
    v = inner != VALUE_NONE ? inner : v;
    graph_node *turned = transposed_by(g, v, 4, (int64_t[]){0, 2, 1, 3});
    h->split = v;
    h->rows = turned != NULL ? turned->inputs[0] : VALUE_NONE;
    return g->values[v].type.type == DTYPE_F32 && measure_heads(g, h);
}

/* The same for a key that the product sees as [batch, heads, size, length]. */
static bool read_turned_key(const graph *g, value_id v, heads *h) {
    value_id x = VALUE_NONE;
    double factor;
    while (scaled_by(g, v, &x, &factor) != NULL) {
        h->scale *= factor;
        v = x;
    }
    value_id flat = behind_reshape(g, v);
    if (shape_of(g, v)->rank == 3 && flat != VALUE_NONE && shape_of(g, flat)->rank == 4) {
        v = flat;
    }
    graph_node *turned = transposed_by(g, v, 4, (int64_t[]){0, 2, 3, 1});
    if (turned != NULL) { /* from [batch, length, heads, size] in one step */
        h->split = VALUE_NONE;
        h->rows = turned->inputs[0];
        return g->values[h->rows].type.type == DTYPE_F32 && measure_heads(g, h);
    }
    turned = transposed_by(g, v, 4, (int64_t[]){0, 1, 3, 2});
    if (turned != NULL) {
        return read_heads(g, turned->inputs[0], h);
    }
    flat = shape_of(g, v)->rank == 4 ? behind_reshape(g, v) : v;
    turned = flat != VALUE_NONE ? transposed_by(g, flat, 3, (int64_t[]){0, 2, 1}) : NULL;
    return turned != NULL && read_heads(g, turned->inputs[0], h);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

typedef struct attention {
    scores s;
    heads q, k, v;
} attention;

/* Where(IsNaN(p), 0, p): rows that are closed everywhere give zeros. */
static value_id behind_nan_guard(const editor *e, value_id v) {
    pattern_match m;
    return pattern_find(e, v, "Where(IsNaN(p),0,p)", &m) ? pattern_value(&m, 'p') : VALUE_NONE;
}

/* The softmax over the keys behind the left operand of the second product. */
static const graph_node *read_weights(const editor *e, value_id v) {
    const graph *g = e->g;
    value_id inner;
    if ((inner = behind_reshape(g, v)) != VALUE_NONE && used_once(e, v)) {
        v = inner;
    }
    bool guarded = (inner = behind_nan_guard(e, v)) != VALUE_NONE;
    if (!used_once(e, v)) {
        return NULL;
    }
    v = guarded ? inner : v;
    const graph_node *n = made_by(g, v, "Softmax");
    int axis, rank = shape_of(g, v)->rank;
    if (n == NULL || (size_t)v >= e->uses_count || e->uses[v] != (guarded ? 2u : 1u) || rank < 1 ||
        !shape_axis(node_attr_int(n, "axis", -1), rank, &axis)) {
        return NULL;
    }
    return axis == rank - 1 ? n : NULL;
}

static bool heads_agree(const attention *a) {
    const heads *q = &a->q, *k = &a->k, *v = &a->v;
    const shape *s = &a->s.shape;
    int64_t kv = k->count * k->repeats;
    return q->batch == k->batch && q->batch == v->batch && k->count == v->count && k->repeats == v->repeats &&
           k->length == v->length && q->size == k->size && (kv == q->count || kv == 1) && q->repeats == 1 &&
           s->dims[s->rank - 1] == k->length && s->dims[s->rank - 2] == q->length;
}

/* The mask is added to scores of the same batch and heads as the operands have. */
static bool scores_agree(const attention *a) {
    const shape *s = &a->s.shape;
    if (a->s.mask_count == 0) {
        return true;
    }
    return s->rank == 4 ? s->dims[0] == a->q.batch && s->dims[1] == a->q.count
                        : a->q.batch == 1 && s->dims[0] == a->q.count;
}

static bool read_attention(editor *e, graph_node *n, attention *a) {
    *a = (attention){.s = {.scale = 1}};
    const graph_node *softmax = node_is(n, "MatMul") ? read_weights(e, n->inputs[0]) : NULL;
    if (softmax == NULL || !read_scores(e, softmax->inputs[0], &a->s)) {
        return false;
    }
    a->q = a->k = a->v = (heads){.repeats = 1, .scale = 1};
    if (!read_heads(e->g, a->s.product->inputs[0], &a->q) ||
        !read_turned_key(e->g, a->s.product->inputs[1], &a->k) || !read_heads(e->g, n->inputs[1], &a->v)) {
        return false;
    }
    a->s.scale *= a->q.scale * a->k.scale;
    return a->v.scale == 1 && heads_agree(a) && scores_agree(a);
}

/* The Transpose back from heads to rows, behind a Reshape to four dims where there is one. */
static graph_node *find_join(const editor *e, const graph_node *n) {
    value_id y = n->outputs[0];
    graph_node *apart = shape_of(e->g, y)->rank == 3 ? read_by(e, y, "Reshape") : NULL;
    y = apart != NULL && same_last_two(shape_of(e->g, y), shape_of(e->g, apart->outputs[0]))
            ? apart->outputs[0]
            : y;
    graph_node *join = read_by(e, y, "Transpose");
    return join != NULL && has_perm(join, 4, (int64_t[]){0, 2, 1, 3}) ? join : NULL;
}

static value_id joined_mask(editor *e, const scores *s) {
    value_id mask = s->mask_count > 0 ? s->masks[0] : VALUE_NONE;
    for (size_t i = 1; i < s->mask_count; i++) {
        mask = FORM_VALUE(e, "Add", mask, s->masks[i]);
    }
    return mask;
}

static value_id as_packed(editor *e, const heads *h) {
    return reshaped(e, h->rows, 3, (int64_t[]){h->batch, h->length, h->count * h->size});
}

static value_id as_split(editor *e, const heads *h) {
    if (h->split == VALUE_NONE) {
        static const int64_t swap[4] = {0, 2, 1, 3};
        return form_value(e, false, "Transpose", 1, &h->rows, 1, &BUILD_INTS("perm", 4, swap));
    }
    return shape_of(e->g, h->split)->rank == 4
               ? h->split
               : reshaped(e, h->split, 4, (int64_t[]){h->batch, h->count, h->length, h->size});
}

/* The Concat that puts new keys or values behind those of a cache, when nothing but the attention and the model's outputs reads it. */
static graph_node *appended_by(const editor *e, const heads *h) {
    const graph *g = e->g;
    graph_node *n = h->split != VALUE_NONE ? made_by(g, h->split, "Concat") : NULL;
    int64_t axis = n != NULL ? node_attr_int(n, "axis", 0) : 0;
    if (n == NULL || n->input_count != 2 || shape_of(g, h->split)->rank != 4 || (axis != 2 && axis != -2) ||
        !has_static_shape(g, n->inputs[0])) {
        return NULL;
    }
    uint32_t given = 0;
    for (size_t i = 0; i < g->output_count; i++) {
        given += g->outputs[i] == h->split;
    }
    return (size_t)h->split < e->uses_count && e->uses[h->split] == given + 1 ? n : NULL;
}

/* Both, or none, and after as many old ones. */
static bool find_caches(const editor *e, const attention *a, graph_node *caches[2]) {
    caches[0] = appended_by(e, &a->k);
    caches[1] = appended_by(e, &a->v);
    return caches[0] != NULL && caches[1] != NULL && caches[0] != caches[1] &&
           shape_of(e->g, caches[0]->inputs[0])->dims[2] == shape_of(e->g, caches[1]->inputs[0])->dims[2];
}

static void write_attention(editor *e, graph_node *n, const attention *a, graph_node *join) {
    const heads *q = &a->q, *k = &a->k, *v = &a->v;
    bool packed = join != NULL && q->rows != VALUE_NONE && k->rows != VALUE_NONE && v->rows != VALUE_NONE;
    graph_node *caches[2];
    value_id inputs[6] = {packed ? as_packed(e, q) : as_split(e, q),
                          packed ? as_packed(e, k) : as_split(e, k),
                          packed ? as_packed(e, v) : as_split(e, v),
                          joined_mask(e, &a->s),
                          VALUE_NONE,
                          VALUE_NONE};
    value_id outputs[3] = {VALUE_NONE, VALUE_NONE, VALUE_NONE};
    bool cached = !packed && find_caches(e, a, caches);
    for (int i = 0; i < 2 && cached; i++) {
        inputs[1 + i] = caches[i]->inputs[1];
        inputs[4 + i] = caches[i]->inputs[0];
        outputs[1 + i] = caches[i]->outputs[0];
        retire(caches[i]);
    }
    build_attr attrs[4] = {BUILD_FLOAT("scale", a->s.scale), BUILD_FLOAT("softcap", a->s.softcap),
                           BUILD_INT("q_num_heads", q->count), BUILD_INT("kv_num_heads", k->count)};
    build_any(&e->b, &(build_node){.domain = "",
                                   .op_type = "Attention",
                                   .input_count = 6,
                                   .inputs = inputs,
                                   .attr_count = packed ? 4 : 2,
                                   .attrs = attrs,
                                   .output_count = cached ? 3 : 1,
                                   .outputs = outputs});
    graph_node *last = packed ? join : n;
    value_id y = last->outputs[0];
    const shape to = *shape_of(e->g, y);
    retire(n);
    retire(last);
    FORM_INTO(e, y, "Reshape", outputs[0], build_i64s(&e->b, (size_t)to.rank, to.dims));
}

static accel_status fuse_attention(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    attention a;
    if (read_attention(e, n, &a) && has_static_shape(e->g, n->outputs[0])) {
        write_attention(e, n, &a, find_join(e, n));
    }
    return ACCEL_OK;
}

accel_status pass_fuse_attention(graph *g, accel_error *err) {
    static const rewrite_rule rules[] = {fuse_attention};
    return rewrite_nodes(g, rules, sizeof rules / sizeof rules[0], err);
}
