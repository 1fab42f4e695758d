/* The command `accel`: finds the command, parses, runs. */
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "accel/accel.h"
#include "cli/command.h"

static int unknown_command(const char *name) {
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < command_count() && count < 64; i++) {
        if (!command_at(i)->hidden)
            names[count++] = command_at(i)->name;
    }
    accel_error err = {0};
    const char *near = str_nearest(name, names, count);
    if (near != NULL) {
        error_set(&err, ACCEL_INVALID_ARGUMENT, "there is no command '%s'; did you mean `accel %s`?", name,
                  near);
    } else {
        error_set(&err, ACCEL_INVALID_ARGUMENT, "there is no command '%s'; `accel --help` lists them", name);
    }
    return cli_fail(&err);
}

static int print_help(const command_def *command) {
    str_buf out = {0};
    if (command != NULL) {
        help_command(command, &out);
    } else {
        help_program(&out);
    }
    int code = cli_print_text(&out);
    str_free(&out);
    return code;
}

static int run_command(const command_def *command, const char *program, int argc, char **argv) {
    arena *a = arena_create();
    accel_error err = {0};
    if (a == NULL) {
        error_no_memory(&err, "the command line", 0);
        return cli_fail(&err);
    }
    command_line line;
    int code = EXIT_CODE_USAGE;
    if (command_parse(command, program, argc, argv, a, &line)) {
        if (line_flag(&line, "verbose"))
            log_set_level(LOG_INFO);
        if (line_flag(&line, "quiet"))
            log_set_level(LOG_ERROR);
        code = !command->raw && line_flag(&line, "help") ? print_help(command) : command->run(&line);
    }
    arena_destroy(a);
    return code;
}

static bool is_word(const char *text, const char *a, const char *b) {
    return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

/* The command that words begin with: of two words ("db import") or one. *used: how many. */
static const command_def *find_command(int count, char **words, int *used) {
    if (count > 1) {
        str_buf two = {0};
        str_appendf(&two, "%s %s", words[0], words[1]);
        const command_def *command = command_find(str_text(&two));
        str_free(&two);
        *used = 2;
        if (command != NULL)
            return command;
    }
    *used = 1;
    return count > 0 ? command_find(words[0]) : NULL;
}

int accel_main(int argc, char **argv) {
    if (argc < 2) {
        (void)print_help(NULL);
        return EXIT_CODE_USAGE;
    }
    static char version[] = "version";
    int used = 1;
    if (is_word(argv[1], "--version", "-V"))
        argv[1] = version;
    if (is_word(argv[1], "--help", "-h") || strcmp(argv[1], "help") == 0) {
        const command_def *command = find_command(argc - 2, argv + 2, &used);
        if (argc > 2 && command == NULL)
            return unknown_command(argv[2]);
        return print_help(command);
    }
    const command_def *command = find_command(argc - 1, argv + 1, &used);
    if (command == NULL)
        return unknown_command(argv[1]);
    return run_command(command, argv[0], argc - 1 - used, argv + 1 + used);
}
