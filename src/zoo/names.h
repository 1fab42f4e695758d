/* The names that zoo_load knows, and the folders that their files lie in. Private to zoo/. */
#ifndef ACCEL_ZOO_NAMES_H
#define ACCEL_ZOO_NAMES_H

#include "base/str.h"
#include "zoo/zoo.h"

typedef struct zoo_known {
    zoo_name name;
    const char *file;   /* below a data folder: an .onnx without real weights, or a Hugging Face folder */
    const char *hub;    /* org/name to look for in the Hugging Face cache as well; NULL: none */
    const char *config; /* config.json of a model that is generated from it; NULL: none */
} zoo_known;

/* configs.c: the models that are made from a configuration. */
extern const zoo_known zoo_made[];
extern const size_t zoo_made_count;

const zoo_known *zoo_known_find(const char *name);
/* Where the name's files are, in *path. False when they are nowhere. */
bool zoo_find_data(const char *file, const zoo_options *options, str_buf *path);
/* The Hugging Face cache folder. False when nothing tells where it would be. */
bool zoo_hub_cache(const zoo_options *options, str_buf *path);

#endif
