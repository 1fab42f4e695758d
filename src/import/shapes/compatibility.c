/* Compatibility: whether a model runs on a platform. */
#include <string.h>

#include "import/integration.h"
#include "import/performance.h"
#include "import/shapes/shapes.h"
#include "import/simulated.h"

enum { MOST_DEPTH = 8 };

#define VERDICT_KEYS "is_compatible|compatible|supported|is_supported"
#define GROUP_KEYS                                                                                           \
    "compatibility_results|model_compatibility|hardware_compatibility|compatibility_matrix|compatibility"

static yyjson_val *get(yyjson_val *object, const char *name) {
    return yyjson_is_obj(object) ? yyjson_obj_get(object, name) : NULL;
}

/* ---- one row ------------------------------------------------------------------------------------------------------------------- */

static int flag_or(int flag, int fallback) {
    return flag >= 0 ? flag : fallback;
}

static store_compatibility *add_row(const performance_about *about, int compatible, import_rows *rows) {
    store_compatibility *row = import_add_compatibility(rows);
    row->model_name = about->model;
    row->model_family = about->family;
    row->model_modality = about->modality;
    row->hardware_type = about->hardware;
    row->device_name = about->device;
    row->is_compatible = compatible;
    row->detection_success = 1; /* somebody tried it there, unless the file says otherwise */
    row->initialization_success = compatible;
    SIMULATED_MARK(row, about->simulated);
    return row;
}

static bool is_about_something(import_context *c, const performance_about *about, const char *where) {
    if (about->model != NULL && about->hardware != NULL)
        return true;
    import_note(c, "%s: %s", where,
                about->model == NULL ? "no model is named" : "it names no platform that is known here");
    return false;
}

static void add_entry(import_context *c, const performance_about *around, yyjson_val *v, const char *where,
                      import_rows *rows) {
    performance_about about = *around;
    value_reader r = value_reader_of(c, v);
    performance_learn(c, v, &about);
    int compatible = value_take_flag(&r, VERDICT_KEYS);
    if (compatible < 0)
        compatible = status_of(v) == STATUS_NONE ? RECORD_UNKNOWN_BOOL : status_of(v) == STATUS_PASS;
    if (compatible < 0) {
        import_note(c, "%s: whether it is compatible is null", where);
        return;
    }
    if (!is_about_something(c, &about, where))
        return;
    const char *evidence = simulated_evidence(c, v, about.hardware);
    about.simulated = evidence != NULL ? evidence : about.simulated;
    store_compatibility *row = add_row(&about, compatible, rows);
    row->detection_success =
        flag_or(value_take_flag(&r, "detection_success|detected"), row->detection_success);
    row->initialization_success = flag_or(
        value_take_flag(&r, "initialization_success|initialized|init_success"), row->initialization_success);
    row->error_message = value_take_text(&r, "error_message|error|message|reason");
    row->error_type = value_take_text(&r, "error_type");
    row->suggested_fix = value_take_text(&r, "suggested_fix|fix|recommendation|suggestion");
    row->workaround_available = value_take_flag(&r, "workaround_available|has_workaround");
    yyjson_val *score = value_any(v, "compatibility_score|score");
    if (value_share(score, &row->compatibility_score))
        value_used(&r, score);
    else
        row->compatibility_score = (double)NAN; /* on a scale of its own: kept below */
    row->metadata = value_rest(&r);
}

/* ---- trees of models and platforms ------------------------------------------------------------------------------------------------- */

static bool has_verdict(yyjson_val *v) {
    return yyjson_is_obj(v) &&
           (yyjson_obj_get(v, "is_compatible") != NULL || yyjson_obj_get(v, "compatible") != NULL ||
            yyjson_obj_get(v, "supported") != NULL || yyjson_obj_get(v, "is_supported") != NULL);
}

static bool is_group(const char *key) {
    static const char *const keys[] = {"compatibility_results",
                                       "model_compatibility",
                                       "hardware_compatibility",
                                       "compatibility_matrix",
                                       "compatibility",
                                       "models",
                                       "model_families",
                                       "platforms",
                                       "hardware",
                                       "results",
                                       "hardware_platforms",
                                       "tests",
                                       "families"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_equal(keys[i], key))
            return true;
    return false;
}

static void walk(import_context *c, const performance_about *around, yyjson_val *v, const char *where,
                 int depth, import_rows *rows);

