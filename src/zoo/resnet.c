/* ResNet (He et al., arXiv 1512.03385) with batch norm of running statistics.
 *
 * In: pixel_values, float32 [batch, channels, height, width]. Out by architecture:
 *   ResNetForImageClassification  logits [batch, labels]
 *   ResNetModel                   last_hidden_state [batch, width, height / 32, width / 32], pooler_output
 *                                 [batch, width, 1, 1] */
#include "zoo/classes.h"
#include "zoo/resnet_stages.h"

enum head { MODEL, LABEL };

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    zoo_resnet r;
    int64_t labels = zoo_label_count(z->config, 2);
    ACCEL_TRY(zoo_resnet_read(z->config, &r, err));
    int64_t width = r.sizes[r.stages - 1];
    value_id x = zoo_resnet_features(b, &r, zoo_pixels_input(b, "pixel_values", r.channels, NULL));
    value_id pooled = BUILD(b, "GlobalAveragePool", x);
    if (z->head == LABEL) {
        value_id flat = build_reshape(b, pooled, 2, (int64_t[]){0, width});
        build_output(b, "logits", build_linear(b, "classifier.1", flat, width, labels, true));
        return ACCEL_OK;
    }
    build_output(b, "last_hidden_state", x);
    build_output(b, "pooler_output", pooled);
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"resnet", "ResNetModel"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {
    {"ResNetModel", MODEL}, {"ResNetForImageClassification", LABEL}, {NULL, 0}};
static const zoo_spelling spellings[] = {{ZOO_START, "resnet.", ""}, {ZOO_START, NULL, NULL}};

const zoo_class zoo_class_resnet = {.family = "resnet",
                                    .modality = "image",
                                    .model_types = model_types,
                                    .architectures = architectures,
                                    .spellings = spellings,
                                    .build = build};
