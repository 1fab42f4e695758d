/* Features of sounds. Source: transformers 5.24, models/{whisper,clap,wav2vec2}/feature_extraction_*.py. */
#include "media/audio.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "media/fft.h"
#include "media/mel.h"

static const double POWER_FLOOR = 1e-10; /* of what a logarithm is taken of */

/* ---- spectrograms ------------------------------------------------------------------------------------- */

typedef struct spectrogram {
    media_fft *fft;
    mel_bank bank;
    size_t length;        /* of a frame */
    double *window;       /* [length] */
    double *frame;        /* [length] */
    double *power;        /* [length / 2 + 1] */
    complex_number *bins; /* [length / 2 + 1] */
} spectrogram;

static void spectrogram_free(spectrogram *s) {
    media_fft_destroy(s->fft);
    mel_bank_free(&s->bank);
    mem_free(s->window);
    mem_free(s->frame);
    mem_free(s->power);
    mem_free(s->bins);
    *s = (spectrogram){0};
}

static accel_status spectrogram_make(const media_audio_processing *p, spectrogram *out, accel_error *err) {
    size_t length = (size_t)p->fft_length, bins = length / 2 + 1;
    spectrogram s = {.length = length,
                     .window = mem_calloc(length, sizeof *s.window),
                     .frame = mem_calloc(length, sizeof *s.frame),
                     .power = mem_calloc(bins, sizeof *s.power),
                     .bins = mem_calloc(bins, sizeof *s.bins)};
    accel_status status = s.window && s.frame && s.power && s.bins
                              ? media_fft_create(length, &s.fft, err)
                              : error_no_memory(err, "a spectrogram", length * sizeof *s.window);
    if (status == ACCEL_OK)
        status =
            mel_bank_make(bins, (size_t)p->mels, p->low_hertz, p->high_hertz, p->sampling_rate, &s.bank, err);
    if (status != ACCEL_OK) {
        spectrogram_free(&s);
        return status;
    }
    for (size_t i = 0; i < length; i++) /* Hann, periodic */
        s.window[i] = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)length);
    *out = s;
    return ACCEL_OK;
}

/* The power spectrum of the frame around sample `center`; beyond its ends the sound is mirrored. */
static void power_at(spectrogram *s, const float *samples, int64_t count, int64_t center) {
    int64_t start = center - (int64_t)(s->length / 2);
    for (size_t i = 0; i < s->length; i++) {
        int64_t at = start + (int64_t)i;
        at = at < 0 ? -at : at >= count ? 2 * (count - 1) - at : at;
        s->frame[i] = (double)samples[at] * s->window[i];
    }
    media_fft_real(s->fft, s->frame, s->bins);
    for (size_t k = 0; k <= s->length / 2; k++)
        s->power[k] = s->bins[k].re * s->bins[k].re + s->bins[k].im * s->bins[k].im;
}

/* ---- the classes -------------------------------------------------------------------------------------- */

/* Sounds of one channel at the model's rate. */
typedef struct batch {
    const media_audio_processing *p;
    const media_sound *sounds;
    size_t count;
    media_tensors *out;
    accel_error *err;
} batch;

/* Frames of the spectrogram to out[mel * frames + frame]; gives the largest value. */
static double log_mels(spectrogram *s, const float *samples, int64_t count, int64_t hop, int64_t frames,
                       float *out) {
    double most = -HUGE_VAL;
    for (int64_t t = 0; t < frames; t++) {
        power_at(s, samples, count, t * hop);
        for (size_t m = 0; m < s->bank.count; m++) {
            double value = log10(fmax(POWER_FLOOR, mel_bank_apply(&s->bank, m, s->power)));
            out[(int64_t)m * frames + t] = (float)value;
            most = fmax(most, value);
        }
    }
    return most;
}

static accel_status whisper_mask(const batch *b, int64_t samples, int64_t frames) {
    void *data;
    ACCEL_TRY(media_tensors_add(b->out, "attention_mask", MEDIA_I64, 2,
                                (int64_t[]){(int64_t)b->count, frames}, &data, b->err));
    for (size_t i = 0; i < b->count; i++) {
        int64_t kept = b->sounds[i].frames < samples ? b->sounds[i].frames : samples;
        for (int64_t t = 0; t < frames; t++)
            ((int64_t *)data)[(int64_t)i * frames + t] = t * b->p->hop_length < kept;
    }
    return ACCEL_OK;
}

/* The sound cut or filled up to `samples`. */
static void fit(const media_sound *s, int64_t samples, double filler, float *out) {
    int64_t kept = s->frames < samples ? s->frames : samples;
    memcpy(out, s->samples, (size_t)kept * sizeof *out);
    for (int64_t i = kept; i < samples; i++)
        out[i] = (float)filler;
}

static accel_status whisper(const batch *b, spectrogram *s, float *samples, int64_t sample_count) {
    const media_audio_processing *p = b->p;
    int64_t frames = sample_count / p->hop_length; /* the last one is dropped */
    void *data;
    ACCEL_TRY(media_tensors_add(b->out, "input_features", MEDIA_F32, 3,
                                (int64_t[]){(int64_t)b->count, p->mels, frames}, &data, b->err));
    float *out = data;
    for (size_t i = 0; i < b->count; i++, out += p->mels * frames) {
        fit(&b->sounds[i], sample_count, p->padding_value, samples);
        double least = log_mels(s, samples, sample_count, p->hop_length, frames, out) - 8;
        for (int64_t k = 0; k < p->mels * frames; k++)
            out[k] = (float)((fmax((double)out[k], least) + 4) / 4);
    }
    return p->return_attention_mask ? whisper_mask(b, sample_count, frames) : ACCEL_OK;
}

