/* Where everything lies. Constants, and inputs that are held: one after the other in buffers of their own. Other values: in a few buffers, in each of which those that are alive
 * at the same time lie apart; no step reads and writes the same buffer, which WebGPU forbids. */
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "engines/webgpu/lower.h"
#include "graph/cost.h"

enum {
    MOST_ARENAS = 16,
    MOST_BUFFERS = 4096,
    MOST_APART = 1024,
    APART_BYTES = 1 << 16,
    WIDEST_ELEMENT = 16 /* vec4: a shader wants one at least */
};

static uint64_t aligned(uint64_t bytes) {
    uint64_t least = bytes > 0 ? bytes : 1; /* WebGPU binds no empty ranges */
    return (least + GPU_ALIGNMENT - 1) / GPU_ALIGNMENT * GPU_ALIGNMENT;
}

/* ---- lifetimes ------------------------------------------------------------------------------------------------------- */

/* Inputs are there before the first step, outputs after the last. */
static void stretch_lives(gpu_lowering *l) {
    const graph *g = l->graph;
    for (size_t i = 0; i < g->input_count; i++)
        l->blocks[l->placed[g->inputs[i]]].first = 0;
    for (size_t i = 0; i < g->output_count; i++) {
        gpu_block *b = &l->blocks[l->placed[g->outputs[i]]];
        b->first = b->first == UINT32_MAX ? 0 : b->first;
        b->last = (uint32_t)l->draft_count;
    }
}

/* ---- which buffer: blocks that one step reads, and those that it writes, have different ones ------------------------------- */

static bool writes(const gpu_lowering *l, const gpu_draft *d, uint32_t binding) {
    return (l->shaders[d->step.shader].written >> binding & 1) != 0;
}

/* Bits of the arenas that block b must not lie in, of those that have one. */
static uint32_t taken(const gpu_lowering *l, block b, const uint8_t *decided, const gpu_draft *d) {
    uint32_t bits = 0;
    bool reads_it = false, writes_it = false;
    for (uint32_t i = 0; i < d->step.binding_count; i++) {
        if (d->bindings[i] == b) {
            reads_it |= !writes(l, d, i);
            writes_it |= writes(l, d, i);
        }
    }
    for (uint32_t i = 0; i < d->step.binding_count; i++) {
        block other = d->bindings[i];
        bool apart = writes(l, d, i) ? reads_it : writes_it;
        if (other != b && apart && decided[other])
            bits |= 1U << l->blocks[other].arena;
    }
    return bits;
}

/* Whether it has a place in a buffer that others use at other times. */
static bool shares(const gpu_block *b) {
    return !gpu_block_is_constant(b) && !b->held;
}

/* In the order of their first steps; a block is looked at with all steps of its life. */
static bool choose_arenas(gpu_lowering *l, uint8_t *decided) {
    for (size_t s = 0; s < l->draft_count; s++) {
        const gpu_draft *d = &l->drafts[s];
        for (uint32_t i = 0; i < d->step.binding_count; i++) {
            block b = d->bindings[i];
            uint32_t bits = 0, which = 0;
            if (decided[b] || !shares(&l->blocks[b]))
                continue;
            for (uint32_t t = l->blocks[b].first; t <= l->blocks[b].last && t < l->draft_count; t++)
                bits |= taken(l, b, decided, &l->drafts[t]);
            while (which < MOST_ARENAS && (bits >> which & 1) != 0)
                which++;
            if (which == MOST_ARENAS)
                return false;
            l->blocks[b].arena = which;
            decided[b] = 1;
        }
    }
    return true;
}

/* ---- values ----------------------------------------------------------------------------------------------------------------- */

static bool lives(const gpu_block *b) {
    return shares(b) && b->first != UINT32_MAX;
}

static accel_status place_arena(gpu_lowering *l, gpu_plan *plan, uint32_t which, plan_block *blocks,
                                accel_error *err) {
    size_t count = 0, total = 0;
    for (size_t i = 0; i < l->block_count; i++) {
        const gpu_block *b = &l->blocks[i];
        if (lives(b) && b->arena == which)
            blocks[count++] = (plan_block){(size_t)aligned(b->size_bytes), b->first, b->last, 0};
    }
    if (count == 0)
        return ACCEL_OK;
    ACCEL_TRY(memory_plan(blocks, count, GPU_ALIGNMENT, &total, err));
    if (total > l->limits->buffer_bytes)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "values take %zu bytes at once, the device's largest buffer is %llu bytes", total,
                         (unsigned long long)l->limits->buffer_bytes);
    count = 0;
    for (size_t i = 0; i < l->block_count; i++) {
        gpu_block *b = &l->blocks[i];
        if (lives(b) && b->arena == which)
            b->range = (gpu_range){(uint32_t)plan->buffer_count, blocks[count++].offset, b->size_bytes};
    }
    plan->value_bytes += total;
    plan->buffers[plan->buffer_count++] = total;
    return ACCEL_OK;
}

