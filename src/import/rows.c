#include "import/rows.h"

#include "base/hash.h"
#include "base/mem.h"

#define PROVENANCE_record(row)        ((row)->provenance = "imported", (row)->is_simulated = 0)
#define PROVENANCE_compatibility(row) ((row)->provenance = "imported", (row)->is_simulated = 0)
#define PROVENANCE_integration(row)   ((row)->provenance = "imported", (row)->is_simulated = 0)
#define PROVENANCE_web(row)           ((row)->provenance = "imported", (row)->is_simulated = 0)
#define PROVENANCE_optimization(row)  ((row)->provenance = "imported", (row)->is_simulated = 0)
#define PROVENANCE_seen(row)          ((row)->is_simulated = 0)
#define PROVENANCE_assertion(row)     ((void)(row))
#define PROVENANCE_webgpu(row)        ((void)(row))
#define PROVENANCE_shader(row)        ((void)(row))
#define PROVENANCE_loading(row)       ((void)(row))

#define ADD(name, type)                                                                                      \
    type *import_add_##name(import_rows *rows) {                                                             \
        type *row = &rows->name##_spare;                                                                     \
        if (mem_grow((void **)&rows->name##_rows, &rows->name##_capacity, rows->name##_count + 1,            \
                     sizeof *row))                                                                           \
            row = &rows->name##_rows[rows->name##_count++];                                                  \
        else                                                                                                 \
            rows->failed = true;                                                                             \
        type##_init(row);                                                                                    \
        PROVENANCE_##name(row);                                                                              \
        return row;                                                                                          \
    }
IMPORT_ROW_KINDS(ADD)

void import_rows_init(import_rows *rows) {
    *rows = (import_rows){0};
    store_run_init(&rows->run);
}

void import_rows_free(import_rows *rows) {
#define FREE(name, type) mem_free(rows->name##_rows);
    IMPORT_ROW_KINDS(FREE)
    import_rows_init(rows);
}

size_t import_rows_count(const import_rows *rows) {
    return rows->record_count + rows->compatibility_count + rows->integration_count + rows->web_count +
           rows->optimization_count + rows->seen_count;
}

store_batch import_rows_batch(const import_rows *rows) {
    store_batch b = {.run = rows->run, .records = rows->record_rows, .record_count = rows->record_count};
#define TAKE(name)                                                                                           \
    b.name##_rows = rows->name##_rows;                                                                       \
    b.name##_count = rows->name##_count;
    TAKE(compatibility)
    TAKE(integration)
    TAKE(assertion)
    TAKE(web)
    TAKE(webgpu)
    TAKE(optimization)
    TAKE(shader)
    TAKE(loading)
    TAKE(seen)
    return b;
}
