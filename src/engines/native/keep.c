/* Weights of products as the model's file has them: read there at whatever address, not copied first; and packed ones in their place. The latter only
 * in pages, whose files lie in memory of ours (base/file.h): there a large model's weights would not fit twice, and each further plan over them (other
 * shapes, another stage of a text) finds them packed. */
#include "engines/native/plan.h"

#include "base/file.h"

static const graph_data *file_contents(const plan *p, int32_t value) {
    const graph_data *data = (size_t)value < p->graph->value_count ? &p->graph->values[value].data : NULL;
    return data != NULL && data->kind == DATA_BYTES && data->file_backed ? data : NULL;
}

void native_plan_find_kept(const plan *p, int32_t value, plan_value *v) {
    const graph_data *data = file_contents(p, value);
    v->kept_as = !FILES_IN_MEMORY || data == NULL ? 0 : file_reused(data->bytes, data->size_bytes);
}

static bool lies_apart(const plan *p, value_id id) {
    const graph_data *data = &p->graph->values[id].data;
    const uintptr_t start = (uintptr_t)data->bytes, end = start + data->size_bytes;
    for (size_t i = 0; i < p->graph->value_count; i++) {
        const graph_data *other = file_contents(p, (int32_t)i);
        if (other != NULL && (value_id)i != id && p->readers[i] > 0 && (uintptr_t)other->bytes < end &&
            start < (uintptr_t)other->bytes + other->size_bytes) {
            return false;
        }
    }
    return true;
}

/* Whether this step is all that needs the bytes: no other node, no other constant in the same place. */
static bool reads_alone(const plan *p, const plan_step *s) {
    value_id at = s->node->inputs[1];
    while (at != s->inputs[1]) { /* made by a Transpose or a Cast, which the step does itself */
        const graph_value *made = &p->graph->values[at];
        if (p->readers[at] != 1 || made->origin != VALUE_NODE) {
            return false;
        }
        at = p->graph->nodes[made->producer]->inputs[0];
    }
    return p->readers[at] == 1 && lies_apart(p, at);
}

static accel_status count_readers(plan *p, accel_error *err) {
    p->readers = ARENA_ARRAY(p->arena, uint32_t, p->graph->value_count);
    return p->readers != NULL ? graph_count_uses(p->graph, p->readers, err)
                              : error_no_memory(err, "the plan", p->graph->value_count * sizeof *p->readers);
}

accel_status native_plan_offer_right(plan *p, const plan_step *s, kernel_call *c, accel_error *err) {
    bool takes = s->kind == STEP_KERNEL && (s->kernel->flags & KERNEL_FILE_RIGHT) != 0 &&
                 s->inputs[1] != PLAN_NONE && p->values[s->inputs[1]].v.constant;
    const graph_data *data = takes ? file_contents(p, s->inputs[1]) : NULL;
    if (data == NULL || data->size_bytes != p->values[s->inputs[1]].size_bytes ||
        data->size_bytes <= PLAN_SMALL_BYTES) { /* others are looked at while planning */
        return ACCEL_OK;
    }
    c->kept_as = p->values[s->inputs[1]].kept_as;
    c->raw = c->kept_as == 0 ? data->bytes : NULL;
    c->home = c->kept_as != 0 ? (void *)(uintptr_t)data->bytes : file_reuse(data->bytes, data->size_bytes);
    if (!FILES_IN_MEMORY || c->home == NULL || c->kept_as != 0) {
        return ACCEL_OK;
    }
    if (p->readers == NULL) {
        ACCEL_TRY(count_readers(p, err));
    }
    bool alone = p->parent == NULL && p->graph->first_child == NULL && reads_alone(p, s);
    c->home = alone ? c->home : NULL;
    return ACCEL_OK;
}

void native_plan_note_kept(plan *p, const plan_step *s) {
    const kernel_call *c = &s->call;
    if (!FILES_IN_MEMORY || c->kept_as == 0) {
        return;
    }
    plan_value *v = &p->values[s->inputs[1]];
    p->weight_bytes += v->size_bytes;
    if (v->kept_as == 0) {
        const graph_data *data = file_contents(p, s->inputs[1]);
        file_note_reuse(data->bytes, data->size_bytes, c->kept_as);
        v->kept_as = c->kept_as;
    }
}
