/* Answers of the store as tables. */
#ifndef ACCEL_REPORT_RESULT_TABLE_H
#define ACCEL_REPORT_RESULT_TABLE_H

#include "report/chart_draw.h"
#include "report/table.h"
#include "store/store.h"

/* A column a column, a row a row. NULL when memory ends. */
table *result_table(const store_result *r);
void result_cell(table *t, const store_cell *c); /* one cell of a row */

/* The index of a column by name; SIZE_MAX: there is none. */
size_t result_column(const store_result *r, const char *name);

/* The answer as a chart, in a; it borrows the answer's texts. The first column is x where it holds times or numbers (lines), else it names
 * bars; every column of numbers behind it is a series. ACCEL_INVALID_ARGUMENT: there is none. */
accel_status result_chart(const store_result *r, const char *title, arena *a, chart *out, accel_error *err);

#endif
