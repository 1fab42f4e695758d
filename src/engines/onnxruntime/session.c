/* Running a session: inputs and outputs are bound in place, so that a run copies nothing that the runtime need not. */
#include "base/mem.h"
#include "engines/onnxruntime/ort.h"
#include "engines/vendor.h"

/* Both sides number element types as ONNX does; the runtime's header ends at int4. */
static ONNXTensorElementDataType element_type(dtype type) {
    return type <= DTYPE_I4 ? (ONNXTensorElementDataType)type : ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

static dtype type_of_element(ONNXTensorElementDataType element) {
    return (int)element <= (int)DTYPE_I4 ? (dtype)element : DTYPE_UNDEFINED;
}

void ort_unbind(engine_session *s) {
    const OrtApi *api = s->rt->api;
    api->ReleaseIoBinding(s->binding);
    s->binding = NULL;
    s->has_open_outputs = false;
    for (size_t i = 0; s->inputs && i < s->graph->input_count; i++) {
        api->ReleaseValue(s->inputs[i]);
        s->inputs[i] = NULL;
    }
    for (size_t i = 0; s->outputs && i < s->graph->output_count; i++) {
        api->ReleaseValue(s->outputs[i].value);
        s->outputs[i].value = NULL;
        if (s->outputs[i].in_input) {
            s->outputs[i].ours = (tensor){0};
        }
        tensor_free(&s->outputs[i].ours);
        s->outputs[i].in_input = false;
    }
}

/* A value over memory of the caller. */
static accel_status wrap(engine_session *s, const char *name, const tensor *t, OrtValue **out,
                         accel_error *err) {
    static int64_t nothing; /* an empty tensor has no memory, but the runtime wants an address */
    return ort_check(s->rt,
                     s->rt->api->CreateTensorWithDataAsOrtValue(
                         s->memory, t->data ? t->data : &nothing, t->size_bytes, t->shape.dims,
                         (size_t)t->shape.rank, element_type(t->type), out),
                     err, "binding '%s'", name);
}

static accel_status bind_open(engine_session *s, const ort_output *o, accel_error *err) {
    return ort_check(s->rt, s->rt->api->BindOutputToDevice(s->binding, o->name, s->memory), err,
                     "binding output '%s'", o->name);
}

/* All in the file's order: the runtime gives the values back in the order of the first binding. */
static accel_status bind_output(engine_session *s, size_t index, const tensor *inputs, accel_error *err) {
    const OrtApi *api = s->rt->api;
    const value_type *type = &s->graph->values[s->graph->outputs[index]].type;
    ort_output *o = &s->outputs[index];
    if (!shape_is_static(&type->shape) || type->type == DTYPE_UNDEFINED) {
        s->has_open_outputs = true;
        return bind_open(s, o, err);
    }
    size_t cache = vendor_cache_input(s->graph, index);
    o->in_input = cache < s->graph->input_count && inputs[cache].data;
    if (o->in_input) {
        o->ours = inputs[cache];
    } else {
        ACCEL_TRY(tensor_create(type->type, &type->shape, &o->ours, err));
    }
    ACCEL_TRY(wrap(s, o->name, &o->ours, &o->value, err));
    return ort_check(s->rt, api->BindOutput(s->binding, o->name, o->value), err, "binding output '%s'",
                     o->name);
}

static accel_status bind_all(engine_session *s, const tensor *inputs, size_t count, accel_error *err) {
    const OrtApi *api = s->rt->api;
    ACCEL_TRY(ort_check(s->rt, api->CreateIoBinding(s->session, &s->binding), err, "binding"));
    for (size_t i = 0; i < count; i++) {
        const char *name = s->graph->values[s->graph->inputs[i]].name;
        ACCEL_TRY(wrap(s, name, &inputs[i], &s->inputs[i], err));
        ACCEL_TRY(ort_check(s->rt, api->BindInput(s->binding, name, s->inputs[i]), err, "binding input '%s'",
                            name));
    }
    for (size_t i = 0; i < s->graph->output_count; i++) {
        ACCEL_TRY(bind_output(s, i, inputs, err));
    }
    return ACCEL_OK;
}

accel_status ort_bind(engine_session *s, const tensor *inputs, size_t count, accel_error *err) {
    ACCEL_TRY(vendor_check_inputs(s->graph, inputs, count, err));
    ort_unbind(s);
    accel_status status = bind_all(s, inputs, count, err);
    if (status != ACCEL_OK) {
        ort_unbind(s);
    }
    return status;
}

/* The binding keeps the values that a run allocated and would demand their shape of the next run: let it forget them. */
static accel_status forget_outputs(engine_session *s, accel_error *err) {
    for (size_t i = 0; i < s->graph->output_count; i++) {
        if (s->outputs[i].ours.type == DTYPE_UNDEFINED) {
            ACCEL_TRY(bind_open(s, &s->outputs[i], err));
        }
    }
    return ACCEL_OK;
}

accel_status ort_run(engine_session *s, accel_error *err) {
    if (!s->binding) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "nothing is bound to the session");
    }
    if (s->has_open_outputs) {
        ACCEL_TRY(forget_outputs(s, err));
    }
    OrtStatus *status = s->rt->api->RunWithBinding(s->session, s->run_options, s->binding);
    return status ? ort_check(s->rt, status, err, "running") : ACCEL_OK;
}

