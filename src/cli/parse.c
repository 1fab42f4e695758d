/* From argv to a command_line. */
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"

typedef struct parser {
    const command_def *command;
    arena *arena;
    option_value *values;
    size_t value_count;
    const char **positional;
    size_t positional_count;
} parser;

static const option_def *find_option(const command_def *command, const char *name, size_t length) {
    for (size_t g = 0; g < command->group_count; g++) {
        for (size_t i = 0; i < command->groups[g]->count; i++) {
            const option_def *o = &command->groups[g]->options[i];
            if (strlen(o->name) == length && memcmp(o->name, name, length) == 0)
                return o;
        }
    }
    return NULL;
}

static const option_def *find_letter(const command_def *command, char letter) {
    for (size_t g = 0; g < command->group_count; g++) {
        for (size_t i = 0; i < command->groups[g]->count; i++) {
            if (command->groups[g]->options[i].letter == letter)
                return &command->groups[g]->options[i];
        }
    }
    return NULL;
}

static bool usage_error(const command_def *command, const char *format, ...) ACCEL_PRINTF(2, 3);
static bool usage_error(const command_def *command, const char *format, ...) {
    accel_error err = {0};
    va_list arguments;
    va_start(arguments, format);
    error_setv(&err, ACCEL_INVALID_ARGUMENT, format, arguments);
    va_end(arguments);
    error_prefix(&err, ACCEL_INVALID_ARGUMENT, "%s", command->name);
    cli_fail(&err);
    return false;
}

static bool unknown_option(const command_def *command, const char *name) {
    const char *names[128];
    size_t count = 0;
    for (size_t g = 0; g < command->group_count; g++) {
        for (size_t i = 0; i < command->groups[g]->count && count < 128; i++) {
            names[count++] = command->groups[g]->options[i].name;
        }
    }
    const char *near = str_nearest(name, names, count);
    if (near != NULL)
        return usage_error(command, "there is no option --%s; did you mean --%s?", name, near);
    return usage_error(command, "there is no option --%s; `accel %s --help` lists them", name, command->name);
}

static bool choice_allowed(const char *choices, const char *text) {
    size_t length = strlen(text);
    for (const char *p = choices; p != NULL; p = strchr(p, '|')) {
        if (*p == '|')
            p++;
        const char *end = strchr(p, '|');
        size_t size = end != NULL ? (size_t)(end - p) : strlen(p);
        if (size == length && memcmp(p, text, length) == 0)
            return true;
    }
    return false;
}

static bool check_integer(const command_def *command, const option_def *o, const char *text) {
    int64_t value;
    if (!str_to_i64(text, &value))
        return usage_error(command, "--%s takes a whole number, not '%s'", o->name, text);
    if (o->low < o->high && ((double)value < o->low || (double)value > o->high)) {
        return usage_error(command, "--%s takes %.0f to %.0f, not %s", o->name, o->low, o->high, text);
    }
    return true;
}

static bool check_value(const command_def *command, const option_def *o, const char *text) {
    double real;
    switch (o->kind) {
    case OPTION_INTEGER:
        return check_integer(command, o, text);
    case OPTION_REAL:
        if (!str_to_f64(text, &real))
            return usage_error(command, "--%s takes a number, not '%s'", o->name, text);
        if (o->low < o->high && !(real >= o->low && real <= o->high)) {
            return usage_error(command, "--%s takes %g to %g, not %s", o->name, o->low, o->high, text);
        }
        return true;
    case OPTION_CHOICE:
        if (!choice_allowed(o->choices, text)) {
            return usage_error(command, "--%s takes one of %s, not '%s'", o->name, o->choices, text);
        }
        return true;
    case OPTION_LIST:
        if (*text == 0)
            return usage_error(command, "--%s has an empty entry", o->name);
        return !o->integers || check_integer(command, o, text);
    default:
        return true;
    }
}

static bool add_value(parser *p, const option_def *o, const char *text) {
    if (text != NULL && !check_value(p->command, o, text))
        return false;
    p->values[p->value_count++] = (option_value){o, text};
    return true;
}

/* A list is split at commas; each entry is a value of its own. */
static bool add_list(parser *p, const option_def *o, const char *text) {
    const char *start = text;
    for (;;) {
        const char *comma = strchr(start, ',');
        size_t length = comma != NULL ? (size_t)(comma - start) : strlen(start);
        const char *entry = arena_strndup(p->arena, start, length);
        if (entry == NULL)
            return usage_error(p->command, "memory ran out");
        if (!add_value(p, o, entry))
            return false;
        if (comma == NULL)
            return true;
        start = comma + 1;
    }
}

