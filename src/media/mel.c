#include "media/mel.h"

#include <math.h>

#include "base/mem.h"

/* Slaney's Auditory Toolbox: 3 mel are 200 Hz up to 1000 Hz, then 27 mel are a factor of 6.4. */
static const double KNEE_HZ = 1000, KNEE_MEL = 15, STEP_MEL = 27, STEP_FACTOR = 6.4;

static double hertz_to_mel(double hertz) {
    return hertz >= KNEE_HZ ? KNEE_MEL + log(hertz / KNEE_HZ) * (STEP_MEL / log(STEP_FACTOR))
                            : 3.0 * hertz / 200.0;
}

static double mel_to_hertz(double mel) {
    return mel >= KNEE_MEL ? KNEE_HZ * exp(log(STEP_FACTOR) / STEP_MEL * (mel - KNEE_MEL))
                           : 200.0 * mel / 3.0;
}

/* What a triangle from left over middle to right gives frequency f. */
static double triangle_at(double f, double left, double middle, double right) {
    double rising = (f - left) / (middle - left), falling = (right - f) / (right - middle);
    return fmax(0, fmin(rising, falling));
}

accel_status mel_bank_make(size_t bins, size_t count, double low, double high, int64_t rate, mel_bank *out,
                           accel_error *err) {
    mel_bank b = {.count = count,
                  .filters = mem_calloc(count, sizeof *b.filters),
                  .weights = mem_calloc(count * bins, sizeof *b.weights)};
    if (!b.filters || !b.weights) {
        mel_bank_free(&b);
        return error_no_memory(err, "a mel filter bank", count * bins * sizeof *b.weights);
    }
    double first = hertz_to_mel(low), step = (hertz_to_mel(high) - first) / (double)(count + 1);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        double left = mel_to_hertz(first + step * (double)i),
               right = mel_to_hertz(first + step * (double)(i + 2));
        double middle = mel_to_hertz(first + step * (double)(i + 1)), area = 2.0 / (right - left);
        mel_filter *f = &b.filters[i];
        f->at = used;
        for (size_t k = 0; k < bins; k++) {
            double weight =
                triangle_at((double)k * (double)(rate / 2) / (double)(bins - 1), left, middle, right);
            if (!(weight > 0))
                continue;
            f->first = f->count == 0 ? k : f->first;
            f->count++;
            b.weights[used++] = weight * area;
        }
    }
    *out = b;
    return ACCEL_OK;
}

void mel_bank_free(mel_bank *b) {
    mem_free(b->filters);
    mem_free(b->weights);
    *b = (mel_bank){0};
}

double mel_bank_apply(const mel_bank *b, size_t filter, const double *power) {
    const mel_filter *f = &b->filters[filter];
    double sum = 0;
    for (size_t k = 0; k < f->count; k++)
        sum += b->weights[f->at + k] * power[f->first + k];
    return sum;
}
