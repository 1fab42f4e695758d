/* A graph of float16 or bfloat16 values computes in float32: each operator that takes them reads them through Cast, and what it makes is
 * cast back where somebody wants the narrow value: an output, or an operator that stays as it is. So every fp32 kernel serves,
 * and values are rounded less often than in the file's own steps. Initializers keep their type behind a Cast, which is folded when
 * they are packed. Graphs inside nodes are rewritten likewise, each for itself. */
#include <string.h>

#include "base/mem.h"
#include "graph/infer.h"
#include "graph/op.h"
#include "graph/passes.h"
#include "graph/passes/edit.h"

typedef struct widener {
    editor e;
    /* Of each half value, or VALUE_NONE: its twin as it was computed, and as it is after rounding to half. */
    value_id *wide, *rounded;
} widener;

/* ---- what may compute in float32 ------------------------------------------------------------------------------------ */

static bool is_half_type(dtype t) {
    return t == DTYPE_F16 || t == DTYPE_BF16;
}
static bool is_half(const graph *g, value_id v) {
    return v != VALUE_NONE && g->values[v].type.container == CONTAINER_TENSOR &&
           is_half_type(g->values[v].type.type);
}

/* Operators whose output type an attribute or a value tells, and those that look at bits. */
static const char *const typed_elsewhere[] = {
    "CastLike",          "BitCast",    "RandomNormal",  "RandomNormalLike", "RandomUniform",
    "RandomUniformLike", "Bernoulli",  "EyeLike",       "ConstantOfShape",  "Constant",
    "Multinomial",       "HannWindow", "HammingWindow", "BlackmanWindow",
};

static bool is_typed_elsewhere(const graph_node *n) {
    for (size_t i = 0; i < sizeof typed_elsewhere / sizeof typed_elsewhere[0]; i++) {
        if (strcmp(n->op_type, typed_elsewhere[i]) == 0) {
            return true;
        }
    }
    return node_attr_int(n, "output_dtype", 0) != 0;
}

static bool has_only_tensors(const graph *g, const value_id *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (values[i] != VALUE_NONE && g->values[values[i]].type.container != CONTAINER_TENSOR) {
            return false;
        }
    }
    return true;
}

/* Operators that put elements elsewhere, which costs as much as a Cast. */
static const char *const movers[] = {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten",
                                     "Concat",  "Split",     "Slice",   "Gather",    "Identity"};

static bool is_mover(const graph_node *n) {
    for (size_t i = 0; i < sizeof movers / sizeof movers[0]; i++) {
        if (node_is(n, movers[i])) {
            return true;
        }
    }
    return false;
}

/* A mover stays narrow where the values that it moves come narrow: rows of a table, a cache that grows. */
static bool stays_narrow(const widener *w, const graph_node *n) {
    const graph *g = w->e.g;
    for (size_t i = 0; i < n->input_count && is_mover(n); i++) {
        value_id v = n->inputs[i];
        bool table =
            is_initializer(g, v) && strcmp(n->op_type, "Gather") == 0; /* a product may read it widened */
        if (is_half(g, v) && (is_initializer(g, v) ? table : w->wide[v] == VALUE_NONE)) {
            return true;
        }
    }
    return false;
}

/* Operators that step: the least difference in what they read may be a whole one in what they give. They read values as the file rounds
 * them. All that make integers or truth values of half ones are among them. */
static const char *const steppers[] = {"Floor", "Ceil", "Round", "Sign", "Mod"};

