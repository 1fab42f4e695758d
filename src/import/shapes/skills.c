/* Skill tests: an object of texts that say how each step ended on each platform, and examples with a time. */
#include <string.h>

#include "base/file.h"
#include "import/integration.h"
#include "import/shapes/shapes.h"
#include "import/simulated.h"

enum { MOST_PLATFORMS = 16 };

static yyjson_val *get(yyjson_val *object, const char *name) {
    return yyjson_is_obj(object) ? yyjson_obj_get(object, name) : NULL;
}

static bool is_step_key(const char *key) {
    static const char *const steps[] = {"init",          "handler",    "tests",     "single",  "batch",
                                        "transcription", "generation", "embedding", "platform"};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (str_ends_with(key, steps[i]))
            return true;
    return false;
}

/* Texts of how steps ended, by platform: cpu_init, cuda_tests, … */
static size_t count_steps(yyjson_val *v) {
    size_t i, n, steps = 0;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(v))
        return 0;
    yyjson_obj_foreach(v, i, n, key, value) {
        const char *name = yyjson_get_str(key);
        bool step =
            value_platform_prefix(name) != NULL && (value_platform(name) != NULL || is_step_key(name));
        steps += step && status_of_text(json_text(value)) != STATUS_NONE;
    }
    return steps;
}

static yyjson_val *steps_of(yyjson_val *v) {
    static const char *const places[] = {"status", "results"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (count_steps(get(v, places[i])) > 0)
            return get(v, places[i]);
    return count_steps(v) > 0 ? v : NULL;
}

/* ---- the rows of one skill ------------------------------------------------------------------------------------------------------- */

typedef struct skill {
    const char *module, *model, *simulated;
    yyjson_val *whole, *steps, *examples;
} skill;

static bool is_of(const char *key, const char *platform) {
    return str_equal(value_platform_prefix(key), platform); /* both NULL: of none */
}

/* Of the steps of a platform the worst counts; what was skipped counts only where nothing ran. */
static int badness(old_status s) {
    static const int order[] = {
        [STATUS_NONE] = 0, [STATUS_PASS] = 3,    [STATUS_FAIL] = 4,        [STATUS_ERROR] = 5,
        [STATUS_SKIP] = 1, [STATUS_TIMEOUT] = 5, [STATUS_UNSUPPORTED] = 1, [STATUS_ABSENT] = 2};
    return order[s];
}

static void add_step(const char *name, old_status s, const char *text, size_t parent, import_rows *rows) {
    if (badness(s) < badness(STATUS_PASS))
        return; /* nothing was asserted */
    store_assertion *row = import_add_assertion(rows);
    row->parent = (int64_t)parent;
    row->assertion_name = name;
    row->passed = s == STATUS_PASS;
    row->actual_value = text;
}

static bool is_example_of(yyjson_val *v, const char *platform) {
    return yyjson_is_obj(v) && platform != NULL &&
           str_equal(value_platform(json_text(get(v, "platform"))), platform);
}

/* Seconds of all examples of a platform; NAN when none says. */
static double example_seconds(import_context *c, const skill *k, const char *platform) {
    double sum = (double)NAN;
    yyjson_val *lists[] = {k->examples, k->steps};
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        size_t i, n;
        yyjson_val *key, *value;
        if (yyjson_is_arr(lists[l])) {
            yyjson_arr_foreach(lists[l], i, n, value) {
                value_reader r = value_reader_of(c, value);
                double s = is_example_of(value, platform) ? integration_seconds(&r) : (double)NAN;
                sum = isnan(s) ? sum : isnan(sum) ? s : sum + s;
            }
        } else if (yyjson_is_obj(lists[l])) {
            yyjson_obj_foreach(lists[l], i, n, key, value) {
                value_reader r = value_reader_of(c, value);
                double s = is_example_of(value, platform) ? integration_seconds(&r) : (double)NAN;
                sum = isnan(s) ? sum : isnan(sum) ? s : sum + s;
            }
        }
    }
    return sum;
}

static void append_member(import_context *c, str_buf *out, yyjson_val *key, yyjson_val *value) {
    const char *json = value_json(c, value);
    str_append(out, out->length > 0 ? "," : "{");
    str_append_json(out, yyjson_get_str(key), yyjson_get_len(key));
    str_appendf(out, ":%s", json != NULL ? json : "null");
}

static void append_examples(import_context *c, str_buf *out, const skill *k, const char *platform) {
    size_t i, n, shown = 0;
    yyjson_val *e;
    if (!yyjson_is_arr(k->examples))
        return;
    yyjson_arr_foreach(k->examples, i, n, e) {
        const char *json = is_example_of(e, platform) ? value_json(c, e) : NULL;
        if (json == NULL)
            continue;
        str_append(out, shown++ > 0 ? "," : out->length > 0 ? ",\"examples\":[" : "{\"examples\":[");
        str_append(out, json);
    }
    str_append(out, shown > 0 ? "]" : "");
}

/* Everything that is said of a platform becomes the metadata of its row. */
static const char *metadata_of(import_context *c, const skill *k, const char *platform) {
    str_buf out = {0};
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(k->steps, i, n, key, value) if (is_of(yyjson_get_str(key), platform))
        append_member(c, &out, key, value);
    append_examples(c, &out, k, platform);
    if (platform == NULL && k->whole != k->steps) {
        yyjson_obj_foreach(k->whole, i, n, key, value) if (value != k->steps && value != k->examples)
            append_member(c, &out, key, value);
    }
    str_append(&out, out.length > 0 ? "}" : "");
    const char *copy = out.length > 0 && !out.failed ? arena_strndup(c->arena, out.data, out.length) : NULL;
    str_free(&out);
    return copy;
}

