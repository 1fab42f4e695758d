/* Reading the small JSON files of tests/golden. */
#ifndef ACCEL_TESTS_ZOO_GOLDEN_H
#define ACCEL_TESTS_ZOO_GOLDEN_H

#include "support/test.h"

#include <math.h>
#include <yyjson.h>

#include "base/mem.h"
#include "graph/tensor.h"

static inline const char *source_path(const char *name) {
    static char paths[4][512];
    static unsigned next;
    const char *source = getenv("ACCEL_SOURCE_DIR");
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", source ? source : ".", name);
    return path;
}

static inline yyjson_doc *golden_open(const char *name) {
    yyjson_doc *doc = yyjson_read_file(source_path(name), 0, NULL, NULL);
    assert_non_null(doc);
    return doc;
}

/* The list under `key` as a tensor of this type and shape; tensor_free it. */
static inline tensor golden_tensor(yyjson_doc *doc, const char *key, dtype type, int rank,
                                   const int64_t *dims) {
    accel_error err;
    tensor t;
    shape s = shape_make(rank, dims);
    yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), key);
    int64_t count;
    assert_true(shape_elements(&s, &count));
    assert_int_equal(yyjson_arr_size(list), count);
    assert_ok(tensor_create(type, &s, &t, &err));
    size_t i = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)); i++) {
        dtype_set_f64(type, t.data, i, yyjson_get_num(v));
    }
    return t;
}

static inline int64_t golden_dim(yyjson_doc *doc, size_t axis) {
    return yyjson_get_sint(yyjson_arr_get(yyjson_obj_get(yyjson_doc_get_root(doc), "shape"), axis));
}

/* Relative L2 distance of `count` pairs, for those that `keep` (may be NULL) does not leave out. */
static inline double relative_l2(const float *got, const float *want, size_t count, const int64_t *keep,
                                 size_t per_keep) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        if (keep && !keep[i / per_keep]) {
            continue;
        }
        double d = (double)got[i] - (double)want[i];
        difference += d * d;
        norm += (double)want[i] * (double)want[i];
    }
    return sqrt(difference / norm);
}

#endif
