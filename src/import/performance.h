/* One old performance result: an object with latencies or a throughput, and what it is about. Shapes that hold such objects use this. */
#ifndef ACCEL_IMPORT_PERFORMANCE_H
#define ACCEL_IMPORT_PERFORMANCE_H

#include "import/figures.h"
#include "measure/record.h"

/* What is known from around an object: keys and members of those that hold it. The object's own members go before it. */
typedef struct performance_about {
    const char *model, *family, *modality, *hardware, *device, *precision;
    int64_t batch, sequence; /* RECORD_NONE: not known */
    double load_s;           /* NAN: not known */
    figure_unit unit;        /* of latencies whose key has none */
    const char *simulated;   /* evidence from around it */
} performance_about;
performance_about performance_about_nothing(void);
/* Takes over what the object says of model, hardware and the like. */
void performance_learn(import_context *c, yyjson_val *object, performance_about *about);

/* Whether the object is one result: it has figures, or says that there are none. */
bool performance_is_result(yyjson_val *object);

/* Adds a record. Where model or hardware are not known, or there is neither a figure nor a failure, it is left out with a note. `where` names
 * the object in sentences. */
accel_status performance_add(import_context *c, const performance_about *about, yyjson_val *object,
                             const char *where, import_rows *rows, accel_error *err);

/* Adds every result below v: objects and arrays that hold results, whose keys name family, model, hardware, batch and sequence length. */
accel_status performance_walk(import_context *c, const performance_about *about, yyjson_val *v,
                              import_rows *rows, accel_error *err);
/* Whether there is one below v. */
bool performance_is_below(yyjson_val *v);

/* The record's id from all that it says. */
accel_status performance_set_id(import_context *c, record *r, accel_error *err);

#endif
