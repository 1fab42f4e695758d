/* A file of a sound is refused, or its samples are finite and go through an extractor. */
#include <stdlib.h>

#include "media/files/files.h"

enum { MAX_SAMPLES = 1 << 18 }; /* more would only take time */

/* libsndfile 1.2 forgets what libvorbis made when an Ogg file's headers are broken. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libvorbis";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    media_sound s;
    media_audio_processing p;
    media_tensors out;
    if (media_sound_decode(data, size, "fuzz", &s, NULL) != ACCEL_OK)
        return 0;
    for (int64_t i = 0; i < s.frames * s.channels; i++)
        if (!(s.samples[i] - s.samples[i] == 0))
            abort();
    if (s.frames * s.channels <= MAX_SAMPLES &&
        media_audio_processing_default("wav2vec2", &p, NULL) == ACCEL_OK &&
        media_audio_process(&p, &s, 1, &out, NULL) == ACCEL_OK)
        media_tensors_free(&out);
    media_sound_free(&s);
    return 0;
}
