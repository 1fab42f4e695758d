/* Both directions compute with whole numbers of as many bits as it takes. It is slower than the table methods (Ryu,
 * Eisel-Lemire) but short enough to be seen right, and the common short numbers take a fast path when read. */
#include "base/decimal.h"

#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The fast path relies on one rounding per operation. */
_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1, "doubles must be computed as doubles");

enum {
    MANTISSA_BITS = 52,
    EXPONENT_BIAS = 1075,   /* value = mantissa × 2^(field - bias), mantissa with its hidden bit */
    GROUP = 1000000000,     /* nine decimal digits at a time */
    BIG_WORDS = 160,        /* 5120 bits: 10^1200, the largest divisor below, has 3987 */
    PARSE_DIGITS = 800,     /* digits beyond these can only matter as "something follows" */
    EXPONENT_LIMIT = 100000 /* enough to saturate, small enough not to overflow an int */
};

/* --- whole numbers, little end first, no leading zero words --- */

typedef struct big {
    int count;
    uint32_t words[BIG_WORDS];
} big;

static void big_trim(big *b) {
    while (b->count > 0 && b->words[b->count - 1] == 0) {
        b->count--;
    }
}

static void big_from(big *b, uint64_t value) {
    b->words[0] = (uint32_t)value;
    b->words[1] = (uint32_t)(value >> 32);
    b->count = 2;
    big_trim(b);
}

static void big_multiply_add(big *b, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (int i = 0; i < b->count; i++) {
        carry += (uint64_t)b->words[i] * factor;
        b->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        b->words[b->count++] = (uint32_t)carry;
    }
}

