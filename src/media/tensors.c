#include "media/tensors.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/str.h"

enum { ALIGNMENT = 64 };

static const size_t MAX_ELEMENTS = (size_t)1 << 31;
static const size_t element_bytes[] = {[MEDIA_F32] = 4, [MEDIA_I64] = 8, [MEDIA_BOOL] = 1};

accel_status media_tensors_add(media_tensors *t, const char *name, media_dtype type, int rank,
                               const int64_t *dims, void **data, accel_error *err) {
    media_tensor made = {.name = name, .type = type, .rank = rank};
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        made.dims[i] = dims[i];
        if (!checked_mul(count, (size_t)dims[i], &count) || count > MAX_ELEMENTS)
            return error_set(err, ACCEL_LIMIT, "%s would have more than the %zu elements that are allowed",
                             name, MAX_ELEMENTS);
    }
    made.size_bytes = count * element_bytes[type];
    made.data = mem_alloc_aligned(made.size_bytes, ALIGNMENT, false);
    if (!made.data)
        return error_no_memory(err, name, made.size_bytes);
    memset(made.data, 0, made.size_bytes);
    t->items[t->count++] = made;
    *data = made.data;
    return ACCEL_OK;
}

const media_tensor *media_tensors_find(const media_tensors *t, const char *name) {
    for (size_t i = 0; i < t->count; i++)
        if (str_equal(t->items[i].name, name))
            return &t->items[i];
    return NULL;
}

void media_tensors_free(media_tensors *t) {
    for (size_t i = 0; i < t->count; i++)
        mem_free_aligned(t->items[i].data, t->items[i].size_bytes);
    *t = (media_tensors){0};
}