static bool decides(const graph *g, const graph_node *n) {
    for (size_t i = 0; i < sizeof steppers / sizeof steppers[0]; i++) {
        if (node_is(n, steppers[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < n->output_count; i++) {
        if (n->outputs[i] != VALUE_NONE && !dtype_is_float(g->values[n->outputs[i]].type.type)) {
            return true;
        }
    }
    return false;
}

static bool may_widen(const widener *w, const graph_node *n) {
    const graph *g = w->e.g;
    return n->op != NULL && (n->op->flags & (OP_RANDOM | OP_SUBGRAPH)) == 0 && !is_typed_elsewhere(n) &&
           has_only_tensors(g, n->inputs, n->input_count) &&
           has_only_tensors(g, n->outputs, n->output_count) && !stays_narrow(w, n);
}

/* ---- casts ------------------------------------------------------------------------------------------------------------ */

static value_id fresh_wide(widener *w, value_id like) {
    value_type t = {CONTAINER_TENSOR, DTYPE_F32, w->e.g->values[like].type.shape};
    value_id v = VALUE_NONE;
    if (w->e.b.error.status == ACCEL_OK) {
        (void)graph_add_value(w->e.g, NULL, VALUE_NODE, t, &v, &w->e.b.error);
    }
    return v;
}

static void add_cast(widener *w, value_id from, value_id to, dtype type) {
    const build_attr target = BUILD_INT("to", type);
    build_any(&w->e.b, &(build_node){.domain = "",
                                     .op_type = "Cast",
                                     .input_count = 1,
                                     .inputs = &from,
                                     .attr_count = 1,
                                     .attrs = &target,
                                     .output_count = 1,
                                     .outputs = &to});
}

/* The float32 value of v as it stands. */
static value_id rounded_of(widener *w, value_id v) {
    if (w->rounded[v] == VALUE_NONE) {
        value_id twin = fresh_wide(w, v);
        if (twin != VALUE_NONE) {
            add_cast(w, v, twin, DTYPE_F32);
        }
        w->rounded[v] = twin;
    }
    return w->rounded[v];
}

static value_id wide_of(widener *w, value_id v) {
    if (w->wide[v] == VALUE_NONE) {
        w->wide[v] = rounded_of(w, v);
    }
    return w->wide[v];
}

/* The node makes the twin, of which the narrow value is cast; nobody may want that. */
static void widen_output(widener *w, graph_node *n, size_t output) {
    graph *g = w->e.g;
    const value_id v = n->outputs[output], twin = fresh_wide(w, v);
    if (twin == VALUE_NONE) {
        return;
    }
    g->values[twin].producer = g->values[v].producer;
    g->values[twin].producer_output = (int)output;
    n->outputs[output] = twin;
    w->wide[v] = twin;
    add_cast(w, twin, v, g->values[v].type.type);
}

static void widen_node(widener *w, graph_node *n) {
    const bool steps = decides(w->e.g, n);
    for (size_t i = 0; i < n->input_count; i++) {
        if (is_half(w->e.g, n->inputs[i]) && w->e.b.error.status == ACCEL_OK) {
            n->inputs[i] = steps ? rounded_of(w, n->inputs[i]) : wide_of(w, n->inputs[i]);
        }
    }
    for (size_t i = 0; i < n->output_count; i++) {
        if (is_half(w->e.g, n->outputs[i]) && w->e.b.error.status == ACCEL_OK) {
            widen_output(w, n, i);
        }
    }
}

/* A Cast to half of a value that is float32 here is nothing, and one of a half value reads its twin. Others round once, as they say. */
static void widen_cast(widener *w, graph_node *n) {
    const graph *g = w->e.g;
    const value_id from = n->inputs[0], to = n->outputs[0];
    if (is_half(g, from)) {
        n->inputs[0] = decides(g, n) ? rounded_of(w, from) : wide_of(w, from);
    }
    bool is_float = n->inputs[0] != VALUE_NONE && g->values[n->inputs[0]].type.type == DTYPE_F32;
    if (is_half(g, to) && is_float) {
        w->wide[to] = n->inputs[0];
    }
}

/* ---- the pass ----------------------------------------------------------------------------------------------------------- */

static bool touches_half(const graph *g, const graph_node *n) {
    bool found = false;
    for (size_t i = 0; i < n->input_count; i++) {
        found = found || is_half(g, n->inputs[i]);
    }
    for (size_t i = 0; i < n->output_count; i++) {
        found = found || is_half(g, n->outputs[i]);
    }
    return found;
}

static void widen_nodes(widener *w) {
    const size_t nodes = w->e.g->node_count; /* those added are Casts */
    for (size_t i = 0; i < nodes && w->e.b.error.status == ACCEL_OK; i++) {
        graph_node *n = w->e.g->nodes[i];
        if (n->dead || !touches_half(w->e.g, n)) {
            continue;
        }
        if (node_is(n, "Cast")) {
            widen_cast(w, n);
        } else if (may_widen(w, n)) {
            widen_node(w, n);
        }
    }
}

static bool has_half(const graph *g) {
    for (size_t v = 0; v < g->value_count; v++) {
        if (is_half(g, (value_id)v)) {
            return true;
        }
    }
    return false;
}

static accel_status widen_values(graph *g, accel_error *err) {
    widener w = {.wide = mem_calloc(g->value_count, 2 * sizeof *w.wide)};
    if (w.wide == NULL) {
        return error_no_memory(err, "twins of values", g->value_count * sizeof *w.wide);
    }
    w.rounded = w.wide + g->value_count;
    for (size_t v = 0; v < g->value_count; v++) {
        w.wide[v] = w.rounded[v] = VALUE_NONE;
    }
    accel_status status = editor_start(&w.e, g, err);
    if (status == ACCEL_OK) {
        widen_nodes(&w);
        status = editor_settle(&w.e, err);
    }
    editor_end(&w.e);
    mem_free(w.wide);
    return status;
}

static accel_status widen_in(graph *g, accel_error *err) {
    if (has_half(g)) {
        ACCEL_TRY(widen_values(g, err));
    }
    for (graph *child = g->first_child; child != NULL; child = child->next_sibling) {
        ACCEL_TRY(widen_in(child, err));
    }
    return ACCEL_OK;
}

accel_status pass_widen_half(graph *g, accel_error *err) {
    ACCEL_TRY(graph_infer(g, err));
    return widen_in(graph_outermost(g), err);
}
