#include "graph/builder.h"

#include <string.h>

#include "graph/infer.h"
#include "graph/internal.h"

/* ---- life ------------------------------------------------------------------------------------------------------- */

static bool failed(const builder *b) {
    return b->error.status != ACCEL_OK;
}

accel_status builder_start(builder *b, weight_source *weights, accel_error *err) {
    *b = (builder){.weights = weights, .scope = ""};
    return graph_create(&b->graph, err);
}

accel_status builder_finish(builder *b, graph **out, accel_error *err) {
    if (!failed(b) && b->widens) { /* Casts of tables whose rows alone are read */
        (void)graph_sweep(b->graph, &b->error);
    }
    if (!failed(b)) {
        (void)graph_check(b->graph, &b->error);
    }
    if (!failed(b)) {
        (void)graph_infer(b->graph, &b->error);
    }
    if (failed(b)) {
        graph_destroy(b->graph);
        b->graph = NULL;
        return error_set(err, b->error.status, "%s", b->error.message);
    }
    *out = b->graph;
    b->graph = NULL;
    return ACCEL_OK;
}

/* ---- inputs, outputs, constants ----------------------------------------------------------------------------------- */

value_id build_input(builder *b, const char *name, dtype type, int rank, const int64_t *dims,
                     const char *const *dim_names) {
    if (failed(b)) {
        return VALUE_NONE;
    }
    shape s = shape_make(rank, dims);
    value_id id;
    if (graph_add_input(b->graph, name, type, &s, &id, &b->error) != ACCEL_OK) {
        return VALUE_NONE;
    }
    for (int i = 0; dim_names && i < s.rank; i++) {
        if (dims[i] == DIM_UNKNOWN && dim_names[i]) {
            char *copy = arena_strdup(b->graph->arena, dim_names[i]);
            if (!copy) {
                error_no_memory(&b->error, "the name of a dimension", strlen(dim_names[i]));
                return VALUE_NONE;
            }
            b->graph->values[id].dim_names[i] = copy;
        }
    }
    return id;
}

static bool is_output(const graph *g, value_id v) {
    for (size_t i = 0; i < g->output_count; i++) {
        if (g->outputs[i] == v) {
            return true;
        }
    }
    return false;
}

/* The value takes the output's name; where it is an input, a weight or an output already, a copy of it does. */
void build_output(builder *b, const char *name, value_id v) {
    if (failed(b)) {
        return;
    }
    if (v == VALUE_NONE) {
        error_set(&b->error, ACCEL_INVALID_ARGUMENT, "output '%s' has no value", name);
        return;
    }
    if (b->graph->values[v].origin != VALUE_NODE || is_output(b->graph, v)) {
        v = build_op(b, "Identity", 1, &v, 0, NULL);
    }
    if (!failed(b) && graph_rename_value(b->graph, v, name, &b->error) == ACCEL_OK) {
        (void)graph_add_output(b->graph, v, &b->error);
    }
}

static accel_status weight_mismatch(const builder *b, const char *name, value_id there, const shape *s,
                                    accel_error *err) {
    char have[160], want[160];
    return error_set(err, ACCEL_BAD_GRAPH, "weight '%s' is used as %s and as %s", name,
                     shape_text(&b->graph->values[there].type.shape, have, sizeof have),
                     shape_text(s, want, sizeof want));
}

