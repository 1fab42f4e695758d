/* One picture through resizing, cropping and the change to floats. */
#include "media/image_internal.h"

#include "base/mem.h"

/* ConvNeXT shrinks less than asked and cuts the rest off, but warps pictures of this edge and more. */
enum { RESNET_WARP_EDGE = 384 };

static bool pads_to_square(const media_image_processing *p) {
    return p->kind == MEDIA_LLAVA && p->do_pad;
}

static bool crops_by_share(const media_image_processing *p) {
    return p->kind == MEDIA_RESNET && p->do_resize && p->size.shortest_edge < RESNET_WARP_EDGE;
}

static extent resized_extent(const media_image_processing *p, extent image) {
    int64_t edge = p->size.shortest_edge;
    if (!p->do_resize)
        return image;
    if (p->kind != MEDIA_RESNET)
        return size_for_rule(image, &p->size);
    if (crops_by_share(p))
        return size_of_shortest_edge(image, (int64_t)((double)edge / p->crop_pct));
    return (extent){edge, edge};
}

static extent squared(const media_image_processing *p, extent image) {
    int64_t edge = image.height > image.width ? image.height : image.width;
    return pads_to_square(p) ? (extent){edge, edge} : image;
}

extent finished_extent(const media_image_processing *p, extent image) {
    if (p->do_center_crop)
        return (extent){p->crop_height, p->crop_width};
    if (crops_by_share(p))
        return (extent){p->size.shortest_edge, p->size.shortest_edge};
    return resized_extent(p, squared(p, image));
}

void mean_colour(const media_image_processing *p, uint8_t colour[3]) {
    for (int c = 0; c < 3; c++) {
        double value = p->mean[c] * 255;
        colour[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* Crops what is in *image, which is freed. */
static accel_status crop(media_image *image, int64_t height, int64_t width, accel_error *err) {
    media_image cropped = {0};
    accel_status status = media_image_center_crop(image, height, width, &cropped, err);
    media_image_free(image);
    *image = cropped;
    return status;
}

static accel_status resize_and_crop(const media_image_processing *p, const media_image *in, media_image *out,
                                    accel_error *err) {
    extent e = resized_extent(p, (extent){in->height, in->width});
    ACCEL_TRY(media_image_resize(in, e.height, e.width, p->resample, out, err));
    if (crops_by_share(p))
        ACCEL_TRY(crop(out, p->size.shortest_edge, p->size.shortest_edge, err));
    if (p->do_center_crop)
        ACCEL_TRY(crop(out, p->crop_height, p->crop_width, err));
    return ACCEL_OK;
}

accel_status finish_picture(const media_image_processing *p, const media_image *in, media_image *out,
                            accel_error *err) {
    if (!pads_to_square(p))
        return resize_and_crop(p, in, out, err);
    media_image square;
    uint8_t colour[3];
    mean_colour(p, colour);
    ACCEL_TRY(media_image_pad_to_square(in, colour, &square, err));
    accel_status status = resize_and_crop(p, &square, out, err);
    media_image_free(&square);
    return status;
}

void byte_values_make(const media_image_processing *p, byte_values *out) {
    for (int c = 0; c < 3; c++)
        for (int byte = 0; byte < 256; byte++) {
            float value = p->do_rescale ? (float)((double)byte * p->rescale_factor) : (float)byte;
            out->of[c][byte] = p->do_normalize ? (value - (float)p->mean[c]) / (float)p->std[c] : value;
        }
}

void write_planes(const media_image *image, const byte_values *values, extent planes, float *out) {
    for (int c = 0; c < 3; c++, out += planes.height * planes.width)
        for (int64_t y = 0; y < image->height; y++) {
            const uint8_t *from = image->pixels + y * image->width * 3 + c;
            float *to = out + y * planes.width;
            for (int64_t x = 0; x < image->width; x++)
                to[x] = values->of[c][from[3 * x]];
        }
}
