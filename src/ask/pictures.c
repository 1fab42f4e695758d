/* Pictures through the class's processor. */
#include "ask/internal.h"
#include "media/files/files.h"
#include "media/image_processing.h"

static accel_status read_pictures(ask *a, media_image *images, accel_error *err) {
    for (size_t i = 0; i < a->question.image_count; i++) {
        ACCEL_TRY(media_image_read(a->question.images[i], &images[i], err));
        a->image_sizes[i][0] = images[i].height;
        a->image_sizes[i][1] = images[i].width;
    }
    return ACCEL_OK;
}

/* X-CLIP takes its pictures as videos of so many frames. */
static accel_status group_frames(const ask *a, media_image_batch *batch, accel_error *err) {
    hf_config *c = a->model->config;
    int64_t frames = c ? hf_config_int(c, "vision_config.num_frames", 8, 1, 1 << 16) : 8;
    size_t count = batch->count / (size_t)frames;
    if (count * (size_t)frames != batch->count)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%s takes videos of %lld frames; %zu pictures are no whole number of them",
                         a->model->name, (long long)frames, batch->count);
    size_t *sizes = ARENA_ARRAY(a->memory, size_t, count);
    if (!sizes)
        return error_no_memory(err, "a list of pictures", count);
    for (size_t i = 0; i < count; i++)
        sizes[i] = (size_t)frames;
    batch->group_sizes = sizes;
    batch->group_count = count;
    return ACCEL_OK;
}

static accel_status group(const ask *a, const media_image_processing *p, media_image_batch *batch,
                          accel_error *err) {
    if (p->kind == MEDIA_XCLIP)
        return group_frames(a, batch, err);
    if (a->images_of) { /* prompts with all their pictures */
        batch->group_sizes = a->images_of;
        batch->group_count = a->question.text_count;
    }
    return ACCEL_OK;
}

static accel_status process(ask *a, const media_image *images, accel_error *err) {
    static const char *const files[] = {"preprocessor_config.json", "processor_config.json", NULL};
    media_image_batch batch = {.images = images, .count = a->question.image_count};
    media_image_processing p;
    media_tensors made = {0};
    const char *path;
    ACCEL_TRY(ask_need_file(a, files, "which says how pictures become numbers", "pixel_values", &path, err));
    ACCEL_TRY(media_image_processing_read(path, ask_model_type(a), &p, err));
    ACCEL_TRY(group(a, &p, &batch, err));
    ACCEL_TRY(media_image_process(&p, &batch, &made, err));
    accel_status status = ask_add_media(a, &made, err);
    media_tensors_free(&made);
    return status;
}

accel_status ask_add_images(ask *a, accel_error *err) {
    size_t count = a->question.image_count;
    media_image *images = ARENA_ARRAY(a->memory, media_image, count);
    a->image_sizes = arena_array(a->memory, count, sizeof *a->image_sizes);
    if (!images || !a->image_sizes)
        return error_no_memory(err, "a list of pictures", count);
    accel_status status = read_pictures(a, images, err);
    if (status == ACCEL_OK)
        status = process(a, images, err);
    for (size_t i = 0; i < count; i++)
        media_image_free(&images[i]);
    return status;
}
