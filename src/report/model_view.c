#include "report/model_view.h"

#include <string.h>

#include "base/arena.h"
#include "graph/cost.h"
#include "graph/op.h"
#include "graph/print.h"
#include "report/table.h"

typedef struct model_facts {
    graph_cost cost;
    bool cost_known; /* false: some shapes are symbolic, the sums are lower bounds */
    op_histogram_row *rows;
    size_t row_count;
    size_t unsupported; /* nodes whose operator nothing here can run */
} model_facts;

static accel_status gather_facts(const zoo_model *m, arena *a, model_facts *out, accel_error *err) {
    ACCEL_TRY(graph_cost_compute(m->graph, &out->cost, err));
    ACCEL_TRY(graph_histogram(m->graph, a, &out->rows, &out->row_count, err));
    out->cost_known = out->cost.nodes_unknown == 0;
    out->unsupported = 0;
    for (size_t i = 0; i < out->row_count; i++) {
        if (!out->rows[i].evaluable)
            out->unsupported += out->rows[i].count;
    }
    return ACCEL_OK;
}

/* "[batch,3,224,224]": symbolic dims by their names. */
static void append_shape(str_buf *out, const graph_value *v) {
    const shape *s = &v->type.shape;
    if (s->rank == RANK_UNKNOWN) {
        str_append(out, "[…]");
        return;
    }
    str_append_char(out, '[');
    for (int i = 0; i < s->rank; i++) {
        if (i > 0)
            str_append_char(out, ',');
        if (s->dims[i] != DIM_UNKNOWN) {
            str_appendf(out, "%lld", (long long)s->dims[i]);
        } else {
            str_append(out, v->dim_names[i] != NULL ? v->dim_names[i] : "?");
        }
    }
    str_append_char(out, ']');
}

static const char *container_text(value_container c) {
    switch (c) {
    case CONTAINER_SEQUENCE:
        return "sequence of ";
    case CONTAINER_OPTIONAL:
        return "optional ";
    case CONTAINER_OPTIONAL_SEQUENCE:
        return "optional sequence of ";
    default:
        return "";
    }
}

static void list_values(const graph *g, const char *title, const value_id *ids, size_t count, str_buf *out) {
    str_appendf(out, "%s\n", title);
    for (size_t i = 0; i < count; i++) {
        const graph_value *v = &g->values[ids[i]];
        str_appendf(out, "  %-24s %s%s ", v->name, container_text(v->type.container),
                    dtype_name(v->type.type));
        append_shape(out, v);
        str_append_char(out, '\n');
    }
}

static void append_totals(const zoo_model *m, const model_facts *f, str_buf *out) {
    char text[4][32];
    str_appendf(out, "nodes       %zu", m->graph->node_count);
    if (f->cost.nodes_unknown > 0)
        str_appendf(
            out,
            " (%zu of them not in the sums below: unknown operator or symbolic shape; give --batch, --seq)",
            f->cost.nodes_unknown);
    str_appendf(out, "\nparameters  %s (%lld)\nweights     %s\n",
                str_si(text[0], sizeof text[0], (double)f->cost.parameters), (long long)f->cost.parameters,
                str_bytes(text[1], sizeof text[1], (double)f->cost.weight_bytes));
    str_appendf(out, "FLOPs       %s a run\nbytes moved %s a run\n",
                str_si(text[2], sizeof text[2], f->cost.flops),
                str_bytes(text[3], sizeof text[3], f->cost.bytes_moved));
    str_appendf(out, "activations %s at their peak, ",
                str_bytes(text[0], sizeof text[0], (double)f->cost.peak_activation_bytes));
    str_appendf(out, "%s planned\n",
                str_bytes(text[1], sizeof text[1], (double)f->cost.planned_activation_bytes));
}

