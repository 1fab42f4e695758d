/* From sound to the tensors that a model class takes, as transformers' feature extractors do it (version 5.24), within 1e-4. */
#ifndef ACCEL_MEDIA_AUDIO_H
#define ACCEL_MEDIA_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "media/tensors.h"

/* ---- sound -------------------------------------------------------------------------------------------- */

enum {
    MEDIA_MAX_SAMPLES = 1 << 29, /* of all channels: 2 GiB */
    MEDIA_MAX_CHANNELS = 64,
    MEDIA_MIN_RATE = 1000,
    MEDIA_MAX_RATE = 768000
};

/* samples[frame * channels + channel], full scale is -1 to 1. Owns its samples. */
typedef struct media_sound {
    int64_t frames;
    int64_t channels;
    int64_t rate; /* frames a second */
    float *samples;
} media_sound;

/* Silence. ACCEL_INVALID_ARGUMENT without frames or channels, ACCEL_LIMIT outside the limits above. */
accel_status media_sound_create(int64_t frames, int64_t channels, int64_t rate, media_sound *out,
                                accel_error *err);
void media_sound_free(media_sound *s); /* leaves it zero; accepts a zero one */

/* One channel: the mean of all. */
accel_status media_sound_mono(const media_sound *in, media_sound *out, accel_error *err);

/* One channel at another rate, by a windowed sinc: 32 zero crossings to each side under a Kaiser window (beta 8, stop band
 * below -80 dB), cut off at 0.94 of the lower of the two Nyquist frequencies. Frame i lies at second i / rate; there are
 * ceil(frames * to / from) of them. Source: J. O. Smith, Digital Audio Resampling (the table of a filter, interpolated). */
accel_status media_sound_resample(const media_sound *in, int64_t rate, media_sound *out, accel_error *err);

/* ---- what is done ------------------------------------------------------------------------------------- */

/*   kind      transformers' class        outputs (B sounds)
 *   whisper   WhisperFeatureExtractor    input_features [B, mels, frames] (and attention_mask [B, frames] where asked for)
 *   clap      ClapFeatureExtractor       input_features [B, 1, frames, mels], is_longer [B, 1] bool
 *   wav2vec2  Wav2Vec2FeatureExtractor   input_values [B, samples] (and attention_mask [B, samples] where asked for)
 *
 * whisper cuts and fills up to `seconds`; wav2vec2 fills up to the longest of the call. clap repeats a shorter sound; of a longer
 * one transformers takes a random piece, this takes the first. */
typedef enum media_audio_kind {
    MEDIA_WHISPER,
    MEDIA_CLAP,
    MEDIA_WAV2VEC2,
    MEDIA_AUDIO_KIND_COUNT
} media_audio_kind;

typedef enum media_audio_padding {
    MEDIA_PAD_REPEAT_THEN_FILL,
    MEDIA_PAD_REPEAT,
    MEDIA_PAD_FILL
} media_audio_padding;

typedef struct media_audio_processing {
    media_audio_kind kind;
    int64_t sampling_rate;          /* Hz; sounds of another rate are resampled */
    int64_t mels;                   /* feature_size */
    int64_t fft_length, hop_length; /* samples */
    int64_t seconds;                /* chunk_length, max_length_s */
    double low_hertz, high_hertz;
    double padding_value;
    bool do_normalize; /* wav2vec2: zero mean, unit variance */
    bool return_attention_mask;
    media_audio_padding padding; /* clap */
} media_audio_processing;

/* The numbers of a zoo family's published checkpoint: "whisper", "clap" (unfused), "wav2vec2". ACCEL_NOT_FOUND for another. */
accel_status media_audio_processing_default(const char *family, media_audio_processing *out,
                                            accel_error *err);

/* preprocessor_config.json; see media_image_processing_parse. Refused, beside what cannot be: dither, padding on the left, and
 * CLAP's truncation "fusion" (the class's default when the file names none), which picks pieces at random. */
accel_status media_audio_processing_parse(const char *json, size_t length, const char *name,
                                          const char *family, media_audio_processing *out, accel_error *err);
accel_status media_audio_processing_read(const char *path, const char *family, media_audio_processing *out,
                                         accel_error *err);

/* Mixes each sound to one channel, resamples it, and fills *out; see media_image_process. */
accel_status media_audio_process(const media_audio_processing *p, const media_sound *sounds, size_t count,
                                 media_tensors *out, accel_error *err);

#endif
