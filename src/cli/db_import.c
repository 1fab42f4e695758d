/* accel db import: result files of older tools into the database. */
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/progress.h"
#include "import/import.h"
#include "report/table.h"
#include "store/store.h"

static void show_progress(void *context, size_t done, size_t count, uint64_t bytes) {
    progress_count(context, "importing", done, count, bytes);
}

static void file_row(table *t, const import_file *f) {
    table_row(t);
    table_text(t, f->path);
    table_text(t, import_outcome_name(f->outcome));
    table_text(t, f->shape);
    table_text(t, f->category);
    table_integer(t, (int64_t)f->rows);
    table_text(t, f->message);
}

static int print_files(const command_line *line, const import_report *report, bool all) {
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "file", NULL, false);
    table_column(t, "outcome", NULL, false);
    table_column(t, "kind", NULL, false);
    table_column(t, "category", NULL, false);
    table_column(t, "rows", NULL, true);
    table_column(t, "reason", NULL, false);
    for (size_t i = 0; i < report->file_count; i++)
        if (all || report->files[i].outcome != IMPORT_IMPORTED || report->files[i].message != NULL)
            file_row(t, &report->files[i]);
    int code = table_row_count(t) > 0 || all ? cli_print_table(t, line) : EXIT_CODE_OK;
    table_destroy(t);
    return code;
}

static void say_summary(const import_report *r, bool dry_run) {
    char bytes[32];
    fprintf(stderr, "%s%zu imported, %zu skipped, %zu rejected; %lld new row%s; %s of JSON read\n",
            dry_run ? "dry run, nothing was written: " : "", r->counts[IMPORT_IMPORTED],
            r->counts[IMPORT_SKIPPED], r->counts[IMPORT_REJECTED], (long long)r->new_rows,
            r->new_rows == 1 ? "" : "s", str_bytes(bytes, sizeof bytes, (double)r->bytes));
    if (r->other_files > 0)
        fprintf(stderr, "%zu file%s of other kinds, and links, were passed over\n", r->other_files,
                r->other_files == 1 ? "" : "s");
}

static int run_import(const command_line *line) {
    accel_error err = {0};
    progress p;
    import_report report;
    progress_start(&p, line_flag(line, "quiet"));
    import_options options = {
        .database = store_default_path(line_text(line, "db", NULL)),
        .paths = line->positional,
        .path_count = line->positional_count,
        .category = line_text(line, "category", NULL),
        .jobs = (int)line_integer(line, "jobs", 0),
        .model = line_text(line, "model", NULL),
        .hardware = line_text(line, "hardware", NULL),
        .dry_run = line_flag(line, "dry-run"),
        .archive = line_text(line, "archive", NULL),
        .remove = line_flag(line, "remove"),
        .progress = show_progress,
        .progress_context = &p,
    };
    if (options.archive != NULL && options.remove) {
        error_set(&err, ACCEL_INVALID_ARGUMENT, "--archive and --remove exclude each other");
        return cli_fail(&err);
    }
    accel_status status = import_run(&options, &report, &err);
    progress_end(&p);
    bool people = str_equal(line_text(line, "format", "table"), "table");
    int code = print_files(line, &report, !people);
    if (!p.quiet)
        say_summary(&report, options.dry_run);
    if (code == EXIT_CODE_OK && report.counts[IMPORT_REJECTED] > 0)
        code = EXIT_CODE_FAILED;
    import_report_destroy(&report);
    return status == ACCEL_OK ? code : cli_fail(&err);
}

static const option_def import_option_list[] = {
    {.name = "category",
     .kind = OPTION_CHOICE,
     .choices = "performance|hardware|compatibility|integration|web",
     .help = "only files that hold results of this category"},
    {.name = "dry-run", .kind = OPTION_FLAG, .help = "say what would happen; write, move and remove nothing"},
    {.name = "jobs",
     .letter = 'j',
     .kind = OPTION_INTEGER,
     .value_name = "N",
     .help = "threads that read files",
     .fallback = "the CPUs",
     .low = 1,
     .high = 256},
    {.name = "model",
     .letter = 'm',
     .kind = OPTION_TEXT,
     .value_name = "NAME",
     .help = "the model of results whose file names none"},
    {.name = "hardware",
     .kind = OPTION_TEXT,
     .value_name = "PLATFORM",
     .help = "the platform of results whose file names none"},
    {.name = "archive",
     .kind = OPTION_TEXT,
     .value_name = "DIR",
     .is_file = true,
     .help = "move files there once their content is in the database"},
    {.name = "remove", .kind = OPTION_FLAG, .help = "remove files once their content is in the database"},
    CLI_OPTION_DB,
};
static const option_group import_group = {"Import", import_option_list,
                                          sizeof import_option_list / sizeof *import_option_list};
static const option_group *const import_groups[] = {&import_group, &options_output, &options_general};
static const char *const import_examples[] = {
    "accel db import old_results/ --dry-run",
    "what is in a folder: each file imported, skipped or rejected, with the reason",
    "accel db import old_results/ --archive taken_in/",
    "into the database; what is safe there is moved away",
    NULL,
};

const command_def command_db_import = {
    .name = "db import",
    .summary = "take in result files of older tools",
    .positional = "PATH...",
    .min_positional = 1,
    .max_positional = 65536,
    .examples = import_examples,
    .groups = import_groups,
    .group_count = sizeof import_groups / sizeof *import_groups,
    .run = run_import,
    .notes =
        "A file goes in together or not at all; files whose bytes were taken in before are skipped, so that a second run changes nothing. "
        "Rows are of provenance imported; what a file shows to have been simulated is flagged, with the reason. "
        "The table names files that were not imported, and those of which something was left out; --format json names all. "
        "Exit code 1: a file was rejected.",
};
