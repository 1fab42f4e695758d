/* Einsum: the equation is read into labels, and the sum is one walk over all of them. */
#include <string.h>

#include "graph/einsum.h"
#include "graph/ops/kit.h"

static const op_attr_def einsum_attrs[] = {{"equation", ATTR_STRING, true, NULL}};

static int letter_label(char ch) {
    if (ch >= 'A' && ch <= 'Z')
        return ch - 'A';
    return ch >= 'a' && ch <= 'z' ? ch - 'a' + 26 : -1;
}

/* Reads a term up to ',' , '-' or the end. dots: how many dims the ellipsis stands for here. */
static accel_status read_term(const op_context *c, const char **text, int dots, einsum_term *t) {
    bool seen = false;
    t->rank = 0;
    for (; **text && **text != ',' && **text != '-'; (*text)++) {
        int label = letter_label(**text), first = label, count = 1;
        if (**text == ' ')
            continue;
        if (**text == '.' && (*text)[1] == '.' && (*text)[2] == '.' && !seen) {
            *text += 2;
            seen = true;
            first = EINSUM_LETTERS + dots - 1; /* counts down, so that the last dim is EINSUM_LETTERS */
            count = dots;
        } else if (label < 0) {
            return op_fail(c, ACCEL_BAD_GRAPH, "the equation holds '%c'", **text);
        }
        if (t->rank + count > TENSOR_MAX_RANK)
            return op_fail(c, ACCEL_LIMIT, "a term of the equation has too many dims");
        for (int i = 0; i < count; i++)
            t->labels[t->rank++] = (int8_t)(first - i);
    }
    return ACCEL_OK;
}

/* How many dims the ellipsis of a term stands for, given the operand's rank; 0 when there is none. */
static int term_dots(const char *text, int rank) {
    int letters = 0;
    bool dots = false;
    for (; *text && *text != ',' && *text != '-'; text++) {
        letters += letter_label(*text) >= 0;
        dots = dots || *text == '.';
    }
    return dots && rank > letters ? rank - letters : 0;
}

static accel_status merge_term(const op_context *c, size_t input, einsum_plan *p) {
    const einsum_term *t = &p->terms[input];
    ACCEL_TRY(require_rank(c, input, t->rank, t->rank));
    for (int i = 0; i < t->rank; i++) {
        int label = t->labels[i];
        int64_t dim = input_dim(c, input, i);
        p->uses[label]++;
        if (p->uses[label] == 1 || p->dims[label] == 1)
            p->dims[label] = dim;
        else if (dim != 1)
            ACCEL_TRY(merge_dim(c, "the dims of a letter", &p->dims[label], dim));
    }
    return ACCEL_OK;
}

/* Without "->": the ellipsis, then the letters that appear once, in ASCII order. */
static accel_status implicit_output(const op_context *c, einsum_plan *p) {
    for (int i = 0; i < p->ellipsis; i++)
        p->out.labels[p->out.rank++] = (int8_t)(EINSUM_LETTERS + p->ellipsis - 1 - i);
    for (int label = 0; label < EINSUM_LETTERS; label++) {
        if (p->uses[label] != 1)
            continue;
        if (p->out.rank == TENSOR_MAX_RANK)
            return op_fail(c, ACCEL_LIMIT, "the result has too many dims");
        p->out.labels[p->out.rank++] = (int8_t)label;
    }
    return ACCEL_OK;
}

accel_status einsum_read(const op_context *c, einsum_plan *p) {
    const char *text = op_attr_string(c, "equation", "");
    *p = (einsum_plan){.known = true, .inputs = (int)c->input_count};
    if (c->input_count > EINSUM_MAX_INPUTS)
        return op_fail(c, ACCEL_LIMIT, "more than %d operands", EINSUM_MAX_INPUTS);
    for (size_t i = 0; i < c->input_count; i++)
        p->known = p->known && input_rank(c, i) != RANK_UNKNOWN;
    if (!p->known)
        return ACCEL_OK;
    for (size_t i = 0; i < c->input_count; i++) {
        int dots = term_dots(text, input_rank(c, i));
        p->ellipsis = dots > p->ellipsis ? dots : p->ellipsis;
        ACCEL_TRY(read_term(c, &text, dots, &p->terms[i]));
        ACCEL_TRY(merge_term(c, i, p));
        bool last = i + 1 == c->input_count;
        if (!last && *text != ',')
            return op_fail(c, ACCEL_BAD_GRAPH, "the equation has too few terms");
        text += !last;
    }
    if (*text == ',')
        return op_fail(c, ACCEL_BAD_GRAPH, "the equation has too many terms");
    if (*text != '-')
        return implicit_output(c, p);
    if (text[1] != '>')
        return op_fail(c, ACCEL_BAD_GRAPH, "the equation has a '-' without '>'");
    text += 2;
    ACCEL_TRY(read_term(c, &text, p->ellipsis, &p->out));
    if (*text)
        return op_fail(c, ACCEL_BAD_GRAPH, "the equation goes on after its result");
    bool seen[EINSUM_LABELS] = {false};
    for (int i = 0; i < p->out.rank; i++) {
        int label = p->out.labels[i];
        if (seen[label] || p->uses[label] == 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "the result repeats a letter or has one that no operand has");
        seen[label] = true;
    }
    return ACCEL_OK;
}

