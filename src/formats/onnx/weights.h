/* The file that holds the large weights of a model, or of several that are written one after the other. For write.c. */
#ifndef ACCEL_FORMATS_ONNX_WEIGHTS_H
#define ACCEL_FORMATS_ONNX_WEIGHTS_H

#include "formats/formats.h"

/* Where contents begin. */
typedef struct onnx_weights_place {
    const char *name; /* of the file, beside the model; lives as long as the weights */
    uint64_t offset;
} onnx_weights_place;
/* Where the contents of this initializer, size_bytes long, lie; they are written now unless they are there already. */
accel_status onnx_weights_put(onnx_weights *w, const graph *g, value_id id, size_t size_bytes,
                              onnx_weights_place *place, accel_error *err);
/* For a file that need not outlive this program. */
void onnx_weights_set_scratch(onnx_weights *w);

#endif
