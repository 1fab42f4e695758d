/* accel detect: what this machine has, and what is absent with the evidence looked for. */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cache_folder.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/detect_machine.h"
#include "cli/detect_measure.h"
#include "cli/detect_platforms.h"
#include "cli/detect_save.h"
#include "cli/interrupt.h"
#include "hw/source.h"
#include "measure/measure.h"
#include "report/table.h"

/* ---- the machine, and what engines find on it -------------------------------------------------------------------------- */

typedef struct detection {
    hw_source *source;
    hw_report *machine;
    probe_list *engines; /* NULL: another machine's files were read, where no engine runs */
    measured_machine measured;
} detection;

static void detection_free(detection *d) {
    probe_list_destroy(d->engines);
    hw_report_destroy(d->machine);
    hw_source_close(d->source);
}

/* What a remembered answer of an engine depends on beside its library. */
static const char *hardware_text(const hw_report *r, arena *a) {
    str_buf out = {0};
    for (size_t i = 0; i < r->device_count; i++) {
        const hw_device *d = &r->devices[i];
        if (d->kind == HW_BROWSER)
            continue;
        str_appendf(&out, "%s %s %s %s %s\n", d->pci != NULL ? d->pci : "", d->id != NULL ? d->id : "",
                    hw_state_name(d->state), d->driver != NULL ? d->driver : "",
                    d->driver_version != NULL ? d->driver_version : "");
    }
    for (size_t i = 0; i < r->variable_count; i++)
        str_appendf(&out, "%s=%s\n", r->variables[i].name, r->variables[i].value);
    const char *text = out.failed ? "" : arena_strdup(a, str_text(&out));
    str_free(&out);
    return text;
}

/* The same whether vendors' libraries were asked or not: by files alone. */
static accel_status hardware_by_files(const detection *d, arena *a, const char **text, accel_error *err) {
    hw_report *files = NULL;
    ACCEL_TRY(hw_detect(d->source, &(hw_options){0}, &files, err));
    *text = hardware_text(files, a);
    hw_report_destroy(files);
    return ACCEL_OK;
}

static accel_status open_source(const char *from, hw_source **out, accel_error *err) {
    if (from == NULL || file_is_folder(from))
        return hw_source_open(from, out, err);
    return hw_source_open_capture(from, out, err);
}

/* A log that left out what was not asked would tell of devices that went. */
static bool asks_all(const command_line *line) {
    return line_flag(line, "all") || line_flag(line, "save");
}

static accel_status ask_engines(const command_line *line, detection *d, accel_error *err) {
    engine_context context = cli_engine_context(line);
    measure_host host = cli_measure_host(line, &context);
    const char *cache = cache_file(line->arena, CACHE_ENGINES), *hardware = NULL;
    ACCEL_TRY(hardware_by_files(d, line->arena, &hardware, err));
    if (!asks_all(line))
        return probe_quickly(&host, cache, hardware, &d->engines, err);
    ACCEL_TRY(probe_all(&host, line_real(line, "timeout", 20), cli_interrupt_flag(), &d->engines, err));
    if (cache != NULL)
        probe_remember(d->engines, cache, hardware);
    return ACCEL_OK;
}

static accel_status detect(const command_line *line, detection *d, accel_error *err) {
    const char *from = line_text(line, "from", NULL), *gather = line_text(line, "gather", NULL);
    if (from != NULL && (line_flag(line, "save") || line_flag(line, "measure")))
        return error_set(
            err, ACCEL_INVALID_ARGUMENT,
            "--save and --measure are about this machine, --from shows another one: give one of the two");
    hw_options options = {.all = asks_all(line),
                          .measure = line_flag(line, "measure"),
                          .timeout_s = line_real(line, "timeout", 20),
                          .cache = cache_file(line->arena, CACHE_HARDWARE),
                          .cancel = cli_interrupt_flag()};
    ACCEL_TRY(open_source(from, &d->source, err));
    ACCEL_TRY(hw_detect(d->source, &options, &d->machine, err));
    if (gather != NULL)
        ACCEL_TRY(hw_source_save(d->source, gather, err));
    if (from != NULL)
        return ACCEL_OK;
    ACCEL_TRY(ask_engines(line, d, err));
    if (line_flag(line, "measure"))
        ACCEL_TRY(measured_machine_make(line->arena, d->machine, &d->measured, err));
    return line_flag(line, "save") ? detect_save(line, d->machine, d->engines, &d->measured, err) : ACCEL_OK;
}

/* ---- printing -------------------------------------------------------------------------------------------------------------- */

static const char *source_name(const detection *d) {
    static const char *const names[] = {"live", "folder", "cpuid", "capture"};
    return names[hw_source_kind_of(d->source)];
}

static accel_status append_table(const table *t, table_format format, str_buf *out, accel_error *err) {
    if (t == NULL)
        return error_no_memory(err, "a table", 1);
    return table_print(t, format, format == TABLE_TEXT && cli_color(STDOUT_FILENO), out, err);
}

/* One object: docs/hardware.md. */
static accel_status print_json(const detection *d, const table *platforms, str_buf *out, accel_error *err) {
    str_appendf(out, "{\"source\":\"%s\",\n\"machine\":", source_name(d));
    hw_report_write_json(d->machine, out);
    if (d->measured.count > 0) {
        str_append(out, ",\n\"measured\":");
        measured_machine_json(&d->measured, out);
    }
    str_append(out, ",\n\"platforms\":");
    if (platforms != NULL)
        ACCEL_TRY(append_table(platforms, TABLE_JSON, out, err));
    else
        str_append(out, "null");
    while (out->length > 0 && out->data[out->length - 1] == '\n')
        out->data[--out->length] = '\0';
    str_append(out, "}\n");
    return ACCEL_OK;
}

