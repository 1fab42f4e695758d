/* Rows that a reader makes of a file, and what it knows of the file. */
#ifndef ACCEL_IMPORT_ROWS_H
#define ACCEL_IMPORT_ROWS_H

#include "base/arena.h"
#include "base/error.h"
#include "store/rows.h"

/* X(name, type): the growing arrays of import_rows. */
#define IMPORT_ROW_KINDS(X)                                                                                  \
    X(record, record)                                                                                        \
    X(compatibility, store_compatibility)                                                                    \
    X(integration, store_integration)                                                                        \
    X(assertion, store_assertion)                                                                            \
    X(web, store_web)                                                                                        \
    X(webgpu, store_webgpu)                                                                                  \
    X(optimization, store_optimization)                                                                      \
    X(shader, store_shader)                                                                                  \
    X(loading, store_loading)                                                                                \
    X(seen, store_seen)

typedef struct import_rows {
    store_run
        run; /* test_name, command_line and the like may be set by the reader; the rest is the caller's */
#define IMPORT_ARRAY(name, type)                                                                             \
    type *name##_rows;                                                                                       \
    size_t name##_count, name##_capacity;                                                                    \
    type name##_spare; /* what the caller fills when memory has ended */
    IMPORT_ROW_KINDS(IMPORT_ARRAY)
#undef IMPORT_ARRAY
    bool failed; /* memory ended */
} import_rows;

/* A new row in which everything is absent, imported, not simulated. Never NULL: when memory ends `failed` is set, and the row is of no
 * consequence. Valid until the next row of its kind is added. */
#define IMPORT_ADD(name, type) type *import_add_##name(import_rows *rows);
IMPORT_ROW_KINDS(IMPORT_ADD)
#undef IMPORT_ADD

void import_rows_init(import_rows *rows);
void import_rows_free(import_rows *rows); /* leaves it empty */
size_t import_rows_count(
    const import_rows
        *rows); /* of all kinds that hold results: assertions and other children are not counted */
store_batch import_rows_batch(const import_rows *rows); /* points into rows */

#endif
