/* LLaVA-NeXT (1.6). In: input_ids, attention_mask, int64 [batch, sequence]; pixel_values, float32 [images, tiles,
 * 3, height, width], image_sizes, int64 [images, 2]. Out: logits [batch, sequence, vocabulary].
 * See llava.h. */
#include "zoo/classes.h"
#include "zoo/llava.h"

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    return zoo_llava_build(b, z, ZOO_LLAVA_NEXT, err);
}

static accel_status derive(const zoo_model *m, zoo_given_list *given, accel_error *err) {
    return zoo_llava_derive_tiles(m, ZOO_LLAVA_NEXT, given, err);
}

static accel_status placeholders(const zoo_model *m, const zoo_given_list *given, size_t images,
                                 int64_t *token, int64_t *counts, accel_error *err) {
    return zoo_llava_tile_tokens(m, ZOO_LLAVA_NEXT, given, images, token, counts, err);
}

/* An image of 480 x 640: four tiles and the whole, 2340 features. */
static accel_status sample(const zoo_model *m, const zoo_input_options *options, zoo_given_list *given,
                           accel_error *err) {
    zoo_llava l;
    if (m->mode == ZOO_DECODE)
        return ACCEL_OK;
    ACCEL_TRY(zoo_llava_read(m->config, ZOO_LLAVA_NEXT, &l, err));
    return zoo_llava_sample_tiles(m, &l, (int64_t[]){480, 640}, options, given, err);
}

static const zoo_model_type model_types[] = {{"llava_next", "LlavaNextForConditionalGeneration"},
                                             {NULL, NULL}};
static const zoo_architecture architectures[] = {{"LlavaNextForConditionalGeneration", 0}, {NULL, 0}};

const zoo_class zoo_class_llava_next = {.family = "llava_next",
                                        .modality = "multimodal",
                                        .model_types = model_types,
                                        .architectures = architectures,
                                        .spellings = zoo_llava_spellings,
                                        .build = build,
                                        .derive = derive,
                                        .sample = sample,
                                        .placeholders = placeholders};
