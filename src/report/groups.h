/* Records put side by side: those that differ only in platform, engine and device form a group. */
#ifndef ACCEL_REPORT_GROUPS_H
#define ACCEL_REPORT_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "measure/record.h"

typedef struct record_groups {
    const record *
        *rows; /* all records, group after group; inside a group ok ones by latency, then the others */
    size_t count;
    size_t *starts; /* group g is rows[starts[g]] … rows[starts[g + 1] - 1] */
    size_t group_count;
} record_groups;

accel_status record_groups_make(const record *records, size_t count, record_groups *out, accel_error *err);
void record_groups_free(record_groups *g);

bool record_is_ok(const record *r);
/* The figure that a group is judged by: median latency in ms, lower is better; NAN unless ok. Offline runs are judged by time an item. */
double record_figure_ms(const record *r);
/* Half width of that figure's 95 % interval; 0 where there is none. */
double record_interval_ms(const record *r);
/* The fastest ok record that no reference contradicts; NULL when there is none. A measured one comes before any that is not. */
const record *record_groups_best(const record_groups *g, size_t group);
/* The next one of another engine or platform with the same kind of provenance; NULL when there is none. */
const record *record_groups_second(const record_groups *g, size_t group, const record *best);
bool record_is_measured(const record *r);
int record_decimals(double ms); /* as many as the figure deserves */
/* "native", "onnxruntime", "openvino CPU": what tells a row from others of its group. Into buffer, which is returned. */
const char *record_runner(const record *r, char *buffer, size_t size);
/* "minilm (generated weights), batch 8, sequence 128, fp32, 2 threads": what a group has in common. */
const char *record_subject(const record *r, char *buffer, size_t size);

#endif
