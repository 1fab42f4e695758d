/* accel detect: what this machine has, and what is absent with the evidence looked for. */
#include <string.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/detect_machine.h"
#include "cli/interrupt.h"
#include "hw/source.h"
#include "measure/measure.h"
#include "report/table.h"

static void describe_columns(table *t) {
    table_column(t, "platform", NULL, false);
    table_column(t, "engine", NULL, false);
    table_column(t, "version", NULL, false);
    table_column(t, "device", NULL, false);
    table_column(t, "available", NULL, false);
    table_column(t, "name", NULL, false);
    table_column(t, "driver", NULL, false);
    table_column(t, "memory_bytes", "memory", true);
    table_column(t, "precisions", NULL, false);
    table_column(t, "evidence", NULL, false);
}

static void precision_names(uint32_t bits, str_buf *out) {
    for (int p = 0; p < PRECISION_COUNT; p++) {
        if ((bits >> p & 1U) != 0)
            str_appendf(out, "%s%s", out->length > 0 ? " " : "", precision_name((precision)p));
    }
}

static void evidence_text(const engine_report *report, const engine_device *d, str_buf *out) {
    if (!d->available) {
        str_append(out, d->reason != NULL ? d->reason : "no reason given");
    } else {
        str_append(out, report->library != NULL ? report->library : "");
    }
    if (d->note != NULL)
        str_appendf(out, "%s%s", out->length > 0 ? "; " : "", d->note);
}

static void device_row(table *t, const probe_entry *e, const engine_device *d) {
    char text[32];
    str_buf names = {0}, evidence = {0};
    table_row(t);
    table_text(t, platform_name(d->platform));
    table_text(t, e->engine->name);
    table_text(t, e->report.version);
    table_text(t, d->id);
    table_bool(t, d->available);
    table_display(t, "%s", d->available ? "yes" : "absent");
    table_text(t, d->name);
    table_text(t, d->driver);
    if (d->memory_bytes > 0) {
        table_integer(t, (int64_t)d->memory_bytes);
        table_display(t, "%s", str_bytes(text, sizeof text, (double)d->memory_bytes));
    } else {
        table_null(t);
    }
    precision_names(d->precisions, &names);
    table_text(t, names.length > 0 ? str_text(&names) : NULL);
    evidence_text(&e->report, d, &evidence);
    table_text(t, evidence.length > 0 ? str_text(&evidence) : NULL);
    str_free(&names);
    str_free(&evidence);
}

static void absent_row(table *t, const char *platform_text, const char *engine, const char *reason) {
    table_row(t);
    table_text(t, platform_text);
    table_text(t, engine);
    table_null(t);
    table_null(t);
    table_bool(t, 0);
    table_display(t, "absent");
    for (int i = 0; i < 4; i++)
        table_null(t);
    table_text(t, reason);
}

static bool platform_seen(const probe_list *probes, platform p) {
    for (size_t i = 0; i < probes->count; i++) {
        const engine_report *r = &probes->entries[i].report;
        for (size_t d = 0; r->present && d < r->device_count; d++) {
            if (r->devices[d].platform == p)
                return true;
        }
    }
    return false;
}

static table *detect_table(const probe_list *probes, bool only_available) {
    table *t = table_create();
    if (t == NULL)
        return NULL;
    describe_columns(t);
    for (size_t i = 0; i < probes->count; i++) {
        const probe_entry *e = &probes->entries[i];
        if (!e->report.present) {
            if (!only_available)
                absent_row(t, NULL, e->engine->name, e->report.reason);
            continue;
        }
        for (size_t d = 0; d < e->report.device_count; d++) {
            if (e->report.devices[d].available || !only_available)
                device_row(t, e, &e->report.devices[d]);
        }
    }
    for (int p = 0; p < PLATFORM_COUNT && !only_available; p++) {
        if (!platform_seen(probes, (platform)p))
            absent_row(t, platform_name((platform)p), NULL, "no engine found here drives it");
    }
    return t;
}

/* The machine, for people, above the table. */
static int print_machine(const hw_report *r) {
    str_buf out = {0};
    machine_lines(r, &out);
    str_append_char(&out, '\n');
    int code = cli_print_text(&out);
    str_free(&out);
    return code;
}

static int run_detect(const command_line *line) {
    accel_error err = {0};
    cli_interrupt_catch();
    engine_context context = cli_engine_context(line);
    measure_host host = cli_measure_host(line, &context);
    probe_list *probes = NULL;
    if (probe_all(&host, line_real(line, "timeout", 20), cli_interrupt_flag(), &probes, &err) != ACCEL_OK)
        return cli_fail(&err);
    hw_source *source = NULL;
    hw_report *report = NULL;
    if (hw_source_open(NULL, &source, &err) != ACCEL_OK || hw_detect(source, NULL, &report, &err) != ACCEL_OK)
        return cli_fail(&err);
    if (str_equal(line_text(line, "format", "table"), "table"))
        print_machine(report);
    hw_report_destroy(report);
    hw_source_close(source);
    table *t = detect_table(probes, line_flag(line, "available"));
    int code = t != NULL ? cli_print_table(t, line) : EXIT_CODE_FAILED;
    table_destroy(t);
    probe_list_destroy(probes);
    return code;
}

static const option_def detect_options[] = {
    {.name = "available", .kind = OPTION_FLAG, .help = "only what can be used"},
    {.name = "timeout",
     .kind = OPTION_REAL,
     .value_name = "S",
     .help = "seconds one runtime's libraries may take to answer",
     .fallback = "20",
     .low = 0.1,
     .high = 600},
};
static const option_group detect_group = {"Detect", detect_options, 2};
static const option_group *const detect_groups[] = {&detect_group, &options_output, &options_runtime,
                                                    &options_general};
static const char *const detect_examples[] = {
    "accel detect",
    "every platform: what can be used, and why the others cannot",
    "accel detect --available --format json",
    "for a program",
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
        "Every runtime is probed in a process of its own: a library that crashes or hangs while loading is reported, not fatal.",
};

static int run_hw(const command_line *line) {
    return line->argc > 0 ? hw_child_main(line->argv[0]) : EXIT_CODE_USAGE;
}

/* What hw_ask starts. */
const command_def command_hw = {
    .name = HW_CHILD_ARGUMENT, .summary = "", .positional = "", .hidden = true, .raw = true, .run = run_hw};
