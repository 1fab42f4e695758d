/* Building a graph by hand: the small language the model classes of zoo/ are written in.
 *
 * Calls return a value id. The first failure sticks: later calls return VALUE_NONE and do nothing, and builder_finish
 * reports the failure. So a model reads like its paper, without an error check on every line. */
#ifndef ACCEL_GRAPH_BUILDER_H
#define ACCEL_GRAPH_BUILDER_H

#include "graph/graph.h"

/* Where weights come from: zoo/ gives an implementation over safetensors, or one that generates. */
typedef struct weight_source weight_source;
struct weight_source {
    void *context;
    /* Contents of the named weight, which must have this shape. */
    accel_status (*find)(weight_source *source, const char *name, const shape *s, dtype *type,
                         graph_data *out, accel_error *err);
    /* Whether it is there at all (optional biases, tied heads). */
    bool (*has)(weight_source *source, const char *name);
};

typedef struct builder {
    graph *graph;
    weight_source *weights;
    accel_error error; /* the first failure; status ACCEL_OK while all is well */
    const char *scope; /* prefix of node names: "encoder.layer.0." */
    uint32_t counter;
    bool widens; /* some weights are narrower than float32 */
} builder;

accel_status builder_start(builder *b, weight_source *weights, accel_error *err);
accel_status builder_finish(builder *b, graph **out,
                            accel_error *err); /* checks and infers; on failure nothing is left */

/* Inputs: dims of DIM_UNKNOWN take their name from dim_names (same length as rank). */
value_id build_input(builder *b, const char *name, dtype type, int rank, const int64_t *dims,
                     const char *const *dim_names);
void build_output(builder *b, const char *name, value_id v);
/* float32, or of the type that the source gives; one of float16 or bfloat16 stays so in the graph, behind a Cast to float32. */
value_id build_weight(builder *b, const char *name, int rank, const int64_t *dims);
value_id build_buffer(builder *b, const char *name, int rank,
                      const int64_t *dims); /* the same, not counted among the parameters */
value_id build_f32(builder *b, float scalar);
value_id build_i64(builder *b, int64_t scalar);
value_id build_i64s(builder *b, size_t count, const int64_t *values); /* 1-D */
/* A weight that counts among the parameters though no node needs it (what only training reads). */
void build_unread(builder *b, const char *name, int rank, const int64_t *dims);

/* Any operator. Inputs end with VALUE_END; attributes with ATTR_END. */
typedef struct build_attr {
    const char *name;
    attr_kind kind; /* ATTR_INT, ATTR_FLOAT, ATTR_STRING, ATTR_INTS */
    int64_t i;
    double f;
    const char *s;
    const int64_t *ints;
    size_t count;
} build_attr;
#define BUILD_INT(n, v)     ((build_attr){.name = (n), .kind = ATTR_INT, .i = (v)})
#define BUILD_FLOAT(n, v)   ((build_attr){.name = (n), .kind = ATTR_FLOAT, .f = (v)})
#define BUILD_STRING(n, v)  ((build_attr){.name = (n), .kind = ATTR_STRING, .s = (v)})
#define BUILD_INTS(n, c, v) ((build_attr){.name = (n), .kind = ATTR_INTS, .ints = (v), .count = (c)})

value_id build_op(builder *b, const char *op_type, size_t input_count, const value_id *inputs,
                  size_t attr_count, const build_attr *attrs);
/* The same with several outputs. */
void build_op_n(builder *b, const char *op_type, size_t input_count, const value_id *inputs,
                size_t attr_count, const build_attr *attrs, size_t output_count, value_id *outputs);
#define BUILD(b, op, ...)                                                                                    \
    build_op((b), (op), sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id), (value_id[]){__VA_ARGS__}, 0,  \
             NULL)

/* The building blocks of the zoo. prefix names weights: prefix + ".weight" [out,in] and prefix + ".bias" [out]. */
value_id build_linear(builder *b, const char *prefix, value_id x, int64_t in, int64_t out,
                      bool bias); /* x [...,in] → [...,out] */
value_id build_layer_norm(builder *b, const char *prefix, value_id x, int64_t width,
                          double epsilon); /* over the last axis */
/* Gather of a table's rows: of one that build_weight made of a narrow weight, only these are widened. */
value_id build_rows(builder *b, value_id table, value_id ids);
value_id build_embedding(builder *b, const char *weight, value_id ids, int64_t rows, int64_t width);
value_id build_reshape(builder *b, value_id x, size_t rank, const int64_t *dims); /* 0 copies, -1 infers */
value_id build_transpose(builder *b, value_id x, size_t rank, const int64_t *perm);
/* ONNX Attention (opset 23+): q [B,Sq,Hq*D], k and v [B,Sk,Hkv*D], mask NULL-able additive f32 or bool broadcastable to [B,Hq,Sq,Sk]. Scale 1/sqrt(D). */
value_id build_attention(builder *b, value_id q, value_id k, value_id v, value_id mask, int64_t q_heads,
                         int64_t kv_heads, bool causal);
value_id build_activation(builder *b, const char *hf_name,
                          value_id x); /* "gelu", "gelu_new", "relu", "silu", "quick_gelu", "tanh"… */

#endif
