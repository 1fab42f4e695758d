/* The discrete Fourier transform of real numbers, of any length. */
#ifndef ACCEL_MEDIA_FFT_H
#define ACCEL_MEDIA_FFT_H

#include <stddef.h>

#include "base/error.h"

typedef struct complex_number {
    double re, im;
} complex_number;

/* A length's factors and roots of unity, and room to work in: one thread at a time. */
typedef struct media_fft media_fft;

enum { MEDIA_FFT_MAX_LENGTH = 1 << 16 };

/* length: 1 to MEDIA_FFT_MAX_LENGTH. Lengths of small prime factors are fast; a prime p costs p multiplications a number. */
accel_status media_fft_create(size_t length, media_fft **out, accel_error *err);
void media_fft_destroy(media_fft *f); /* accepts NULL */

/* out[k] = sum over n of in[n] exp(-2 pi i k n / length), for k = 0 … length / 2. */
void media_fft_real(media_fft *f, const double *in, complex_number *out);
/* The same by its definition: the test of the above. */
void media_dft_real(size_t length, const double *in, complex_number *out);

#endif
