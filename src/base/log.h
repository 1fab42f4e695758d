/* Messages to a person, on stderr (on the page's console in wasm). Results never go through here. */
#ifndef ACCEL_BASE_LOG_H
#define ACCEL_BASE_LOG_H

#include "base/error.h"

typedef enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG } log_level;

void log_set_level(
    log_level level); /* default LOG_WARNING; ACCEL_LOG=debug|info|warning|error sets it at start */
void log_message(log_level level, const char *format, ...) ACCEL_PRINTF(2, 3);
#define log_error(...)   log_message(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_DEBUG, __VA_ARGS__)

#endif
