/* The WebNN engine's side in C: from a graph to a description of the MLGraphBuilder calls that build it in a browser.
 *
 * What the browser can do is given as the JSON of MLContext.opSupportLimits(). The description is compact JSON, which web/package/webnn.js
 * reads; weights are not in it but named by address and length.
 *
 *   {"layout": "nhwc",              what the description was made for
 *    "precision": "fp32",           what the model computes in
 *    "inputs":    [{"name", "id", "type", "dims", "given"}]    given: the model's own element type, where the browser holds another
 *    "outputs":   [{"name", "id", "type", "dims", "given"}]
 *    "constants": [[id, type, dims, address, bytes], …]
 *    "calls":     [[method, arguments, [ids of its results], node], …]}    node: where it differs from that of the call before
 *
 * An argument "#7" is the operand with id 7; every other value stands for itself. Nothing falls back: what WebNN, or this browser's,
 * cannot say is an error that names the nodes, before anything is built. */
#ifndef ACCEL_ENGINES_WEBNN_WEBNN_H
#define ACCEL_ENGINES_WEBNN_WEBNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "graph/graph.h"
#include "graph/tensor.h"

/* ---- what the browser can do ------------------------------------------------------------------------------------ */

typedef struct webnn_limits webnn_limits;

/* Untrusted JSON, at most 1 MiB. */
accel_status webnn_limits_read(const char *json, size_t length, webnn_limits **out, accel_error *err);
void webnn_limits_destroy(webnn_limits *l); /* accepts NULL */

/* ---- the description -------------------------------------------------------------------------------------------- */

typedef struct webnn_operand {
    dtype type; /* one that WebNN has */
    shape shape;
    const void *bytes; /* of a constant; else NULL */
    size_t size_bytes;
    bool input; /* the browser's to feed */
    bool read;  /* by a call */
} webnn_operand;

typedef struct webnn_description {
    str_buf json;
    const webnn_operand *operands; /* by id */
    size_t operand_count;
    struct lowering *made_by; /* owns the operands, and the constants that are not the graph's own */
} webnn_description;

/* g is bound to concrete input shapes and inferred; it outlives the description, which points into its weights.
 * ACCEL_UNSUPPORTED names the nodes that cannot run, and why. */
accel_status webnn_describe(const graph *g, const webnn_limits *limits, webnn_description *out,
                            accel_error *err);
void webnn_description_free(webnn_description *d); /* leaves it zero; accepts a zero one */

/* Names of the ai.onnx operators that have a lowering; index from 0, NULL behind the last. */
const char *webnn_operator(size_t index);

#endif