static void add_platform(import_context *c, const skill *k, const char *platform, import_rows *rows) {
    old_status worst = STATUS_NONE;
    const char *said = NULL;
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(k->steps, i, n, key, value) {
        old_status s = is_of(yyjson_get_str(key), platform) ? status_of_text(json_text(value)) : STATUS_NONE;
        if (badness(s) <= badness(worst))
            continue;
        worst = s;
        said = arena_printf(c->arena, "%s: %s", yyjson_get_str(key), json_text(value));
    }
    if (worst == STATUS_NONE)
        return;
    const char *evidence = simulated_evidence(c, k->whole, platform);
    test_about about = {.module = k->module,
                        .name = platform != NULL ? platform : "common steps",
                        .model = k->model,
                        .hardware = platform,
                        .simulated = platform != NULL && evidence != NULL ? evidence : k->simulated};
    store_integration *row =
        integration_add_plain(c, &about, worst, worst == STATUS_PASS ? NULL : said, rows);
    row->execution_time_seconds = example_seconds(c, k, platform);
    row->metadata = metadata_of(c, k, platform);
    size_t parent = rows->integration_count > 0 ? rows->integration_count - 1 : 0;
    yyjson_obj_foreach(k->steps, i, n, key, value) if (is_of(yyjson_get_str(key), platform))
        add_step(value_text(c, key), status_of_text(json_text(value)), value_text(c, value), parent, rows);
}

static void add_skill(import_context *c, const char *module, yyjson_val *v, import_rows *rows) {
    const char *platforms[MOST_PLATFORMS] = {NULL};
    size_t i, n, count = 1;
    yyjson_val *key, *value;
    skill k = {.module = module, .whole = v, .steps = steps_of(v), .examples = get(v, "examples")};
    yyjson_val *metadata = get(v, "metadata");
    k.model = value_text(c, value_any(metadata != NULL ? metadata : v, "model_name|test_model|model"));
    k.model = value_is_name(k.model) ? k.model : NULL;
    k.simulated = simulated_around(c, v);
    if (k.steps == NULL)
        return;
    yyjson_obj_foreach(k.steps, i, n, key, value) {
        const char *platform = value_platform_prefix(yyjson_get_str(key));
        bool is_new = platform != NULL && count < MOST_PLATFORMS;
        for (size_t p = 1; p < count && is_new; p++)
            is_new = !str_equal(platforms[p], platform);
        if (is_new)
            platforms[count++] = platform;
    }
    for (size_t p = 0; p < count; p++)
        add_platform(c, &k, platforms[p], rows);
}

/* ---- one skill a file -------------------------------------------------------------------------------------------------------------- */

static bool is_skill(yyjson_val *root) {
    return count_steps(root) >= 2 || count_steps(get(root, "status")) >= 1 ||
           count_steps(get(root, "results")) >= 1;
}

/* hf_embed of …/hf_embed_test_results.json: the file does not say which test it is of. */
static const char *module_of_file(import_context *c) {
    static const char *const ends[] = {".json", "_results", "_test", "_tests", "_test_results"};
    const char *name = file_base_name(c->path);
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);
        if (length > end && memcmp(name + length - end, ends[i], end) == 0)
            length -= end;
    }
    return arena_strndup(c->arena, name, length);
}

static accel_status read_skill(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    yyjson_val *metadata = get(root, "metadata");
    const char *module =
        value_text(c, value_any(metadata != NULL ? metadata : root, "test_file|test_name|test_module"));
    module = module != NULL ? integration_stem(c, module) : module_of_file(c);
    if (module == NULL)
        return error_no_memory(err, "a test's name", 1);
    add_skill(c, module, root, rows);
    return ACCEL_OK;
}

const import_shape shape_skill = {"skill test", "integration", is_skill, read_skill};

/* ---- {test_hf_bert: {…}, test_hf_llama: "…an error…"} --------------------------------------------------------------------------------------- */

static bool is_skill_collection(yyjson_val *root) {
    size_t i, n, skills = 0;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(root))
        return false;
    yyjson_obj_foreach(root, i, n, key, value) skills +=
        str_starts_with(yyjson_get_str(key), "test_") && steps_of(value) != NULL;
    return skills >= 1;
}

static accel_status read_skill_collection(import_context *c, yyjson_val *root, import_rows *rows,
                                          accel_error *err) {
    size_t i, n;
    yyjson_val *key, *value;
    (void)err;
    yyjson_obj_foreach(root, i, n, key, value) {
        const char *name = value_text(c, key), *error = value_text(c, value);
        if (name == NULL || !str_starts_with(name, "test_"))
            continue;
        if (steps_of(value) != NULL) {
            add_skill(c, name, value, rows);
        } else if (error != NULL) { /* what str() of an exception gave: the test did not even start */
            test_about about = {.module = name, .name = name, .simulated = simulated_around(c, root)};
            old_status s = status_of_text(error);
            integration_add_plain(c, &about, s != STATUS_NONE ? s : STATUS_ERROR,
                                  s == STATUS_PASS ? NULL : error, rows);
        } else {
            import_note(c, "%.60s: it says not how it ended", name);
        }
    }
    return ACCEL_OK;
}

const import_shape shape_skill_collection = {"skill tests", "integration", is_skill_collection,
                                             read_skill_collection};