static accel_status einsum_infer(op_context *c) {
    einsum_plan p;
    ACCEL_TRY(require_all_same(c, 0, TYPES_NUMBER));
    ACCEL_TRY(einsum_read(c, &p));
    shape out = shape_unknown();
    if (p.known) {
        out = (shape){.rank = p.out.rank};
        for (int i = 0; i < p.out.rank; i++)
            out.dims[i] = p.dims[p.out.labels[i]];
    }
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

/* ---- the sum: result labels outside, summed labels inside ------------------------------------------------------------------- */

typedef struct einsum_loops {
    int count, result; /* labels in order; the first `result` are the result's */
    int64_t dims[EINSUM_LABELS];
    int64_t strides[EINSUM_MAX_INPUTS][EINSUM_LABELS], index[EINSUM_LABELS], at[EINSUM_MAX_INPUTS];
} einsum_loops;

static void add_loop(const op_context *c, const einsum_plan *p, int label, einsum_loops *l) {
    int n = l->count++;
    l->dims[n] = p->dims[label];
    for (int k = 0; k < p->inputs; k++) {
        int64_t dense[TENSOR_MAX_RANK];
        const shape *s = input_shape(c, (size_t)k);
        dense_strides(s->rank, s->dims, dense);
        l->strides[k][n] = 0;
        for (int i = 0; i < s->rank; i++) { /* a label used twice walks the diagonal */
            if (p->terms[k].labels[i] == label && s->dims[i] != 1)
                l->strides[k][n] += dense[i];
        }
    }
}

/* Steps loops [first, last); false after the end, with everything back at the start. */
static bool next_index(einsum_loops *l, int inputs, int first, int last) {
    for (int n = last - 1; n >= first; n--) {
        bool more = ++l->index[n] < l->dims[n];
        for (int k = 0; k < inputs; k++)
            l->at[k] += more ? l->strides[k][n] : -l->strides[k][n] * (l->dims[n] - 1);
        if (more)
            return true;
        l->index[n] = 0;
    }
    return false;
}

static accel_status einsum_eval(op_context *c) {
    einsum_plan p;
    ACCEL_TRY(einsum_read(c, &p));
    const double *in[EINSUM_MAX_INPUTS];
    int64_t summed = 1, count = output_elements(c, 0);
    einsum_loops *l = SCRATCH(c, einsum_loops, 1);
    double *out = SCRATCH(c, double, count);
    if (!l || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int k = 0; k < p.inputs; k++) {
        in[k] = op_input_f64(c, (size_t)k);
        if (!in[k])
            return ACCEL_OUT_OF_MEMORY;
    }
    bool in_result[EINSUM_LABELS] = {false};
    for (int i = 0; i < p.out.rank; i++) {
        add_loop(c, &p, p.out.labels[i], l);
        in_result[p.out.labels[i]] = true;
    }
    l->result = l->count;
    for (int label = 0; label < EINSUM_LABELS; label++) {
        if (p.uses[label] == 0 || in_result[label])
            continue;
        add_loop(c, &p, label, l);
        summed *= p.dims[label];
    }
    for (int64_t o = 0; o < count; o++) {
        double sum = 0;
        bool more = summed > 0;
        while (more) {
            double product = 1;
            for (int k = 0; k < p.inputs; k++)
                product *= in[k][l->at[k]];
            sum += product;
            more = next_index(l, p.inputs, l->result, l->count);
        }
        out[o] = sum;
        next_index(l, p.inputs, 0, l->result);
    }
    return op_output_from_f64(c, 0, out);
}

static void einsum_cost(const op_context *c, op_cost *out) {
    einsum_plan p;
    double products = 1;
    if (einsum_read(c, &p) != ACCEL_OK)
        p.inputs = 1;
    for (int label = 0; label < EINSUM_LABELS; label++)
        products *= p.uses[label] > 0 ? (double)p.dims[label] : 1;
    cost_of_flops(c, products * (double)p.inputs, out);
}

static const op_def einsum_ops[] = {
    {"", "Einsum", 1, OP_VARIADIC, 1, 1, 0, OPS_LIST(einsum_attrs), einsum_infer, einsum_cost, einsum_eval},
};
OPS_FAMILY(einsum, einsum_ops);
