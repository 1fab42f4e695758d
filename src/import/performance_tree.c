/* Trees of performance results: what the keys on the way to a result say about it. */
#include <math.h>
#include <string.h>

#include "import/performance.h"
#include "import/simulated.h"

enum { MOST_DEPTH = 12 };

/* Keys that only group. */
static bool is_structure(const char *key) {
    static const char *const keys[] = {"results",
                                       "benchmarks",
                                       "benchmark_results",
                                       "performance",
                                       "performance_results",
                                       "performance_metrics",
                                       "models",
                                       "model_results",
                                       "hardware_results",
                                       "hardware",
                                       "platforms",
                                       "batch_results",
                                       "batch_sizes",
                                       "configurations",
                                       "metrics",
                                       "benchmark",
                                       "by_hardware",
                                       "by_model",
                                       "platform_results",
                                       "summary",
                                       "data",
                                       "measurements",
                                       "runs",
                                       "inference",
                                       "tests",
                                       "families",
                                       "model_families",
                                       "details",
                                       "detailed_results",
                                       "sequence_lengths"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_equal(keys[i], key))
            return true;
    return false;
}

static bool number_after(const char *key, const char *word, int64_t *out, const char **rest) {
    size_t length = strlen(word), digits;
    if (strncmp(key, word, length) != 0)
        return false;
    key += length;
    key += *key == '_';
    digits = strspn(key, "0123456789");
    if (digits == 0 || digits > 9)
        return false;
    *out = 0;
    for (size_t i = 0; i < digits; i++)
        *out = *out * 10 + (key[i] - '0');
    *rest = key + digits;
    return *out > 0;
}

/* batch_8_seq_128, batch_size_4, seq_32, b8_s128 */
static bool learn_shape(const char *key, performance_about *about) {
    int64_t number;
    bool found = false;
    while (*key != '\0') {
        if (number_after(key, "batch_size", &number, &key) || number_after(key, "batch", &number, &key) ||
            number_after(key, "bs", &number, &key))
            about->batch = number;
        else if (number_after(key, "sequence_length", &number, &key) ||
                 number_after(key, "seq_len", &number, &key) ||
                 number_after(key, "sequence", &number, &key) || number_after(key, "seq", &number, &key))
            about->sequence = number;
        else
            return false;
        found = true;
        key += *key == '_' || *key == '-';
    }
    return found;
}

/* {"batch_sizes": {"8": …}}; a number below another name could be anything, and is no name of a model. */
static void learn_number(import_context *c, const char *key, const char *parent, performance_about *about) {
    int64_t number = 0;
    (void)str_to_i64(key, &number);
    if (number > 0 && strstr(parent, "batch") != NULL)
        about->batch = number;
    else if (number > 0 && strstr(parent, "seq") != NULL)
        about->sequence = number;
    else
        about->around =
            arena_printf(c->arena, "%s%s\"key\":\"%s\"", about->around != NULL ? about->around : "",
                         about->around != NULL ? "," : "", key);
}

static void learn_key(import_context *c, const char *key, const char *parent, performance_about *about) {
    const char *platform = value_platform(key), *precision = value_precision(key);
    performance_about shaped = *about;
    if (platform != NULL)
        about->hardware = platform;
    else if (precision != NULL)
        about->precision = precision;
    else if (learn_shape(key, &shaped))
        *about = shaped;
    else if (key[0] != '\0' && strspn(key, "0123456789") == strlen(key))
        learn_number(c, key, parent, about);
    else if (!is_structure(key) && value_is_name(key)) {
        if (about->model != NULL && about->family == NULL)
            about->family = about->model; /* family, then model */
        about->model = key;
    }
}

/* Summaries of what is beside them: not counted twice. */
static bool is_summary(const char *key) {
    static const char *const keys[] = {"summary",     "performance_summary",
                                       "aggregate",   "aggregated",
                                       "aggregates",  "overall",
                                       "averages",    "statistics",
                                       "stats",       "comparison",
                                       "totals",      "performance_comparison",
                                       "best_result", "system_info",
                                       "ranking",     "rankings"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_equal(keys[i], key))
            return true;
    return false;
}

/* What an object between the top and the results says, that is not about model or hardware: it stays with each of them. */
static const char *add_around(import_context *c, const value_reader *r, const char *around) {
    str_buf text = {0};
    size_t i, count;
    yyjson_val *key, *value;
    str_append(&text, around != NULL ? around : "");
    yyjson_obj_foreach(r->object, i, count, key, value) {
        if (yyjson_is_ctn(value) || value_was_used(r, value))
            continue;
        const char *json = value_json(c, value);
        str_append(&text, text.length > 0 ? "," : "");
        str_append_json(&text, yyjson_get_str(key), yyjson_get_len(key));
        str_appendf(&text, ":%s", json != NULL ? json : "null");
    }
    const char *copy =
        text.length > 0 && !text.failed ? arena_strndup(c->arena, text.data, text.length) : NULL;
    str_free(&text);
    return copy;
}

static accel_status walk(import_context *c, const performance_about *around, yyjson_val *v, const char *where,
                         int depth, import_rows *rows, accel_error *err) {
    size_t i, count;
    yyjson_val *key, *value;
    if (depth > MOST_DEPTH || !yyjson_is_ctn(v))
        return ACCEL_OK;
    if (performance_is_result(v))
        return performance_add(c, around, v, where, rows, err);
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, count, value) {
            if (yyjson_is_num(value))
                break;
            const char *inner = arena_printf(c->arena, "%s[%zu]", where, i);
            if (inner == NULL)
                return error_no_memory(err, "a name", strlen(where));
            ACCEL_TRY(walk(c, around, value, inner, depth + 1, rows, err));
        }
        return ACCEL_OK;
    }
    performance_about here = *around;
    value_reader r = value_reader_of(c, v);
    performance_take(&r, &here);
    if (v != c->root)
        here.around = add_around(c, &r, here.around);
    if (here.simulated == NULL)
        here.simulated = simulated_around(c, v);
    double load_s;
    if (here.unit == FIGURE_S && value_number(yyjson_obj_get(v, "model_load_time"), &load_s) && load_s > 0)
        here.load_s = load_s;
    yyjson_obj_foreach(v, i, count, key, value) {
        performance_about inner = here;
        const char *name = yyjson_get_str(key);
        if (!yyjson_is_ctn(value) || is_summary(name))
            continue;
        const char *text = value_text(c, key);
        learn_key(c, text != NULL ? text : "", where, &inner);
        const char *path = arena_printf(c->arena, "%s%s%.60s", where, *where != '\0' ? "/" : "", name);
        if (path == NULL)
            return error_no_memory(err, "a name", strlen(name));
        ACCEL_TRY(walk(c, &inner, value, path, depth + 1, rows, err));
    }
    return ACCEL_OK;
}

accel_status performance_walk(import_context *c, const performance_about *about, yyjson_val *v,
                              import_rows *rows, accel_error *err) {
    performance_about here = *about;
    if (here.simulated == NULL)
        here.simulated = simulated_around(c, c->root);
    return walk(c, &here, v, "", 0, rows, err);
}

static bool is_below(yyjson_val *v, int depth) {
    size_t i, count;
    yyjson_val *key, *value;
    if (depth > MOST_DEPTH)
        return false;
    if (yyjson_is_obj(v)) {
        if (figures_are_in(v))
            return true;
        yyjson_obj_foreach(v, i, count, key, value) if (is_below(value, depth + 1)) return true;
    } else if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, count, value) if (is_below(value, depth + 1)) return true;
    }
    return false;
}

bool performance_is_below(yyjson_val *v) {
    return is_below(v, 0);
}
