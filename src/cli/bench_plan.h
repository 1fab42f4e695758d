/* The plan of `accel bench`. */
#ifndef ACCEL_CLI_BENCH_PLAN_H
#define ACCEL_CLI_BENCH_PLAN_H

#include "cli/command.h"
#include "measure/measure.h"

enum { BENCH_OPTION_GROUPS = 6 };
extern const option_group *const bench_option_groups[BENCH_OPTION_GROUPS]; /* bench_options.c */

/* From --plan FILE, or from the models and options given and what the probes find here. plan_destroy it. */
accel_status bench_plan_make(const command_line *line, const measure_host *host, bench_plan **plan,
                             accel_error *err);
/* --save-plan: the whole file or nothing. */
accel_status bench_plan_write(const char *path, const bench_plan *plan, accel_error *err);
/* --resume: marks what runs since the last complete one already measured, and says how many on standard error. */
accel_status bench_plan_skip_finished(const command_line *line, bench_plan *plan, accel_error *err);

#endif
