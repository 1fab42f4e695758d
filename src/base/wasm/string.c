/* <string.h> for the wasm build. Built with -ffreestanding, so that the compiler does not turn these loops into
 * calls of themselves. Hosted tests compile this file under other names, by defining STRING_NAME. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef STRING_NAME
#define STRING_NAME(name) name
#endif

void *STRING_NAME(memcpy)(void *restrict to, const void *restrict from, size_t length) {
#ifdef __wasm_bulk_memory__
    return __builtin_memcpy(to, from, length); /* one instruction */
#else
    uint8_t *restrict d = to;
    const uint8_t *restrict s = from;
    for (size_t i = 0; i < length; i++) {
        d[i] = s[i];
    }
    return to;
#endif
}

void *STRING_NAME(memmove)(void *to, const void *from, size_t length) {
#ifdef __wasm_bulk_memory__
    return __builtin_memmove(to, from, length);
#else
    uint8_t *d = to;
    const uint8_t *s = from;
    if ((uintptr_t)to - (uintptr_t)from >= length) {
        for (size_t i = 0; i < length; i++) {
            d[i] = s[i];
        }
    } else {
        for (size_t i = length; i > 0; i--) {
            d[i - 1] = s[i - 1];
        }
    }
    return to;
#endif
}

void *STRING_NAME(memset)(void *to, int value, size_t length) {
#ifdef __wasm_bulk_memory__
    return __builtin_memset(to, value, length);
#else
    uint8_t *d = to;
    for (size_t i = 0; i < length; i++) {
        d[i] = (uint8_t)value;
    }
    return to;
#endif
}

int STRING_NAME(memcmp)(const void *a, const void *b, size_t length) {
    const uint8_t *x = a;
    const uint8_t *y = b;
    for (size_t i = 0; i < length; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

void *STRING_NAME(memchr)(const void *bytes, int value, size_t length) {
    const uint8_t *p = bytes;
    for (size_t i = 0; i < length; i++) {
        if (p[i] == (uint8_t)value) {
            return (void *)(uintptr_t)(p + i);
        }
    }
    return NULL;
}

size_t STRING_NAME(strlen)(const char *text) {
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

size_t STRING_NAME(strnlen)(const char *text, size_t most) {
    size_t length = 0;
    while (length < most && text[length] != '\0') {
        length++;
    }
    return length;
}

int STRING_NAME(strncmp)(const char *a, const char *b, size_t most) {
    for (size_t i = 0; i < most; i++) {
        if (a[i] != b[i] || a[i] == '\0') {
            return (int)(unsigned char)a[i] - (int)(unsigned char)b[i];
        }
    }
    return 0;
}

int STRING_NAME(strcmp)(const char *a, const char *b) {
    return STRING_NAME(strncmp)(a, b, SIZE_MAX);
}

char *STRING_NAME(strchr)(const char *text, int c) {
    for (;; text++) {
        if (*text == (char)c) {
            return (char *)(uintptr_t)text;
        }
        if (*text == '\0') {
            return NULL;
        }
    }
}

char *STRING_NAME(strrchr)(const char *text, int c) {
    const char *last = NULL;
    for (;; text++) {
        if (*text == (char)c) {
            last = text;
        }
        if (*text == '\0') {
            return (char *)(uintptr_t)last;
        }
    }
}

char *STRING_NAME(strstr)(const char *text, const char *part) {
    size_t length = STRING_NAME(strlen)(part);
    for (;; text++) {
        if (STRING_NAME(strncmp)(text, part, length) == 0) {
            return (char *)(uintptr_t)text;
        }
        if (*text == '\0') {
            return NULL;
        }
    }
}

/* The length of the beginning of text whose characters are in `set` (inside) or are not. */
static size_t span(const char *text, const char *set, int inside) {
    size_t length = 0;
    while (text[length] != '\0' && (STRING_NAME(strchr)(set, text[length]) != NULL) == inside) {
        length++;
    }
    return length;
}

size_t STRING_NAME(strspn)(const char *text, const char *set) {
    return span(text, set, 1);
}

size_t STRING_NAME(strcspn)(const char *text, const char *set) {
    return span(text, set, 0);
}

char *STRING_NAME(strpbrk)(const char *text, const char *set) {
    text += span(text, set, 0);
    return *text != '\0' ? (char *)(uintptr_t)text : NULL;
}

char *STRING_NAME(strcpy)(char *restrict to, const char *restrict from) {
    STRING_NAME(memcpy)(to, from, STRING_NAME(strlen)(from) + 1);
    return to;
}

char *STRING_NAME(strncpy)(char *restrict to, const char *restrict from, size_t size) {
    size_t length = STRING_NAME(strnlen)(from, size);
    STRING_NAME(memcpy)(to, from, length);
    STRING_NAME(memset)(to + length, 0, size - length);
    return to;
}

char *STRING_NAME(strcat)(char *restrict to, const char *restrict from) {
    STRING_NAME(strcpy)(to + STRING_NAME(strlen)(to), from);
    return to;
}
