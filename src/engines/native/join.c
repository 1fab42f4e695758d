/* Concat without copies: what a step writes lies in the output of the Concat that reads it, from the start. Channels-last values become
 * channels among others (pixel_stride above their own), row-major ones a run of bytes. A dense block, where each Concat
 * is part of the next one, is a single buffer. */
#include "engines/native/plan.h"

#include <string.h>

#include "base/mem.h"

typedef struct joiner {
    plan *plan;
    int32_t *producer; /* of each value: the step, or PLAN_NONE */
    bool *fixed; /* values that must lie where they are: outputs, viewed ones, those that a subgraph reads */
    bool *dense_only; /* values that some step reads as dense */
} joiner;

static void mark_captured(joiner *j, const graph_node *n) {
    for (size_t a = 0; a < n->attr_count; a++) {
        const graph *inside = n->attrs[a].kind == ATTR_GRAPH ? n->attrs[a].graph : NULL;
        for (size_t v = 0; inside != NULL && v < inside->value_count; v++) {
            if (inside->values[v].origin == VALUE_OUTER) {
                j->fixed[native_plan_row_major(j->plan, inside->values[v].outer)] = true;
            }
        }
    }
}

static void mark_reader(joiner *j, const plan_step *s) {
    bool strided = s->kind == STEP_KERNEL && (s->kernel->flags & KERNEL_STRIDED_IN) != 0;
    for (size_t k = 0; k < s->call.input_count; k++) {
        if (s->inputs[k] != PLAN_NONE && !strided) {
            j->dense_only[s->inputs[k]] = true;
        }
    }
    if (s->residual != PLAN_NONE && !strided) {
        j->dense_only[s->residual] = true;
    }
    if (s->node != NULL) {
        mark_captured(j, s->node);
    }
}

static void look_at_steps(joiner *j) {
    plan *p = j->plan;
    for (size_t v = 0; v < p->value_count; v++) {
        j->producer[v] = PLAN_NONE;
        if (p->values[v].store == STORE_VIEW) {
            j->fixed[p->values[v].view_of] = true;
        }
    }
    for (size_t i = 0; i < p->step_count; i++) {
        const plan_step *s = &p->steps[i];
        mark_reader(j, s);
        for (size_t k = 0; k < s->call.output_count; k++) {
            if (s->outputs[k] != PLAN_NONE) {
                j->producer[s->outputs[k]] = (int32_t)i;
            }
        }
    }
    for (size_t i = 0; i < p->graph->output_count; i++) {
        j->fixed[p->outputs[i]] = true;
    }
}

/* The value may lie anywhere: it is the first output of a step that writes it once, and nobody else holds on to its place. */
static bool may_move(const joiner *j, int32_t id, bool strided) {
    const plan_value *v = &j->plan->values[id];
    if (v->store != STORE_NONE || !v->is_static || v->v.constant || j->fixed[id] ||
        j->producer[id] == PLAN_NONE || (strided && j->dense_only[id])) {
        return false;
    }
    const plan_step *s = &j->plan->steps[j->producer[id]];
    if (s->is_dynamic || s->kind == STEP_NONE || s->outputs[0] != id) {
        return false;
    }
    return !strided || (s->kind == STEP_KERNEL && (s->kernel->flags & KERNEL_STRIDED_OUT) != 0);
}

static bool is_concat(const plan_step *s) {
    return s->kind == STEP_KERNEL && !s->is_dynamic && s->node != NULL && strcmp(s->name, "Concat") == 0 &&
           s->domain[0] == '\0';
}

/* How many separate runs of bytes an input is cut into. */
static int64_t runs_before(const kernel_value *out, int axis) {
    int64_t runs = 1;
    for (int d = 0; d < axis; d++) {
        runs *= out->shape.dims[d];
    }
    return runs;
}

static void join_concat(joiner *j, plan_step *s) {
    plan *p = j->plan;
    const plan_value *out = &p->values[s->outputs[0]];
    int axis;
    if (!out->is_static || out->store == STORE_CONSTANT ||
        !shape_axis(node_attr_int(s->node, "axis", 0), out->v.shape.rank, &axis)) {
        return;
    }
    const bool channels = out->v.channels_last && axis == 1;
    if (!channels && (out->v.channels_last || runs_before(&out->v, axis) != 1)) {
        return;
    }
    size_t offset = 0;
    for (size_t k = 0; k < s->call.input_count; k++) {
        plan_value *in = &p->values[s->inputs[k]];
        size_t bytes = channels ? (size_t)in->v.shape.dims[1] * (dtype_bits(in->v.type) / 8) : in->size_bytes;
        if (in->v.channels_last == out->v.channels_last && may_move(j, s->inputs[k], channels)) {
            in->store = STORE_VIEW;
            in->view_of = s->outputs[0];
            in->view_offset = offset;
            in->v.pixel_stride = out->v.pixel_stride;
            j->fixed[s->outputs[0]] = true; /* it is viewed now; its own place was chosen before */
        }
        offset += bytes;
    }
}

/* From the last to the first, so that a Concat knows its own place before its inputs ask. */
static void join_all(joiner *j) {
    for (size_t i = j->plan->step_count; i-- > 0;) {
        plan_step *s = &j->plan->steps[i];
        if (is_concat(s) && s->outputs[0] != PLAN_NONE) {
            join_concat(j, s);
        }
    }
}

accel_status native_plan_join(plan *p, accel_error *err) {
    joiner j = {.plan = p};
    j.producer = ARENA_ARRAY(p->arena, int32_t, p->value_count);
    j.fixed = ARENA_ARRAY(p->arena, bool, p->value_count);
    j.dense_only = ARENA_ARRAY(p->arena, bool, p->value_count);
    if (j.producer == NULL || j.fixed == NULL || j.dense_only == NULL) {
        return error_no_memory(err, "the plan", p->value_count * sizeof(int32_t));
    }
    look_at_steps(&j);
    join_all(&j);
    return ACCEL_OK;
}
