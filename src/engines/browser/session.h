/* A model in a tab. Private to engines/browser. */
#ifndef ACCEL_ENGINES_BROWSER_SESSION_H
#define ACCEL_ENGINES_BROWSER_SESSION_H

#include "engines/browser/tab.h"
#include "engines/start.h"
#include "engines/text.h"

/* What the page told beside times of load and inferences; NAN and NULL where it did not. */
typedef struct page_figures {
    const char *browser, *variant;
    yyjson_doc *loaded; /* its answer to load: holds the list of devices, and WebGPU's adapter */
    double download_ms, engine_ms, downloaded_bytes, cached_bytes;
    double plan_ms, upload_ms, pipeline_ms;              /* of WebGPU; parts of the time of compiling */
    double shaders, shaders_listed;                      /* of WebGPU; how many were begun before the plan */
    double clock_resolution_ms, runs_per_sample, gpu_ms; /* of the last block */
} page_figures;

struct engine_session {
    tab *tab;
    const graph *graph;
    arena *memory;     /* texts and sizes of the session */
    uint32_t features; /* bits of web_feature: what was on when it was loaded */
    engine_timing timing;
    engine_ran ran;
    page_figures figures;
    const tensor *inputs; /* as bound; the caller's */
    tensor *outputs;      /* views of what the page delivered */
    bool outputs_fetched; /* since the last run */
    double inference_timeout_s;
};

/* model.c: members of jobs. "model", "data" and "shapes"; memory: for names, until the job is done. "inputs" lie where they are. */
accel_status page_append_model(tab *t, arena *memory, const char *path, const graph *g, str_buf *out,
                               accel_error *err);
void page_append_shapes(const graph *g, str_buf *out); /* ,"shapes":{…} */
accel_status page_append_inputs(tab *t, const graph *g, const tensor *inputs, str_buf *out, accel_error *err);
accel_status page_append_input(tab *t, const char *name, const tensor *x, str_buf *out,
                               accel_error *err); /* an object of "inputs" */
/* ,"tuning":"…" of the device where there is one: the options', else the one that is remembered. */
void page_append_tuning(const tab *t, const engine_device *device, const engine_options *options,
                        str_buf *out);
/* The browser, its version and its WebGPU adapter: what tunings are kept by. */
void page_describe_adapter(const tab *t, const char *browser, str_buf *out);
/* outputs.c. Makes room for g's outputs, and takes them from what the page delivered into s->outputs. */
accel_status page_expect_outputs(engine_session *s, const graph *g, str_buf *put, accel_error *err);
accel_status page_take_outputs(engine_session *s, const graph *g, yyjson_val *result, accel_error *err);
/* A member that is a number from 0, else NAN. */
double page_number(yyjson_val *object, const char *key);

extern const engine_tuner page_tuner; /* tuner.c */

accel_status page_load(const engine_model *model, const engine_device *device, const engine_options *options,
                       engine_session **out, accel_error *err);
accel_status page_bind(engine_session *s, const tensor *inputs, size_t count, accel_error *err);
accel_status page_run(engine_session *s, accel_error *err);
accel_status page_sample(engine_session *s, const engine_block *block, engine_samples *out, accel_error *err);
accel_status page_outputs(engine_session *s, tensor *views, size_t count, accel_error *err);
accel_status page_profile(engine_session *s, arena *a, engine_profile_row **rows, size_t *count,
                          accel_error *err);
accel_status page_start(engine_session *s, const engine_start *how, engine_started *out,
                        accel_error *err); /* start.c */
accel_status page_generate(const engine_text *text, const engine_device *device,
                           const engine_options *options, engine_written *out, accel_error *err); /* text.c */
void page_web(const engine_session *s, str_buf *json);
void page_memory(const engine_session *s, engine_memory *out);
void page_unload(engine_session *s);

#endif