/* ---- outputs ----------------------------------------------------------------------------------------------------------- */

static accel_status view_of(const engine_session *s, OrtValue *value, tensor *view, accel_error *err) {
    const OrtApi *api = s->rt->api;
    OrtTensorTypeAndShapeInfo *info = NULL;
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t rank = 0;
    *view = (tensor){0};
    ACCEL_TRY(ort_check(s->rt, api->GetTensorTypeAndShape(value, &info), err, "an output's shape"));
    OrtStatus *status = api->GetTensorElementType(info, &element);
    if (!status) {
        status = api->GetDimensionsCount(info, &rank);
    }
    if (!status && rank <= TENSOR_MAX_RANK) {
        status = api->GetDimensions(info, view->shape.dims, rank);
    }
    api->ReleaseTensorTypeAndShapeInfo(info);
    ACCEL_TRY(ort_check(s->rt, status, err, "an output's shape"));
    view->type = type_of_element(element);
    view->shape.rank = (int)rank;
    if (rank > TENSOR_MAX_RANK || view->type == DTYPE_UNDEFINED) {
        return error_set(err, ACCEL_UNSUPPORTED, "an output has %zu dims or an element type unknown here",
                         rank);
    }
    ACCEL_TRY(tensor_size_bytes(view->type, &view->shape, "an output", &view->size_bytes, err));
    return ort_check(s->rt, api->GetTensorMutableData(value, &view->data), err, "an output's memory");
}

/* Outputs whose shape only the run tells lie in memory of the runtime; keep them until the next call. */
static accel_status fetch(engine_session *s, accel_error *err) {
    const OrtApi *api = s->rt->api;
    OrtAllocator *allocator = NULL;
    OrtValue **values = NULL;
    size_t count = 0;
    ACCEL_TRY(ort_check(s->rt, api->GetAllocatorWithDefaultOptions(&allocator), err, "its allocator"));
    ACCEL_TRY(ort_check(s->rt, api->GetBoundOutputValues(s->binding, allocator, &values, &count), err,
                        "the outputs"));
    for (size_t i = 0; i < count; i++) {
        if (i >= s->graph->output_count || s->outputs[i].ours.type != DTYPE_UNDEFINED) {
            api->ReleaseValue(values[i]);
            continue;
        }
        api->ReleaseValue(s->outputs[i].value);
        s->outputs[i].value = values[i];
    }
    allocator->Free(allocator, values);
    return ACCEL_OK;
}

accel_status ort_outputs(engine_session *s, tensor *views, size_t count, accel_error *err) {
    if (count != s->graph->output_count || !s->binding) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%zu outputs were asked for, the model has %zu", count,
                         s->graph->output_count);
    }
    if (s->has_open_outputs) {
        ACCEL_TRY(fetch(s, err));
    }
    for (size_t i = 0; i < count; i++) {
        if (s->outputs[i].ours.type != DTYPE_UNDEFINED) {
            views[i] = s->outputs[i].ours;
        } else if (s->outputs[i].value) {
            ACCEL_TRY(view_of(s, s->outputs[i].value, &views[i], err));
        } else {
            return error_set(err, ACCEL_INVALID_ARGUMENT, "output '%s' is not there before the first run",
                             s->outputs[i].name);
        }
    }
    return ACCEL_OK;
}
