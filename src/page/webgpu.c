/* In the build for WebGPU, in place of session.c: this instance reads the model, follows shapes, makes the plan, and turns numbers into the device's
 * and back; the page gives the plan to the browser's GPU. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engines/webgpu/gpu_plan.h"
#include "graph/cost.h"
#include "page/page.h"
#include "page/state.h"

enum { PARAMETER_BYTES = GPU_PARAMETER_WORDS * 4 };

static gpu_limits limits;
static str_buf tuning;
static gpu_plan *plan;
static uint32_t *elements; /* what was given out last, where it had to be made */
static tensor *outputs;

static void drop_elements(void) {
    mem_free(elements);
    elements = NULL;
}

static void drop_outputs(void) {
    for (size_t i = 0; outputs != NULL && i < plan->outputs.count; i++)
        tensor_free(&outputs[i]);
    mem_free(outputs);
    outputs = NULL;
}

/* Nothing runs here: the page asks for the plan when it wants it. */
accel_status page_make_session(accel_error *err) {
    (void)err;
    return ACCEL_OK;
}

void page_drop_session(void) {
    drop_elements();
    drop_outputs();
    gpu_plan_destroy(plan);
    plan = NULL;
}

void page_webgpu_start(double buffer_bytes, double binding_bytes, uint32_t groups, uint32_t subgroup,
                       int f16) {
    limits = (gpu_limits){.buffer_bytes = (uint64_t)buffer_bytes,
                          .binding_bytes = (uint64_t)binding_bytes,
                          .groups = groups,
                          .soon = true,
                          .subgroup = subgroup,
                          .f16 = f16 != 0,
                          .subgroup_directive = "enable subgroups;"};
}

accel_status page_webgpu_tune(const char *text, size_t length) {
    str_buf given = {0};
    str_append_bytes(&given, text, length);
    accel_status status = given.failed ? error_no_memory(&page.error, "a tuning", length)
                                       : gpu_tuning_check(str_text(&given), &page.error);
    str_free(status == ACCEL_OK ? &tuning : &given);
    if (status == ACCEL_OK)
        tuning = given;
    return status;
}

static accel_status need_plan(accel_error *err) {
    return plan != NULL ? ACCEL_OK
                        : error_set(err, ACCEL_INVALID_ARGUMENT,
                                    "the model has no plan for a GPU yet: page_webgpu_plan comes first");
}

/* ---- the plan as the page reads it -------------------------------------------------------------------------------------------- */

static void append_buffers(str_buf *out) {
    str_append(out, "{\"buffers\":[");
    for (size_t i = 0; i < plan->buffer_count; i++)
        str_appendf(out, "%s%llu", i > 0 ? "," : "", (unsigned long long)plan->buffers[i]);
    str_appendf(out, "],\"weight_bytes\":%llu,\"value_bytes\":%llu", (unsigned long long)plan->weight_bytes,
                (unsigned long long)plan->value_bytes);
}