static uint32_t big_divide(big *b, uint32_t divisor) {
    uint64_t rest = 0;
    for (int i = b->count - 1; i >= 0; i--) {
        rest = rest << 32 | b->words[i];
        b->words[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    big_trim(b);
    return (uint32_t)rest;
}

static void big_shift_left(big *b, int bits) {
    int words = bits / 32;
    int rest = bits % 32;
    if (b->count == 0) {
        return;
    }
    b->words[b->count] = 0;
    for (int i = b->count; i >= 0; i--) {
        uint64_t pair = (uint64_t)b->words[i] << 32 | (i > 0 ? b->words[i - 1] : 0);
        b->words[i + words] = (uint32_t)(pair << rest >> 32);
    }
    memset(b->words, 0, (size_t)words * sizeof b->words[0]);
    b->count += words + 1;
    big_trim(b);
}

static void big_times_power_of_ten(big *b, int power) {
    for (; power >= 9; power -= 9) {
        big_multiply_add(b, GROUP, 0);
    }
    for (; power > 0; power--) {
        big_multiply_add(b, 10, 0);
    }
}

static int big_compare(const big *a, const big *b) {
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (int i = a->count - 1; i >= 0; i--) {
        if (a->words[i] != b->words[i]) {
            return a->words[i] < b->words[i] ? -1 : 1;
        }
    }
    return 0;
}

static void big_subtract(big *a, const big *b) { /* a >= b */
    int64_t borrow = 0;
    for (int i = 0; i < a->count; i++) {
        int64_t word = (int64_t)a->words[i] - (i < b->count ? (int64_t)b->words[i] : 0) + borrow;
        a->words[i] = (uint32_t)word;
        borrow = word < 0 ? -1 : 0;
    }
    big_trim(a);
}

static int big_bits(const big *b) {
    return b->count == 0 ? 0 : b->count * 32 - __builtin_clz(b->words[b->count - 1]);
}

/* --- binary to decimal --- */

static void append_group(decimal *d, uint32_t group) {
    char digits[9];
    for (int i = 8; i >= 0; i--) {
        digits[i] = (char)('0' + group % 10);
        group /= 10;
    }
    int skip = 0;
    if (d->count == 0) {
        while (skip < 9 && digits[skip] == '0') {
            skip++;
        }
    }
    memcpy(d->digits + d->count, digits + skip, (size_t)(9 - skip));
    d->count += 9 - skip;
}

static void expand_whole(big *whole, decimal *d) {
    uint32_t groups[40];
    int count = 0;
    while (whole->count > 0) {
        groups[count++] = big_divide(whole, GROUP);
    }
    while (count > 0) {
        append_group(d, groups[--count]);
    }
    d->point = d->count;
}

/* fraction / 2^(32 × words): each multiplication by 10^9 moves nine digits above the point. */
static void expand_fraction(big *fraction, int words, decimal *d) {
    while (fraction->count > 0) {
        big_multiply_add(fraction, GROUP, 0);
        uint32_t group = 0;
        if (fraction->count > words) {
            group = fraction->words[words];
            fraction->count = words;
            big_trim(fraction);
        }
        int before = d->count;
        append_group(d, group);
        if (before == 0) {
            d->point -= 9 - d->count; /* leading zeros of the fraction */
        }
    }
}

static void drop_trailing_zeros(decimal *d) {
    while (d->count > 0 && d->digits[d->count - 1] == '0') {
        d->count--;
    }
    if (d->count == 0) {
        d->point = 0;
    }
}

void decimal_expand(double value, decimal *out) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t mantissa = bits & (((uint64_t)1 << MANTISSA_BITS) - 1);
    int field = (int)(bits >> MANTISSA_BITS & 0x7FF);
    if (field > 0) {
        mantissa |= (uint64_t)1 << MANTISSA_BITS;
    }
    int exponent = (field > 0 ? field : 1) - EXPONENT_BIAS;
    out->count = 0;
    out->point = 0;
    big number;
    if (exponent >= 0) {
        big_from(&number, mantissa);
        big_shift_left(&number, exponent);
        expand_whole(&number, out);
    } else {
        int fraction_bits = -exponent;
        uint64_t whole = fraction_bits < 64 ? mantissa >> fraction_bits : 0;
        big_from(&number, whole);
        expand_whole(&number, out);
        int words = (fraction_bits + 31) / 32;
        big_from(&number, fraction_bits < 64 ? mantissa - (whole << fraction_bits) : mantissa);
        big_shift_left(&number, words * 32 - fraction_bits);
        expand_fraction(&number, words, out);
    }
    drop_trailing_zeros(out);
}

static bool rounds_up(const decimal *d, int keep) {
    if (keep < 0 || keep >= d->count || d->digits[keep] < '5') {
        return false;
    }
    if (d->digits[keep] > '5' ||
        keep + 1 < d->count) { /* no trailing zeros: what follows is more than nothing */
        return true;
    }
    return keep > 0 && (d->digits[keep - 1] - '0') % 2 == 1;
}

void decimal_round(decimal *d, int keep) {
    if (keep >= d->count) {
        return;
    }
    bool up = rounds_up(d, keep);
    d->count = keep > 0 ? keep : 0;
    while (up && d->count > 0 && d->digits[d->count - 1] == '9') {
        d->count--;
    }
    if (up && d->count == 0) {
        d->digits[0] = '1';
        d->count = 1;
        d->point++;
    } else if (up) {
        d->digits[d->count - 1]++;
    }
    drop_trailing_zeros(d);
}

/* One product with an exact power of ten is off by 2^-53 of its size, so below 1e11 by less than 1e-4: unless a tie is that near, the nearest
 * whole number of the product is that of the exact one. */
bool decimal_expand_short(double value, int keep, decimal *out) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const double near_tie = 1e-3;
    double size = value < 0 ? -value : value;
    if (keep < 1 || keep > 11 || !(size >= 1e-11 && size < 1e22)) {
        return false;
    }
    int point = -10; /* size < 10^point */
    for (; point <= 0 ? size * powers[-point] >= 1 : size >= powers[point]; point++) {
    }
    int shift = keep - point;
    double scaled = shift >= 0 ? size * powers[shift] : size / powers[-shift];
    uint64_t whole = (uint64_t)scaled;
    double rest = scaled - (double)whole;
    if (scaled < powers[keep - 1] || scaled >= powers[keep] ||
        (rest > 0.5 - near_tie && rest < 0.5 + near_tie)) {
        return false;
    }
    whole += rest > 0.5;
    bool carried = (double)whole == powers[keep];
    out->point = point + carried;
    out->count = carried ? 1 : keep;
    if (carried) {
        out->digits[0] = '1';
        return true;
    }
    for (int i = keep; i-- > 0; whole /= 10) {
        out->digits[i] = (char)('0' + whole % 10);
    }
    drop_trailing_zeros(out);
    return true;
}

/* --- decimal to binary --- */

typedef struct number {
    bool negative;
    bool more;        /* nonzero digits were left out */
    int count;        /* significant digits kept */
    int64_t exponent; /* value = digits × 10^exponent */
    uint64_t small;   /* the digits, while they fit */
    char digits[PARSE_DIGITS];
} number;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void add_digit(number *n, char c, bool after_point) {
    if (n->count == 0 && c == '0') {
        n->exponent -= after_point;
        return;
    }
    if (n->count < PARSE_DIGITS) {
        if (n->count < 19) {
            n->small = n->small * 10 + (uint64_t)(c - '0');
        }
        n->digits[n->count++] = c;
        n->exponent -= after_point;
        return;
    }
    n->more = n->more || c != '0';
    n->exponent += !after_point;
}

