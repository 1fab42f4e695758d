/* In the build for WebGPU, in place of session.c: this instance reads the model, follows shapes, makes the plan, and turns numbers into the device's
 * and back; the page gives the plan to the browser's GPU. */
#include "page/webgpu.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "graph/cost.h"
#include "page/page.h"
#include "page/state.h"

enum { PARAMETER_BYTES = GPU_PARAMETER_WORDS * 4 };

static bool of_generation; /* what the functions below are about */

/* Nothing runs here: the page asks for the plan when it wants it. */
accel_status page_make_session(accel_error *err) {
    (void)err;
    return ACCEL_OK;
}

void page_drop_session(void) {
    page_engine->unload(page.session);
    page.session = NULL;
}

void page_webgpu_use(int generation) {
    of_generation = generation != 0;
}

static accel_status need_plan(engine_session **out, accel_error *err) {
    *out = of_generation ? page_generation_session() : page.session;
    return *out != NULL ? ACCEL_OK
                        : error_set(err, ACCEL_INVALID_ARGUMENT,
                                    "the model has no plan for a GPU yet: page_webgpu_plan comes first");
}

/* ---- the plan as the page reads it -------------------------------------------------------------------------------------------- */

static void append_buffers(str_buf *out, const gpu_plan *plan) {
    str_append(out, "{\"buffers\":[");
    for (size_t i = 0; i < plan->buffer_count; i++)
        str_appendf(out, "%s%llu", i > 0 ? "," : "", (unsigned long long)plan->buffers[i]);
    str_appendf(out, "],\"weight_bytes\":%llu,\"value_bytes\":%llu", (unsigned long long)plan->weight_bytes,
                (unsigned long long)plan->value_bytes);
}