static void append_shaders(str_buf *out) {
    str_append(out, ",\"shaders\":[");
    for (size_t i = 0; i < plan->shader_count; i++) {
        const gpu_shader *s = &plan->shaders[i];
        str_append(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        json_append_text(out, s->name);
        str_append(out, ",\"text\":");
        json_append_text(out, s->text);
        str_append(out, ",\"written\":[");
        for (uint32_t b = 0; b < s->binding_count; b++)
            str_appendf(out, "%s%s", b > 0 ? "," : "", (s->written >> b & 1) != 0 ? "true" : "false");
        str_append(out, "]}");
    }
}

/* [label, shader, [x, y, z], [buffer, offset, bytes, …]] */
static void append_steps(str_buf *out) {
    str_append(out, "],\"steps\":[");
    for (size_t i = 0; i < plan->step_count; i++) {
        const gpu_step *s = &plan->steps[i];
        str_append(out, i > 0 ? ",[" : "[");
        json_append_text(out, s->label);
        str_appendf(out, ",%u,[%u,%u,%u],[", s->shader, s->groups[0], s->groups[1], s->groups[2]);
        for (uint32_t b = 0; b < s->binding_count; b++) {
            const gpu_range *r = &s->bindings[b];
            str_appendf(out, "%s%u,%llu,%llu", b > 0 ? "," : "", r->buffer, (unsigned long long)r->offset,
                        (unsigned long long)r->size_bytes);
        }
        str_append(out, "]]");
    }
}

/* [buffer, offset, bytes], and true of what is held */
static void append_tensors(str_buf *out, const char *what, const gpu_tensors *list) {
    str_appendf(out, "],\"%s\":[", what);
    for (size_t i = 0; i < list->count; i++) {
        const gpu_tensor *t = &list->items[i];
        str_appendf(out, "%s[%u,%llu,%llu%s]", i > 0 ? "," : "", t->range.buffer,
                    (unsigned long long)t->range.offset, (unsigned long long)gpu_tensor_bytes(t),
                    t->held ? ",true" : "");
    }
}

static accel_status make_plan(str_buf *out, accel_error *err) {
    ACCEL_TRY(page_need_model(err));
    if (limits.groups == 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "what the browser's GPU can do is not known: page_webgpu_start comes first");
    page_drop_session();
    char tuned[160];
    limits.tuning = str_text(&tuning);
    limits.precision = page.precision;
    ACCEL_TRY(gpu_plan_create(page.model.graph, &limits, &plan, err));
    append_buffers(out);
    gpu_plan_describe_tuning(plan, tuned, sizeof tuned);
    str_append(out, ",\"tuned\":");
    json_append_text(out, tuned);
    append_shaders(out);
    append_steps(out);
    append_tensors(out, "constants", &plan->constants);
    append_tensors(out, "inputs", &plan->inputs);
    append_tensors(out, "outputs", &plan->outputs);
    str_append(out, "]}");
    return ACCEL_OK;
}

const char *page_webgpu_plan(void) {
    return page_text_end(make_plan(page_text_start(), &page.error));
}

/* ---- numbers of the device --------------------------------------------------------------------------------------------------------- */

/* Room for so many elements; what was given out before is gone. */
static accel_status make_room(size_t count, accel_error *err) {
    drop_elements();
    elements = mem_calloc(count + 1, sizeof *elements);
    return elements != NULL ? ACCEL_OK : error_no_memory(err, "a tensor", count * sizeof *elements);
}

static accel_status check_index(const gpu_tensors *list, size_t index, accel_error *err) {
    return index < list->count
               ? ACCEL_OK
               : error_set(err, ACCEL_INVALID_ARGUMENT, "the plan has %zu of these tensors, not %zu",
                           list->count, index + 1);
}

/* The constant where it lies, if it lies as the device holds it: large models have most of their bytes in such. */
static accel_status find_in_place(const gpu_tensor *c, const void **out, accel_error *err) {
    *out = c->own;
    if (c->own != NULL)
        return ACCEL_OK;
    const graph_value *v = &plan->graph->values[c->value];
    bool same = (v->type.type == DTYPE_I32 || v->type.type == (c->half ? DTYPE_F16 : DTYPE_F32)) &&
                gpu_tensor_bytes(c) == c->elements * dtype_bits(v->type.type) / 8 && !c->turned &&
                c->part.count == 0 && v->data.kind == DATA_BYTES &&
                (uintptr_t)v->data.bytes % GPU_ELEMENT_BYTES == 0;
    tensor t = {0};
    bool owned = false;
    if (same)
        ACCEL_TRY(graph_value_contents(plan->graph, c->value, &t, &owned, err));
    *out = owned ? NULL : t.data;
    if (owned)
        tensor_free(&t);
    return ACCEL_OK;
}

static accel_status constant(size_t index, const void **out, accel_error *err) {
    ACCEL_TRY(need_plan(err));
    ACCEL_TRY(check_index(&plan->constants, index, err));
    const gpu_tensor *c = &plan->constants.items[index];
    ACCEL_TRY(find_in_place(c, out, err));
    if (*out != NULL)
        return ACCEL_OK;
    ACCEL_TRY(make_room(c->elements, err));
    *out = elements;
    return gpu_plan_constant(plan, c, elements, err);
}

const void *page_webgpu_constant(size_t index) {
    const void *bytes = NULL;
    return constant(index, &bytes, &page.error) == ACCEL_OK ? bytes : NULL;
}

static accel_status input(size_t index, accel_error *err) {
    ACCEL_TRY(need_plan(err));
    ACCEL_TRY(check_index(&plan->inputs, index, err));
    const gpu_tensor *t = &plan->inputs.items[index];
    if (page.inputs == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the model has no inputs yet: bind them first");
    ACCEL_TRY(make_room(t->elements, err));
    return gpu_elements_from(page.inputs[index].type, page.inputs[index].data, t->elements, t->half, elements)
               ? ACCEL_OK
               : error_set(err, ACCEL_UNSUPPORTED, "input '%s' holds integers of more than 32 bits",
                           plan->graph->values[t->value].name);
}

const void *page_webgpu_input(size_t index) {
    return input(index, &page.error) == ACCEL_OK ? elements : NULL;
}

static accel_status parameters(accel_error *err) {
    ACCEL_TRY(need_plan(err));
    ACCEL_TRY(make_room(plan->step_count * GPU_PARAMETER_WORDS, err));
    for (size_t i = 0; i < plan->step_count; i++)
        memcpy(elements + i * GPU_PARAMETER_WORDS, plan->steps[i].parameters, PARAMETER_BYTES);
    return ACCEL_OK;
}

const void *page_webgpu_parameters(void) {
    return parameters(&page.error) == ACCEL_OK ? elements : NULL;
}

static accel_status append_costs(str_buf *out, accel_error *err) {
    ACCEL_TRY(need_plan(err));
    str_append_char(out, '[');
    for (size_t i = 0; i < plan->step_count; i++) {
        const graph_node *node = plan->steps[i].node;
        op_cost cost = {0};
        if (i == 0 || node != plan->steps[i - 1].node)
            (void)graph_node_cost(plan->graph, node, &cost);
        str_append(out, i > 0 ? ",[" : "[");
        json_append_text(out, node->op_type);
        str_append_char(out, ',');
        json_append_real(out, cost.flops);
        str_append_char(out, ',');
        json_append_real(out, cost.bytes_read + cost.bytes_written);
        str_append_char(out, ']');
    }
    str_append_char(out, ']');
    return ACCEL_OK;
}

const char *page_webgpu_costs(void) {
    return page_text_end(append_costs(page_text_start(), &page.error));
}

void page_webgpu_forget(void) {
    drop_elements();
}

static accel_status make_outputs(accel_error *err) {
    outputs = mem_calloc(plan->outputs.count + 1, sizeof *outputs);
    if (outputs == NULL)
        return error_no_memory(err, "the outputs", plan->outputs.count * sizeof *outputs);
    for (size_t i = 0; i < plan->outputs.count; i++) {
        const value_type *t = &plan->graph->values[plan->outputs.items[i].value].type;
        ACCEL_TRY(tensor_create(t->type, &t->shape, &outputs[i], err));
    }
    return ACCEL_OK;
}

static accel_status append_outputs(str_buf *out, const uint32_t *given, accel_error *err) {
    ACCEL_TRY(need_plan(err));
    drop_outputs();
    ACCEL_TRY(make_outputs(err));
    for (size_t i = 0; i < plan->outputs.count; i++) {
        const gpu_tensor *t = &plan->outputs.items[i];
        gpu_elements_to(outputs[i].type, given, t->elements, t->half, outputs[i].data);
        given += gpu_tensor_bytes(t) / sizeof *given;
    }
    page_append_tensors(out, page.model.graph->outputs, outputs, plan->outputs.count);
    return ACCEL_OK;
}

const char *page_webgpu_outputs(const uint32_t *given) {
    return page_text_end(append_outputs(page_text_start(), given, &page.error));
}
