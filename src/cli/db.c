/* accel db: what can be done with a database; its own command is making one. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "store/store.h"

static int run_db(const command_line *line) {
    accel_error err = {0};
    if (line->positional_count > 0) {
        error_set(&err, ACCEL_INVALID_ARGUMENT, "there is no command 'db %s'; `accel db` lists them",
                  line->positional[0]);
        return cli_fail(&err);
    }
    str_buf out = {0};
    str_append(&out, "What can be done with a database:\n");
    for (size_t i = 0; i < command_count(); i++) {
        const command_def *c = command_at(i);
        if (str_starts_with(c->name, "db ") && !c->hidden)
            str_appendf(&out, "  accel %-20s  %s\n", c->name, c->summary);
    }
    str_append(&out, "\n`accel db COMMAND --help` shows examples and options of one.\n");
    int code = cli_print_text(&out);
    str_free(&out);
    return code;
}

static const option_group *const db_groups[] = {&options_general};
static const char *const db_examples[] = {
    "accel db",
    "lists what can be done with a database",
    NULL,
};

const command_def command_db = {
    .name = "db",
    .summary = "make, fill and look after a database",
    .positional = "[COMMAND]",
    .max_positional = 8,
    .examples = db_examples,
    .groups = db_groups,
    .group_count = 1,
    .run = run_db,
};

/* ---- accel db create --------------------------------------------------------------------------------------------------- */

static int run_create(const command_line *line) {
    accel_error err = {0};
    const char *path = store_default_path(line_text(line, "db", NULL));
    bool made = false;
    accel_status status = store_create(path, line_flag(line, "sample-data"), &made, &err);
    if (status != ACCEL_OK)
        return cli_fail(&err);
    if (!line_flag(line, "quiet"))
        fprintf(stderr, "%s %s%s\n", made ? "made" : "there is already", path,
                line_flag(line, "sample-data") ? ", with sample rows, which are flagged simulated" : "");
    return EXIT_CODE_OK;
}

static const option_def create_options[] = {
    CLI_OPTION_DB,
    {.name = "sample-data",
     .kind = OPTION_FLAG,
     .help = "add made-up rows of every kind, flagged simulated and outside the measured views"},
};
static const option_group create_group = {"Database", create_options, 2};
static const option_group *const create_groups[] = {&create_group, &options_general};
static const char *const create_examples[] = {
    "accel db create",
    "an empty database with all tables and views",
    "accel db create --db demo.duckdb --sample-data",
    "one to try queries and reports on",
    NULL,
};

const command_def command_db_create = {
    .name = "db create",
    .summary = "make a database with all tables and views",
    .positional = "",
    .examples = create_examples,
    .groups = create_groups,
    .group_count = 2,
    .run = run_create,
};
