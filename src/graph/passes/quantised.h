/* From what quantisers write to operators on 8-bit values. Private to passes/. */
#ifndef ACCEL_GRAPH_PASSES_QUANTISED_H
#define ACCEL_GRAPH_PASSES_QUANTISED_H

#include "graph/passes/edit.h"

/* An 8-bit value with one constant scale and zero point. */
typedef struct quantised {
    value_id q, scale, zero;
    dtype type;
    double step, origin; /* scale and zero point as numbers */
} quantised;

/* A constant 8-bit matrix or filter; scale and zero point have one element, or `channels` along the asked axis. */
typedef struct quantised_weights {
    value_id q, scale, zero;
    int64_t channels; /* elements of the scale */
} quantised_weights;

bool is_quantise(const graph_node *n);   /* QuantizeLinear, also com.microsoft's */
bool is_dequantise(const graph_node *n); /* DequantizeLinear, likewise */
/* The living node that makes v, or NULL. */
graph_node *producer_of(const graph *g, value_id v);

/* The scale and zero point of a QuantizeLinear or DequantizeLinear; out->q is what it reads or makes in 8 bits. */
bool read_quantised(editor *e, const graph_node *n, quantised *out);
bool same_quantisation(const quantised *a, const quantised *b);
/* The 8-bit value behind v: v is dequantised from it, where needed by moving the DequantizeLinear below operators that only move
 * elements. */
bool find_quantised(editor *e, value_id v, quantised *out);
bool find_weights(editor *e, value_id v, int axis, quantised_weights *out);

/* Whether the node moves elements of its input 0 and computes nothing, MaxPool included: a larger value stays larger when quantised. */
bool only_moves(const graph_node *n);

/* Zeroed memory of the graph; NULL, and the editor holds the error, when memory ends. */
void *room_for(editor *e, int64_t count, size_t element_bytes);
/* The node becomes another operator with these inputs; its attributes stay. The output of `last`, behind it, becomes its own. */
void become(editor *e, graph_node *n, const char *domain, const char *op_type, size_t count,
            const value_id *inputs);
void take_output(editor *e, graph_node *n, graph_node *last);
/* A fresh value that a node makes, of that type and the shape of `like`. */
value_id fresh_value(editor *e, dtype type, value_id like);

/* Rules: each rewrites the operator n whose output, or that of an activation which the range of y implies, only `q` reads;
 * returns whether it did. */
typedef bool (*quantised_rule)(editor *e, graph_node *n, const quantised *y, graph_node *q);
bool quantised_conv(editor *e, graph_node *n, const quantised *y, graph_node *q);
bool quantised_gemm(editor *e, graph_node *n, const quantised *y, graph_node *q);
bool quantised_matmul(editor *e, graph_node *n, const quantised *y, graph_node *q);
/* A chain of elementwise operators of one input between DequantizeLinear and QuantizeLinear is a table of 256 entries. */
bool quantised_table(editor *e, const quantised *y, graph_node *q);

/* Products whose result stays float: of dequantised values, of values quantised while running, and the bias behind either. */
bool float_product(editor *e, graph_node *n);
bool dynamic_product(editor *e, graph_node *n);
bool product_bias(editor *e, graph_node *n);
/* MatMul by a constant dequantised from 4 bits in blocks: MatMulNBits. */
bool block_product(editor *e, graph_node *n);

#endif
