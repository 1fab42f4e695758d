/* Descriptions for the tests that run them in a browser (tests/web).
 *
 *   webnn_describe_tool LIMITS.json FOLDER <<< "ID MODEL.onnx NAME=2,3 …"
 *   webnn_describe_tool LIMITS.json FOLDER <<< "ID zoo:bert-tiny inference 16"      zoo name, mode, sequence (0: the usual)
 *
 * For each line of its input: FOLDER/ID.json, the description, and FOLDER/ID.bin, the constants one behind the other in its order; or
 * FOLDER/ID.err, "status: sentence". An input without dims is a scalar ("NAME="). Of a zoo model also seeded inputs, FOLDER/ID.in and as a list
 * FOLDER/ID.inputs, and what the native engine makes of them, FOLDER/ID.expected, in the order of the model's outputs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engines/engine.h"
#include "engines/webnn/webnn.h"
#include "formats/formats.h"
#include "graph/infer.h"
#include "zoo/zoo.h"

static accel_status bind_shape(graph *g, char *word, accel_error *err) {
    char *equals = strrchr(word, '=');
    shape s = {.rank = 0};
    if (equals == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "'%s' is no NAME=DIMS", word);
    *equals = 0;
    for (char *at = equals + 1; *at != 0 && s.rank < TENSOR_MAX_RANK; at += *at == ',')
        s.dims[s.rank++] = strtoll(at, &at, 10);
    return graph_bind_input(g, word, &s, err);
}

static bool write_file(const char *folder, const char *id, const char *ending, const void *bytes,
                       size_t length) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s", folder, id, ending);
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && fwrite(bytes, 1, length, file) == length;
    return file != NULL && fclose(file) == 0 && good;
}

static bool write_constants(const webnn_description *d, const char *folder, const char *id) {
    str_buf all = {0};
    for (size_t i = 0; i < d->operand_count; i++) {
        if (d->operands[i].bytes != NULL && d->operands[i].read)
            str_append_bytes(&all, d->operands[i].bytes, d->operands[i].size_bytes);
    }
    bool good = !all.failed && write_file(folder, id, "bin", str_text(&all), all.length);
    str_free(&all);
    return good;
}

static accel_status describe(graph *g, const webnn_limits *limits, const char *folder, const char *id,
                             accel_error *err) {
    webnn_description d;
    for (char *word; (word = strtok(NULL, " \n")) != NULL;)
        ACCEL_TRY(bind_shape(g, word, err));
    ACCEL_TRY(graph_infer(g, err));
    ACCEL_TRY(webnn_describe(g, limits, &d, err));
    bool good = write_constants(&d, folder, id) && write_file(folder, id, "json", d.json.data, d.json.length);
    webnn_description_free(&d);
    return good ? ACCEL_OK : error_set(err, ACCEL_IO, "cannot write into %s", folder);
}

/* ---- zoo models --------------------------------------------------------------------------------------------------- */

extern const engine_def engine_native;

static bool write_inputs(const zoo_inputs *inputs, const char *folder, const char *id) {
    str_buf bytes = {0}, list = {0};
    for (size_t i = 0; i < inputs->count; i++) {
        const tensor *t = &inputs->tensors[i];
        char dims[128];
        str_append_bytes(&bytes, t->data, t->size_bytes);
        str_appendf(&list, "%s{\"name\":\"%s\",\"type\":\"%s\",\"dims\":%s}", i > 0 ? "," : "[",
                    inputs->names[i], dtype_name(t->type), shape_text(&t->shape, dims, sizeof dims));
    }
    str_append_char(&list, ']');
    bool good = !bytes.failed && !list.failed &&
                write_file(folder, id, "in", str_text(&bytes), bytes.length) &&
                write_file(folder, id, "inputs", list.data, list.length);
    str_free(&bytes);
    str_free(&list);
    return good;
}

static accel_status run_native(const graph *g, const zoo_inputs *inputs, str_buf *out, accel_error *err) {
    engine_session *session = NULL;
    const engine_model model = {.graph = g};
    const engine_options options = {.precision = PRECISION_FP32};
    tensor views[64];
    accel_status status = engine_native.load(&model, NULL, &options, &session, err);
    if (status == ACCEL_OK)
        status = engine_native.bind(session, inputs->tensors, inputs->count, err);
    if (status == ACCEL_OK)
        status = engine_native.run(session, err);
    if (status == ACCEL_OK)
        status = engine_native.outputs(session, views, g->output_count, err);
    for (size_t i = 0; status == ACCEL_OK && i < g->output_count; i++)
        str_append_bytes(out, views[i].data, views[i].size_bytes);
    engine_native.unload(session);
    return status;
}

static accel_status describe_zoo(const char *name, const webnn_limits *limits, const char *folder,
                                 const char *id, accel_error *err) {
    const char *mode = strtok(NULL, " \n"), *sequence = strtok(NULL, " \n");
    zoo_model model = {0};
    zoo_inputs inputs = {0};
    zoo_options options = {.environment = getenv};
    zoo_input_options shapes = {.sequence = sequence != NULL ? strtoll(sequence, NULL, 10) : 0};
    str_buf expected = {0};
    if (mode != NULL && !zoo_mode_from_name(mode, &options.mode))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "no mode is called %s", mode);
    accel_status status = zoo_load(name, &options, &model, err);
    if (status == ACCEL_OK)
        status = zoo_make_inputs(&model, &shapes, &inputs, err);
    if (status == ACCEL_OK)
        status = zoo_bind(&model, &inputs, err);
    if (status == ACCEL_OK)
        status = describe(model.graph, limits, folder, id, err);
    if (status == ACCEL_OK)
        status = run_native(model.graph, &inputs, &expected, err);
    if (status == ACCEL_OK && (!write_inputs(&inputs, folder, id) ||
                               !write_file(folder, id, "expected", str_text(&expected), expected.length)))
        status = error_set(err, ACCEL_IO, "cannot write into %s", folder);
    str_free(&expected);
    zoo_inputs_free(&inputs);
    zoo_model_free(&model);
    return status;
}

static accel_status describe_file(const char *path, const webnn_limits *limits, const char *folder,
                                  const char *id, accel_error *err) {
    graph *g = NULL;
    accel_status status = onnx_read(path, &g, err);
    if (status == ACCEL_OK)
        status = describe(g, limits, folder, id, err);
    graph_destroy(g);
    return status;
}

int main(int argc, char **argv) {
    accel_error err = {0};
    webnn_limits *limits = NULL;
    char *json = NULL, line[65536];
    size_t length = 0;
    if (argc != 3 || file_read(argv[1], 1 << 20, &json, &length, &err) != ACCEL_OK ||
        webnn_limits_read(json, length, &limits, &err) != ACCEL_OK) {
        fprintf(stderr, "usage: webnn_describe_tool LIMITS.json FOLDER <LIST; %s\n", err.message);
        return 2;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *id = strtok(line, " \n"), *model = strtok(NULL, " \n");
        if (model == NULL)
            continue;
        accel_status status = str_starts_with(model, "zoo:")
                                  ? describe_zoo(model + 4, limits, argv[2], id, &err)
                                  : describe_file(model, limits, argv[2], id, &err);
        if (status != ACCEL_OK) {
            char text[ACCEL_ERROR_MESSAGE_BYTES + 64];
            int n = snprintf(text, sizeof text, "%s: %s", accel_status_name(status), err.message);
            write_file(argv[2], id, "err", text, (size_t)n);
        }
    }
    webnn_limits_destroy(limits);
    mem_free(json);
    return 0;
}
