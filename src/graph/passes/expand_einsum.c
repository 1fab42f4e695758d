/* Einsum of one or two operands as the products that it is. Its letters are of five kinds: those of one operand alone that the result
 * lacks are summed first; of the others, batch letters are in both operands and the result, left and right ones in one operand
 * and the result, and the rest is summed over both. So it is [batch, left, sum] times [batch, sum, right], once the operands are
 * transposed to this order and each kind is one dim. */
#include "graph/passes.h"

#include <string.h>

#include "graph/einsum.h"
#include "graph/passes/form.h"
#include "graph/passes/match.h"

static int find_label(const einsum_term *t, int label) {
    for (int i = 0; i < t->rank; i++) {
        if (t->labels[i] == label) {
            return i;
        }
    }
    return -1;
}

static bool has_label(const einsum_term *t, int label) {
    return find_label(t, label) >= 0;
}

/* False where the ranks of a step would pass the limit. */
static bool append(einsum_term *t, const einsum_term *more) {
    if (t->rank + more->rank > TENSOR_MAX_RANK) {
        return false;
    }
    memcpy(t->labels + t->rank, more->labels, (size_t)more->rank * sizeof *more->labels);
    t->rank += more->rank;
    return true;
}

static int64_t extent(const einsum_plan *p, const einsum_term *t) {
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) {
        n *= p->dims[t->labels[i]];
    }
    return n;
}

/* ---- which equations ---------------------------------------------------------------------------------------------------- */

/* No letter twice in an operand, every dim as long as its letter's, none of 0. */
static bool is_plain_operand(const einsum_plan *p, const einsum_term *t, const shape *s) {
    for (int i = 0; i < t->rank; i++) {
        if (find_label(t, t->labels[i]) != i || s->dims[i] != p->dims[t->labels[i]] || s->dims[i] == 0) {
            return false;
        }
    }
    return true;
}

static bool read_einsum(const graph *g, const graph_node *n, einsum_plan *p) {
    op_value inputs[2] = {0};
    if (!node_is(n, "Einsum") || n->op == NULL || n->input_count < 1 || n->input_count > 2) {
        return false;
    }
    for (size_t i = 0; i < n->input_count; i++) {
        if (g->values[n->inputs[i]].type.type != DTYPE_F32 || !has_static_shape(g, n->inputs[i])) {
            return false;
        }
        inputs[i] = (op_value){true, g->values[n->inputs[i]].type, NULL};
    }
    op_context c = {.graph = g, .node = n, .op = n->op, .input_count = n->input_count, .inputs = inputs};
    if (einsum_read(&c, p) != ACCEL_OK || !p->known) {
        return false;
    }
    for (size_t i = 0; i < n->input_count; i++) {
        if (!is_plain_operand(p, &p->terms[i], shape_of(g, n->inputs[i]))) {
            return false;
        }
    }
    return true;
}

/* ---- steps, which are left out where they change nothing -------------------------------------------------------------------- */

/* Sums what neither the result nor the other operand (which may be NULL) knows. */
static value_id summed(editor *e, value_id x, einsum_term *t, const einsum_term *other,
                       const einsum_term *out) {
    int64_t axes[TENSOR_MAX_RANK];
    size_t count = 0;
    int kept = 0;
    for (int i = 0; i < t->rank; i++) {
        if (has_label(out, t->labels[i]) || (other != NULL && has_label(other, t->labels[i]))) {
            t->labels[kept++] = t->labels[i];
        } else {
            axes[count++] = i;
        }
    }
    t->rank = kept;
    return count == 0 ? x
                      : form_value(e, false, "ReduceSum", 2, (value_id[]){x, build_i64s(&e->b, count, axes)},
                                   1, &BUILD_INT("keepdims", 0));
}

static value_id transposed(editor *e, value_id x, const einsum_term *from, const einsum_term *to) {
    int64_t perm[TENSOR_MAX_RANK];
    bool same = true;
    for (int i = 0; i < to->rank; i++) {
        perm[i] = find_label(from, to->labels[i]);
        same = same && perm[i] == i;
    }
    return same ? x : build_transpose(&e->b, x, (size_t)to->rank, perm);
}

