/* printf's formatting, written here so that it is the same in the wasm build and in every locale. Conversions:
 * d i u x X o c s p f F e E g G %, flags - + space # 0, width and precision (also *), lengths hh h l ll z t j L.
 * Positional arguments, %n, %a and wide characters are not supported: such a conversion is printed as it stands. */
#include "base/str.h"

#include <limits.h>
#include <string.h>

#include "base/decimal.h"

typedef struct sink {
    char *buffer;
    size_t size;
    size_t length; /* of the whole text, also of what did not fit */
} sink;

typedef struct spec {
    bool left;
    bool plus;
    bool space;
    bool alternate;
    bool zeros;
    size_t width;
    int precision; /* -1: none given */
    char size;     /* 'H' for hh, 'q' for ll, else the letter itself; 0: none */
    char kind;
} spec;

/* The arguments in a struct of their own: a va_list that is an array cannot be passed on by address. */
typedef struct arguments {
    va_list list;
} arguments;

static void put(sink *s, const char *bytes, size_t length) {
    if (s->length < s->size) {
        size_t room = s->size - s->length;
        memcpy(s->buffer + s->length, bytes, length < room ? length : room);
    }
    s->length += length;
}

static void put_repeated(sink *s, char c, size_t count) {
    if (s->length < s->size) {
        size_t room = s->size - s->length;
        memset(s->buffer + s->length, c, count < room ? count : room);
    }
    s->length += count;
}

/* prefix (sign, 0x) and body, padded to the width: blanks before the prefix or zeros after it. */
static void put_padded(sink *s, const spec *f, const char *prefix, const char *body, size_t length) {
    size_t prefix_length = strlen(prefix);
    size_t padding = f->width > prefix_length + length ? f->width - prefix_length - length : 0;
    if (!f->left && !f->zeros) {
        put_repeated(s, ' ', padding);
    }
    put(s, prefix, prefix_length);
    if (!f->left && f->zeros) {
        put_repeated(s, '0', padding);
    }
    put(s, body, length);
    if (f->left) {
        put_repeated(s, ' ', padding);
    }
}

static const char *sign_prefix(const spec *f, bool negative) {
    return negative ? "-" : f->plus ? "+" : f->space ? " " : "";
}

static size_t precision_or(const spec *f, size_t otherwise) {
    return f->precision < 0 ? otherwise : (size_t)f->precision;
}

/* --- whole numbers --- */

static int64_t next_signed(const spec *f, arguments *a) {
    switch (f->size) {
    case 'H':
        return (signed char)va_arg(a->list, int);
    case 'h':
        return (short)va_arg(a->list, int);
    case 'l':
        return va_arg(a->list, long);
    case 'q':
        return va_arg(a->list, long long);
    case 'j':
        return va_arg(a->list, intmax_t);
    case 'z':
    case 't':
        return va_arg(a->list, ptrdiff_t);
    default:
        return va_arg(a->list, int);
    }
}

static uint64_t next_unsigned(const spec *f, arguments *a) {
    switch (f->size) {
    case 'H':
        return (unsigned char)va_arg(a->list, unsigned);
    case 'h':
        return (unsigned short)va_arg(a->list, unsigned);
    case 'l':
        return va_arg(a->list, unsigned long);
    case 'q':
        return va_arg(a->list, unsigned long long);
    case 'j':
        return va_arg(a->list, uintmax_t);
    case 'z':
    case 't':
        return va_arg(a->list, size_t);
    default:
        return va_arg(a->list, unsigned);
    }
}

/* Writes the digits before `end` and returns where they start. */
static char *digits_before(char *end, uint64_t value, unsigned base, bool upper) {
    const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (; value > 0; value /= base) {
        *--end = alphabet[value % base];
    }
    return end;
}

static void put_integer(sink *s, spec *f, const char *prefix, uint64_t value, unsigned base) {
    char digits[24];
    char *end = digits + sizeof digits;
    char *start = digits_before(end, value, base, f->kind == 'X');
    size_t length = (size_t)(end - start);
    size_t least = precision_or(f, 1);
    if (f->alternate && base == 8 && least <= length) {
        least = length + 1;
    }
    f->zeros = f->zeros && f->precision < 0;
    size_t leading = least > length ? least - length : 0;
    size_t total = strlen(prefix) + leading + length;
    size_t padding = f->width > total ? f->width - total : 0;
    if (!f->left && !f->zeros) {
        put_repeated(s, ' ', padding);
    }
    put(s, prefix, strlen(prefix));
    put_repeated(s, '0', leading + (!f->left && f->zeros ? padding : 0));
    put(s, start, length);
    if (f->left) {
        put_repeated(s, ' ', padding);
    }
}

static void put_signed(sink *s, spec *f, arguments *a) {
    int64_t value = next_signed(f, a);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    put_integer(s, f, sign_prefix(f, value < 0), magnitude, 10);
}

