/* Passes: graph to graph, in place. They know no engine; an engine says which fused forms it wants by the passes it calls. */
#ifndef ACCEL_GRAPH_PASSES_H
#define ACCEL_GRAPH_PASSES_H

#include "graph/graph.h"

/* A copy of g after these passes, in their order; inferred before them and after. */
typedef accel_status (*graph_pass)(graph *g, accel_error *err);
accel_status graph_rewrite(const graph *g, const graph_pass *passes, size_t count, graph **out,
                           accel_error *err);

/* Drops Identity, Dropout in inference mode, Cast to the same type, Reshape/Transpose that change nothing. */
accel_status pass_eliminate(graph *g, accel_error *err);
/* Replaces every If whose condition is known (shape arithmetic of bound shapes included) by the branch that it takes; not inside
 * loops. */
accel_status pass_inline_if(graph *g, accel_error *err);
/* Pow by 1, 2 or -1 becomes Identity, Mul or Reciprocal. */
accel_status pass_simplify_pow(graph *g, accel_error *err);
/* Einsum of one or two f32 operands as ReduceSum, Transpose, Reshape and MatMul (or Mul). Wants known shapes; diagonals, broadcast letters
 * and operands without elements stay as they are. */
accel_status pass_expand_einsum(graph *g, accel_error *err);
/* Moves Squeeze, Unsqueeze and Reshape behind the bias and the activation of the product or convolution before them. */
accel_status pass_sink_views(graph *g, accel_error *err);
/* Folds BatchNormalization (inference form) with constant statistics into the Conv before it. */
accel_status pass_fold_batch_norm(graph *g, accel_error *err);
/* Rewrites what quantisers write (DequantizeLinear, operator, QuantizeLinear; DynamicQuantizeLinear, MatMulInteger, Cast, Mul; products
 * by weights in 4-bit blocks) into operators on quantised values: QLinearConv, QLinearMatMul, com.microsoft's QLinear*, QGemm,
 * MatMulIntegerToFloat, DynamicQuantizeMatMul and MatMulNBits, and accel Lookup for what depends on one element alone. Results
 * stay the same, but for single steps where a sum lies between two of them. */
accel_status pass_join_quantised(graph *g, accel_error *err);
/* Operators on float16 and bfloat16 values compute in float32 between Casts, also in graphs inside nodes; inputs, outputs and
 * initializers keep their types. Results differ by roundings that are left out. */
accel_status pass_widen_half(graph *g, accel_error *err);
/* One node in place of several that compute the same from the same. Wants an inferred graph. */
accel_status pass_share(graph *g, accel_error *err);
/* Operators that ONNX Runtime's optimisers write (com.microsoft), in ONNX's own, in f32, where ONNX can say them. Wants known shapes. */
accel_status pass_expand_contributed(graph *g, accel_error *err);
/* What exporters write as several nodes, as the one operator that it is: Gelu, Swish, HardSwish, HardSigmoid, Mish, Softplus. */
accel_status pass_fuse_activations(graph *g, accel_error *err);
/* The same for LayerNormalization and RMSNormalization over the last axis. */
accel_status pass_fuse_norms(graph *g, accel_error *err);
/* The same for Attention in f32, with its masks and the Reshape and Transpose of heads around it. Wants known shapes. */
accel_status pass_fuse_attention(graph *g, accel_error *err);
/* The same for RotaryEmbedding of whole heads. Wants known shapes. */
accel_status pass_fuse_rotary(graph *g, accel_error *err);
/* Reshape in place of a Transpose that moves only dims of 1. */
accel_status pass_view_transposes(graph *g, accel_error *err);
/* Replaces weights by seeded random ones, for benchmarking a graph that ships without real ones: floating initializers and ConstantOfShape
 * nodes of at least min_elements elements whose role is known from the node that uses them. Weights of products and convolutions are
 * He-normal by fan-in (std sqrt(2/fan_in) after a Relu; see randomize.c for sums and norms), biases small, BatchNormalization
 * statistics positive, so that activations keep their scale however deep the net. *replaced counts them. */
accel_status pass_randomize_weights(graph *g, uint64_t seed, int64_t min_elements, size_t *replaced,
                                    accel_error *err);

/* Forms for runtimes: rewrites operators that a runtime lacks or runs slower into those it knows. */
typedef enum graph_form {
    FORM_HOUSE, /* as built: newest ONNX forms */
    FORM_ONNXRUNTIME, /* opset and com.microsoft contributed operators that ONNX Runtime's CPU provider runs fastest */
    FORM_OPENVINO, /* plain ONNX that OpenVINO's frontend reads and fuses */
    FORM_PORTABLE, /* plain ONNX, opset 17: for any other reader */
    FORM_WEBNN     /* newest ONNX forms that WebNN's operators can say: never written to a file */
} graph_form;
/* Wants input shapes bound where a form needs numbers for them (causal masks, masks that are broadcast). ACCEL_UNSUPPORTED names a node
 * that the form cannot say. An attention row that is masked everywhere, which ONNX makes zero, becomes an average in these forms,
 * as in what exporters write. Nodes in an older spelling than the operator table's (op NULL) keep their types. */
accel_status pass_to_form(graph *g, graph_form form, accel_error *err);
/* The same, but that nothing is folded afterwards. */
accel_status pass_apply_form(graph *g, graph_form form, accel_error *err);
int64_t graph_form_opset(graph_form form); /* ai.onnx opset to declare when writing this form */

#endif