static accel_status place_values(gpu_lowering *l, gpu_plan *plan, accel_error *err) {
    uint8_t *decided = mem_calloc(l->block_count + 1, 1);
    plan_block *blocks = mem_calloc(l->block_count + 1, sizeof *blocks);
    accel_status status = ACCEL_OK;
    if (decided == NULL || blocks == NULL)
        status = error_no_memory(err, "a plan of memory", l->block_count * sizeof *blocks);
    else if (!choose_arenas(l, decided))
        status =
            error_set(err, ACCEL_UNSUPPORTED, "the model's values need more than %d buffers", MOST_ARENAS);
    for (uint32_t which = 0; which < MOST_ARENAS && status == ACCEL_OK; which++)
        status = place_arena(l, plan, which, blocks, err);
    mem_free(decided);
    mem_free(blocks);
    return status;
}

/* ---- what stays: constants, and inputs that are held ---------------------------------------------------------------------------- */

static const char *name_of(const gpu_lowering *l, size_t index) {
    const gpu_block *b = &l->blocks[index];
    if (b->constant != VALUE_NONE)
        return l->graph->values[b->constant].name;
    for (size_t i = 0; i < l->graph->input_count; i++)
        if (l->placed[l->graph->inputs[i]] == (block)index)
            return l->graph->values[l->graph->inputs[i]].name;
    return "a table";
}

/* Behind the last one in the buffer, or in a new buffer. */
static accel_status place_behind(gpu_lowering *l, gpu_plan *plan, size_t index, size_t *buffer,
                                 accel_error *err) {
    gpu_block *b = &l->blocks[index];
    uint64_t most = l->limits->binding_bytes < l->limits->buffer_bytes ? l->limits->binding_bytes
                                                                       : l->limits->buffer_bytes;
    uint64_t size = aligned(b->size_bytes);
    if (size > most)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "%s '%s' takes %llu bytes, the device binds at most %llu at once",
                         b->held ? "cache" : "weight", name_of(l, index), (unsigned long long)size,
                         (unsigned long long)most);
    if (*buffer == MOST_BUFFERS || plan->buffers[*buffer] + size > most) {
        if (plan->buffer_count == MOST_BUFFERS)
            return error_set(err, ACCEL_UNSUPPORTED, "the model's weights need more than %d buffers",
                             MOST_BUFFERS);
        *buffer = plan->buffer_count++;
    }
    b->range = (gpu_range){(uint32_t)*buffer, plan->buffers[*buffer], b->size_bytes};
    plan->buffers[*buffer] += size;
    return ACCEL_OK;
}

static bool may_last(const gpu_lowering *l, const gpu_block *b) {
    if (!l->limits->apart || b->constant == VALUE_NONE || b->size_bytes < APART_BYTES)
        return false;
    const graph_data *data = &l->graph->values[b->constant].data;
    return data->kind == DATA_GENERATED || (data->kind == DATA_BYTES && data->file_backed);
}

static accel_status place_constants(gpu_lowering *l, gpu_plan *plan, accel_error *err) {
    size_t packed = MOST_BUFFERS, apart = 0;
    for (size_t i = 0; i < l->block_count; i++) {
        const gpu_block *b = &l->blocks[i];
        if (!gpu_block_is_constant(b))
            continue;
        bool lasts = may_last(l, b) && apart < MOST_APART;
        size_t own = MOST_BUFFERS;
        apart += lasts;
        ACCEL_TRY(place_behind(l, plan, i, lasts ? &own : &packed, err));
        plan->weight_bytes += aligned(b->size_bytes);
        plan->constants.items[plan->constants.count++] = (gpu_tensor){.value = b->constant,
                                                                      .range = b->range,
                                                                      .elements = b->elements,
                                                                      .half = b->half,
                                                                      .turned = b->turned,
                                                                      .part = b->part,
                                                                      .lasts = lasts,
                                                                      .own = b->own};
    }
    return ACCEL_OK;
}

static accel_status place_held(gpu_lowering *l, gpu_plan *plan, accel_error *err) {
    size_t buffer = MOST_BUFFERS;
    for (size_t i = 0; i < l->block_count; i++) {
        if (!l->blocks[i].held)
            continue;
        ACCEL_TRY(place_behind(l, plan, i, &buffer, err));
        plan->held_bytes += aligned(l->blocks[i].size_bytes);
    }
    plan->value_bytes += plan->held_bytes;
    return ACCEL_OK;
}