static void put_unsigned(sink *s, spec *f, arguments *a) {
    uint64_t value = next_unsigned(f, a);
    bool hex = f->kind == 'x' || f->kind == 'X';
    const char *prefix = hex && f->alternate && value != 0 ? (f->kind == 'x' ? "0x" : "0X") : "";
    put_integer(s, f, prefix, value, hex ? 16 : f->kind == 'o' ? 8 : 10);
}

static void put_pointer(sink *s, spec *f, arguments *a) {
    const void *pointer = va_arg(a->list, void *);
    if (!pointer) {
        f->zeros = false;
        put_padded(s, f, "", "(nil)", 5);
        return;
    }
    put_integer(s, f, "0x", (uint64_t)(uintptr_t)pointer, 16);
}

/* --- text --- */

static void put_text(sink *s, spec *f, arguments *a) {
    const char *text = va_arg(a->list, const char *);
    if (!text) {
        text = "(null)";
    }
    size_t length = 0;
    size_t most = precision_or(f, SIZE_MAX);
    while (length < most && text[length] != '\0') {
        length++;
    }
    f->zeros = false;
    put_padded(s, f, "", text, length);
}

static void put_character(sink *s, spec *f, arguments *a) {
    char c = (char)va_arg(a->list, int);
    f->zeros = false;
    put_padded(s, f, "", &c, 1);
}

/* --- floating point --- */

/* A piece of a number: `count` digits of d from position `from` on, zeros outside of what d holds. */
static void put_digits(sink *s, const decimal *d, int from, size_t count) {
    while (count > 0 && from < 0) {
        put(s, "0", 1);
        from++;
        count--;
    }
    size_t there = from < d->count ? (size_t)(d->count - from) : 0;
    if (there > count) {
        there = count;
    }
    put(s, d->digits + from, there);
    put_repeated(s, '0', count - there);
}

static void put_fixed(sink *s, spec *f, const char *sign, const decimal *d, size_t decimals) {
    size_t whole = d->point > 0 ? (size_t)d->point : 1;
    bool point = decimals > 0 || f->alternate;
    size_t total = strlen(sign) + whole + point + decimals;
    size_t padding = f->width > total ? f->width - total : 0;
    if (!f->left && !f->zeros) {
        put_repeated(s, ' ', padding);
    }
    put(s, sign, strlen(sign));
    if (!f->left && f->zeros) {
        put_repeated(s, '0', padding);
    }
    if (d->point > 0) {
        put_digits(s, d, 0, whole);
    } else {
        put(s, "0", 1);
    }
    put(s, ".", point);
    size_t zeros = d->point < 0 ? (size_t)-d->point : 0;
    zeros = zeros < decimals ? zeros : decimals;
    put_repeated(s, '0', zeros);
    put_digits(s, d, d->point > 0 ? d->point : 0, decimals - zeros);
    if (f->left) {
        put_repeated(s, ' ', padding);
    }
}

static void put_exponential(sink *s, spec *f, const char *sign, const decimal *d, size_t decimals) {
    int exponent = d->count > 0 ? d->point - 1 : 0;
    char tail[8];
    char *end = tail + sizeof tail;
    unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
    char *start = digits_before(end, magnitude, 10, false);
    while (end - start < 2) {
        *--start = '0';
    }
    *--start = exponent < 0 ? '-' : '+';
    *--start = f->kind == 'E' || f->kind == 'G' ? 'E' : 'e';
    bool point = decimals > 0 || f->alternate;
    size_t total = strlen(sign) + 1 + point + decimals + (size_t)(end - start);
    size_t padding = f->width > total ? f->width - total : 0;
    if (!f->left && !f->zeros) {
        put_repeated(s, ' ', padding);
    }
    put(s, sign, strlen(sign));
    if (!f->left && f->zeros) {
        put_repeated(s, '0', padding);
    }
    put_digits(s, d, 0, 1);
    put(s, ".", point);
    put_digits(s, d, 1, decimals);
    put(s, start, (size_t)(end - start));
    if (f->left) {
        put_repeated(s, ' ', padding);
    }
}

static int general_precision(const spec *f) {
    return f->precision < 0 ? 6 : f->precision == 0 ? 1 : f->precision;
}

/* d: rounded to that precision. */
static void put_general(sink *s, spec *f, const char *sign, const decimal *d) {
    int precision = general_precision(f);
    int exponent = d->count > 0 ? d->point - 1 : 0;
    int digits = f->alternate ? precision : d->count > 0 ? d->count : 1;
    if (exponent < -4 || exponent >= precision) {
        put_exponential(s, f, sign, d, (size_t)(digits - 1));
    } else {
        put_fixed(s, f, sign, d, digits - 1 - exponent > 0 ? (size_t)(digits - 1 - exponent) : 0);
    }
}

/* Digits beyond this are all zeros for every double. */
static int bounded(size_t precision) {
    return precision < 2000 ? (int)precision : 2000;
}

