/* Models and inputs as jobs of a page name them: by addresses under which it finds them. */
#include "base/file.h"
#include "engines/browser/session.h"
#include "engines/tuning_file.h"
#include "formats/formats.h"

/* "data":{name: address} of the files that the weights lie in. */
static accel_status append_data(tab *t, arena *memory, const char *path, str_buf *out, accel_error *err) {
    file_map map;
    file_folder *folder = NULL;
    str_buf folder_path = {0};
    const char **names = NULL;
    size_t count = 0;
    ACCEL_TRY(file_map_open(path, &map, err));
    file_dir_name(&folder_path, path);
    accel_status status = onnx_external_names(map.bytes, map.size_bytes, memory, &names, &count, err);
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
            status = tab_serve_file(t, str_text(&whole), &url, err);
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

void page_append_shapes(const graph *g, str_buf *out) {
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

accel_status page_append_model(tab *t, arena *memory, const char *path, const graph *g, str_buf *out,
                               accel_error *err) {
    str_buf url = {0};
    ACCEL_TRY(tab_serve_file(t, path, &url, err));
    str_append(out, "\"model\":");
    json_append_text(out, str_text(&url));
    str_free(&url);
    ACCEL_TRY(append_data(t, memory, path, out, err));
    page_append_shapes(g, out);
    return ACCEL_OK;
}

accel_status page_append_input(tab *t, const char *name, const tensor *x, str_buf *out, accel_error *err) {
    str_buf url = {0};
    accel_status status = tab_serve_bytes(t, x->data, x->size_bytes, &url, err);
    str_append(out, "{\"name\":");
    json_append_text(out, name);
    str_appendf(out, ",\"type\":\"%s\",\"dims\":[", dtype_name(x->type));
    for (int d = 0; d < x->shape.rank; d++)
        str_appendf(out, "%s%lld", d > 0 ? "," : "", (long long)x->shape.dims[d]);
    str_append(out, "],\"url\":");
    json_append_text(out, str_text(&url));
    str_append(out, "}");
    str_free(&url);
    return status;
}

accel_status page_append_inputs(tab *t, const graph *g, const tensor *inputs, str_buf *out,
                                accel_error *err) {
    str_append(out, "\"inputs\":[");
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < g->input_count && status == ACCEL_OK; i++) {
        str_append(out, i > 0 ? "," : "");
        status = page_append_input(t, g->values[g->inputs[i]].name, &inputs[i], out, err);
    }
    str_append(out, "]");
    return status;
}

void page_describe_adapter(const tab *t, const char *browser, str_buf *out) {
    yyjson_val *platforms = yyjson_obj_get(tab_capabilities(t), "platforms"), *one;
    const char *name = NULL, *version = tab_browser_version(t);
    size_t i, n;
    yyjson_arr_foreach(platforms, i, n, one) {
        const char *adapter = json_text(yyjson_obj_get(yyjson_obj_get(one, "adapter"), "name"));
        name = adapter != NULL ? adapter : name;
    }
    str_appendf(out, "webgpu in %s %s on %s", browser, version != NULL ? version : "",
                name != NULL ? name : "an adapter without a name");
}

void page_append_tuning(const tab *t, const engine_device *device, const engine_options *options,
                        str_buf *out) {
    str_buf adapter = {0}, tuning = {0};
    if (options->tuning != NULL) {
        str_append(&tuning, options->tuning);
    } else if (device->platform == PLATFORM_WEBGPU && options->context != NULL && !options->deterministic) {
        page_describe_adapter(t, device->id, &adapter);
        tuning_append_precision(&adapter, options->precision);
        (void)tuning_file_find(options->context->tuning_path, str_text(&adapter), &tuning, NULL);
    }
    if (tuning.length > 0) {
        str_append(out, ",\"tuning\":");
        json_append_text(out, str_text(&tuning));
    }
    str_free(&adapter);
    str_free(&tuning);
}