static bool take_option(parser *p, const option_def *o, const char *inline_value, int argc, char **argv,
                        int *index) {
    if (o->kind == OPTION_FLAG) {
        if (inline_value != NULL)
            return usage_error(p->command, "--%s takes no value", o->name);
        return add_value(p, o, NULL);
    }
    const char *text = inline_value;
    if (text == NULL) {
        if (*index + 1 >= argc)
            return usage_error(p->command, "--%s needs a value: --%s %s", o->name, o->name, o->value_name);
        text = argv[++*index];
    }
    return o->kind == OPTION_LIST ? add_list(p, o, text) : add_value(p, o, text);
}

static bool take_argument(parser *p, int argc, char **argv, int *index, bool *only_positional) {
    const char *argument = argv[*index];
    if (*only_positional || argument[0] != '-' || argument[1] == 0) {
        p->positional[p->positional_count++] = argument;
        return true;
    }
    if (strcmp(argument, "--") == 0) {
        *only_positional = true;
        return true;
    }
    if (argument[1] != '-') {
        const option_def *o = find_letter(p->command, argument[1]);
        if (o == NULL)
            return usage_error(p->command, "there is no option -%c", argument[1]);
        return take_option(p, o, argument[2] != 0 ? argument + 2 : NULL, argc, argv, index);
    }
    const char *equals = strchr(argument + 2, '=');
    size_t length = equals != NULL ? (size_t)(equals - argument - 2) : strlen(argument + 2);
    const option_def *o = find_option(p->command, argument + 2, length);
    if (o == NULL) {
        const char *name = arena_strndup(p->arena, argument + 2, length);
        return unknown_option(p->command, name != NULL ? name : argument + 2);
    }
    return take_option(p, o, equals != NULL ? equals + 1 : NULL, argc, argv, index);
}

static bool check_positional(const command_def *command, size_t count, const char *const *given, bool help) {
    if (help)
        return true;
    if (count < command->min_positional) {
        return usage_error(command, "needs %s; `accel %s --help` shows examples", command->positional,
                           command->name);
    }
    if (count > command->max_positional) {
        return usage_error(command, "does not know what to do with '%s'", given[command->max_positional]);
    }
    return true;
}

static size_t count_values(int argc, char **argv) {
    size_t count = (size_t)argc;
    for (int i = 0; i < argc; i++) {
        for (const char *c = argv[i]; *c != 0; c++)
            count += *c == ',';
    }
    return count;
}

bool command_parse(const command_def *command, const char *program, int argc, char **argv, arena *a,
                   command_line *out) {
    size_t most = count_values(argc, argv) + 1;
    parser p = {.command = command, .arena = a};
    p.values = ARENA_ARRAY(a, option_value, most);
    p.positional = ARENA_ARRAY(a, const char *, most);
    if (p.values == NULL || p.positional == NULL)
        return usage_error(command, "memory ran out");
    bool only_positional = false;
    for (int i = 0; i < argc && !command->raw; i++) {
        if (!take_argument(&p, argc, argv, &i, &only_positional))
            return false;
    }
    *out = (command_line){.command = command,
                          .arena = a,
                          .program = program,
                          .argc = argc,
                          .argv = argv,
                          .values = p.values,
                          .value_count = p.value_count,
                          .positional = p.positional,
                          .positional_count = p.positional_count};
    return command->raw ||
           check_positional(command, p.positional_count, p.positional, line_flag(out, "help"));
}

static const option_value *last_value(const command_line *line, const char *name) {
    for (size_t i = line->value_count; i > 0; i--) {
        if (strcmp(line->values[i - 1].option->name, name) == 0)
            return &line->values[i - 1];
    }
    return NULL;
}

bool line_flag(const command_line *line, const char *name) {
    return last_value(line, name) != NULL;
}

const char *line_text(const command_line *line, const char *name, const char *fallback) {
    const option_value *v = last_value(line, name);
    return v != NULL ? v->text : fallback;
}

int64_t line_integer(const command_line *line, const char *name, int64_t fallback) {
    int64_t value;
    const option_value *v = last_value(line, name);
    return v != NULL && str_to_i64(v->text, &value) ? value : fallback;
}

double line_real(const command_line *line, const char *name, double fallback) {
    double value;
    const option_value *v = last_value(line, name);
    return v != NULL && str_to_f64(v->text, &value) ? value : fallback;
}

const char *const *line_list(const command_line *line, const char *name, size_t *count) {
    const char **list = ARENA_ARRAY(line->arena, const char *, line->value_count + 1);
    *count = 0;
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < line->value_count; i++) {
        if (strcmp(line->values[i].option->name, name) == 0)
            list[(*count)++] = line->values[i].text;
    }
    return list;
}

const int64_t *line_integers(const command_line *line, const char *name, size_t *count) {
    const char *const *texts = line_list(line, name, count);
    int64_t *list = ARENA_ARRAY(line->arena, int64_t, *count + 1);
    if (texts == NULL || list == NULL) {
        *count = 0;
        return NULL;
    }
    for (size_t i = 0; i < *count; i++) {
        if (!str_to_i64(texts[i], &list[i]))
            list[i] = 0;
    }
    return list;
}
