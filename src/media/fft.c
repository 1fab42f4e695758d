/* Stockham's self-sorting transform with mixed radices: each stage takes one factor r, turns r numbers that are m apart
 * into r neighbours, and multiplies them with roots of unity. Radix 4 and 2 are written out; odd ones use that cosines and
 * sines of j and r - j agree but for a sign. An even length is done as complex numbers of half that length. */
#include "media/fft.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

enum { MAX_STAGES = 17 };

typedef struct stage {
    size_t radix, rest;      /* rest: the length left after it */
    complex_number *twiddle; /* [rest][radix - 1] */
    complex_number *root;    /* [radix]: of the butterfly itself; NULL for 2 and 4 */
} stage;

struct media_fft {
    size_t length, half; /* half: of the complex transform */
    bool even;
    size_t stage_count;
    stage stages[MAX_STAGES];
    complex_number *unpack; /* [half + 1]: roots that part an even length's two halves */
    complex_number *a, *b;  /* [half] */
    complex_number *sums;   /* [largest radix] */
    complex_number *memory; /* all of the above */
};

static complex_number root_of_unity(size_t k, size_t n) {
    double angle = -2 * M_PI * (double)(k % n) / (double)n;
    return (complex_number){cos(angle), sin(angle)};
}

static complex_number times(complex_number a, complex_number b) {
    return (complex_number){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static complex_number plus(complex_number a, complex_number b) {
    return (complex_number){a.re + b.re, a.im + b.im};
}

static complex_number minus(complex_number a, complex_number b) {
    return (complex_number){a.re - b.re, a.im - b.im};
}

/* ---- the plan ----------------------------------------------------------------------------------------- */

static size_t next_radix(size_t n) {
    if (n % 4 == 0)
        return 4;
    for (size_t r = 2; r * r <= n; r++)
        if (n % r == 0)
            return r;
    return n;
}

/* Fills radices and says how many numbers the roots need. */
static size_t split(media_fft *f, size_t *largest) {
    size_t need = 0;
    *largest = 1;
    for (size_t n = f->half; n > 1;) {
        stage *s = &f->stages[f->stage_count++];
        s->radix = next_radix(n);
        n = s->rest = n / s->radix;
        need += s->rest * (s->radix - 1) + s->radix;
        *largest = s->radix > *largest ? s->radix : *largest;
    }
    return need;
}

static complex_number *fill_stage(stage *s, complex_number *next) {
    s->twiddle = next;
    for (size_t p = 0; p < s->rest; p++)
        for (size_t j = 1; j < s->radix; j++)
            *next++ = root_of_unity(p * j, s->rest * s->radix);
    s->root = next;
    for (size_t j = 0; j < s->radix; j++)
        *next++ = root_of_unity(j, s->radix);
    return next;
}

accel_status media_fft_create(size_t length, media_fft **out, accel_error *err) {
    if (length < 1 || length > MEDIA_FFT_MAX_LENGTH)
        return error_set(err, ACCEL_LIMIT, "a Fourier transform of length %zu: 1 to %d are possible", length,
                         MEDIA_FFT_MAX_LENGTH);
    media_fft *f = mem_calloc(1, sizeof *f);
    if (!f)
        return error_no_memory(err, "a Fourier transform", sizeof *f);
    size_t largest;
    f->length = length;
    f->even = length % 2 == 0;
    f->half = f->even ? length / 2 : length;
    size_t count = split(f, &largest) + 3 * f->half + 1 + largest;
    complex_number *next = f->memory = mem_calloc(count, sizeof *next);
    if (!next) {
        mem_free(f);
        return error_no_memory(err, "a Fourier transform", count * sizeof *next);
    }
    for (size_t i = 0; i < f->stage_count; i++)
        next = fill_stage(&f->stages[i], next);
    f->unpack = next;
    for (size_t k = 0; k <= f->half; k++)
        *next++ = root_of_unity(k, length);
    f->a = next;
    f->b = f->a + f->half;
    f->sums = f->b + f->half;
    *out = f;
    return ACCEL_OK;
}

void media_fft_destroy(media_fft *f) {
    if (!f)
        return;
    mem_free(f->memory);
    mem_free(f);
}

/* ---- stages: x[q + done * (p + k m)] to y[q + done * (r p + j)] ----------------------------------------- */

static void radix2(const stage *s, size_t done, const complex_number *x, complex_number *y) {
    size_t m = s->rest;
    for (size_t p = 0; p < m; p++) {
        complex_number w = s->twiddle[p];
        for (size_t q = 0; q < done; q++) {
            complex_number a = x[q + done * p], b = x[q + done * (p + m)];
            y[q + done * 2 * p] = plus(a, b);
            y[q + done * (2 * p + 1)] = times(minus(a, b), w);
        }
    }
}

static void radix4(const stage *s, size_t done, const complex_number *x, complex_number *y) {
    size_t m = s->rest;
    for (size_t p = 0; p < m; p++) {
        const complex_number *w = s->twiddle + 3 * p;
        for (size_t q = 0; q < done; q++) {
            const complex_number *in = x + q + done * p;
            complex_number *to = y + q + done * 4 * p;
            complex_number even = plus(in[0], in[2 * done * m]), odd = plus(in[done * m], in[3 * done * m]);
            complex_number a = minus(in[0], in[2 * done * m]), b = minus(in[done * m], in[3 * done * m]);
            to[0] = plus(even, odd);
            to[done] = times((complex_number){a.re + b.im, a.im - b.re}, w[0]);
            to[2 * done] = times(minus(even, odd), w[1]);
            to[3 * done] = times((complex_number){a.re - b.im, a.im + b.re}, w[2]);
        }
    }
}

/* One odd butterfly: in[k * step], k < r, to out[j * apart]. sums: room for r numbers. */
static void odd_butterfly(const stage *s, const complex_number *in, size_t step, const complex_number *w,
                          complex_number *out, size_t apart, complex_number *sums) {
    size_t r = s->radix, pairs = r / 2;
    complex_number all = in[0];
    for (size_t k = 1; k <= pairs; k++) {
        sums[k] = plus(in[k * step], in[(r - k) * step]);
        sums[r - k] = minus(in[k * step], in[(r - k) * step]);
        all = plus(all, sums[k]);
    }
    out[0] = all;
    for (size_t j = 1; j <= pairs; j++) {
        complex_number even = in[0], odd = {0, 0};
        for (size_t k = 1, at = j; k <= pairs; k++, at = at + j < r ? at + j : at + j - r) {
            even.re += sums[k].re * s->root[at].re;
            even.im += sums[k].im * s->root[at].re;
            odd.re -= sums[r - k].im * s->root[at].im;
            odd.im += sums[r - k].re * s->root[at].im;
        }
        out[j * apart] = times(plus(even, odd), w[j - 1]);
        out[(r - j) * apart] = times(minus(even, odd), w[r - j - 1]);
    }
}

static void radix_odd(const stage *s, size_t done, const complex_number *x, complex_number *y,
                      complex_number *sums) {
    size_t r = s->radix, m = s->rest;
    for (size_t p = 0; p < m; p++)
        for (size_t q = 0; q < done; q++)
            odd_butterfly(s, x + q + done * p, done * m, s->twiddle + (r - 1) * p, y + q + done * r * p, done,
                          sums);
}

/* Transforms f->a; gives where the result is. */
static const complex_number *transform(media_fft *f) {
    complex_number *x = f->a, *y = f->b;
    size_t done = 1;
    for (size_t i = 0; i < f->stage_count; i++) {
        const stage *s = &f->stages[i];
        if (s->radix == 4)
            radix4(s, done, x, y);
        else if (s->radix == 2)
            radix2(s, done, x, y);
        else
            radix_odd(s, done, x, y, f->sums);
        done *= s->radix;
        complex_number *swap = x;
        x = y;
        y = swap;
    }
    return x;
}

void media_fft_real(media_fft *f, const double *in, complex_number *out) {
    size_t n = f->half;
    if (!f->even) {
        for (size_t i = 0; i < n; i++)
            f->a[i] = (complex_number){in[i], 0};
        memcpy(out, transform(f), (n / 2 + 1) * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i++)
        f->a[i] = (complex_number){in[2 * i], in[2 * i + 1]};
    const complex_number *z = transform(f);
    for (size_t k = 0; k <= n; k++) {
        complex_number a = z[k < n ? k : 0], b = z[k > 0 ? n - k : 0];
        complex_number even = {(a.re + b.re) / 2, (a.im - b.im) / 2},
                       odd = {(a.im + b.im) / 2, (b.re - a.re) / 2};
        out[k] = plus(even, times(odd, f->unpack[k]));
    }
}

void media_dft_real(size_t length, const double *in, complex_number *out) {
    for (size_t k = 0; k <= length / 2; k++) {
        out[k] = (complex_number){0, 0};
        for (size_t n = 0; n < length; n++) {
            complex_number w = root_of_unity(k * n, length);
            out[k].re += in[n] * w.re;
            out[k].im += in[n] * w.im;
        }
    }
}
