/* Google Benchmark, --benchmark_out_format=json. What it measures are functions, not models: each is a test, whose time is that of one
 * iteration. */
#include "import/foreign/foreign.h"

#include <math.h>
#include <string.h>

#include "base/file.h"

static bool matches(yyjson_val *root) {
    yyjson_val *list = value_any(root, "benchmarks"), *first = yyjson_arr_get_first(list);
    return yyjson_is_obj(value_any(root, "context")) && yyjson_is_arr(list) &&
           (first == NULL ||
            (yyjson_obj_get(first, "name") != NULL &&
             (yyjson_obj_get(first, "real_time") != NULL || yyjson_obj_get(first, "run_type") != NULL ||
              yyjson_obj_get(first, "error_occurred") != NULL ||
              yyjson_obj_get(first, "iterations") != NULL)));
}

static double seconds_of_unit(const char *unit) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (str_equal(units[i].name, unit))
            return units[i].seconds;
    return (double)NAN;
}

static bool is_aggregate(yyjson_val *b) {
    return value_is_text(value_any(b, "run_type"), "aggregate");
}

static bool has_iterations(yyjson_val *list) {
    size_t i, n;
    yyjson_val *b;
    yyjson_arr_foreach(list, i, n, b) if (yyjson_is_obj(b) && !is_aggregate(b)) return true;
    return false;
}

/* pass, or why there is no time. */
static const char *status_of(const import_context *c, yyjson_val *b, const char **message) {
    int failed = 0, skipped = 0;
    (void)value_flag(value_any(b, "error_occurred"), &failed);
    (void)value_flag(value_any(b, "skipped"), &skipped);
    *message = failed || skipped ? value_text(c, value_any(b, "error_message|skip_message")) : NULL;
    return failed ? "error" : skipped ? "skip" : "pass";
}

static accel_status add(import_context *c, const char *module, const char *context, yyjson_val *b,
                        import_rows *rows, accel_error *err) {
    const char *name = value_text(c, value_any(b, "run_name|name")), *message;
    if (name == NULL) {
        import_note(c, "a benchmark without a name");
        return ACCEL_OK;
    }
    double time = (double)NAN;
    const char *status = status_of(c, b, &message);
    if (str_equal(status, "pass")) {
        const char *unit = json_text(value_any(b, "time_unit"));
        bool known = value_number(value_any(b, "real_time"), &time) && time >= 0;
        time *= seconds_of_unit(unit);
        if (!known || isnan(time)) {
            if (known)
                return error_set(err, ACCEL_BAD_FILE, "%.80s: its time_unit is %.20s, not ns, us, ms or s",
                                 name, unit != NULL ? unit : "missing");
            import_note(c, "%.80s: its real_time is no time", name);
            return ACCEL_OK;
        }
    }
    store_integration *t = import_add_integration(rows);
    t->test_module = module;
    t->test_name = name;
    t->status = status;
    t->error_message = message;
    t->execution_time_seconds = time;
    t->hardware_type = c->stated.hardware;
    t->metadata =
        arena_printf(c->arena, "{\"time\":\"one iteration, real time\",\"benchmark\":%s,\"context\":%s}",
                     value_json(c, b), context);
    return t->metadata != NULL ? ACCEL_OK : error_no_memory(err, "a test", 0);
}

static accel_status read(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    yyjson_val *list = value_any(root, "benchmarks"), *context = value_any(root, "context"), *b;
    size_t i, n, aggregates = 0;
    const char *program = value_text(c, value_any(context, "executable"));
    const char *module = program != NULL ? file_base_name(program) : "google benchmark";
    const char *about = foreign_without(c, context, "host_name");
    bool single = has_iterations(list);
    yyjson_arr_foreach(list, i, n, b) {
        if (is_aggregate(b) && (single || !value_is_text(value_any(b, "aggregate_name"), "mean")))
            aggregates++;
        else
            ACCEL_TRY(add(c, module, about, b, rows, err));
    }
    if (aggregates > 0)
        import_note(c, "%zu aggregates (means, medians, deviations of repetitions)", aggregates);
    if (n == 0)
        c->skip = "it holds no benchmark";
    return ACCEL_OK;
}

const import_shape shape_google_benchmark = {"google benchmark", "integration", matches, read};