/* The initializer as its source has it. */
static value_id stored_weight(builder *b, const char *name, int rank, const int64_t *dims) {
    if (failed(b)) {
        return VALUE_NONE;
    }
    shape s = shape_make(rank, dims);
    value_id id = graph_find_value(b->graph, name);
    if (id != VALUE_NONE) { /* tied weights: one initializer */
        if (!shape_equal(&b->graph->values[id].type.shape, &s)) {
            weight_mismatch(b, name, id, &s, &b->error);
            return VALUE_NONE;
        }
        return id;
    }
    if (!b->weights) {
        error_set(&b->error, ACCEL_INVALID_ARGUMENT, "the model needs weight '%s', but no weights were given",
                  name);
        return VALUE_NONE;
    }
    dtype type = DTYPE_UNDEFINED;
    graph_data data = {0};
    if (b->weights->find(b->weights, name, &s, &type, &data, &b->error) != ACCEL_OK ||
        graph_add_initializer(b->graph, name, type, &s, data, &id, &b->error) != ACCEL_OK) {
        return VALUE_NONE;
    }
    return id;
}

/* float32 of a value of 16 bits. */
static value_id widened(builder *b, value_id v) {
    return build_op(b, "Cast", 1, &v, 1, &BUILD_INT("to", DTYPE_F32));
}

static bool is_narrow(const builder *b, value_id v) {
    return !failed(b) &&
           (b->graph->values[v].type.type == DTYPE_F16 || b->graph->values[v].type.type == DTYPE_BF16);
}

/* One Cast a weight, found by its name: tied weights ask again. */
static value_id widened_weight(builder *b, const char *name, value_id stored) {
    if (!is_narrow(b, stored)) {
        return stored;
    }
    const char *wide_name = arena_printf(b->graph->arena, "%s as float32", name);
    if (!wide_name) {
        error_no_memory(&b->error, name, strlen(name));
        return VALUE_NONE;
    }
    value_id wide = graph_find_value(b->graph, wide_name);
    if (wide == VALUE_NONE) {
        wide = widened(b, stored);
        if (!failed(b)) {
            (void)graph_rename_value(b->graph, wide, wide_name, &b->error);
        }
    }
    b->widens = true;
    return wide;
}

value_id build_weight(builder *b, const char *name, int rank, const int64_t *dims) {
    return widened_weight(b, name, stored_weight(b, name, rank, dims));
}

value_id build_buffer(builder *b, const char *name, int rank, const int64_t *dims) {
    value_id id = stored_weight(b, name, rank, dims);
    if (id != VALUE_NONE) {
        b->graph->values[id].data.buffer = true;
    }
    return widened_weight(b, name, id);
}

/* Equal constants share one initializer, found by a name that spells the contents. Not in a subgraph, where the name could hide one
 * of the graph around it. */
static value_id constant(builder *b, const char *name, dtype type, const shape *s, const void *bytes) {
    name = b->graph->parent ? NULL : name;
    value_id id = graph_find_value(b->graph, name);
    if (id == VALUE_NONE && graph_add_constant(b->graph, name, type, s, bytes, &id, &b->error) != ACCEL_OK) {
        return VALUE_NONE;
    }
    b->graph->values[id].data.buffer = true;
    return id;
}

value_id build_f32(builder *b, float scalar) {
    if (failed(b)) {
        return VALUE_NONE;
    }
    char name[48];
    uint32_t bits;
    memcpy(&bits, &scalar, sizeof bits);
    str_format(name, sizeof name, "f32 %.9g (%08x)", (double)scalar, (unsigned)bits);
    return constant(b, name, DTYPE_F32, &(shape){.rank = 0}, &scalar);
}

value_id build_i64(builder *b, int64_t scalar) {
    if (failed(b)) {
        return VALUE_NONE;
    }
    char name[48];
    str_format(name, sizeof name, "i64 %lld", (long long)scalar);
    return constant(b, name, DTYPE_I64, &(shape){.rank = 0}, &scalar);
}

value_id build_i64s(builder *b, size_t count, const int64_t *values) {
    if (failed(b)) {
        return VALUE_NONE;
    }
    str_buf name = {0};
    str_append(&name, "i64s [");
    for (size_t i = 0; i < count; i++) {
        str_appendf(&name, "%s%lld", i > 0 ? "," : "", (long long)values[i]);
    }
    str_append(&name, "]");
    if (name.failed) {
        error_no_memory(&b->error, "a constant", count * sizeof *values);
        str_free(&name);
        return VALUE_NONE;
    }
    value_id id =
        constant(b, str_text(&name), DTYPE_I64, &(shape){.rank = 1, .dims = {(int64_t)count}}, values);
    str_free(&name);
    return id;
}

