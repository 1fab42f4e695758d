/* Starts of a case in a page, inside its child: with features of the start on or off, as the parent says. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "engines/start.h"
#include "graph/infer.h"
#include "graph/split.h"
#include "measure/child.h"
#include "measure/outputs.h"
#include "media/audio.h"
#include "zoo/front_end.h"

enum { FRONT_END_RUNS = 5 };

/* What a feature is tried on: the whole model in one file; its tower and the rest in two; its front end. */
struct child_start {
    bool ready;
    web_feature feature;
    uint32_t usual; /* features that are on where nothing is asked for */
    engine_component components[2];
    size_t component_count;
    graph *folded, *parts[2], *front_end; /* owned, where made */
    str_buf paths[2];
    const graph *whole;
    const char **names;
    const tensor *inputs;
    size_t input_count;
    tensor samples;         /* of a front end */
    media_tensors features; /* what the CPU makes of them: the reference of a front end */
    double audio_s;
};

void child_start_free(child_start *t) {
    if (t == NULL)
        return;
    for (size_t i = 0; i < 2; i++) {
        graph_destroy(t->parts[i]);
        str_free(&t->paths[i]);
    }
    graph_destroy(t->folded);
    graph_destroy(t->front_end);
    tensor_free(&t->samples);
    media_tensors_free(&t->features);
    mem_free(t->names);
    mem_free(t);
}

/* ---- the whole model, and its parts ----------------------------------------------------------------------------------------- */

static accel_status take_inputs(child_start *t, const child_model *m, accel_error *err) {
    const graph *g = m->model.graph;
    t->names = mem_calloc(g->input_count + 1, sizeof *t->names);
    if (t->names == NULL)
        return error_no_memory(err, "inputs", g->input_count * sizeof *t->names);
    for (size_t i = 0; i < g->input_count; i++)
        t->names[i] = g->values[g->inputs[i]].name;
    t->inputs = m->inputs.tensors;
    t->input_count = g->input_count;
    t->whole = g;
    return ACCEL_OK;
}

static accel_status prepare_whole(child_start *t, const child *c, const child_model *m, accel_error *err) {
    ACCEL_TRY(take_inputs(t, m, err));
    t->components[0] = (engine_component){c->job.onnx_path, m->model.graph, c->job.c->platform};
    t->component_count = 1;
    return ACCEL_OK;
}

static accel_status write_part(child_start *t, size_t i, const child *c, const engine_def *engine,
                               accel_error *err) {
    static const char *const names[] = {"tower", "rest"};
    str_buf folder = {0};
    const char *temporary = getenv("TMPDIR"); /* of this child: it goes with it */
    file_join(&folder, temporary != NULL ? temporary : "/tmp", names[i]);
    accel_status status = folder.failed ? error_no_memory(err, "a path", folder.length)
                                        : file_make_folders(str_text(&folder), err);
    if (status == ACCEL_OK)
        status = engine_write_model(engine, t->parts[i], str_text(&folder), &t->paths[i], err);
    str_free(&folder);
    t->components[i] = (engine_component){str_text(&t->paths[i]), t->parts[i], c->job.c->platform};
    return status;
}

static accel_status prepare_parts(child_start *t, const child *c, const child_model *m,
                                  const engine_def *engine, accel_error *err) {
    ACCEL_TRY(take_inputs(t, m, err));
    ACCEL_TRY(graph_clone(m->model.graph, &t->folded, err));
    ACCEL_TRY(graph_infer(t->folded, err));
    ACCEL_TRY(graph_fold_found(t->folded, err)); /* what follows from shapes alone belongs to no part */
    ACCEL_TRY(graph_split_media(t->folded, &t->parts[0], &t->parts[1], err));
    for (size_t i = 0; i < 2; i++)
        ACCEL_TRY(write_part(t, i, c, engine, err));
    t->component_count = 2;
    return ACCEL_OK;
}

/* ---- the front end ---------------------------------------------------------------------------------------------------------- */

