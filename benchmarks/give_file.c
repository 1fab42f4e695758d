/* Writes the file that accel gives an engine, without running anything: for benchmarks that drive a runtime by themselves.
 *   give_file MODEL ENGINE FOLDER BATCH SEQUENCE [MODE]     prints the file's path. MODE: inference, prefill, decode. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "engines/engine.h"
#include "zoo/zoo.h"

static accel_status give(char **arguments, accel_error *err) {
    const engine_def *engine = engine_find(arguments[1]);
    const zoo_input_options shapes = {.batch = atoll(arguments[3]), .sequence = atoll(arguments[4])};
    zoo_options options = {.mode = ZOO_INFERENCE};
    zoo_model model = {0};
    zoo_inputs inputs = {0};
    str_buf path = {0};
    if (!engine || !engine->needs_file) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "no engine that reads files is called '%s'",
                         arguments[1]);
    }
    if (arguments[5] && !zoo_mode_from_name(arguments[5], &options.mode)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "no mode is called '%s'; there are inference, prefill, decode", arguments[5]);
    }
    ACCEL_TRY(file_make_folders(arguments[2], err));
    ACCEL_TRY(zoo_load(arguments[0], &options, &model, err));
    ACCEL_TRY(zoo_make_inputs(&model, &shapes, &inputs, err));
    ACCEL_TRY(zoo_bind(&model, &inputs, err));
    ACCEL_TRY(engine_write_model(engine, model.graph, arguments[2], &path, err));
    printf("%s\n", str_text(&path));
    return ACCEL_OK; /* the process ends here: nothing is freed */
}

int main(int argc, char **argv) {
    accel_error err = {0};
    if (argc != 6 && argc != 7) {
        fprintf(stderr, "usage: give_file MODEL ENGINE FOLDER BATCH SEQUENCE [MODE]\n");
        return 2;
    }
    if (give(argv + 1, &err) != ACCEL_OK) {
        fprintf(stderr, "give_file: %s\n", err.message);
        return 1;
    }
    return 0;
}
