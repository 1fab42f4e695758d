/* Status codes and the error sentence that every fallible accel function reports through.
 *
 * A fallible function returns accel_status (0 is success) and takes an accel_error *err as its last
 * parameter. On failure it stores there a sentence that a user can act on: it names the file, node or
 * option and the way out. err may be NULL when the caller wants the code alone. On success *err is
 * left as it was. */
#ifndef ACCEL_STATUS_H
#define ACCEL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* What libaccel exports; everything else in it is hidden. */
#if defined(__GNUC__) && !defined(_WIN32)
#define ACCEL_API __attribute__((visibility("default")))
#else
#define ACCEL_API
#endif

/* X(symbol, number, name). Numbers are pinned: they are part of the ABI. */
#define ACCEL_STATUS_LIST(X)                                                                                 \
    X(ACCEL_OK, 0, "ok")                                                                                     \
    X(ACCEL_OUT_OF_MEMORY, 1, "out_of_memory")                                                               \
    X(ACCEL_INVALID_ARGUMENT, 2, "invalid_argument") /* the caller's arguments contradict each other */      \
    X(ACCEL_NOT_FOUND, 3, "not_found")               /* a file, model or name that does not exist */         \
    X(ACCEL_IO, 4, "io_error")                       /* the system refused to read or write */               \
    X(ACCEL_BAD_FILE, 5, "bad_file")                 /* untrusted bytes break their format's rules */        \
    X(ACCEL_BAD_GRAPH, 6, "bad_graph")               /* a graph that ONNX forbids: cycle, type, shape */     \
    X(ACCEL_UNSUPPORTED, 7, "unsupported")           /* valid, but this engine or reader cannot do it */     \
    X(ACCEL_ABSENT, 8, "absent")                     /* the device, runtime or library is not here */        \
    X(ACCEL_LIMIT, 9, "limit")                       /* valid, but above a stated limit */                   \
    X(ACCEL_TIMEOUT, 10, "timeout")                                                                          \
    X(ACCEL_CANCELLED, 11, "cancelled")                                                                      \
    X(ACCEL_BUSY, 12, "busy")               /* a lock is held by somebody else */                            \
    X(ACCEL_RUNTIME, 13, "error")           /* an engine or library failed while working */                  \
    X(ACCEL_INTERNAL, 14, "internal_error") /* our own bug */                                                \
    X(ACCEL_CRASHED, 15, "crashed")         /* another program that worked for us ended: a browser */

typedef enum accel_status {
#define ACCEL_STATUS_ENUM(symbol, number, name) symbol = number,
    ACCEL_STATUS_LIST(ACCEL_STATUS_ENUM)
#undef ACCEL_STATUS_ENUM
} accel_status;

enum { ACCEL_ERROR_MESSAGE_BYTES = 1024 };

typedef struct accel_error {
    accel_status status;
    char message[ACCEL_ERROR_MESSAGE_BYTES]; /* UTF-8, ends in NUL, cut when longer */
} accel_error;

/* The stable name of a status ("out_of_memory"); "unknown" for a number that is not in the list. */
ACCEL_API const char *accel_status_name(accel_status status);

#ifdef __cplusplus
}
#endif
#endif