/* Whole repeats of a shorter sound as long as there is room, then zeros; "repeat" fills up with the next repeat's start. */
static void repeat(const media_sound *s, int64_t samples, media_audio_padding padding, float *out) {
    int64_t whole = padding == MEDIA_PAD_FILL ? s->frames : samples / s->frames * s->frames;
    for (int64_t i = 0; i < samples; i++)
        out[i] = i < whole || padding == MEDIA_PAD_REPEAT ? s->samples[i % s->frames] : 0;
}

static accel_status clap(const batch *b, spectrogram *s, float *samples, int64_t sample_count) {
    const media_audio_processing *p = b->p;
    int64_t frames = sample_count / p->hop_length + 1;
    void *data, *longer;
    ACCEL_TRY(media_tensors_add(b->out, "input_features", MEDIA_F32, 4,
                                (int64_t[]){(int64_t)b->count, 1, frames, p->mels}, &data, b->err));
    ACCEL_TRY(media_tensors_add(b->out, "is_longer", MEDIA_BOOL, 2, (int64_t[]){(int64_t)b->count, 1},
                                &longer, b->err));
    float *out = data;
    for (size_t i = 0; i < b->count; i++) {
        ((bool *)longer)[i] = b->sounds[i].frames > sample_count;
        if (b->sounds[i].frames < sample_count)
            repeat(&b->sounds[i], sample_count, p->padding, samples);
        else
            fit(&b->sounds[i], sample_count, 0, samples);
        for (int64_t t = 0; t < frames; t++) {
            power_at(s, samples, sample_count, t * p->hop_length);
            for (size_t m = 0; m < s->bank.count; m++)
                *out++ = (float)(10 * log10(fmax(POWER_FLOOR, mel_bank_apply(&s->bank, m, s->power))));
        }
    }
    return ACCEL_OK;
}

static accel_status features(const batch *b) {
    int64_t count = b->p->seconds * b->p->sampling_rate;
    spectrogram s;
    float *samples = mem_alloc((size_t)count * sizeof *samples);
    if (!samples)
        return error_no_memory(b->err, "a sound", (size_t)count * sizeof *samples);
    accel_status status = spectrogram_make(b->p, &s, b->err);
    if (status == ACCEL_OK) {
        status = b->p->kind == MEDIA_WHISPER ? whisper(b, &s, samples, count) : clap(b, &s, samples, count);
        spectrogram_free(&s);
    }
    mem_free(samples);
    return status;
}

/* Zero mean and unit variance over the first `count`; the rest becomes padding. */
static void normalize(float *samples, int64_t count, int64_t length, double padding) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < count; i++)
        mean += (double)samples[i] / (double)count;
    for (int64_t i = 0; i < count; i++)
        variance += ((double)samples[i] - mean) * ((double)samples[i] - mean) / (double)count;
    double scale = 1 / sqrt(variance + 1e-7);
    for (int64_t i = 0; i < length; i++)
        samples[i] = (float)(i < count ? ((double)samples[i] - mean) * scale : padding);
}

static accel_status wav2vec2(const batch *b) {
    const media_audio_processing *p = b->p;
    int64_t length = 0;
    void *data, *mask;
    for (size_t i = 0; i < b->count; i++)
        length = b->sounds[i].frames > length ? b->sounds[i].frames : length;
    int64_t dims[] = {(int64_t)b->count, length};
    ACCEL_TRY(media_tensors_add(b->out, "input_values", MEDIA_F32, 2, dims, &data, b->err));
    for (size_t i = 0; i < b->count; i++) {
        float *out = (float *)data + (int64_t)i * length;
        fit(&b->sounds[i], length, p->padding_value, out);
        if (p->do_normalize) /* without a mask the class takes the padding for sound */
            normalize(out, p->return_attention_mask ? b->sounds[i].frames : length, length, p->padding_value);
    }
    if (!p->return_attention_mask)
        return ACCEL_OK;
    ACCEL_TRY(media_tensors_add(b->out, "attention_mask", MEDIA_I64, 2, dims, &mask, b->err));
    for (size_t i = 0; i < b->count; i++)
        for (int64_t k = 0; k < b->sounds[i].frames; k++)
            ((int64_t *)mask)[(int64_t)i * length + k] = 1;
    return ACCEL_OK;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static accel_status prepare(const media_audio_processing *p, const media_sound *in, media_sound *out,
                            accel_error *err) {
    media_sound mono;
    ACCEL_TRY(media_sound_mono(in, &mono, err));
    if (mono.rate == p->sampling_rate) {
        *out = mono;
        return ACCEL_OK;
    }
    accel_status status = media_sound_resample(&mono, p->sampling_rate, out, err);
    media_sound_free(&mono);
    return status;
}

accel_status media_audio_process(const media_audio_processing *p, const media_sound *sounds, size_t count,
                                 media_tensors *out, accel_error *err) {
    *out = (media_tensors){0};
    if (count == 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "there are no sounds to process");
    media_sound *prepared = mem_calloc(count, sizeof *prepared);
    if (!prepared)
        return error_no_memory(err, "sounds", count * sizeof *prepared);
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        status = prepare(p, &sounds[i], &prepared[i], err);
        if (status != ACCEL_OK)
            error_prefix(err, status, "sound %zu", i + 1);
    }
    media_tensors made = {0};
    batch b = {.p = p, .sounds = prepared, .count = count, .out = &made, .err = err};
    if (status == ACCEL_OK)
        status = p->kind == MEDIA_WAV2VEC2 ? wav2vec2(&b) : features(&b);
    for (size_t i = 0; i < count; i++)
        media_sound_free(&prepared[i]);
    mem_free(prepared);
    if (status != ACCEL_OK)
        media_tensors_free(&made);
    *out = made;
    return status;
}