/* Noise at a tenth of full scale under four tones: neither silent nor clipped anywhere. */
static void make_sound(float *samples, int64_t count, int64_t rate, uint64_t seed) {
    rng r;
    rng_seed_name(&r, seed, "samples");
    rng_fill_uniform_f32(&r, samples, (size_t)count, -0.1F, 0.1F);
    for (int64_t i = 0; i < count; i++)
        for (int tone = 0; tone < 4; tone++)
            samples[i] +=
                (float)(0.15 * sin(2 * M_PI * 220.0 * (double)(1 << tone) * (double)i / (double)rate));
}

static accel_status make_samples(child_start *t, const child *c, const media_audio_processing *p,
                                 accel_error *err) {
    const shape *declared = &t->front_end->values[t->front_end->inputs[0]].type.shape;
    const shape s = shape_make(2, (int64_t[]){1, declared->dims[1]});
    media_sound sound = {.frames = s.dims[1], .channels = 1, .rate = p->sampling_rate};
    ACCEL_TRY(tensor_create(DTYPE_F32, &s, &t->samples, err));
    make_sound(t->samples.data, sound.frames, sound.rate, (uint64_t)c->job.seed);
    sound.samples = t->samples.data;
    t->audio_s = (double)sound.frames / (double)sound.rate;
    ACCEL_TRY(graph_bind_input(t->front_end, "samples", &s, err));
    ACCEL_TRY(graph_infer(t->front_end, err));
    return media_audio_process(p, &sound, 1, &t->features, err);
}

static accel_status prepare_front_end(child_start *t, const child *c, const child_model *m,
                                      accel_error *err) {
    static const char *const name = "samples";
    media_audio_processing p;
    bool is_one = str_starts_with(c->job.c->model, ZOO_FRONT_END);
    const char *family = is_one ? c->job.c->model + strlen(ZOO_FRONT_END) : m->model.family;
    ACCEL_TRY(zoo_front_end(family, &t->front_end, err));
    ACCEL_TRY(media_audio_processing_default(family, &p, err));
    ACCEL_TRY(make_samples(t, c, &p, err));
    t->names = mem_calloc(1, sizeof *t->names);
    str_appendf(&t->paths[0], "%s%s", ZOO_FRONT_END, family);
    if (t->names == NULL || t->paths[0].failed)
        return error_no_memory(err, "a front end", 1);
    t->names[0] = name;
    t->inputs = &t->samples;
    t->input_count = t->component_count = 1;
    t->whole = t->front_end;
    t->components[0] = (engine_component){str_text(&t->paths[0]), t->front_end, PLATFORM_WEBGPU};
    return ACCEL_OK;
}

static accel_status prepare(child_start *t, const child *c, const child_model *m, const engine_def *engine,
                            accel_error *err) {
    ACCEL_TRY(web_features_default(getenv, &t->usual, err));
    switch (t->feature) {
    case WEB_PARALLEL_LOADING:
        return prepare_parts(t, c, m, engine, err);
    case WEB_COMPUTE_SHADERS:
        return prepare_front_end(t, c, m, err);
    default:
        return prepare_whole(t, c, m, err);
    }
}

/* ---- a start ---------------------------------------------------------------------------------------------------------------- */

/* A front end is judged here: its reference is the code that makes features on the CPU. The parent judges the rest. */
static accel_status judge_front_end(const child_start *t, const engine_started *got, str_buf *out,
                                    accel_error *err) {
    const media_tensor *expected = media_tensors_find(&t->features, "input_features");
    tensor_distance d = {0};
    const tensor reference = {.type = DTYPE_F32,
                              .shape = shape_make(expected->rank, expected->dims),
                              .data = expected->data,
                              .size_bytes = expected->size_bytes};
    ACCEL_TRY(tensor_compare(&got->outputs[0], &reference, &d, err));
    str_append(out, ",\"relative_l2\":");
    json_append_real(out, d.relative_l2);
    str_append(out, ",\"reference\":\"features computed on the CPU in double precision\"");
    return ACCEL_OK;
}

