/* Pictures as bytes, and what preprocessing does to them before they become numbers. Every function gives what
 * Pillow (for resizing) and transformers' PIL-based image processors (for the rest) give, to the byte. */
#ifndef ACCEL_MEDIA_IMAGE_H
#define ACCEL_MEDIA_IMAGE_H

#include <stdint.h>

#include "base/error.h"

/* No picture is larger, be it read or made on the way (a 1 x 30000 picture scaled until its shorter edge is 224
 * would have 1.5 thousand million pixels). */
enum { MEDIA_MAX_PIXELS = 1 << 28, MEDIA_MAX_EDGE = 1 << 20 };

/* RGB, 8 bits a channel: pixels[(y * width + x) * 3 + channel]. Owns its pixels. */
typedef struct media_image {
    int64_t height, width;
    uint8_t *pixels;
} media_image;

/* ACCEL_INVALID_ARGUMENT unless both edges are at least 1, ACCEL_LIMIT above the limits. */
accel_status media_image_check_size(int64_t height, int64_t width, accel_error *err);
/* A black picture of a size that passes that check. */
accel_status media_image_create(int64_t height, int64_t width, media_image *out, accel_error *err);
void media_image_free(media_image *image); /* leaves it zero; accepts a zero one */

/* Filters under Pillow's numbers, which is how preprocessor_config.json writes them ("resample": 3). */
typedef enum media_filter {
    MEDIA_NEAREST = 0,
    MEDIA_LANCZOS = 1,  /* sinc(x) sinc(x/3), |x| < 3 */
    MEDIA_BILINEAR = 2, /* triangle, |x| < 1 */
    MEDIA_BICUBIC = 3,  /* Keys' cubic with a = -0.5, |x| < 2 */
    MEDIA_BOX = 4,
    MEDIA_HAMMING = 5,
    MEDIA_FILTER_COUNT
} media_filter;

/* Resizes as Pillow's Image.resize: the filter is widened by the scale when shrinking, weights are rounded to 22 bits,
 * rows and columns are two passes (in Pillow 13's order), and each pass rounds to bytes. Source: Pillow, src/libImaging/Resample.c. */
accel_status media_image_resize(const media_image *in, int64_t height, int64_t width, media_filter filter,
                                media_image *out, accel_error *err);

/* The middle height x width; where the picture is smaller, black. An odd rest goes to the bottom and right when
 * cutting and to the top and left when filling. Source: transformers.image_transforms.center_crop. */
accel_status media_image_center_crop(const media_image *in, int64_t height, int64_t width, media_image *out,
                                     accel_error *err);

/* A height x width picture of one colour with the picture in its place: row 0 of it at `top`, column 0 at `left`;
 * parts outside are cut off, and both may be negative. */
accel_status media_image_place(const media_image *in, int64_t height, int64_t width, int64_t top,
                               int64_t left, const uint8_t colour[3], media_image *out, accel_error *err);

/* The picture in the middle of a square of its longer edge. */
accel_status media_image_pad_to_square(const media_image *in, const uint8_t colour[3], media_image *out,
                                       accel_error *err);

#endif
