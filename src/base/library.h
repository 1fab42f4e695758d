/* Shared libraries loaded while running: vendor runtimes and drivers that may be absent. Not in the wasm build. */
#ifndef ACCEL_BASE_LIBRARY_H
#define ACCEL_BASE_LIBRARY_H

#include <stdbool.h>

#include "base/error.h"

typedef struct library library;

/* Loads a library by path, or by name where the system's loader looks. Its constructors run: a broken library can end the process
 * here. Failure is ACCEL_ABSENT with the loader's own words ("libcudart.so.12: cannot open shared object file …"). */
accel_status library_open(const char *path, library **out, accel_error *err);
/* Unloads. Libraries that start threads or register exit handlers must not be unloaded: never close those. Accepts NULL. */
void library_close(library *l);

/* Stores the address of a function (or variable) into *pointer, which must be a pointer of that type: the one place where an object
 * pointer becomes a function pointer. `library_bind(l, "OrtGetApiBase", &get_base, err)`. ACCEL_ABSENT when the library lacks it. */
accel_status library_bind(const library *l, const char *name, void *pointer, accel_error *err);
/* The same without an error sentence, for functions that only newer versions have; false leaves *pointer alone. */
bool library_find(const library *l, const char *name, void *pointer);

#endif