static void append_figure(str_buf *out, const char *key, double value) {
    if (isnan(value))
        return;
    str_appendf(out, ",\"%s\":", key);
    json_append_real(out, value);
}

static void append_started(const child_start *t, const engine_started *s, str_buf *out) {
    str_appendf(out, "{\"components\":%zu", t->component_count);
    if (t->audio_s > 0)
        append_figure(out, "audio_s", t->audio_s);
#define APPEND(name) append_figure(out, #name, s->name)
    APPEND(start_ms);
    APPEND(load_ms);
    APPEND(run_ms);
    APPEND(download_ms);
    APPEND(plan_ms);
    APPEND(upload_ms);
    APPEND(pipeline_ms);
    APPEND(shader_ms);
    APPEND(shaders);
    APPEND(shaders_listed);
    APPEND(shaders_compiled);
#undef APPEND
}

static accel_status start(child_start *t, const engine_def *engine, engine_session *session, bool on,
                          str_buf *out, accel_error *err) {
    uint32_t bit = 1U << t->feature;
    engine_component components[2] = {t->components[0], t->components[1]};
    engine_start how = {.components = components,
                        .component_count = t->component_count,
                        .input_names = t->names,
                        .inputs = t->inputs,
                        .input_count = t->input_count,
                        .whole = t->whole,
                        .features = on ? t->usual | bit : t->usual & ~bit,
                        .more_runs = t->front_end != NULL ? FRONT_END_RUNS : 0};
    engine_started started = {0};
    if (t->front_end != NULL)
        components[0].platform = on ? PLATFORM_WEBGPU : PLATFORM_WASM;
    ACCEL_TRY(engine->start(session, &how, &started, err));
    append_started(t, &started, out);
    if (t->front_end != NULL)
        ACCEL_TRY(judge_front_end(t, &started, out, err));
    else
        ACCEL_TRY(outputs_write(WIRE_OUTPUTS, started.outputs, started.output_count, err));
    str_append_char(out, '}');
    return out->failed ? error_no_memory(err, "a start", out->length) : ACCEL_OK;
}

static accel_status start_as_told(child_start **state, const child *c, const child_model *m,
                                  const engine_def *engine, engine_session *session, const wire_start *how,
                                  str_buf *out, accel_error *err) {
    if (engine->start == NULL)
        return error_set(err, ACCEL_UNSUPPORTED, "features of the start are those of pages; %s is none",
                         engine->name);
    if (how->feature >= WEB_FEATURE_COUNT)
        return error_set(err, ACCEL_INTERNAL, "a child does not know feature %u", how->feature);
    if (*state != NULL && (*state)->feature != (web_feature)how->feature) {
        child_start_free(*state);
        *state = NULL;
    }
    if (*state == NULL) {
        *state = mem_calloc(1, sizeof **state);
        if (*state == NULL)
            return error_no_memory(err, "a start", sizeof **state);
        (*state)->feature = (web_feature)how->feature;
        ACCEL_TRY(prepare(*state, c, m, engine, err));
    }
    child_phase("starting in a fresh page");
    return start(*state, engine, session, how->on != 0, out, err);
}

accel_status child_start_once(child_start **state, const child *c, const child_model *m,
                              const engine_def *engine, engine_session *session, const wire_start *how,
                              accel_error *err) {
    str_buf out = {0};
    accel_error failure = {0};
    accel_status status = start_as_told(state, c, m, engine, session, how, &out, &failure);
    if (status != ACCEL_OK) {
        out.length = 0;
        str_append(&out, "{\"why_not\":");
        json_append_text(&out, failure.message);
        str_append_char(&out, '}');
    }
    status = out.failed ? error_no_memory(err, "a message", out.length)
                        : wire_write(WIRE_SOCKET, WIRE_STARTED, out.data, out.length, err);
    str_free(&out);
    return status;
}