/* ---- the plan ---------------------------------------------------------------------------------------------------------------------- */

static accel_status list(gpu_lowering *l, gpu_plan *plan, const value_id *values, size_t count,
                         gpu_tensors *out, accel_error *err) {
    out->items = ARENA_ARRAY(plan->arena, gpu_tensor, count + 1);
    if (out->items == NULL)
        return error_no_memory(err, "a plan", count * sizeof *out->items);
    for (size_t i = 0; i < count; i++) {
        const gpu_block *b = &l->blocks[l->placed[values[i]]];
        out->items[i] = (gpu_tensor){
            .value = values[i], .range = b->range, .elements = b->elements, .half = b->half, .held = b->held};
    }
    out->count = count;
    return ACCEL_OK;
}

/* The step's place for people: its node's name, or that of what it makes. */
static const char *label_of(const graph *g, const graph_node *n) {
    bool named = n->name[0] != 0 || n->output_count == 0 || n->outputs[0] == VALUE_NONE;
    return named ? n->name : g->values[n->outputs[0]].name;
}

/* Where a binding lies; of a window it said so far where in the whole. */
static accel_status finish_binding(const gpu_lowering *l, const gpu_step *s, block b, gpu_range *r,
                                   accel_error *err) {
    const gpu_range *whole = &l->blocks[b].range;
    uint64_t size = r->size_bytes > 0 ? r->size_bytes : whole->size_bytes;
    *r = (gpu_range){whole->buffer, whole->offset + r->offset, size > 0 ? size : WIDEST_ELEMENT};
    return r->size_bytes <= l->limits->binding_bytes
               ? ACCEL_OK
               : error_set(err, ACCEL_UNSUPPORTED,
                           "'%s' works on a tensor of %llu bytes, the device binds at most %llu", s->label,
                           (unsigned long long)r->size_bytes, (unsigned long long)l->limits->binding_bytes);
}

static accel_status finish_steps(gpu_lowering *l, gpu_plan *plan, accel_error *err) {
    plan->steps = ARENA_ARRAY(plan->arena, gpu_step, l->draft_count + 1);
    plan->shaders = arena_copy(plan->arena, l->shaders, l->shader_count * sizeof *l->shaders);
    if (plan->steps == NULL || plan->shaders == NULL)
        return error_no_memory(err, "a plan", l->draft_count * sizeof *plan->steps);
    for (size_t i = 0; i < l->draft_count; i++) {
        gpu_step *s = &plan->steps[i];
        *s = l->drafts[i].step;
        s->label = label_of(l->graph, s->node);
        for (uint32_t k = 0; k < s->binding_count; k++)
            ACCEL_TRY(finish_binding(l, s, l->drafts[i].bindings[k], &s->bindings[k], err));
    }
    plan->step_count = l->draft_count;
    plan->shader_count = l->shader_count;
    return ACCEL_OK;
}

/* A run reads them all into one buffer. */
static accel_status check_outputs(const gpu_lowering *l, const gpu_plan *plan, accel_error *err) {
    uint64_t total = 0;
    for (size_t i = 0; i < plan->outputs.count; i++)
        total += plan->outputs.items[i].held ? 0 : aligned(gpu_tensor_bytes(&plan->outputs.items[i]));
    return total + GPU_ALIGNMENT <= l->limits->buffer_bytes
               ? ACCEL_OK
               : error_set(err, ACCEL_UNSUPPORTED,
                           "its outputs take %llu bytes, the device's largest buffer is %llu bytes",
                           (unsigned long long)total, (unsigned long long)l->limits->buffer_bytes);
}

accel_status gpu_place(gpu_lowering *l, gpu_plan *plan, accel_error *err) {
    plan->buffers = ARENA_ARRAY(plan->arena, uint64_t, MOST_BUFFERS + MOST_ARENAS);
    plan->constants.items = ARENA_ARRAY(plan->arena, gpu_tensor, l->block_count + 1);
    if (plan->buffers == NULL || plan->constants.items == NULL)
        return error_no_memory(err, "a plan", MOST_BUFFERS * sizeof *plan->buffers);
    stretch_lives(l);
    ACCEL_TRY(place_values(l, plan, err));
    ACCEL_TRY(place_held(l, plan, err));
    ACCEL_TRY(place_constants(l, plan, err));
    ACCEL_TRY(list(l, plan, l->graph->inputs, l->graph->input_count, &plan->inputs, err));
    ACCEL_TRY(list(l, plan, l->graph->outputs, l->graph->output_count, &plan->outputs, err));
    ACCEL_TRY(check_outputs(l, plan, err));
    return finish_steps(l, plan, err);
}
