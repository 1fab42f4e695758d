/* Descriptions for the tests that run them in a browser (tests/web).
 *
 *   webnn_describe_tool LIMITS.json FOLDER <<< "ID MODEL.onnx NAME=2,3 …"
 *
 * For each line of its input: FOLDER/ID.json, the description, and FOLDER/ID.bin, the constants one behind the other in its order; or
 * FOLDER/ID.err, "status: sentence". An input without dims is a scalar ("NAME="). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engines/webnn/webnn.h"
#include "formats/formats.h"
#include "graph/infer.h"

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
        graph *g = NULL;
        accel_status status = model == NULL ? ACCEL_INVALID_ARGUMENT : onnx_read(model, &g, &err);
        if (status == ACCEL_OK)
            status = describe(g, limits, argv[2], id, &err);
        if (status != ACCEL_OK) {
            char text[ACCEL_ERROR_MESSAGE_BYTES + 64];
            int n = snprintf(text, sizeof text, "%s: %s", accel_status_name(status), err.message);
            write_file(argv[2], id, "err", text, (size_t)n);
        }
        graph_destroy(g);
    }
    webnn_limits_destroy(limits);
    mem_free(json);
    return 0;
}
