/* Exact conversion between binary and decimal floating point, the same on every platform and in every locale. Private
 * to base/: str.h is the way to it. */
#ifndef ACCEL_BASE_DECIMAL_H
#define ACCEL_BASE_DECIMAL_H

#include <stdbool.h>

enum { DECIMAL_DIGITS = 800 }; /* a double has at most 767 significant digits; whole groups of 9 are stored */

/* The value 0.d1d2d3… × 10^point; zero has no digits. No leading zeros. */
typedef struct decimal {
    int point;
    int count;
    char digits[DECIMAL_DIGITS]; /* '0' to '9' */
} decimal;

/* The exact expansion of |value|, which must be finite. */
void decimal_expand(double value, decimal *out);
/* Rounds half to even, keeping `keep` digits (may be negative: then the result is zero) and drops trailing zeros. */
void decimal_round(decimal *d, int keep);

/* The same as both for a `keep` of 1 to 11, many times as fast: false where it cannot tell (a tie is near, a very large or small value). */
bool decimal_expand_short(double value, int keep, decimal *out);

/* Reads [sign] digits [. digits] [e [sign] digits], correctly rounded. Returns the first character that is not part of it,
 * or NULL when there is no number. Too large a number gives infinity. */
const char *decimal_parse(const char *text, double *out);

#endif
