/* Sounds through the class's feature extractor. */
#include "ask/internal.h"
#include "media/audio.h"
#include "media/files/files.h"

static accel_status process(ask *a, const media_sound *sounds, accel_error *err) {
    static const char *const files[] = {"preprocessor_config.json", "processor_config.json", NULL};
    const char *input = ask_takes(a, "input_values") ? "input_values" : "input_features", *path;
    media_audio_processing p;
    media_tensors made = {0};
    ACCEL_TRY(ask_need_file(a, files, "which says how sounds become numbers", input, &path, err));
    ACCEL_TRY(media_audio_processing_read(path, ask_model_type(a), &p, err));
    ACCEL_TRY(media_audio_process(&p, sounds, a->question.sound_count, &made, err));
    accel_status status = ask_add_media(a, &made, err);
    media_tensors_free(&made);
    return status;
}

accel_status ask_add_sounds(ask *a, accel_error *err) {
    size_t count = a->question.sound_count;
    media_sound *sounds = ARENA_ARRAY(a->memory, media_sound, count);
    accel_status status = sounds ? ACCEL_OK : error_no_memory(err, "a list of sounds", count);
    for (size_t i = 0; status == ACCEL_OK && i < count; i++)
        status = media_sound_read(a->question.sounds[i], &sounds[i], err);
    if (status == ACCEL_OK)
        status = process(a, sounds, err);
    for (size_t i = 0; sounds && i < count; i++)
        media_sound_free(&sounds[i]);
    return status;
}
