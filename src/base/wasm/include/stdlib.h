/* What the freestanding wasm build has of <stdlib.h>; see base/wasm/malloc.c and stdlib.c. */
#ifndef ACCEL_WASM_STDLIB_H
#define ACCEL_WASM_STDLIB_H

#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *pointer, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void free(void *pointer);

long strtol(const char *restrict text, char **restrict end, int base);
long long strtoll(const char *restrict text, char **restrict end, int base);
unsigned long strtoul(const char *restrict text, char **restrict end, int base);
unsigned long long strtoull(const char *restrict text, char **restrict end, int base);
double strtod(const char *restrict text, char **restrict end);
float strtof(const char *restrict text, char **restrict end);
int atoi(const char *text);

void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
void *bsearch(const void *key, const void *base, size_t count, size_t size,
              int (*compare)(const void *, const void *));
int abs(int x);
long labs(long x);
long long llabs(long long x);

_Noreturn void abort(void);
char *getenv(const char *name); /* NULL always */

#endif
