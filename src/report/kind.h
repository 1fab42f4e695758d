/* Reports of a kind: what is in the database about one subject, as a page, a document, for programs, or as a picture.
 *
 * A kind is a list of sections; a section is a question over sources (scope.h) and what its answer looks like. One renderer makes every
 * format from that. To add a kind: a file of kinds/ with `const report_kind kind_NAME`, and a line in REPORT_KINDS. */
#ifndef ACCEL_REPORT_KIND_H
#define ACCEL_REPORT_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "report/scope.h"
#include "store/store.h"

#define REPORT_KINDS(X)                                                                                      \
    X(performance)                                                                                           \
    X(hardware)                                                                                              \
    X(compatibility)                                                                                         \
    X(summary)                                                                                               \
    X(integration)                                                                                           \
    X(web_platform)                                                                                          \
    X(webgpu)                                                                                                \
    X(web_optimizations)                                                                                     \
    X(simulation_vs_real)

/* ---- what a kind consists of ---------------------------------------------------------------------------------------- */

typedef enum column_form {
    COLUMN_TEXT,
    COLUMN_LONG,   /* may be many kilobytes: folded on a page, shortened elsewhere */
    COLUMN_FIGURE, /* a number, with as many decimals as it deserves */
    COLUMN_COUNT,  /* a whole number */
    COLUMN_YES_NO,
    COLUMN_TIME /* shown to the minute */
} column_form;

/* A column of the answer that people see. What else the answer has is for programs; names that begin with _ are for nobody. */
typedef struct report_column {
    const char *key;   /* name in the answer, in JSON and CSV */
    const char *title; /* with the unit */
    column_form form;
    bool always;       /* shown even where every row says the same; figures and counts always are */
    bool not_measured; /* its figures are no measurements, whatever the row's provenance: pale */
    /* Where the 95 % interval is: */
    const char *half;       /* the column with its half width; or */
    const char *low, *high; /* those with its ends; or */
    const char *deviation,
        *samples; /* the figure is a mean: its standard deviation and n; KEY_ci95 follows */
} report_column;

/* Two lists of the answer (texts: [1.5, 2]) whose means are compared. Adds ratio, ratio_low, ratio_high (Fieller, 95 %) and verdict. */
typedef struct report_ratio {
    const char *over, *under;
    bool same_process;       /* each list is the samples of one process: batch means, else independent runs */
    bool improvement;        /* adds improvement_percent with _low and _high: what `over` saves of `under` */
    const char *less, *more; /* verdict where the ratio is surely below or above 1 */
    const char *too_few;     /* where there is no interval */
} report_ratio;

/* A row of the answer is one cell of a table. */
typedef struct report_grid {
    const char *row, *column, *cell;
    const char *state; /* column: good, bad, mixed */
} report_grid;

/* What of an answer is drawn; columns by their keys. */
enum { CHART_VALUES_MOST = 4 };
typedef struct report_chart {
    const char *title;
    const char *unit; /* of the values */
    /* Bars: a category has the texts of `name` and `more`, the bars of one have a colour for each `series`. Lines: all three name a line. */
    const char *name, *more, *series;        /* more, series: NULL where there is none */
    const char *x;                           /* of lines: seconds since 1970; NULL: bars */
    const char *values[CHART_VALUES_MOST];   /* one, or several that have a colour each */
    const char *half, *low, *high, *samples; /* of one value: its interval, how many it is the mean of */
} report_chart;

typedef struct report_section {
    const char *key, *title;
    const char *text; /* what is seen, how it was come by */
    const char *sql;  /* over the sources of scope.h; has a column "provenance" wherever it has figures */
    const report_column *columns;
    size_t column_count;
    bool is_background;        /* facts that are always there: alone they do not make a report */
    const report_ratio *ratio; /* may be NULL */
    const report_grid *matrix; /* for people; may be NULL */
    const report_chart *chart; /* may be NULL */
} report_section;

typedef struct report_advice {
    const char *command, *what_for;
} report_advice;

typedef struct report_kind {
    const char *name, *title, *summary;
    const char *const *sources;  /* whose rows it is about; ends in NULL */
    const report_advice *to_run; /* when there is nothing to show; ends in {NULL} */
    const report_section *sections;
    size_t section_count;
    bool
        all_provenances; /* the kind is about what is not measured: --provenance is about the measured side */
} report_kind;

#define REPORT_KIND_DECLARE(name) extern const report_kind kind_##name;
REPORT_KINDS(REPORT_KIND_DECLARE)
#undef REPORT_KIND_DECLARE

size_t report_kind_count(void);
const report_kind *report_kind_at(size_t index);
const report_kind *report_kind_find(const char *name); /* NULL: there is none */

/* ---- asking ----------------------------------------------------------------------------------------------------------- */

typedef struct kind_report {
    const report_kind *kind;
    const report_scope *scope;
    const char *database, *title; /* title NULL: the kind's */
    store_result **answers;       /* of each section, with its derived columns */
    store_result *provenances;    /* of all rows that the kind is about: provenance, rows */
} kind_report;

/* Answers every section from one state of the database. scope and database must live as long as the report. */
accel_status kind_report_ask(const report_kind *kind, const char *database, const report_scope *scope,
                             kind_report *out, accel_error *err);
void kind_report_free(kind_report *r); /* accepts a zero one */
bool kind_report_is_empty(const kind_report *r);
/* What to run, or which option shows what is not shown: lines of a command, a tab and what it does. */
void kind_report_advice(const kind_report *r, str_buf *out);
/* The parts of the line at *text, which moves behind it; false at the end. */
typedef struct advice_line {
    const char *command, *what_for; /* not ended by NUL */
    int command_length, what_for_length;
} advice_line;
bool kind_advice_next(const char **text, advice_line *out);
/* What is shown and what is not, in sentences. */
void kind_report_scope(const kind_report *r, str_buf *out);
/* Whether rows of that provenance are among those that are shown. */
bool kind_report_shows(const kind_report *r, const char *provenance);

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

#define KIND_FORMAT_LIST(X)                                                                                  \
    X(KIND_TABLE, "table")                                                                                   \
    X(KIND_HTML, "html")                                                                                     \
    X(KIND_MARKDOWN, "markdown")                                                                             \
    X(KIND_JSON, "json")                                                                                     \
    X(KIND_CSV, "csv")

typedef enum kind_format {
#define KIND_FORMAT_ENUM(symbol, name) symbol,
    KIND_FORMAT_LIST(KIND_FORMAT_ENUM)
#undef KIND_FORMAT_ENUM
} kind_format;
bool kind_format_from_name(const char *name, kind_format *out);

/* html: a page that needs no network. json: one object. csv: all sections under each other, the first column says which; columns that a
 * section has not are empty. People see at most KIND_ROWS_MOST rows of a section, programs all. */
enum { KIND_ROWS_MOST = 500 };
/* The chart of the first section that has one with values, to a file whose ending says how (.png, .svg). ACCEL_NOT_FOUND: there is none. */
accel_status kind_report_draw(const kind_report *r, const char *path, accel_error *err);
accel_status kind_report_write(const kind_report *r, kind_format format, bool color, str_buf *out,
                               accel_error *err);

#endif
