#include "graph/print.h"

#include <string.h>

#include "graph/cost.h"
#include "graph/op.h"

/* ---- nodes --------------------------------------------------------------------------------------------------------- */

static void append_type(str_buf *out, const graph_value *v) {
    char text[160];
    static const char *const containers[] = {"", "sequence ", "optional ", "optional sequence "};
    str_appendf(out, "%s%s%s", containers[v->type.container], dtype_name(v->type.type),
                shape_text(&v->type.shape, text, sizeof text));
}

static void append_values(const graph *g, str_buf *out, const value_id *ids, size_t count) {
    for (size_t k = 0; k < count; k++) {
        str_append(out, k > 0 ? ", " : "");
        if (ids[k] == VALUE_NONE) {
            str_append(out, "-");
            continue;
        }
        str_appendf(out, "%s ", g->values[ids[k]].name);
        append_type(out, &g->values[ids[k]]);
    }
}

static void print_nodes(const graph *g, str_buf *out, int depth) {
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        if (n->dead) {
            continue;
        }
        str_appendf(out, "%*s%llu  %s%s%s  (", depth * 4, "", (unsigned long long)i, n->domain,
                    n->domain[0] ? "." : "", n->op_type);
        append_values(g, out, n->inputs, n->input_count);
        str_append(out, ") -> ");
        append_values(g, out, n->outputs, n->output_count);
        op_cost cost;
        if (graph_node_cost(g, n, &cost)) {
            char flops[32], bytes[32];
            str_appendf(out, "  %sFLOP  %s", str_si(flops, sizeof flops, cost.flops),
                        str_bytes(bytes, sizeof bytes, cost.bytes_read + cost.bytes_written));
        } else {
            str_append(out, n->op ? "  cost unknown" : "  operator not known");
        }
        str_append(out, "\n");
        for (size_t k = 0; k < n->attr_count; k++) {
            if (n->attrs[k].kind == ATTR_GRAPH) {
                str_appendf(out, "%*s%s:\n", depth * 4 + 2, "", n->attrs[k].name);
                print_nodes(n->attrs[k].graph, out, depth + 1);
            }
        }
    }
}

void graph_print_nodes(const graph *g, str_buf *out) {
    print_nodes(g, out, 0);
}

/* ---- Graphviz --------------------------------------------------------------------------------------------------------- */

static void append_dot_text(str_buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            str_append_char(out, '\\');
            str_append_char(out, *text);
        } else if ((unsigned char)*text < 0x20) {
            str_append_char(out, ' ');
        } else {
            str_append_char(out, *text);
        }
    }
}

static void append_dot_value(const graph *g, str_buf *out, value_id id, const char *shape_name) {
    str_appendf(out, "  v%d [shape=%s,label=\"", id, shape_name);
    append_dot_text(out, g->values[id].name);
    str_append(out, "\\n");
    append_type(out, &g->values[id]);
    str_append(out, "\"];\n");
}

static void append_dot_edges(const graph *g, str_buf *out, const graph_node *n, size_t index) {
    for (size_t k = 0; k < n->input_count; k++) {
        value_id id = n->inputs[k];
        if (id == VALUE_NONE || g->values[id].origin == VALUE_INITIALIZER) {
            continue; /* weights would hide the structure */
        }
        if (g->values[id].producer == NODE_NONE) {
            str_appendf(out, "  v%d -> n%llu;\n", id, (unsigned long long)index);
        } else {
            char text[160];
            str_appendf(out, "  n%d -> n%llu [label=\"%s\"];\n", g->values[id].producer,
                        (unsigned long long)index, shape_text(&g->values[id].type.shape, text, sizeof text));
        }
    }
}

