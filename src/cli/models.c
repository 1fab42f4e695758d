/* accel models: the names that other commands take, and what each model is. */
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/interrupt.h"
#include "graph/cost.h"
#include "measure/measure.h"
#include "report/table.h"

static const struct {
    const char *key, *title;
    bool right;
} columns[] = {{"name", NULL, false},        {"class", NULL, false},       {"modality", NULL, false},
               {"parameters", NULL, true},   {"fp32_mb", "fp32 MB", true}, {"fp16_mb", "fp16 MB", true},
               {"int8_mb", "int8 MB", true}, {"int4_mb", "int4 MB", true}, {"writes", "writes text", false},
               {"platforms", NULL, false},   {"weights", NULL, false},     {"small", NULL, false},
               {"available", NULL, false},   {"description", NULL, false}};

/* Weights alone, at so many bits each. */
static void memory_cell(table *t, const graph_cost *cost, double bits) {
    table_number(t, (double)cost->parameters * bits / 8 / 1e6, 0);
}

/* What engines find here; nothing with --no-platforms. */
typedef struct machine_here {
    probe_list *engines;
    int64_t memory_bytes;
} machine_here;

static bool can_run(const engine_def *e, const engine_device *d, const graph *g, const graph_cost *cost,
                    int64_t machine_bytes) {
    engine_unsupported missing = {0};
    double memory = d->memory_bytes > 0 ? (double)d->memory_bytes : (double)machine_bytes;
    if (!d->available || (double)cost->parameters * 4 > memory)
        return false;
    return e->supports == NULL || (e->supports(g, d, NULL, &missing, NULL) == ACCEL_OK && missing.count == 0);
}

/* "cpu, openvino": platforms of this machine with an engine that knows the operators, and memory for the weights in fp32. */
static void platforms_cell(table *t, const machine_here *machine, const graph *g, const graph_cost *cost) {
    bool found[PLATFORM_COUNT] = {false};
    str_buf text = {0};
    for (size_t i = 0; machine->engines != NULL && i < machine->engines->count; i++) {
        const probe_entry *e = &machine->engines->entries[i];
        for (size_t k = 0; k < e->report.device_count; k++) {
            const engine_device *d = &e->report.devices[k];
            found[d->platform] |= can_run(e->engine, d, g, cost, machine->memory_bytes);
        }
    }
    for (int p = 0; p < PLATFORM_COUNT; p++)
        if (found[p])
            str_appendf(&text, "%s%s", text.length > 0 ? ", " : "", platform_name((platform)p));
    table_text(t, machine->engines == NULL ? NULL : text.length > 0 ? str_text(&text) : "none: too large");
    str_free(&text);
}

/* Parameters and memory, where the files are here: the graph tells, no weight is made or read for it. */
static void size_cells(table *t, const zoo_name *n, const zoo_options *options, const machine_here *machine,
                       bool here) {
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
        platforms_cell(t, machine, m.graph, &cost);
    } else {
        for (int i = 0; i < 7; i++)
            table_null(t);
    }
    zoo_model_free(&m);
}

static void name_row(table *t, const zoo_name *n, const zoo_options *options, const machine_here *machine) {
    bool here = zoo_name_available(n, options);
    table_row(t);
    table_text(t, n->name);
    table_text(t, n->family);
    table_text(t, n->modality);
    size_cells(t, n, options, machine, here);
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

static accel_status look_around(const command_line *line, const engine_context *context, machine_here *out,
                                accel_error *err) {
    record r;
    if (line_flag(line, "no-platforms"))
        return ACCEL_OK;
    measure_host host = cli_measure_host(line, context);
    record_init(&r);
    ACCEL_TRY(machine_describe(line->arena, &r, err));
    out->memory_bytes = r.machine_memory_bytes;
    const bench_request any = {0}; /* no browser is started for a list */
    return probe_requested(&host, &any, cli_interrupt_flag(), &out->engines, err);
}

static int run_models(const command_line *line) {
    zoo_options options = cli_zoo_options(line);
    engine_context context = cli_engine_context(line);
    machine_here machine = {0};
    accel_error err = {0};
    if (look_around(line, &context, &machine, &err) != ACCEL_OK)
        return cli_fail(&err);
    table *t = table_create();
    if (t == NULL) {
        probe_list_destroy(machine.engines);
        return EXIT_CODE_FAILED;
    }
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        table_column(t, columns[i].key, columns[i].title, columns[i].right);
    for (size_t i = 0; i < zoo_name_count(); i++)
        if (wanted(line, zoo_name_at(i)))
            name_row(t, zoo_name_at(i), &options, &machine);
    int code = cli_print_table(t, line);
    table_destroy(t);
    probe_list_destroy(machine.engines);
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
    {.name = "no-platforms",
     .kind = OPTION_FLAG,
     .help = "ask no engine what it finds here: the list is then the same on every machine"},
};
static const option_group models_group = {"Models", models_options,
                                          sizeof models_options / sizeof *models_options};
static const option_group *const models_groups[] = {&models_group, &options_output, &options_runtime,
                                                    &options_general};
static const char *const models_examples[] = {
    "accel models", "the names that other commands take beside files and folders", "accel models --small",
    "one model or more of each class, small enough to run anywhere", NULL};

const command_def command_models = {
    .name = "models",
    .summary = "the models known by name",
    .positional = "",
    .examples = models_examples,
    .groups = models_groups,
    .group_count = 4,
    .run = run_models,
    .notes =
        "Platforms are those of this machine with an engine that knows the model's operators and memory for its weights "
        "in fp32; what really ran is measured by bench --all-models. Memory is that of the weights alone. Weights of \"generated\" models are seeded random numbers: their speed is "
        "that of the real ones, their answers mean nothing.",
};
