/* The one model of this instance, between the files of this room. */
#ifndef ACCEL_PAGE_STATE_H
#define ACCEL_PAGE_STATE_H

#include "base/json.h"
#include "base/str.h"
#include "engines/engine.h"
#include "zoo/zoo.h"

typedef struct page_state {
    zoo_model model;   /* graph NULL: none is open */
    str_buf reference; /* what it was opened by, and how: for its other graphs */
    zoo_options zoo;
    int threads;
    precision precision;
    engine_session *session; /* NULL: the model is not ready for any shapes */
    tensor *inputs;          /* one an input of the graph, once their shapes are known */
    double prepared_ms;
    accel_error error;
    str_buf text; /* what was given out last */
} page_state;

extern page_state page;

/* ACCEL_INVALID_ARGUMENT when no model is open. */
accel_status page_need_model(accel_error *err);
/* The text that was written into page.text, or NULL with page.error set. Begin with page_text_start. */
str_buf *page_text_start(void);
const char *page_text_end(accel_status status);

/* Inputs as the page names them. */
typedef struct page_feeds {
    size_t count;
    const char **names;
    tensor *values; /* what the page wrote, in place */
} page_feeds;
accel_status page_read_feeds(yyjson_val *list, arena *a, page_feeds *out, accel_error *err);
accel_status page_with_json(const char *json, size_t length, const char *what,
                            accel_status (*use)(yyjson_val *root, accel_error *err));

/* shapes.c: ends the session and frees its inputs. */
void page_drop_inputs(void);
/* [{"name","type","dims","at","bytes"}]: tensors, and the values that they are of. */
void page_append_tensors(str_buf *out, const value_id *ids, const tensor *tensors, size_t count);

/* session.c, or webnn.c and webgpu.c in the builds for these: for page.inputs, whose shapes the graph has. */
accel_status page_make_session(accel_error *err);
void page_drop_session(void);
extern const engine_def *const page_engine; /* not in the build for WebNN */
/* generate.c, or webnn.c */
void page_drop_generation(void);

#endif
