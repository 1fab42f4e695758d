/* config.json: typed access to its fields, with the first fault remembered. */
#include "formats/formats.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/json.h"

enum { CONFIG_MAX_BYTES = 16 << 20, KEY_MAX_BYTES = 128 };

struct hf_config {
    yyjson_doc *doc;  /* NULL: the parent's */
    yyjson_val *root; /* the object that keys start at; NULL: an empty one */
    char *name;
    accel_error fault; /* of the outermost: the first; ACCEL_OK while all is well */
    hf_config *parent, *first_child, *next_sibling;
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
    *c = (hf_config){.doc = doc, .root = yyjson_doc_get_root(doc), .name = copy};
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
    for (hf_config *child = c->first_child, *next; child; child = next) {
        next = child->next_sibling;
        hf_config_destroy(child);
    }
    yyjson_doc_free(c->doc);
    mem_free(c->name);
    mem_free(c);
}

/* ---- fields ------------------------------------------------------------------------------------------- */

/* Walks a dotted key. NULL when a part is missing or null. */
static yyjson_val *find(const hf_config *c, const char *key) {
    yyjson_val *v = c->root;
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

static hf_config *outermost(hf_config *c) {
    while (c->parent)
        c = c->parent;
    return c;
}

static void fault(hf_config *c, const char *key, const char *complaint) {
    accel_error *first = &outermost(c)->fault;
    if (first->status == ACCEL_OK)
        error_set(first, ACCEL_BAD_FILE, "%s: field '%s' %s", c->name, key, complaint);
}

hf_config *hf_config_child(hf_config *c, const char *key) {
    size_t length = strlen(c->name) + strlen(key) + 3;
    hf_config *child = mem_calloc(1, sizeof *child);
    char *name = mem_alloc(length);
    if (!child || !name) {
        mem_free(child);
        mem_free(name);
        error_no_memory(&outermost(c)->fault, c->name, sizeof *child);
        return c;
    }
    str_format(name, length, "%s: %s", c->name, key);
    *child = (hf_config){.root = find(c, key), .name = name, .parent = c, .next_sibling = c->first_child};
    c->first_child = child;
    if (child->root && !yyjson_is_obj(child->root))
        fault(c, key, "is not an object");
    return child;
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

size_t hf_config_size(const hf_config *c, const char *key) {
    yyjson_val *v = find(c, key);
    return yyjson_is_obj(v) ? yyjson_obj_size(v) : yyjson_arr_size(v);
}

bool hf_config_is(hf_config *c, const char *key, const char *json) {
    yyjson_val *v = find(c, key);
    yyjson_doc *doc;
    accel_error failure = {0};
    if (json_parse(json, strlen(json), KEY_MAX_BYTES, key, &doc, &failure) != ACCEL_OK) {
        if (outermost(c)->fault.status == ACCEL_OK)
            outermost(c)->fault = failure;
        return false;
    }
    yyjson_val *wanted = yyjson_doc_get_root(doc);
    bool same = (!v && yyjson_is_null(wanted)) || (v && yyjson_equals(v, wanted)) ||
                (yyjson_is_num(v) && yyjson_is_num(wanted) && yyjson_get_num(v) == yyjson_get_num(wanted));
    yyjson_doc_free(doc);
    return same;
}

size_t hf_config_floats(hf_config *c, const char *key, double *out, size_t capacity) {
    yyjson_val *v = find(c, key);
    size_t count = 0;
    if (v && (!yyjson_is_arr(v) || yyjson_arr_size(v) > capacity)) {
        fault(c, key, "is not a list of numbers, or has too many");
        return 0;
    }
    yyjson_arr_iter it = yyjson_arr_iter_with(v);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&it));) {
        if (!yyjson_is_num(item)) {
            fault(c, key, "is not a list of numbers");
            return 0;
        }
        out[count++] = yyjson_get_num(item);
    }
    return count;
}

size_t hf_config_pairs(hf_config *c, const char *key, int64_t (*out)[2], size_t capacity) {
    yyjson_val *v = find(c, key);
    size_t count = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(v);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&it));) {
        if (count == capacity || yyjson_arr_size(item) != 2 ||
            !integer_of(yyjson_arr_get(item, 0), &out[count][0]) ||
            !integer_of(yyjson_arr_get(item, 1), &out[count][1])) {
            fault(c, key, "is not a list of pairs of whole numbers, or has too many");
            return 0;
        }
        count++;
    }
    return count;
}

accel_status hf_config_check(const hf_config *c, accel_error *err) {
    while (c->parent)
        c = c->parent;
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
