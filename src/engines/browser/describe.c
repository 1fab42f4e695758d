/* What a page is told of models and tensors, and how outputs come back. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engines/browser/session.h"
#include "formats/formats.h"

static const size_t MOST_OPEN_OUTPUT_BYTES = (size_t)1
                                             << 30; /* of an output whose shape only the run tells */

/* ---- models ----------------------------------------------------------------------------------------------------------------- */

/* "data":{name: address} of the files that the weights lie in. */
static accel_status append_data(engine_session *s, const char *path, str_buf *out, accel_error *err) {
    file_map map;
    file_folder *folder = NULL;
    str_buf folder_path = {0};
    const char **names = NULL;
    size_t count = 0;
    ACCEL_TRY(file_map_open(path, &map, err));
    file_dir_name(&folder_path, path);
    accel_status status = onnx_external_names(map.bytes, map.size_bytes, s->memory, &names, &count, err);
    if (status == ACCEL_OK && count > 0)
        status = file_folder_open(str_text(&folder_path), &folder, err);
    str_append(out, ",\"data\":{");
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        file_map beneath;
        str_buf whole = {0}, url = {0};
        status = file_map_beneath(folder, names[i], &beneath, err); /* leads nowhere else, is there */
        if (status == ACCEL_OK) {
            file_map_close(&beneath);
            file_join(&whole, str_text(&folder_path), names[i]);
            status = tab_serve_file(s->tab, str_text(&whole), &url, err);
        }
        if (status == ACCEL_OK) {
            str_append(out, i > 0 ? "," : "");
            json_append_text(out, names[i]);
            str_append(out, ":");
            json_append_text(out, str_text(&url));
        }
        str_free(&whole);
        str_free(&url);
    }
    str_append(out, "}");
    file_folder_close(folder);
    str_free(&folder_path);
    file_map_close(&map);
    return status;
}

void page_describe_shapes(const graph *g, str_buf *out) {
    str_append(out, ",\"shapes\":{");
    for (size_t i = 0; i < g->input_count; i++) {
        const graph_value *v = &g->values[g->inputs[i]];
        str_append(out, i > 0 ? "," : "");
        json_append_text(out, v->name);
        str_append(out, ":[");
        for (int d = 0; d < v->type.shape.rank; d++)
            str_appendf(out, "%s%lld", d > 0 ? "," : "", (long long)v->type.shape.dims[d]);
        str_append(out, "]");
    }
    str_append(out, "}");
}

accel_status page_describe_model(engine_session *s, const char *path, const graph *g, str_buf *out,
                                 accel_error *err) {
    str_buf url = {0};
    accel_status status = tab_serve_file(s->tab, path, &url, err);
    str_append(out, "\"model\":");
    json_append_text(out, str_text(&url));
    str_free(&url);
    if (status == ACCEL_OK)
        status = append_data(s, path, out, err);
    page_describe_shapes(g, out);
    return status;
}

/* ---- tensors ---------------------------------------------------------------------------------------------------------------- */

accel_status page_describe_input(engine_session *s, const char *name, const tensor *t, str_buf *out,
                                 accel_error *err) {
    str_buf url = {0};
    accel_status status = tab_serve_bytes(s->tab, t->data, t->size_bytes, &url, err);
    str_append(out, "{\"name\":");
    json_append_text(out, name);
    str_appendf(out, ",\"type\":\"%s\",\"dims\":[", dtype_name(t->type));
    for (int d = 0; d < t->shape.rank; d++)
        str_appendf(out, "%s%lld", d > 0 ? "," : "", (long long)t->shape.dims[d]);
    str_append(out, "],\"url\":");
    json_append_text(out, str_text(&url));
    str_append(out, "}");
    str_free(&url);
    return status;
}

static const graph_value *output_value(const graph *g, size_t index) {
    return &g->values[g->outputs[index]];
}

accel_status page_expect_outputs(engine_session *s, const graph *g, str_buf *put, accel_error *err) {
    size_t count = g->output_count, *most = mem_calloc(count + 1, sizeof *most);
    if (most == NULL)
        return error_no_memory(err, "outputs", count * sizeof *most);
    for (size_t i = 0; i < count; i++) {
        const graph_value *v = output_value(g, i);
        if (!shape_is_static(&v->type.shape) ||
            tensor_size_bytes(v->type.type, &v->type.shape, v->name, &most[i], NULL) != ACCEL_OK)
            most[i] = MOST_OPEN_OUTPUT_BYTES;
    }
    accel_status status = tab_expect(s->tab, count, most, put, err);
    mem_free(most);
    return status;
}

static accel_status take_output(engine_session *s, const graph *g, size_t index, yyjson_val *described,
                                accel_error *err) {
    const graph_value *v = output_value(g, index);
    tensor *t = &s->outputs[index];
    yyjson_val *dims = yyjson_obj_get(described, "dims"), *dim;
    const char *type = yyjson_get_str(yyjson_obj_get(described, "type"));
    size_t length = 0, size = 0, i, n;
    const void *bytes = tab_delivered(s->tab, index, &length);
    *t = (tensor){.type = type != NULL ? dtype_from_name(type) : DTYPE_UNDEFINED};
    if (bytes == NULL || !yyjson_is_arr(dims) || yyjson_arr_size(dims) > TENSOR_MAX_RANK ||
        t->type != v->type.type)
        return error_set(err, ACCEL_RUNTIME, "the page did not deliver output '%s'", v->name);
    t->shape.rank = (int)yyjson_arr_size(dims);
    yyjson_arr_foreach(dims, i, n, dim) t->shape.dims[i] = yyjson_get_sint(dim);
    ACCEL_TRY(tensor_size_bytes(t->type, &t->shape, v->name, &size, err));
    if (size != length)
        return error_set(err, ACCEL_RUNTIME, "output '%s' came with %zu bytes; its dims ask for %zu", v->name,
                         length, size);
    t->data = (void *)(uintptr_t)bytes; /* a view that nobody writes to */
    t->size_bytes = size;
    return ACCEL_OK;
}

accel_status page_take_outputs(engine_session *s, const graph *g, yyjson_val *result, accel_error *err) {
    yyjson_val *list = yyjson_obj_get(result, "outputs");
    mem_free(s->outputs);
    s->outputs = mem_calloc(g->output_count + 1, sizeof *s->outputs);
    if (s->outputs == NULL)
        return error_no_memory(err, "outputs", g->output_count * sizeof *s->outputs);
    for (size_t i = 0; i < g->output_count; i++)
        ACCEL_TRY(take_output(s, g, i, yyjson_arr_get(list, i), err));
    return ACCEL_OK;
}