void build_unread(builder *b, const char *name, int rank, const int64_t *dims) {
    value_id id = stored_weight(b, name, rank, dims);
    if (id != VALUE_NONE) {
        b->graph->values[id].unread = true;
    }
}

/* ---- operators ------------------------------------------------------------------------------------------------------ */

static bool copy_attr(builder *b, const build_attr *from, graph_attr *to) {
    arena *a = b->graph->arena;
    *to = (graph_attr){.name = arena_strdup(a, from->name), .kind = from->kind, .i = from->i, .f = from->f};
    bool copied = to->name != NULL;
    if (from->kind == ATTR_STRING) {
        to->s = arena_strdup(a, from->s);
        to->s_length = strlen(from->s);
        copied = copied && to->s;
    } else if (from->kind == ATTR_INTS) {
        to->ints = arena_copy(a, from->ints, from->count * sizeof *from->ints);
        to->count = from->count;
        copied = copied && to->ints;
    }
    if (!copied) {
        error_no_memory(&b->error, "a node's attributes", sizeof *to);
    }
    return copied;
}

/* A value that the node takes over from the node it replaces. */
static void adopt(builder *b, node_id n, size_t output, value_id v) {
    graph_value *value = &b->graph->values[v];
    b->graph->nodes[n]->outputs[output] = v;
    value->producer = n;
    value->producer_output = (int)output;
    if (!b->graph->nodes[n]->op && !value->has_declared) {
        value->declared = value->type; /* inference cannot tell it any more */
        value->has_declared = true;
    } else if (!b->graph->nodes[n]->op && value->declared.shape.rank == RANK_UNKNOWN) {
        value->declared = value->type;
    }
}

static accel_status add_op(builder *b, const build_node *spec, const graph_attr *attrs) {
    char name[256];
    str_format(name, sizeof name, "%s%s_%u", b->scope ? b->scope : "", spec->op_type, (unsigned)b->counter++);
    const char **names = ARENA_ARRAY(b->graph->arena, const char *, spec->output_count);
    if (!names) {
        return error_no_memory(&b->error, "a node's outputs", spec->output_count * sizeof *names);
    }
    for (size_t i = 0; i < spec->output_count; i++) {
        bool fresh = spec->outputs[i] == VALUE_NONE && !(spec->omit & (1u << i));
        names[i] = !fresh ? "" : i == 0 ? name : NULL;
    }
    size_t input_count = spec->input_count;
    while (input_count > 0 && spec->inputs[input_count - 1] == VALUE_NONE) {
        input_count--; /* omitted optional inputs at the end are not listed */
    }
    node_id n;
    ACCEL_TRY(graph_add_node(b->graph, spec->domain, spec->op_type, name, spec->inputs, input_count, names,
                             spec->output_count, attrs, spec->attr_count, &n, &b->error));
    for (size_t i = 0; i < spec->output_count; i++) {
        if (spec->outputs[i] != VALUE_NONE) {
            adopt(b, n, i, spec->outputs[i]);
        }
    }
    memcpy(spec->outputs, b->graph->nodes[n]->outputs, spec->output_count * sizeof *spec->outputs);
    return ACCEL_OK;
}

void build_any(builder *b, const build_node *spec) {
    if (failed(b)) {
        return;
    }
    graph_attr *copies = ARENA_ARRAY(b->graph->arena, graph_attr, spec->attr_count);
    if (!copies) {
        error_no_memory(&b->error, "a node's attributes", spec->attr_count * sizeof *copies);
        return;
    }
    for (size_t i = 0; i < spec->attr_count; i++) {
        if (!copy_attr(b, &spec->attrs[i], &copies[i])) {
            return;
        }
    }
    (void)add_op(b, spec, copies);
}

