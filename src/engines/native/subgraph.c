/* Plans of the graphs inside nodes: the branches of If, the bodies of Loop and Scan. A plan is made for the shapes that its graph is called
 * with. They are inferred anew, so that fusion, layouts and memory inside are those of a graph of its own. A branch whose
 * surroundings are static is planned at load, other graphs when they are first called; a few plans of each graph are kept for shapes
 * that come again. */
#include "engines/native/plan.h"

#include <string.h>

#include "base/mem.h"
#include "graph/infer.h"

enum { PLANS_OF_A_GRAPH = 4 };

/* ---- values of a plan inside --------------------------------------------------------------------------------------- */

/* What the plan around it knows of a value, in the row-major layout. */
static const plan_value *around(const plan *p, size_t id) {
    return &p->parent->values[native_plan_row_major(p->parent, p->graph->values[id].outer)];
}

static value_type type_now(const plan_value *v) {
    return v->type.container == CONTAINER_TENSOR ? (value_type){CONTAINER_TENSOR, v->v.type, v->v.shape}
                                                 : v->type;
}

static void start_outer(plan *p, size_t id) {
    const plan_value *from = around(p, id);
    plan_value *v = &p->values[id];
    value_type type = type_now(from);
    native_plan_set_type(v, &type);
    v->store = STORE_OUTER;
    v->v.constant = from->v.constant;
}

/* What the graph's own inference found inside, shapes and contents, may hold for one call and not for the next. */
static void start_inside(plan *p, size_t id) {
    plan_value *v = &p->values[id];
    if (p->graph->values[id].origin == VALUE_OUTER) {
        start_outer(p, id);
    } else if (p->graph->values[id].origin == VALUE_NODE) {
        v->v.constant = false;
        v->store = STORE_NONE;
        if (v->type.container == CONTAINER_TENSOR) {
            value_type type = {CONTAINER_TENSOR, v->type.type, shape_unknown()};
            native_plan_set_type(v, &type);
        }
    }
}

static accel_status fill_context(plan *p, const graph_node *n, op_context *c, accel_error *err) {
    for (size_t i = 0; i < n->input_count;
         i++) { /* before scratch memory is used here: making them uses it too */
        plan_value *v = n->inputs[i] == VALUE_NONE ? NULL : &p->values[n->inputs[i]];
        if (v != NULL && v->v.constant && v->size_bytes <= PLAN_SMALL_BYTES) {
            ACCEL_TRY(native_plan_contents(p, n->inputs[i], err));
        }
    }
    arena_reset(p->scratch);
    op_value *in = ARENA_ARRAY(p->scratch, op_value, n->input_count);
    op_value *out = ARENA_ARRAY(p->scratch, op_value, n->output_count);
    if (in == NULL || out == NULL) {
        return error_no_memory(err, "the plan", n->input_count * sizeof *in);
    }
    for (size_t i = 0; i < n->input_count; i++) {
        if (n->inputs[i] != VALUE_NONE) {
            const plan_value *v = &p->values[n->inputs[i]];
            bool known = v->v.constant && v->size_bytes <= PLAN_SMALL_BYTES;
            in[i] = (op_value){.present = true, .type = type_now(v), .data = known ? v->v.data : NULL};
        }
    }
    for (size_t i = 0; i < n->output_count; i++) {
        out[i].present = n->outputs[i] != VALUE_NONE;
        out[i].type.shape = shape_unknown();
    }
    *c = (op_context){.graph = p->graph,
                      .node = n,
                      .op = n->op,
                      .input_count = n->input_count,
                      .output_count = n->output_count,
                      .inputs = in,
                      .outputs = out,
                      .scratch = p->scratch};
    return ACCEL_OK;
}

/* A node that cannot run at these shapes fails when it runs, if it runs. */
static accel_status infer_node(plan *p, const graph_node *n, accel_error *err) {
    op_context c;
    accel_error reason = {0};
    if (n->op == NULL || (n->op->flags & OP_SUBGRAPH) != 0) {
        return ACCEL_OK; /* its shapes are known when it has run */
    }
    ACCEL_TRY(fill_context(p, n, &c, err));
    c.err = &reason;
    accel_status status = op_infer_node(&c);
    if (status != ACCEL_OK) {
        return status == ACCEL_OUT_OF_MEMORY ? error_set(err, status, "%s", reason.message) : ACCEL_OK;
    }
    for (size_t i = 0; i < n->output_count; i++) {
        if (n->outputs[i] != VALUE_NONE && !p->values[n->outputs[i]].v.constant) {
            native_plan_set_type(&p->values[n->outputs[i]], &c.outputs[i].type);
        }
    }
    native_plan_mark_foldable(p, n);
    return ACCEL_OK;
}

