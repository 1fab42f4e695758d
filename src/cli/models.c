/* accel models: the names that other commands take, and what each model is. */
#include "cli/commands.h"
#include "cli/context.h"
#include "graph/cost.h"
#include "report/table.h"

static const struct {
    const char *key, *title;
    bool right;
} columns[] = {{"name", NULL, false},        {"class", NULL, false},       {"modality", NULL, false},
               {"parameters", NULL, true},   {"fp32_mb", "fp32 MB", true}, {"fp16_mb", "fp16 MB", true},
               {"int8_mb", "int8 MB", true}, {"int4_mb", "int4 MB", true}, {"writes", "writes text", false},
               {"weights", NULL, false},     {"small", NULL, false},       {"available", NULL, false},
               {"description", NULL, false}};

/* Weights alone, at so many bits each. */
static void memory_cell(table *t, const graph_cost *cost, double bits) {
    table_number(t, (double)cost->parameters * bits / 8 / 1e6, 0);
}

/* Parameters and memory, where the files are here: the graph tells, no weight is made or read for it. */
static void size_cells(table *t, const zoo_name *n, const zoo_options *options, bool here) {
    zoo_model m = {0};
    graph_cost cost;
    bool known = here && zoo_load(n->name, options, &m, NULL) == ACCEL_OK &&
                 graph_cost_compute(m.graph, &cost, NULL) == ACCEL_OK;
    if (known) {
        table_integer(t, cost.parameters);
        memory_cell(t, &cost, 32);
        memory_cell(t, &cost, 16);
        memory_cell(t, &cost, 8);
        memory_cell(t, &cost, 4);
        table_bool(t, m.generation.able);
    } else {
        for (int i = 0; i < 6; i++)
            table_null(t);
    }
    zoo_model_free(&m);
}

static void name_row(table *t, const zoo_name *n, const zoo_options *options) {
    bool here = zoo_name_available(n, options);
    table_row(t);
    table_text(t, n->name);
    table_text(t, n->family);
    table_text(t, n->modality);
    size_cells(t, n, options, here);
    table_text(t, zoo_source_name(n->source));
    table_bool(t, n->small);
    table_bool(t, here);
    table_display(t, "%s", here ? "yes" : "no: run `make deps`");
    table_text(t, n->description);
}

static bool wanted(const command_line *line, const zoo_name *n) {
    const char *family = line_text(line, "class", NULL), *modality = line_text(line, "modality", NULL);
    return (!family || str_equal(family, n->family)) && (!modality || str_equal(modality, n->modality)) &&
           (!line_flag(line, "small") || n->small);
}

static int run_models(const command_line *line) {
    zoo_options options = cli_zoo_options(line);
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        table_column(t, columns[i].key, columns[i].title, columns[i].right);
    for (size_t i = 0; i < zoo_name_count(); i++)
        if (wanted(line, zoo_name_at(i)))
            name_row(t, zoo_name_at(i), &options);
    int code = cli_print_table(t, line);
    table_destroy(t);
    return code;
}

static const option_def models_options[] = {
    {.name = "class",
     .kind = OPTION_TEXT,
     .value_name = "CLASS",
     .help = "only this class: bert, llama, clip, …"},
    {.name = "modality",
     .kind = OPTION_CHOICE,
     .choices = "text|image|audio|multimodal",
     .help = "only models of this modality"},
    {.name = "small",
     .kind = OPTION_FLAG,
     .help = "only the set that stands for all classes, as bench --all-models --small runs it"},
};
static const option_group models_group = {"Models", models_options,
                                          sizeof models_options / sizeof *models_options};
static const option_group *const models_groups[] = {&models_group, &options_output, &options_general};
static const char *const models_examples[] = {
    "accel models", "the names that other commands take beside files and folders", "accel models --small",
    "one model or more of each class, small enough to run anywhere", NULL};

const command_def command_models = {
    .name = "models",
    .summary = "the models known by name",
    .positional = "",
    .examples = models_examples,
    .groups = models_groups,
    .group_count = 3,
    .run = run_models,
    .notes =
        "Memory is that of the weights alone. Weights of \"generated\" models are seeded random numbers: their speed is "
        "that of the real ones, their answers mean nothing.",
};
