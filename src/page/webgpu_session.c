/* An engine whose sessions are plans for the browser's GPU: the page carries them out, and hands over what came of it. */
#include "page/webgpu_session.h"

#include "base/mem.h"
#include "page/page.h"
#include "page/state.h"

static gpu_limits limits;
static str_buf tuning;

void page_webgpu_start(double buffer_bytes, double binding_bytes, uint32_t groups, uint32_t subgroup,
                       int f16) {
    limits = (gpu_limits){.buffer_bytes = (uint64_t)buffer_bytes,
                          .binding_bytes = (uint64_t)binding_bytes,
                          .groups = groups,
                          .apart = true,
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

static accel_status load(const engine_model *model, const engine_device *device,
                         const engine_options *options, engine_session **out, accel_error *err) {
    (void)device;
    if (limits.groups == 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "what the browser's GPU can do is not known: page_webgpu_start comes first");
    engine_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return error_no_memory(err, "a session", sizeof *s);
    limits.tuning = str_text(&tuning);
    limits.precision = options->precision;
    accel_status status = gpu_plan_create(model->graph, &limits, &s->plan, err);
    *out = status == ACCEL_OK ? s : NULL;
    if (status != ACCEL_OK)
        mem_free(s);
    return status;
}

static accel_status bind(engine_session *s, const tensor *inputs, size_t count, accel_error *err) {
    (void)count, (void)err;
    s->inputs = inputs;
    return ACCEL_OK;
}

static bool holds(const engine_session *s, size_t input) {
    return s->plan->inputs.items[input].held;
}

static void drop_outputs(engine_session *s) {
    for (size_t i = 0; s->outputs != NULL && i < s->plan->outputs.count; i++)
        tensor_free(&s->outputs[i]);
    mem_free(s->outputs);
    s->outputs = NULL;
}

accel_status page_gpu_take(engine_session *s, const uint32_t *given, const bool *left, accel_error *err) {
    const gpu_tensors *list = &s->plan->outputs;
    drop_outputs(s);
    s->outputs = mem_calloc(list->count + 1, sizeof *s->outputs);
    if (s->outputs == NULL)
        return error_no_memory(err, "the outputs", list->count * sizeof *s->outputs);
    for (size_t i = 0; i < list->count; i++) {
        const gpu_tensor *from = &list->items[i];
        const value_type *t = &s->plan->graph->values[from->value].type;
        if (left != NULL && left[i])
            continue;
        ACCEL_TRY(tensor_create(t->type, &t->shape, &s->outputs[i], err));
        gpu_elements_to(t->type, given, from->elements, from->half, s->outputs[i].data);
        given += gpu_tensor_bytes(from) / sizeof *given;
    }
    return ACCEL_OK;
}

static accel_status output(engine_session *s, size_t index, tensor *view, accel_error *err) {
    if (s->outputs == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the page has not run the model yet");
    *view = s->outputs[index];
    return ACCEL_OK;
}

static void unload(engine_session *s) {
    if (s == NULL)
        return;
    drop_outputs(s);
    mem_free(s->elements);
    gpu_plan_destroy(s->plan);
    mem_free(s);
}

static const engine_def engine_page_gpu = {.name = "webgpu",
                                           .reads_back = true,
                                           .load = load,
                                           .bind = bind,
                                           .holds = holds,
                                           .output = output,
                                           .unload = unload};
const engine_def *const page_engine = &engine_page_gpu;
