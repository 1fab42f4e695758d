/* Writing text in the build for WebGPU: the page carries out one run at a time, and moves what the prompt left to the decoder's caches on the GPU. */
#include "page/generate.h"
#include "page/page.h"
#include "page/state.h"
#include "page/webgpu.h"

enum { COPIED_BYTES = 4 }; /* what WebGPU copies comes in such, and begins at them */

engine_session *page_generation_session(void) {
    generation *g;
    return page_need_generation(&g, NULL) == ACCEL_OK ? generation_stage(g)->session.session : NULL;
}

/* [buffer and offset that the prompt left, those of the cache, rows, bytes of a row here and there] */
static accel_status append_cache(str_buf *out, const generation *g, size_t input, size_t output,
                                 accel_error *err) {
    const gpu_plan *prefill = g->prefill.session.session->plan, *decode = g->decode.session.session->plan;
    const gpu_tensor *made = &prefill->outputs.items[output], *cache = &decode->inputs.items[input];
    const gpu_range *from = &made->range, *to = &cache->range;
    const graph *p = g->prefill.model.graph;
    const int64_t *left = p->values[p->outputs[output]].type.shape.dims;
    const int64_t *room = g->decode.inputs.tensors[input].shape.dims;
    if (left[0] != room[0] || left[1] != room[1] || left[2] > room[2] || left[3] != room[3])
        return error_set(err, ACCEL_INTERNAL, "the cache '%s' does not fit what the prompt left",
                         g->decode.inputs.names[input]);
    const int64_t bytes = cache->half ? GPU_HALF_BYTES : GPU_ELEMENT_BYTES, row = left[2] * left[3] * bytes,
                  apart = room[2] * room[3] * bytes;
    if (made->half != cache->half || row % COPIED_BYTES != 0 || apart % COPIED_BYTES != 0)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "in a page the cache '%s' of %lld elements a row is not written in fp16: load the "
                         "model with precision fp32",
                         g->decode.inputs.names[input], (long long)left[3]);
    str_appendf(out, "%s[%u,%llu,%u,%llu,%lld,%lld,%lld]", out->data[out->length - 1] == '[' ? "" : ",",
                from->buffer, (unsigned long long)from->offset, to->buffer, (unsigned long long)to->offset,
                (long long)(left[0] * left[1]), (long long)row, (long long)apart);
    return ACCEL_OK;
}

/* The decoder's caches that the prompt fills; the others begin as zeros, as all memory of a GPU in pages. */
static accel_status append_caches(str_buf *out, generation *g, accel_error *err) {
    str_append(out, ",\"caches\":[");
    for (size_t i = 0; g->after_prompt && i < g->decode.inputs.count; i++) {
        size_t output = 0;
        if (!generate_cache_source(&g->prefill, &g->decode, i, &output))
            continue;
        if (!page_engine->holds(g->decode.session.session, i))
            return error_set(err, ACCEL_INTERNAL, "the cache '%s' does not stay on the GPU",
                             g->decode.inputs.names[i]);
        if (output < g->prefill.model.graph->output_count)
            ACCEL_TRY(append_cache(out, g, i, output, err));
    }
    str_append_char(out, ']');
    if (g->after_prompt)
        generate_stage_rest(&g->prefill); /* the page has what is left of it */
    return ACCEL_OK;
}

/* What the GPU holds needs no room here. */
static void drop_held(generate_stage *s) {
    for (size_t i = 0; i < s->inputs.count; i++)
        if (page_engine->holds(s->session.session, i))
            tensor_free(&s->inputs.tensors[i]);
}

static accel_status ready(str_buf *out, accel_error *err) {
    generation *g;
    bool fresh;
    ACCEL_TRY(page_need_generation(&g, err));
    ACCEL_TRY(generation_ready(g, &fresh, err));
    generate_stage *s = generation_stage(g);
    generation_write(g);
    str_appendf(out, "{\"stage\":\"%s\",\"plan\":", zoo_mode_name(s->model.mode));
    if (!fresh) {
        str_append(out, "null}");
        return ACCEL_OK;
    }
    page_append_plan(out, s->session.session->plan, s->left);
    ACCEL_TRY(append_caches(out, g, err));
    drop_held(s);
    str_append_char(out, '}');
    return ACCEL_OK;
}

const char *page_generate_ready(void) {
    return page_text_end(ready(page_text_start(), &page.error));
}

static accel_status take(str_buf *out, const uint32_t *elements, accel_error *err) {
    generation *g;
    bool chosen = false;
    ACCEL_TRY(page_need_generation(&g, err));
    generate_stage *s = generation_stage(g);
    if (s->session.session == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "nothing was run: page_generate_ready comes first");
    ACCEL_TRY(page_gpu_take(s->session.session, elements, s->left, err));
    ACCEL_TRY(generation_take(g, &chosen, err));
    page_append_tokens(g, chosen, out);
    return ACCEL_OK;
}

const char *page_generate_take(const uint32_t *elements) {
    return page_text_end(take(page_text_start(), elements, &page.error));
}
