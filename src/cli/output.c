/* Where commands print: results on stdout, sentences on stderr. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/posix/io.h"
#include "cli/command.h"
#include "report/table.h"

bool cli_color(int fd) {
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (no_color != NULL && *no_color != 0)
        return false;
    return isatty(fd) != 0 && term != NULL && strcmp(term, "dumb") != 0;
}

int cli_exit_code(accel_status status) {
    switch (status) {
    case ACCEL_OK:
        return EXIT_CODE_OK;
    case ACCEL_INVALID_ARGUMENT:
        return EXIT_CODE_USAGE;
    case ACCEL_ABSENT:
        return EXIT_CODE_ABSENT;
    case ACCEL_CANCELLED:
        return EXIT_CODE_INTERRUPTED;
    default:
        return EXIT_CODE_FAILED;
    }
}

accel_status cli_write(const char *text, size_t length, accel_error *err) {
    return io_write_all(STDOUT_FILENO, text, length)
               ? ACCEL_OK
               : error_set(err, ACCEL_IO, "cannot write the output: %s", strerror(errno));
}

int cli_fail(const accel_error *err) {
    str_buf text = {0};
    const char *sentence = err->message[0] != 0 ? err->message : accel_status_name(err->status);
    str_appendf(&text, "%saccel:%s %s\n", cli_color(STDERR_FILENO) ? "\033[31m" : "",
                cli_color(STDERR_FILENO) ? "\033[0m" : "", sentence);
    (void)io_write_all(STDERR_FILENO, str_text(&text), text.length);
    str_free(&text);
    return cli_exit_code(err->status);
}

int cli_fail_on_database(const accel_error *err) {
    int code = cli_fail(err);
    return err->status == ACCEL_NOT_FOUND ? EXIT_CODE_ABSENT : code;
}

int cli_print_text(const str_buf *text) {
    accel_error err = {0};
    if (text->failed) {
        error_no_memory(&err, "the output", text->length);
        return cli_fail(&err);
    }
    if (cli_write(str_text(text), text->length, &err) != ACCEL_OK)
        return cli_fail(&err);
    return EXIT_CODE_OK;
}

int cli_print_table(const table *t, const command_line *line) {
    accel_error err = {0};
    table_format format = TABLE_TEXT;
    (void)table_format_from_name(line_text(line, "format", "table"), &format);
    str_buf out = {0};
    int code = EXIT_CODE_OK;
    if (table_print(t, format, cli_color(STDOUT_FILENO), &out, &err) != ACCEL_OK) {
        code = cli_fail(&err);
    } else {
        code = cli_print_text(&out);
    }
    str_free(&out);
    return code;
}

static const option_def output_options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = OPTION_CHOICE,
     .choices = "table|json|csv|markdown",
     .help = "how results are printed on stdout",
     .fallback = "table"},
};
const option_group options_output = {"Output", output_options, 1};

static const option_def runtime_options[] = {
    {.name = "runtime-path",
     .kind = OPTION_REPEAT,
     .value_name = "FOLDER",
     .is_file = true,
     .help = "look here first for the libraries of ONNX Runtime and OpenVINO (may be repeated)"},
};
const option_group options_runtime = {"Runtimes", runtime_options, 1};

static const option_def general_options[] = {
    {.name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .help = "no progress on stderr"},
    {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .help = "say more on stderr"},
    {.name = "help", .letter = 'h', .kind = OPTION_FLAG, .help = "this text"},
};
const option_group options_general = {"General", general_options, 3};
