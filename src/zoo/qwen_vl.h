/* What Qwen2-VL (Wang et al., arXiv 2409.12191) and Qwen3-VL share: a vision transformer over patches of images and
 * frames at their own sizes, and positions of time, row and column (M-RoPE). Private to zoo/.
 *
 * A user gives input_ids, attention_mask, pixel_values [patches, values of a patch] with image_grid_thw [images, 3], and
 * pixel_values_videos with video_grid_thw, as the transformers package takes them. From the grids the host makes what the
 * graph takes besides:
 *   position_ids [3, batch, sequence];
 *   patch_rows [frames, frame_patches], the patch at each place of a frame (images first), patch_mask, 0 where a frame
 *   has fewer, and patch_places [frames, frame_patches, 2], its row and column;
 *   feature_rows [features], for each placeholder of the prompt its feature, counted [frames, frame_patches / merge²];
 *   and of Qwen3-VL table_rows and table_weights [frames, frame_patches, 4]: how its learned table of positions is
 *   resampled.
 * Attention stays inside frames because they are its batch. Where there is no image or video, one piece of zeros stands
 * for it and its features go nowhere: no engine meets a dimension of 0. */
#ifndef ACCEL_ZOO_QWEN_VL_H
#define ACCEL_ZOO_QWEN_VL_H

#include "zoo/llama.h"

enum { ZOO_QWEN_MAX_DEEP = 16 };

typedef enum zoo_qwen_vl_kind { ZOO_QWEN2_VL, ZOO_QWEN3_VL } zoo_qwen_vl_kind;

/* Of config.json: what the graph and the host both need. */
typedef struct zoo_qwen_vl {
    zoo_qwen_vl_kind kind;
    int64_t image_token, video_token;
    int64_t channels, frames, patch; /* a patch: channels x frames x patch x patch values */
    int64_t merge;                   /* merge x merge patches are one feature */
    int64_t table_side;              /* of Qwen3-VL's learned positions; 0: none */
} zoo_qwen_vl;

accel_status zoo_qwen_vl_read(hf_config *c, zoo_qwen_vl_kind kind, zoo_qwen_vl *q, accel_error *err);
int64_t zoo_qwen_patch_values(const zoo_qwen_vl *q);

/* ---- graph: qwen_vl.c, qwen_vision.c ------------------------------------------------------------------ */

accel_status zoo_qwen_vl_build(builder *b, zoo_build *z, zoo_qwen_vl_kind kind, accel_error *err);

typedef struct zoo_qwen_features {
    value_id merged;                  /* [frames · frame_patches / merge², width of the text] */
    value_id deep[ZOO_QWEN_MAX_DEEP]; /* the same, to be added to the states after the first text layers */
    size_t deep_count;
} zoo_qwen_features;

/* The vision side with its inputs. text_width: of the features. */
accel_status zoo_qwen_vision(builder *b, hf_config *c, const zoo_qwen_vl *q, int64_t text_width,
                             zoo_qwen_features *out, accel_error *err);

/* ---- host: qwen_grids.c ------------------------------------------------------------------------------- */

accel_status zoo_qwen_vl_derive(const zoo_model *m, zoo_qwen_vl_kind kind, zoo_given_list *given,
                                accel_error *err);
extern const zoo_spelling zoo_qwen_vl_spellings[]; /* of both */
/* zoo_class.placeholders of both. */
accel_status zoo_qwen_vl_placeholders(const zoo_model *m, zoo_qwen_vl_kind kind, const zoo_given_list *given,
                                      size_t images, int64_t *token, int64_t *counts, accel_error *err);
/* An image of 224 x 224 for every element of the batch (less where the model has too few positions), and text. */
accel_status zoo_qwen_vl_sample(const zoo_model *m, zoo_qwen_vl_kind kind, const zoo_input_options *options,
                                zoo_given_list *given, accel_error *err);

#endif
