/* What people see of an answer, whatever the format. Private to report/. */
#ifndef ACCEL_REPORT_KIND_SHOW_H
#define ACCEL_REPORT_KIND_SHOW_H

#include "report/kind.h"

/* The text of a cell: figures with their interval ("12.3 ± 0.2", "0.43 (0.41 to 0.45)"), "–" where there is nothing. Escape
 * sequences of terminals are taken out. */
void show_cell(const report_column *column, const store_result *answer, size_t row, str_buf *out);
/* Without what commands a terminal: escape sequences and other controls but line ends and tabs. */
void show_plain(const char *text, str_buf *out);
bool show_is_number(const report_column *column);

/* Rows that are shown, and which columns say the same in all of them and therefore stand above the table. */
typedef struct shown_section {
    const report_section *section;
    const store_result *answer;
    size_t row_count;
    bool *constant; /* of each column of the section */
} shown_section;

accel_status show_section(const report_section *s, const store_result *answer, shown_section *out,
                          accel_error *err);
void shown_section_free(shown_section *s);
/* "the same in all rows: precision fp32 · threads 2", or nothing. */
void show_constants(const shown_section *s, str_buf *out);
/* "500 of 12345 rows…", or nothing. */
void show_left_out(const shown_section *s, str_buf *out);
/* A row is a measurement, or has no provenance at all. */
bool show_is_measured(const store_result *answer, size_t row);

/* A matrix: distinct labels, and for each pair the row of the answer, or SIZE_MAX. Rows of two provenances are two rows. */
typedef struct shown_matrix {
    size_t *rows;         /* of the answer: the first of each label */
    const char **columns; /* labels */
    size_t row_count, column_count;
    size_t *cells; /* row by row */
} shown_matrix;

accel_status show_matrix(const report_grid *m, const store_result *answer, shown_matrix *out,
                         accel_error *err);
void shown_matrix_free(shown_matrix *m);

#endif
