/* Everything that is said about commands: help texts, the man page, shell completion. All from the table. */
#include <string.h>

#include "cli/command.h"
#include "base/version.h"

static void option_label(const option_def *o, str_buf *out) {
    if (o->letter != 0)
        str_appendf(out, "-%c, ", o->letter);
    str_appendf(out, "--%s", o->name);
    if (o->kind == OPTION_CHOICE) {
        str_appendf(out, " %s", o->choices);
    } else if (o->kind != OPTION_FLAG) {
        str_appendf(out, " %s", o->value_name);
    }
}

/* Appends text in lines of at most 100 columns, later lines indented. */
static void append_wrapped(str_buf *out, const char *text, size_t indent) {
    size_t column = indent;
    bool first = true;
    while (*text != 0) {
        size_t word = strcspn(text, " \n");
        if (!first && column + 1 + word > 100) {
            str_append_char(out, '\n');
            for (size_t i = 0; i < indent; i++)
                str_append_char(out, ' ');
            column = indent;
        } else if (!first) {
            str_append_char(out, ' ');
            column++;
        }
        str_append_bytes(out, text, word);
        column += word;
        text += word;
        text += strspn(text, " \n");
        first = false;
    }
    str_append_char(out, '\n');
}

static void append_option(const option_def *o, str_buf *out) {
    enum { INDENT = 30 };
    str_buf label = {0};
    option_label(o, &label);
    str_appendf(out, "  %s", str_text(&label));
    size_t width = 2 + label.length;
    str_free(&label);
    if (width + 2 > INDENT) {
        str_append_char(out, '\n');
        width = 0;
    }
    for (; width < INDENT; width++)
        str_append_char(out, ' ');
    if (o->fallback == NULL) {
        append_wrapped(out, o->help, INDENT);
        return;
    }
    str_buf text = {0};
    str_appendf(&text, "%s (default: %s)", o->help, o->fallback);
    append_wrapped(out, str_text(&text), INDENT);
    str_free(&text);
}

void help_command(const command_def *command, str_buf *out) {
    str_append(out, "Examples:\n");
    for (const char *const *e = command->examples; e != NULL && *e != NULL; e += 2) {
        str_appendf(out, "  %s\n      %s\n", e[0], e[1]);
    }
    str_appendf(out, "\naccel %s — %s\n\nUsage: accel %s%s%s [OPTIONS]\n", command->name, command->summary,
                command->name, *command->positional != 0 ? " " : "", command->positional);
    for (size_t g = 0; g < command->group_count; g++) {
        str_appendf(out, "\n%s:\n", command->groups[g]->title);
        for (size_t i = 0; i < command->groups[g]->count; i++)
            append_option(&command->groups[g]->options[i], out);
    }
    if (command->notes != NULL)
        str_appendf(out, "\n%s\n", command->notes);
}

static const char *const program_examples[] = {
    "accel detect",
    "what this machine has, and what is absent with the evidence looked for",
    "accel bench model.onnx",
    "benchmark a model on every platform found here, verified and stored",
    "accel bench ./my-bert --on cpu,openvino --batch 1,8",
    "a Hugging Face folder, two platforms, two batch sizes",
    "accel report --output report.html",
    "the stored results as a page that needs no network",
    NULL,
};

void help_program(str_buf *out) {
    str_append(
        out,
        "accel — which hardware and which runtime runs my model best, and how do I run it there?\n\nExamples:\n");
    for (const char *const *e = program_examples; *e != NULL; e += 2)
        str_appendf(out, "  %s\n      %s\n", e[0], e[1]);
    str_append(out, "\nCommands:\n");
    for (size_t i = 0; i < command_count(); i++) {
        const command_def *c = command_at(i);
        if (!c->hidden)
            str_appendf(out, "  %-16s  %s\n", c->name, c->summary);
    }
    str_append(out, "\n`accel COMMAND --help` shows examples and options of one command.\n");
}

/* ---- man page (roff) ------------------------------------------------------------------------------------------------- */

static void roff_text(str_buf *out, const char *text) {
    bool line_start = true;
    for (const char *p = text; *p != 0; p++) {
        if (line_start && (*p == '.' || *p == '\''))
            str_append(out, "\\&");
        if (*p == '-') {
            str_append(out, "\\-");
        } else if (*p == '\\') {
            str_append(out, "\\e");
        } else {
            str_append_char(out, *p);
        }
        line_start = *p == '\n';
    }
}

