/* The model's identity: SHA-256 over structure and weights. Neither names nor the order in which a file lists its nodes count, so
 * values are numbered in the order in which a walk from the outputs meets them. */
#include "graph/graph.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "graph/internal.h"

/* One graph being hashed; a subgraph has its own, linked to the one around it. */
typedef struct hasher {
    struct hasher *around;
    sha256 *sha;
    const graph *g;
    uint32_t *numbers; /* one a value; 0: not met yet */
    uint32_t met;
} hasher;

static accel_status hash_graph(hasher *around, sha256 *sha, const graph *g, accel_error *err);

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

static void put_u64(hasher *h, uint64_t value) {
    sha256_update(h->sha, &value, sizeof value);
}

static void put_i64(hasher *h, int64_t value) {
    put_u64(h, (uint64_t)value);
}

static void put_f64(hasher *h, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_u64(h, bits);
}

static void put_bytes(hasher *h, const void *bytes, size_t length) {
    put_u64(h, length);
    if (length > 0) {
        sha256_update(h->sha, bytes, length);
    }
}

static void put_text(hasher *h, const char *text) {
    put_bytes(h, text, strlen(text));
}

static void put_shape(hasher *h, dtype type, const shape *s) {
    put_u64(h, (uint64_t)type);
    put_i64(h, s->rank);
    for (int i = 0; i < s->rank; i++) {
        put_i64(h, s->dims[i]);
    }
}

static void put_type(hasher *h, const value_type *t) {
    put_u64(h, (uint64_t)t->container);
    put_shape(h, t->type, &t->shape);
}

/* Generated contents are hashed by what they are made from: they need not be made for it. */
static void put_data(hasher *h, const graph_data *d) {
    put_u64(h, (uint64_t)d->kind);
    if (d->kind == DATA_BYTES) {
        put_bytes(h, d->bytes, d->size_bytes);
    } else {
        put_text(h, d->stream);
        put_u64(h, d->seed);
        put_u64(h, (uint64_t)d->distribution);
        put_f64(h, d->a);
        put_f64(h, d->b);
    }
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static uint32_t give_number(hasher *h, value_id v) {
    h->numbers[v] = ++h->met;
    return h->numbers[v];
}

/* The number of a value; what it is goes in at the first meeting. */
static uint32_t number_of(hasher *h, value_id v) {
    if (v == VALUE_NONE) {
        return 0;
    }
    if (h->numbers[v] != 0) {
        return h->numbers[v];
    }
    const graph_value *value = &h->g->values[v];
    if (value->origin == VALUE_OUTER && h->around) {
        uint32_t outer = number_of(h->around, value->outer);
        put_text(h, "outer");
        put_u64(h, outer);
    } else if (value->origin == VALUE_INITIALIZER) {
        put_text(h, "initializer");
        put_type(h, &value->type);
        put_data(h, &value->data);
    }
    return give_number(h, v);
}

/* ---- nodes --------------------------------------------------------------------------------------------------------- */

static accel_status put_attr_contents(hasher *h, const graph_attr *a, accel_error *err) {
    switch (a->kind) {
    case ATTR_INT:
        put_i64(h, a->i);
        break;
    case ATTR_FLOAT:
        put_f64(h, a->f);
        break;
    case ATTR_STRING:
        put_bytes(h, a->s, a->s_length);
        break;
    case ATTR_TENSOR:
        put_shape(h, a->tensor.type, &a->tensor.shape);
        put_bytes(h, a->tensor.data, a->tensor.size_bytes);
        break;
    case ATTR_GRAPH:
        return hash_graph(h, h->sha, a->graph, err);
    case ATTR_INTS:
    case ATTR_FLOATS:
    case ATTR_STRINGS:
        put_u64(h, a->count);
        for (size_t i = 0; i < a->count; i++) {
            if (a->kind == ATTR_INTS) {
                put_i64(h, a->ints[i]);
            } else if (a->kind == ATTR_FLOATS) {
                put_f64(h, a->floats[i]);
            } else {
                put_text(h, a->strings[i]);
            }
        }
        break;
    case ATTR_OTHER:
        break;
    }
    return ACCEL_OK;
}

/* The attribute whose name comes next after `last` (NULL: the first), so that their order in the file does not count. */
static const graph_attr *next_attr(const graph_node *n, const char *last) {
    const graph_attr *next = NULL;
    for (size_t i = 0; i < n->attr_count; i++) {
        const graph_attr *a = &n->attrs[i];
        if ((!last || strcmp(a->name, last) > 0) && (!next || strcmp(a->name, next->name) < 0)) {
            next = a;
        }
    }
    return next;
}

static accel_status put_node(hasher *h, const graph_node *n, accel_error *err) {
    for (size_t k = 0; k < n->input_count; k++) {
        number_of(h, n->inputs[k]); /* first what the inputs are, then the node */
    }
    put_text(h, "node");
    put_text(h, n->domain);
    put_text(h, n->op_type);
    put_u64(h, n->input_count);
    for (size_t k = 0; k < n->input_count; k++) {
        put_u64(h, number_of(h, n->inputs[k]));
    }
    for (const graph_attr *a = next_attr(n, NULL); a; a = next_attr(n, a->name)) {
        put_text(h, a->name);
        put_u64(h, (uint64_t)a->kind);
        ACCEL_TRY(put_attr_contents(h, a, err));
    }
    put_u64(h, n->output_count);
    for (size_t k = 0; k < n->output_count; k++) {
        put_u64(h, n->outputs[k] == VALUE_NONE ? 0 : give_number(h, n->outputs[k]));
    }
    return ACCEL_OK;
}

/* ---- graphs --------------------------------------------------------------------------------------------------------- */

static accel_status put_graph(hasher *h, arena *a, accel_error *err) {
    const graph *g = h->g;
    const node_id *order;
    size_t count;
    ACCEL_TRY(graph_order_from_outputs(g, a, &order, &count, err));
    put_text(h, "graph");
    put_u64(h, g->input_count);
    for (size_t i = 0; i < g->input_count; i++) {
        give_number(h, g->inputs[i]);
        put_type(h, graph_declared_type(g, g->inputs[i])); /* a bind does not make another model of it */
    }
    for (size_t i = 0; i < count; i++) {
        ACCEL_TRY(put_node(h, g->nodes[order[i]], err));
    }
    for (size_t i = 0; i < g->output_count; i++) {
        uint32_t number = number_of(h, g->outputs[i]);
        put_text(h, "output");
        put_u64(h, number);
    }
    return ACCEL_OK;
}

static accel_status hash_graph(hasher *around, sha256 *sha, const graph *g, accel_error *err) {
    arena *a = arena_create();
    uint32_t *numbers = mem_calloc(g->value_count, sizeof *numbers);
    accel_status status;
    if (!a || !numbers) {
        status = error_no_memory(err, "a model's hash", g->value_count * sizeof *numbers);
    } else {
        hasher h = {.around = around, .sha = sha, .g = g, .numbers = numbers};
        status = put_graph(&h, a, err);
    }
    mem_free(numbers);
    arena_destroy(a);
    return status;
}

accel_status graph_sha256(const graph *g, char hex[65], accel_error *err) {
    sha256 *sha = sha256_create();
    if (!sha) {
        return error_no_memory(err, "a model's hash", 0);
    }
    accel_status status = hash_graph(NULL, sha, g, err);
    if (status != ACCEL_OK) {
        sha256_destroy(sha);
        return status;
    }
    sha256_finish(sha, hex);
    return ACCEL_OK;
}
