#include "graph/passes/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/infer.h"

/* ---- patterns --------------------------------------------------------------------------------------------------- */

static const char *skip_spaces(const char *p) {
    while (*p == ' ') {
        p++;
    }
    return p;
}

/* Behind one expression: at the ',', ')', '|' or '}' that ends it. */
static const char *skip_expression(const char *p) {
    int depth = 0;
    for (; *p != '\0'; p++) {
        if (depth == 0 && strchr(",)|}", *p) != NULL) {
            break;
        }
        depth += *p == '(' || *p == '{';
        depth -= *p == ')' || *p == '}';
    }
    return p;
}

static bool is_letter(char c) {
    return c >= 'a' && c <= 'z';
}

/* Constants are spelt in the precision of the model. */
static bool same_number(const graph *g, value_id v, double have, double want) {
    dtype t = g->values[v].type.type;
    double tolerance = t == DTYPE_F32 || t == DTYPE_F64 ? 1e-6 : 4e-3;
    return fabs(have - want) <= tolerance * fabs(want);
}

static bool is_mean_of_last(const graph *g, const graph_node *n) {
    const shape *x = shape_of(g, n->inputs[0]), *y = shape_of(g, n->outputs[0]);
    bool rank_known = x->rank >= 1 && y->rank == x->rank && node_attr_int(n, "keepdims", 1) != 0;
    if (!rank_known || input_or_none(n, 1) == VALUE_NONE) {
        return false;
    }
    double axis;
    return scalar_constant(g, n->inputs[1], &axis) && (axis == -1 || axis == x->rank - 1);
}

static graph_node *producer_of(const graph *g, value_id v) {
    if (v == VALUE_NONE || g->values[v].origin != VALUE_NODE || g->values[v].producer == NODE_NONE) {
        return NULL;
    }
    graph_node *n = g->nodes[g->values[v].producer];
    return !n->dead && n->domain[0] == '\0' && n->outputs[0] == v ? n : NULL;
}

bool has_above(const graph *g, value_id v, const char *op_type, int steps) {
    const graph_node *n = producer_of(g, v);
    if (n == NULL || strcmp(n->op_type, op_type) == 0) {
        return n != NULL;
    }
    enum { MOST_OPERANDS = 3 }; /* what has more is in no pattern, and would make the search a long one */
    for (size_t k = 0; steps > 1 && n->input_count <= MOST_OPERANDS && k < n->input_count; k++) {
        if (has_above(g, n->inputs[k], op_type, steps - 1)) {
            return true;
        }
    }
    return false;
}

static bool match(const editor *e, value_id v, const char *p, pattern_match *m);

static bool match_letter(value_id v, char letter, pattern_match *m) {
    value_id *bound = &m->values[letter - 'a'];
    if (*bound == VALUE_NONE) {
        *bound = v;
    }
    return *bound == v;
}

static bool match_number(const editor *e, value_id v, const char *p, pattern_match *m) {
    double have;
    if (!scalar_constant(e->g, v, &have)) {
        return false;
    }
    if (*p == '#') {
        double *bound = &m->numbers[p[1] - 'a'];
        *bound = isnan(*bound) ? have : *bound;
        return *bound == have;
    }
    return same_number(e->g, v, have, strtod(p, NULL));
}

static bool match_either(const editor *e, value_id v, const char *p, pattern_match *m) {
    const pattern_match before = *m;
    for (p++;; p++) {
        if (match(e, v, p, m)) {
            return true;
        }
        *m = before;
        p = skip_expression(p);
        if (*p != '|') {
            return false;
        }
    }
}

static bool match_operands(const editor *e, const value_id *operands, size_t count, const char *p,
                           pattern_match *m) {
    for (size_t i = 0; i < count; i++) {
        if (!match(e, operands[i], p, m)) {
            return false;
        }
        p = skip_expression(p) + 1;
    }
    return true;
}

static size_t count_operands(const char *p) {
    size_t count = 1;
    for (p = skip_expression(p); *p == ','; p = skip_expression(p + 1)) {
        count++;
    }
    return count;
}

static bool add_node(const graph_node *n, pattern_match *m) {
    for (size_t i = 0; i < m->node_count; i++) {
        if (m->nodes[i] == n) {
            return true;
        }
    }
    if (m->node_count == PATTERN_NODES) {
        return false;
    }
    m->nodes[m->node_count++] = n;
    return true;
}

static bool is_operator(const graph *g, const graph_node *n, const char *p, size_t length) {
    if (length == 8 && strncmp(p, "MeanLast", length) == 0) {
        return strcmp(n->op_type, "ReduceMean") == 0 && is_mean_of_last(g, n);
    }
    return strlen(n->op_type) == length && strncmp(p, n->op_type, length) == 0;
}

