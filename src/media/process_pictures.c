/* Pictures that become one tensor: all classes but those that cut them up; and videos. */
#include "media/image_internal.h"

static extent extent_of(const media_image *image) {
    return (extent){image->height, image->width};
}

static accel_status differ(extent a, size_t at, extent b, accel_error *err) {
    return error_set(
        err, ACCEL_INVALID_ARGUMENT,
        "picture %zu comes out as %lld x %lld pixels (height x width) and the first as %lld x %lld: process "
        "pictures of different shapes one at a time",
        at + 1, (long long)b.height, (long long)b.width, (long long)a.height, (long long)a.width);
}

/* The size that all come out with, where no padding evens them out. */
static accel_status common_extent(const media_image_processing *p, const media_image_batch *batch,
                                  extent *out, accel_error *err) {
    *out = finished_extent(p, extent_of(&batch->images[0]));
    for (size_t i = 1; i < batch->count; i++) {
        extent e = finished_extent(p, extent_of(&batch->images[i]));
        if (e.height != out->height || e.width != out->width)
            return differ(*out, i, e, err);
    }
    return ACCEL_OK;
}

/* The largest height and width, or what the configuration says. */
static accel_status padded_extent(const media_image_processing *p, const media_image_batch *batch,
                                  extent *out, accel_error *err) {
    *out = (extent){p->pad_height, p->pad_width};
    for (size_t i = 0; i < batch->count; i++) {
        extent e = finished_extent(p, extent_of(&batch->images[i]));
        if (p->pad_height && (e.height > out->height || e.width > out->width))
            return error_set(
                err, ACCEL_INVALID_ARGUMENT,
                "picture %zu comes out as %lld x %lld pixels (height x width), larger than the pad_size %lld x %lld",
                i + 1, (long long)e.height, (long long)e.width, (long long)out->height,
                (long long)out->width);
        out->height = e.height > out->height ? e.height : out->height;
        out->width = e.width > out->width ? e.width : out->width;
    }
    return ACCEL_OK;
}

/* Writes picture after picture, each 3 planes. */
static accel_status write_all(const media_image_processing *p, const media_image_batch *batch, extent planes,
                              float *out, accel_error *err) {
    byte_values values;
    byte_values_make(p, &values);
    for (size_t i = 0; i < batch->count; i++, out += 3 * planes.height * planes.width) {
        media_image finished = {0};
        accel_status status = finish_picture(p, &batch->images[i], &finished, err);
        if (status == ACCEL_OK)
            write_planes(&finished, &values, planes, out);
        media_image_free(&finished);
        if (status != ACCEL_OK)
            return error_prefix(err, status, "picture %zu", i + 1);
    }
    return ACCEL_OK;
}

static void write_mask(const media_image_processing *p, const media_image_batch *batch, extent planes,
                       int64_t *mask) {
    for (size_t i = 0; i < batch->count; i++, mask += planes.height * planes.width) {
        extent e = finished_extent(p, extent_of(&batch->images[i]));
        for (int64_t y = 0; y < e.height; y++)
            for (int64_t x = 0; x < e.width; x++)
                mask[y * planes.width + x] = 1;
    }
}

accel_status process_pictures(const media_image_processing *p, const media_image_batch *batch,
                              media_tensors *out, accel_error *err) {
    extent e;
    void *pixels, *mask;
    bool pads = p->do_pad && p->kind != MEDIA_LLAVA;
    ACCEL_TRY(pads ? padded_extent(p, batch, &e, err) : common_extent(p, batch, &e, err));
    ACCEL_TRY(media_image_check_size(e.height, e.width, err));
    int64_t dims[] = {(int64_t)batch->count, 3, e.height, e.width};
    int64_t mask_dims[] = {(int64_t)batch->count, e.height, e.width};
    ACCEL_TRY(media_tensors_add(out, "pixel_values", MEDIA_F32, 4, dims, &pixels, err));
    ACCEL_TRY(write_all(p, batch, e, pixels, err));
    if (!pads || p->kind != MEDIA_DETR)
        return ACCEL_OK;
    ACCEL_TRY(media_tensors_add(out, "pixel_mask", MEDIA_I64, 3, mask_dims, &mask, err));
    write_mask(p, batch, e, mask);
    return ACCEL_OK;
}

accel_status process_videos(const media_image_processing *p, const media_image_batch *batch,
                            media_tensors *out, accel_error *err) {
    extent e;
    void *pixels;
    size_t videos = batch->group_sizes ? batch->group_count : 1, frames = batch->count / videos;
    for (size_t i = 0; i < videos && batch->group_sizes; i++)
        if (batch->group_sizes[i] != frames)
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "video %zu has %zu frames and the first has %zu: sample as many from each",
                             i + 1, batch->group_sizes[i], batch->group_sizes[0]);
    ACCEL_TRY(common_extent(p, batch, &e, err));
    ACCEL_TRY(media_image_check_size(e.height, e.width, err));
    int64_t dims[] = {(int64_t)videos, (int64_t)frames, 3, e.height, e.width};
    ACCEL_TRY(media_tensors_add(out, "pixel_values", MEDIA_F32, 5, dims, &pixels, err));
    return write_all(p, batch, e, pixels, err);
}
