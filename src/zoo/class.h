/* Model classes: how a config.json and named weights become a graph. Private to zoo/.
 *
 * A class is one file with one build function, and one line in table.c. */
#ifndef ACCEL_ZOO_CLASS_H
#define ACCEL_ZOO_CLASS_H

#include "formats/formats.h"
#include "graph/builder.h"

typedef struct zoo_build {
    hf_config *config;
    const hf_folder *folder;          /* NULL when the model is made from a configuration alone */
    int64_t vocabulary, max_sequence; /* out: see zoo_model */
} zoo_build;

typedef struct zoo_class {
    const char *family; /* and model_type of config.json */
    const char *modality;
    const char *prefix; /* base prefix that tensor names may have or lack: "bert." */
    /* Reads the configuration and adds inputs, nodes and outputs. Weights go by their names without the
     * prefix. */
    accel_status (*build)(builder *b, zoo_build *z, accel_error *err);
} zoo_class;

/* The class for this configuration: by model_type, else by architecture, else by its fields. An error that
 * lists the known ones. */
accel_status zoo_class_find(hf_config *config, const zoo_class **out, accel_error *err);

/* One a class. */
accel_status zoo_bert_build(builder *b, zoo_build *z, accel_error *err);

/* ---- weights.c: where a class's weights come from ----------------------------------------------------- */

typedef struct zoo_weights {
    weight_source source;    /* first: the builder sees only this */
    const safetensors *file; /* NULL: generated */
    const char *prefix;
    uint64_t seed;
    arena *memory; /* of the graph: for names of random streams and for widened weights */
} zoo_weights;

/* memory is set once the builder has its graph. */
void zoo_weights_start(zoo_weights *w, const safetensors *file, const char *prefix, uint64_t seed);

#endif
