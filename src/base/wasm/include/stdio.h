/* Formatting, and the file functions that yyjson names; see base/wasm/stdlib.c and stdio.c. */
#ifndef ACCEL_WASM_STDIO_H
#define ACCEL_WASM_STDIO_H

#include <stdarg.h>
#include <stddef.h>

typedef struct FILE FILE;

#define EOF      (-1)
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

int snprintf(char *restrict buffer, size_t size, const char *restrict format, ...)
    __attribute__((format(printf, 3, 4)));
int vsnprintf(char *restrict buffer, size_t size, const char *restrict format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

FILE *fopen(const char *restrict path, const char *restrict mode); /* NULL always */
int fclose(FILE *file);
size_t fread(void *restrict bytes, size_t size, size_t count, FILE *restrict file);
size_t fwrite(const void *restrict bytes, size_t size, size_t count, FILE *restrict file);
int fseek(FILE *file, long offset, int origin);
long ftell(FILE *file);

#endif