static accel_status append_rows(table *t, str_buf *out, accel_error *err) {
    accel_status status = t == NULL ? error_no_memory(err, "a table", 1) : ACCEL_OK;
    if (status == ACCEL_OK && table_row_count(t) > 0) {
        str_append_char(out, '\n');
        status = append_table(t, TABLE_TEXT, out, err);
    }
    table_destroy(t);
    return status;
}

static accel_status print_text(const command_line *line, const detection *d, const table *platforms,
                               str_buf *out, accel_error *err) {
    bool only_available = line_flag(line, "available");
    machine_lines(d->machine, out);
    ACCEL_TRY(append_rows(measured_machine_table(&d->measured, d->machine), out, err));
    ACCEL_TRY(append_rows(machine_devices(d->machine, only_available), out, err));
    if (!only_available)
        ACCEL_TRY(append_rows(machine_absences(d->machine), out, err));
    str_append_char(out, '\n');
    if (platforms != NULL)
        return append_table(platforms, TABLE_TEXT, out, err);
    str_append(out, "Engines are not asked: these are the files of another machine.\n");
    return ACCEL_OK;
}

static accel_status print(const command_line *line, const detection *d, const table *platforms, str_buf *out,
                          accel_error *err) {
    table_format format = TABLE_TEXT;
    (void)table_format_from_name(line_text(line, "format", "table"), &format);
    if (format == TABLE_JSON)
        return print_json(d, platforms, out, err);
    if (format == TABLE_TEXT)
        return print_text(line, d, platforms, out, err);
    return platforms != NULL
               ? append_table(platforms, format, out, err)
               : error_set(err, ACCEL_INVALID_ARGUMENT,
                           "--from gives no table of platforms; print it with --format table or json");
}

static int run_detect(const command_line *line) {
    accel_error err = {0};
    detection d = {0};
    str_buf out = {0};
    cli_interrupt_catch();
    accel_status status = detect(line, &d, &err);
    table *platforms = NULL;
    if (status == ACCEL_OK && d.engines != NULL) {
        platforms = platform_table(d.engines, line_flag(line, "available"));
        status = platforms != NULL ? ACCEL_OK : error_no_memory(&err, "a table", 1);
    }
    if (status == ACCEL_OK)
        status = print(line, &d, platforms, &out, &err);
    int code = status == ACCEL_OK ? cli_print_text(&out) : cli_fail(&err);
    table_destroy(platforms);
    str_free(&out);
    detection_free(&d);
    return code;
}

static const option_def detect_options[] = {
    {.name = "available", .kind = OPTION_FLAG, .help = "only what can be used"},
    {.name = "all",
     .kind = OPTION_FLAG,
     .help = "load the libraries of vendors and runtimes and ask them, too"},
    {.name = "measure",
     .kind = OPTION_FLAG,
     .help =
         "also measure what the processor reaches (products in each precision, bandwidth of each level of the memory, waking a thread) and how fast NVIDIA GPUs copy; some seconds"},
    {.name = "save",
     .kind = OPTION_FLAG,
     .help =
         "also log it in the database's hardware_availability_log, and say what came and went since the last time; asks all"},
    CLI_OPTION_DB,
    {.name = "timeout",
     .kind = OPTION_REAL,
     .value_name = "S",
     .help = "seconds that a library may take to answer",
     .fallback = "20",
     .low = 0.1,
     .high = 600},
    {.name = "gather",
     .kind = OPTION_TEXT,
     .value_name = "FILE",
     .is_file = true,
     .help =
         "also write what was read to a file, for reports of errors; names, serial numbers and identifiers are replaced"},
    {.name = "from",
     .kind = OPTION_TEXT,
     .value_name = "FILE",
     .is_file = true,
     .help = "show another machine: a file of --gather, or a folder with its /proc and /sys"},
};
static const option_group detect_group = {"Detect", detect_options,
                                          sizeof detect_options / sizeof *detect_options};
static const option_group *const detect_groups[] = {&detect_group, &options_output, &options_runtime,
                                                    &options_general};
static const char *const detect_examples[] = {
    "accel detect",
    "the machine, its devices, every platform: what can be used, and why the others cannot",
    "accel detect --all",
    "with what the libraries of vendors and runtimes say",
    "accel detect --available --format json",
    "for a program",
    "accel detect --measure",
    "and what the processor reaches",
    "accel detect --save",
    "and log it: a device that is gone since the last time is told",
    "accel detect --gather machine.json",
    "what was read, for a report of an error; `accel detect --from machine.json` shows it",
    "accel detect --runtime-path /opt/onnxruntime",
    "with a runtime of your own",
    NULL,
};

const command_def command_detect = {
    .name = "detect",
    .summary = "what this machine has, what is absent and why",
    .positional = "",
    .examples = detect_examples,
    .groups = detect_groups,
    .group_count = 4,
    .run = run_detect,
    .notes =
        "Without --all no library of a vendor is loaded: a device or a runtime is shown as it answered --all last, as long as its library and the "
        "hardware are the same, else as not probed. `accel cache` shows and clears what is remembered. With --all each is asked in a process of its own: one that crashes or hangs is reported, not fatal.",
};

static int run_hw(const command_line *line) {
    return line->argc > 0 ? hw_child_main(NULL, 0, line->argv[0]) : EXIT_CODE_USAGE;
}

/* What hw_ask starts. */
const command_def command_hw = {
    .name = HW_CHILD_ARGUMENT, .summary = "", .positional = "", .hidden = true, .raw = true, .run = run_hw};
