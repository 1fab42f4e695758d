#include "media/image.h"

#include <string.h>

#include "base/mem.h"

accel_status media_image_check_size(int64_t height, int64_t width, accel_error *err) {
    if (height < 1 || width < 1)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "a picture of %lld x %lld pixels (height x width) has nothing in it",
                         (long long)height, (long long)width);
    if (height > MEDIA_MAX_EDGE || width > MEDIA_MAX_EDGE || height * width > MEDIA_MAX_PIXELS)
        return error_set(
            err, ACCEL_LIMIT,
            "a picture of %lld x %lld pixels (height x width) is above the limit of %d pixels, or of "
            "%d along an edge",
            (long long)height, (long long)width, MEDIA_MAX_PIXELS, MEDIA_MAX_EDGE);
    return ACCEL_OK;
}

accel_status media_image_create(int64_t height, int64_t width, media_image *out, accel_error *err) {
    ACCEL_TRY(media_image_check_size(height, width, err));
    size_t size_bytes = (size_t)(height * width) * 3;
    uint8_t *pixels = mem_calloc(size_bytes, 1);
    if (!pixels)
        return error_no_memory(err, "a picture", size_bytes);
    *out = (media_image){height, width, pixels};
    return ACCEL_OK;
}

void media_image_free(media_image *image) {
    mem_free(image->pixels);
    *image = (media_image){0};
}

static void fill(media_image *image, const uint8_t colour[3]) {
    size_t count = (size_t)(image->height * image->width);
    for (size_t i = 0; i < count; i++)
        memcpy(image->pixels + 3 * i, colour, 3);
}

accel_status media_image_place(const media_image *in, int64_t height, int64_t width, int64_t top,
                               int64_t left, const uint8_t colour[3], media_image *out, accel_error *err) {
    media_image made;
    ACCEL_TRY(media_image_create(height, width, &made, err));
    if (colour[0] || colour[1] || colour[2])
        fill(&made, colour);
    int64_t first_row = top > 0 ? top : 0, last_row = top + in->height < height ? top + in->height : height;
    int64_t first = left > 0 ? left : 0, last = left + in->width < width ? left + in->width : width;
    for (int64_t y = first_row; y < last_row && first < last; y++)
        memcpy(made.pixels + (y * width + first) * 3, in->pixels + ((y - top) * in->width + first - left) * 3,
               (size_t)(last - first) * 3);
    *out = made;
    return ACCEL_OK;
}

/* Where row 0 of the picture lands: the whole part of half the difference, rounded up. */
static int64_t centred(int64_t have, int64_t want) {
    int64_t spare = want - have;
    return spare > 0 ? (spare + 1) / 2 : spare / 2;
}

accel_status media_image_center_crop(const media_image *in, int64_t height, int64_t width, media_image *out,
                                     accel_error *err) {
    static const uint8_t black[3] = {0};
    return media_image_place(in, height, width, centred(in->height, height), centred(in->width, width), black,
                             out, err);
}

accel_status media_image_pad_to_square(const media_image *in, const uint8_t colour[3], media_image *out,
                                       accel_error *err) {
    int64_t edge = in->height > in->width ? in->height : in->width;
    return media_image_place(in, edge, edge, (edge - in->height) / 2, (edge - in->width) / 2, colour, out,
                             err);
}
