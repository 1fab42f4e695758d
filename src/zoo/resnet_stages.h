/* The convolutions of ResNet (He et al., arXiv 1512.03385): a stem, then stages of residual layers. In bottlenecks the
 * 3 x 3 convolution has the stride (v1.5), unless a file says otherwise. */
#ifndef ACCEL_ZOO_RESNET_STAGES_H
#define ACCEL_ZOO_RESNET_STAGES_H

#include "zoo/blocks.h"

enum { ZOO_RESNET_MAX_STAGES = 16 };

typedef struct zoo_resnet {
    const char *prefix; /* of all names, with its dot: "backbone." */
    int64_t channels, stem;
    size_t stages;
    int64_t sizes[ZOO_RESNET_MAX_STAGES], depths[ZOO_RESNET_MAX_STAGES];
    bool bottleneck; /* 1 x 1, 3 x 3, 1 x 1; else two of 3 x 3 */
    bool stride_in_first_stage, stride_in_first_convolution;
    const char *activation;
    bool frozen; /* scales and biases of the norms are buffers too, no parameters */
} zoo_resnet;

/* From a configuration of model_type resnet. */
accel_status zoo_resnet_read(hf_config *c, zoo_resnet *r, accel_error *err);
/* "resnet18", … "resnet152" of the timm package. */
bool zoo_resnet_named(const char *name, zoo_resnet *r);
/* pixels [batch, channels, height, width] → [batch, last size, height / 32, width / 32], rounded up. */
value_id zoo_resnet_features(builder *b, const zoo_resnet *r, value_id pixels);

#endif
