/* The fields of a preprocessor_config.json, read one by one. Getters never fail at once: the first field of a wrong
 * type or range is remembered in `fault`, the getter gives its fallback, and the reader looks at `fault` at the end. */
#ifndef ACCEL_MEDIA_FIELDS_H
#define ACCEL_MEDIA_FIELDS_H

#include <stdbool.h>

#include "base/json.h"

/* Whisper's published files hold their filter bank: 200 KB. */
enum { MEDIA_CONFIG_MAX_BYTES = 4 << 20 };

typedef struct media_fields {
    yyjson_val *object;
    const char *file;  /* for sentences */
    accel_error fault; /* the first; ACCEL_OK while all is well */
} media_fields;

/* The member, or NULL when it is missing or null. */
yyjson_val *media_field(const media_fields *f, const char *key);
/* "FILE: field 'KEY' COMPLAINT". */
void media_field_fault(media_fields *f, accel_status status, const char *key, const char *complaint);

bool media_field_bool(media_fields *f, const char *key, bool fallback);
/* A number of [low, high]; whole unless it is a real. */
int64_t media_field_int(media_fields *f, const char *key, int64_t fallback, int64_t low, int64_t high);
double media_field_real(media_fields *f, const char *key, double fallback);
const char *media_field_text(media_fields *f, const char *key,
                             const char *fallback); /* lives as long as the JSON */
/* A whole number of [low, high] that is a value of field `key`, for fields that hold several; `low` and a fault else. */
int64_t media_field_whole(media_fields *f, const char *key, yyjson_val *value, int64_t low, int64_t high);

/* Parses JSON text and hands over its root object, or the member "image_processor" or "feature_extractor" when it has one, as
 * processor_config.json does. The document is the caller's to free. */
accel_status media_fields_parse(const char *json, size_t length, const char *file, const char *section,
                                yyjson_doc **doc, media_fields *out, accel_error *err);
/* image_processor_type, feature_extractor_type, "" when neither; without the endings that say nothing ("CLIPFeatureExtractor",
 * "CLIPImageProcessorFast" and "CLIPImageProcessorPil" are all "CLIP"). buffer holds it. */
const char *media_fields_type(media_fields *f, char *buffer, size_t size);

#endif
