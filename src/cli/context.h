/* What commands build from their shared options. */
#ifndef ACCEL_CLI_CONTEXT_H
#define ACCEL_CLI_CONTEXT_H

#include "cli/command.h"
#include "engines/engine.h"
#include "zoo/zoo.h"

engine_context cli_engine_context(const command_line *line); /* --runtime-path and the program's folder */
/* --browser, and "@NAME" of `--on PLATFORM@NAME`: what the engine browser calls its devices. */
const char *const *cli_browsers(const command_line *line, size_t *count);
/* ACCEL_INVALID_ARGUMENT when --browser names one that accel does not know. */
accel_status cli_browsers_check(const command_line *line, accel_error *err);
zoo_options cli_zoo_options(const command_line *line); /* --seed */
/* --dim NAME=N, as often as given; the array lives as long as the command line. */
accel_status cli_dims(const command_line *line, const zoo_dim **out, size_t *count, accel_error *err);
/* --seed, --batch, --seq and --dim of commands that take one of each. False after a usage error was printed. */
bool cli_input_options(const command_line *line, zoo_input_options *out);

/* What the harness needs to know; context must outlive it. */
struct measure_host cli_measure_host(const command_line *line, const engine_context *context);

/* An engine by name, or that of --on where the command has it, its device (--device, --browser, or the first available one) and the probes that found it, each made in a child process. */
typedef struct cli_engine {
    const engine_def *engine;
    const engine_device *device;
    struct probe_list *probes; /* owns the device's strings: probe_list_destroy */
    engine_context context;
} cli_engine;
accel_status cli_engine_find(const command_line *line, const char *name, cli_engine *out, accel_error *err);

/* Options that several commands have, word for word; for their option tables. */
#define CLI_OPTION_BATCH                                                                                     \
    {.name = "batch",                                                                                        \
     .letter = 'b',                                                                                          \
     .kind = OPTION_INTEGER,                                                                                 \
     .value_name = "N",                                                                                      \
     .help = "elements of the batch",                                                                        \
     .fallback = "1",                                                                                        \
     .low = 1,                                                                                               \
     .high = 1 << 20}
#define CLI_OPTION_SEQ                                                                                       \
    {.name = "seq",                                                                                          \
     .kind = OPTION_INTEGER,                                                                                 \
     .value_name = "N",                                                                                      \
     .help = "sequence length, where the model has one",                                                     \
     .fallback = "128",                                                                                      \
     .low = 1,                                                                                               \
     .high = 1 << 24}
#define CLI_OPTION_DIM                                                                                       \
    {.name = "dim",                                                                                          \
     .kind = OPTION_REPEAT,                                                                                  \
     .value_name = "NAME=N",                                                                                 \
     .help = "value of one symbolic dim, or of INPUT:AXIS (may be repeated)"}
#define CLI_OPTION_SEED                                                                                      \
    {.name = "seed",                                                                                         \
     .kind = OPTION_INTEGER,                                                                                 \
     .value_name = "N",                                                                                      \
     .help = "seed of inputs and generated weights",                                                         \
     .fallback = "0",                                                                                        \
     .low = 0,                                                                                               \
     .high = 9e15}
#define CLI_OPTION_THREADS(number)                                                                           \
    {.name = "threads",                                                                                      \
     .letter = 't',                                                                                          \
     .kind = OPTION_INTEGER,                                                                                 \
     .value_name = "N",                                                                                      \
     .help = "threads of a session",                                                                         \
     .fallback = (number),                                                                                   \
     .low = 1,                                                                                               \
     .high = 1024}
#define CLI_OPTION_DEVICE                                                                                    \
    {.name = "device",                                                                                       \
     .kind = OPTION_TEXT,                                                                                    \
     .value_name = "ID",                                                                                     \
     .help = "one of its devices, as `accel detect` calls it",                                               \
     .fallback = "the first available"}
#define CLI_OPTION_PHASE_TIMEOUT                                                                             \
    {.name = "timeout",                                                                                      \
     .kind = OPTION_REAL,                                                                                    \
     .value_name = "S",                                                                                      \
     .help = "seconds that loading or one inference may take",                                               \
     .fallback = "300",                                                                                      \
     .low = 0.1,                                                                                             \
     .high = 1e6}
#define CLI_OPTION_DB                                                                                        \
    {.name = "db",                                                                                           \
     .kind = OPTION_TEXT,                                                                                    \
     .value_name = "FILE",                                                                                   \
     .is_file = true,                                                                                        \
     .help = "the database",                                                                                 \
     .fallback = "$BENCHMARK_DB_PATH, else ./benchmark_db.duckdb"}
#define CLI_OPTION_METRIC                                                                                    \
    {.name = "metric",                                                                                       \
     .kind = OPTION_CHOICE,                                                                                  \
     .choices = "latency|throughput|memory",                                                                 \
     .help = "which figure",                                                                                 \
     .fallback = "latency"}
#define CLI_OPTION_PROVENANCE                                                                                \
    {.name = "provenance",                                                                                   \
     .kind = OPTION_CHOICE,                                                                                  \
     .choices = "measured|predicted|imported|simulated",                                                     \
     .help = "of which kind of results; they are never mixed",                                               \
     .fallback = "measured"}
#define CLI_OPTION_FAIL_ON                                                                                   \
    {.name = "fail-on",                                                                                      \
     .kind = OPTION_CHOICE,                                                                                  \
     .choices = "regression",                                                                                \
     .help = "exit code 1 when something became worse"}

extern const option_group options_shapes; /* --batch, --seq, --dim, --seed, one value each */
extern const option_group options_run;    /* run_options.c */

#endif
