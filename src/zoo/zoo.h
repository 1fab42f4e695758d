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

/* Autoregressive models are three graphs over the same weights.
 *
 * INFERENCE takes and gives what the transformers package does, without a cache.
 * PREFILL reads the prompt: input_ids, attention_mask (1 = keep; prompts are padded on the left) and position_ids
 * [batch, sequence], and what else the class takes. It gives the logits of the last position [batch, 1,
 * vocabulary] and present.N.key, present.N.value [batch, kv_heads, sequence, head]. Of an encoder-decoder, PREFILL
 * is the encoder: it gives encoder_last_hidden_state and cross.N.key, cross.N.value [batch, heads,
 * encoder_sequence, head].
 * DECODE adds one token: input_ids [batch, 1] (decoder_input_ids), attention_mask [batch, capacity] with ones at
 * keys that count, this token's included (not of an encoder-decoder, whose decoder has no padding: all keys up to
 * this token's count), position_ids [batch, 1], write_indices [batch], the place of this token in the cache, and
 * past_key_values.N.key, .value [batch, kv_heads, capacity, head]. It gives the logits and present.N.key, .value:
 * the same cache with this token, held in place where an engine can (graph_value.updated). Cross keys and values
 * are inputs by the names of PREFILL's outputs; attention_mask is then the encoder's [batch, encoder_sequence]. */
typedef enum zoo_mode { ZOO_INFERENCE, ZOO_PREFILL, ZOO_DECODE } zoo_mode;
const char *zoo_mode_name(zoo_mode mode); /* "inference", "prefill", "decode": the record's mode */
bool zoo_mode_from_name(const char *name, zoo_mode *out);

typedef struct zoo_options {
    uint64_t seed; /* of generated weights */
    zoo_mode mode;
    /* Where `make deps` unpacked (.deps). NULL: ACCEL_DATA, then .deps here and in the folders above. */
    const char *data_folder;
    char *(*environment)(const char *name); /* getenv; NULL: no environment variables are looked at */
} zoo_options;

/* Where a model's weights come from: contracts.md, models.source. */
typedef enum zoo_source { ZOO_FILE, ZOO_HF, ZOO_GENERATED } zoo_source;
const char *zoo_source_name(zoo_source s); /* "file", "hf", "generated" */

/* How a model writes, for the loop that runs it (measure/generate.h). */
typedef struct zoo_generation {
    bool able; /* PREFILL and DECODE can be loaded */
    bool encoder_decoder;
    int64_t start_token; /* of an encoder-decoder */
    int64_t
        position_rows; /* rows of position_ids where they are [rows, batch, sequence]; 0: [batch, sequence] */
} zoo_generation;

/* A symbolic dim of the inputs that a class bounds, and what it is where nobody says. */
typedef struct zoo_dim_rule {
    const char *name; /* "frames"; NULL: no such dim */
    int64_t least, usual;
    int64_t most; /* 0: any */
} zoo_dim_rule;

typedef struct zoo_class zoo_class;

typedef struct zoo_model {
    char *name;         /* zoo name; file name without .onnx or .gguf; folder name; org/name */
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
    zoo_mode mode;
    zoo_generation generation;
    zoo_dim_rule dim_rule;
    const char *architecture; /* "BertForMaskedLM"; "" for a user's .onnx */
    char *unused;           /* tensors of its files that nothing asked for, with their shapes; "" when none */
    const zoo_class *class; /* NULL for an .onnx */
    struct hf_config *config; /* owned; NULL for an .onnx */
} zoo_model;

/* reference: a zoo name ("minilm", "resnet50-light"), a .onnx or .gguf file, a Hugging Face folder, the front end of an audio
 * model ("audio:whisper": from samples to its input_features), or org/name in the local Hugging Face cache (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, ~/.cache/huggingface).
 * ACCEL_NOT_FOUND suggests the nearest zoo name. options may be NULL. */
accel_status zoo_load(const char *reference, const zoo_options *options, zoo_model *out, accel_error *err);
void zoo_model_free(zoo_model *m); /* leaves it zero; accepts a zero one */
/* How the next token is chosen among the logits: as measure/sample_token.h says, but in float32. */
enum { ZOO_MOST_CHOICES = 256 };
typedef struct zoo_choice {
    double temperature; /* 0: the first of the largest */
    int64_t top_k;      /* with a temperature: 1 … ZOO_MOST_CHOICES */
    double top_p;
} zoo_choice;
#define ZOO_DRAW "token_draw"
/* PREFILL and DECODE of a model that writes end with the chosen token, i64 [batch], output "token", in place of the logits, so that little leaves
 * the device. With a temperature, ZOO_DRAW becomes an input: f32 [batch, 1], uniform in [0, 1). A graph without logits (an encoder) stays. */
accel_status zoo_choose_token(zoo_model *m, const zoo_choice *how, accel_error *err);
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
    bool small;              /* one of the set that stands for all classes (bench --all-models --small) */
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
    /* Nothing is seeded: of inputs that are not given, only those are made whose absence means something to the transformers package
     * (masks of ones, positions, token types 0), none of a user's .onnx; others are ACCEL_INVALID_ARGUMENT. */
    bool unseeded;
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
/* The same, with some inputs given by the names of the transformers package: those are taken, what follows from
 * them (positions of image tokens, masks of ones) is made, and only the rest is seeded. names and values are
 * `count` long; values are copied. ACCEL_INVALID_ARGUMENT names a value that the model cannot take. */
accel_status zoo_complete_inputs(const zoo_model *m, const zoo_input_options *options,
                                 const char *const *names, const tensor *values, size_t count,
                                 zoo_inputs *out, accel_error *err);
/* Of a model whose prompts hold images: the token that stands for them, and how many stand for each of the `images` that
 * are given by the names of the transformers package (counts is that long; with 0 images only the token is told).
 * *token is -1 where prompts hold no images. */
accel_status zoo_image_tokens(const zoo_model *m, const char *const *names, const tensor *values,
                              size_t count, size_t images, int64_t *token, int64_t *counts, accel_error *err);
/* Only the shapes (one an input), before anything is allocated: for plans and listings. */
accel_status zoo_input_shapes(const zoo_model *m, const zoo_input_options *options, shape *shapes,
                              accel_error *err);
void zoo_inputs_free(zoo_inputs *i); /* leaves it zero; accepts a zero one */
/* Gives m->graph the shapes of these inputs and infers the rest. */
accel_status zoo_bind(zoo_model *m, const zoo_inputs *inputs, accel_error *err);

#endif
