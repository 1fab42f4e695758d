/* When the bytes of each value are needed and where they lie; then every step is prepared and the memory allocated. */
#include "engines/native/plan.h"

#include <string.h>

#include "base/mem.h"
#include "graph/cost.h"

/* The value whose bytes these are, through the chain of views. */
static int32_t root_of(const plan *p, int32_t id) {
    while (p->values[id].store == STORE_VIEW) {
        id = p->values[id].view_of;
    }
    return id;
}

static void used_at(plan *p, int32_t id, uint32_t step) {
    if (id == PLAN_NONE) {
        return;
    }
    plan_value *root = &p->values[root_of(p, id)];
    root->last = step > root->last ? step : root->last;
}

/* Values of this graph that the graphs inside a node read. */
static void captured_at(plan *p, const graph_node *n, uint32_t step) {
    for (size_t a = 0; a < n->attr_count; a++) {
        const graph *inside = n->attrs[a].kind == ATTR_GRAPH ? n->attrs[a].graph : NULL;
        for (size_t v = 0; inside != NULL && v < inside->value_count; v++) {
            if (inside->values[v].origin == VALUE_OUTER) {
                used_at(p, native_plan_row_major(p, inside->values[v].outer), step);
            }
        }
    }
}

static void place_values(plan *p) {
    for (size_t i = 0; i < p->step_count; i++) {
        plan_step *s = &p->steps[i];
        for (size_t k = 0; k < s->call.output_count; k++) {
            plan_value *v = s->outputs[k] == PLAN_NONE ? NULL : &p->values[s->outputs[k]];
            if (v == NULL || v->store == STORE_VIEW) {
                continue;
            }
            v->store = v->is_static ? STORE_ARENA : STORE_OWN;
            v->first = (uint32_t)i;
            v->last = (uint32_t)i;
        }
    }
    for (size_t i = 0; i < p->step_count; i++) { /* joined by a Concat: written before it */
        for (size_t k = 0; k < p->steps[i].call.output_count; k++) {
            int32_t id = p->steps[i].outputs[k];
            plan_value *root = id == PLAN_NONE ? NULL : &p->values[root_of(p, id)];
            if (root != NULL && root->store == STORE_ARENA && root->first > (uint32_t)i) {
                root->first = (uint32_t)i;
            }
        }
    }
}

static void find_lifetimes(plan *p) {
    for (size_t i = 0; i < p->step_count; i++) {
        plan_step *s = &p->steps[i];
        for (size_t k = 0; k < s->call.input_count; k++) {
            used_at(p, s->inputs[k], (uint32_t)i);
        }
        used_at(p, s->residual, (uint32_t)i);
        if (s->node != NULL) {
            captured_at(p, s->node, (uint32_t)i);
        }
    }
    for (size_t i = 0; i < p->graph->output_count; i++) {
        used_at(p, p->outputs[i], (uint32_t)p->step_count);
    }
}

static bool may_overwrite(const plan *p, int32_t in, int32_t out, uint32_t step) {
    if (in == PLAN_NONE) {
        return false;
    }
    int32_t base = root_of(p, in);
    const plan_value *root = &p->values[base], *from = &p->values[in], *to = &p->values[out];
    bool ours = root->store == STORE_ARENA || /* or the caller lets us: a cache that is held in place */
                (root->store == STORE_INPUT && (size_t)base < p->graph->value_count &&
                 p->graph->values[base].updated);
    return ours && root->last == step && root->size_bytes == to->size_bytes && from->view_offset == 0 &&
           from->v.channels_last == to->v.channels_last && from->v.pixel_stride == to->v.pixel_stride &&
           shape_equal(&from->v.shape, &to->v.shape) && dtype_bits(from->v.type) == dtype_bits(to->v.type);
}

/* An elementwise step whose input dies writes over it. */
static void reuse_dying_inputs(plan *p) {
    for (size_t i = 0; i < p->step_count; i++) {
        plan_step *s = &p->steps[i];
        if (s->kind != STEP_KERNEL || (s->kernel->flags & KERNEL_IN_PLACE) == 0 ||
            s->outputs[0] == PLAN_NONE) {
            continue;
        }
        plan_value *out = &p->values[s->outputs[0]];
        for (size_t k = 0; k < s->call.input_count && out->store == STORE_ARENA; k++) {
            if (may_overwrite(p, s->inputs[k], s->outputs[0], (uint32_t)i)) {
                int32_t root = root_of(p, s->inputs[k]);
                p->values[root].last = out->last > p->values[root].last ? out->last : p->values[root].last;
                out->store = STORE_VIEW;
                out->view_of = root;
            }
        }
    }
}

static accel_status plan_offsets(plan *p, accel_error *err) {
    plan_block *blocks = mem_calloc(p->value_count + 1, sizeof *blocks);
    int32_t *owners = mem_calloc(p->value_count + 1, sizeof *owners);
    size_t count = 0;
    accel_status status =
        blocks == NULL || owners == NULL ? error_no_memory(err, "the memory plan", p->value_count) : ACCEL_OK;
    for (size_t i = 0; i < p->value_count && status == ACCEL_OK; i++) {
        const plan_value *v = &p->values[i];
        if (v->store == STORE_ARENA) {
            blocks[count] = (plan_block){.size_bytes = v->size_bytes, .first = v->first, .last = v->last};
            owners[count++] = (int32_t)i;
        }
    }
    if (status == ACCEL_OK) {
        status = memory_plan(blocks, count, PLAN_ALIGNMENT, &p->memory_bytes, err);
    }
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        p->values[owners[i]].offset = blocks[i].offset;
    }
    mem_free(blocks);
    mem_free(owners);
    return status;
}