static void append_shaders(str_buf *out, const gpu_plan *plan) {
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
static void append_steps(str_buf *out, const gpu_plan *plan) {
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

/* What tells the constant from all others of the model: where its file has it, or of what it is made, and how it lies on the device. */
static void append_key(str_buf *out, const gpu_plan *plan, const gpu_tensor *c) {
    const graph_value *v = &plan->graph->values[c->value];
    str_buf key = {0};
    if (v->data.kind == DATA_GENERATED)
        str_appendf(&key, "%s/%llu", v->data.stream, (unsigned long long)v->data.seed);
    else
        str_appendf(&key, "%llx", (unsigned long long)(uintptr_t)v->data.bytes);
    str_appendf(&key, ".%d.%zu.%zu.%zu.%d%d%d", (int)v->type.type, c->elements, c->part.first, c->part.count,
                c->part.columns, c->turned, c->half);
    str_append_char(out, ',');
    json_append_text(out, str_text(&key));
    out->failed |= key.failed;
    str_free(&key);
}

/* [buffer, offset, bytes], and the key of a constant that lasts */
static void append_constants(str_buf *out, const gpu_plan *plan) {
    str_append(out, "],\"constants\":[");
    for (size_t i = 0; i < plan->constants.count; i++) {
        const gpu_tensor *c = &plan->constants.items[i];
        str_appendf(out, "%s[%u,%llu,%llu", i > 0 ? "," : "", c->range.buffer,
                    (unsigned long long)c->range.offset, (unsigned long long)gpu_tensor_bytes(c));
        if (c->lasts)
            append_key(out, plan, c);
        str_append_char(out, ']');
    }
}

/* [buffer, offset, bytes], and true of what stays: held, or left there */
static void append_tensors(str_buf *out, const char *what, const gpu_tensors *list, const bool *left) {
    str_appendf(out, "],\"%s\":[", what);
    for (size_t i = 0; i < list->count; i++) {
        const gpu_tensor *t = &list->items[i];
        str_appendf(out, "%s[%u,%llu,%llu%s]", i > 0 ? "," : "", t->range.buffer,
                    (unsigned long long)t->range.offset, (unsigned long long)gpu_tensor_bytes(t),
                    t->held || (left != NULL && left[i]) ? ",true" : "");
    }
}

void page_append_plan(str_buf *out, const gpu_plan *plan, const bool *left) {
    char tuned[160];
    append_buffers(out, plan);
    gpu_plan_describe_tuning(plan, tuned, sizeof tuned);
    str_append(out, ",\"tuned\":");
    json_append_text(out, tuned);
    append_shaders(out, plan);
    append_steps(out, plan);
    append_constants(out, plan);
    append_tensors(out, "inputs", &plan->inputs, NULL);
    append_tensors(out, "outputs", &plan->outputs, left);
    str_append(out, "]}");
}

static accel_status make_plan(str_buf *out, accel_error *err) {
    ACCEL_TRY(page_need_model(err));
    page_drop_session();
    const engine_model model = {.graph = page.model.graph};
    const engine_options options = {.precision = page.precision};
    ACCEL_TRY(page_engine->load(&model, NULL, &options, &page.session, err));
    page_append_plan(out, page.session->plan, NULL);
    return ACCEL_OK;
}

const char *page_webgpu_plan(void) {
    return page_text_end(make_plan(page_text_start(), &page.error));
}

/* ---- numbers of the device --------------------------------------------------------------------------------------------------------- */

/* Room for so many elements; what was given out before is gone. */
static accel_status make_room(engine_session *s, size_t count, accel_error *err) {
    mem_free(s->elements);
    s->elements = mem_calloc(count + 1, sizeof *s->elements);
    return s->elements != NULL ? ACCEL_OK : error_no_memory(err, "a tensor", count * sizeof *s->elements);
}

static accel_status check_index(const gpu_tensors *list, size_t index, accel_error *err) {
    return index < list->count
               ? ACCEL_OK
               : error_set(err, ACCEL_INVALID_ARGUMENT, "the plan has %zu of these tensors, not %zu",
                           list->count, index + 1);
}

/* The constant where it lies, if it lies as the device holds it: large models have most of their bytes in such. */
static accel_status find_in_place(const gpu_plan *plan, const gpu_tensor *c, const void **out,
                                  accel_error *err) {
    *out = c->own;
    if (c->own != NULL)
        return ACCEL_OK;
    const graph_value *v = &plan->graph->values[c->value];
    bool same = (v->type.type == DTYPE_I32 || v->type.type == (c->half ? DTYPE_F16 : DTYPE_F32)) &&
                gpu_tensor_bytes(c) == (uint64_t)c->elements * (dtype_bits(v->type.type) / 8) && !c->turned &&
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
    engine_session *s;
    ACCEL_TRY(need_plan(&s, err));
    ACCEL_TRY(check_index(&s->plan->constants, index, err));
    const gpu_tensor *c = &s->plan->constants.items[index];
    ACCEL_TRY(find_in_place(s->plan, c, out, err));
    if (*out != NULL)
        return ACCEL_OK;
    ACCEL_TRY(make_room(s, c->elements, err));
    *out = s->elements;
    return gpu_plan_constant(s->plan, c, s->elements, err);
}

const void *page_webgpu_constant(size_t index) {
    const void *bytes = NULL;
    return constant(index, &bytes, &page.error) == ACCEL_OK ? bytes : NULL;
}

static accel_status input(size_t index, const void **out, accel_error *err) {
    engine_session *s;
    ACCEL_TRY(need_plan(&s, err));
    ACCEL_TRY(check_index(&s->plan->inputs, index, err));
    const gpu_tensor *t = &s->plan->inputs.items[index];
    const tensor *inputs = of_generation ? s->inputs : page.inputs;
    if (inputs == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the model has no inputs yet: bind them first");
    ACCEL_TRY(make_room(s, t->elements, err));
    *out = s->elements;
    return gpu_elements_from(inputs[index].type, inputs[index].data, t->elements, t->half, s->elements)
               ? ACCEL_OK
               : error_set(err, ACCEL_UNSUPPORTED, "input '%s' holds integers of more than 32 bits",
                           s->plan->graph->values[t->value].name);
}

const void *page_webgpu_input(size_t index) {
    const void *bytes = NULL;
    return input(index, &bytes, &page.error) == ACCEL_OK ? bytes : NULL;
}

static accel_status parameters(const void **out, accel_error *err) {
    engine_session *s;
    ACCEL_TRY(need_plan(&s, err));
    ACCEL_TRY(make_room(s, s->plan->step_count * GPU_PARAMETER_WORDS, err));
    for (size_t i = 0; i < s->plan->step_count; i++)
        memcpy(s->elements + i * GPU_PARAMETER_WORDS, s->plan->steps[i].parameters, PARAMETER_BYTES);
    *out = s->elements;
    return ACCEL_OK;
}

const void *page_webgpu_parameters(void) {
    const void *bytes = NULL;
    return parameters(&bytes, &page.error) == ACCEL_OK ? bytes : NULL;
}

static accel_status append_costs(str_buf *out, accel_error *err) {
    engine_session *s;
    ACCEL_TRY(need_plan(&s, err));
    const gpu_plan *plan = s->plan;
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
    engine_session *s;
    if (need_plan(&s, NULL) != ACCEL_OK)
        return;
    mem_free(s->elements);
    s->elements = NULL;
}

static accel_status append_outputs(str_buf *out, const uint32_t *given, accel_error *err) {
    engine_session *s;
    ACCEL_TRY(need_plan(&s, err));
    ACCEL_TRY(page_gpu_take(s, given, NULL, err));
    page_append_tensors(out, page.model.graph->outputs, s->outputs, s->plan->outputs.count);
    return ACCEL_OK;
}

const char *page_webgpu_outputs(const uint32_t *given) {
    return page_text_end(append_outputs(page_text_start(), given, &page.error));
}
