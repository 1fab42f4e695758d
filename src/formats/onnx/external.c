/* Contents of tensors: in the model's own bytes, or in a file below the model's folder. */
#include <string.h>

#include "base/checked.h"
#include "formats/onnx/import.h"

static void close_map(void *handle) {
    file_map_close(handle);
}

static bool remember(import_state *st, byte_span location, file_map *map) {
    if ((st->external_count & (st->external_count - 1)) == 0) { /* full: it grows at powers of two */
        file_map **grown =
            ARENA_ARRAY(st->memory, file_map *, st->external_count ? st->external_count * 2 : 1);
        if (!grown)
            return false;
        if (st->external_count)
            memcpy(grown, st->externals, st->external_count * sizeof *grown);
        st->externals = grown;
    }
    st->externals[st->external_count] = map;
    return name_map_put(&st->external_names, location, (int32_t)st->external_count++);
}

/* The mapped file of this location; opened once however many tensors it holds. */
static accel_status external_map(import_state *st, byte_span location, const file_map **out) {
    int32_t known = name_map_get(&st->external_names, location);
    if (known != NAME_ABSENT) {
        *out = st->externals[known];
        return ACCEL_OK;
    }
    file_map *map = ARENA_NEW(st->root->arena, file_map);
    if (!map)
        return import_no_memory(st);
    ACCEL_TRY(file_map_beneath(st->folder, proto_text(st->memory, location), map, st->err));
    ACCEL_TRY(graph_own(st->root, close_map, map, st->err));
    *out = map;
    return remember(st, location, map) ? ACCEL_OK : import_no_memory(st);
}

static accel_status check_location(import_state *st, const proto_tensor *t, const char *what) {
    if (!st->folder)
        return error_set(st->err, ACCEL_UNSUPPORTED,
                         "%s lies in an external file, and this model was given without its folder", what);
    if (t->location.length == 0 || memchr(t->location.bytes, 0, t->location.length))
        return error_set(st->err, ACCEL_BAD_FILE,
                         "%s lies in an external file whose name is missing or malformed", what);
    return ACCEL_OK;
}

static accel_status external_contents(import_state *st, const proto_tensor *t, const char *what, dtype *type,
                                      graph_data *out) {
    size_t size, end;
    const file_map *map = NULL; /* gcc does not see that external_map sets it */
    ACCEL_TRY(proto_dtype(t->type, what, type, st->err));
    if (*type == DTYPE_STRING)
        return error_set(st->err, ACCEL_UNSUPPORTED, "%s holds strings, which are not supported", what);
    ACCEL_TRY(tensor_size_bytes(*type, &t->shape, what, &size, st->err));
    ACCEL_TRY(check_location(st, t, what));
    if (external_map(st, t->location, &map) != ACCEL_OK)
        return error_prefix(st->err, ACCEL_IO, "%s", what);
    const char *file = proto_text(st->memory, t->location);
    if (t->has_length && t->length != size)
        return error_set(st->err, ACCEL_BAD_FILE, "%s needs %zu bytes, but %llu are stated for it in '%s'",
                         what, size, (unsigned long long)t->length, file);
    if (t->offset > SIZE_MAX || !checked_add((size_t)t->offset, size, &end) || end > map->size_bytes)
        return error_set(st->err, ACCEL_BAD_FILE,
                         "%s ends beyond the end of '%s' (offset %llu, %zu bytes, the file has %zu)", what,
                         file, (unsigned long long)t->offset, size, map->size_bytes);
    *out = (graph_data){
        .kind = DATA_BYTES, .bytes = map->bytes + t->offset, .size_bytes = size, .file_backed = true};
    return ACCEL_OK;
}

accel_status import_tensor_contents(import_state *st, const proto_tensor *t, const char *what, dtype *type,
                                    graph_data *out) {
    if (t->external)
        return external_contents(st, t, what, type, out);
    ACCEL_TRY(proto_tensor_contents(st->root->arena, t, what, type, out, st->err));
    out->file_backed = out->file_backed && st->mapped;
    return ACCEL_OK;
}
