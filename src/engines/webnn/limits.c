#include "engines/webnn/limits.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { LIMITS_MAX_BYTES = 1 << 20 };

struct webnn_limits {
    yyjson_doc *doc;
    yyjson_val *root;
};

/* bool is a uint8 of 0 and 1, as comparisons give it. */
const char *webnn_type_name(dtype t) {
    switch (t) {
    case DTYPE_F32:
    case DTYPE_F16:
    case DTYPE_I32:
    case DTYPE_U32:
    case DTYPE_I64:
    case DTYPE_U64:
    case DTYPE_I8:
    case DTYPE_U8:
    case DTYPE_I4:
    case DTYPE_U4:
        return dtype_name(t);
    default:
        return NULL;
    }
}

accel_status webnn_limits_read(const char *json, size_t length, webnn_limits **out, accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(json, length, LIMITS_MAX_BYTES, "the browser's opSupportLimits", &doc, err));
    webnn_limits *l = yyjson_is_obj(yyjson_doc_get_root(doc)) ? mem_calloc(1, sizeof *l) : NULL;
    if (l == NULL) {
        bool object = yyjson_is_obj(yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
        return object ? error_no_memory(err, "the browser's opSupportLimits", sizeof *l)
                      : error_set(err, ACCEL_INVALID_ARGUMENT,
                                  "the browser's opSupportLimits are no JSON object");
    }
    *l = (webnn_limits){doc, yyjson_doc_get_root(doc)};
    *out = l;
    return ACCEL_OK;
}

void webnn_limits_destroy(webnn_limits *l) {
    if (l != NULL) {
        yyjson_doc_free(l->doc);
        mem_free(l);
    }
}

bool limits_prefer_channels_last(const webnn_limits *l) {
    const char *layout = json_text(yyjson_obj_get(l->root, "preferredInputLayout"));
    return layout != NULL && strcmp(layout, "nhwc") == 0;
}

bool limits_have_method(const webnn_limits *l, const char *method) {
    return yyjson_is_obj(yyjson_obj_get(l->root, method));
}

static yyjson_val *role_of(const webnn_limits *l, const char *method, const char *role) {
    return yyjson_obj_get(method != NULL ? yyjson_obj_get(l->root, method) : l->root, role);
}

bool limits_take_type(const webnn_limits *l, const char *method, const char *role, dtype t) {
    yyjson_val *types = yyjson_obj_get(role_of(l, method, role), "dataTypes"), *item;
    size_t i, count;
    yyjson_arr_foreach(types, i, count, item) {
        if (yyjson_equals_str(item, webnn_type_name(t)))
            return true;
    }
    return !yyjson_is_arr(types);
}

bool limits_take_rank(const webnn_limits *l, const char *method, const char *role, int rank) {
    yyjson_val *range = yyjson_obj_get(role_of(l, method, role), "rankRange");
    yyjson_val *least = yyjson_obj_get(range, "min"), *most = yyjson_obj_get(range, "max");
    return (!yyjson_is_num(least) || rank >= yyjson_get_num(least)) &&
           (!yyjson_is_num(most) || rank <= yyjson_get_num(most));
}

void limits_types(const webnn_limits *l, const char *method, const char *role, str_buf *out) {
    yyjson_val *item;
    size_t i, count;
    yyjson_arr_foreach(yyjson_obj_get(role_of(l, method, role), "dataTypes"), i, count, item) {
        const char *name = json_text(item);
        str_appendf(out, "%s%s", i > 0 ? ", " : "", name != NULL ? name : "?");
    }
}
