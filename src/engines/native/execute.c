/* Running a plan: kernels in order; operators without one by the operator table's reference; shapes that are known only now. */
#include "engines/native/plan.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "graph/evaluate.h"
#include "graph/infer.h"

/* ---- memory of values whose shape is known only now ----------------------------------------------------------------- */

static accel_status own_memory(plan *p, int32_t id, dtype type, const shape *s, accel_error *err) {
    plan_value *v = &p->values[id];
    size_t bytes;
    ACCEL_TRY(tensor_size_bytes(type, s, "a value", &bytes, err));
    if (bytes > v->capacity_bytes || v->capacity_bytes == 0) {
        native_plan_free_owned(v);
        size_t wanted = bytes < PLAN_ALIGNMENT ? PLAN_ALIGNMENT : bytes;
        v->owned.data = mem_alloc_aligned(wanted, PLAN_ALIGNMENT, false);
        if (v->owned.data == NULL) {
            return error_no_memory(err, "a value", bytes);
        }
        v->capacity_bytes = wanted;
        if (v->store == STORE_CONSTANT) {
            p->weight_bytes += wanted;
        }
    }
    v->v.data = v->owned.data;
    v->v.type = type;
    v->v.shape = *s;
    v->type = (value_type){CONTAINER_TENSOR, type, *s};
    v->size_bytes = bytes;
    return ACCEL_OK;
}

static accel_status copy_tensor(const tensor *from, tensor *to, accel_error *err) {
    ACCEL_TRY(tensor_create(from->type, &from->shape, to, err));
    if (from->size_bytes > 0) {
        memcpy(to->data, from->data, from->size_bytes);
    }
    return ACCEL_OK;
}

static accel_status own_sequence(plan_value *v, const tensor *items, size_t count, accel_error *err) {
    op_sequence *sequence = mem_calloc(1, sizeof *sequence);
    tensor *copies = mem_calloc(count + 1, sizeof *copies);
    if (sequence == NULL || copies == NULL) {
        mem_free(sequence);
        mem_free(copies);
        return error_no_memory(err, "a sequence", count * sizeof *copies);
    }
    *sequence = (op_sequence){count, copies};
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        status = copy_tensor(&items[i], &copies[i], err);
    }
    native_plan_free_sequence(v);
    v->sequence = sequence;
    v->v.data = sequence;
    return status;
}

/* Stands for the contents of a tensor without elements: NULL would mean unknown. */
static uint8_t nothing[PLAN_ALIGNMENT];

/* ---- one node by the reference --------------------------------------------------------------------------------------- */

struct op_runtime {
    plan *plan;
    const int32_t *outputs;
};

static bool is_planned(const plan_value *v) {
    return v->is_static && v->store != STORE_CONSTANT && v->store != STORE_NONE;
}

static accel_status check_planned(const op_context *c, size_t output, const shape *planned,
                                  const shape *now) {
    char have[128], want[128];
    if (shape_equal(now, planned)) {
        return ACCEL_OK;
    }
    return op_fail(c, ACCEL_BAD_GRAPH, "output %zu is %s, inference found %s", output,
                   shape_text(now, have, sizeof have), shape_text(planned, want, sizeof want));
}

static accel_status allocate_output(op_context *c, size_t output, const shape *s) {
    plan *p = c->runtime->plan;
    int32_t id = output < c->output_count ? c->runtime->outputs[output] : PLAN_NONE;
    if (id == PLAN_NONE) {
        return ACCEL_OK; /* nobody wants it */
    }
    if (c->output_data[output] != NULL && shape_equal(&c->outputs[output].type.shape, s)) {
        return ACCEL_OK;
    }
    plan_value *v = &p->values[id];
    if (is_planned(v)) { /* the model declares a shape that its operator alone does not tell */
        ACCEL_TRY(check_planned(c, output, &v->v.shape, s));
        c->outputs[output].type.shape = *s;
        c->outputs[output].data = c->output_data[output] = v->v.data;
        return ACCEL_OK;
    }
    ACCEL_TRY(own_memory(p, id, c->outputs[output].type.type, s, c->err));
    c->outputs[output].type.shape = *s;
    c->outputs[output].data = p->values[id].v.data;
    c->output_data[output] = p->values[id].v.data;
    return ACCEL_OK;
}