void build_op_n(builder *b, const char *op_type, size_t input_count, const value_id *inputs,
                size_t attr_count, const build_attr *attrs, size_t output_count, value_id *outputs) {
    for (size_t i = 0; i < output_count; i++) {
        outputs[i] = VALUE_NONE;
    }
    if (!failed(b) && !op_find("", op_type)) {
        error_set(&b->error, ACCEL_INTERNAL, "the operator table has no '%s'", op_type);
    }
    build_any(b, &(build_node){.domain = "",
                               .op_type = op_type,
                               .input_count = input_count,
                               .inputs = inputs,
                               .attr_count = attr_count,
                               .attrs = attrs,
                               .output_count = output_count,
                               .outputs = outputs});
}

value_id build_op(builder *b, const char *op_type, size_t input_count, const value_id *inputs,
                  size_t attr_count, const build_attr *attrs) {
    value_id out;
    build_op_n(b, op_type, input_count, inputs, attr_count, attrs, 1, &out);
    return out;
}

value_id build_reshape(builder *b, value_id x, size_t rank, const int64_t *dims) {
    value_id target = build_i64s(b, rank, dims);
    return BUILD(b, "Reshape", x, target);
}

value_id build_transpose(builder *b, value_id x, size_t rank, const int64_t *perm) {
    return build_op(b, "Transpose", 1, &x, 1, &BUILD_INTS("perm", rank, perm));
}

/* ---- blocks ---------------------------------------------------------------------------------------------------------- */

static const char *joined(builder *b, const char *prefix, const char *suffix) {
    if (failed(b)) {
        return "";
    }
    const char *name = arena_printf(b->graph->arena, "%s%s", prefix, suffix);
    if (!name) {
        error_no_memory(&b->error, "the name of a weight", strlen(prefix));
        return "";
    }
    return name;
}

/* The weight stays as its file has it, [out,in]; the Transpose is a view that engines read through when they pack, and a copy only in
 * files written for runtimes that want it. */
value_id build_linear(builder *b, const char *prefix, value_id x, int64_t in, int64_t out, bool bias) {
    value_id w = build_weight(b, joined(b, prefix, ".weight"), 2, (const int64_t[]){out, in});
    value_id y = BUILD(b, "MatMul", x, build_transpose(b, w, 2, (const int64_t[]){1, 0}));
    return bias ? BUILD(b, "Add", y, build_weight(b, joined(b, prefix, ".bias"), 1, &out)) : y;
}

value_id build_layer_norm(builder *b, const char *prefix, value_id x, int64_t width, double epsilon) {
    value_id scale = build_weight(b, joined(b, prefix, ".weight"), 1, &width);
    value_id bias = build_weight(b, joined(b, prefix, ".bias"), 1, &width);
    return build_op(b, "LayerNormalization", 3, (const value_id[]){x, scale, bias}, 2,
                    (const build_attr[]){BUILD_INT("axis", -1), BUILD_FLOAT("epsilon", epsilon)});
}

/* The initializer behind the Cast of a narrow weight; others are what they are. */
static value_id stored_of(const builder *b, value_id v) {
    const graph *g = b->graph;
    if (failed(b) || g->values[v].origin != VALUE_NODE) {
        return v;
    }
    const graph_node *n = g->nodes[g->values[v].producer];
    bool casts = strcmp(n->op_type, "Cast") == 0 && g->values[n->inputs[0]].origin == VALUE_INITIALIZER;
    return casts && is_narrow(b, n->inputs[0]) ? n->inputs[0] : v;
}

value_id build_rows(builder *b, value_id table, value_id ids) {
    value_id stored = stored_of(b, table);
    value_id rows = build_op(b, "Gather", 2, (const value_id[]){stored, ids}, 1, &BUILD_INT("axis", 0));
    return stored == table ? rows : widened(b, rows);
}

