/* The part of an address behind '?'. */
#ifndef ACCEL_SERVER_QUERY_H
#define ACCEL_SERVER_QUERY_H

#include <stdbool.h>
#include <stddef.h>

/* The value of `key` in "a=b&c=d"; false when there is none or it does not fit. */
bool query_get(const char *query, const char *key, char *value, size_t size);

#endif
