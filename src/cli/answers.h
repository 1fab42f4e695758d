/* Printing what a model answered (ask/ask.h). */
#ifndef ACCEL_CLI_ANSWERS_H
#define ACCEL_CLI_ANSWERS_H

#include "ask/ask.h"
#include "cli/command.h"

/* Whether answers go into the table of outputs, as JSON (--format json and csv), instead of being printed after it. a may be
 * NULL. */
bool cli_answers_for_programs(const command_line *line, const ask *a);
/* [{"input", "answer", "score", "box"}, …] of one output; NULL when it has none. */
const char *cli_answers_json(arena *memory, const ask *a, const char *output);
/* For people: a table of labels, boxes and similarities, then texts in full. Returns the exit code. */
int cli_print_answers(const command_line *line, const ask *a);

#endif
