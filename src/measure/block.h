/* Blocks of sampling. Private to measure/. */
#ifndef ACCEL_MEASURE_BLOCK_H
#define ACCEL_MEASURE_BLOCK_H

#include "measure/run.h"

/* Waits until the children of cases[0, count) other than k are idle. */
void block_wait_for_others(const runner *run, const case_run *cases, size_t count, const case_run *k);
/* Whether the first inference took all the time that warming up may take: then it was the warm-up. */
bool block_first_was_enough(const case_run *k, const bench_settings *s);
/* One unmeasured block; sets k->warmed when the series is steady or has had its time. */
void block_warm_up(runner *run, case_run *cases, size_t count, case_run *k);
/* One measured block, with its note in k->blocks. A failing case is no failure of this. */
accel_status block_measure(runner *run, case_run *cases, size_t count, case_run *k, accel_error *err);
/* Whether k has this share (0 to 1) of the samples that the settings ask for. */
bool block_enough(const case_run *k, const bench_settings *s, double share);
/* Around a measurement that is not repeated when the machine is busy: watch_end notes what else went on, in words too. */
typedef struct block_watch {
    load_snapshot before;
    double own_cpu_s;
} block_watch;
void block_watch_begin(block_watch *w, const case_run *k);
void block_watch_end(const block_watch *w, case_run *k);
/* Which blocks are kept, and in words what the machine did. */
void block_choose(case_run *k, const bench_settings *s);

#endif