static bool match_operator(const editor *e, value_id v, const char *p, pattern_match *m) {
    const graph_node *n = producer_of(e->g, v);
    size_t length = strcspn(p, "(");
    if (n == NULL || !is_operator(e->g, n, p, length)) {
        return false;
    }
    const char *first = p + length + 1;
    size_t count = count_operands(first), given = strcmp(n->op_type, "ReduceMean") == 0 ? 1 : n->input_count;
    if (count != given || !add_node(n, m)) {
        return false;
    }
    const pattern_match before = *m;
    if (match_operands(e, n->inputs, count, first, m)) {
        return true;
    }
    *m = before;
    bool commutes = strcmp(n->op_type, "Add") == 0 || strcmp(n->op_type, "Mul") == 0;
    return commutes && count == 2 &&
           match_operands(e, (value_id[]){n->inputs[1], n->inputs[0]}, count, first, m);
}

static bool match(const editor *e, value_id v, const char *p, pattern_match *m) {
    p = skip_spaces(p);
    if (v == VALUE_NONE) {
        return false;
    }
    if (*p == '{') {
        return match_either(e, v, p, m);
    }
    if (is_letter(*p)) {
        return match_letter(v, *p, m);
    }
    if (*p == '#' || *p == '-' || (*p >= '0' && *p <= '9')) {
        return match_number(e, v, p, m);
    }
    return match_operator(e, v, p, m);
}

/* Whether every reader of v is a node of the match. */
static bool is_inner(const editor *e, value_id v, const pattern_match *m) {
    uint32_t inside = 0;
    for (size_t i = 0; i < m->node_count; i++) {
        for (size_t k = 0; k < m->nodes[i]->input_count; k++) {
            inside += m->nodes[i]->inputs[k] == v;
        }
    }
    return (size_t)v < e->uses_count && e->uses[v] == inside;
}

bool pattern_find(const editor *e, value_id v, const char *pattern, pattern_match *m) {
    m->node_count = 0;
    for (size_t i = 0; i < sizeof m->values / sizeof m->values[0]; i++) {
        m->values[i] = VALUE_NONE;
        m->numbers[i] = NAN;
    }
    if (!match(e, v, pattern, m)) {
        return false;
    }
    for (size_t i = 1; i < m->node_count; i++) {
        if (!is_inner(e, m->nodes[i]->outputs[0], m)) {
            return false;
        }
    }
    return true;
}

void pattern_retire(editor *e, const pattern_match *m) {
    for (size_t i = 0; i < m->node_count; i++) {
        retire(e->g->nodes[e->g->values[m->nodes[i]->outputs[0]].producer]);
    }
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

bool scalar_operand(const graph *g, const graph_node *n, value_id *other, double *number) {
    bool commutes = node_is(n, "Add") || node_is(n, "Mul");
    for (size_t k = 2; n->input_count == 2 && k-- > (commutes ? 0u : 1u);) {
        if (n->inputs[k] != VALUE_NONE && scalar_constant(g, n->inputs[k], number)) {
            *other = n->inputs[1 - k];
            return true;
        }
    }
    return false;
}

graph_node *read_by(const editor *e, value_id v, const char *op_type) {
    for (size_t i = 0; used_once(e, v) && i < e->g->node_count; i++) {
        graph_node *n = e->g->nodes[i];
        for (size_t k = 0; !n->dead && k < n->input_count; k++) {
            if (n->inputs[k] == v) {
                return node_is(n, op_type) ? n : NULL;
            }
        }
    }
    return NULL;
}

/* ---- rewriting ------------------------------------------------------------------------------------------------------ */

static accel_status offer(editor *e, graph_node *n, const rewrite_rule *rules, size_t count, bool *taken,
                          accel_error *err) {
    for (size_t r = 0; r < count && !n->dead; r++) {
        ACCEL_TRY(rules[r](e, n, err));
    }
    if (n->dead) {
        *taken = true;
        return editor_count_uses(e, err);
    }
    return ACCEL_OK;
}

static accel_status rewrite_outermost(graph *g, const rewrite_rule *rules, size_t count, bool *taken,
                                      accel_error *err) {
    editor e;
    accel_status status = editor_start(&e, g, err);
    for (size_t i = g->node_count; status == ACCEL_OK && i-- > 0;) {
        if (!g->nodes[i]->dead && g->nodes[i]->output_count > 0 && g->nodes[i]->outputs[0] != VALUE_NONE) {
            status = offer(&e, g->nodes[i], rules, count, taken, err);
        }
    }
    if (status == ACCEL_OK && *taken) {
        status = editor_settle(&e, err);
    }
    editor_end(&e);
    return status;
}

accel_status rewrite_nodes(graph *g, const rewrite_rule *rules, size_t count, accel_error *err) {
    bool taken = false;
    ACCEL_TRY(rewrite_outermost(graph_outermost(g), rules, count, &taken, err));
    return taken ? graph_infer(g, err) : ACCEL_OK;
}