static double next_double(const spec *f, arguments *a) {
#ifndef __wasm__ /* there a long double has 128 bits, in software that we do not have */
    if (f->size == 'L') {
        return (double)va_arg(a->list, long double);
    }
#endif
    (void)f;
    return va_arg(a->list, double);
}

static void put_float(sink *s, spec *f, arguments *a) {
    double value = next_double(f, a);
    const char *sign = sign_prefix(f, __builtin_signbit(value) != 0);
    bool upper = f->kind < 'a';
    if (value != value || value - value != 0) {
        const char *text = value != value ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf");
        f->zeros = false;
        put_padded(s, f, sign, text, 3);
        return;
    }
    decimal d;
    bool general = f->kind == 'g' || f->kind == 'G';
    if (!general || !decimal_expand_short(value, general_precision(f), &d)) {
        decimal_expand(value, &d);
    }
    size_t precision = precision_or(f, 6);
    switch (f->kind) {
    case 'f':
    case 'F':
        decimal_round(&d, d.point + bounded(precision));
        put_fixed(s, f, sign, &d, precision);
        break;
    case 'e':
    case 'E':
        decimal_round(&d, 1 + bounded(precision));
        put_exponential(s, f, sign, &d, precision);
        break;
    default:
        decimal_round(&d, general_precision(f));
        put_general(s, f, sign, &d);
    }
}

/* --- the format string --- */

static const char *read_flags(const char *p, spec *f) {
    for (;; p++) {
        switch (*p) {
        case '-':
            f->left = true;
            break;
        case '+':
            f->plus = true;
            break;
        case ' ':
            f->space = true;
            break;
        case '#':
            f->alternate = true;
            break;
        case '0':
            f->zeros = true;
            break;
        default:
            return p;
        }
    }
}

static const char *read_number(const char *p, int *out) {
    int value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (value < INT_MAX / 10 - 1) {
            value = value * 10 + (*p - '0');
        }
    }
    *out = value;
    return p;
}

static const char *read_width(const char *p, spec *f, arguments *a) {
    int width;
    if (*p == '*') {
        width = va_arg(a->list, int);
        p++;
    } else {
        p = read_number(p, &width);
    }
    f->left = f->left || width < 0;
    f->width = width < 0 ? 0 - (size_t)width : (size_t)width;
    return p;
}

static const char *read_precision(const char *p, spec *f, arguments *a) {
    if (*p != '.') {
        return p;
    }
    p++;
    if (*p == '*') {
        f->precision = va_arg(a->list, int);
        return p + 1;
    }
    return read_number(p, &f->precision);
}

static const char *read_size(const char *p, spec *f) {
    if (p[0] == 'h' && p[1] == 'h') {
        f->size = 'H';
        return p + 2;
    }
    if (p[0] == 'l' && p[1] == 'l') {
        f->size = 'q';
        return p + 2;
    }
    if (*p != '\0' && strchr("hlzjtL", *p)) {
        f->size = *p;
        return p + 1;
    }
    return p;
}

static bool convert(sink *s, spec *f, arguments *a) {
    switch (f->kind) {
    case 'd':
    case 'i':
        put_signed(s, f, a);
        return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        put_unsigned(s, f, a);
        return true;
    case 'c':
        put_character(s, f, a);
        return true;
    case 's':
        put_text(s, f, a);
        return true;
    case 'p':
        put_pointer(s, f, a);
        return true;
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
        put_float(s, f, a);
        return true;
    case '%':
        put(s, "%", 1);
        return true;
    default:
        return false;
    }
}

static const char *put_conversion(sink *s, const char *percent, arguments *a) {
    spec f = {.precision = -1};
    const char *p = read_flags(percent + 1, &f);
    p = read_width(p, &f, a);
    p = read_precision(p, &f, a);
    p = read_size(p, &f);
    f.kind = *p;
    if (f.kind == '\0' || !convert(s, &f, a)) {
        put(s, percent, (size_t)(p - percent));
        return p;
    }
    return p + 1;
}

int str_formatv(char *buffer, size_t size, const char *format, va_list list) {
    sink s = {buffer, size > 0 ? size - 1 : 0, 0};
    arguments a;
    va_copy(a.list, list);
    const char *p = format;
    while (*p != '\0') {
        const char *percent = strchr(p, '%');
        if (!percent) {
            put(&s, p, strlen(p));
            break;
        }
        put(&s, p, (size_t)(percent - p));
        p = put_conversion(&s, percent, &a);
    }
    va_end(a.list);
    if (size > 0) {
        buffer[s.length < s.size ? s.length : s.size] = '\0';
    }
    return s.length > INT_MAX ? -1 : (int)s.length;
}

int str_format(char *buffer, size_t size, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int length = str_formatv(buffer, size, format, list);
    va_end(list);
    return length;
}
