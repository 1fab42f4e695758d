/* From pictures to the tensors that a model class takes, as transformers' PIL-based image processors do it (version 5.24;
 * before 5 they were called "slow"). What is byte-exact there is byte-exact here: the bytes are resized, cropped and padded
 * as bytes, and each becomes a float by the same three roundings: float(byte * rescale_factor), minus float(mean),
 * divided by float(std). */
#ifndef ACCEL_MEDIA_IMAGE_PROCESSING_H
#define ACCEL_MEDIA_IMAGE_PROCESSING_H

#include <stdbool.h>
#include <stddef.h>

#include "media/image.h"
#include "media/tensors.h"

/* ---- what is done ------------------------------------------------------------------------------------- */

/* Kinds differ in steps, not in numbers. B is the count of pictures, H and W what the sizes lead to.
 *
 *   kind            transformers' class           outputs
 *   clip            CLIPImageProcessor            pixel_values [B,3,H,W]
 *   vit             ViTImageProcessor             the same
 *   resnet          ConvNextImageProcessor        the same; resizes to size / crop_pct and crops, below 384
 *   llava           LlavaImageProcessor           the same; do_pad pads to a square of the mean's colour before resizing
 *   detr            DetrImageProcessor            the same, each padded to the largest, and pixel_mask [B,H,W] (1: picture)
 *   xclip           VideoMAEImageProcessor        pixel_values [videos,frames,3,H,W]
 *   llava_next      LlavaNextImageProcessor       pixel_values [B,tiles,3,H,W], image_sizes [B,2] (height, width)
 *   llava_onevision LlavaOnevisionImageProcessor  the same and batch_num_images [prompts]
 *   qwen2_vl        Qwen2VLImageProcessor         pixel_values [patches, 3 * temporal * patch * patch], image_grid_thw [B,3]
 *   qwen3_vl        the same                      the same; patches of 16 unless the file says otherwise */
typedef enum media_image_kind {
    MEDIA_CLIP,
    MEDIA_VIT,
    MEDIA_RESNET,
    MEDIA_LLAVA,
    MEDIA_DETR,
    MEDIA_XCLIP,
    MEDIA_LLAVA_NEXT,
    MEDIA_LLAVA_ONEVISION,
    MEDIA_QWEN2_VL,
    MEDIA_QWEN3_VL,
    MEDIA_IMAGE_KIND_COUNT
} media_image_kind;

/* Either height and width, or the shorter edge, or both edges' bounds (the picture is scaled until the shorter edge is
 * shortest_edge, or the longer one longest_edge if that comes first). Fields not used are 0. For qwen, as in transformers,
 * the edges are the least and most pixels. */
typedef struct media_size {
    int64_t height, width;
    int64_t shortest_edge, longest_edge;
} media_size;

enum { MEDIA_MAX_PINPOINTS = 64 };

typedef struct media_image_processing {
    media_image_kind kind;
    bool do_resize, do_center_crop, do_rescale, do_normalize, do_pad;
    media_size size;
    media_filter resample;
    int64_t crop_height, crop_width;
    int64_t pad_height, pad_width; /* 0: the largest picture's */
    double crop_pct;               /* resnet */
    double rescale_factor;
    double mean[3], std[3];
    size_t pinpoint_count; /* llava_next, llava_onevision: the sizes of what is cut into tiles */
    struct media_pinpoint {
        int64_t height, width;
    } pinpoints[MEDIA_MAX_PINPOINTS];
    int64_t patch_size, temporal_patch_size, merge_size; /* qwen */
} media_image_processing;

/* The defaults of a zoo family ("clip", "vit", "resnet", "llava", …: the names of the table above).
 * ACCEL_NOT_FOUND for another name. */
accel_status media_image_processing_default(const char *family, media_image_processing *out,
                                            accel_error *err);

/* preprocessor_config.json (or processor_config.json, whose "image_processor" is read). The file's processor type decides
 * the kind; without one, family does (NULL: then a missing type is an error). Fields that are missing or null take the
 * kind's defaults; old and new spellings are read. ACCEL_UNSUPPORTED names a processor type, or a field that would
 * change the numbers, that is not known here. `name` stands for the file in sentences. */
accel_status media_image_processing_parse(const char *json, size_t length, const char *name,
                                          const char *family, media_image_processing *out, accel_error *err);
accel_status media_image_processing_read(const char *path, const char *family, media_image_processing *out,
                                         accel_error *err);

/* ---- doing it ----------------------------------------------------------------------------------------- */

/* The pictures of one call. xclip: groups are videos, and their pictures frames (all videos must have as many);
 * llava_onevision: groups are prompts, and a prompt of several pictures gets no tiles. Without groups all pictures are
 * one video, or one prompt each. Other kinds take no notice. */
typedef struct media_image_batch {
    const media_image *images;
    size_t count;
    const size_t *group_sizes; /* sum to count; NULL: none */
    size_t group_count;
} media_image_batch;

/* Fills *out, which media_tensors_free releases. Failing, the sentence says which picture (from 1), and *out is empty:
 * ACCEL_INVALID_ARGUMENT for pictures that cannot be processed (of different sizes after processing, where the class does not
 * pad; more than 200 times as long as wide for qwen; an empty one), ACCEL_LIMIT for results that would be too large. */
accel_status media_image_process(const media_image_processing *p, const media_image_batch *batch,
                                 media_tensors *out, accel_error *err);

#endif
