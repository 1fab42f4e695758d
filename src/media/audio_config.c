/* preprocessor_config.json of feature extractors. */
#include "media/audio.h"

#include "base/file.h"
#include "base/mem.h"
#include "media/fft.h"
#include "media/fields.h"

enum { MAX_MELS = 1024, MAX_SECONDS = 600 };

static const struct audio_kind {
    const char *family, *type; /* type: transformers' class without "FeatureExtractor" */
    media_audio_processing defaults;
} kinds[MEDIA_AUDIO_KIND_COUNT] = {
    [MEDIA_WHISPER] = {"whisper",
                       "Whisper",
                       {.kind = MEDIA_WHISPER,
                        .sampling_rate = 16000,
                        .mels = 80,
                        .fft_length = 400,
                        .hop_length = 160,
                        .seconds = 30,
                        .low_hertz = 0,
                        .high_hertz = 8000}},
    [MEDIA_CLAP] = {"clap",
                    "Clap",
                    {.kind = MEDIA_CLAP,
                     .sampling_rate = 48000,
                     .mels = 64,
                     .fft_length = 1024,
                     .hop_length = 480,
                     .seconds = 10,
                     .low_hertz = 50,
                     .high_hertz = 14000}},
    [MEDIA_WAV2VEC2] = {"wav2vec2",
                        "Wav2Vec2",
                        {.kind = MEDIA_WAV2VEC2, .sampling_rate = 16000, .mels = 1, .do_normalize = true}},
};

static const struct audio_kind *kind_by(const char *family, const char *type) {
    for (int i = 0; i < MEDIA_AUDIO_KIND_COUNT; i++)
        if (str_equal(kinds[i].family, family) || str_equal(kinds[i].type, type))
            return &kinds[i];
    return NULL;
}

accel_status media_audio_processing_default(const char *family, media_audio_processing *out,
                                            accel_error *err) {
    const struct audio_kind *kind = kind_by(family, "");
    if (!kind)
        return error_set(err, ACCEL_NOT_FOUND, "the model family '%s' takes no sound that is known here",
                         family);
    *out = kind->defaults;
    return ACCEL_OK;
}

/* ---- fields ------------------------------------------------------------------------------------------- */

static void read_spectrogram(media_fields *f, const char *length_key, const char *seconds_key,
                             media_audio_processing *p) {
    p->mels = media_field_int(f, "feature_size", p->mels, 1, MAX_MELS);
    p->hop_length = media_field_int(f, "hop_length", p->hop_length, 1, MEDIA_FFT_MAX_LENGTH);
    p->fft_length = media_field_int(f, length_key, p->fft_length, 2, MEDIA_FFT_MAX_LENGTH);
    p->seconds = media_field_int(f, seconds_key, p->seconds, 1, MAX_SECONDS);
    if (p->seconds * p->sampling_rate <= p->fft_length / 2)
        media_field_fault(f, ACCEL_BAD_FILE, length_key, "is more than twice the length of the sound");
}

static void read_clap(media_fields *f, media_audio_processing *p) {
    static const char *const paddings[] = {
        [MEDIA_PAD_REPEAT_THEN_FILL] = "repeatpad", [MEDIA_PAD_REPEAT] = "repeat", [MEDIA_PAD_FILL] = "pad"};
    const char *truncation = media_field_text(f, "truncation", "fusion");
    const char *padding = media_field_text(f, "padding", "repeatpad");
    read_spectrogram(f, "fft_window_size", "max_length_s", p);
    p->low_hertz = media_field_real(f, "frequency_min", 0); /* the class's default, not the checkpoint's */
    p->high_hertz = media_field_real(f, "frequency_max", p->high_hertz);
    if (!(p->low_hertz >= 0 && p->low_hertz < p->high_hertz))
        media_field_fault(f, ACCEL_BAD_FILE, "frequency_min", "is not between 0 and frequency_max");
    if (!str_equal(truncation, "rand_trunc"))
        media_field_fault(f, ACCEL_UNSUPPORTED, "truncation",
                          str_equal(truncation, "fusion") ? "is \"fusion\" (or missing, which means that); "
                                                            "only \"rand_trunc\" is supported"
                                                          : "is not \"rand_trunc\"");
    for (int i = 0; i < 3; i++)
        if (str_equal(padding, paddings[i])) {
            p->padding = (media_audio_padding)i;
            return;
        }
    media_field_fault(f, ACCEL_UNSUPPORTED, "padding", "is none of \"repeatpad\", \"repeat\" and \"pad\"");
}

static void read_all(media_fields *f, media_audio_processing *p) {
    p->sampling_rate = media_field_int(f, "sampling_rate", p->sampling_rate, MEDIA_MIN_RATE, MEDIA_MAX_RATE);
    p->padding_value = media_field_real(f, "padding_value", p->padding_value);
    p->return_attention_mask = media_field_bool(f, "return_attention_mask", p->return_attention_mask);
    if (p->kind == MEDIA_WHISPER)
        read_spectrogram(f, "n_fft", "chunk_length", p);
    else if (p->kind == MEDIA_CLAP)
        read_clap(f, p);
    else
        p->do_normalize = media_field_bool(f, "do_normalize", p->do_normalize);
    if (p->kind == MEDIA_WAV2VEC2 && media_field_int(f, "feature_size", 1, 1, MAX_MELS) != 1)
        media_field_fault(f, ACCEL_UNSUPPORTED, "feature_size", "is not 1, the one channel of a sound");
    if (media_field_real(f, "dither", 0) != 0)
        media_field_fault(f, ACCEL_UNSUPPORTED, "dither", "asks for random noise");
    if (!str_equal(media_field_text(f, "padding_side", "right"), "right"))
        media_field_fault(f, ACCEL_UNSUPPORTED, "padding_side", "is not \"right\"");
}

/* ---- the public functions ----------------------------------------------------------------------------- */

static const struct audio_kind *kind_of_file(media_fields *f, const char *family, accel_error *err) {
    char type[128];
    media_fields_type(f, type, sizeof type);
    const struct audio_kind *kind = type[0] ? kind_by("", type) : kind_by(family, "");
    if (!kind && type[0])
        error_set(err, ACCEL_UNSUPPORTED, "%s: its feature extractor '%s' is not supported", f->file, type);
    else if (!kind)
        error_set(err, ACCEL_UNSUPPORTED,
                  "%s: it names no feature extractor, and none is known for the model family '%s'", f->file,
                  family ? family : "");
    return kind;
}

accel_status media_audio_processing_parse(const char *json, size_t length, const char *name,
                                          const char *family, media_audio_processing *out, accel_error *err) {
    yyjson_doc *doc;
    media_fields f;
    ACCEL_TRY(media_fields_parse(json, length, name, "feature_extractor", &doc, &f, err));
    const struct audio_kind *kind = kind_of_file(&f, family, err);
    if (!kind) {
        yyjson_doc_free(doc);
        return ACCEL_UNSUPPORTED;
    }
    *out = kind->defaults;
    read_all(&f, out);
    yyjson_doc_free(doc);
    return f.fault.status == ACCEL_OK ? ACCEL_OK : error_set(err, f.fault.status, "%s", f.fault.message);
}

accel_status media_audio_processing_read(const char *path, const char *family, media_audio_processing *out,
                                         accel_error *err) {
    char *json;
    size_t length;
    ACCEL_TRY(file_read(path, MEDIA_CONFIG_MAX_BYTES, &json, &length, err));
    accel_status status = media_audio_processing_parse(json, length, path, family, out, err);
    mem_free(json);
    return status;
}
