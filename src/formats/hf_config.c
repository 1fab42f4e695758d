/* config.json: typed access to its fields, with the first fault remembered. */
#include "formats/formats.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/json.h"

enum { CONFIG_MAX_BYTES = 16 << 20, KEY_MAX_BYTES = 128 };

struct hf_config {
    yyjson_doc *doc;
    char *name;
    accel_error fault; /* the first; ACCEL_OK while all is well */
};

/* ---- life --------------------------------------------------------------------------------------------- */

static accel_status adopt(yyjson_doc *doc, const char *name, hf_config **out, accel_error *err) {
    if (!yyjson_is_obj(yyjson_doc_get_root(doc))) {
        yyjson_doc_free(doc);
        return error_set(err, ACCEL_BAD_FILE, "%s does not hold a JSON object", name);
    }
    hf_config *c = mem_calloc(1, sizeof *c);
    char *copy = mem_alloc(strlen(name) + 1);
    if (!c || !copy) {
        mem_free(c);
        mem_free(copy);
        yyjson_doc_free(doc);
        return error_no_memory(err, name, sizeof *c);
    }
    memcpy(copy, name, strlen(name) + 1);
    *c = (hf_config){.doc = doc, .name = copy};
    *out = c;
    return ACCEL_OK;
}

accel_status hf_config_read(const char *path, hf_config **out, accel_error *err) {
    yyjson_doc *doc;
    ACCEL_TRY(json_read(path, CONFIG_MAX_BYTES, &doc, err));
    return adopt(doc, path, out, err);
}

accel_status hf_config_parse(const char *json, size_t length, const char *name, hf_config **out,
                             accel_error *err) {
    yyjson_doc *doc;
    ACCEL_TRY(json_parse(json, length, CONFIG_MAX_BYTES, name, &doc, err));
    return adopt(doc, name, out, err);
}

void hf_config_destroy(hf_config *c) {
    if (!c)
        return;
    yyjson_doc_free(c->doc);
    mem_free(c->name);
    mem_free(c);
}

/* ---- fields ------------------------------------------------------------------------------------------- */

/* Walks a dotted key. NULL when a part is missing or null. */
static yyjson_val *find(const hf_config *c, const char *key) {
    yyjson_val *v = yyjson_doc_get_root(c->doc);
    while (v) {
        const char *dot = strchr(key, '.');
        size_t length = dot ? (size_t)(dot - key) : strlen(key);
        v = yyjson_obj_getn(v, key, length);
        if (!dot)
            break;
        key = dot + 1;
    }
    return yyjson_is_null(v) ? NULL : v;
}

static void fault(hf_config *c, const char *key, const char *complaint) {
    if (c->fault.status == ACCEL_OK)
        error_set(&c->fault, ACCEL_BAD_FILE, "%s: field '%s' %s", c->name, key, complaint);
}

bool hf_config_has(const hf_config *c, const char *key) {
    return find(c, key) != NULL;
}

static bool integer_of(yyjson_val *v, int64_t *out) {
    if (yyjson_is_uint(v) && yyjson_get_uint(v) <= INT64_MAX)
        *out = (int64_t)yyjson_get_uint(v);
    else if (yyjson_is_sint(v))
        *out = yyjson_get_sint(v);
    else if (yyjson_is_real(v) && yyjson_get_real(v) == floor(yyjson_get_real(v)) &&
             fabs(yyjson_get_real(v)) < 9e15)
        *out = (int64_t)yyjson_get_real(v); /* some tools write 512.0 */
    else
        return false;
    return true;
}

int64_t hf_config_int(hf_config *c, const char *key, int64_t fallback, int64_t low, int64_t high) {
    yyjson_val *v = find(c, key);
    int64_t value = fallback;
    if (!v && fallback != HF_REQUIRED)
        return fallback;
    if (!v) {
        fault(c, key, "is missing");
    } else if (!integer_of(v, &value)) {
        fault(c, key, "is not a whole number");
    } else if (value < low || value > high) {
        char text[128];
        str_format(text, sizeof text, "is %lld, which is not between %lld and %lld", (long long)value,
                   (long long)low, (long long)high);
        fault(c, key, text);
    } else {
        return value;
    }
    return fallback == HF_REQUIRED ? low : fallback;
}

double hf_config_float(hf_config *c, const char *key, double fallback) {
    yyjson_val *v = find(c, key);
    if (!v)
        return fallback;
    double value = yyjson_get_num(v);
    if (yyjson_is_num(v) && value - value == 0)
        return value;
    fault(c, key, "is not a finite number");
    return fallback;
}

bool hf_config_bool(hf_config *c, const char *key, bool fallback) {
    yyjson_val *v = find(c, key);
    if (!v)
        return fallback;
    if (yyjson_is_bool(v))
        return yyjson_get_bool(v);
    fault(c, key, "is neither true nor false");
    return fallback;
}

const char *hf_config_string(hf_config *c, const char *key, const char *fallback) {
    yyjson_val *v = find(c, key);
    if (!v)
        return fallback;
    const char *text = json_text(v);
    if (text)
        return text;
    fault(c, key, "is not a text");
    return fallback;
}

size_t hf_config_ints(hf_config *c, const char *key, int64_t *out, size_t capacity) {
    yyjson_val *v = find(c, key);
    if (!v)
        return 0;
    if (capacity > 0 && integer_of(v, &out[0]))
        return 1;
    if (!yyjson_is_arr(v) || yyjson_arr_size(v) > capacity) {
        fault(c, key, "is not a list of whole numbers, or has too many");
        return 0;
    }
    size_t count = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(v);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&it));) {
        if (!integer_of(item, &out[count++])) {
            fault(c, key, "is not a list of whole numbers");
            return 0;
        }
    }
    return count;
}

accel_status hf_config_check(const hf_config *c, accel_error *err) {
    if (c->fault.status == ACCEL_OK)
        return ACCEL_OK;
    return error_set(err, c->fault.status, "%s", c->fault.message);
}

/* ---- the two ages ------------------------------------------------------------------------------------- */

static const char *prefixed(char key[KEY_MAX_BYTES], const char *prefix, const char *field) {
    str_format(key, KEY_MAX_BYTES, "%s%s", prefix, field);
    return key;
}

double hf_config_rope_theta(hf_config *c, const char *prefix, double fallback) {
    char key[KEY_MAX_BYTES];
    if (hf_config_has(c, prefixed(key, prefix, "rope_parameters.rope_theta")))
        return hf_config_float(c, key, fallback);
    return hf_config_float(c, prefixed(key, prefix, "rope_theta"), fallback);
}

const char *hf_config_dtype(hf_config *c, const char *prefix) {
    char key[KEY_MAX_BYTES];
    if (hf_config_has(c, prefixed(key, prefix, "dtype")))
        return hf_config_string(c, key, "float32");
    return hf_config_string(c, prefixed(key, prefix, "torch_dtype"), "float32");
}

const char *hf_config_architecture(hf_config *c) {
    const char *text = json_text(yyjson_arr_get_first(find(c, "architectures")));
    return text ? text : "";
}
