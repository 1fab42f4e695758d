/* Mel filter banks, as transformers.audio_utils.mel_filter_bank makes them (which follows librosa and torchaudio). */
#ifndef ACCEL_MEDIA_MEL_H
#define ACCEL_MEDIA_MEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A triangle touches few frequencies: `count` of them from `first`, weights[at …]. */
typedef struct mel_filter {
    size_t first, count, at;
} mel_filter;

typedef struct mel_bank {
    size_t count;
    mel_filter *filters;
    double *weights;
} mel_bank;

/* Slaney's scale (linear below 1000 Hz, logarithmic above) and area norm. bins = fft length / 2 + 1, rate and
 * frequencies in Hz. */
accel_status mel_bank_make(size_t bins, size_t count, double low, double high, int64_t rate, mel_bank *out,
                           accel_error *err);
void mel_bank_free(mel_bank *b); /* leaves it zero; accepts a zero one */
/* The weighted sum of a power spectrum. */
double mel_bank_apply(const mel_bank *b, size_t filter, const double *power);

#endif