static void man_option(const option_def *o, str_buf *out) {
    str_buf label = {0};
    option_label(o, &label);
    str_append(out, ".TP\n.B ");
    roff_text(out, str_text(&label));
    str_free(&label);
    str_append_char(out, '\n');
    roff_text(out, o->help);
    if (o->fallback != NULL) {
        str_append(out, " (default: ");
        roff_text(out, o->fallback);
        str_append_char(out, ')');
    }
    str_append_char(out, '\n');
}

static void man_command(const command_def *c, str_buf *out) {
    str_append(out, ".SS accel ");
    roff_text(out, c->name);
    str_append_char(out, ' ');
    roff_text(out, c->positional);
    str_append_char(out, '\n');
    roff_text(out, c->summary);
    str_append(out, ".\n");
    for (const char *const *e = c->examples; e != NULL && *e != NULL; e += 2) {
        str_append(out, ".PP\n.RS\n.B ");
        roff_text(out, e[0]);
        str_append(out, "\n.RE\n.RS 8\n");
        roff_text(out, e[1]);
        str_append(out, "\n.RE\n");
    }
    for (size_t g = 0; g < c->group_count; g++) {
        for (size_t i = 0; i < c->groups[g]->count; i++)
            man_option(&c->groups[g]->options[i], out);
    }
    if (c->notes != NULL) {
        str_append(out, ".PP\n");
        roff_text(out, c->notes);
        str_append_char(out, '\n');
    }
}

void help_man_page(str_buf *out) {
    str_appendf(out, ".TH ACCEL 1 \"\" \"accel %s\" \"User Commands\"\n.SH NAME\n", accel_version_text());
    str_append(out, "accel \\- benchmark machine\\-learning models on every runtime of a machine\n");
    str_append(
        out, ".SH SYNOPSIS\n.B accel\n.I COMMAND\n[\\fIARGUMENT\\fR...] [\\fIOPTION\\fR...]\n.SH COMMANDS\n");
    for (size_t i = 0; i < command_count(); i++) {
        if (!command_at(i)->hidden)
            man_command(command_at(i), out);
    }
    str_append(
        out,
        ".SH EXIT STATUS\n.TP\n.B 0\nall cases asked for are ok (unsupported and absent count as ok under \\-\\-on all)\n"
        ".TP\n.B 1\na case failed or was wrong, or a model file is bad\n.TP\n.B 2\nwrong usage\n"
        ".TP\n.B 3\nwhat was asked for by name is absent on this machine\n.TP\n.B 130\ninterrupted; finished cases are kept\n");
    str_append(out, ".SH ENVIRONMENT\n.TP\n.B BENCHMARK_DB_PATH\nthe database when \\-\\-db is not given\n"
                    ".TP\n.B ACCEL_ONNXRUNTIME, ACCEL_OPENVINO\nthe runtime's library or its folder\n"
                    ".TP\n.B ACCEL_ISA\nforces the native engine's instruction set: baseline, avx2, avx512\n"
                    ".TP\n.B ACCEL_LOG\nerror, warning, info or debug\n.TP\n.B NO_COLOR\nno colours\n");
}

/* ---- shell completion ------------------------------------------------------------------------------------------------ */

/* Commands of two words stand in the table as "db import". */
static size_t first_word(const command_def *c) {
    return strcspn(c->name, " ");
}

static bool same_first_word(const command_def *a, const command_def *b) {
    return first_word(a) == first_word(b) && strncmp(a->name, b->name, first_word(a)) == 0;
}

/* First words, each once; or the second words of a command of two. */
static void completion_words(str_buf *out, const command_def *of) {
    for (size_t i = 0; i < command_count(); i++) {
        const command_def *c = command_at(i);
        size_t first = first_word(c);
        if (c->hidden)
            continue;
        if (of == NULL && (i == 0 || !same_first_word(c, command_at(i - 1))))
            str_appendf(out, "%.*s ", (int)first, c->name);
        else if (of != NULL && same_first_word(c, of) && c->name[first] == ' ')
            str_appendf(out, "%s ", c->name + first + 1);
    }
}

