/* Sequences after a crash. DuckDB (1.5.6, tried) writes the first number that a transaction took into its log, not the last: replayed after a kill,
 * the sequence gives numbers that are there already, and every insertion fails. */
#include "base/arena.h"
#include "store/database_file.h"
#include "store/schema.h"

/* For each sequence that is behind its table: the statement that takes the numbers which are used. */
static void append_question(str_buf *sql) {
    const char *separator = "";
    str_append(
        sql,
        "SELECT 'SELECT max(nextval(''' || name || ''')) FROM range(' || CAST(last - coalesce(last_value, start_value - 1) AS VARCHAR) || ')' "
        "FROM duckdb_sequences() JOIN (");
    for (size_t i = 0; i < schema_table_count; i++) {
        const schema_table *t = &schema_tables[i];
        if (t->sequence == NULL)
            continue;
        str_appendf(sql, "%sSELECT '%s' AS name, max(%s) AS last FROM %s", separator, t->sequence,
                    t->columns[0].name, t->name);
        separator = " UNION ALL ";
    }
    str_append(
        sql,
        ") ON sequence_name = name WHERE database_name = current_database() AND last > coalesce(last_value, start_value - 1)");
}

accel_status database_catch_up_sequences(database *db, accel_error *err) {
    enum { MOST = 64 };
    const char *statements[MOST];
    size_t count = 0;
    str_buf sql = {0};
    arena *a = arena_create();
    append_question(&sql);
    accel_status status = a != NULL && !sql.failed
                              ? database_texts(db, sql.data, a, statements, MOST, &count, err)
                              : error_no_memory(err, "a statement", sql.length);
    for (size_t i = 0; i < count && status == ACCEL_OK; i++)
        status = database_exec(db, statements[i], err);
    str_free(&sql);
    arena_destroy(a);
    return status;
}