/* A member named after a platform: true, "not supported", or an object. */
static void add_platform(import_context *c, const performance_about *around, const char *platform,
                         yyjson_val *v, const char *where, int depth, import_rows *rows) {
    performance_about about = *around;
    int flag;
    about.hardware = platform;
    if (yyjson_is_ctn(v)) {
        walk(c, &about, v, where, depth + 1, rows);
        return;
    }
    old_status s = status_of_text(json_text(v));
    if (!value_flag(v, &flag)) {
        if (s == STATUS_NONE) {
            import_note(c, "%s: whether it is compatible is not told", where);
            return;
        }
        flag = s == STATUS_PASS;
    }
    if (!is_about_something(c, &about, where))
        return;
    store_compatibility *row = add_row(&about, flag, rows);
    row->error_message = flag ? NULL : value_text(c, v);
    row->detection_success = s != STATUS_ABSENT;
}

static void walk(import_context *c, const performance_about *around, yyjson_val *v, const char *where,
                 int depth, import_rows *rows) {
    size_t i, count;
    yyjson_val *key, *value;
    if (depth > MOST_DEPTH || !yyjson_is_ctn(v) || where == NULL)
        return;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach(v, i, count, value)
            walk(c, around, value, arena_printf(c->arena, "%s[%zu]", where, i), depth + 1, rows);
        return;
    }
    performance_about about = *around;
    performance_learn(c, v, &about);
    if (has_verdict(v) || (about.model != NULL && about.hardware != NULL && status_of(v) != STATUS_NONE)) {
        add_entry(c, around, v, where, rows);
        return;
    }
    if (about.simulated == NULL)
        about.simulated = simulated_around(c, v);
    yyjson_obj_foreach(v, i, count, key, value) {
        performance_about inner = about;
        const char *name = value_text(c, key), *platform = value_platform(name);
        const char *path =
            arena_printf(c->arena, "%s%s%.60s", where, *where != '\0' ? "/" : "", yyjson_get_str(key));
        if (name == NULL || path == NULL)
            continue;
        if (platform != NULL) {
            add_platform(c, &about, platform, value, path, depth, rows);
        } else if (yyjson_is_ctn(value)) {
            if (!is_group(name) && value_is_name(name)) {
                inner.family = inner.model != NULL ? inner.model : inner.family;
                inner.model = name;
            }
            walk(c, &inner, value, path, depth + 1, rows);
        }
    }
}

static performance_about about_file(import_context *c) {
    performance_about about = performance_about_nothing();
    about.simulated = simulated_around(c, c->root);
    return about;
}

/* ---- {model_families{family{hardware_compatibility{hardware{compatible, performance_rating, benchmark_results[…]}}}}} ------------------------- */

static bool is_matrix(yyjson_val *root) {
    size_t i, count;
    yyjson_val *key, *value, *families = get(root, "model_families");
    if (!yyjson_is_obj(families))
        return false;
    yyjson_obj_foreach(families, i, count, key,
                       value) if (get(value, "hardware_compatibility") != NULL) return true;
    return false;
}

/* A verdict on a family is one on each model of it that was tried. */
static void add_family(import_context *c, const performance_about *about, yyjson_val *verdict,
                       const char *where, import_rows *rows) {
    size_t i, count;
    yyjson_val *b, *tried = get(verdict, "benchmark_results");
    int compatible;
    if (!value_flag(get(verdict, "compatible"), &compatible)) {
        import_note(c, "%s: whether it is compatible is null", where);
        return;
    }
    if (yyjson_arr_size(tried) == 0) {
        import_note(c, "%s: no model is named that was tried", where);
        return;
    }
    yyjson_arr_foreach(tried, i, count, b) {
        performance_about one = *about;
        value_reader r = value_reader_of(c, b);
        one.model = value_take_name(&r, "model_name|model");
        if (!is_about_something(c, &one, where))
            continue;
        const char *evidence = simulated_evidence(c, b, one.hardware), *rest = value_rest(&r);
        one.simulated = evidence != NULL ? evidence : one.simulated;
        store_compatibility *row = add_row(&one, compatible, rows);
        yyjson_val *rating = get(verdict, "performance_rating");
        const char *rated = rating != NULL && !yyjson_is_null(rating) ? value_json(c, rating) : NULL;
        if (rated != NULL)
            row->metadata = arena_printf(c->arena, "{\"performance_rating\":%s,\"benchmark\":%s}", rated,
                                         rest != NULL ? rest : "null");
        else
            row->metadata = rest;
    }
}

