/* accel inspect: what a model is. */
#include "cli/commands.h"
#include "cli/context.h"
#include "graph/print.h"
#include "report/model_view.h"

static accel_status load_bound(const command_line *line, const zoo_input_options *shapes, zoo_model *m,
                               accel_error *err) {
    zoo_options options = cli_zoo_options(line);
    ACCEL_TRY(zoo_load(line->positional[0], &options, m, err));
    accel_status status = line_flag(line, "sha256") ? zoo_model_sha256(m, err) : ACCEL_OK;
    bool bind = line_flag(line, "batch") || line_flag(line, "seq") || line_flag(line, "dim");
    if (status == ACCEL_OK && bind) {
        zoo_inputs inputs = {0};
        status = zoo_make_inputs(m, shapes, &inputs, err);
        if (status == ACCEL_OK)
            status = zoo_bind(m, &inputs, err);
        zoo_inputs_free(&inputs);
    }
    if (status != ACCEL_OK)
        zoo_model_free(m);
    return status;
}

static int run_inspect(const command_line *line) {
    accel_error err = {0};
    zoo_input_options shapes;
    if (!cli_input_options(line, &shapes))
        return EXIT_CODE_USAGE;
    zoo_model m = {0};
    if (load_bound(line, &shapes, &m, &err) != ACCEL_OK)
        return cli_fail(&err);
    str_buf out = {0};
    accel_status status = ACCEL_OK;
    bool nodes = line_flag(line, "nodes");
    if (line_flag(line, "dot")) {
        graph_print_dot(m.graph, &out);
    } else if (str_equal(line_text(line, "format", "table"), "json")) {
        status = model_view_json(&m, nodes, &out, &err);
    } else {
        status = model_view_text(&m, nodes, &out, &err);
    }
    int code = status == ACCEL_OK ? cli_print_text(&out) : cli_fail(&err);
    str_free(&out);
    zoo_model_free(&m);
    return code;
}

static const option_def inspect_options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = OPTION_CHOICE,
     .choices = "table|json",
     .help = "how it is printed on stdout",
     .fallback = "table"},
    {.name = "nodes", .kind = OPTION_FLAG, .help = "list every node with its shapes, FLOPs and bytes"},
    {.name = "dot", .kind = OPTION_FLAG, .help = "print the graph for Graphviz instead"},
    {.name = "sha256",
     .kind = OPTION_FLAG,
     .help = "also the identity of graph and weights, as records carry it (reads all weights)"},
};
static const option_group inspect_group = {"Inspect", inspect_options, 4};
static const option_group *const inspect_groups[] = {&inspect_group, &options_shapes, &options_general};
static const char *const inspect_examples[] = {
    "accel inspect model.onnx",
    "inputs, outputs, cost, operators, and what cannot be run",
    "accel inspect ./my-bert --batch 8 --seq 128 --nodes",
    "every node at these shapes",
    "accel inspect model.onnx --dot | dot -Tsvg > model.svg",
    "a picture, with Graphviz",
    NULL,
};

const command_def command_inspect = {
    .name = "inspect",
    .summary = "what a model consists of and what it costs",
    .positional = "MODEL",
    .min_positional = 1,
    .max_positional = 1,
    .examples = inspect_examples,
    .groups = inspect_groups,
    .group_count = 3,
    .run = run_inspect,
    .notes =
        "MODEL is a name of `accel models`, an .onnx or .gguf file, a Hugging Face folder, or org/name in the local Hugging Face cache.",
};
