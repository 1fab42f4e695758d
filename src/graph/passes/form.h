/* Rewriting into the forms that runtimes know. Private to passes/. A rule is one function and one line in form.c's table. */
#ifndef ACCEL_GRAPH_PASSES_FORM_H
#define ACCEL_GRAPH_PASSES_FORM_H

#include "graph/passes.h"
#include "graph/passes/edit.h"

/* Rewrites node n, or leaves it. Calls of the builder need no checks; only ACCEL_UNSUPPORTED and the like are returned. */
typedef accel_status (*form_rule)(editor *e, graph_node *n, accel_error *err);

/* New nodes through e->b. `value` writes a fresh value; `into` takes over a value that n made. The domain is "com.microsoft" where ms. */
value_id form_value(editor *e, bool ms, const char *op, size_t input_count, const value_id *inputs,
                    size_t attr_count, const build_attr *attrs);
void form_into(editor *e, bool ms, const char *op, size_t input_count, const value_id *inputs,
               size_t attr_count, const build_attr *attrs, value_id result);
#define FORM_VALUE(e, op, ...)                                                                               \
    form_value((e), false, (op), sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id),                       \
               (value_id[]){__VA_ARGS__}, 0, NULL)
#define FORM_INTO(e, result, op, ...)                                                                        \
    form_into((e), false, (op), sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id),                        \
              (value_id[]){__VA_ARGS__}, 0, NULL, (result))

/* A scalar constant in the element type of `like`. */
value_id form_scalar(editor *e, value_id like, double number);
accel_status form_refuse(const editor *e, const graph_node *n, const char *why, accel_error *err);

/* form_attention.c */
accel_status
form_attention_fused(editor *e, graph_node *n,
                     accel_error *err); /* com.microsoft.Attention or .MultiHeadAttention where they fit */
/* MatMul, Softmax, MatMul; keys that query heads share are read in place, or repeated. */
accel_status form_attention_split(editor *e, graph_node *n, accel_error *err);
accel_status form_attention_repeated(editor *e, graph_node *n, accel_error *err);

/* form_norm.c */
accel_status form_residual_sum(editor *e, graph_node *n, accel_error *err);
accel_status form_rms_norm_fused(editor *e, graph_node *n, accel_error *err);
accel_status form_rms_norm_split(editor *e, graph_node *n, accel_error *err);
accel_status form_group_norm_split(editor *e, graph_node *n, accel_error *err);

/* form_activation.c */
accel_status form_gelu_fused(editor *e, graph_node *n, accel_error *err);
accel_status form_gelu_split(editor *e, graph_node *n, accel_error *err);
accel_status form_swish_fused(editor *e, graph_node *n, accel_error *err);
accel_status form_swish_split(editor *e, graph_node *n, accel_error *err);
accel_status form_mish_split(editor *e, graph_node *n, accel_error *err);

/* form_cache.c */
accel_status form_tensor_scatter(editor *e, graph_node *n, accel_error *err);

/* form_rotary.c */
accel_status form_rotary_fused(editor *e, graph_node *n, accel_error *err);
accel_status form_rotary_split(editor *e, graph_node *n, accel_error *err);

/* form_opset.c: the same operator as older opsets spell it */
accel_status form_reduce_axes(editor *e, graph_node *n, accel_error *err);
accel_status form_split_sizes(editor *e, graph_node *n, accel_error *err);
accel_status form_pad_axes(editor *e, graph_node *n, accel_error *err);
accel_status form_drop_new_attrs(editor *e, graph_node *n, accel_error *err);
accel_status form_grid_sample_modes(editor *e, graph_node *n, accel_error *err);
accel_status form_too_new(editor *e, graph_node *n, accel_error *err);

#endif
