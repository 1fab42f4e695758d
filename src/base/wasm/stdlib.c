/* <stdlib.h> but for the heap, and the little of <stdio.h> that formats text, for the wasm build. Hosted tests compile
 * this file under other names, by defining STDLIB_NAME. */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/str.h"

#ifndef STDLIB_NAME
#define STDLIB_NAME(name) name
#endif

/* --- text to numbers --- */

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int digit_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'z' ? c - 'a' + 10
           : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                  : 99;
}

typedef struct integer {
    uint64_t magnitude;
    bool negative;
    bool overflow;
    const char *end; /* the text's start when there is no number */
} integer;

static integer scan_integer(const char *text, int base) {
    integer n = {0, false, false, text};
    const char *p = text;
    while (is_blank(*p)) {
        p++;
    }
    n.negative = *p == '-';
    p += *p == '-' || *p == '+';
    bool hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && digit_value(p[2]) < 16;
    if (hex && (base == 0 || base == 16)) {
        base = 16;
        p += 2;
    } else if (base == 0) {
        base = *p == '0' ? 8 : 10;
    }
    for (; digit_value(*p) < base; p++) {
        n.overflow = __builtin_mul_overflow(n.magnitude, (uint64_t)base, &n.magnitude) ||
                     __builtin_add_overflow(n.magnitude, (uint64_t)digit_value(*p), &n.magnitude) ||
                     n.overflow;
        n.end = p + 1;
    }
    return n;
}

static int64_t signed_integer(const char *text, char **end, int base, int64_t least, int64_t most) {
    integer n = scan_integer(text, base);
    if (end) {
        *end = (char *)(uintptr_t)n.end;
    }
    if (n.negative) {
        return n.overflow || n.magnitude > 0 - (uint64_t)least ? least : (int64_t)(0 - n.magnitude);
    }
    return n.overflow || n.magnitude > (uint64_t)most ? most : (int64_t)n.magnitude;
}

static uint64_t unsigned_integer(const char *text, char **end, int base, uint64_t most) {
    integer n = scan_integer(text, base);
    if (end) {
        *end = (char *)(uintptr_t)n.end;
    }
    if (n.overflow || n.magnitude > most) {
        return most;
    }
    return (n.negative ? 0 - n.magnitude : n.magnitude) & most;
}

long STDLIB_NAME(strtol)(const char *text, char **end, int base) {
    return (long)signed_integer(text, end, base, LONG_MIN, LONG_MAX);
}

long long STDLIB_NAME(strtoll)(const char *text, char **end, int base) {
    return signed_integer(text, end, base, INT64_MIN, INT64_MAX);
}

unsigned long STDLIB_NAME(strtoul)(const char *text, char **end, int base) {
    return (unsigned long)unsigned_integer(text, end, base, ULONG_MAX);
}

unsigned long long STDLIB_NAME(strtoull)(const char *text, char **end, int base) {
    return unsigned_integer(text, end, base, UINT64_MAX);
}

/* Decimal numbers only: nothing here writes hexadecimal ones, infinities or NaNs as text to read back. */
double STDLIB_NAME(strtod)(const char *text, char **end) {
    const char *p = text;
    while (is_blank(*p)) {
        p++;
    }
    double value = 0;
    const char *after = decimal_parse(p, &value);
    if (end) {
        *end = (char *)(uintptr_t)(after ? after : text);
    }
    return value;
}

float STDLIB_NAME(strtof)(const char *text, char **end) {
    return (float)STDLIB_NAME(strtod)(text, end);
}

int STDLIB_NAME(atoi)(const char *text) {
    return (int)STDLIB_NAME(strtol)(text, NULL, 10);
}

/* --- sorting and searching --- */

typedef int (*comparison)(const void *a, const void *b);

static void swap_elements(uint8_t *a, uint8_t *b, size_t size) {
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}

static void sift_down(uint8_t *base, size_t root, size_t count, size_t size, comparison compare) {
    while (2 * root + 1 < count) {
        size_t child = 2 * root + 1;
        if (child + 1 < count && compare(base + child * size, base + (child + 1) * size) < 0) {
            child++;
        }
        if (compare(base + root * size, base + child * size) >= 0) {
            return;
        }
        swap_elements(base + root * size, base + child * size, size);
        root = child;
    }
}

/* Heapsort: no recursion, no memory, no bad case. */
void STDLIB_NAME(qsort)(void *array, size_t count, size_t size, comparison compare) {
    uint8_t *base = array;
    for (size_t i = count / 2; i > 0; i--) {
        sift_down(base, i - 1, count, size, compare);
    }
    for (size_t last = count; last > 1; last--) {
        swap_elements(base, base + (last - 1) * size, size);
        sift_down(base, 0, last - 1, size, compare);
    }
}

void *STDLIB_NAME(bsearch)(const void *key, const void *array, size_t count, size_t size,
                           comparison compare) {
    const uint8_t *base = array;
    while (count > 0) {
        const uint8_t *middle = base + count / 2 * size;
        int order = compare(key, middle);
        if (order == 0) {
            return (void *)(uintptr_t)middle;
        }
        if (order > 0) {
            base = middle + size;
            count -= count / 2 + 1;
        } else {
            count /= 2;
        }
    }
    return NULL;
}

int STDLIB_NAME(abs)(int x) {
    return x < 0 ? -x : x;
}

long STDLIB_NAME(labs)(long x) {
    return x < 0 ? -x : x;
}

long long STDLIB_NAME(llabs)(long long x) {
    return x < 0 ? -x : x;
}

/* --- what a page does not have --- */

_Noreturn void STDLIB_NAME(abort)(void) {
    __builtin_trap();
}

char *STDLIB_NAME(getenv)(const char *name) {
    (void)name;
    return NULL;
}

/* --- formatting --- */

int STDLIB_NAME(vsnprintf)(char *restrict buffer, size_t size, const char *restrict format,
                           va_list arguments) {
    return str_formatv(buffer, size, format, arguments);
}

int STDLIB_NAME(snprintf)(char *restrict buffer, size_t size, const char *restrict format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = str_formatv(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
