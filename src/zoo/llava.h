/* LLaVA 1.5 (Liu et al., arXiv 2310.03744), LLaVA-NeXT and LLaVA-OneVision (Li et al., arXiv 2408.03326): a vision tower,
 * two layers that bring its features to the width of the text, and a text model in whose prompt they stand. Private to
 * zoo/.
 *
 * A prompt without images runs the same graph: one tile of zeros stands for them and its features go nowhere, so that no
 * engine meets a dimension of 0. */
#ifndef ACCEL_ZOO_LLAVA_H
#define ACCEL_ZOO_LLAVA_H

#include "zoo/clip_towers.h"
#include "zoo/llama.h"

enum { ZOO_LLAVA_MAX_STATES = 16, ZOO_LLAVA_MAX_PINPOINTS = 256 };

typedef enum zoo_llava_kind { ZOO_LLAVA, ZOO_LLAVA_NEXT, ZOO_LLAVA_ONEVISION } zoo_llava_kind;

typedef struct zoo_llava {
    zoo_llava_kind kind;
    int64_t image_token, video_token; /* the same where there are no videos */
    zoo_clip_vision vision;
    int64_t states[ZOO_LLAVA_MAX_STATES]; /* hidden states that features are joined from, from 0 */
    size_t state_count;
    bool drop_class;  /* the first token of each state is no feature */
    int64_t per_tile; /* features */
    bool projector_bias;
    const char *projector_activation;
    /* Of NeXT and OneVision. */
    int64_t side;                                  /* per_tile = side², over tiles of so many pixels: */
    int64_t tile;                                  /* a side */
    int64_t pinpoints[ZOO_LLAVA_MAX_PINPOINTS][2]; /* height, width: multiples of tile */
    size_t pinpoint_count;
    int64_t most_features; /* of an image's grid, before it is shrunk; 0: any */
} zoo_llava;

/* Everything but the text model. */
accel_status zoo_llava_read(hf_config *c, zoo_llava_kind kind, zoo_llava *l, accel_error *err);
accel_status zoo_llava_build(builder *b, zoo_build *z, zoo_llava_kind kind, accel_error *err);

/* The rules for names of all three. */
extern const zoo_spelling zoo_llava_spellings[];

/* input_ids of what is given; an error where it is not. */
accel_status zoo_llava_prompt(const zoo_given_list *given, tensor *ids, accel_error *err);
/* That the prompt has as many tokens of this kind ("image") as there are features. */
accel_status zoo_llava_match(const tensor *ids, int64_t token, int64_t features, const char *what,
                             accel_error *err);

/* NeXT and OneVision (llava_tiles.c). The graph takes pixel_values [tiles, channels, height, width] without tiles of padding,
 * frames of videos after those of images, and feature_rows: for each placeholder of the prompt a row of [features of all tiles;
 * image_newline]; of OneVision four rows and feature_weights, since features are resampled: [features, 4]. All follow from
 * pixel_values [images, tiles, channels, height, width] and image_sizes [images, 2], and of OneVision pixel_values_videos
 * [videos, frames, channels, height, width] and batch_num_images [batch]. */
accel_status zoo_llava_derive_tiles(const zoo_model *m, zoo_llava_kind kind, zoo_given_list *given,
                                    accel_error *err);
/* zoo_class.placeholders of both. */
accel_status zoo_llava_tile_tokens(const zoo_model *m, zoo_llava_kind kind, const zoo_given_list *given,
                                   size_t images, int64_t *token, int64_t *counts, accel_error *err);
/* Text about one image [height, width] for every element of the batch. */
accel_status zoo_llava_sample_tiles(const zoo_model *m, const zoo_llava *l, const int64_t image[2],
                                    const zoo_input_options *options, zoo_given_list *given,
                                    accel_error *err);

#endif
