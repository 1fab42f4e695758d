/* Which model ran on which platform: a row a model, a column a platform and engine, measured figures and statuses only. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "report/groups.h"
#include "report/report.h"

typedef struct matrix {
    const record *records;
    size_t count;
    const char **rows, **columns; /* names of models; runners, in the order of their first record */
    size_t row_count, column_count;
    char (*labels)[96]; /* of the columns */
} matrix;

static size_t place_of(const char **names, size_t *count, const char *name) {
    for (size_t i = 0; i < *count; i++)
        if (str_equal(names[i], name))
            return i;
    names[*count] = name;
    return (*count)++;
}

static bool collect(matrix *m) {
    m->rows = mem_calloc(m->count + 1, sizeof *m->rows);
    m->columns = mem_calloc(m->count + 1, sizeof *m->columns);
    m->labels = mem_calloc(m->count + 1, sizeof *m->labels);
    if (!m->rows || !m->columns || !m->labels)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        (void)place_of(m->rows, &m->row_count, m->records[i].model_name);
        char *label = m->labels[m->column_count];
        (void)record_runner(&m->records[i], label, sizeof *m->labels);
        (void)place_of(m->columns, &m->column_count, label);
    }
    return true;
}

/* Several records (batches, modes) of one cell: the first that failed speaks for it, else the first. */
static const record *cell_record(const matrix *m, size_t row, size_t column) {
    const record *found = NULL;
    char label[96];
    for (size_t i = 0; i < m->count; i++) {
        const record *r = &m->records[i];
        if (!str_equal(r->model_name, m->rows[row]) ||
            !str_equal(record_runner(r, label, sizeof label), m->columns[column]))
            continue;
        if (!found || (record_is_ok(found) && !record_is_ok(r)))
            found = r;
    }
    return found;
}

static void cell(table *t, const record *r) {
    if (!r) {
        table_null(t);
        return;
    }
    if (!record_is_ok(r)) {
        table_text(t, r->status);
        return;
    }
    double ms = r->latency_median_ms;
    table_number(t, ms, record_decimals(ms));
    table_display(t, "%.*f ms%s", record_decimals(ms), ms, r->verified > 0 ? "" : ", not verified");
}

table *report_matrix(const record *records, size_t count) {
    matrix m = {.records = records, .count = count};
    table *t = collect(&m) ? table_create() : NULL;
    if (t) {
        table_column(t, "model", NULL, false);
        for (size_t c = 0; c < m.column_count; c++)
            table_column(t, m.columns[c], NULL, true);
        for (size_t row = 0; row < m.row_count; row++) {
            table_row(t);
            table_text(t, m.rows[row]);
            for (size_t c = 0; c < m.column_count; c++)
                cell(t, cell_record(&m, row, c));
        }
    }
    mem_free((void *)(uintptr_t)m.rows);
    mem_free((void *)(uintptr_t)m.columns);
    mem_free(m.labels);
    return t;
}
