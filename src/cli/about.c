/* accel version, completion, man: what the program says about itself. */
#include "base/version.h"
#include "cli/commands.h"
#include "engines/engine.h"
#include "graph/graph.h"
#include "graph/op.h"
#include "measure/record.h"
#include "report/table.h"

static int run_version(const command_line *line) {
    if (!line_flag(line, "format")) {
        str_buf out = {0};
        str_appendf(&out, "accel %s (%s)\n", accel_version_text(), accel_git_commit());
        int code = cli_print_text(&out);
        str_free(&out);
        return code;
    }
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "version", NULL, false);
    table_column(t, "git_commit", NULL, false);
    table_column(t, "onnx_opset", NULL, true);
    table_column(t, "operators", NULL, true);
    table_column(t, "engines", NULL, true);
    table_column(t, "record_schema_version", NULL, true);
    table_row(t);
    table_text(t, accel_version_text());
    table_text(t, accel_git_commit());
    table_integer(t, graph_opset());
    table_integer(t, (int64_t)op_count());
    table_integer(t, (int64_t)engine_count());
    table_integer(t, RECORD_SCHEMA_VERSION);
    int code = cli_print_table(t, line);
    table_destroy(t);
    return code;
}

static const option_group *const version_groups[] = {&options_output, &options_general};
static const char *const version_examples[] = {"accel version", "name, version and commit",
                                               "accel version --format json",
                                               "the same and what the build knows, for a program", NULL};

const command_def command_version = {
    .name = "version",
    .summary = "what this build is",
    .positional = "",
    .examples = version_examples,
    .groups = version_groups,
    .group_count = 2,
    .run = run_version,
};

static int print_made(void (*make)(const char *, str_buf *), const char *argument) {
    str_buf out = {0};
    make(argument, &out);
    int code = cli_print_text(&out);
    str_free(&out);
    return code;
}

static int run_completion(const command_line *line) {
    static const char *const shells[] = {"bash", "zsh", "fish"};
    const char *shell = line->positional[0];
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (str_equal(shell, shells[i]))
            return print_made(help_completion, shell);
    }
    accel_error err = {0};
    error_set(&err, ACCEL_INVALID_ARGUMENT, "completion: '%s' is not one of bash, zsh, fish", shell);
    return cli_fail(&err);
}

static const option_group *const completion_groups[] = {&options_general};
static const char *const completion_examples[] = {"eval \"$(accel completion bash)\"",
                                                  "complete commands and options in this shell", NULL};

const command_def command_completion = {
    .name = "completion",
    .summary = "shell completion for bash, zsh or fish",
    .positional = "SHELL",
    .min_positional = 1,
    .max_positional = 1,
    .examples = completion_examples,
    .groups = completion_groups,
    .group_count = 1,
    .run = run_completion,
};

static void man_page(const char *unused, str_buf *out) {
    (void)unused;
    help_man_page(out);
}

static int run_man(const command_line *line) {
    (void)line;
    return print_made(man_page, NULL);
}

static const char *const man_examples[] = {"accel man | man -l -", "read the manual page", NULL};

const command_def command_man = {
    .name = "man",
    .summary = "the manual page, as roff",
    .positional = "",
    .examples = man_examples,
    .groups = completion_groups,
    .group_count = 1,
    .run = run_man,
};
