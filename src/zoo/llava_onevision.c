/* LLaVA-OneVision. In: input_ids, attention_mask, int64 [batch, sequence]; pixel_values, float32 [images, tiles,
 * 3, height, width], image_sizes, int64 [images, 2]; pixel_values_videos
 * [videos, frames, 3, height, width]; batch_num_images [batch]. Out: logits [batch, sequence, vocabulary].
 * See llava.h. */
#include "zoo/classes.h"
#include "zoo/llava.h"

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    return zoo_llava_build(b, z, ZOO_LLAVA_ONEVISION, err);
}

static accel_status derive(const zoo_model *m, zoo_given_list *given, accel_error *err) {
    return zoo_llava_derive_tiles(m, ZOO_LLAVA_ONEVISION, given, err);
}

static accel_status placeholders(const zoo_model *m, const zoo_given_list *given, size_t images,
                                 int64_t *token, int64_t *counts, accel_error *err) {
    return zoo_llava_tile_tokens(m, ZOO_LLAVA_ONEVISION, given, images, token, counts, err);
}

/* An image of one tile, which is also the whole: 384 x 384, 1485 features. */
static accel_status sample(const zoo_model *m, const zoo_input_options *options, zoo_given_list *given,
                           accel_error *err) {
    zoo_llava l;
    if (m->mode == ZOO_DECODE)
        return ACCEL_OK;
    ACCEL_TRY(zoo_llava_read(m->config, ZOO_LLAVA_ONEVISION, &l, err));
    return zoo_llava_sample_tiles(m, &l, (int64_t[]){l.tile, l.tile}, options, given, err);
}

static const zoo_model_type model_types[] = {{"llava_onevision", "LlavaOnevisionForConditionalGeneration"},
                                             {NULL, NULL}};
static const zoo_architecture architectures[] = {{"LlavaOnevisionForConditionalGeneration", 0}, {NULL, 0}};

const zoo_class zoo_class_llava_onevision = {.family = "llava",
                                             .modality = "multimodal",
                                             .model_types = model_types,
                                             .architectures = architectures,
                                             .spellings = zoo_llava_spellings,
                                             .build = build,
                                             .derive = derive,
                                             .sample = sample,
                                             .placeholders = placeholders};
