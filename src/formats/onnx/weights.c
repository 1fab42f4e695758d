#include "formats/onnx/weights.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "formats/name_map.h"

enum {
    ALIGNMENT = 4096,
    PIECE_ELEMENTS = 1 << 18
}; /* a runtime maps whole pages; a piece stays in a cache */

enum { MOST_FILES = 64 };

struct onnx_weights {
    const char *path;               /* of the first file */
    file_writer *files[MOST_FILES]; /* the last one is written to */
    const char *names[MOST_FILES];
    size_t file_count;
    uint64_t most_bytes; /* of a file; 0: any number */
    bool scratch;
    arena *memory;
    name_map known; /* contents: an index into places */
    onnx_weights_place *places;
    size_t count, capacity;
    void *piece;
};

void onnx_weights_abort(onnx_weights *w) {
    if (!w)
        return;
    for (size_t i = 0; i < w->file_count; i++)
        file_writer_abort(w->files[i]);
    mem_free(w->places);
    mem_free(w->piece);
    arena_destroy(w->memory);
    mem_free(w);
}

static accel_status open_file(onnx_weights *w, accel_error *err) {
    if (w->file_count == MOST_FILES)
        return error_set(err, ACCEL_LIMIT, "the weights of %s fill more than %d files", w->path,
                         (int)MOST_FILES);
    const char *path =
        w->file_count == 0 ? w->path : arena_printf(w->memory, "%s.%zu", w->path, w->file_count);
    if (!path)
        return error_no_memory(err, w->path, 0);
    file_writer **file = &w->files[w->file_count];
    ACCEL_TRY(file_writer_open(path, file, err));
    if (w->scratch)
        file_writer_set_scratch(*file);
    w->names[w->file_count++] = file_base_name(path);
    return ACCEL_OK;
}

accel_status onnx_weights_open(const char *path, onnx_weights **out, accel_error *err) {
    onnx_weights *w = mem_calloc(1, sizeof *w);
    *out = NULL;
    if (w)
        w->memory = w->known.memory = arena_create();
    if (w && w->memory)
        w->path = arena_strdup(w->memory, path);
    accel_status status = w && w->path ? open_file(w, err) : error_no_memory(err, path, sizeof *w);
    if (status != ACCEL_OK) {
        onnx_weights_abort(w);
        return status;
    }
    *out = w;
    return ACCEL_OK;
}

accel_status onnx_weights_commit(onnx_weights *w, accel_error *err) {
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < w->file_count && status == ACCEL_OK; i++) {
        file_writer *file = w->files[i];
        w->files[i] = NULL;
        status = file_writer_commit(file, err);
    }
    onnx_weights_abort(w);
    return status;
}

void onnx_weights_set_scratch(onnx_weights *w) {
    w->scratch = true;
    for (size_t i = 0; i < w->file_count; i++)
        file_writer_set_scratch(w->files[i]);
}

void onnx_weights_limit(onnx_weights *w, uint64_t most_bytes) {
    w->most_bytes = most_bytes;
}

static file_writer *last_file(const onnx_weights *w) {
    return w->files[w->file_count - 1];
}

accel_status onnx_weights_next_file(onnx_weights *w, accel_error *err) {
    return file_writer_offset(last_file(w)) > 0 ? open_file(w, err) : ACCEL_OK;
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
        ACCEL_TRY(file_writer_write(last_file(w), w->piece, piece_bytes, err));
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
    return file_writer_write(last_file(w), v->data.bytes, size_bytes, err);
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

static accel_status note_place(onnx_weights *w, const char *key, onnx_weights_place place, accel_error *err) {
    const char *kept = arena_strdup(w->memory, key);
    if (!kept || !mem_grow((void **)&w->places, &w->capacity, w->count + 1, sizeof *w->places) ||
        !name_map_put(&w->known, (byte_span){(const uint8_t *)kept, strlen(kept)}, (int32_t)w->count))
        return error_no_memory(err, "an ONNX file", (w->count + 1) * sizeof *w->places);
    w->places[w->count++] = place;
    return ACCEL_OK;
}

static accel_status write_new(onnx_weights *w, const graph *g, value_id id, size_t size_bytes,
                              const char *key, onnx_weights_place *place, accel_error *err) {
    static const uint8_t zeros[ALIGNMENT];
    uint64_t end = file_writer_offset(last_file(w));
    if (w->most_bytes > 0 && end + ALIGNMENT + size_bytes > w->most_bytes)
        ACCEL_TRY(onnx_weights_next_file(w, err));
    end = file_writer_offset(last_file(w));
    uint64_t padding = (ALIGNMENT - end % ALIGNMENT) % ALIGNMENT;
    ACCEL_TRY(file_writer_write(last_file(w), zeros, (size_t)padding, err));
    ACCEL_TRY(write_contents(w, g, id, size_bytes, err));
    *place = (onnx_weights_place){w->names[w->file_count - 1], end + padding};
    return note_place(w, key, *place, err);
}

accel_status onnx_weights_put(onnx_weights *w, const graph *g, value_id id, size_t size_bytes,
                              onnx_weights_place *place, accel_error *err) {
    str_buf key = {0};
    append_key(&key, &g->values[id], size_bytes);
    if (key.failed)
        return error_no_memory(err, "an ONNX file", key.length);
    int32_t known = name_map_get(&w->known, (byte_span){(const uint8_t *)key.data, key.length});
    accel_status status = ACCEL_OK;
    if (known != NAME_ABSENT)
        *place = w->places[known];
    else
        status = write_new(w, g, id, size_bytes, key.data, place, err);
    str_free(&key);
    return status;
}
