/* Values of a stated result, by the kind of the field they are for. Private to the store. */
#ifndef ACCEL_STORE_GIVEN_VALUE_H
#define ACCEL_STORE_GIVEN_VALUE_H

#include "store/given.h"

/* v into *member, which holds a value of that kind (for RECORD_INTS a pointer, with its count in *count). scale: the value is that many of the
 * field's unit. v null or the empty text leaves it absent. */
accel_status given_value(record_kind kind, const char *name, yyjson_val *v, double scale,
                         const given_defaults *defaults, arena *a, void *member, size_t *count,
                         accel_error *err);
bool given_is_absent(yyjson_val *v, const given_defaults *defaults);

/* A JSON object being written: members of others, one by one. */
typedef struct given_rest {
    str_buf json;
} given_rest;
void given_keep(given_rest *rest, const char *name, yyjson_val *v);
void given_keep_text(given_rest *rest, const char *name, const char *json); /* a value as JSON text */
/* Every member of a JSON object, or of a text that is one; false: it is neither. */
bool given_keep_all(given_rest *rest, yyjson_val *object_or_text);
/* The object's text in a; NULL when nothing was kept. Frees rest. */
accel_status given_rest_finish(given_rest *rest, arena *a, const char **out, accel_error *err);

#endif