static accel_status set_sequence(op_context *c, size_t output, const tensor *items, size_t count) {
    plan *p = c->runtime->plan;
    int32_t id = output < c->output_count ? c->runtime->outputs[output] : PLAN_NONE;
    if (id == PLAN_NONE) {
        return ACCEL_OK;
    }
    plan_value *v = &p->values[id];
    ACCEL_TRY(own_sequence(v, items, count, c->err));
    v->type = c->outputs[output].type;
    c->outputs[output].data = v->sequence;
    return ACCEL_OK;
}

static accel_status keep_temporary(plan *p, const op_value *from, op_value *to, accel_error *err) {
    if (!mem_grow((void **)(void *)&p->temporaries, &p->temporary_capacity, p->temporary_count + 1,
                  sizeof(plan_value))) {
        return error_no_memory(err, "outputs of a subgraph", sizeof(plan_value));
    }
    plan_value *copy = &p->temporaries[p->temporary_count++];
    *copy = (plan_value){0};
    *to = *from;
    if (from->data == NULL) {
        return ACCEL_OK;
    }
    if (from->type.container == CONTAINER_SEQUENCE || from->type.container == CONTAINER_OPTIONAL_SEQUENCE) {
        const op_sequence *sequence = from->data;
        ACCEL_TRY(own_sequence(copy, sequence->items, sequence->count, err));
        to->data = copy->sequence;
        return ACCEL_OK;
    }
    tensor view = {.type = from->type.type, .shape = from->type.shape, .data = (void *)(uintptr_t)from->data};
    ACCEL_TRY(tensor_size_bytes(view.type, &view.shape, "an output of a subgraph", &view.size_bytes, err));
    ACCEL_TRY(copy_tensor(&view, &copy->owned, err));
    to->data = copy->owned.data != NULL ? copy->owned.data : nothing;
    return ACCEL_OK;
}

void native_plan_free_temporaries(plan *p) {
    for (size_t i = 0; i < p->temporary_count; i++) {
        native_plan_free_owned(&p->temporaries[i]);
    }
    p->temporary_count = 0;
}

op_value native_plan_op_value(const plan_value *v) {
    op_value o = {.present = true, .type = v->type, .data = v->v.data};
    if (v->type.container == CONTAINER_TENSOR) {
        o.type = (value_type){CONTAINER_TENSOR, v->v.type, v->v.shape};
        o.data = o.data != NULL ? o.data : nothing;
    }
    return o;
}

/* Outputs of a branch are read before its plan runs again; what a body gives is read while it runs the next turn. */
static accel_status run_subgraph(op_context *c, const graph *sub, const op_value *inputs, size_t input_count,
                                 op_value *outputs, size_t output_count) {
    plan *p = c->runtime->plan, *child = NULL;
    if (input_count != sub->input_count || output_count != sub->output_count) {
        return error_set(c->err, ACCEL_BAD_GRAPH,
                         "a subgraph has %zu inputs and %zu outputs where its node gives %zu and %zu",
                         sub->input_count, sub->output_count, input_count, output_count);
    }
    ACCEL_TRY(native_plan_enter(p, sub, inputs, &child, c->err));
    ACCEL_TRY(native_plan_run(child, c->err));
    for (size_t i = 0; i < output_count; i++) {
        op_value result = native_plan_op_value(&child->values[child->outputs[i]]);
        if (input_count == 0) {
            outputs[i] = result;
        } else {
            ACCEL_TRY(keep_temporary(p, &result, &outputs[i], c->err));
        }
    }
    return ACCEL_OK;
}

static const op_services services = {allocate_output, set_sequence, run_subgraph};

/* A static step's outputs are what the plan says. */
static void take_planned_types(const plan *p, op_context *c, const int32_t *outputs) {
    for (size_t i = 0; i < c->output_count; i++) {
        if (c->outputs[i].present) {
            const kernel_value *v = &p->values[outputs[i]].v;
            c->outputs[i].type = (value_type){CONTAINER_TENSOR, v->type, v->shape};
        }
    }
}

