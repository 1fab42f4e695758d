#include "store/id_map.h"

/* Longer lists take DuckDB longer to read than the rows between their ends. */
enum { LONGEST_LIST = 256 };

/* Fibonacci hashing: ids are mostly consecutive, in a lake they are hashes already. */
static size_t place_of(const id_map *m, int64_t id) {
    size_t at = (size_t)(((uint64_t)id * 0x9e3779b97f4a7c15u) >> 32) & m->mask;
    while (m->places[at].row != 0 && m->places[at].id != id)
        at = (at + 1) & m->mask;
    return at;
}

static void add(id_map *m, int64_t id, size_t row) {
    id_place *p = &m->places[place_of(m, id)];
    if (p->row != 0)
        return;
    *p = (id_place){id, row + 1};
    m->least = m->count == 0 || id < m->least ? id : m->least;
    m->greatest = m->count == 0 || id > m->greatest ? id : m->greatest;
    m->count++;
}

accel_status id_map_of(id_map *m, const store_result *rows, size_t column, accel_error *err) {
    size_t places = 16;
    while (places / 2 < rows->row_count)
        places *= 2;
    *m = (id_map){.places = ARENA_ARRAY(rows->arena, id_place, places), .mask = places - 1};
    if (m->places == NULL)
        return error_no_memory(err, "an answer", places * sizeof *m->places);
    for (size_t i = 0; i < rows->row_count; i++) {
        const store_cell *cell = &rows->cells[i * rows->column_count + column];
        if (cell->type == STORE_INTEGER)
            add(m, cell->integer, i);
    }
    return ACCEL_OK;
}

int64_t id_map_find(const id_map *m, int64_t id) {
    return (int64_t)m->places[place_of(m, id)].row - 1;
}

void id_map_write(const id_map *m, const char *column, size_t spare, str_buf *sql) {
    const char *separator = "";
    uint64_t between = (uint64_t)m->greatest - (uint64_t)m->least;
    if (m->count == 0) {
        str_append(sql, " AND false");
        return;
    }
    if (m->count > LONGEST_LIST || between < spare) {
        str_appendf(sql, " AND %s BETWEEN %lld AND %lld", column, (long long)m->least,
                    (long long)m->greatest);
        return;
    }
    str_appendf(sql, " AND %s IN (", column);
    for (size_t i = 0; i <= m->mask; i++) {
        if (m->places[i].row == 0)
            continue;
        str_append(sql, separator);
        str_append_i64(sql, m->places[i].id);
        separator = ", ";
    }
    str_append(sql, ")");
}
