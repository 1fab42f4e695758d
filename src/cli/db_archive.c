/* accel db archive: move old results to Parquet files that are still queried. */
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/db_shared.h"
#include "report/table.h"

static int print_archived(const command_line *line, const char *before, const store_archived *out) {
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "before", NULL, false);
    table_column(t, "results", NULL, true);
    table_column(t, "files", NULL, true);
    table_column(t, "bytes", "size", true);
    table_row(t);
    table_text(t, before);
    table_integer(t, out->rows);
    table_integer(t, (int64_t)out->files);
    db_bytes_cell(t, out->bytes);
    return db_print(t, line);
}

/* The time that --before or --older-than names; NULL after a sentence. */
static const char *archive_limit(const command_line *line) {
    accel_error err = {0};
    store_retention rules;
    char text[CLOCK_UTC_TEXT_BYTES];
    const char *day = line_text(line, "before", NULL), *age = line_text(line, "older-than", NULL);
    if ((day == NULL) == (age == NULL)) {
        error_set(&err, ACCEL_INVALID_ARGUMENT,
                  "say which results are old: --before DATE or --older-than TIME");
        (void)cli_fail(&err);
        return NULL;
    }
    if (day != NULL)
        return arena_printf(line->arena, strchr(day, 'T') != NULL ? "%s" : "%sT00:00:00Z", day);
    if (!db_retention(line, &rules))
        return NULL;
    int64_t limit_us = clock_utc_us() - (int64_t)(rules.older_than_s * 1e6);
    return arena_strdup(line->arena, clock_utc_text(limit_us, text));
}

static int run_archive(const command_line *line) {
    accel_error err = {0};
    store_archived out;
    const char *path = store_default_path(line_text(line, "db", NULL));
    const char *before = archive_limit(line);
    if (before == NULL)
        return EXIT_CODE_USAGE;
    if (store_archive(path, before, &out, &err) != ACCEL_OK)
        return db_fail(&err);
    return print_archived(line, before, &out);
}

static const option_def archive_options[] = {
    CLI_OPTION_DB,
    {.name = "before",
     .kind = OPTION_TEXT,
     .value_name = "DATE",
     .help = "results of runs that started before this day (UTC, 2026-01-31)"},
    {.name = "older-than",
     .kind = OPTION_TEXT,
     .value_name = "TIME",
     .help = "results of runs that started longer ago than this: 365d"},
};
static const option_group archive_group = {"Database", archive_options,
                                           sizeof archive_options / sizeof *archive_options};
static const option_group *const archive_groups[] = {&archive_group, &options_output, &options_general};
static const char *const archive_examples[] = {
    "accel db archive --before 2025-01-01",
    "into FILE.archive, one file a month",
    "accel db archive --older-than 365d && accel db compact",
    "and give back the space",
    NULL,
};

const command_def command_db_archive = {
    .name = "db archive",
    .summary = "move old results to Parquet files that are still queried",
    .positional = "",
    .examples = archive_examples,
    .groups = archive_groups,
    .group_count = 3,
    .run = run_archive,
};
