/* What preprocessing gives: named tensors, in the order in which transformers' processors list them. */
#ifndef ACCEL_MEDIA_TENSORS_H
#define ACCEL_MEDIA_TENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum media_dtype { MEDIA_F32, MEDIA_I64, MEDIA_BOOL } media_dtype; /* 4, 8 and 1 bytes an element */

enum { MEDIA_MAX_RANK = 5, MEDIA_MAX_TENSORS = 4 };

typedef struct media_tensor {
    const char *name; /* "pixel_values"; static text */
    media_dtype type;
    int rank;
    int64_t dims[MEDIA_MAX_RANK];
    void *data; /* row-major, aligned to 64 bytes */
    size_t size_bytes;
} media_tensor;

/* Owns its tensors. Start with {0}. */
typedef struct media_tensors {
    media_tensor items[MEDIA_MAX_TENSORS];
    size_t count;
} media_tensors;

/* Appends a zeroed tensor and gives its data. Above 2^31 elements ACCEL_LIMIT. */
accel_status media_tensors_add(media_tensors *t, const char *name, media_dtype type, int rank,
                               const int64_t *dims, void **data, accel_error *err);
const media_tensor *media_tensors_find(const media_tensors *t, const char *name); /* NULL when absent */
void media_tensors_free(media_tensors *t); /* leaves it zero; accepts a zero one */

#endif
