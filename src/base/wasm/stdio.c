/* Stands in for the files that yyjson can read and write: in a page there are none, so that opening fails. */
#include <stdio.h>

FILE *fopen(const char *restrict path, const char *restrict mode) {
    (void)path;
    (void)mode;
    return NULL;
}

int fclose(FILE *file) {
    (void)file;
    return EOF;
}

size_t fread(void *restrict bytes, size_t size, size_t count, FILE *restrict file) {
    (void)bytes;
    (void)size;
    (void)count;
    (void)file;
    return 0;
}

size_t fwrite(const void *restrict bytes, size_t size, size_t count, FILE *restrict file) {
    (void)bytes;
    (void)size;
    (void)count;
    (void)file;
    return 0;
}

int fseek(FILE *file, long offset, int origin) {
    (void)file;
    (void)offset;
    (void)origin;
    return -1;
}

long ftell(FILE *file) {
    (void)file;
    return -1;
}
