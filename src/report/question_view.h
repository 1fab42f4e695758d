/* Answers to the ready questions (store/questions.h) as tables and charts. */
#ifndef ACCEL_REPORT_QUESTION_VIEW_H
#define ACCEL_REPORT_QUESTION_VIEW_H

#include "report/chart_draw.h"
#include "report/table.h"
#include "store/questions.h"

/* Comparisons of hardware have a row a model (and batch, precision, …) and a column a platform and engine; the compatibility matrix a row a model and a column a
 * platform; the others a row a row. People see columns in which nothing varies above the table, and "12.3 ± 0.1 (1.24×)" where programs get a number, with the
 * ratio in a column of its own. NULL when memory ends. */
table *question_table(const question *q, const store_result *answer, bool for_programs);

/* The same as a chart, in a; it borrows the answer's texts. */
accel_status question_chart(const question *q, const store_result *answer, arena *a, chart *out,
                            accel_error *err);

#endif
