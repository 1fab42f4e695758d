/* accel db add: results that somebody states. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "store/store.h"

enum { MOST_INPUT_BYTES = 1 << 28 };

/* FIELD=VALUE … as a JSON object of texts. */
static accel_status object_of_fields(const command_line *line, str_buf *json, accel_error *err) {
    for (size_t i = 0; i < line->positional_count; i++) {
        const char *field = line->positional[i], *equals = strchr(field, '=');
        if (equals == NULL || equals == field)
            return error_set(err, ACCEL_INVALID_ARGUMENT, "'%s' is not FIELD=VALUE, as model_name=bert",
                             field);
        for (size_t k = 0; k < i; k++)
            if (strncmp(line->positional[k], field, (size_t)(equals - field) + 1) == 0)
                return error_set(err, ACCEL_INVALID_ARGUMENT, "%.*s is given twice", (int)(equals - field),
                                 field);
        str_append(json, i > 0 ? "," : "{");
        str_append_json(json, field, (size_t)(equals - field));
        str_append_char(json, ':');
        str_append_json(json, equals + 1, strlen(equals + 1));
    }
    str_append_char(json, '}');
    return json->failed ? error_no_memory(err, "a result", json->length) : ACCEL_OK;
}

static accel_status read_stdin(str_buf *json, accel_error *err) {
    char block[1 << 14];
    size_t n;
    while ((n = fread(block, 1, sizeof block, stdin)) > 0 && json->length <= MOST_INPUT_BYTES)
        str_append_bytes(json, block, n);
    if (ferror(stdin))
        return error_set(err, ACCEL_IO, "the result could not be read from standard input");
    return json->failed ? error_no_memory(err, "a result", json->length) : ACCEL_OK;
}

static accel_status read_json_file(const char *path, str_buf *json, accel_error *err) {
    char *text;
    size_t length;
    ACCEL_TRY(file_read(path, MOST_INPUT_BYTES, &text, &length, err));
    str_append_bytes(json, text, length);
    mem_free(text);
    return json->failed ? error_no_memory(err, path, length) : ACCEL_OK;
}

static accel_status read_input(const command_line *line, str_buf *json, accel_error *err) {
    const char *file = line_text(line, "json", NULL);
    if ((file != NULL) == (line->positional_count > 0))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "give the result as FIELD=VALUE ... or with --json FILE (- is standard input)");
    if (file == NULL)
        return object_of_fields(line, json, err);
    return str_equal(file, "-") ? read_stdin(json, err) : read_json_file(file, json, err);
}

static int run_add(const command_line *line) {
    accel_error err = {0};
    str_buf json = {0};
    size_t added = 0;
    const char *path = store_default_path(line_text(line, "db", NULL));
    accel_status status = read_input(line, &json, &err);
    if (status == ACCEL_OK)
        status = store_add_given(path, line_text(line, "result-type", "performance"),
                                 line_text(line, "provenance", NULL), json.data, json.length, &added, &err);
    str_free(&json);
    if (status != ACCEL_OK)
        return cli_fail(&err);
    if (!line_flag(line, "quiet"))
        fprintf(stderr, "added %zu result%s to %s\n", added, added == 1 ? "" : "s", path);
    return EXIT_CODE_OK;
}

static const option_def add_options[] = {
    {.name = "result-type",
     .kind = OPTION_CHOICE,
     .value_name = "TYPE",
     .choices = "performance|compatibility|integration|web|optimization",
     .fallback = "performance",
     .help = "what the result is of"},
    {.name = "json",
     .kind = OPTION_TEXT,
     .value_name = "FILE",
     .is_file = true,
     .help = "read one result or a list of them as JSON; - is standard input"},
    {.name = "provenance",
     .kind = OPTION_CHOICE,
     .value_name = "P",
     .choices = "imported|measured|predicted|simulated",
     .fallback = "imported",
     .help = "of results that state none"},
    CLI_OPTION_DB,
};
static const option_group add_group = {"Result", add_options, sizeof add_options / sizeof *add_options};
static const option_group *const add_groups[] = {&add_group, &options_general};
static const char *const add_examples[] = {
    "accel db add model_name=bert hardware_type=cuda batch_size=8 precision=fp16 average_latency_ms=4.1",
    "a figure from elsewhere, kept as imported",
    "accel db add --result-type integration --json results.json",
    "what a test suite wrote, one object or a list",
    NULL,
};

const command_def command_db_add = {
    .name = "db add",
    .summary = "add single results: as FIELD=VALUE or as JSON",
    .positional = "[FIELD=VALUE...]",
    .max_positional = 256,
    .examples = add_examples,
    .groups = add_groups,
    .group_count = 2,
    .run = run_add,
    .notes =
        "Fields have the names of the database's columns (docs/db-add.md). A result that states no provenance is imported, and so outside the views of measured rows: "
        "only who measured it can say provenance=measured. All results of a call are added, or none.",
};
