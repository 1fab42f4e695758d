/* An ONNX file is refused or becomes a graph; a graph can be inferred without harm, and what is written of
 * it can be read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/formats.h"
#include "graph/cost.h"
#include "graph/infer.h"

static void write_and_read(const graph *g) {
    str_buf bytes = {0};
    graph *back;
    accel_error err;
    if (onnx_write_bytes(g, NULL, &bytes, &err) == ACCEL_OK) {
        if (onnx_read_bytes(bytes.data, bytes.length, "copy", NULL, &back, &err) != ACCEL_OK) {
            fprintf(stderr, "%s\n", err.message);
            abort(); /* our own file was refused */
        }
        graph_destroy(back);
    }
    str_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    graph *g;
    accel_error err;
    graph_cost cost;
    if (onnx_read_bytes(data, size, "fuzz", NULL, &g, &err) != ACCEL_OK) {
        return 0;
    }
    write_and_read(g);
    if (graph_infer(g, &err) == ACCEL_OK) {
        (void)graph_cost_compute(g, &cost, &err);
    }
    graph_destroy(g);
    return 0;
}
