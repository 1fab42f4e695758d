#include "text/fields.h"

static accel_status set(const text_reader *r, accel_status status, text_object o, const char *key,
                        const char *format, va_list arguments) {
    char rest[512];
    str_formatv(rest, sizeof rest, format, arguments);
    return error_set(r->err, status, "%s: %s%s%s %s", r->file, o.where, key && *o.where ? "." : "",
                     key ? key : "", rest);
}

accel_status text_bad(const text_reader *r, text_object o, const char *key, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    accel_status status = set(r, ACCEL_BAD_FILE, o, key, format, arguments);
    va_end(arguments);
    return status;
}

accel_status text_unsupported(const text_reader *r, text_object o, const char *key, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    accel_status status = set(r, ACCEL_UNSUPPORTED, o, key, format, arguments);
    va_end(arguments);
    return status;
}

accel_status text_no_memory(const text_reader *r) {
    return error_no_memory(r->err, r->file, 0);
}

/* *out is NULL for an optional member that is absent or null. */
static accel_status member(const text_reader *r, text_object o, const char *key, text_presence p,
                           yyjson_val **out) {
    *out = yyjson_obj_get(o.value, key);
    if (yyjson_is_null(*out)) {
        *out = NULL;
    }
    return *out || p == TEXT_OPTIONAL ? ACCEL_OK : text_bad(r, o, key, "is missing");
}

accel_status text_read_bool(const text_reader *r, text_object o, const char *key, text_presence p,
                            bool *out) {
    yyjson_val *v;
    ACCEL_TRY(member(r, o, key, p, &v));
    if (v && !yyjson_is_bool(v)) {
        return text_bad(r, o, key, "is neither true nor false");
    }
    *out = v ? yyjson_get_bool(v) : *out;
    return ACCEL_OK;
}

accel_status text_read_size(const text_reader *r, text_object o, const char *key, text_presence p,
                            size_t *out) {
    yyjson_val *v;
    ACCEL_TRY(member(r, o, key, p, &v));
    if (v && (!yyjson_is_uint(v) || yyjson_get_uint(v) > INT64_MAX)) {
        return text_bad(r, o, key, "is not a whole number from 0 on");
    }
    *out = v ? (size_t)yyjson_get_uint(v) : *out;
    return ACCEL_OK;
}

accel_status text_copy(const text_reader *r, yyjson_val *string, text_span *out) {
    *out = (text_span){arena_strndup(r->memory, yyjson_get_str(string), yyjson_get_len(string)),
                       yyjson_get_len(string)};
    return out->bytes ? ACCEL_OK : text_no_memory(r);
}

accel_status text_read_text(const text_reader *r, text_object o, const char *key, text_presence p,
                            text_span *out) {
    yyjson_val *v;
    ACCEL_TRY(member(r, o, key, p, &v));
    if (v && !yyjson_is_str(v)) {
        return text_bad(r, o, key, "is not a string");
    }
    return v ? text_copy(r, v, out) : ACCEL_OK;
}

accel_status text_read_char(const text_reader *r, text_object o, const char *key, text_presence p,
                            text_span *out) {
    ACCEL_TRY(text_read_text(r, o, key, p, out));
    if (out->length == 0 || text_char_bytes(out->bytes[0]) != out->length) {
        return text_bad(r, o, key, "is not one character");
    }
    return ACCEL_OK;
}

accel_status text_read_word(const text_reader *r, text_object o, const char *key, text_presence p,
                            const char *const *words, size_t count, size_t *out) {
    text_span word = {0};
    ACCEL_TRY(text_read_text(r, o, key, p, &word));
    if (!word.bytes) {
        return ACCEL_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (str_equal(word.bytes, words[i])) {
            *out = i;
            return ACCEL_OK;
        }
    }
    return text_unsupported(r, o, key, "is \"%.60s\", which is not known here", word.bytes);
}

accel_status text_read_list(const text_reader *r, text_object o, const char *key, yyjson_val **out) {
    ACCEL_TRY(member(r, o, key, TEXT_REQUIRED, out));
    return yyjson_is_arr(*out) ? ACCEL_OK : text_bad(r, o, key, "is not an array");
}

accel_status text_read_object(const text_reader *r, text_object o, const char *key, text_object *out) {
    ACCEL_TRY(member(r, o, key, TEXT_REQUIRED, &out->value));
    if (!yyjson_is_obj(out->value)) {
        return text_bad(r, o, key, "is not an object");
    }
    out->where = arena_printf(r->memory, "%s%s%s", o.where, *o.where ? "." : "", key);
    return out->where ? ACCEL_OK : text_no_memory(r);
}

accel_status text_read_element(const text_reader *r, text_object o, const char *key, yyjson_val *element,
                               size_t index, text_object *out) {
    *out = (text_object){element,
                         arena_printf(r->memory, "%s%s%s[%zu]", o.where, *o.where ? "." : "", key, index)};
    if (!out->where) {
        return text_no_memory(r);
    }
    return yyjson_is_obj(element) ? ACCEL_OK : text_bad(r, *out, NULL, "is not an object");
}

accel_status text_read_type(const text_reader *r, text_object o, const char **out) {
    text_span type = {0};
    ACCEL_TRY(text_read_text(r, o, "type", TEXT_REQUIRED, &type));
    *out = type.bytes;
    return ACCEL_OK;
}
