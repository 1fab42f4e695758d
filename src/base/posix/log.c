#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log_sink.h"

const char *log_sink_wanted_level(void) {
    return getenv("ACCEL_LOG");
}

void log_sink_write(log_level level, const char *line, size_t length) {
    (void)level;
    int saved_errno = errno;
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, line, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            break;
        }
        line += written;
        length -= (size_t)written;
    }
    errno = saved_errno;
}
