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
        double x = (double)i / STEPS, share = x / CROSSINGS;
        double sinc = i == 0 ? 1 : sin(M_PI * x) / (M_PI * x);
        table[i] = sinc * bessel_i0(BETA * sqrt(1 - share * share)) / bessel_i0(BETA);
    }
    table[CROSSINGS * STEPS + 1] = 0; /* interpolation reads one further */
}

/* The output at input position whole + part; width: the filter's reach in input frames; scale: crossings a frame. */
static double filtered(const media_sound *in, const double *table, int64_t whole, double part, double scale) {
    double reach = CROSSINGS / scale, sum = 0, position = (double)whole + part;
    int64_t first = (int64_t)ceil(position - reach), last = (int64_t)floor(position + reach);
    first = first < 0 ? 0 : first;
    last = last >= in->frames ? in->frames - 1 : last;
    for (int64_t k = first; k <= last; k++) {
        double at = fabs((double)(k - whole) - part) * scale * STEPS;
        int64_t index = (int64_t)at < CROSSINGS * STEPS ? (int64_t)at : CROSSINGS * STEPS;
        double between = at - (double)index;
        sum += (double)in->samples[k] * (table[index] + between * (table[index + 1] - table[index]));
    }
    return sum * scale;
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
    size_t table_bytes = (CROSSINGS * STEPS + 2) * sizeof(double);
    double *table = mem_alloc(table_bytes), scale = CUT_OFF * fmin(1, (double)up / (double)down);
    if (!table) {
        media_sound_free(&made);
        return error_no_memory(err, "a resampling filter", table_bytes);
    }
    make_table(table);
    for (int64_t i = 0; i < made.frames; i++)
        made.samples[i] =
            (float)filtered(in, table, i * down / up, (double)(i * down % up) / (double)up, scale);
    mem_free(table);
    *out = made;
    return ACCEL_OK;
}
