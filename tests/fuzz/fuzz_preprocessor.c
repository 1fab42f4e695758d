/* A preprocessor_config.json is refused, or a small picture or sound can be processed as it says. */
#include "media/audio.h"
#include "media/image_processing.h"

enum { MAX_EDGE = 64, MAX_SAMPLES = 1 << 15, MAX_FFT = 1 << 10 }; /* larger results would only take time */

static bool is_small(const media_image_processing *p) {
    const media_size *s = &p->size;
    int64_t most = p->kind >= MEDIA_QWEN2_VL ? (int64_t)MAX_EDGE * MAX_EDGE : MAX_EDGE;
    for (size_t i = 0; i < p->pinpoint_count; i++)
        if (p->pinpoints[i].height > MAX_EDGE || p->pinpoints[i].width > MAX_EDGE || p->crop_height < 8)
            return false;
    return s->height <= MAX_EDGE && s->width <= MAX_EDGE && s->shortest_edge <= most &&
           s->longest_edge <= most && p->crop_height <= MAX_EDGE && p->crop_width <= MAX_EDGE &&
           p->pad_height <= MAX_EDGE && p->pad_width <= MAX_EDGE && p->crop_pct > -1 &&
           (p->kind != MEDIA_RESNET || p->crop_pct > 0.1) && p->patch_size * p->merge_size <= MAX_EDGE;
}

static void try_picture(const uint8_t *data, size_t size) {
    media_image_processing p;
    media_image image;
    media_tensors out;
    if (media_image_processing_parse((const char *)data, size, "fuzz", "clip", &p, NULL) != ACCEL_OK ||
        !is_small(&p))
        return;
    if (media_image_create(9, 14, &image, NULL) != ACCEL_OK)
        return;
    media_image_batch batch = {.images = &image, .count = 1};
    if (media_image_process(&p, &batch, &out, NULL) == ACCEL_OK)
        media_tensors_free(&out);
    media_image_free(&image);
}

static void try_sound(const uint8_t *data, size_t size) {
    media_audio_processing p;
    media_sound sound;
    media_tensors out;
    if (media_audio_processing_parse((const char *)data, size, "fuzz", "whisper", &p, NULL) != ACCEL_OK ||
        (p.kind != MEDIA_WAV2VEC2 &&
         (p.seconds * p.sampling_rate > MAX_SAMPLES || p.fft_length > MAX_FFT || p.hop_length < MAX_FFT / 8)))
        return;
    if (media_sound_create(1000, 2, 8000, &sound, NULL) != ACCEL_OK)
        return;
    if (media_audio_process(&p, &sound, 1, &out, NULL) == ACCEL_OK)
        media_tensors_free(&out);
    media_sound_free(&sound);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_picture(data, size);
    try_sound(data, size);
    return 0;
}