static accel_status append_histogram(const model_facts *f, str_buf *out, accel_error *err) {
    table *t = table_create();
    if (t == NULL)
        return error_no_memory(err, "a table", 0);
    table_column(t, "operator", NULL, false);
    table_column(t, "count", NULL, true);
    table_column(t, "flops", "FLOPs", true);
    table_column(t, "support", NULL, false);
    for (size_t i = 0; i < f->row_count; i++) {
        const op_histogram_row *r = &f->rows[i];
        char flops[32];
        table_row(t);
        table_textf(t, "%s%s%s", r->domain, *r->domain != 0 ? "." : "", r->op_type);
        table_integer(t, (int64_t)r->count);
        table_text(t, str_si(flops, sizeof flops, r->flops));
        table_text(t, !r->known ? "UNKNOWN operator" : !r->evaluable ? "known, cannot be run by native" : "");
    }
    accel_status status = table_print(t, TABLE_TEXT, false, out, err);
    table_destroy(t);
    return status;
}

accel_status model_view_text(const zoo_model *m, bool nodes, str_buf *out, accel_error *err) {
    arena *a = arena_create();
    if (a == NULL)
        return error_no_memory(err, "a model's view", 0);
    model_facts f;
    accel_status status = gather_facts(m, a, &f, err);
    if (status == ACCEL_OK) {
        const graph *g = m->graph;
        str_appendf(out, "%s (%s, %s) — weights: %s\n", m->name, m->family, m->modality,
                    zoo_source_name(m->source));
        if (g->source_opset > 0)
            str_appendf(out, "opset %lld%s%s\n", (long long)g->source_opset,
                        *g->source_text != 0 ? ", from " : "", g->source_text);
        if (m->sha256[0] != 0)
            str_appendf(out, "sha256 %s\n", m->sha256);
        if (m->architecture[0] != 0)
            str_appendf(out, "architecture %s\n", m->architecture);
        if (m->unused != NULL && m->unused[0] != 0)
            str_appendf(out, "its files also hold, unused: %s\n", m->unused);
        str_append_char(out, '\n');
        list_values(g, "inputs", g->inputs, g->input_count, out);
        list_values(g, "outputs", g->outputs, g->output_count, out);
        str_append_char(out, '\n');
        append_totals(m, &f, out);
        str_append_char(out, '\n');
        status = append_histogram(&f, out, err);
        if (f.unsupported > 0)
            str_appendf(out,
                        "\n%zu nodes cannot be run by the native engine; a vendor runtime may know them.\n",
                        f.unsupported);
        if (nodes) {
            str_append_char(out, '\n');
            graph_print_nodes(g, out);
        }
    }
    arena_destroy(a);
    return status;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static void append_json_text(str_buf *out, const char *text) {
    str_append_json(out, text, strlen(text));
}

static void json_values(const graph *g, const char *key, const value_id *ids, size_t count, str_buf *out) {
    str_appendf(out, "  \"%s\": [", key);
    for (size_t i = 0; i < count; i++) {
        const graph_value *v = &g->values[ids[i]];
        str_append(out, i > 0 ? ", {\"name\": " : "{\"name\": ");
        append_json_text(out, v->name);
        str_appendf(out, ", \"type\": \"%s\", \"shape\": ", dtype_name(v->type.type));
        const shape *s = &v->type.shape;
        if (s->rank == RANK_UNKNOWN) {
            str_append(out, "null}");
            continue;
        }
        str_append_char(out, '[');
        for (int d = 0; d < s->rank; d++) {
            if (d > 0)
                str_append_char(out, ',');
            if (s->dims[d] != DIM_UNKNOWN) {
                str_appendf(out, "%lld", (long long)s->dims[d]);
            } else if (v->dim_names[d] != NULL) {
                append_json_text(out, v->dim_names[d]);
            } else {
                str_append(out, "null");
            }
        }
        str_append(out, "]}");
    }
    str_append(out, "],\n");
}

static void json_nodes(const graph *g, str_buf *out) {
    str_append(out, ",\n  \"node_list\": [");
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        op_cost cost;
        str_append(out, i > 0 ? ",\n    {\"name\": " : "\n    {\"name\": ");
        append_json_text(out, n->name);
        str_append(out, ", \"operator\": ");
        append_json_text(out, n->op_type);
        str_append(out, ", \"domain\": ");
        append_json_text(out, n->domain);
        if (n->op != NULL && graph_node_cost(g, n, &cost)) {
            str_appendf(out, ", \"flops\": %.17g, \"bytes\": %.17g}", cost.flops,
                        cost.bytes_read + cost.bytes_written);
        } else {
            str_append(out, ", \"flops\": null, \"bytes\": null}");
        }
    }
    str_append(out, "\n  ]");
}