/* Where an output lies: planned memory, or memory of the value's own once its shape is known. */
static accel_status place_output(plan *p, op_context *c, size_t output, int32_t id) {
    plan_value *v = &p->values[id];
    op_value *o = &c->outputs[output];
    bool known = o->type.container == CONTAINER_TENSOR && shape_is_static(&o->type.shape);
    if (is_planned(v)) {
        if (known) {
            ACCEL_TRY(check_planned(c, output, &v->v.shape, &o->type.shape));
        }
        o->type = (value_type){CONTAINER_TENSOR, v->v.type, v->v.shape};
        c->output_data[output] = v->v.data;
    } else if (known) {
        shape s = o->type.shape;
        ACCEL_TRY(own_memory(p, id, o->type.type, &s, c->err));
        c->output_data[output] = v->v.data;
    }
    o->data = c->output_data[output];
    return ACCEL_OK;
}

/* infer: the shapes of the inputs are news to the plan. */
static accel_status place_outputs(plan *p, op_context *c, const int32_t *outputs, bool infer) {
    for (size_t i = 0; i < c->output_count; i++) {
        c->outputs[i].present = outputs[i] != PLAN_NONE;
        c->outputs[i].type.shape = shape_unknown();
        infer = infer || (c->outputs[i].present && !p->values[outputs[i]].is_static);
    }
    if (infer) {
        ACCEL_TRY(op_infer_node(c));
    } else {
        take_planned_types(p, c, outputs);
    }
    for (size_t i = 0; i < c->output_count; i++) {
        if (c->outputs[i].present) {
            ACCEL_TRY(place_output(p, c, i, outputs[i]));
        }
    }
    return ACCEL_OK;
}

static accel_status start_context(plan *p, const graph_node *n, const int32_t *inputs, op_context *c,
                                  accel_error *err) {
    if (n->op == NULL || n->op->eval == NULL) {
        char label[256];
        return error_set(err, ACCEL_UNSUPPORTED, "%s: no engine here can run it",
                         node_label(p->graph, n, label, sizeof label));
    }
    arena_reset(p->scratch);
    op_value *in = ARENA_ARRAY(p->scratch, op_value, n->input_count);
    op_value *out = ARENA_ARRAY(p->scratch, op_value, n->output_count);
    void **out_data = ARENA_ARRAY(p->scratch, void *, n->output_count);
    if (in == NULL || out == NULL || out_data == NULL) {
        return error_no_memory(err, "an operator", 0);
    }
    for (size_t i = 0; i < n->input_count; i++) {
        if (inputs[i] != PLAN_NONE) {
            in[i] = native_plan_op_value(&p->values[inputs[i]]);
        }
    }
    *c = (op_context){.graph = p->graph,
                      .node = n,
                      .op = n->op,
                      .input_count = n->input_count,
                      .output_count = n->output_count,
                      .inputs = in,
                      .outputs = out,
                      .scratch = p->scratch,
                      .pool = p->pool,
                      .err = err,
                      .output_data = out_data,
                      .services = &services};
    return ACCEL_OK;
}

static accel_status evaluate(plan *p, op_context *c, const int32_t *outputs) {
    accel_status status = op_eval_node(c);
    for (size_t i = 0; i < c->output_count && status == ACCEL_OK; i++) {
        plan_value *v = outputs[i] == PLAN_NONE ? NULL : &p->values[outputs[i]];
        if (v != NULL && !v->is_static && c->outputs[i].type.container != CONTAINER_TENSOR) {
            v->type = c->outputs[i].type; /* an optional: a tensor of its own, or nothing */
            if (v->sequence == NULL) {
                v->v.data = (void *)(uintptr_t)c->outputs[i].data;
            }
        }
    }
    native_plan_free_temporaries(p);
    return status;
}

accel_status native_plan_run_node(plan *p, const graph_node *n, const int32_t *inputs, const int32_t *outputs,
                                  accel_error *err) {
    op_context c;
    ACCEL_TRY(start_context(p, n, inputs, &c, err));
    struct op_runtime runtime = {p, outputs};
    c.runtime = &runtime;
    ACCEL_TRY(place_outputs(p, &c, outputs, false));
    return evaluate(p, &c, outputs);
}

/* Whether all outputs are tensors whose place is known before the operator runs. */
static bool are_placed(const op_context *c) {
    for (size_t i = 0; i < c->output_count; i++) {
        if (c->outputs[i].present && c->output_data[i] == NULL) {
            return false;
        }
    }
    return (c->op->flags & OP_SUBGRAPH) == 0;
}

