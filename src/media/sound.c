#include "media/audio.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

accel_status media_sound_create(int64_t frames, int64_t channels, int64_t rate, media_sound *out,
                                accel_error *err) {
    if (frames < 1 || channels < 1)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "a sound of %lld frames and %lld channels has nothing in it", (long long)frames,
                         (long long)channels);
    if (channels > MEDIA_MAX_CHANNELS || frames > MEDIA_MAX_SAMPLES / channels)
        return error_set(
            err, ACCEL_LIMIT,
            "a sound of %lld frames and %lld channels is above the limit of %d samples, or of %d channels",
            (long long)frames, (long long)channels, MEDIA_MAX_SAMPLES, MEDIA_MAX_CHANNELS);
    if (rate < MEDIA_MIN_RATE || rate > MEDIA_MAX_RATE)
        return error_set(err, ACCEL_LIMIT, "a sound of %lld Hz is outside the limits of %d to %d Hz",
                         (long long)rate, MEDIA_MIN_RATE, MEDIA_MAX_RATE);
    size_t count = (size_t)(frames * channels);
    float *samples = mem_calloc(count, sizeof *samples);
    if (!samples)
        return error_no_memory(err, "a sound", count * sizeof *samples);
    *out = (media_sound){frames, channels, rate, samples};
    return ACCEL_OK;
}

void media_sound_free(media_sound *s) {
    mem_free(s->samples);
    *s = (media_sound){0};
}

accel_status media_sound_mono(const media_sound *in, media_sound *out, accel_error *err) {
    media_sound made;
    ACCEL_TRY(media_sound_create(in->frames, 1, in->rate, &made, err));
    for (int64_t i = 0; i < in->frames; i++) {
        double sum = 0;
        for (int64_t c = 0; c < in->channels; c++)
            sum += (double)in->samples[i * in->channels + c];
        made.samples[i] = (float)(sum / (double)in->channels);
    }
    *out = made;
    return ACCEL_OK;
}

/* ---- resampling --------------------------------------------------------------------------------------- */

enum {
    CROSSINGS = 32,
    STEPS = 1024
}; /* steps of the table between two zero crossings: interpolation errs by 1e-6 */

static const double BETA = 8, CUT_OFF = 0.94;

/* The modified Bessel function of the first kind, order 0, by its series. */
static double bessel_i0(double x) {
    double sum = 1, term = 1;
    for (int k = 1; term > 1e-17 * sum; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/* One side of the filter; table[STEPS * crossing]. */
static void make_table(double *table) {
    for (int i = 0; i <= CROSSINGS * STEPS; i++) {
        double x = (double)i / (double)STEPS, share = x / (double)CROSSINGS;
        double sinc = i == 0 ? 1 : sin(M_PI * x) / (M_PI * x);
        table[i] = sinc * bessel_i0(BETA * sqrt(1 - share * share)) / bessel_i0(BETA);
    }
    table[CROSSINGS * STEPS + 1] = 0; /* interpolation reads one further */
}

/* What the filter weighs input frame k with, seen from a place x input frames away from it. */
static double weight_at(const double *table, double x, double scale) {
    double at = fabs(x) * scale * (double)STEPS;
    int64_t index = (int64_t)fmin(at, (double)(CROSSINGS * STEPS));
    return scale * (table[index] + (at - (double)index) * (table[index + 1] - table[index]));
}

/* Sum of count products, in four sums so that one addition need not wait for the last. */
static double weigh(const float *samples, const double *weights, int64_t count) {
    double sums[4] = {0};
    int64_t k = 0;
    for (; k + 4 <= count; k += 4)
        for (int lane = 0; lane < 4; lane++)
            sums[lane] += (double)samples[k + lane] * weights[k + lane];
    for (; k < count; k++)
        sums[0] += (double)samples[k] * weights[k];
    return sums[0] + sums[1] + (sums[2] + sums[3]);
}

/* Outputs up apart lie at the same place between two inputs, and so have the same weights: one such phase after the other. */
static void resample(const media_sound *in, int64_t up, int64_t down, const double *table, double scale,
                     double *weights, media_sound *out) {
    int64_t reach = (int64_t)((double)CROSSINGS / scale) + 1, taps = 2 * reach;
    for (int64_t phase = 0; phase < up && phase < out->frames; phase++) {
        double part = (double)(phase * down % up) / (double)up;
        for (int64_t k = 0; k < taps; k++)
            weights[k] = weight_at(table, (double)(k - reach + 1) - part, scale);
        for (int64_t i = phase; i < out->frames; i += up) {
            int64_t first = i * down / up - reach + 1, skip = first < 0 ? -first : 0;
            int64_t count = first + taps > in->frames ? in->frames - first : taps;
            out->samples[i] = (float)weigh(in->samples + first + skip, weights + skip, count - skip);
        }
    }
}

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

accel_status media_sound_resample(const media_sound *in, int64_t rate, media_sound *out, accel_error *err) {
    int64_t divisor = common_divisor(in->rate, rate), up = rate / divisor, down = in->rate / divisor;
    media_sound made;
    ACCEL_TRY(media_sound_create((in->frames * up + down - 1) / down, 1, rate, &made, err));
    if (up == down) {
        memcpy(made.samples, in->samples, (size_t)in->frames * sizeof *made.samples);
        *out = made;
        return ACCEL_OK;
    }
    double scale = CUT_OFF * fmin(1, (double)up / (double)down);
    size_t table_count = CROSSINGS * STEPS + 2, weight_count = 2 * ((size_t)((double)CROSSINGS / scale) + 1);
    double *table = mem_alloc((table_count + weight_count) * sizeof *table);
    if (!table) {
        media_sound_free(&made);
        return error_no_memory(err, "a resampling filter", (table_count + weight_count) * sizeof *table);
    }
    make_table(table);
    resample(in, up, down, table, scale, table + table_count, &made);
    mem_free(table);
    *out = made;
    return ACCEL_OK;
}
