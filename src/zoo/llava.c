/* LLaVA 1.5. In: input_ids, attention_mask, int64 [batch, sequence]; pixel_values, float32 [images, 3, height, width].
 * Out: logits [batch, sequence, vocabulary], image_hidden_states [images, features, width of the text]. See llava.h. */
#include "zoo/llava.h"

#include "zoo/classes.h"
#include "zoo/merge.h"

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    return zoo_llava_build(b, z, ZOO_LLAVA, err);
}

static accel_status derive(const zoo_model *m, zoo_given_list *given, accel_error *err) {
    zoo_llava l;
    tensor ids, *zeros;
    const tensor *pixels;
    ACCEL_TRY(zoo_given_known(m, given, NULL, err));
    if (m->mode == ZOO_DECODE)
        return ACCEL_OK;
    ACCEL_TRY(zoo_llava_read(m->config, ZOO_LLAVA, &l, err));
    ACCEL_TRY(zoo_llava_prompt(given, &ids, err));
    ACCEL_TRY(zoo_given_need(given, "pixel_values", DTYPE_F32, 4, &pixels, err));
    if (pixels && pixels->shape.dims[0] < 1)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "pixel_values holds no image; leave it out for a prompt without images");
    ACCEL_TRY(
        zoo_llava_match(&ids, l.image_token, pixels ? pixels->shape.dims[0] * l.per_tile : 0, "image", err));
    if (pixels)
        return ACCEL_OK;
    const zoo_clip_vision *v = &l.vision;
    return zoo_given_add(given, "pixel_values", DTYPE_F32, 4,
                         (int64_t[]){1, v->channels, v->image[0], v->image[1]}, &zeros, err);
}

static accel_status placeholders(const zoo_model *m, const zoo_given_list *given, size_t images,
                                 int64_t *token, int64_t *counts, accel_error *err) {
    zoo_llava l;
    (void)given; /* all images are of one size */
    ACCEL_TRY(zoo_llava_read(m->config, ZOO_LLAVA, &l, err));
    *token = l.image_token;
    for (size_t i = 0; i < images; i++)
        counts[i] = l.per_tile;
    return ACCEL_OK;
}

/* One image for every element of the batch. */
static accel_status sample(const zoo_model *m, const zoo_input_options *options, zoo_given_list *given,
                           accel_error *err) {
    zoo_llava l;
    if (m->mode == ZOO_DECODE)
        return ACCEL_OK;
    ACCEL_TRY(zoo_llava_read(m->config, ZOO_LLAVA, &l, err));
    ACCEL_TRY(zoo_sample_prompt(m, options, l.image_token, l.image_token, l.per_tile, given, err));
    const zoo_clip_vision *v = &l.vision;
    int64_t batch = options->batch > 0 ? options->batch : 1;
    return zoo_sample_pixels(options, "pixel_values", 4,
                             (int64_t[]){batch, v->channels, v->image[0], v->image[1]}, given, err);
}

static const zoo_model_type model_types[] = {{"llava", "LlavaForConditionalGeneration"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {{"LlavaForConditionalGeneration", 0}, {NULL, 0}};

const zoo_class zoo_class_llava = {.family = "llava",
                                   .modality = "multimodal",
                                   .model_types = model_types,
                                   .architectures = architectures,
                                   .spellings = zoo_llava_spellings,
                                   .build = build,
                                   .derive = derive,
                                   .sample = sample,
                                   .placeholders = placeholders};
