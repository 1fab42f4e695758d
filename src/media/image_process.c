#include "media/image_internal.h"

static accel_status check(const media_image_batch *batch, accel_error *err) {
    if (batch->count == 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "there are no pictures to process");
    for (size_t i = 0; i < batch->count; i++) {
        accel_status status = media_image_check_size(batch->images[i].height, batch->images[i].width, err);
        if (status != ACCEL_OK)
            return error_prefix(err, status, "picture %zu", i + 1);
    }
    size_t sum = 0;
    for (size_t i = 0; batch->group_sizes && i < batch->group_count; i++)
        sum += batch->group_sizes[i];
    if (batch->group_sizes && sum != batch->count)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%zu pictures were given, and groups for %zu",
                         batch->count, sum);
    return ACCEL_OK;
}

accel_status media_image_process(const media_image_processing *p, const media_image_batch *batch,
                                 media_tensors *out, accel_error *err) {
    media_tensors made = {0};
    *out = made;
    ACCEL_TRY(check(batch, err));
    accel_status status = image_kind_of(p->kind)->process(p, batch, &made, err);
    if (status != ACCEL_OK) {
        media_tensors_free(&made);
        return status;
    }
    *out = made;
    return ACCEL_OK;
}
