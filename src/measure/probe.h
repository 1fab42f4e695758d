/* Engines of a host, and the probe of a single one. Private to measure/. */
#ifndef ACCEL_MEASURE_PROBE_H
#define ACCEL_MEASURE_PROBE_H

#include "measure/measure.h"

size_t host_engine_count(const measure_host *host);
const engine_def *host_engine_at(const measure_host *host, size_t index);
const engine_def *host_engine_find(const measure_host *host, const char *name); /* NULL when unknown */

/* One entry an engine, or only one engine's, not probed yet. */
accel_status probe_list_create(const measure_host *host, const engine_def *only, probe_list **out,
                               accel_error *err);
void probe_in_place(const measure_host *host, probe_entry *entry, arena *a);
void probe_absent(probe_entry *entry, arena *a, const char *sentence);

accel_status probe_one(const measure_host *host, const engine_def *engine, measure_cancel cancel,
                       probe_list **out, accel_error *err);

#endif