void plan_resolve(plan *p) {
    for (size_t i = 0; i < p->value_count; i++) {
        plan_value *v = &p->values[i];
        if (v->store == STORE_ARENA) {
            v->v.data = (char *)p->memory + v->offset;
        }
    }
    for (size_t i = 0; i < p->value_count; i++) {
        plan_value *v = &p->values[i];
        if (v->store == STORE_VIEW) {
            char *data = p->values[root_of(p, (int32_t)i)].v.data;
            size_t offset = 0;
            for (int32_t at = (int32_t)i; p->values[at].store == STORE_VIEW; at = p->values[at].view_of) {
                offset += p->values[at].view_offset;
            }
            v->v.data = data == NULL ? NULL : data + offset;
        }
    }
}

/* ---- preparing ------------------------------------------------------------------------------------------------------ */

/* Lets go of constants that were packed and that no step reads while running. */
static accel_status count_constant_uses(const plan *p, uint32_t *uses) {
    for (size_t i = 0; i < p->step_count; i++) {
        const plan_step *s = &p->steps[i];
        for (size_t k = 0; k < s->call.input_count; k++) {
            if (s->inputs[k] != PLAN_NONE) {
                uses[s->inputs[k]]++;
            }
        }
        if (s->residual != PLAN_NONE) {
            uses[s->residual]++;
        }
        for (size_t a = 0; s->node != NULL && a < s->node->attr_count; a++) {
            const graph *inside = s->node->attrs[a].kind == ATTR_GRAPH ? s->node->attrs[a].graph : NULL;
            for (size_t v = 0; inside != NULL && v < inside->value_count; v++) {
                if (inside->values[v].origin == VALUE_OUTER) {
                    uses[inside->values[v].outer]++;
                }
            }
        }
    }
    for (size_t i = 0; i < p->value_count; i++) {
        if (p->values[i].store == STORE_VIEW) {
            uses[p->values[i].view_of]++;
        }
    }
    for (size_t i = 0; i < p->graph->output_count; i++) {
        uses[p->outputs[i]]++;
    }
    return ACCEL_OK;
}

static accel_status make_captured_contents(plan *p, const graph_node *n, accel_error *err) {
    for (size_t a = 0; a < n->attr_count; a++) {
        const graph *inside = n->attrs[a].kind == ATTR_GRAPH ? n->attrs[a].graph : NULL;
        for (size_t v = 0; inside != NULL && v < inside->value_count; v++) {
            if (inside->values[v].origin == VALUE_OUTER && p->values[inside->values[v].outer].v.constant) {
                ACCEL_TRY(native_plan_contents(p, inside->values[v].outer, err));
            }
        }
    }
    return ACCEL_OK;
}

static accel_status prepare_steps(plan *p, uint32_t *uses, accel_error *err) {
    ACCEL_TRY(count_constant_uses(p, uses));
    for (size_t i = 0; i < p->step_count; i++) {
        plan_step *s = &p->steps[i];
        ACCEL_TRY(native_plan_prepare_step(p, s, err));
        if (s->node != NULL) {
            ACCEL_TRY(make_captured_contents(p, s->node, err));
        }
        for (size_t k = 0; k < s->call.input_count; k++) {
            if (s->inputs[k] != PLAN_NONE && (s->call.packed_inputs >> k & 1) != 0 &&
                --uses[s->inputs[k]] == 0) {
                native_plan_drop_contents(p, s->inputs[k]);
            }
        }
        size_t need = s->call.workspace_bytes;
        p->workspace_bytes = need > p->workspace_bytes ? need : p->workspace_bytes;
    }
    return ACCEL_OK;
}

static accel_status allocate_memory(plan *p, accel_error *err) {
    size_t bytes = p->memory_bytes + PLAN_ALIGNMENT;
    p->memory = mem_alloc_aligned(bytes, PLAN_ALIGNMENT, true);
    if (p->memory == NULL) {
        return error_no_memory(err, "the activations", bytes);
    }
    p->memory_bytes = bytes;
    memset(p->memory, 0, bytes); /* touched now, not during the first run */
    if (p->workspace_bytes == 0) {
        return ACCEL_OK;
    }
    p->workspace = mem_alloc_aligned(p->workspace_bytes, PLAN_ALIGNMENT, true);
    if (p->workspace == NULL) {
        return error_no_memory(err, "the workspace", p->workspace_bytes);
    }
    return ACCEL_OK;
}

accel_status native_plan_schedule(plan *p, accel_error *err) {
    place_values(p);
    find_lifetimes(p);
    reuse_dying_inputs(p);
    ACCEL_TRY(plan_offsets(p, err));
    size_t planned = p->memory_bytes;
    p->memory_bytes = 0; /* nothing to free yet, should a step fail */
    uint32_t *uses = mem_calloc(p->value_count + 1, sizeof *uses);
    if (uses == NULL) {
        return error_no_memory(err, "the plan", p->value_count * sizeof *uses);
    }
    accel_status status = prepare_steps(p, uses, err);
    mem_free(uses);
    if (status != ACCEL_OK) {
        p->workspace_bytes = 0;
        return status;
    }
    p->memory_bytes = planned;
    ACCEL_TRY(allocate_memory(p, err));
    plan_resolve(p);
    return ACCEL_OK;
}