static void json_body(const zoo_model *m, const model_facts *f, bool nodes, str_buf *out) {
    const graph *g = m->graph;
    str_append(out, "{\n  \"name\": ");
    append_json_text(out, m->name);
    str_append(out, ",\n  \"family\": ");
    append_json_text(out, m->family);
    str_appendf(out, ",\n  \"modality\": \"%s\",\n  \"source\": \"%s\",\n  \"opset\": %lld,\n", m->modality,
                zoo_source_name(m->source), (long long)g->source_opset);
    str_append(out, "  \"architecture\": ");
    append_json_text(out, m->architecture);
    str_append(out, ",\n  \"unused_tensors\": ");
    append_json_text(out, m->unused != NULL ? m->unused : "");
    str_append(out, ",\n  \"sha256\": ");
    if (m->sha256[0] != 0) {
        append_json_text(out, m->sha256);
    } else {
        str_append(out, "null");
    }
    str_append(out, ",\n");
    json_values(g, "inputs", g->inputs, g->input_count, out);
    json_values(g, "outputs", g->outputs, g->output_count, out);
    str_appendf(
        out,
        "  \"nodes\": %zu,\n  \"nodes_not_costed\": %zu,\n  \"parameters\": %lld,\n  \"weight_bytes\": %zu,\n",
        g->node_count, f->cost.nodes_unknown, (long long)f->cost.parameters, f->cost.weight_bytes);
    str_appendf(
        out,
        "  \"flops\": %.17g,\n  \"bytes_moved\": %.17g,\n  \"peak_activation_bytes\": %zu,\n  \"planned_activation_bytes\": %zu,\n",
        f->cost.flops, f->cost.bytes_moved, f->cost.peak_activation_bytes, f->cost.planned_activation_bytes);
    str_appendf(out, "  \"nodes_unsupported\": %zu,\n  \"operators\": [", f->unsupported);
    for (size_t i = 0; i < f->row_count; i++) {
        const op_histogram_row *r = &f->rows[i];
        str_append(out, i > 0 ? ",\n    {\"domain\": " : "\n    {\"domain\": ");
        append_json_text(out, r->domain);
        str_append(out, ", \"operator\": ");
        append_json_text(out, r->op_type);
        str_appendf(out, ", \"count\": %zu, \"flops\": %.17g, \"known\": %s, \"runs_on_native\": %s}",
                    r->count, r->flops, r->known ? "true" : "false", r->evaluable ? "true" : "false");
    }
    str_append(out, "\n  ]");
    if (nodes)
        json_nodes(g, out);
    str_append(out, "\n}\n");
}

accel_status model_view_json(const zoo_model *m, bool nodes, str_buf *out, accel_error *err) {
    arena *a = arena_create();
    if (a == NULL)
        return error_no_memory(err, "a model's view", 0);
    model_facts f;
    accel_status status = gather_facts(m, a, &f, err);
    if (status == ACCEL_OK)
        json_body(m, &f, nodes, out);
    arena_destroy(a);
    if (status == ACCEL_OK && out->failed)
        status = error_no_memory(err, "a model's view", out->length);
    return status;
}
