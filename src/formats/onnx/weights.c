#include "formats/onnx/weights.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "formats/name_map.h"

enum {
    ALIGNMENT = 4096,
    PIECE_ELEMENTS = 1 << 18
}; /* a runtime maps whole pages; a piece stays in a cache */

struct onnx_weights {
    file_writer *file;
    const char *name;
    arena *memory;
    name_map places; /* of contents: an index into offsets */
    uint64_t *offsets;
    size_t count, capacity;
    void *piece;
};

void onnx_weights_abort(onnx_weights *w) {
    if (!w)
        return;
    file_writer_abort(w->file);
    mem_free(w->offsets);
    mem_free(w->piece);
    arena_destroy(w->memory);
    mem_free(w);
}

accel_status onnx_weights_open(const char *path, onnx_weights **out, accel_error *err) {
    onnx_weights *w = mem_calloc(1, sizeof *w);
    *out = NULL;
    if (w)
        w->memory = w->places.memory = arena_create();
    if (w && w->memory)
        w->name = arena_strdup(w->memory, file_base_name(path));
    accel_status status =
        w && w->name ? file_writer_open(path, &w->file, err) : error_no_memory(err, path, sizeof *w);
    if (status != ACCEL_OK) {
        onnx_weights_abort(w);
        return status;
    }
    *out = w;
    return ACCEL_OK;
}

accel_status onnx_weights_commit(onnx_weights *w, accel_error *err) {
    file_writer *file = w->file;
    w->file = NULL;
    onnx_weights_abort(w);
    return file_writer_commit(file, err);
}

const char *onnx_weights_name(const onnx_weights *w) {
    return w->name;
}

void onnx_weights_set_scratch(onnx_weights *w) {
    file_writer_set_scratch(w->file);
}

/* ---- contents ----------------------------------------------------------------------------------------- */

static accel_status write_generated(onnx_weights *w, const graph *g, value_id id, accel_error *err) {
    const graph_value *v = &g->values[id];
    int64_t elements = 0;
    size_t piece_bytes;
    if (!shape_elements(&v->type.shape, &elements) ||
        !dtype_size_bytes(v->type.type, PIECE_ELEMENTS, &piece_bytes))
        return error_set(err, ACCEL_LIMIT, "'%s' is too large to be written", v->name);
    if (!w->piece && !(w->piece = mem_alloc(PIECE_ELEMENTS * (dtype_bits(DTYPE_C128) / 8))))
        return error_no_memory(err, v->name, piece_bytes);
    for (int64_t first = 0; first < elements; first += PIECE_ELEMENTS) {
        int64_t count = elements - first < PIECE_ELEMENTS ? elements - first : PIECE_ELEMENTS;
        (void)dtype_size_bytes(v->type.type, count, &piece_bytes);
        ACCEL_TRY(graph_value_generate(g, id, first, count, w->piece, err));
        ACCEL_TRY(file_writer_write(w->file, w->piece, piece_bytes, err));
    }
    return ACCEL_OK;
}

static accel_status write_contents(onnx_weights *w, const graph *g, value_id id, size_t size_bytes,
                                   accel_error *err) {
    const graph_value *v = &g->values[id];
    if (v->data.kind == DATA_GENERATED)
        return write_generated(w, g, id, err);
    if (v->data.size_bytes != size_bytes)
        return error_set(err, ACCEL_BAD_GRAPH, "'%s' has %llu bytes of contents, but its type needs %llu",
                         v->name, (unsigned long long)v->data.size_bytes, (unsigned long long)size_bytes);
    return file_writer_write(w->file, v->data.bytes, size_bytes, err);
}

/* What makes two contents the same without looking at them. */
static void append_key(str_buf *out, const graph_value *v, size_t size_bytes) {
    const graph_data *d = &v->data;
    str_appendf(out, "%llu ", (unsigned long long)size_bytes);
    uint64_t bits[2];
    memcpy(&bits[0], &d->a, sizeof d->a);
    memcpy(&bits[1], &d->b, sizeof d->b);
    if (d->kind == DATA_GENERATED)
        str_appendf(out, "%d %d %llx %llx %llu %s", (int)v->type.type, (int)d->distribution,
                    (unsigned long long)bits[0], (unsigned long long)bits[1], (unsigned long long)d->seed,
                    d->stream);
    else
        str_appendf(out, "at %llu", (unsigned long long)(uintptr_t)d->bytes);
}

static accel_status note_place(onnx_weights *w, const char *key, uint64_t offset, accel_error *err) {
    const char *kept = arena_strdup(w->memory, key);
    if (!kept || !mem_grow((void **)&w->offsets, &w->capacity, w->count + 1, sizeof *w->offsets) ||
        !name_map_put(&w->places, (byte_span){(const uint8_t *)kept, strlen(kept)}, (int32_t)w->count))
        return error_no_memory(err, "an ONNX file", (w->count + 1) * sizeof *w->offsets);
    w->offsets[w->count++] = offset;
    return ACCEL_OK;
}

static accel_status write_new(onnx_weights *w, const graph *g, value_id id, size_t size_bytes,
                              const char *key, uint64_t *offset, accel_error *err) {
    static const uint8_t zeros[ALIGNMENT];
    uint64_t end = file_writer_offset(w->file), padding = (ALIGNMENT - end % ALIGNMENT) % ALIGNMENT;
    ACCEL_TRY(file_writer_write(w->file, zeros, (size_t)padding, err));
    ACCEL_TRY(write_contents(w, g, id, size_bytes, err));
    *offset = end + padding;
    return note_place(w, key, *offset, err);
}

accel_status onnx_weights_put(onnx_weights *w, const graph *g, value_id id, size_t size_bytes,
                              uint64_t *offset, accel_error *err) {
    str_buf key = {0};
    append_key(&key, &g->values[id], size_bytes);
    if (key.failed)
        return error_no_memory(err, "an ONNX file", key.length);
    int32_t place = name_map_get(&w->places, (byte_span){(const uint8_t *)key.data, key.length});
    accel_status status = ACCEL_OK;
    if (place != NAME_ABSENT)
        *offset = w->offsets[place];
    else
        status = write_new(w, g, id, size_bytes, key.data, offset, err);
    str_free(&key);
    return status;
}
