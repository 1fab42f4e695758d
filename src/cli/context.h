/* What commands build from their shared options. */
#ifndef ACCEL_CLI_CONTEXT_H
#define ACCEL_CLI_CONTEXT_H

#include "cli/command.h"
#include "engines/engine.h"
#include "zoo/zoo.h"

engine_context cli_engine_context(const command_line *line); /* --runtime-path and the program's folder */
zoo_options cli_zoo_options(const command_line *line);       /* --seed */
/* --seed, --batch, --seq and --dim NAME=N of commands that take one of each. False after a usage error was printed. */
bool cli_input_options(const command_line *line, zoo_input_options *out);

/* What the harness needs to know; context must outlive it. */
struct measure_host cli_measure_host(const command_line *line, const engine_context *context);

/* An engine by name, its device (--device, or the first available one) and the probes that found it, each made in a child process. */
typedef struct cli_engine {
    const engine_def *engine;
    const engine_device *device;
    struct probe_list *probes; /* owns the device's strings: probe_list_destroy */
    engine_context context;
} cli_engine;
accel_status cli_engine_find(const command_line *line, const char *name, cli_engine *out, accel_error *err);

extern const option_group options_shapes; /* --batch, --seq, --dim, --seed, one value each */

#endif
