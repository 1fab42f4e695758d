/* The kinds of image processors: what each does, and the defaults of its class in transformers. */
#include "media/image_internal.h"

#include "base/str.h"

#define CLIP_NORM     .mean = {0.48145466, 0.4578275, 0.40821073}, .std = {0.26862954, 0.26130258, 0.27577711}
#define IMAGENET_NORM .mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225}
/* transformers calls these "ImageNet standard"; the ImageNet ones are its "default". */
#define HALF_NORM .mean = {0.5, 0.5, 0.5}, .std = {0.5, 0.5, 0.5}
#define ALWAYS    .do_resize = true, .do_rescale = true, .do_normalize = true, .rescale_factor = 1.0 / 255
#define CLIP_CROP                                                                                            \
    .resample = MEDIA_BICUBIC, .size = {.shortest_edge = 224}, .do_center_crop = true, .crop_height = 224,   \
    .crop_width = 224
#define SIXTHS(a) {a, 384}, {a, 768}, {a, 1152}, {a, 1536}, {a, 1920}, {a, 2304}

/* clang-format off */
static const image_kind kinds[MEDIA_IMAGE_KIND_COUNT] = {
    [MEDIA_CLIP] = {.family = "clip", .type = "CLIP", .crops = true, .pads = true, .process = process_pictures,
        .defaults = {.kind = MEDIA_CLIP, ALWAYS, CLIP_NORM, CLIP_CROP}},
    [MEDIA_VIT] = {.family = "vit", .type = "ViT", .square_size = true, .crops = true, .pads = true, .process = process_pictures,
        .defaults = {.kind = MEDIA_VIT, ALWAYS, HALF_NORM, .resample = MEDIA_BILINEAR, .size = {.height = 224,
            .width = 224}}},
    [MEDIA_RESNET] = {.family = "resnet", .type = "ConvNext", .crops = true, .process = process_pictures,
        .defaults = {.kind = MEDIA_RESNET, ALWAYS, HALF_NORM, .resample = MEDIA_BICUBIC, .size =
            {.shortest_edge = 384}, .crop_pct = 224.0 / 256}},
    [MEDIA_LLAVA] = {.family = "llava", .type = "Llava", .crops = true, .pads = true, .process = process_pictures,
        .defaults = {.kind = MEDIA_LLAVA, ALWAYS, CLIP_NORM, CLIP_CROP}},
    [MEDIA_DETR] = {.family = "detr", .type = "Detr", .pads = true, .process = process_pictures,
        .defaults = {.kind = MEDIA_DETR, ALWAYS, IMAGENET_NORM, .resample = MEDIA_BILINEAR, .size =
            {.shortest_edge = 800, .longest_edge = 1333}, .do_pad = true}},
    [MEDIA_XCLIP] = {.family = "xclip", .type = "VideoMAE", .crops = true, .process = process_videos,
        .defaults = {.kind = MEDIA_XCLIP, ALWAYS, HALF_NORM, .resample = MEDIA_BILINEAR, .size =
            {.shortest_edge = 224}, .do_center_crop = true, .crop_height = 224, .crop_width = 224}},
    [MEDIA_LLAVA_NEXT] = {.family = "llava_next", .type = "LlavaNext", .crops = true, .pads = true, .process = process_tiles,
        .defaults = {.kind = MEDIA_LLAVA_NEXT, ALWAYS, CLIP_NORM, .resample = MEDIA_BICUBIC, .size =
            {.shortest_edge = 224}, .do_center_crop = true, .do_pad = true, .crop_height = 224,
            .crop_width = 224, .pinpoint_count = 5, .pinpoints = {{336, 672}, {672, 336}, {672, 672},
            {1008, 336}, {336, 1008}}}},
    [MEDIA_LLAVA_ONEVISION] = {.family = "llava_onevision", .type = "LlavaOnevision", .crops = true, .pads = true, .process = process_tiles,
        .defaults = {.kind = MEDIA_LLAVA_ONEVISION, ALWAYS, CLIP_NORM, .resample = MEDIA_BICUBIC, .size =
            {.height = 384, .width = 384}, .do_pad = true, .pinpoint_count = 36, .pinpoints = {SIXTHS(384),
            SIXTHS(768), SIXTHS(1152), SIXTHS(1536), SIXTHS(1920), SIXTHS(2304)}}},
    [MEDIA_QWEN2_VL] = {.family = "qwen2_vl", .type = "Qwen2VL", .size_in_pixels = true, .process = process_patches,
        .defaults = {.kind = MEDIA_QWEN2_VL, ALWAYS, CLIP_NORM, .resample = MEDIA_BICUBIC, .size =
            {.shortest_edge = 56 * 56, .longest_edge = 28 * 28 * 1280}, .patch_size = 14,
            .temporal_patch_size = 2, .merge_size = 2}},
    /* transformers has no class of its own for it; these are the numbers of the published files. */
    [MEDIA_QWEN3_VL] = {.family = "qwen3_vl", .size_in_pixels = true, .process = process_patches,
        .defaults = {.kind = MEDIA_QWEN3_VL, ALWAYS, HALF_NORM, .resample = MEDIA_BICUBIC, .size =
            {.shortest_edge = 65536, .longest_edge = 16777216}, .patch_size = 16, .temporal_patch_size = 2,
            .merge_size = 2}},
};
/* clang-format on */

const image_kind *image_kind_of(media_image_kind kind) {
    return &kinds[kind];
}

const image_kind *image_kind_by_family(const char *family) {
    for (int i = 0; i < MEDIA_IMAGE_KIND_COUNT; i++)
        if (str_equal(kinds[i].family, family))
            return &kinds[i];
    return NULL;
}

const image_kind *image_kind_by_type(const char *type) {
    if (str_equal(type, "ConvNeXT"))
        type = "ConvNext"; /* spelt both ways */
    for (int i = 0; i < MEDIA_IMAGE_KIND_COUNT; i++)
        if (kinds[i].type && str_equal(kinds[i].type, type))
            return &kinds[i];
    return NULL;
}
