#include "base/log_sink.h"
#include "base/wasm/host.h"

const char *log_sink_wanted_level(void) {
    return NULL;
}

void log_sink_write(log_level level, const char *line, size_t length) {
    host_log((int)level, line, length);
}
