/* Recognising what exporters write. Private to passes/.
 *
 * A pattern is an expression as text, matched against the nodes that make a value:
 *   Mul(x, Sigmoid(x))      operators of ai.onnx; Add and Mul in either order of operands
 *   x                       a letter is any value: the same one wherever the letter stands
 *   1.4142135               a constant of one element with this value (to the precision of its type)
 *   #e                      a constant of one element, whatever its value: pattern_match.numbers
 *   {A|B}                   one or the other
 *   MeanLast(x)             ReduceMean over the last axis, which stays as a dim of 1
 * Spaces may stand between. Inner values must have no other readers than the nodes of the match itself. */
#ifndef ACCEL_GRAPH_PASSES_MATCH_H
#define ACCEL_GRAPH_PASSES_MATCH_H

#include "graph/passes/edit.h"

enum { PATTERN_NODES = 24 };

typedef struct pattern_match {
    value_id values[26]; /* by letter */
    double numbers[26];
    const graph_node *nodes[PATTERN_NODES]; /* the root first; each once */
    size_t node_count;
} pattern_match;

/* Whether an operator of ai.onnx stands at most `steps` nodes above v, through nodes of a few operands: a look that spares most of the longer ones. */
bool has_above(const graph *g, value_id v, const char *op_type, int steps);
/* Whether v is made as the pattern says. */
bool pattern_find(const editor *e, value_id v, const char *pattern, pattern_match *m);
/* Ends the nodes of a match, whose value another node takes over. */
void pattern_retire(editor *e, const pattern_match *m);
static inline value_id pattern_value(const pattern_match *m, char letter) {
    return m->values[letter - 'a'];
}
static inline double pattern_number(const pattern_match *m, char letter) {
    return m->numbers[letter - 'a'];
}

/* The operand beside a scalar constant of a binary operator, in either order when the operator allows. */
bool scalar_operand(const graph *g, const graph_node *n, value_id *other, double *number);
/* The only living node that reads v, when v has one reader and it is this operator; else NULL. */
graph_node *read_by(const editor *e, value_id v, const char *op_type);

/* Rewrites node n, or leaves it. Calls of the builder need no checks. */
typedef accel_status (*rewrite_rule)(editor *e, graph_node *n, accel_error *err);
/* Offers every node to the rules, from the graph's end to its start, so that the larger of two patterns is met first. A rule that takes a
 * node retires it. Afterwards the graph is inferred again. Subgraphs stay as they are: what inference knows inside a loop holds for
 * one turn only. */
accel_status rewrite_nodes(graph *g, const rewrite_rule *rules, size_t count, accel_error *err);

#endif
