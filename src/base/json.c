#include "base/json.h"

#include <math.h>
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

static void json_free(void *context, void *pointer) {
    (void)context;
    mem_free(pointer);
}

const yyjson_alc *json_allocator(void) {
    static const yyjson_alc allocator = {json_malloc, json_realloc, json_free, NULL};
    return &allocator;
}

accel_status json_parse(const char *json, size_t length, size_t max_bytes, const char *what, yyjson_doc **out,
                        accel_error *err) {
    if (length > max_bytes)
        return error_set(err, ACCEL_LIMIT, "%s: %zu bytes of JSON are more than the %zu that are read", what,
                         length, max_bytes);
    yyjson_read_err failure = {0};
    /* Without YYJSON_READ_INSITU yyjson copies the text and leaves ours alone. */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json, length, YYJSON_READ_ALLOW_INF_AND_NAN,
                                       json_allocator(), &failure);
    if (!doc && failure.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return error_no_memory(err, what, length);
    if (!doc)
        return error_set(err, ACCEL_BAD_FILE, "%s is not valid JSON: %s at byte %zu", what,
                         failure.msg ? failure.msg : "empty", failure.pos);
    *out = doc;
    return ACCEL_OK;
}

accel_status json_read(const char *path, size_t max_bytes, yyjson_doc **out, accel_error *err) {
    char *bytes;
    size_t length;
    ACCEL_TRY(file_read(path, max_bytes, &bytes, &length, err));
    accel_status status = json_parse(bytes, length, max_bytes, path, out, err);
    mem_free(bytes);
    return status;
}

const char *json_text(yyjson_val *v) {
    const char *text = yyjson_get_str(v);
    return text && strlen(text) == yyjson_get_len(v) ? text : NULL;
}

void json_append_value(str_buf *out, yyjson_val *value) {
    size_t length = 0;
    char *text = yyjson_val_write_opts(value, YYJSON_WRITE_NOFLAG, json_allocator(), &length, NULL);
    if (!text) {
        out->failed = true;
        return;
    }
    str_append_bytes(out, text, length);
    mem_free(text);
}

void json_append_foreign(str_buf *out, yyjson_val *value) {
    size_t length = 0;
    char *text =
        yyjson_val_write_opts(value, YYJSON_WRITE_INF_AND_NAN_AS_NULL, json_allocator(), &length, NULL);
    if (text != NULL)
        str_append_bytes(out, text, length);
    else
        out->failed = true;
    mem_free(text);
}

void json_append_real(str_buf *out, double value) {
    if (!isfinite(value)) {
        str_append(out, "null");
        return;
    }
    if (fabs(value) < 1e15 && value == (double)(int64_t)value && (value != 0 || !signbit(value))) {
        str_append_i64(out, (int64_t)value);
        return;
    }
    enum { POOL_BYTES = 512 }; /* yyjson asks for far less */
    _Alignas(16) char pool[POOL_BYTES];
    size_t length = 0;
    yyjson_alc allocator;
    yyjson_val number = {.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_REAL, .uni.f64 = value};
    const char *text = yyjson_alc_pool_init(&allocator, pool, sizeof pool)
                           ? yyjson_val_write_opts(&number, YYJSON_WRITE_NOFLAG, &allocator, &length, NULL)
                           : NULL;
    if (text != NULL)
        str_append_bytes(out, text, length);
    else
        out->failed = true;
}

void json_append_text(str_buf *out, const char *text) {
    if (text)
        str_append_json(out, text, strlen(text));
    else
        str_append(out, "null");
}

static yyjson_val *member(yyjson_val *object, const char *key) {
    yyjson_val *value = yyjson_obj_get(object, key);
    return yyjson_is_null(value) ? NULL : value;
}

const char *json_get_text(yyjson_val *object, const char *key, arena *a, bool *ok) {
    yyjson_val *value = member(object, key);
    if (!value)
        return NULL;
    const char *text = yyjson_get_str(value);
    if (!text || strlen(text) != yyjson_get_len(value)) {
        *ok = false;
        return NULL;
    }
    const char *copy = arena_strdup(a, text);
    if (!copy)
        *ok = false;
    return copy;
}

int64_t json_get_int(yyjson_val *object, const char *key, int64_t fallback, bool *ok) {
    yyjson_val *value = member(object, key);
    if (!value)
        return fallback;
    if (yyjson_is_sint(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX))
        return yyjson_get_sint(value);
    *ok = false;
    return fallback;
}

double json_get_real(yyjson_val *object, const char *key, double fallback, bool *ok) {
    yyjson_val *value = member(object, key);
    if (!value)
        return fallback;
    if (yyjson_is_num(value))
        return yyjson_get_num(value);
    *ok = false;
    return fallback;
}

bool json_get_bool(yyjson_val *object, const char *key, bool fallback, bool *ok) {
    yyjson_val *value = member(object, key);
    if (!value)
        return fallback;
    if (yyjson_is_bool(value))
        return yyjson_get_bool(value);
    *ok = false;
    return fallback;
}