value_id build_embedding(builder *b, const char *weight, value_id ids, int64_t rows, int64_t width) {
    return build_rows(b, build_weight(b, weight, 2, (const int64_t[]){rows, width}), ids);
}

value_id build_attention(builder *b, value_id q, value_id k, value_id v, value_id mask, int64_t q_heads,
                         int64_t kv_heads, bool causal) {
    return build_op(b, "Attention", 4, (const value_id[]){q, k, v, mask}, 3,
                    (const build_attr[]){BUILD_INT("q_num_heads", q_heads),
                                         BUILD_INT("kv_num_heads", kv_heads),
                                         BUILD_INT("is_causal", causal ? 1 : 0)});
}

/* ---- activations, by the names that Hugging Face configurations use ---------------------------------------------------- */

static value_id plain(builder *b, value_id x, const char *op, double unused) {
    (void)unused;
    return build_op(b, op, 1, &x, 0, NULL);
}

static value_id gelu(builder *b, value_id x, const char *approximate, double unused) {
    (void)unused;
    return build_op(b, "Gelu", 1, &x, 1, &BUILD_STRING("approximate", approximate));
}

static value_id with_alpha(builder *b, value_id x, const char *op, double alpha) {
    return build_op(b, op, 1, &x, 1, &BUILD_FLOAT("alpha", alpha));
}

static value_id clipped(builder *b, value_id x, const char *unused, double high) {
    (void)unused;
    return BUILD(b, "Clip", x, build_f32(b, 0), build_f32(b, (float)high));
}

static value_id squared_relu(builder *b, value_id x, const char *op, double unused) {
    value_id y = plain(b, x, op, unused);
    return BUILD(b, "Mul", y, y);
}

static value_id unchanged(builder *b, value_id x, const char *unused, double unused_too) {
    (void)b, (void)unused, (void)unused_too;
    return x;
}

static const struct {
    const char *name;
    value_id (*build)(builder *b, value_id x, const char *text, double number);
    const char *text;
    double number;
} activations[] = {
    {"gelu", gelu, "none", 0},
    {"gelu_new", gelu, "tanh", 0},
    {"gelu_pytorch_tanh", gelu, "tanh", 0},
    {"gelu_fast", gelu, "tanh", 0},
    {"gelu_python", gelu, "none", 0},
    {"gelu_accurate", gelu, "tanh", 0},
    {"quick_gelu", with_alpha, "Swish", 1.702},
    {"silu", with_alpha, "Swish", 1.0},
    {"swish", with_alpha, "Swish", 1.0},
    {"relu", plain, "Relu", 0},
    {"relu2", squared_relu, "Relu", 0},
    {"relu6", clipped, "", 6},
    {"tanh", plain, "Tanh", 0},
    {"sigmoid", plain, "Sigmoid", 0},
    {"leaky_relu", with_alpha, "LeakyRelu", 0.01},
    {"elu", with_alpha, "Elu", 1.0},
    {"selu", plain, "Selu", 0},
    {"mish", plain, "Mish", 0},
    {"softplus", plain, "Softplus", 0},
    {"hardswish", plain, "HardSwish", 0},
    {"linear", unchanged, "", 0},
};

value_id build_activation(builder *b, const char *hf_name, value_id x) {
    enum { COUNT = sizeof activations / sizeof activations[0] };
    const char *names[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = activations[i].name;
        if (strcmp(activations[i].name, hf_name) == 0) {
            return activations[i].build(b, x, activations[i].text, activations[i].number);
        }
    }
    if (!failed(b)) {
        const char *near = str_nearest(hf_name, names, COUNT);
        error_set(&b->error, ACCEL_UNSUPPORTED, "activation '%s' is not known%s%s%s", hf_name,
                  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return VALUE_NONE;
}