/* [batch…, rows, columns] */
static value_id as_matrices(editor *e, const einsum_plan *p, value_id x, const einsum_term *batch,
                            const einsum_term *rows, const einsum_term *columns) {
    int64_t dims[TENSOR_MAX_RANK];
    if (rows->rank == 1 && columns->rank == 1) {
        return x;
    }
    for (int i = 0; i < batch->rank; i++) {
        dims[i] = p->dims[batch->labels[i]];
    }
    dims[batch->rank] = extent(p, rows);
    dims[batch->rank + 1] = extent(p, columns);
    return build_reshape(&e->b, x, (size_t)batch->rank + 2, dims);
}

/* One dim a letter again. */
static value_id as_letters(editor *e, const einsum_plan *p, value_id x, const einsum_term *t) {
    int64_t dims[TENSOR_MAX_RANK];
    for (int i = 0; i < t->rank; i++) {
        dims[i] = p->dims[t->labels[i]];
    }
    return build_reshape(&e->b, x, (size_t)t->rank, dims);
}

/* ---- products ------------------------------------------------------------------------------------------------------------------- */

typedef struct product {
    einsum_term batch, left, right, sum; /* kinds of letters */
    einsum_term a, b, result;            /* the operands and the result in the order of a product */
} product;

static void add_label(einsum_term *t, int8_t label) {
    t->labels[t->rank++] = label;
}

/* False where a step would have too many dims. */
static bool sort_letters(const einsum_term *a, const einsum_term *b, const einsum_term *out, product *m) {
    memset(m, 0, sizeof *m);
    for (int i = 0; i < out->rank; i++) {
        int8_t label = out->labels[i];
        bool in_a = has_label(a, label), in_b = has_label(b, label);
        add_label(in_a && in_b ? &m->batch : in_a ? &m->left : &m->right, label);
    }
    for (int i = 0; i < a->rank; i++) {
        if (!has_label(out, a->labels[i])) {
            add_label(&m->sum, a->labels[i]);
        }
    }
    m->a = m->b = m->result = m->batch;
    return m->batch.rank + 2 <= TENSOR_MAX_RANK && append(&m->a, &m->left) && append(&m->a, &m->sum) &&
           append(&m->b, &m->sum) && append(&m->b, &m->right) && append(&m->result, &m->left) &&
           append(&m->result, &m->right);
}

/* The value of the result, or VALUE_NONE. */
static value_id multiplied(editor *e, const einsum_plan *p, value_id a, const einsum_term *of_a, value_id b,
                           const einsum_term *of_b) {
    product m;
    if (!sort_letters(of_a, of_b, &p->out, &m)) {
        return VALUE_NONE;
    }
    a = as_matrices(e, p, transposed(e, a, of_a, &m.a), &m.batch, &m.left, &m.sum);
    b = as_matrices(e, p, transposed(e, b, of_b, &m.b), &m.batch, &m.sum, &m.right);
    value_id y = m.sum.rank == 0 ? FORM_VALUE(e, "Mul", a, b) : FORM_VALUE(e, "MatMul", a, b);
    if (m.left.rank != 1 || m.right.rank != 1) {
        y = as_letters(e, p, y, &m.result);
    }
    return transposed(e, y, &m.result, &p->out);
}

/* Whether the result names letters of b alone before those of a alone: then b is the left side. */
static bool starts_with_right(const einsum_plan *p) {
    for (int i = 0; i < p->out.rank; i++) {
        bool in_a = has_label(&p->terms[0], p->out.labels[i]),
             in_b = has_label(&p->terms[1], p->out.labels[i]);
        if (in_a != in_b) {
            return in_b;
        }
    }
    return false;
}

static accel_status expand_einsum(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    einsum_plan p;
    if (!read_einsum(e->g, n, &p)) {
        return ACCEL_OK;
    }
    einsum_term *a = &p.terms[0], *b = n->input_count == 2 ? &p.terms[1] : NULL;
    value_id y = n->outputs[0], left = summed(e, n->inputs[0], a, b, &p.out), result;
    if (b == NULL) {
        result = transposed(e, left, a, &p.out);
    } else {
        value_id right = summed(e, n->inputs[1], b, a, &p.out);
        result = starts_with_right(&p) ? multiplied(e, &p, right, b, left, a)
                                       : multiplied(e, &p, left, a, right, b);
    }
    if (result != VALUE_NONE) {
        retire(n);
        FORM_INTO(e, y, "Identity", result);
    }
    return ACCEL_OK;
}

accel_status pass_expand_einsum(graph *g, accel_error *err) {
    static const rewrite_rule rules[] = {expand_einsum};
    return rewrite_nodes(g, rules, sizeof rules / sizeof rules[0], err);
}
