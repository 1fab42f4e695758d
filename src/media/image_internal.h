/* Shared by the files of image processing. */
#ifndef ACCEL_MEDIA_IMAGE_INTERNAL_H
#define ACCEL_MEDIA_IMAGE_INTERNAL_H

#include "media/image_processing.h"

/* ---- kinds: the table of image_kinds.c ---- */

typedef struct image_kind {
    const char *family;  /* the zoo's name */
    const char *type;    /* transformers' class without "ImageProcessor" */
    bool square_size;    /* "size": 224 is 224 x 224, not the shorter edge */
    bool crops, pads;    /* takes notice of do_center_crop, of do_pad */
    bool size_in_pixels; /* size's edges are the least and most pixels */
    accel_status (*process)(const media_image_processing *p, const media_image_batch *batch,
                            media_tensors *out, accel_error *err);
    media_image_processing defaults;
} image_kind;

const image_kind *image_kind_of(media_image_kind kind);
const image_kind *image_kind_by_family(const char *family); /* NULL when there is none */
const image_kind *image_kind_by_type(const char *type);

accel_status process_pictures(const media_image_processing *p, const media_image_batch *batch,
                              media_tensors *out, accel_error *err);
accel_status process_videos(const media_image_processing *p, const media_image_batch *batch,
                            media_tensors *out, accel_error *err);
accel_status process_tiles(const media_image_processing *p, const media_image_batch *batch,
                           media_tensors *out, accel_error *err);
accel_status process_patches(const media_image_processing *p, const media_image_batch *batch,
                             media_tensors *out, accel_error *err);

/* ---- sizes: image_sizes.c ---- */

typedef struct extent {
    int64_t height, width;
} extent;

/* What transformers resizes a picture to. Products are taken in double and cut to whole numbers as Python does it. */
extent size_of_shortest_edge(extent image, int64_t edge);
extent size_with_aspect_ratio(extent image, int64_t shortest, int64_t longest); /* DETR's */
extent size_for_rule(extent image, const media_size *size);
/* Qwen's smart_resize: multiples of factor, between so many pixels. */
accel_status size_in_multiples(extent image, int64_t factor, int64_t least, int64_t most, extent *out,
                               accel_error *err);
/* LLaVA-NeXT: the pinpoint that keeps most of the picture, then wastes least; and what the picture is scaled to in it. */
extent best_pinpoint(const media_image_processing *p, extent image);
extent size_within(extent image, extent target);

/* ---- one picture: image_steps.c ---- */

/* The size that a picture has after resizing and cropping. */
extent finished_extent(const media_image_processing *p, extent image);
/* Does both. */
accel_status finish_picture(const media_image_processing *p, const media_image *in, media_image *out,
                            accel_error *err);
/* float values of the 256 bytes in each channel. */
typedef struct byte_values {
    float of[3][256];
} byte_values;
void byte_values_make(const media_image_processing *p, byte_values *out);
/* Channels one after the other, into the upper left of height x width planes. */
void write_planes(const media_image *image, const byte_values *values, extent planes, float *out);
/* The colour that mean stands for: int(255 mean), as transformers pads to a square with. */
void mean_colour(const media_image_processing *p, uint8_t colour[3]);

#endif
