/* Values of old files: numbers that are texts, texts that hold NULs, names spelt in many ways. Nothing here fails: what cannot be read is absent. */
#ifndef ACCEL_IMPORT_VALUE_H
#define ACCEL_IMPORT_VALUE_H

#include "import/shape.h"

/* The next of names that are separated by '|', and its length; *names moves behind it. NULL after the last. */
static inline const char *value_next_name(const char **names, size_t *length) {
    const char *name = *names, *end = name;
    while (*end != '\0' && *end != '|')
        end++;
    *length = (size_t)(end - name);
    *names = end + (*end == '|');
    return *length > 0 ? name : NULL;
}

/* The first member of the object that is there and not null, of names separated by '|'. NULL when object is no object. */
yyjson_val *value_any(yyjson_val *object, const char *names);
yyjson_val *value_get(yyjson_val *object, const char *name); /* NULL when object is no object */
yyjson_val *value_first(yyjson_val *v); /* first element or member; NULL for what has none */
/* The text of a string that is not empty; NULs in it become U+FFFD. */
const char *value_text(const import_context *c, yyjson_val *v);
/* A finite number, also one that was written as a text ("12.5"). */
bool value_number(yyjson_val *v, double *out);
bool value_count(yyjson_val *v, int64_t *out);       /* a whole number from 0 on */
bool value_flag(yyjson_val *v, int *out);            /* true or false, also as a text */
bool value_share(yyjson_val *v, double *out);        /* 0 to 1, or a percentage: "95 %" */
bool value_is_text(yyjson_val *v, const char *text); /* without regard to case */

/* The platform that a name stands for ("GPU" stands for none: which?), by contracts' names; NULL when it stands for none. */
const char *value_platform(const char *name);
/* The platform that a key begins with ("cuda_init", "openvino"). */
const char *value_platform_prefix(const char *key);
/* fp32, fp16, …, of "torch.float32", "half" and the like. */
const char *value_precision(const char *name);
const char *value_modality(const char *name);
/* A name that says something: not empty, "unknown", "none", "n/a" or the like. */
bool value_is_name(const char *name);

/* JSON text in the arena. NaN and Infinity become null. NULL when memory ends. */
const char *value_json(const import_context *c, yyjson_val *v);

/* The same without what belongs to another platform: members whose name begins with it, and objects that say it is theirs. */
const char *value_json_of(const import_context *c, yyjson_val *v, const char *platform);
bool value_is_of_another(yyjson_val *object, const char *platform); /* platform NULL: never */

/* An object of which some members were read: the rest is kept. */
typedef struct value_reader {
    import_context *c;
    yyjson_val *object;
    yyjson_val *used[48];
    size_t used_count;
} value_reader;
value_reader value_reader_of(import_context *c, yyjson_val *object);
yyjson_val *value_take(value_reader *r, const char *names); /* value_any, and notes that it was read */
void value_used(value_reader *r, yyjson_val *v);
bool value_was_used(const value_reader *r, yyjson_val *v);
void value_unused(value_reader *r, yyjson_val *v); /* it was taken, but could not be used */
const char *value_take_text(value_reader *r, const char *names);
const char *value_take_name(value_reader *r, const char *names); /* a value_is_name */
int64_t value_take_count(value_reader *r, const char *names);    /* RECORD_NONE when absent */
double value_take_number(value_reader *r, const char *names);    /* NAN when absent */
int value_take_flag(value_reader *r, const char *names);         /* RECORD_UNKNOWN_BOOL when absent */
/* JSON of the members that nobody read; NULL when there are none. */
const char *value_rest(const value_reader *r);

#endif
