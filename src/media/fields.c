#include "media/fields.h"

#include <math.h>
#include <string.h>

yyjson_val *media_field(const media_fields *f, const char *key) {
    yyjson_val *v = yyjson_obj_get(f->object, key);
    return yyjson_is_null(v) ? NULL : v;
}

void media_field_fault(media_fields *f, accel_status status, const char *key, const char *complaint) {
    if (f->fault.status == ACCEL_OK)
        error_set(&f->fault, status, "%s: field '%s' %s", f->file, key, complaint);
}

bool media_field_bool(media_fields *f, const char *key, bool fallback) {
    yyjson_val *v = media_field(f, key);
    if (!v)
        return fallback;
    if (!yyjson_is_bool(v))
        media_field_fault(f, ACCEL_BAD_FILE, key, "is neither true nor false");
    return yyjson_get_bool(v);
}

int64_t media_field_whole(media_fields *f, const char *key, yyjson_val *value, int64_t low, int64_t high) {
    char text[112];
    double real = yyjson_get_num(value);
    if (!yyjson_is_num(value) || real != floor(real)) {
        media_field_fault(f, ACCEL_BAD_FILE, key, "is not a whole number");
        return low;
    }
    if (real < (double)low || real > (double)high) {
        str_format(text, sizeof text, "is not between %lld and %lld", (long long)low, (long long)high);
        media_field_fault(f, ACCEL_BAD_FILE, key, text);
        return low;
    }
    return (int64_t)real;
}

int64_t media_field_int(media_fields *f, const char *key, int64_t fallback, int64_t low, int64_t high) {
    yyjson_val *v = media_field(f, key);
    return v ? media_field_whole(f, key, v, low, high) : fallback;
}

double media_field_real(media_fields *f, const char *key, double fallback) {
    yyjson_val *v = media_field(f, key);
    if (!v)
        return fallback;
    if (yyjson_is_num(v) && isfinite(yyjson_get_num(v)))
        return yyjson_get_num(v);
    media_field_fault(f, ACCEL_BAD_FILE, key, "is not a finite number");
    return fallback;
}

const char *media_field_text(media_fields *f, const char *key, const char *fallback) {
    yyjson_val *v = media_field(f, key);
    if (!v)
        return fallback;
    const char *text = json_text(v);
    if (!text)
        media_field_fault(f, ACCEL_BAD_FILE, key, "is not a text");
    return text ? text : fallback;
}

accel_status media_fields_parse(const char *json, size_t length, const char *file, const char *section,
                                yyjson_doc **doc, media_fields *out, accel_error *err) {
    ACCEL_TRY(json_parse(json, length, MEDIA_CONFIG_MAX_BYTES, file, doc, err));
    yyjson_val *root = yyjson_doc_get_root(*doc), *inner = yyjson_obj_get(root, section);
    *out = (media_fields){.object = yyjson_is_obj(inner) ? inner : root, .file = file};
    if (yyjson_is_obj(root))
        return ACCEL_OK;
    yyjson_doc_free(*doc);
    return error_set(err, ACCEL_BAD_FILE, "%s does not hold a JSON object", file);
}

const char *media_fields_type(media_fields *f, char *buffer, size_t size) {
    static const char *const endings[] = {"Pil", "Fast", "ImageProcessor", "FeatureExtractor"};
    const char *text = media_field_text(f, "image_processor_type", NULL);
    str_format(buffer, size, "%s", text ? text : media_field_text(f, "feature_extractor_type", ""));
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (str_ends_with(buffer, endings[i]))
            buffer[strlen(buffer) - strlen(endings[i])] = 0;
    return buffer;
}