static void completion_bash(str_buf *out) {
    str_append(
        out,
        "_accel() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words= command=${COMP_WORDS[1]}\n"
        "  if [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W \"");
    completion_words(out, NULL);
    str_append(out, "\" -- \"$cur\")); return; fi\n");
    for (size_t i = 0; i < command_count(); i++) {
        const command_def *c = command_at(i);
        if (c->hidden || c->name[first_word(c)] != ' ' ||
            (i > 0 && same_first_word(c, command_at(i - 1)) && command_at(i - 1)->name[first_word(c)] == ' '))
            continue;
        str_appendf(
            out,
            "  if [ \"$command\" = %.*s ]; then\n    command=\"$command ${COMP_WORDS[2]}\"\n    if [ \"$COMP_CWORD\" = 2 ]; then COMPREPLY=($(compgen -W \"",
            (int)first_word(c), c->name);
        completion_words(out, c);
        str_append(out, "\" -- \"$cur\")); return; fi\n  fi\n");
    }
    str_append(out, "  case \"$command $prev\" in\n");
    for (size_t i = 0; i < command_count(); i++) {
        const command_def *c = command_at(i);
        for (size_t g = 0; g < c->group_count && !c->hidden; g++) {
            for (size_t k = 0; k < c->groups[g]->count; k++) {
                const option_def *o = &c->groups[g]->options[k];
                if (o->kind != OPTION_CHOICE)
                    continue;
                str_appendf(out, "    \"%s --%s\") COMPREPLY=($(compgen -W \"", c->name, o->name);
                for (const char *p = o->choices; *p != 0; p++)
                    str_append_char(out, *p == '|' ? ' ' : *p);
                str_append(out, "\" -- \"$cur\")); return;;\n");
            }
        }
    }
    str_append(out, "  esac\n  case \"$command\" in\n");
    for (size_t i = 0; i < command_count(); i++) {
        const command_def *c = command_at(i);
        if (c->hidden)
            continue;
        str_appendf(out, "    \"%s\") words=\"", c->name);
        for (size_t g = 0; g < c->group_count; g++) {
            for (size_t k = 0; k < c->groups[g]->count; k++)
                str_appendf(out, "--%s ", c->groups[g]->options[k].name);
        }
        str_append(out, "\";;\n");
    }
    str_append(
        out, "  esac\n  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"));\n"
             "  else COMPREPLY=($(compgen -f -- \"$cur\")); fi\n}\ncomplete -o filenames -F _accel accel\n");
}

/* Text inside single quotes of a shell. */
static void shell_quoted(str_buf *out, const char *text) {
    str_append_char(out, '\'');
    for (const char *p = text; *p != 0; p++) {
        if (*p == '\'') {
            str_append(out, "'\\''");
        } else {
            str_append_char(out, *p);
        }
    }
    str_append_char(out, '\'');
}

static void completion_fish(str_buf *out) {
    for (size_t i = 0; i < command_count(); i++) {
        const command_def *c = command_at(i);
        if (c->hidden)
            continue;
        size_t first = first_word(c);
        bool two = c->name[first] == ' ';
        if (two)
            str_appendf(out, "complete -c accel -n '__fish_seen_subcommand_from %.*s' -f -a %s -d ",
                        (int)first, c->name, c->name + first + 1);
        else
            str_appendf(out, "complete -c accel -n __fish_use_subcommand -f -a %s -d ", c->name);
        shell_quoted(out, c->summary);
        str_append_char(out, '\n');
        for (size_t g = 0; g < c->group_count; g++) {
            for (size_t k = 0; k < c->groups[g]->count; k++) {
                const option_def *o = &c->groups[g]->options[k];
                str_appendf(out, "complete -c accel -n '__fish_seen_subcommand_from %s' -l %s",
                            two ? c->name + first + 1 : c->name, o->name);
                if (o->letter != 0)
                    str_appendf(out, " -s %c", o->letter);
                if (o->kind != OPTION_FLAG)
                    str_append(out, o->is_file ? " -r" : " -x");
                if (o->kind == OPTION_CHOICE) {
                    str_append(out, " -a '");
                    for (const char *p = o->choices; *p != 0; p++)
                        str_append_char(out, *p == '|' ? ' ' : *p);
                    str_append_char(out, '\'');
                }
                str_append(out, " -d ");
                shell_quoted(out, o->help);
                str_append_char(out, '\n');
            }
        }
    }
}

void help_completion(const char *shell, str_buf *out) {
    if (str_equal(shell, "fish")) {
        completion_fish(out);
        return;
    }
    /* zsh runs bash's function through its own compatibility layer. */
    if (str_equal(shell, "zsh"))
        str_append(out, "#compdef accel\nautoload -U +X bashcompinit && bashcompinit\n");
    completion_bash(out);
}
