#include "import/value.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

yyjson_val *value_any(yyjson_val *object, const char *names) {
    const char *name;
    size_t length;
    while (yyjson_is_obj(object) && (name = value_next_name(&names, &length)) != NULL) {
        yyjson_val *v = yyjson_obj_getn(object, name, length);
        if (v != NULL && !yyjson_is_null(v))
            return v;
    }
    return NULL;
}

yyjson_val *value_get(yyjson_val *object, const char *name) {
    return yyjson_is_obj(object) ? yyjson_obj_get(object, name) : NULL;
}

yyjson_val *value_first(yyjson_val *v) {
    yyjson_obj_iter members;
    if (yyjson_is_arr(v))
        return yyjson_arr_get_first(v);
    if (!yyjson_obj_iter_init(v, &members))
        return NULL;
    yyjson_val *key = yyjson_obj_iter_next(&members);
    return key != NULL ? yyjson_obj_iter_get_val(key) : NULL;
}

const char *value_text(const import_context *c, yyjson_val *v) {
    const char *text = yyjson_get_str(v);
    size_t length = yyjson_get_len(v);
    if (text == NULL || length == 0)
        return NULL;
    if (strlen(text) == length)
        return text;
    str_buf clean = {0};
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0')
            str_append(&clean, "\xef\xbf\xbd");
        else
            str_append_char(&clean, text[i]);
    }
    const char *copy = arena_strdup(c->arena, str_text(&clean));
    str_free(&clean);
    return copy;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool same_letters(const char *a, const char *b) {
    if (lower(*a) != lower(*b))
        return false;
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

/* A copy without blanks around it; false when it is no short text. */
static bool short_text(yyjson_val *v, char *out, size_t size) {
    const char *text = json_text(v);
    if (text == NULL)
        return false;
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    if (length == 0 || length >= size)
        return false;
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

bool value_number(yyjson_val *v, double *out) {
    char text[64];
    if (yyjson_is_num(v))
        *out = yyjson_get_num(v);
    else if (!short_text(v, text, sizeof text) || !str_to_f64(text, out))
        return false;
    return isfinite(*out);
}

bool value_count(yyjson_val *v, int64_t *out) {
    double number;
    if (!value_number(v, &number) || number < 0 || number > 9007199254740992.0 || floor(number) != number)
        return false;
    *out = (int64_t)number;
    return true;
}

bool value_is_text(yyjson_val *v, const char *text) {
    char own[64];
    return short_text(v, own, sizeof own) && same_letters(own, text);
}

bool value_flag(yyjson_val *v, int *out) {
    if (yyjson_is_bool(v))
        *out = yyjson_get_bool(v);
    else if (value_is_text(v, "true") || value_is_text(v, "yes"))
        *out = 1;
    else if (value_is_text(v, "false") || value_is_text(v, "no"))
        *out = 0;
    else
        return false;
    return true;
}

bool value_share(yyjson_val *v, double *out) {
    char text[64];
    double whole = 1;
    if (short_text(v, text, sizeof text) && text[strlen(text) - 1] == '%') {
        size_t length = strlen(text) - 1;
        while (length > 0 && text[length - 1] == ' ')
            length--;
        text[length] = '\0';
        whole = 100;
        if (!str_to_f64(text, out))
            return false;
    } else if (!value_number(v, out)) {
        return false;
    }
    *out /= whole;
    return *out >= 0 && *out <= 1;
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

typedef struct spelling {
    const char *spelt, *name;
} spelling;

static const spelling platform_spellings[] = {
    {"cpu", "cpu"},        {"cuda", "cuda"},         {"nvidia", "cuda"},   {"rocm", "rocm"},
    {"amd", "rocm"},       {"hip", "rocm"},          {"mps", "mps"},       {"apple", "mps"},
    {"metal", "mps"},      {"openvino", "openvino"}, {"qnn", "qnn"},       {"qualcomm", "qnn"},
    {"snapdragon", "qnn"}, {"webnn", "webnn"},       {"webgpu", "webgpu"}, {"wasm", "wasm"},
    {"vulkan", "vulkan"},  {"dx12", "dx12"},
};
static const spelling precision_spellings[] = {
    {"fp32", "fp32"},     {"float32", "fp32"}, {"f32", "fp32"}, {"float", "fp32"}, {"single", "fp32"},
    {"fp16", "fp16"},     {"float16", "fp16"}, {"f16", "fp16"}, {"half", "fp16"},  {"bf16", "bf16"},
    {"bfloat16", "bf16"}, {"int8", "int8"},    {"i8", "int8"},  {"int4", "int4"},  {"i4", "int4"},
};
static const spelling modality_spellings[] = {
    {"text", "text"},   {"nlp", "text"},    {"image", "image"},           {"vision", "image"},
    {"audio", "audio"}, {"video", "video"}, {"multimodal", "multimodal"},
};

static const char *spelt(const spelling *table, size_t count, const char *name) {
    char first = lower(*name);
    for (size_t i = 0; i < count; i++)
        if (table[i].spelt[0] == first && same_letters(table[i].spelt, name))
            return table[i].name;
    return NULL;
}
#define SPELT(table, name) spelt(table, sizeof table / sizeof *table, name)

const char *value_platform(const char *name) {
    char head[32];
    if (name == NULL)
        return NULL;
    size_t length = strcspn(name, ":"); /* cuda:0 */
    if (length >= sizeof head ||
        (name[length] == ':' && strspn(name + length + 1, "0123456789") != strlen(name + length + 1)))
        return NULL;
    memcpy(head, name, length);
    head[length] = '\0';
    return SPELT(platform_spellings, head);
}

const char *value_platform_prefix(const char *key) {
    char head[32];
    size_t length = strcspn(key, "_-. ");
    if (length >= sizeof head)
        return NULL;
    memcpy(head, key, length);
    head[length] = '\0';
    return SPELT(platform_spellings, head);
}

const char *value_precision(const char *name) {
    if (name != NULL && str_starts_with(name, "torch."))
        name += strlen("torch.");
    return name != NULL ? SPELT(precision_spellings, name) : NULL;
}

const char *value_modality(const char *name) {
    return name != NULL ? SPELT(modality_spellings, name) : NULL;
}

bool value_is_name(const char *name) {
    static const char *const nothing[] = {"unknown", "none", "null", "n/a",     "na",   "undefined",
                                          "nan",     "?",    "-",    "default", "model"};
    if (name == NULL || name[strspn(name, " \t\r\n")] == '\0')
        return false;
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (same_letters(nothing[i], name))
            return false;
    return true;
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------- */

static const char *keep(const import_context *c, str_buf *text) {
    const char *copy = text->failed ? NULL : arena_strndup(c->arena, str_text(text), text->length);
    str_free(text);
    return copy;
}

const char *value_json(const import_context *c, yyjson_val *v) {
    str_buf text = {0};
    json_append_foreign(&text, v);
    return keep(c, &text);
}

bool value_is_of_another(yyjson_val *object, const char *platform) {
    static const char *const names[] = {"platform", "hardware", "hardware_type", "device_type"};
    for (size_t i = 0; platform != NULL && i < sizeof names / sizeof *names; i++) {
        const char *own = value_platform(json_text(yyjson_obj_get(object, names[i])));
        if (own != NULL && !str_equal(own, platform))
            return true;
    }
    return false;
}

static void append_json_of(str_buf *out, yyjson_val *v, const char *platform, int depth) {
    size_t i, count;
    yyjson_val *key, *value;
    const char *separator = "";
    if (depth == 0 || !yyjson_is_ctn(v)) {
        json_append_foreign(out, v);
    } else if (yyjson_is_arr(v)) {
        str_append_char(out, '[');
        yyjson_arr_foreach(v, i, count, value) {
            if (value_is_of_another(value, platform))
                continue;
            str_append(out, separator);
            append_json_of(out, value, platform, depth - 1);
            separator = ",";
        }
        str_append_char(out, ']');
    } else {
        str_append_char(out, '{');
        yyjson_obj_foreach(v, i, count, key, value) {
            const char *own = value_platform_prefix(yyjson_get_str(key));
            if ((own != NULL && !str_equal(own, platform)) || value_is_of_another(value, platform))
                continue;
            str_append(out, separator);
            str_append_json(out, yyjson_get_str(key), yyjson_get_len(key));
            str_append_char(out, ':');
            append_json_of(out, value, platform, depth - 1);
            separator = ",";
        }
        str_append_char(out, '}');
    }
}

const char *value_json_of(const import_context *c, yyjson_val *v, const char *platform) {
    enum { MOST_DEPTH = 16 };
    str_buf text = {0};
    if (platform == NULL)
        return value_json(c, v);
    append_json_of(&text, v, platform, MOST_DEPTH);
    return keep(c, &text);
}

value_reader value_reader_of(import_context *c, yyjson_val *object) {
    return (value_reader){.c = c, .object = object};
}

void value_used(value_reader *r, yyjson_val *v) {
    if (v != NULL && r->used_count < sizeof r->used / sizeof *r->used)
        r->used[r->used_count++] = v;
}

void value_unused(value_reader *r, yyjson_val *v) {
    for (size_t i = 0; i < r->used_count; i++)
        if (r->used[i] == v)
            r->used[i] = NULL;
}

yyjson_val *value_take(value_reader *r, const char *names) {
    yyjson_val *v = value_any(r->object, names);
    value_used(r, v);
    return v;
}

const char *value_take_text(value_reader *r, const char *names) {
    yyjson_val *v = value_any(r->object, names);
    const char *text = value_text(r->c, v);
    if (text != NULL)
        value_used(r, v);
    return text;
}

const char *value_take_name(value_reader *r, const char *names) {
    const char *name;
    size_t length;
    while ((name = value_next_name(&names, &length)) != NULL) {
        yyjson_val *v = yyjson_obj_getn(r->object, name, length);
        const char *text = v != NULL ? value_text(r->c, v) : NULL;
        if (value_is_name(text)) {
            value_used(r, v);
            return text;
        }
    }
    return NULL;
}

int64_t value_take_count(value_reader *r, const char *names) {
    int64_t count;
    yyjson_val *v = value_any(r->object, names);
    if (!value_count(v, &count))
        return RECORD_NONE;
    value_used(r, v);
    return count;
}

double value_take_number(value_reader *r, const char *names) {
    double number;
    yyjson_val *v = value_any(r->object, names);
    if (!value_number(v, &number))
        return (double)NAN;
    value_used(r, v);
    return number;
}

int value_take_flag(value_reader *r, const char *names) {
    int flag;
    yyjson_val *v = value_any(r->object, names);
    if (!value_flag(v, &flag))
        return RECORD_UNKNOWN_BOOL;
    value_used(r, v);
    return flag;
}

bool value_was_used(const value_reader *r, yyjson_val *v) {
    for (size_t i = 0; i < r->used_count; i++)
        if (r->used[i] == v)
            return true;
    return false;
}

const char *value_rest(const value_reader *r) {
    str_buf text = {0};
    size_t i, count;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(r->object))
        return NULL;
    yyjson_obj_foreach(r->object, i, count, key, value) {
        if (value_was_used(r, value))
            continue;
        str_append(&text, text.length == 0 ? "{" : ",");
        str_append_json(&text, yyjson_get_str(key), yyjson_get_len(key));
        str_append_char(&text, ':');
        json_append_foreign(&text, value);
    }
    if (text.length == 0)
        return NULL;
    str_append_char(&text, '}');
    return keep(r->c, &text);
}