/* Shapes are inferred with the contents that the inputs have now; then a kernel runs the step, or the reference. */
static accel_status run_dynamic(plan *p, plan_step *s, accel_error *err) {
    op_context c;
    bool done = false;
    ACCEL_TRY(start_context(p, s->node, s->inputs, &c, err));
    struct op_runtime runtime = {p, s->outputs};
    c.runtime = &runtime;
    ACCEL_TRY(place_outputs(p, &c, s->outputs, true));
    if (are_placed(&c)) {
        ACCEL_TRY(native_plan_run_dynamic(p, s, &done, err));
    }
    return done ? ACCEL_OK : evaluate(p, &c, s->outputs);
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

static accel_status run_step(plan *p, plan_step *s, accel_error *err) {
    switch (s->kind) {
    case STEP_NONE:
        return ACCEL_OK;
    case STEP_REFERENCE:
        if (s->is_dynamic) {
            return run_dynamic(p, s, err);
        }
        return native_plan_run_node(p, s->node, s->inputs, s->outputs, err);
    case STEP_KERNEL:
        break;
    }
    s->call.err = err;
    s->call.workspace = p->workspace;
    return s->kernel->run(&s->call);
}

/* Times of the steps inside nodes are sums over the turns of one run. */
static void clear_times(plan *p) {
    for (size_t i = 0; i < p->step_count; i++) {
        p->steps[i].time_ns = 0;
    }
    for (size_t i = 0; i < p->child_count; i++) {
        clear_times(p->children[i]);
    }
}

accel_status native_plan_run(plan *p, accel_error *err) {
    if (p->profile && p->parent == NULL) {
        clear_times(p);
    }
    for (size_t i = 0; i < p->step_count; i++) {
        plan_step *s = &p->steps[i];
        uint64_t start = p->profile ? clock_now_ns() : 0;
        ACCEL_TRY(run_step(p, s, err));
        if (p->profile) {
            s->time_ns += clock_now_ns() - start;
        }
    }
    return ACCEL_OK;
}

/* ---- inputs and outputs ----------------------------------------------------------------------------------------------- */

static accel_status refuse_input(const plan *p, size_t i, const op_value *given, accel_error *err) {
    const plan_value *v = &p->values[p->graph->inputs[i]];
    const char *name = p->graph->values[p->graph->inputs[i]].name;
    char want[128], got[128];
    if (v->type.container != given->type.container) {
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "input '%s' is not the tensor, sequence or optional that the model takes", name);
    }
    return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' is %s %s, loaded for %s %s", name,
                     dtype_name(given->type.type), shape_text(&given->type.shape, got, sizeof got),
                     dtype_name(v->v.type), shape_text(&v->v.shape, want, sizeof want));
}

static accel_status bind_input(plan *p, size_t i, const op_value *given, accel_error *err) {
    plan_value *v = &p->values[p->graph->inputs[i]];
    bool is_tensor = given->type.container == CONTAINER_TENSOR;
    if (v->type.container != given->type.container ||
        (is_tensor && (v->v.type != given->type.type ||
                       (v->is_static && !shape_equal(&v->v.shape, &given->type.shape))))) {
        return refuse_input(p, i, given, err);
    }
    int64_t elements = 0;
    if (is_tensor && given->data == NULL &&
        (!shape_elements(&given->type.shape, &elements) || elements > 0)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' was given without contents",
                         p->graph->values[p->graph->inputs[i]].name);
    }
    v->v.data = is_tensor && given->data == NULL ? nothing : (void *)(uintptr_t)given->data;
    if (!v->is_static) {
        v->v.shape = given->type.shape;
        v->type = given->type;
    }
    return ACCEL_OK;
}

accel_status native_plan_bind(plan *p, const op_value *inputs, size_t count, accel_error *err) {
    if (count != p->graph->input_count) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the model has %zu inputs, %zu were given",
                         p->graph->input_count, count);
    }
    for (size_t i = 0; i < count; i++) {
        ACCEL_TRY(bind_input(p, i, &inputs[i], err));
    }
    plan_resolve(p);
    return ACCEL_OK;
}

op_value native_plan_output(const plan *p, size_t index) {
    return native_plan_op_value(&p->values[p->outputs[index]]);
}