accel_status native_plan_values_inside(plan *p, const op_value *inputs, accel_error *err) {
    for (size_t i = 0; i < p->graph->value_count; i++) {
        start_inside(p, i);
    }
    for (size_t i = 0; i < p->graph->input_count; i++) {
        plan_value *v = &p->values[p->graph->inputs[i]];
        native_plan_set_type(v, &inputs[i].type);
        v->store = STORE_INPUT;
    }
    for (size_t i = 0; i < p->graph->node_count; i++) {
        if (!p->graph->nodes[i]->dead) {
            ACCEL_TRY(infer_node(p, p->graph->nodes[i], err));
        }
    }
    return ACCEL_OK;
}

/* ---- which plan ------------------------------------------------------------------------------------------------------ */

static bool same_type(const value_type *a, const value_type *b) {
    return a->container == b->container && a->type == b->type &&
           (a->container != CONTAINER_TENSOR || shape_equal(&a->shape, &b->shape));
}

/* Whether a plan was made for what is around it now and for these inputs. */
static bool fits(const plan *p, const op_value *inputs) {
    for (size_t i = 0; i < p->graph->input_count; i++) {
        if (!same_type(&p->values[p->graph->inputs[i]].type, &inputs[i].type)) {
            return false;
        }
    }
    for (size_t i = 0; i < p->graph->value_count; i++) {
        if (p->graph->values[i].origin == VALUE_OUTER) {
            value_type now = type_now(around(p, i));
            if (!same_type(&p->values[i].type, &now)) {
                return false;
            }
        }
    }
    return true;
}

/* A place among the children for one more plan of this graph: a new one, or that of the plan that was not called for longest. */
static accel_status make_room(plan *p, const graph *inside, size_t *place, accel_error *err) {
    size_t count = 0, oldest = 0;
    for (size_t i = 0; i < p->child_count; i++) {
        if (p->children[i]->graph == inside) {
            oldest = count == 0 || p->children[i]->last_call < p->children[oldest]->last_call ? i : oldest;
            count++;
        }
    }
    if (count < PLANS_OF_A_GRAPH) {
        *place = p->child_count;
        return mem_grow((void **)(void *)&p->children, &p->child_capacity, p->child_count + 1, sizeof(plan *))
                   ? ACCEL_OK
                   : error_no_memory(err, "plans of subgraphs", sizeof(plan *));
    }
    native_plan_destroy(p->children[oldest]);
    p->children[oldest] = p->children[--p->child_count];
    *place = p->child_count;
    return ACCEL_OK;
}

static accel_status add_child(plan *p, const graph *inside, const op_value *inputs, plan **out,
                              accel_error *err) {
    size_t place;
    ACCEL_TRY(make_room(p, inside, &place, err));
    ACCEL_TRY(native_plan_create_inside(inside, p, inputs, out, err));
    p->children[place] = *out;
    p->child_count = place + 1;
    return ACCEL_OK;
}

static bool is_known_before_the_run(const plan *p, const graph *inside) {
    for (size_t i = 0; i < inside->value_count; i++) {
        if (inside->values[i].origin == VALUE_OUTER && !p->values[inside->values[i].outer].is_static) {
            return false;
        }
    }
    return inside->input_count == 0;
}

accel_status native_plan_static_children(plan *p, accel_error *err) {
    for (size_t i = 0; i < p->step_count; i++) {
        const graph_node *n = p->steps[i].node;
        for (size_t a = 0; n != NULL && a < n->attr_count; a++) {
            const graph *inside = n->attrs[a].kind == ATTR_GRAPH ? n->attrs[a].graph : NULL;
            plan *child;
            if (inside != NULL && is_known_before_the_run(p, inside)) {
                ACCEL_TRY(add_child(p, inside, NULL, &child, err));
            }
        }
    }
    return ACCEL_OK;
}

/* ---- entering ---------------------------------------------------------------------------------------------------------- */

static void bind_value(plan_value *v, const value_type *type, const void *data) {
    v->type = *type;
    v->v.data = (void *)(uintptr_t)data;
}

static void bind_inside(plan *p, const op_value *inputs) {
    for (size_t i = 0; i < p->graph->value_count; i++) {
        if (p->graph->values[i].origin == VALUE_OUTER && !p->values[i].v.constant) {
            const plan_value *from = around(p, i);
            value_type now = type_now(from);
            bind_value(&p->values[i], &now, from->v.data);
        }
    }
    for (size_t i = 0; i < p->graph->input_count; i++) {
        bind_value(&p->values[p->graph->inputs[i]], &inputs[i].type, inputs[i].data);
    }
    plan_resolve(p);
}

accel_status native_plan_enter(plan *p, const graph *inside, const op_value *inputs, plan **out,
                               accel_error *err) {
    plan *child = NULL;
    for (size_t i = 0; i < p->child_count && child == NULL; i++) {
        child = p->children[i]->graph == inside && fits(p->children[i], inputs) ? p->children[i] : NULL;
    }
    if (child == NULL) {
        ACCEL_TRY(add_child(p, inside, inputs, &child, err));
    }
    child->last_call = ++p->call_count;
    bind_inside(child, inputs);
    *out = child;
    return ACCEL_OK;
}