static accel_status read_matrix(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    size_t i, n, j, m;
    yyjson_val *family, *value, *platform, *verdict;
    (void)err;
    yyjson_obj_foreach(get(root, "model_families"), i, n, family, value) {
        yyjson_val *verdicts = get(value, "hardware_compatibility");
        if (!yyjson_is_obj(verdicts))
            continue;
        yyjson_obj_foreach(verdicts, j, m, platform, verdict) {
            performance_about about = about_file(c);
            about.family = value_text(c, family);
            about.hardware = value_platform(json_text(platform));
            add_family(
                c, &about, verdict,
                arena_printf(c->arena, "%.60s/%.40s", yyjson_get_str(family), yyjson_get_str(platform)),
                rows);
        }
    }
    return ACCEL_OK;
}

const import_shape shape_compatibility_matrix = {"compatibility matrix", "compatibility", is_matrix,
                                                 read_matrix};

/* ---- {errors[{hardware_type, message, error_type}]} ---------------------------------------------------------------------------------------------- */

static bool is_error_list(yyjson_val *errors) {
    yyjson_val *first = yyjson_arr_get_first(errors);
    return value_any(first, "hardware_type|hardware|platform") != NULL &&
           value_any(first, "message|error_message|error") != NULL;
}

/* Where no model is named, the platform itself failed: that is a test of it. */
static void add_error(import_context *c, const performance_about *around, yyjson_val *v, import_rows *rows) {
    performance_about about = *around;
    value_reader r = value_reader_of(c, v);
    performance_learn(c, v, &about);
    const char *message = value_take_text(&r, "message|error_message|error"),
               *type = value_take_text(&r, "error_type|type");
    if (about.hardware == NULL) {
        import_note(c, "an error: it names no platform that is known here");
        return;
    }
    if (about.model != NULL) {
        store_compatibility *row = add_row(&about, 0, rows);
        row->error_message = message;
        row->error_type = type;
        row->suggested_fix = value_take_text(&r, "suggested_fix|fix|recommendation");
        row->metadata = value_rest(&r);
        return;
    }
    test_about test = {.module = "hardware_compatibility",
                       .name = type != NULL ? type : about.hardware,
                       .hardware = about.hardware,
                       .simulated = about.simulated};
    store_integration *row = integration_add_plain(c, &test, STATUS_ERROR, message, rows);
    row->metadata = value_rest(&r);
}

/* ---- lists ---------------------------------------------------------------------------------------------------------------------------------------- */

static bool has_platform_flags(yyjson_val *v) {
    size_t i, n, flags = 0;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(v))
        return false;
    yyjson_obj_foreach(v, i, n, key, value) flags +=
        value_platform(json_text(key)) != NULL && yyjson_is_bool(value);
    return flags >= 2;
}

/* {bert: {cpu: true, cuda: false}}, [{model: bert, cpu: true}] */
static bool has_model_flags(yyjson_val *v) {
    size_t i, n;
    yyjson_val *key, *value;
    if (yyjson_is_arr(v))
        return has_platform_flags(yyjson_arr_get_first(v)) &&
               value_any(yyjson_arr_get_first(v), "model|model_name") != NULL;
    if (!yyjson_is_obj(v))
        return false;
    if (has_platform_flags(v))
        return value_any(v, "model|model_name") != NULL;
    yyjson_obj_foreach(v, i, n, key, value) if (has_platform_flags(value) && !is_group(yyjson_get_str(key)) &&
                                                !str_equal(yyjson_get_str(key), "hardware_info")) return true;
    return false;
}

static bool is_list(yyjson_val *root) {
    yyjson_val *tests = get(root, "tests"), *first = yyjson_is_arr(root) ? yyjson_arr_get_first(root) : NULL;
    if (yyjson_is_ctn(value_any(root, GROUP_KEYS)) || is_error_list(get(root, "errors")) ||
        has_verdict(root) || has_verdict(first))
        return true;
    if (yyjson_is_arr(tests) && get(yyjson_arr_get_first(tests), "compatibility") != NULL)
        return true;
    return has_model_flags(root) || has_model_flags(get(root, "models")) ||
           has_model_flags(get(root, "results")) || has_verdict(yyjson_arr_get_first(get(root, "results")));
}

static accel_status read_list(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    performance_about about = about_file(c);
    yyjson_val *errors = get(root, "errors"), *v;
    size_t i, count;
    (void)err;
    if (is_error_list(errors)) {
        yyjson_arr_foreach(errors, i, count, v) add_error(c, &about, v, rows);
    } else {
        walk(c, &about, root, "", 0, rows);
    }
    return ACCEL_OK;
}

const import_shape shape_compatibility_list = {"compatibility results", "compatibility", is_list, read_list};
