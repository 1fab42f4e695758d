/* Reading tests/golden/media: arrays as make_media.py saved them, and the list of cases. */
#ifndef ACCEL_TESTS_MEDIA_GOLDEN_H
#define ACCEL_TESTS_MEDIA_GOLDEN_H

#include "support/test.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "media/tensors.h"

static accel_error err;

/* An array of float32, int64, int16 or uint8, in C order. */
typedef struct golden {
    char *file;
    const void *data;
    int rank;
    int64_t dims[8];
    size_t count;
    char type; /* 'f', 'i', 's', 'u' */
} golden;

static const char *golden_path(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "tests/golden/media/%s", name);
    return path;
}

static golden golden_read(const char *format, const char *first, const char *second) {
    golden g = {.count = 1};
    char name[256];
    size_t length;
    snprintf(name, sizeof name, format, first, second);
    assert_ok(file_read(golden_path(name), 8 << 20, &g.file, &length, &err));
    const char *header = g.file + 10, *next = strstr(header, "'shape': (");
    size_t header_bytes = (size_t)(uint8_t)g.file[8] | (size_t)(uint8_t)g.file[9] << 8;
    g.type = strstr(header, "'<f4'")   ? 'f'
             : strstr(header, "'<i8'") ? 'i'
             : strstr(header, "'<i2'") ? 's'
                                       : 'u';
    assert_non_null(next);
    for (next += 10; *next != ')'; next += strspn(next, ", ")) {
        char *end;
        g.dims[g.rank] = strtoll(next, &end, 10);
        g.count *= (size_t)g.dims[g.rank++];
        next = end;
    }
    g.data = g.file + 10 + header_bytes;
    return g;
}

static void golden_free(golden *g) {
    mem_free(g->file);
}

/* The parts of a large tensor that the golden keeps: every so many rows and columns of its last two axes. */
__attribute__((unused)) static void thin_out(media_tensor *t, const golden *g) {
    if (t->rank < 3 || g->dims[g->rank - 1] == t->dims[t->rank - 1])
        return;
    int64_t rows = t->dims[t->rank - 2], columns = t->dims[t->rank - 1], stride = 16, at = 0;
    float *values = t->data;
    int64_t planes = (int64_t)(t->size_bytes / 4) / (rows * columns);
    for (int64_t p = 0; p < planes; p++)
        for (int64_t y = 0; y < rows; y += stride)
            for (int64_t x = 0; x < columns; x += stride)
                values[at++] = values[(p * rows + y) * columns + x];
    t->dims[t->rank - 2] = (rows + stride - 1) / stride;
    t->dims[t->rank - 1] = (columns + stride - 1) / stride;
}

/* The largest difference of a tensor from what transformers gave; the shapes must agree. */
__attribute__((unused)) static double golden_distance(media_tensor *t, const golden *g, const char *name) {
    double most = 0;
    thin_out(t, g);
    if (t->rank != g->rank || (t->type == MEDIA_F32) != (g->type == 'f'))
        fail_msg("%s %s: rank %d and golden %d", name, t->name, t->rank, g->rank);
    for (int i = 0; i < g->rank; i++)
        if (t->dims[i] != g->dims[i])
            fail_msg("%s %s: dim %d is %lld and golden %lld", name, t->name, i, (long long)t->dims[i],
                     (long long)g->dims[i]);
    for (size_t i = 0; i < g->count; i++) {
        float value;
        int64_t whole;
        memcpy(&value, (const char *)g->data + 4 * i, 4);
        if (t->type != MEDIA_F32)
            memcpy(&whole, (const char *)g->data + 8 * i, 8);
        double apart = t->type == MEDIA_F32   ? fabs((double)((float *)t->data)[i] - (double)value)
                       : t->type == MEDIA_I64 ? fabs((double)(((int64_t *)t->data)[i] - whole))
                                              : fabs((double)(((bool *)t->data)[i] - whole));
        most = apart > most || apart != apart ? apart : most;
    }
    return most;
}

/* The list `section` of cases.json. */
static yyjson_doc *golden_cases(const char *section, yyjson_val **list) {
    yyjson_doc *doc;
    assert_ok(json_read(golden_path("cases.json"), 1 << 20, &doc, &err));
    *list = yyjson_obj_get(yyjson_doc_get_root(doc), section);
    assert_true(yyjson_arr_size(*list) > 0);
    return doc;
}

#endif
