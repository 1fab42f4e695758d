#include "store/given_value.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { MOST_TEXT_BYTES = 1 << 20, MOST_SAMPLES = 1 << 24 };
static const double most_exact = 0x1p53; /* beyond it a double is no certain integer */

bool given_is_absent(yyjson_val *v, const given_defaults *defaults) {
    if (v == NULL || yyjson_is_null(v) || (yyjson_is_str(v) && yyjson_get_len(v) == 0))
        return true;
    return defaults->from_table && yyjson_is_real(v) && isnan(yyjson_get_real(v));
}

static accel_status wrong(const char *name, const char *what, accel_error *err) {
    return error_set(err, ACCEL_BAD_FILE, "%.60s must be %s", name, what);
}

static bool as_number(yyjson_val *v, double *out) {
    const char *text = json_text(v);
    *out = yyjson_is_num(v) ? yyjson_get_num(v) : (double)NAN;
    return yyjson_is_num(v) || (text != NULL && str_to_f64(text, out));
}

static accel_status read_real(const char *name, yyjson_val *v, double scale, double *out, accel_error *err) {
    double value;
    if (!as_number(v, &value))
        return wrong(name, "a number", err);
    if (!isfinite(value) || !isfinite(value * scale))
        return wrong(name, "a finite number", err);
    *out = value * scale;
    return ACCEL_OK;
}

/* Whole numbers stay exact; a fraction is one only where the unit makes it whole enough (0.5 ms are 500000 ns). */
static accel_status read_int(const char *name, yyjson_val *v, double scale, int64_t *out, accel_error *err) {
    double value;
    bool plain = scale >= 1 && scale <= 1;
    if (plain && (yyjson_is_sint(v) || (yyjson_is_uint(v) && yyjson_get_uint(v) <= INT64_MAX))) {
        *out = yyjson_get_sint(v);
        return ACCEL_OK;
    }
    if (plain && json_text(v) != NULL && str_to_i64(json_text(v), out))
        return ACCEL_OK;
    if (!as_number(v, &value) || !isfinite(value) || (plain && trunc(value) < value) ||
        (plain && trunc(value) > value))
        return wrong(name, "a whole number", err);
    value *= scale;
    if (fabs(value) >= (plain ? most_exact : 0x1p62))
        return wrong(name, "a number of a size that can be", err);
    *out = (int64_t)llround(value);
    return ACCEL_OK;
}

static accel_status read_bool(const char *name, yyjson_val *v, int *out, accel_error *err) {
    static const char *const words[2][4] = {{"false", "False", "no", "0"}, {"true", "True", "yes", "1"}};
    const char *text = json_text(v);
    double number;
    if (yyjson_is_bool(v)) {
        *out = yyjson_get_bool(v);
        return ACCEL_OK;
    }
    for (int value = 0; value < 2; value++)
        for (size_t i = 0; text != NULL && i < 4; i++)
            if (str_equal(text, words[value][i])) {
                *out = value;
                return ACCEL_OK;
            }
    if (!yyjson_is_num(v) || !as_number(v, &number) || !(number == 0 || number == 1))
        return wrong(name, "true or false", err);
    *out = number > 0;
    return ACCEL_OK;
}

static accel_status read_text(const char *name, yyjson_val *v, arena *a, const char **out, accel_error *err) {
    const char *text = json_text(v);
    if (text == NULL)
        return wrong(name, yyjson_is_str(v) ? "a text without NUL" : "a text", err);
    if (yyjson_get_len(v) > MOST_TEXT_BYTES)
        return error_set(err, ACCEL_LIMIT, "%.60s is longer than %d bytes", name, MOST_TEXT_BYTES);
    *out = arena_strdup(a, text);
    return *out != NULL ? ACCEL_OK : error_no_memory(err, name, yyjson_get_len(v));
}

/* Lists and objects come as texts out of tables. */
static accel_status parse_inside(const char *name, yyjson_val **v, yyjson_doc **doc, accel_error *err) {
    *doc = NULL;
    if (!yyjson_is_str(*v))
        return ACCEL_OK;
    ACCEL_TRY(json_parse(yyjson_get_str(*v), yyjson_get_len(*v), SIZE_MAX, name, doc, err));
    *v = yyjson_doc_get_root(*doc);
    return ACCEL_OK;
}

