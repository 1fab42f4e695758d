/* Inside a child: what its tasks share. Private to measure/. */
#ifndef ACCEL_MEASURE_CHILD_H
#define ACCEL_MEASURE_CHILD_H

#include "measure/job.h"
#include "measure/wire.h"
#include "zoo/zoo.h"

typedef struct child {
    const engine_def *const *engines; /* NULL: the table */
    size_t engine_count;
    arena *arena;
    child_job job;
} child;

const engine_def *child_find_engine(const child *c, const char *name);
void child_phase(const char *text); /* tells the parent what begins now */

/* The model with inputs of the job's shapes, bound. */
typedef struct child_model {
    zoo_model model;
    zoo_inputs inputs;
    uint64_t read_ns; /* reading and binding */
} child_model;
accel_status child_load_model(const child *c, child_model *out, accel_error *err);
void child_model_free(child_model *m);

/* A session of the job's options, bound to the model's inputs. */
accel_status child_load_session(const child *c, const child_model *m, const engine_def *engine, bool profile,
                                engine_session **out, accel_error *err);

/* Runs a session that profiles and tells the parent; what fails there is told too and is no failure of the child. */
accel_status child_profile(const child *c, const child_model *m, const engine_def *engine, accel_error *err);

/* A start as the parent asks for it, told to the parent; what fails there is told too. *state: NULL at first, kept from one to the next. */
typedef struct child_start child_start;
accel_status child_start_once(child_start **state, const child *c, const child_model *m,
                              const engine_def *engine, engine_session *session, const wire_start *how,
                              accel_error *err);
void child_start_free(child_start *t); /* accepts NULL */

accel_status child_probe(child *c, accel_error *err);
accel_status child_prepare(child *c, accel_error *err);
accel_status child_reference(child *c, accel_error *err);
accel_status child_case(child *c, accel_error *err);
accel_status child_tune(child *c, accel_error *err); /* tune_child.c */

/* Peak resident memory of this process and the part of the present one that is pages of files; RECORD_NONE where unknown. */
void child_memory(int64_t *peak_rss_bytes, int64_t *file_backed_bytes);

#endif
