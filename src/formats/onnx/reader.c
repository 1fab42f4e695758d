/* onnx_read: files, versions, and the file's name before every complaint. */
#include "formats/formats.h"
#include "formats/onnx/import.h"

enum { OLDEST_IR = 3, NEWEST_IR = 14 };

static accel_status check_versions(const proto_model *m, accel_error *err) {
    if (m->ir_version < OLDEST_IR)
        return error_set(err, ACCEL_UNSUPPORTED, "IR version %lld is older than %d, the oldest that is read",
                         (long long)m->ir_version, OLDEST_IR);
    int64_t opset = proto_opset_version(m->opsets, m->opset_count);
    if (m->ir_version > NEWEST_IR)
        return error_set(err, ACCEL_UNSUPPORTED, "IR version %lld is newer than %d, the newest that is known",
                         (long long)m->ir_version, NEWEST_IR);
    if (opset < 0 || opset > graph_opset())
        return error_set(
            err, ACCEL_UNSUPPORTED,
            "it uses ai.onnx opset %lld; the newest that is known is %lld. Export it with that one "
            "or an older one",
            (long long)opset, (long long)graph_opset());
    return ACCEL_OK;
}

static accel_status describe_source(import_state *st) {
    arena *a = st->memory;
    graph *g = st->root;
    byte_span name = st->model->producer_name, version = st->model->producer_version,
              title = st->model->graph->name;
    g->source_opset = proto_opset_version(st->model->opsets, st->model->opset_count);
    g->source_text = arena_printf(g->arena, "%s%s%s", name.length ? proto_text(a, name) : "",
                                  version.length ? " " : "", version.length ? proto_text(a, version) : "");
    g->name = arena_strdup(g->arena, title.length ? proto_text(a, title) : "");
    return g->source_text && g->name ? ACCEL_OK : import_no_memory(st);
}

static accel_status import_model(import_state *st, byte_span bytes) {
    proto_parser parser = {.memory = st->memory, .err = st->err};
    proto_model model;
    import_scope scope;
    ACCEL_TRY(proto_parse_model(&parser, bytes, &model));
    ACCEL_TRY(check_versions(&model, st->err));
    st->model = &model;
    ACCEL_TRY(import_index_functions(st, &model));
    ACCEL_TRY(describe_source(st));
    ACCEL_TRY(import_scope_start(&scope, st, st->root, NULL, NULL));
    ACCEL_TRY(import_graph_body(&scope, model.graph));
    return graph_check(st->root, st->err);
}

/* Fills g, whose resources already hold what `bytes` lie in. */
static accel_status read_into(graph *g, byte_span bytes, bool mapped, file_folder *folder, accel_error *err) {
    arena *memory = arena_create();
    import_state st = {.memory = memory, .err = err, .root = g, .folder = folder, .mapped = mapped};
    st.external_names.memory = memory;
    accel_status status =
        memory ? import_model(&st, bytes) : error_no_memory(err, "the import of a model", 0);
    arena_destroy(memory);
    return status;
}

static accel_status finish(accel_status status, const char *name, graph *g, graph **out, accel_error *err) {
    if (status != ACCEL_OK) {
        graph_destroy(g);
        return error_prefix(err, status, "%s", name);
    }
    *out = g;
    return ACCEL_OK;
}

accel_status onnx_read_bytes(const void *bytes, size_t length, const char *name, const char *folder,
                             graph **out, accel_error *err) {
    graph *g = NULL;
    file_folder *opened = NULL;
    accel_error local;
    err = err ? err : &local;
    accel_status status = graph_create(&g, err);
    if (status == ACCEL_OK && folder)
        status = file_folder_open(folder, &opened, err);
    if (status == ACCEL_OK)
        status = read_into(g, (byte_span){bytes, length}, false, opened, err);
    file_folder_close(opened);
    return finish(status, name, g, out, err);
}

static void close_map(void *handle) {
    file_map_close(handle);
}

static accel_status map_model(const char *path, graph *g, file_map **out, accel_error *err) {
    *out = ARENA_NEW(g->arena, file_map);
    if (!*out)
        return error_no_memory(err, "a mapped file", sizeof(file_map));
    ACCEL_TRY(file_map_open(path, *out, err));
    return graph_own(g, close_map, *out, err);
}

accel_status onnx_read(const char *path, graph **out, accel_error *err) {
    graph *g = NULL;
    file_map *map;
    file_folder *folder = NULL;
    str_buf folder_path = {0};
    accel_error local;
    err = err ? err : &local;
    ACCEL_TRY(graph_create(&g, err));
    accel_status status = map_model(path, g, &map, err);
    if (status != ACCEL_OK) { /* the file layer has named the file */
        graph_destroy(g);
        return status;
    }
    file_dir_name(&folder_path, path);
    status = folder_path.failed ? error_no_memory(err, "a path", 0)
                                : file_folder_open(str_text(&folder_path), &folder, err);
    if (status == ACCEL_OK)
        status = read_into(g, (byte_span){map->bytes, map->size_bytes}, true, folder, err);
    file_folder_close(folder);
    str_free(&folder_path);
    return finish(status, path, g, out, err);
}