void graph_print_dot(const graph *g, str_buf *out) {
    str_append(out, "digraph \"");
    append_dot_text(out, g->name);
    str_append(out, "\" {\n  node [fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < g->input_count; i++) {
        append_dot_value(g, out, g->inputs[i], "ellipse");
    }
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        if (n->dead) {
            continue;
        }
        str_appendf(out, "  n%llu [shape=box,label=\"", (unsigned long long)i);
        append_dot_text(out, n->op_type);
        if (n->name[0]) {
            str_append(out, "\\n");
            append_dot_text(out, n->name);
        }
        str_append(out, "\"];\n");
        append_dot_edges(g, out, n, i);
    }
    for (size_t i = 0; i < g->output_count; i++) {
        value_id id = g->outputs[i];
        str_appendf(out, "  out%llu [shape=ellipse,label=\"", (unsigned long long)i);
        append_dot_text(out, g->values[id].name);
        str_append(out, "\"];\n");
        if (g->values[id].producer != NODE_NONE) {
            str_appendf(out, "  n%d -> out%llu;\n", g->values[id].producer, (unsigned long long)i);
        } else {
            str_appendf(out, "  v%d -> out%llu;\n", id, (unsigned long long)i);
        }
    }
    str_append(out, "}\n");
}

/* ---- histogram ---------------------------------------------------------------------------------------------------------- */

typedef struct histogram {
    op_histogram_row *rows;
    size_t count, capacity;
    arena *a;
} histogram;

static op_histogram_row *find_row(histogram *h, const graph_node *n) {
    for (size_t i = 0; i < h->count; i++) {
        if (strcmp(h->rows[i].op_type, n->op_type) == 0 && strcmp(h->rows[i].domain, n->domain) == 0) {
            return &h->rows[i];
        }
    }
    if (h->count == h->capacity) {
        size_t capacity = h->capacity > 0 ? h->capacity * 2 : 32;
        op_histogram_row *grown = ARENA_ARRAY(h->a, op_histogram_row, capacity);
        if (!grown) {
            return NULL;
        }
        if (h->count > 0) {
            memcpy(grown, h->rows, h->count * sizeof *grown);
        }
        h->rows = grown;
        h->capacity = capacity;
    }
    op_histogram_row *row = &h->rows[h->count++];
    *row = (op_histogram_row){.domain = n->domain,
                              .op_type = n->op_type,
                              .known = n->op != NULL,
                              .evaluable = n->op && n->op->eval};
    return row;
}

static accel_status count_nodes(const graph *g, histogram *h, accel_error *err) {
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        if (n->dead) {
            continue;
        }
        op_histogram_row *row = find_row(h, n);
        if (!row) {
            return error_no_memory(err, "the operator histogram", sizeof *row);
        }
        op_cost cost;
        row->count++;
        row->flops += graph_node_cost(g, n, &cost) ? cost.flops : 0;
        for (size_t k = 0; k < n->attr_count; k++) {
            if (n->attrs[k].kind == ATTR_GRAPH) {
                ACCEL_TRY(count_nodes(n->attrs[k].graph, h, err));
            }
        }
    }
    return ACCEL_OK;
}

static bool row_before(const op_histogram_row *a, const op_histogram_row *b) {
    if (a->count != b->count) {
        return a->count > b->count;
    }
    int by_name = strcmp(a->op_type, b->op_type);
    return by_name != 0 ? by_name < 0 : strcmp(a->domain, b->domain) < 0;
}

accel_status graph_histogram(const graph *g, arena *a, op_histogram_row **rows, size_t *count,
                             accel_error *err) {
    histogram h = {.a = a};
    ACCEL_TRY(count_nodes(g, &h, err));
    for (size_t i = 1; i < h.count; i++) { /* a few dozen rows: insertion sort */
        op_histogram_row row = h.rows[i];
        size_t at = i;
        for (; at > 0 && row_before(&row, &h.rows[at - 1]); at--) {
            h.rows[at] = h.rows[at - 1];
        }
        h.rows[at] = row;
    }
    *rows = h.rows;
    *count = h.count;
    return ACCEL_OK;
}
