/* Private to the openvino engine: the vendor's C API behind one header, and the loaded runtime. */
#ifndef ACCEL_ENGINES_OPENVINO_OV_H
#define ACCEL_ENGINES_OPENVINO_OV_H

#include <openvino/c/openvino.h>

#include "base/arena.h"
#include "base/str.h"
#include "engines/engine.h"

/* Every function used here, all present since OpenVINO 2023. Types come from the vendor's own declarations. */
#define OV_FUNCTIONS(X)                                                                                      \
    X(ov_get_openvino_version)                                                                               \
    X(ov_version_free)                                                                                       \
    X(ov_get_error_info)                                                                                     \
    X(ov_get_last_err_msg)                                                                                   \
    X(ov_free)                                                                                               \
    X(ov_core_create)                                                                                        \
    X(ov_core_free)                                                                                          \
    X(ov_core_get_available_devices)                                                                         \
    X(ov_available_devices_free)                                                                             \
    X(ov_core_get_property)                                                                                  \
    X(ov_core_set_property)                                                                                  \
    X(ov_core_read_model)                                                                                    \
    X(ov_core_compile_model)                                                                                 \
    X(ov_model_free)                                                                                         \
    X(ov_model_is_dynamic)                                                                                   \
    X(ov_model_reshape)                                                                                      \
    X(ov_partial_shape_create)                                                                               \
    X(ov_partial_shape_free)                                                                                 \
    X(ov_compiled_model_free)                                                                                \
    X(ov_compiled_model_get_property)                                                                        \
    X(ov_compiled_model_create_infer_request)                                                                \
    X(ov_compiled_model_inputs_size)                                                                         \
    X(ov_compiled_model_outputs_size)                                                                        \
    X(ov_compiled_model_input_by_name)                                                                       \
    X(ov_port_get_element_type)                                                                              \
    X(ov_output_const_port_free)                                                                             \
    X(ov_infer_request_free)                                                                                 \
    X(ov_infer_request_infer)                                                                                \
    X(ov_infer_request_set_tensor_by_const_port)                                                             \
    X(ov_infer_request_get_output_tensor_by_index)                                                           \
    X(ov_infer_request_get_profiling_info)                                                                   \
    X(ov_profiling_info_list_free)                                                                           \
    X(ov_tensor_create_from_host_ptr)                                                                        \
    X(ov_tensor_get_byte_size)                                                                               \
    X(ov_tensor_get_shape)                                                                                   \
    X(ov_tensor_data)                                                                                        \
    X(ov_tensor_free)                                                                                        \
    X(ov_shape_free)

typedef struct ov_runtime {
#define OV_POINTER(name) __typeof__(name) *name;
    OV_FUNCTIONS(OV_POINTER)
#undef OV_POINTER
    char version[64]; /* "2026.4.1" */
    char path[512];
} ov_runtime;

/* Finds and loads the library, once a process for each path; it stays loaded. */
accel_status ov_runtime_open(const engine_context *context, const ov_runtime **out, accel_error *err);
/* Where it would be loaded from. */
accel_status ov_runtime_find(const engine_context *context, str_buf *path, accel_error *err);

/* "what: the runtime's message" for a failed call; ACCEL_OK for OK. */
accel_status ov_check(const ov_runtime *rt, ov_status_e status, accel_error *err, const char *format, ...)
    ACCEL_PRINTF(4, 5);

/* A property of a device or of a compiled model as text; "" when it has none. */
void ov_device_property(const ov_runtime *rt, const ov_core_t *core, const char *device, const char *key,
                        str_buf *out);
void ov_compiled_property(const ov_runtime *rt, const ov_compiled_model_t *model, const char *key,
                          str_buf *out);

/* Devices found, and the usual ones that are absent with the runtime's reason (devices.c). */
accel_status ov_devices(const ov_runtime *rt, arena *a, engine_device **out, size_t *count, accel_error *err);

/* OpenVINO's name of a precision hint and back ("f32"); PRECISION_COUNT for one that we don't know ("dynamic"). int8 and int4
 * models are quantised in the file; what is left of floating point in them is computed in f32. */
const char *ov_precision_hint(precision p);
precision ov_precision_from_hint(const char *hint);

#endif
