/* Running a folder of ONNX test cases (KIND/NAME/{model.onnx, test_data_set_N/{input,output}_M.pb, data.json}) on an engine.
 *
 * Cases run one after the other in a worker process: one that crashes or hangs is a result, and a fresh worker goes on behind it. */
#ifndef ACCEL_MEASURE_CONFORMANCE_H
#define ACCEL_MEASURE_CONFORMANCE_H

#include <signal.h>

#include "base/error.h"
#include "engines/engine.h"

typedef enum conformance_status {
    CONFORMANCE_PASSED,
    CONFORMANCE_FAILED,      /* ran and was wrong, or refused something that it claims to know */
    CONFORMANCE_UNSUPPORTED, /* said so, before running */
    CONFORMANCE_CRASHED,
    CONFORMANCE_TIMEOUT
} conformance_status;

enum { CONFORMANCE_SENTENCE_BYTES = 400, CONFORMANCE_NAME_BYTES = 256, CONFORMANCE_OPERATOR_BYTES = 64 };

typedef struct conformance_result {
    char name[CONFORMANCE_NAME_BYTES];        /* KIND/NAME */
    char op_type[CONFORMANCE_OPERATOR_BYTES]; /* operator under test, or "graph" for a case of several */
    conformance_status status;
    char sentence[CONFORMANCE_SENTENCE_BYTES]; /* why, when not passed */
} conformance_result;

typedef struct conformance_request {
    const char *folder;
    const char *filter; /* only cases whose KIND/NAME holds this text; NULL: all */
    const engine_def *engine;
    const engine_device *device;
    const engine_context *context;
    int threads;
    double timeout_s;                    /* of one case */
    const volatile sig_atomic_t *cancel; /* stops between cases when it becomes non-zero; may be NULL */
} conformance_request;

typedef void (*conformance_callback)(void *user, const conformance_result *result, size_t index,
                                     size_t total);

/* Calls back in order, for every case. ACCEL_NOT_FOUND when the folder holds no case. */
accel_status conformance_run(const conformance_request *request, conformance_callback callback, void *user,
                             accel_error *err);

const char *conformance_status_name(conformance_status s);

#endif
