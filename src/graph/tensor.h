/* Shapes and tensors as every room passes them around. A tensor is dense, row-major ("C order"), not strided. */
#ifndef ACCEL_GRAPH_TENSOR_H
#define ACCEL_GRAPH_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "graph/dtype.h"

enum { TENSOR_MAX_RANK = 8 };
enum { DIM_UNKNOWN = -1, RANK_UNKNOWN = -1 };

/* rank RANK_UNKNOWN: nothing known. A dim of DIM_UNKNOWN: known at run time only. A rank of 0 is a scalar. */
typedef struct shape {
    int rank;
    int64_t dims[TENSOR_MAX_RANK];
} shape;

shape shape_make(int rank, const int64_t *dims);
shape shape_unknown(void);
bool shape_is_static(const shape *s); /* rank and every dim known */
bool shape_equal(const shape *a, const shape *b);
/* Product of the dims; false when unknown, negative or above INT64_MAX. Scalars have 1, shapes with a 0 have 0. */
bool shape_elements(const shape *s, int64_t *out);
/* "[1,3,?,224]" into buffer, which is returned. */
const char *shape_text(const shape *s, char *buffer, size_t size);
/* ONNX multidirectional (numpy) broadcasting of two static or partly known shapes. False when they conflict. */
bool shape_broadcast(const shape *a, const shape *b, shape *out);
/* Normalises an axis in [-rank, rank) to [0, rank). False when outside. */
bool shape_axis(int64_t axis, int rank, int *out);

typedef struct tensor {
    dtype type;
    shape shape;
    void *data; /* owned by whoever made the tensor; NULL when there are no elements */
    size_t size_bytes;
} tensor;

/* Bytes of a static shape in this type, or an error naming `what` when it cannot be represented. */
accel_status tensor_size_bytes(dtype type, const shape *s, const char *what, size_t *out, accel_error *err);
/* Allocates (64-byte aligned, zeroed) / frees a tensor that owns its data. tensor_free leaves it zero and accepts a zero one. */
accel_status tensor_create(dtype type, const shape *s, tensor *out, accel_error *err);
void tensor_free(tensor *t);

/* How far a is from the reference b (same shape; both read as f64): relative_l2 = |a-b|2 / |b|2 (|a-b|2 when b is all zero),
 * max_abs = max |a-b|. A NaN or infinity that the other lacks at that place makes both infinite. */
typedef struct tensor_distance {
    double relative_l2;
    double max_abs;
} tensor_distance;
accel_status tensor_compare(const tensor *a, const tensor *b, tensor_distance *out, accel_error *err);

#endif
