#include "formats/json.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"

static void *json_malloc(void *context, size_t size) {
    (void)context;
    return mem_alloc(size);
}

static void *json_realloc(void *context, void *pointer, size_t old_size, size_t size) {
    (void)context;
    (void)old_size;
    return mem_realloc(pointer, size);
}

static void json_release(void *context, void *pointer) {
    (void)context;
    mem_free(pointer);
}

accel_status json_parse(const char *bytes, size_t length, const char *name, yyjson_doc **out,
                        accel_error *err) {
    static const yyjson_alc allocator = {json_malloc, json_realloc, json_release, NULL};
    yyjson_read_err fault;
    /* Python writes NaN and Infinity. With no flag for reading in situ, the bytes are only read. */
    *out =
        yyjson_read_opts((char *)(uintptr_t)bytes, length, YYJSON_READ_ALLOW_INF_AND_NAN, &allocator, &fault);
    if (*out)
        return ACCEL_OK;
    if (fault.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return error_no_memory(err, name, length);
    return error_set(err, ACCEL_BAD_FILE, "%s is not valid JSON: %s at byte %zu", name, fault.msg, fault.pos);
}

accel_status json_read(const char *path, size_t max_bytes, yyjson_doc **out, accel_error *err) {
    char *bytes;
    size_t length;
    ACCEL_TRY(file_read(path, max_bytes, &bytes, &length, err));
    accel_status status = json_parse(bytes, length, path, out, err);
    mem_free(bytes);
    return status;
}

const char *json_text(yyjson_val *v) {
    const char *text = yyjson_get_str(v);
    return text && strlen(text) == yyjson_get_len(v) ? text : NULL;
}
