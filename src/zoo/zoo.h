/* The zoo: from what a user calls a model to a graph, and from a graph to inputs it can run on.
 *
 * A model class (bert, …) is one file and one line in table.c; so is a zoo name in names.c. */
#ifndef ACCEL_ZOO_ZOO_H
#define ACCEL_ZOO_ZOO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "graph/graph.h"
#include "graph/tensor.h"

/* ---- models ------------------------------------------------------------------------------------------- */

typedef struct zoo_options {
    uint64_t seed; /* of generated weights */
    /* Where `make deps` unpacked (.deps). NULL: ACCEL_DATA, then .deps here and in the folders above. */
    const char *data_folder;
    char *(*environment)(const char *name); /* getenv; NULL: no environment variables are looked at */
} zoo_options;

/* Where a model's weights come from: contracts.md, models.source. */
typedef enum zoo_source { ZOO_FILE, ZOO_HF, ZOO_GENERATED } zoo_source;
const char *zoo_source_name(zoo_source s); /* "file", "hf", "generated" */

typedef struct zoo_model {
    char *name;         /* zoo name; file name without .onnx; folder name; org/name */
    const char *family; /* "bert", "resnet", … ; "onnx" for a user's file */
    /* "text", "image", "audio", "video", "multimodal"; "unknown" for a user's file that does not show it. */
    const char *modality;
    zoo_source source;
    graph *graph; /* checked, inferred, symbolic where the model is */
    /* The user's .onnx, to be handed byte for byte to vendor runtimes; NULL when the graph is ours. */
    char *onnx_path;
    char *path;           /* the file or folder that the model was read from; "" for a generated one */
    int64_t vocabulary;   /* token ids are below this; 0 when unknown */
    int64_t max_sequence; /* longest sequence that the model has positions for; 0 when unknown */
    char sha256[65];      /* "" until zoo_model_sha256 */
} zoo_model;

/* reference: a zoo name ("minilm", "resnet50-light"), a .onnx file, a Hugging Face folder, or org/name in
 * the local Hugging Face cache (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, ~/.cache/huggingface).
 * ACCEL_NOT_FOUND suggests the nearest zoo name. options may be NULL. */
accel_status zoo_load(const char *reference, const zoo_options *options, zoo_model *out, accel_error *err);
void zoo_model_free(zoo_model *m); /* leaves it zero; accepts a zero one */
/* Identity of graph and weights, for records. Made on the first call (it reads all weights), then kept in
 * m->sha256. Call it before zoo_bind: the same model has the same identity at every batch. */
accel_status zoo_model_sha256(zoo_model *m, accel_error *err);

/* The names that zoo_load knows. */
typedef struct zoo_name {
    const char *name;
    const char *family;
    const char *modality;
    const char *description; /* one line for `accel models` */
    zoo_source source;       /* what zoo_load will say when its files are here */
} zoo_name;
size_t zoo_name_count(void);
const zoo_name *zoo_name_at(size_t index);
/* Whether the name's files are here (a generated one always is). */
bool zoo_name_available(const zoo_name *name, const zoo_options *options);

/* ---- inputs ------------------------------------------------------------------------------------------- */

typedef struct zoo_dim {
    const char *name; /* a symbolic dim ("sequence"), or INPUT:AXIS ("pixel_values:2") */
    int64_t value;
} zoo_dim;

/* "sequence=128", as users write one: text up to the last = is the name, which is copied to a. False when it is not of that form. */
bool zoo_dim_parse(const char *text, arena *a, zoo_dim *out);

typedef struct zoo_input_options {
    int64_t batch;    /* 0: 1, or what the model fixes */
    int64_t sequence; /* 0: 128, or what the model fixes */
    uint64_t seed;
    const zoo_dim *dims; /* the user's word on single dims; goes before everything else */
    size_t dim_count;
} zoo_input_options;

typedef struct zoo_inputs {
    size_t count;
    tensor *tensors;    /* in the order of graph->inputs; owned */
    const char **names; /* point into the model's graph */
    int64_t batch;      /* elements of the batch these inputs hold; 1 when the model has no batch dim */
    int64_t sequence;   /* 0 when the model has no sequence dim */
    char *assumed;      /* "height=224, width=224": dims that nobody gave a value for; "" when none */
} zoo_inputs;

/* Gives every input a concrete shape and contents that its description allows: images uniform in [0, 1),
 * token ids uniform below the vocabulary (the model's, or the rows of the table that the ids index), masks
 * ones, positions 0, 1, 2…, token types 0, other integers 0. The same bytes for the same (seed, input
 * name, shape), on every engine and platform. options may be NULL. ACCEL_UNSUPPORTED when the model fixes
 * another batch or sequence than is asked for. */
accel_status zoo_make_inputs(const zoo_model *m, const zoo_input_options *options, zoo_inputs *out,
                             accel_error *err);
/* Only the shapes (one an input), before anything is allocated: for plans and listings. */
accel_status zoo_input_shapes(const zoo_model *m, const zoo_input_options *options, shape *shapes,
                              accel_error *err);
void zoo_inputs_free(zoo_inputs *i); /* leaves it zero; accepts a zero one */
/* Gives m->graph the shapes of these inputs and infers the rest. */
accel_status zoo_bind(zoo_model *m, const zoo_inputs *inputs, accel_error *err);

#endif
