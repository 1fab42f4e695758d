/* CLAP's audio side. Private to zoo/. */
#ifndef ACCEL_ZOO_CLAP_AUDIO_H
#define ACCEL_ZOO_CLAP_AUDIO_H

#include "zoo/blocks.h"

enum { ZOO_CLAP_MAX_STAGES = 8 };

typedef struct zoo_clap_audio {
    int64_t window, bins, side;       /* the spectrogram becomes side x side */
    int64_t patch[2], step[2], width; /* of the first stage; doubled in each further one */
    size_t stages;
    int64_t depths[ZOO_CLAP_MAX_STAGES], heads[ZOO_CLAP_MAX_STAGES];
    double mlp_ratio, epsilon;
    int64_t fusion_ratio;
    bool fused, patch_norm, qkv_bias;
    const char *activation;
} zoo_clap_audio;

/* c: audio_config. */
accel_status zoo_clap_audio_read(hf_config *c, zoo_clap_audio *m, accel_error *err);
int64_t zoo_clap_audio_frames(const zoo_clap_audio *m); /* the most that features may have */
int64_t zoo_clap_audio_width(const zoo_clap_audio *m);  /* of what comes out */
/* features: f32 [batch, 4 where fused, else 1, frames, bins]; longer: bool [batch, 1], VALUE_NONE where not fused.
 * The mean of the last states [batch, width]. */
value_id zoo_clap_audio_encode(builder *b, const zoo_clap_audio *m, value_id features, value_id longer);

#endif
