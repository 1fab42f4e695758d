/* Where the row of an id is: one side of a join. Private to the store. */
#ifndef ACCEL_STORE_ID_MAP_H
#define ACCEL_STORE_ID_MAP_H

#include "store/store.h"

typedef struct id_place {
    int64_t id;
    size_t row; /* counted from 1; 0: nothing is here */
} id_place;

typedef struct id_map {
    id_place *places; /* a power of two of them, at most half of them taken */
    size_t mask, count;
    int64_t least, greatest; /* of the ids; 0 where there are none */
} id_map;

enum { ID_NOT_THERE = -1 };

/* Of a column of rows, in their arena. An id that is there twice stands for its first row; NULLs are left out. */
accel_status id_map_of(id_map *m, const store_result *rows, size_t column, accel_error *err);
/* The row, or ID_NOT_THERE. */
int64_t id_map_find(const id_map *m, int64_t id);
/* " AND column IN (…)", which DuckDB may look up in an index, or, of many ids or of ids within a range of `spare`, BETWEEN: then other ids come along. */
void id_map_write(const id_map *m, const char *column, size_t spare, str_buf *sql);

#endif
