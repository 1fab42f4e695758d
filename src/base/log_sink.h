/* Where log.c's lines go: stderr, or the page's console. One implementation a platform. */
#ifndef ACCEL_BASE_LOG_SINK_H
#define ACCEL_BASE_LOG_SINK_H

#include <stddef.h>

#include "base/log.h"

/* The level that the environment asks for by name, or NULL. */
const char *log_sink_wanted_level(void);
/* A whole line with its newline. Failures are ignored: there is nowhere left to report them. */
void log_sink_write(log_level level, const char *line, size_t length);

#endif
