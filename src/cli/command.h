/* Commands and their options: one description from which parsing, --help, the man page, shell completion and docs come.
 *
 * Adding a command is one file (its option table and its run function) and one line in commands.c. No logic lives here: a
 * command parses, calls the library, prints. Results go to stdout, everything else to stderr. */
#ifndef ACCEL_CLI_COMMAND_H
#define ACCEL_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* Exit codes (contracts.md). */
enum {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILED = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_ABSENT = 3,
    EXIT_CODE_INTERRUPTED = 130
};

typedef enum option_kind {
    OPTION_FLAG, /* --json */
    OPTION_TEXT, /* --db FILE; the last one wins */
    OPTION_INTEGER,
    OPTION_REAL,
    OPTION_LIST,   /* --batch 1,8; may be repeated */
    OPTION_CHOICE, /* one of choices */
    OPTION_REPEAT  /* --input NAME=FILE, again and again: values are not split at commas */
} option_kind;

typedef struct option_def {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    option_kind kind;
    const char *value_name; /* "FILE", "N,N" */
    const char *help;
    const char *fallback; /* the default, as shown; NULL: none */
    const char *choices;  /* OPTION_CHOICE: "table|json|csv" */
    bool is_file;         /* for shell completion */
    double low,
        high;      /* OPTION_INTEGER and OPTION_REAL: allowed range when low < high; lists of integers too */
    bool integers; /* OPTION_LIST: each entry is an integer in [low, high] */
} option_def;

typedef struct option_group {
    const char *title;
    const option_def *options;
    size_t count;
} option_group;

typedef struct command_line command_line;

typedef struct command_def {
    const char *name;
    const char *summary;    /* one line */
    const char *positional; /* "MODEL...", or "" */
    size_t min_positional, max_positional;
    const char *const *examples; /* command, explanation, command, explanation, …, NULL */
    const option_group *const *groups;
    size_t group_count;
    const char *notes; /* paragraphs after the options; NULL: none */
    bool hidden;       /* not listed: internal entries */
    bool raw;          /* gets argc and argv as they are */
    int (*run)(const command_line *line);
} command_def;

typedef struct option_value {
    const option_def *option;
    const char *text;
} option_value;

struct command_line {
    const command_def *command;
    arena *arena;        /* lives as long as the command runs */
    const char *program; /* argv[0] */
    int argc;
    char **argv; /* everything after the program's name */
    const option_value *values;
    size_t value_count;
    const char *const *positional;
    size_t positional_count;
};

/* The table (commands.c). */
size_t command_count(void);
const command_def *command_at(size_t index);
const command_def *command_find(const char *name);

/* Parses argv (after the command's name). On a usage error prints a sentence with a suggestion to stderr and returns false. */
bool command_parse(const command_def *command, const char *program, int argc, char **argv, arena *a,
                   command_line *out);

/* What was given. */
bool line_flag(const command_line *line, const char *name);
const char *line_text(const command_line *line, const char *name, const char *fallback);
int64_t line_integer(const command_line *line, const char *name, int64_t fallback);
double line_real(const command_line *line, const char *name, double fallback);
/* All entries of a list or repeated option, in arena memory. */
const char *const *line_list(const command_line *line, const char *name, size_t *count);
/* The same as integers; the range was checked while parsing. */
const int64_t *line_integers(const command_line *line, const char *name, size_t *count);

/* Help, man page, completion: from the table alone. */
void help_program(str_buf *out);
void help_command(const command_def *command, str_buf *out);
void help_man_page(str_buf *out);
void help_completion(const char *shell, str_buf *out); /* bash, zsh or fish */

/* Output helpers of commands. */
struct table;
bool cli_color(int fd);               /* a terminal, NO_COLOR unset, TERM not dumb */
int cli_fail(const accel_error *err); /* prints "accel: …" to stderr; returns the exit code for the status */
/* The same for a database: one that is not there is something asked for that is absent, exit code 3 (contracts). */
int cli_fail_on_database(const accel_error *err);
int cli_exit_code(accel_status status);
/* Writes everything to stdout; a failing write (disk full, closed pipe) is an error. */
accel_status cli_write(const char *text, size_t length, accel_error *err);
int cli_print_table(const struct table *t, const command_line *line); /* by --format; returns the exit code */
int cli_print_text(const str_buf *text);

/* Option groups that several commands share. */
extern const option_group options_output;  /* --format */
extern const option_group options_runtime; /* --runtime-path */
extern const option_group options_general; /* --help, --quiet, --verbose */

#endif
