/* A start from nothing in a fresh page of the browser that runs: the job `start` of docs/agent-protocol.md. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engines/browser/session.h"
#include "engines/vendor.h"

static const double START_TIMEOUT_S = 3600; /* the harness has the user's limit and ends the process */
enum { MOST_RUNS = 256 };

/* ---- what the page is told ---------------------------------------------------------------------------------------------------- */

static const char *input_name(const graph *g, size_t i) {
    return g->values[g->inputs[i]].name;
}

static const tensor *find_input(const engine_start *how, const char *name) {
    for (size_t i = 0; i < how->input_count; i++)
        if (str_equal(how->input_names[i], name))
            return &how->inputs[i];
    return NULL;
}

static bool is_front_end(const engine_component *c) {
    return str_starts_with(c->model, "audio:");
}

/* Files before bytes: tab_serve_file. */
static accel_status append_model(engine_session *s, const engine_component *c, str_buf *out,
                                 accel_error *err) {
    if (!is_front_end(c))
        return page_append_model(s->tab, s->memory, c->model, c->graph, out, err);
    str_append(out, "\"model\":");
    json_append_text(out, c->model);
    page_append_shapes(c->graph, out);
    return ACCEL_OK;
}

/* "inputs", and "takes": names of what the components before it give. */
static accel_status append_inputs(engine_session *s, const engine_start *how, const engine_component *c,
                                  str_buf *out, accel_error *err) {
    const char *separator = "";
    str_append(out, ",\"inputs\":[");
    for (size_t i = 0; i < c->graph->input_count; i++) {
        const tensor *t = find_input(how, input_name(c->graph, i));
        if (t == NULL)
            continue;
        str_append(out, separator);
        ACCEL_TRY(page_append_input(s->tab, input_name(c->graph, i), t, out, err));
        separator = ",";
    }
    str_append(out, "],\"takes\":[");
    separator = "";
    for (size_t i = 0; i < c->graph->input_count; i++) {
        if (find_input(how, input_name(c->graph, i)) != NULL)
            continue;
        str_append(out, separator);
        json_append_text(out, input_name(c->graph, i));
        separator = ",";
    }
    str_append(out, "]");
    return ACCEL_OK;
}

static accel_status append_components(engine_session *s, const engine_start *how, str_buf *out,
                                      accel_error *err) {
    str_buf models[8] = {0};
    accel_status status = how->component_count <= sizeof models / sizeof *models
                              ? ACCEL_OK
                              : error_set(err, ACCEL_LIMIT, "a start has at most %zu components",
                                          sizeof models / sizeof *models);
    tab_forget_bytes(s->tab);
    for (size_t i = 0; i < how->component_count && status == ACCEL_OK; i++)
        status = append_model(s, &how->components[i], &models[i], err);
    str_append(out, "\"components\":[");
    for (size_t i = 0; i < how->component_count && status == ACCEL_OK; i++) {
        str_appendf(out, "%s{\"platform\":\"%s\",", i > 0 ? "," : "",
                    platform_name(how->components[i].platform));
        str_append(out, str_text(&models[i]));
        status = append_inputs(s, how, &how->components[i], out, err);
        str_append_char(out, '}');
    }
    str_append_char(out, ']');
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        out->failed |= models[i].failed;
        str_free(&models[i]);
    }
    return status;
}

static accel_status describe(engine_session *s, const engine_start *how, str_buf *out, accel_error *err) {
    str_buf put = {0};
    ACCEL_TRY(append_components(s, how, out, err));
    ACCEL_TRY(page_expect_outputs(s, how->whole, &put, err));
    str_append(out, ",\"put\":");
    json_append_text(out, str_text(&put));
    out->failed |= put.failed;
    str_free(&put);
    str_append(out, ",\"outputs\":[");
    for (size_t i = 0; i < how->whole->output_count; i++) {
        str_append(out, i > 0 ? "," : "");
        json_append_text(out, how->whole->values[how->whole->outputs[i]].name);
    }
    str_appendf(out, "],\"runs\":%d,\"precision\":\"%s\",\"threads\":%d,", how->more_runs,
                precision_name(s->ran.precision), s->ran.threads);
    web_features_append(how->features, out);
    return out->failed ? error_no_memory(err, "a job", out->length) : ACCEL_OK;
}

/* ---- what it tells ------------------------------------------------------------------------------------------------------------ */

static double median_of(yyjson_val *list) {
    double values[MOST_RUNS];
    size_t count = 0, i, n;
    yyjson_val *value;
    yyjson_arr_foreach(list, i, n, value) if (yyjson_is_num(value) && count < MOST_RUNS) values[count++] =
        yyjson_get_num(value);
    for (size_t a = 1; a < count; a++)
        for (size_t b = a; b > 0 && values[b] < values[b - 1]; b--) {
            double moved = values[b];
            values[b] = values[b - 1];
            values[b - 1] = moved;
        }
    return count > 0 ? 0.5 * (values[(count - 1) / 2] + values[count / 2]) : (double)NAN;
}

/* Of all components; NAN where none told it. */
static double sum_of(yyjson_val *figures, const char *key) {
    double sum = (double)NAN;
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach(figures, i, n, one) {
        double value = page_number(one, key);
        if (!isnan(value))
            sum = isnan(sum) ? value : sum + value;
    }
    return sum;
}

static accel_status take(engine_session *s, const engine_start *how, yyjson_val *result, engine_started *out,
                         accel_error *err) {
    yyjson_val *figures = yyjson_obj_get(result, "figures");
    *out = (engine_started){.start_ms = page_number(result, "start_ms"),
                            .load_ms = page_number(result, "load_ms"),
                            .run_ms = median_of(yyjson_obj_get(result, "runs_ms"))};
#define TAKE(name) out->name = sum_of(figures, #name)
    TAKE(download_ms);
    TAKE(plan_ms);
    TAKE(upload_ms);
    TAKE(pipeline_ms);
    TAKE(shader_ms);
    TAKE(shaders);
    TAKE(shaders_listed);
    TAKE(shaders_compiled);
#undef TAKE
    if (isnan(out->start_ms) || isnan(out->load_ms))
        return error_set(err, ACCEL_RUNTIME, "the page's times of a start cannot be read");
    ACCEL_TRY(page_take_outputs(s, how->whole, result, err));
    out->outputs = s->outputs;
    out->output_count = how->whole->output_count;
    return ACCEL_OK;
}

accel_status page_start(engine_session *s, const engine_start *how, engine_started *out, accel_error *err) {
    str_buf job = {0};
    yyjson_doc *answer = NULL;
    s->outputs_fetched = false;
    ACCEL_TRY(tab_renew(s->tab, err));
    accel_status status = describe(s, how, &job, err);
    if (status == ACCEL_OK)
        status = tab_job(s->tab, "start", str_text(&job), START_TIMEOUT_S, &answer, err);
    if (status == ACCEL_OK)
        status = take(s, how, yyjson_obj_get(yyjson_doc_get_root(answer), "result"), out, err);
    yyjson_doc_free(answer);
    str_free(&job);
    return status;
}
