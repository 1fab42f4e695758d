#include "base/log.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/log_sink.h"
#include "base/str.h"

enum { LOG_LINE_BYTES = 2048, LEVEL_UNKNOWN = -1 };

static atomic_int current_level = LEVEL_UNKNOWN;

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_set_level(log_level level) {
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

static int level_from_environment(void) {
    const char *asked = log_sink_wanted_level();
    for (int i = LOG_ERROR; asked && i <= LOG_DEBUG; i++) {
        if (str_equal(asked, level_names[i])) {
            return i;
        }
    }
    return LOG_WARNING;
}

static int level_now(void) {
    int level = atomic_load_explicit(&current_level, memory_order_relaxed);
    if (level == LEVEL_UNKNOWN) {
        int unknown = LEVEL_UNKNOWN;
        level = level_from_environment();
        /* log_set_level, called meanwhile by somebody else, wins. */
        if (!atomic_compare_exchange_strong(&current_level, &unknown, level)) {
            level = unknown;
        }
    }
    return level;
}

void log_message(log_level level, const char *format, ...) {
    if ((int)level > level_now()) {
        return;
    }
    /* One line, one write: lines of several threads or processes do not mix. */
    char line[LOG_LINE_BYTES];
    int start = str_format(line, sizeof line, "accel: %s: ", level_names[level]);
    va_list arguments;
    va_start(arguments, format);
    int length = str_formatv(line + start, sizeof line - 1 - (size_t)start, format, arguments);
    va_end(arguments);
    size_t most = sizeof line - 2 - (size_t)start;
    size_t end = (size_t)start + (length < 0 || (size_t)length > most ? most : (size_t)length);
    line[end++] = '\n';
    line[end] = '\0';
    log_sink_write(level, line, end);
}
