/* Qwen3-VL. In: input_ids, attention_mask, int64 [batch, sequence]; pixel_values [patches, values], image_grid_thw
 * [images, 3], pixel_values_videos, video_grid_thw. Out: logits [batch, sequence, vocabulary]. See qwen_vl.h. */
#include "zoo/classes.h"
#include "zoo/qwen_vl.h"

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    return zoo_qwen_vl_build(b, z, ZOO_QWEN3_VL, err);
}

static accel_status derive(const zoo_model *m, zoo_given_list *given, accel_error *err) {
    return zoo_qwen_vl_derive(m, ZOO_QWEN3_VL, given, err);
}

static accel_status sample(const zoo_model *m, const zoo_input_options *options, zoo_given_list *given,
                           accel_error *err) {
    return zoo_qwen_vl_sample(m, ZOO_QWEN3_VL, options, given, err);
}

static accel_status placeholders(const zoo_model *m, const zoo_given_list *given, size_t images,
                                 int64_t *token, int64_t *counts, accel_error *err) {
    return zoo_qwen_vl_placeholders(m, ZOO_QWEN3_VL, given, images, token, counts, err);
}

static const zoo_model_type model_types[] = {{"qwen3_vl", "Qwen3VLForConditionalGeneration"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {{"Qwen3VLForConditionalGeneration", 0}, {NULL, 0}};

const zoo_class zoo_class_qwen3_vl = {.family = "qwen2",
                                      .modality = "multimodal",
                                      .model_types = model_types,
                                      .architectures = architectures,
                                      .spellings = zoo_qwen_vl_spellings,
                                      .build = build,
                                      .derive = derive,
                                      .sample = sample,
                                      .placeholders = placeholders};
