/* Private to base/: shared by the platforms' file layers. */
#ifndef ACCEL_BASE_PATH_INTERNAL_H
#define ACCEL_BASE_PATH_INTERNAL_H

#include <stddef.h>

#include "base/error.h"

/* Refuses, by the name alone, what cannot be below a folder: an empty or absolute path, or one with "..". */
accel_status path_check_beneath(const char *folder, const char *name, accel_error *err);

/* The length of the first component of name; *rest is what follows it and its slashes. */
size_t path_first_component(const char *name, const char **rest);

#endif