static const char *scan_exponent(const char *text, int *exponent) {
    const char *p = text + 1;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+') {
        p++;
    }
    if (!is_digit(*p)) {
        return text; /* "1e" is the number 1 followed by something else */
    }
    int value = 0;
    for (; is_digit(*p); p++) {
        if (value < EXPONENT_LIMIT) {
            value = value * 10 + (*p - '0');
        }
    }
    *exponent = negative ? -value : value;
    return p;
}

static const char *scan_number(const char *text, number *n) {
    const char *p = text;
    n->negative = *p == '-';
    if (*p == '-' || *p == '+') {
        p++;
    }
    bool any = false;
    for (; is_digit(*p); p++) {
        any = true;
        add_digit(n, *p, false);
    }
    if (*p == '.' && (any || is_digit(p[1]))) {
        for (p++; is_digit(*p); p++) {
            any = true;
            add_digit(n, *p, true);
        }
    }
    if (!any) {
        return NULL;
    }
    if (*p == 'e' || *p == 'E') {
        int exponent = 0;
        p = scan_exponent(p, &exponent);
        n->exponent += exponent;
    }
    return p;
}

/* mantissa (64 significant bits, top bit set; `sticky` when something follows) × 2^exponent, rounded half to even. */
static double assemble(uint64_t mantissa, bool sticky, int exponent) {
    int drop = 11;
    if (exponent + 63 < -1022) {
        drop += -1022 - (exponent + 63); /* a subnormal number keeps fewer bits */
    }
    if (drop > 64) {
        return 0.0;
    }
    uint64_t kept = drop < 64 ? mantissa >> drop : 0;
    uint64_t half = (uint64_t)1 << (drop - 1);
    uint64_t rest = drop < 64 ? mantissa & (((uint64_t)1 << drop) - 1) : mantissa;
    if (rest > half || (rest == half && (sticky || (kept & 1)))) {
        kept++;
    }
    int field = exponent + drop + EXPONENT_BIAS;
    if (field >= 0x7FF) {
        return (double)__builtin_inf();
    }
    /* The hidden bit, if there, adds one to the field: that also makes a carry out of the mantissa come out right. */
    uint64_t bits = kept + ((uint64_t)(field - 1) << MANTISSA_BITS);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The first 64 bits of a / b, by long division bit by bit. */
static double divide_to_double(big *a, big *b, bool sticky) {
    int shift = big_bits(a) - big_bits(b);
    if (shift > 0) {
        big_shift_left(b, shift);
    } else {
        big_shift_left(a, -shift);
    }
    int exponent = shift;
    if (big_compare(a, b) < 0) {
        big_shift_left(a, 1);
        exponent--;
    }
    uint64_t quotient = 0;
    for (int i = 0; i < 64; i++) {
        quotient <<= 1;
        if (big_compare(a, b) >= 0) {
            big_subtract(a, b);
            quotient |= 1;
        }
        big_shift_left(a, 1);
    }
    return assemble(quotient, sticky || a->count > 0, exponent - 63);
}

static double convert_exactly(const number *n) {
    big above;
    big below;
    big_from(&above, 0);
    for (int i = 0; i < n->count; i++) {
        big_multiply_add(&above, 10, (uint32_t)(n->digits[i] - '0'));
    }
    big_from(&below, 1);
    if (n->exponent > 0) {
        big_times_power_of_ten(&above, (int)n->exponent);
    } else {
        big_times_power_of_ten(&below, (int)-n->exponent);
    }
    return divide_to_double(&above, &below, n->more);
}

static double convert(const number *n) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (n->count == 0) {
        return 0.0;
    }
    /* Both operands are exact, so the one rounding of the operation is the only one (Clinger 1990). */
    if (n->count <= 15 && n->exponent >= -22 && n->exponent <= 22) {
        return n->exponent < 0 ? (double)n->small / powers[-n->exponent]
                               : (double)n->small * powers[n->exponent];
    }
    int64_t magnitude = n->count + n->exponent; /* value < 10^magnitude */
    if (magnitude > 310) {
        return (double)__builtin_inf();
    }
    if (magnitude < -330) {
        return 0.0;
    }
    return convert_exactly(n);
}

const char *decimal_parse(const char *text, double *out) {
    number n;
    n.negative = false;
    n.more = false;
    n.count = 0;
    n.exponent = 0;
    n.small = 0;
    const char *end = scan_number(text, &n);
    if (end) {
        double value = convert(&n);
        *out = n.negative ? -value : value;
    }
    return end;
}
