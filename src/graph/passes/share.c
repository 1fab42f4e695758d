/* Nodes that compute the same from the same are one: what exporters write for every layer anew. */
#include "graph/passes.h"

#include <string.h>

#include "base/mem.h"
#include "graph/infer.h"
#include "graph/passes/edit.h"

/* Up to these sizes constants are compared by contents, beyond by identity: initializers, and what inference found. */
enum { SMALL_BYTES = 256, FOUND_BYTES = 1 << 15 };

typedef struct sharer {
    graph *g;
    value_id *same; /* of each value: the one that stands for it */
    bool *is_output;
    node_id *slots; /* by hash; NODE_NONE: empty */
    value_id *constants;
    size_t slot_count; /* a power of two */
    bool any;
} sharer;

static uint64_t mix(uint64_t hash, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < count; i++) { /* FNV-1a */
        hash = (hash ^ p[i]) * 0x100000001b3ull;
    }
    return hash;
}

/* ---- constants ------------------------------------------------------------------------------------------------------ */

static bool small_contents(const graph *g, value_id v, const graph_data **out) {
    const graph_value *value = &g->values[v];
    *out = &value->data;
    size_t most = value->origin == VALUE_INITIALIZER ? SMALL_BYTES : FOUND_BYTES;
    return value->data.kind == DATA_BYTES && value->data.size_bytes <= most &&
           value->type.container == CONTAINER_TENSOR && dtype_bits(value->type.type) > 0;
}

static bool same_constant(const graph *g, value_id a, value_id b) {
    const graph_value *x = &g->values[a], *y = &g->values[b];
    return x->type.type == y->type.type && shape_equal(&x->type.shape, &y->type.shape) &&
           x->data.size_bytes == y->data.size_bytes &&
           memcmp(x->data.bytes, y->data.bytes, x->data.size_bytes) == 0;
}

static void find_same_constants(sharer *s) {
    const graph *g = s->g;
    for (size_t v = 0; v < g->value_count; v++) {
        const graph_data *data;
        s->same[v] = (value_id)v;
        if (!small_contents(g, (value_id)v, &data)) {
            continue;
        }
        size_t slot = (size_t)mix(0xcbf29ce484222325ull, data->bytes, data->size_bytes) & (s->slot_count - 1);
        while (s->constants[slot] != VALUE_NONE && !same_constant(g, s->constants[slot], (value_id)v)) {
            slot = (slot + 1) & (s->slot_count - 1);
        }
        if (s->constants[slot] == VALUE_NONE) {
            s->constants[slot] = (value_id)v;
        }
        s->same[v] = s->constants[slot];
    }
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------ */

static bool same_text(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_tensor(const tensor *a, const tensor *b) {
    return a->type == b->type && shape_equal(&a->shape, &b->shape) && a->size_bytes == b->size_bytes &&
           (a->data == b->data || memcmp(a->data, b->data, a->size_bytes) == 0);
}

static bool same_attr(const graph_attr *a, const graph_attr *b) {
    if (strcmp(a->name, b->name) != 0 || a->kind != b->kind || a->count != b->count) {
        return false;
    }
    switch (a->kind) {
    case ATTR_INT:
        return a->i == b->i;
    case ATTR_FLOAT:
        return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case ATTR_STRING:
        return a->s_length == b->s_length && same_text(a->s, b->s);
    case ATTR_INTS:
        return a->count == 0 || memcmp(a->ints, b->ints, a->count * sizeof *a->ints) == 0;
    case ATTR_FLOATS:
        return a->count == 0 || memcmp(a->floats, b->floats, a->count * sizeof *a->floats) == 0;
    case ATTR_TENSOR:
        return same_tensor(&a->tensor, &b->tensor);
    case ATTR_STRINGS:
    case ATTR_GRAPH:
    case ATTR_OTHER:
        break;
    }
    return false;
}

static value_id standing_for(const sharer *s, value_id v) {
    return v == VALUE_NONE ? v : s->same[v];
}

static bool same_node(const sharer *s, const graph_node *a, const graph_node *b) {
    if (a->op != b->op || a->input_count != b->input_count || a->output_count != b->output_count ||
        a->attr_count != b->attr_count) {
        return false;
    }
    for (size_t k = 0; k < a->input_count; k++) {
        if (standing_for(s, a->inputs[k]) != standing_for(s, b->inputs[k])) {
            return false;
        }
    }
    for (size_t k = 0; k < a->output_count; k++) {
        if ((a->outputs[k] == VALUE_NONE) != (b->outputs[k] == VALUE_NONE)) {
            return false;
        }
    }
    for (size_t k = 0; k < a->attr_count; k++) {
        if (!same_attr(&a->attrs[k], &b->attrs[k])) {
            return false;
        }
    }
    return true;
}

/* Nodes whose contents inference knows are not worth a look: nothing computes them while running. */
static bool may_share(const sharer *s, const graph_node *n) {
    if (n->dead || n->op == NULL || (n->op->flags & (OP_RANDOM | OP_SUBGRAPH)) != 0) {
        return false;
    }
    bool known = true;
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE) {
            known = known && graph_value_is_constant(s->g, n->outputs[k]);
            if (s->is_output[n->outputs[k]]) {
                return false;
            }
        }
    }
    return !known;
}