static accel_status read_object(const char *name, yyjson_val *v, arena *a, const char **out,
                                accel_error *err) {
    given_rest all = {0};
    if (!given_keep_all(&all, v)) {
        str_free(&all.json);
        return wrong(name, "an object", err);
    }
    ACCEL_TRY(given_rest_finish(&all, a, out, err));
    if (*out == NULL)
        *out = "{}";
    return ACCEL_OK;
}

static accel_status read_samples(const char *name, yyjson_val *list, arena *a, const int64_t **out,
                                 size_t *count, accel_error *err) {
    size_t i, n, most = yyjson_arr_size(list);
    yyjson_val *v;
    if (!yyjson_is_arr(list))
        return wrong(name, "a list of whole numbers", err);
    if (most > MOST_SAMPLES)
        return error_set(err, ACCEL_LIMIT, "%.60s has more than %d values", name, MOST_SAMPLES);
    int64_t *values = ARENA_ARRAY(a, int64_t, most);
    if (values == NULL)
        return error_no_memory(err, name, most * sizeof *values);
    yyjson_arr_foreach(list, i, n, v) ACCEL_TRY(read_int(name, v, 1, &values[i], err));
    *out = values;
    *count = most;
    return ACCEL_OK;
}

accel_status given_value(record_kind kind, const char *name, yyjson_val *v, double scale,
                         const given_defaults *defaults, arena *a, void *member, size_t *count,
                         accel_error *err) {
    if (given_is_absent(v, defaults))
        return ACCEL_OK;
    switch (kind) {
    case RECORD_TEXT:
        return read_text(name, v, a, (const char **)member, err);
    case RECORD_INT:
        return read_int(name, v, scale, member, err);
    case RECORD_REAL:
        return read_real(name, v, scale, member, err);
    case RECORD_BOOL:
        return read_bool(name, v, member, err);
    case RECORD_JSON:
        return read_object(name, v, a, (const char **)member, err);
    case RECORD_INTS: {
        yyjson_doc *doc;
        ACCEL_TRY(parse_inside(name, &v, &doc, err));
        accel_status status = read_samples(name, v, a, (const int64_t **)member, count, err);
        yyjson_doc_free(doc);
        return status;
    }
    }
    return ACCEL_OK;
}

/* ---- what is kept ------------------------------------------------------------------------------------------------------- */

static void append_key(given_rest *rest, const char *name) {
    str_append(&rest->json, rest->json.length > 0 ? "," : "{");
    json_append_text(&rest->json, name);
    str_append_char(&rest->json, ':');
}

void given_keep(given_rest *rest, const char *name, yyjson_val *v) {
    append_key(rest, name);
    json_append_foreign(&rest->json, v);
}

void given_keep_text(given_rest *rest, const char *name, const char *json) {
    append_key(rest, name);
    str_append(&rest->json, json);
}

bool given_keep_all(given_rest *rest, yyjson_val *object_or_text) {
    yyjson_doc *doc;
    size_t i, count;
    yyjson_val *key, *value;
    if (parse_inside("a value", &object_or_text, &doc, NULL) != ACCEL_OK)
        return false;
    bool is_object = yyjson_is_obj(object_or_text);
    if (is_object)
        yyjson_obj_foreach(object_or_text, i, count, key, value) given_keep(rest, yyjson_get_str(key), value);
    yyjson_doc_free(doc);
    return is_object;
}

accel_status given_rest_finish(given_rest *rest, arena *a, const char **out, accel_error *err) {
    *out = NULL;
    bool any = rest->json.length > 0;
    str_append(&rest->json, any ? "}" : "");
    bool failed = rest->json.failed;
    size_t length = rest->json.length;
    if (any && !failed) {
        *out = arena_strndup(a, rest->json.data, length);
        failed = *out == NULL;
    }
    str_free(&rest->json);
    return failed ? error_no_memory(err, "what is kept of a result", length) : ACCEL_OK;
}
