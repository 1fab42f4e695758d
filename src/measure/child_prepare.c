/* Says what a model is at the shapes asked for, and writes it once for the engines that read files. */
#include <string.h>

#include "base/file.h"
#include "graph/cost.h"
#include "measure/child.h"

static void append_int(str_buf *out, const char *key, int64_t value) {
    str_appendf(out, ",\"%s\":%lld", key, (long long)value);
}

static void append_text(str_buf *out, const char *key, const char *text) {
    str_appendf(out, ",\"%s\":", key);
    json_append_text(out, text);
}

static void append_shapes(str_buf *out, const zoo_inputs *inputs) {
    str_append(out, ",\"shapes\":{");
    for (size_t i = 0; i < inputs->count; i++) {
        char text[256];
        str_append(out, i ? "," : "");
        json_append_text(out, inputs->names[i]);
        str_append_char(out, ':');
        str_append(out, shape_text(&inputs->tensors[i].shape, text, sizeof text));
    }
    str_append_char(out, '}');
}

static void append_outputs(str_buf *out, const graph *g) {
    str_append(out, ",\"outputs\":[");
    for (size_t i = 0; i < g->output_count; i++) {
        str_append(out, i ? "," : "");
        json_append_text(out, g->values[g->outputs[i]].name);
    }
    str_append_char(out, ']');
}

static void append_file(str_buf *out, const char *name, const engine_file *f) {
    json_append_text(out, name);
    if (f->status == ACCEL_OK) {
        str_append(out, ":{\"path\":");
        json_append_text(out, str_text(&f->path));
    } else {
        str_appendf(out, ":{\"status\":\"%s\",\"message\":", case_status_name(case_status_of(f->status)));
        json_append_text(out, f->failure.message);
    }
    str_append_char(out, '}');
}

/* A later call for other engines must not touch the weights that these files share: hence a folder of the first one's name. */
static accel_status write_files(const child *c, const graph *g, const char *const *names, engine_file *files,
                                size_t count, accel_error *err) {
    str_buf folder = {0};
    file_join(&folder, c->job.folder, names[0]);
    child_phase("writing the model for runtimes");
    accel_status status = folder.failed ? error_no_memory(err, "a path", folder.length)
                                        : file_make_folders(str_text(&folder), err);
    if (status == ACCEL_OK)
        status = engine_write_models(files, count, g, str_text(&folder), err);
    str_free(&folder);
    return status;
}

/* {"onnxruntime":{"path":…},"openvino":{"status":…,"message":…}}: one engine's form may fail where another's does not. */
static accel_status append_files(const child *c, const graph *g, str_buf *out, accel_error *err) {
    enum { MOST_ENGINES = 16 };
    const char *names[MOST_ENGINES];
    engine_file files[MOST_ENGINES] = {0};
    size_t count = 0;
    char *all = arena_strdup(c->arena, c->job.file_engines ? c->job.file_engines : ""), *rest = NULL;
    if (!all)
        return error_no_memory(err, "names of engines", 1);
    for (char *name = strtok_r(all, " ", &rest); name && count < MOST_ENGINES;
         name = strtok_r(NULL, " ", &rest)) {
        files[count].engine = child_find_engine(c, name);
        if (!files[count].engine)
            return error_set(err, ACCEL_ABSENT, "no engine is called '%s'", name);
        names[count++] = name;
    }
    accel_status status = count > 0 ? write_files(c, g, names, files, count, err) : ACCEL_OK;
    str_append(out, ",\"files\":{");
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        str_append(out, i ? "," : "");
        append_file(out, names[i], &files[i]);
    }
    str_append_char(out, '}');
    for (size_t i = 0; i < count; i++)
        str_free(&files[i].path);
    return status;
}

static accel_status describe(const child *c, const child_model *m, str_buf *out, accel_error *err) {
    const zoo_model *model = &m->model;
    graph_cost cost;
    ACCEL_TRY(graph_cost_compute(model->graph, &cost, err));
    str_append(out, "{\"name\":");
    json_append_text(out, model->name);
    append_text(out, "source", zoo_source_name(model->source));
    append_text(out, "family", model->family);
    append_text(out, "modality", model->modality);
    append_text(out, "sha256", model->sha256);
    append_text(out, "onnx_path", model->onnx_path);
    append_text(out, "path", model->path);
    append_text(out, "assumed", m->inputs.assumed);
    append_text(out, "precision", precision_name(engine_graph_precision(model->graph)));
    append_int(out, "parameters", cost.parameters);
    append_int(out, "weight_bytes", (int64_t)cost.weight_bytes);
    append_int(out, "activation_bytes", (int64_t)cost.peak_activation_bytes);
    append_int(out, "nodes_unknown", (int64_t)cost.nodes_unknown);
    append_int(out, "batch", m->inputs.batch);
    append_int(out, "sequence", m->inputs.sequence);
    str_append(out, ",\"flops\":");
    json_append_real(out, cost.flops);
    append_shapes(out, &m->inputs);
    append_outputs(out, model->graph);
    if (!model->onnx_path)
        ACCEL_TRY(append_files(c, model->graph, out, err));
    str_append_char(out, '}');
    return out->failed ? error_no_memory(err, "the description of a model", out->length) : ACCEL_OK;
}

accel_status child_prepare(child *c, accel_error *err) {
    child_model m = {0};
    str_buf out = {0};
    accel_status status = child_load_model(c, &m, err);
    if (status == ACCEL_OK)
        status = describe(c, &m, &out, err);
    if (status == ACCEL_OK)
        status = wire_write(WIRE_SOCKET, WIRE_FINISHED, out.data, out.length, err);
    str_free(&out);
    child_model_free(&m);
    return status;
}