static void share_node(sharer *s, node_id at) {
    graph_node *n = s->g->nodes[at];
    if (!may_share(s, n)) {
        return;
    }
    uint64_t hash = mix(0xcbf29ce484222325ull, &n->op, sizeof n->op);
    for (size_t k = 0; k < n->input_count; k++) {
        value_id v = standing_for(s, n->inputs[k]);
        hash = mix(hash, &v, sizeof v);
    }
    size_t slot = (size_t)hash & (s->slot_count - 1);
    while (s->slots[slot] != NODE_NONE && !same_node(s, s->g->nodes[s->slots[slot]], n)) {
        slot = (slot + 1) & (s->slot_count - 1);
    }
    if (s->slots[slot] == NODE_NONE) {
        s->slots[slot] = at;
        return;
    }
    const graph_node *first = s->g->nodes[s->slots[slot]];
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] != VALUE_NONE) {
            graph_replace_uses(s->g, n->outputs[k], first->outputs[k]);
            s->same[n->outputs[k]] = first->outputs[k];
        }
    }
    s->any = true;
}

/* ---- the graph ---------------------------------------------------------------------------------------------------------- */

static void share_nodes(sharer *s) {
    for (size_t i = 0; i < s->slot_count; i++) {
        s->slots[i] = NODE_NONE;
        s->constants[i] = VALUE_NONE;
    }
    for (size_t i = 0; i < s->g->output_count; i++) {
        s->is_output[s->g->outputs[i]] = true;
    }
    find_same_constants(s);
    for (size_t i = 0; i < s->g->node_count; i++) {
        share_node(s, (node_id)i);
    }
}

static accel_status share_in(graph *g, accel_error *err) {
    sharer s = {.g = g, .slot_count = 16};
    while (s.slot_count < 2 * (g->value_count + g->node_count)) {
        s.slot_count *= 2;
    }
    s.same = mem_calloc(g->value_count + 1, sizeof *s.same);
    s.is_output = mem_calloc(g->value_count + 1, sizeof *s.is_output);
    s.slots = mem_calloc(s.slot_count, sizeof *s.slots);
    s.constants = mem_calloc(s.slot_count, sizeof *s.constants);
    accel_status status = ACCEL_OK;
    if (s.same == NULL || s.is_output == NULL || s.slots == NULL || s.constants == NULL) {
        status = error_no_memory(err, "finding equal nodes", s.slot_count * sizeof *s.slots);
    } else {
        share_nodes(&s);
    }
    mem_free(s.same);
    mem_free(s.is_output);
    mem_free(s.slots);
    mem_free(s.constants);
    if (status == ACCEL_OK && s.any) {
        status = graph_sweep(g, err);
    }
    return status;
}

/* Not in subgraphs: contents that inference found inside a loop hold for one turn only. */
accel_status pass_share(graph *g, accel_error *err) {
    return share_in(graph_outermost(g), err);
}
