/* Passes: graph to graph, in place. They know no engine; an engine says which fused forms it wants by the passes it calls. */
#ifndef ACCEL_GRAPH_PASSES_H
#define ACCEL_GRAPH_PASSES_H

#include "graph/graph.h"

/* Drops Identity, Dropout in inference mode, Cast to the same type, Reshape/Transpose that change nothing. */
accel_status pass_eliminate(graph *g, accel_error *err);
/* Folds BatchNormalization (inference form) with constant statistics into the Conv before it. */
accel_status pass_fold_batch_norm(graph *g, accel_error *err);
/* Replaces initializers by seeded random ones for benchmarking a graph that ships without real weights: He-normal by fan-in for weights
 * (normal, std sqrt(2/fan_in)), small for biases, BatchNormalization statistics kept positive; only floating initializers and constant-producing nodes with at
 * least min_elements elements. *replaced counts them. */
accel_status pass_randomize_weights(graph *g, uint64_t seed, int64_t min_elements, size_t *replaced,
                                    accel_error *err);

/* Forms for runtimes: rewrites operators that a runtime lacks or runs slower into those it knows. */
typedef enum graph_form {
    FORM_HOUSE, /* as built: newest ONNX forms */
    FORM_ONNXRUNTIME, /* opset and com.microsoft contributed operators that ONNX Runtime's CPU provider runs fastest */
    FORM_OPENVINO, /* plain ONNX that OpenVINO's frontend reads and fuses */
    FORM_PORTABLE  /* plain ONNX, opset 17: for any other reader */
} graph_form;
accel_status pass_to_form(graph *g, graph_form form, accel_error *err);
int64_t graph_form_opset(graph_form form); /* ai.onnx opset to declare when writing this form */

#endif
