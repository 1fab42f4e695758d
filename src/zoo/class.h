/* Model classes: how a config.json and named weights become a graph. Private to zoo/.
 *
 * A class is one file with one `const zoo_class`, and one line in table.c. */
#ifndef ACCEL_ZOO_CLASS_H
#define ACCEL_ZOO_CLASS_H

#include "formats/formats.h"
#include "formats/name_map.h"
#include "graph/builder.h"
#include "zoo/zoo.h"

enum { ZOO_MAX_WIDTH = 1 << 20, ZOO_MAX_VOCABULARY = 1 << 26, ZOO_MAX_LAYERS = 512 };

/* A model_type of config.json, and the architecture of files that name none. */
typedef struct zoo_model_type {
    const char *name, *architecture;
} zoo_model_type;

/* An architecture of config.json ("BertForMaskedLM"). What `head` means is the class's own matter. */
typedef struct zoo_architecture {
    const char *name;
    int head;
} zoo_architecture;

/* Files spell tensor names in several ways. Each rule, in its order, replaces `file` by `ours` in a name of a
 * file: at its start, at its end, or where it stands first. What comes out must be the class's own name. */
typedef enum zoo_place { ZOO_START, ZOO_END, ZOO_ANYWHERE } zoo_place;
typedef struct zoo_spelling {
    zoo_place place;
    const char *file, *ours;
} zoo_spelling;

/* A field of config.json that changes the mathematics and that the class supports with this JSON value only. A
 * missing field is null, and always allowed. */
typedef struct zoo_fixed {
    const char *key, *json;
} zoo_fixed;

typedef struct zoo_build {
    hf_config *config;
    const hf_folder *folder; /* NULL when the model is made from a configuration alone */
    zoo_mode mode;
    const char *architecture; /* that runs; may differ from the file's, where its class says so */
    int head;
    /* out: see zoo_model */
    int64_t vocabulary, max_sequence;
    zoo_generation generation;
    zoo_dim_rule dim_rule;
} zoo_build;

/* Tensors by name: what a user gives, and what follows from it. */
typedef struct zoo_given {
    const char *name;
    tensor value;
    bool owned; /* the list frees it */
} zoo_given;
typedef struct zoo_given_list {
    zoo_given *items;
    size_t count, capacity;
} zoo_given_list;

struct zoo_class {
    const char *family;
    const char *modality;
    const zoo_model_type *model_types;     /* ends with a NULL name */
    const zoo_architecture *architectures; /* ends with a NULL name */
    const zoo_spelling *spellings;         /* ends with a NULL file; may be NULL */
    const zoo_fixed *fixed;                /* ends with a NULL key; may be NULL */
    int64_t image[2]; /* height and width of a benchmark's images where the model leaves them open; 0: 224 */
    /* Reads the configuration and adds inputs, nodes and outputs. */
    accel_status (*build)(builder *b, zoo_build *z, accel_error *err);
    /* Adds the graph's inputs that follow from what is given (positions of image tokens from their ids) and that
     * are not there yet. NULL: whatever is missing has one value (masks are ones, token types zeros). */
    accel_status (*derive)(const zoo_model *m, zoo_given_list *given, accel_error *err);
    /* Adds seeded inputs for a benchmark, as a user would give them. NULL: shapes and names tell all. */
    accel_status (*sample)(const zoo_model *m, const zoo_input_options *options, zoo_given_list *given,
                           accel_error *err);
    /* Of a class whose prompts hold placeholders for images: which token that is, and how many stand for each of the
     * `images` that are given (pixel_values with image_sizes or grids). NULL: there are none. */
    accel_status (*placeholders)(const zoo_model *m, const zoo_given_list *given, size_t images,
                                 int64_t *token, int64_t *counts, accel_error *err);
};

/* The class for this configuration: by model_type, else by architecture, else by its fields. Sets z->architecture
 * and z->head. An error lists the known classes, or the architectures of the class. */
accel_status zoo_class_find(hf_config *config, zoo_build *z, const zoo_class **out, accel_error *err);

/* ---- given.c ------------------------------------------------------------------------------------------ */

/* NULL: not there. */
const tensor *zoo_given_find(const zoo_given_list *given, const char *name);
/* The same, of this type and rank; an error names it. Optional: NULL where it is not there. */
accel_status zoo_given_need(const zoo_given_list *given, const char *name, dtype type, int rank,
                            const tensor **out, accel_error *err);
/* An error names one that is neither an input of the graph nor among these names, which end with NULL (may be NULL). */
accel_status zoo_given_known(const zoo_model *m, const zoo_given_list *given, const char *const *names,
                             accel_error *err);
/* A new tensor of zeros, owned by the list. The pointer is good until the next call. */
accel_status zoo_given_add(zoo_given_list *given, const char *name, dtype type, int rank, const int64_t *dims,
                           tensor **out, accel_error *err);
/* The same of the type of the one that has this name, in its place. *old: what it was; the caller frees it. */
accel_status zoo_given_replace(zoo_given_list *given, const char *name, int rank, const int64_t *dims,
                               tensor *old, tensor **out, accel_error *err);
void zoo_given_free(zoo_given_list *given);

/* ---- weights.c: where a class's weights come from ----------------------------------------------------- */

typedef struct zoo_weights {
    weight_source source;    /* first: the builder sees only this */
    const safetensors *file; /* these, or */
    gguf *packed;            /* those; neither: generated */
    name_map names;          /* of the file's tensors, as the class spells them */
    bool *asked;             /* one a tensor of the file */
    uint64_t seed;
    arena *memory; /* of the graph: for names of random streams and for widened weights */
} zoo_weights;

/* Names the tensors of the folder's safetensors as the class does; those of its GGUF file have such names already.
 * folder NULL, or one without weights: they are generated. memory is the graph's arena. */
accel_status zoo_weights_start(zoo_weights *w, const hf_folder *folder, const zoo_spelling *spellings,
                               uint64_t seed, arena *memory, accel_error *err);
/* "a.weight [2, 3], …" of tensors in the file that nothing asked for; at most a few, then their number. Empty: none. */
void zoo_weights_unused(const zoo_weights *w, str_buf *out);

#endif
