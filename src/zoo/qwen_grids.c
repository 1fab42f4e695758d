/* From grids of patches to the index inputs of Qwen2-VL and Qwen3-VL: see qwen_vl.h. */
#include <math.h>

#include "base/mem.h"
#include "zoo/merge.h"
#include "zoo/qwen_vl.h"

enum {
    MAX_SIDE = 1 << 20,         /* of a grid */
    MAX_FRAME_PLACES = 1 << 22, /* frames x patches of the largest frame */
    SAMPLE_SIDE = 224,          /* of an image, in pixels */
    SAMPLE_TEXT = 33            /* positions to leave for text */
};

/* 0 for text. */
typedef enum token_kind { TEXT_TOKEN, IMAGE_TOKEN, VIDEO_TOKEN } token_kind;

/* Names of what a user gives of each kind. */
static const struct {
    const char *one, *pixels, *grids;
} kind_names[] = {
    [IMAGE_TOKEN] = {"image", "pixel_values", "image_grid_thw"},
    [VIDEO_TOKEN] = {"video", "pixel_values_videos", "video_grid_thw"},
};

/* What one row of placeholders stands for: an image, a video, or (Qwen3-VL) one temporal patch of a video. */
typedef struct run {
    token_kind kind;
    int64_t frames, height, width; /* in patches */
    int64_t first_frame, first_patch;
} run;

typedef struct plan {
    zoo_qwen_vl q;
    tensor ids, mask;
    bool has_mask;
    run *runs; /* images, then videos */
    size_t count, capacity, image_count;
    int64_t frames, longest; /* patches of the largest frame */
    int64_t features;
} plan;

/* ---- reading what is given ---------------------------------------------------------------------------- */

static accel_status read_prompt(const zoo_given_list *given, plan *p, accel_error *err) {
    const tensor *ids, *mask;
    ACCEL_TRY(zoo_given_need(given, "input_ids", DTYPE_I64, 2, &ids, err));
    ACCEL_TRY(zoo_given_need(given, "attention_mask", DTYPE_I64, 2, &mask, err));
    if (!ids)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "input_ids must be given: the other inputs follow from it");
    if (mask && !shape_equal(&ids->shape, &mask->shape))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "attention_mask must have the shape of input_ids");
    p->ids = *ids;
    p->has_mask = mask != NULL;
    if (mask)
        p->mask = *mask;
    return ACCEL_OK;
}

static accel_status check_grid(const plan *p, token_kind kind, size_t index, const int64_t *grid,
                               int64_t patches_left, accel_error *err) {
    int64_t merge = p->q.merge;
    bool sane = true;
    for (int i = 0; i < 3; i++)
        sane = sane && grid[i] >= 1 && grid[i] <= MAX_SIDE;
    if (!sane || grid[1] % merge != 0 || grid[2] % merge != 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%s: the grid of %s %zu is %lld x %lld x %lld; height and width must be positive "
                         "multiples of %lld",
                         kind_names[kind].grids, kind_names[kind].one, index, (long long)grid[0],
                         (long long)grid[1], (long long)grid[2], (long long)merge);
    if (grid[0] > patches_left / (grid[1] * grid[2]))
        return error_set(
            err, ACCEL_INVALID_ARGUMENT,
            "%s: the grid of %s %zu, %lld x %lld x %lld, has more patches than %s has rows left, "
            "%lld",
            kind_names[kind].grids, kind_names[kind].one, index, (long long)grid[0], (long long)grid[1],
            (long long)grid[2], kind_names[kind].pixels, (long long)patches_left);
    return ACCEL_OK;
}

static accel_status add_run(plan *p, run r, accel_error *err) {
    if (!mem_grow((void **)&p->runs, &p->capacity, p->count + 1, sizeof *p->runs))
        return error_no_memory(err, "the grids of images", (p->count + 1) * sizeof *p->runs);
    r.first_frame = p->frames;
    p->runs[p->count++] = r;
    p->frames += r.frames;
    p->features += r.frames * r.height * r.width / (p->q.merge * p->q.merge);
    p->longest = r.height * r.width > p->longest ? r.height * r.width : p->longest;
    return ACCEL_OK;
}

/* One run, or one for each frame. */
static accel_status add_runs(plan *p, token_kind kind, const int64_t *grid, int64_t first_patch,
                             accel_error *err) {
    bool apart = kind == VIDEO_TOKEN && p->q.kind == ZOO_QWEN3_VL;
    int64_t pieces = apart ? grid[0] : 1, frames = apart ? 1 : grid[0];
    for (int64_t i = 0; i < pieces; i++)
        ACCEL_TRY(add_run(
            p, (run){kind, frames, grid[1], grid[2], 0, first_patch + i * frames * grid[1] * grid[2]}, err));
    return ACCEL_OK;
}

static accel_status check_pixels(const plan *p, token_kind kind, const tensor *pixels, const tensor *grids,
                                 accel_error *err) {
    if (!pixels || !grids)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%s and %s must be given together",
                         kind_names[kind].pixels, kind_names[kind].grids);
    if (pixels->shape.dims[0] < 1 || pixels->shape.dims[1] != zoo_qwen_patch_values(&p->q))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%s has %lld rows of %lld values; it must have at least one, of %lld",
                         kind_names[kind].pixels, (long long)pixels->shape.dims[0],
                         (long long)pixels->shape.dims[1], (long long)zoo_qwen_patch_values(&p->q));
    if (grids->shape.dims[1] != 3)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%s must be [%ss, 3]: frames, height and width in patches", kind_names[kind].grids,
                         kind_names[kind].one);
    return ACCEL_OK;
}

/* first_patch: of this kind among all patches. Sets it to the end of the kind's patches. */
static accel_status read_kind(plan *p, token_kind kind, zoo_given_list *given, int64_t *first_patch,
                              accel_error *err) {
    const tensor *pixels, *grids;
    tensor *none;
    int64_t values = zoo_qwen_patch_values(&p->q), merge = p->q.merge;
    ACCEL_TRY(zoo_given_need(given, kind_names[kind].pixels, DTYPE_F32, 2, &pixels, err));
    ACCEL_TRY(zoo_given_need(given, kind_names[kind].grids, DTYPE_I64, 2, &grids, err));
    if (!pixels && !grids) {
        *first_patch += merge * merge;
        return zoo_given_add(given, kind_names[kind].pixels, DTYPE_F32, 2, (int64_t[]){merge * merge, values},
                             &none, err);
    }
    ACCEL_TRY(check_pixels(p, kind, pixels, grids, err));
    int64_t left = pixels->shape.dims[0];
    for (int64_t i = 0; i < grids->shape.dims[0]; i++) {
        const int64_t *grid = (const int64_t *)grids->data + 3 * i;
        ACCEL_TRY(check_grid(p, kind, (size_t)i, grid, left, err));
        ACCEL_TRY(add_runs(p, kind, grid, *first_patch + pixels->shape.dims[0] - left, err));
        left -= grid[0] * grid[1] * grid[2];
    }
    *first_patch += pixels->shape.dims[0];
    if (left == 0)
        return ACCEL_OK;
    return error_set(err, ACCEL_INVALID_ARGUMENT, "%s has %lld rows more than the grids of %s",
                     kind_names[kind].pixels, (long long)left, kind_names[kind].grids);
}

/* ---- frames ------------------------------------------------------------------------------------------- */

typedef struct frame_inputs {
    int64_t *rows, *mask, *places, *table_rows;
    float *table_weights;
} frame_inputs;

static accel_status add_frame_input(const plan *p, zoo_given_list *given, const char *name, dtype type,
                                    int64_t last, void **out, accel_error *err) {
    tensor *t;
    ACCEL_TRY(zoo_given_add(given, name, type, last > 0 ? 3 : 2, (int64_t[]){p->frames, p->longest, last}, &t,
                            err));
    *out = t->data;
    return ACCEL_OK;
}

static accel_status add_frame_inputs(const plan *p, zoo_given_list *given, frame_inputs *f,
                                     accel_error *err) {
    void *data[5] = {0};
    if (p->frames > MAX_FRAME_PLACES / p->longest)
        return error_set(err, ACCEL_LIMIT,
                         "%lld frames of up to %lld patches are more than can be computed at once",
                         (long long)p->frames, (long long)p->longest);
    ACCEL_TRY(add_frame_input(p, given, "patch_rows", DTYPE_I64, 0, &data[0], err));
    ACCEL_TRY(add_frame_input(p, given, "patch_mask", DTYPE_I64, 0, &data[1], err));
    ACCEL_TRY(add_frame_input(p, given, "patch_places", DTYPE_I64, 2, &data[2], err));
    if (p->q.table_side > 0) {
        ACCEL_TRY(add_frame_input(p, given, "table_rows", DTYPE_I64, 4, &data[3], err));
        ACCEL_TRY(add_frame_input(p, given, "table_weights", DTYPE_F32, 4, &data[4], err));
    }
    *f = (frame_inputs){data[0], data[1], data[2], data[3], data[4]};
    return ACCEL_OK;
}

/* A place among `size` on a side of the table, whose ends fall on the table's ends: the entries about it and the weight of
 * the second. In float32, as the reference computes it. */
static void taps_of(int64_t place, int64_t size, int64_t side, int64_t near[2], float *second) {
    float at = (float)place * (float)(side - 1) / (float)(size > 1 ? size - 1 : 1);
    near[0] = (int64_t)floorf(at);
    near[0] = near[0] < side - 1 ? near[0] : side - 1;
    near[1] = near[0] + 1 < side ? near[0] + 1 : side - 1;
    *second = at - floorf(at);
}

static void fill_taps(int64_t side, const run *r, const int64_t place[2], int64_t *rows, float *weights) {
    int64_t down[2], across[2];
    float below, right;
    taps_of(place[0], r->height, side, down, &below);
    taps_of(place[1], r->width, side, across, &right);
    for (int i = 0; i < 4; i++) {
        rows[i] = down[i / 2] * side + across[i % 2];
        weights[i] = (i / 2 ? below : 1 - below) * (i % 2 ? right : 1 - right);
    }
}

/* Patches come in blocks of merge x merge in raster order, and in raster order inside. */
static void place_of(const plan *p, const run *r, int64_t patch, int64_t place[2]) {
    int64_t merge = p->q.merge, block = patch / (merge * merge), inside = patch % (merge * merge);
    int64_t across = r->width / merge;
    place[0] = block / across * merge + inside / merge;
    place[1] = block % across * merge + inside % merge;
}

static void fill_frame(const plan *p, const run *r, int64_t frame, const frame_inputs *f) {
    int64_t size = r->height * r->width;
    for (int64_t k = 0; k < size; k++) {
        int64_t at = (r->first_frame + frame) * p->longest + k;
        f->rows[at] = r->first_patch + frame * size + k;
        f->mask[at] = 1;
        place_of(p, r, k, f->places + 2 * at);
        if (f->table_rows)
            fill_taps(p->q.table_side, r, f->places + 2 * at, f->table_rows + 4 * at,
                      f->table_weights + 4 * at);
    }
}

/* Without images and videos: one frame of the first zeros. */
static accel_status derive_frames(plan *p, zoo_given_list *given, accel_error *err) {
    frame_inputs f;
    run nothing = {.frames = 1, .height = p->q.merge, .width = p->q.merge};
    if (p->count == 0) {
        p->frames = 1;
        p->longest = p->q.merge * p->q.merge;
    }
    ACCEL_TRY(add_frame_inputs(p, given, &f, err));
    if (p->count == 0)
        fill_frame(p, &nothing, 0, &f);
    for (size_t i = 0; i < p->count; i++)
        for (int64_t frame = 0; frame < p->runs[i].frames; frame++)
            fill_frame(p, &p->runs[i], frame, &f);
    return ACCEL_OK;
}

/* ---- the prompt --------------------------------------------------------------------------------------- */

/* A walk through the kept tokens of the batch. */
typedef struct walk {
    const plan *p;
    size_t next[3]; /* the next run of each kind */
    const run *run; /* that the walk is inside of; NULL: none */
    int64_t done;   /* placeholders of it that were passed */
    int64_t position;
    int64_t *positions; /* [3, batch, sequence]; NULL: the user gave them */
    int64_t *rows;      /* [features] */
    int64_t row_count;
    accel_error *err;
} walk;

static int64_t placeholders_of(const walk *w) {
    int64_t merge = w->p->q.merge;
    return w->run->frames * w->run->height * w->run->width / (merge * merge);
}

static accel_status cut_short(const walk *w) {
    return error_set(w->err, ACCEL_INVALID_ARGUMENT,
                     "input_ids: an %s of a grid of %lld x %lld x %lld stands for %lld tokens in a row, but "
                     "the prompt has only %lld there",
                     w->run->kind == IMAGE_TOKEN ? "image" : "input's video", (long long)w->run->frames,
                     (long long)w->run->height, (long long)w->run->width, (long long)placeholders_of(w),
                     (long long)w->done);
}

static accel_status start_run(walk *w, token_kind kind) {
    size_t end = kind == IMAGE_TOKEN ? w->p->image_count : w->p->count;
    if (w->next[kind] >= end)
        return error_set(w->err, ACCEL_INVALID_ARGUMENT,
                         "input_ids has more %s tokens than the grids of %s stand for", kind_names[kind].one,
                         kind_names[kind].grids);
    w->run = &w->p->runs[w->next[kind]++];
    w->done = 0;
    return ACCEL_OK;
}

static void set_position(const walk *w, size_t at, int64_t time, int64_t row, int64_t column) {
    size_t size = w->p->ids.size_bytes / sizeof(int64_t);
    if (!w->positions)
        return;
    w->positions[at] = time;
    w->positions[size + at] = row;
    w->positions[2 * size + at] = column;
}

/* Placeholders of a run stand for its features in raster order, frame by frame. */
static void pass_placeholder(walk *w, size_t at) {
    const run *r = w->run;
    int64_t merge = w->p->q.merge, across = r->width / merge, per_frame = r->height / merge * across;
    int64_t frame = w->done / per_frame, inside = w->done % per_frame;
    set_position(w, at, w->position + frame, w->position + inside / across, w->position + inside % across);
    w->rows[w->row_count++] = (r->first_frame + frame) * (w->p->longest / (merge * merge)) + inside;
    if (++w->done == per_frame * r->frames) {
        w->position += (r->height > r->width ? r->height : r->width) / merge;
        w->run = NULL;
    }
}

static token_kind kind_of(const plan *p, int64_t id) {
    return id == p->q.image_token ? IMAGE_TOKEN : id == p->q.video_token ? VIDEO_TOKEN : TEXT_TOKEN;
}

static accel_status pass_token(walk *w, size_t at) {
    token_kind kind = kind_of(w->p, ((const int64_t *)w->p->ids.data)[at]);
    if (w->p->has_mask && ((const int64_t *)w->p->mask.data)[at] == 0) {
        if (kind == TEXT_TOKEN)
            return ACCEL_OK;
        return error_set(w->err, ACCEL_INVALID_ARGUMENT,
                         "attention_mask leaves out an %s token; features stand at all of them",
                         kind == IMAGE_TOKEN ? "image" : "input's video");
    }
    if (w->run && w->run->kind != kind)
        return cut_short(w);
    if (kind == TEXT_TOKEN) {
        set_position(w, at, w->position, w->position, w->position);
        w->position++;
        return ACCEL_OK;
    }
    if (!w->run)
        ACCEL_TRY(start_run(w, kind));
    pass_placeholder(w, at);
    return ACCEL_OK;
}

static accel_status check_all_used(const walk *w) {
    for (token_kind kind = IMAGE_TOKEN; kind <= VIDEO_TOKEN; kind++) {
        size_t end = kind == IMAGE_TOKEN ? w->p->image_count : w->p->count;
        if (w->next[kind] < end)
            return error_set(w->err, ACCEL_INVALID_ARGUMENT,
                             "input_ids has %s tokens for %zu of the %zu pieces that %s tells of",
                             kind_names[kind].one,
                             w->next[kind] - (kind == IMAGE_TOKEN ? 0 : w->p->image_count),
                             end - (kind == IMAGE_TOKEN ? 0 : w->p->image_count), kind_names[kind].grids);
    }
    return ACCEL_OK;
}

static accel_status walk_prompt(walk *w) {
    int64_t batch = w->p->ids.shape.dims[0], sequence = w->p->ids.shape.dims[1];
    for (int64_t i = 0; i < batch; i++) {
        w->position = 0;
        for (int64_t s = 0; s < sequence; s++)
            ACCEL_TRY(pass_token(w, (size_t)(i * sequence + s)));
        if (w->run)
            return cut_short(w);
    }
    return check_all_used(w);
}

static accel_status derive_prompt(const plan *p, zoo_given_list *given, accel_error *err) {
    walk w = {.p = p, .next = {0, 0, p->image_count}, .err = err};
    tensor *made;
    if (!zoo_given_find(given, "position_ids")) {
        ACCEL_TRY(zoo_given_add(given, "position_ids", DTYPE_I64, 3,
                                (int64_t[]){3, p->ids.shape.dims[0], p->ids.shape.dims[1]}, &made, err));
        w.positions = made->data;
    }
    int64_t features = p->features > 0 ? p->features : 1;
    ACCEL_TRY(zoo_given_add(given, "feature_rows", DTYPE_I64, 1, &features, &made, err));
    w.rows = made->data;
    return walk_prompt(&w);
}

/* Kinds of tokens may be given too; they must say what the ids say. */
static accel_status check_token_types(const plan *p, const zoo_given_list *given, accel_error *err) {
    const tensor *types;
    ACCEL_TRY(zoo_given_need(given, "mm_token_type_ids", DTYPE_I64, 2, &types, err));
    if (!types)
        return ACCEL_OK;
    bool equal = shape_equal(&types->shape, &p->ids.shape);
    for (size_t i = 0; equal && i < p->ids.size_bytes / sizeof(int64_t); i++)
        equal = ((const int64_t *)types->data)[i] == (int64_t)kind_of(p, ((const int64_t *)p->ids.data)[i]);
    if (equal)
        return ACCEL_OK;
    return error_set(
        err, ACCEL_INVALID_ARGUMENT,
        "mm_token_type_ids must have 1 at image tokens, 2 at video tokens and 0 elsewhere, in the "
        "shape of input_ids");
}

static accel_status derive_all(plan *p, zoo_given_list *given, accel_error *err) {
    int64_t first_patch = 0;
    ACCEL_TRY(read_prompt(given, p, err));
    ACCEL_TRY(check_token_types(p, given, err));
    ACCEL_TRY(read_kind(p, IMAGE_TOKEN, given, &first_patch, err));
    p->image_count = p->count;
    ACCEL_TRY(read_kind(p, VIDEO_TOKEN, given, &first_patch, err));
    ACCEL_TRY(derive_frames(p, given, err));
    return derive_prompt(p, given, err);
}

accel_status zoo_qwen_vl_derive(const zoo_model *m, zoo_qwen_vl_kind kind, zoo_given_list *given,
                                accel_error *err) {
    static const char *const own[] = {"image_grid_thw", "video_grid_thw", "mm_token_type_ids", NULL};
    static const char *const none[] = {NULL};
    plan p = {0};
    ACCEL_TRY(zoo_given_known(m, given, m->mode == ZOO_DECODE ? none : own, err));
    if (m->mode == ZOO_DECODE)
        return ACCEL_OK;
    ACCEL_TRY(zoo_qwen_vl_read(m->config, kind, &p.q, err));
    accel_status status = derive_all(&p, given, err);
    mem_free(p.runs);
    return status;
}

accel_status zoo_qwen_vl_placeholders(const zoo_model *m, zoo_qwen_vl_kind kind, const zoo_given_list *given,
                                      size_t images, int64_t *token, int64_t *counts, accel_error *err) {
    plan p = {0};
    const tensor *pixels, *grids;
    ACCEL_TRY(zoo_qwen_vl_read(m->config, kind, &p.q, err));
    *token = p.q.image_token;
    if (images == 0)
        return ACCEL_OK;
    ACCEL_TRY(zoo_given_need(given, "pixel_values", DTYPE_F32, 2, &pixels, err));
    ACCEL_TRY(zoo_given_need(given, "image_grid_thw", DTYPE_I64, 2, &grids, err));
    ACCEL_TRY(check_pixels(&p, IMAGE_TOKEN, pixels, grids, err));
    if ((size_t)grids->shape.dims[0] != images)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "image_grid_thw has %lld images, not %zu",
                         (long long)grids->shape.dims[0], images);
    for (size_t i = 0; i < images; i++) {
        const int64_t *grid = (const int64_t *)grids->data + 3 * i;
        ACCEL_TRY(check_grid(&p, IMAGE_TOKEN, i, grid, pixels->shape.dims[0], err));
        counts[i] = grid[0] * grid[1] * grid[2] / (p.q.merge * p.q.merge);
    }
    return ACCEL_OK;
}

/* ---- samples ------------------------------------------------------------------------------------------ */

accel_status zoo_qwen_vl_sample(const zoo_model *m, zoo_qwen_vl_kind kind, const zoo_input_options *options,
                                zoo_given_list *given, accel_error *err) {
    zoo_qwen_vl q;
    tensor *grids;
    int64_t batch = options->batch > 0 ? options->batch : 1;
    if (m->mode == ZOO_DECODE)
        return ACCEL_OK;
    ACCEL_TRY(zoo_qwen_vl_read(m->config, kind, &q, err));
    int64_t side = SAMPLE_SIDE / (q.patch * q.merge); /* in features */
    while (side > 1 && side * side + SAMPLE_TEXT > m->max_sequence)
        side--;
    side = side > 0 ? side : 1;
    ACCEL_TRY(zoo_sample_prompt(m, options, q.image_token, q.video_token, side * side, given, err));
    int64_t patches = side * side * q.merge * q.merge;
    ACCEL_TRY(zoo_sample_pixels(options, "pixel_values", 2,
                                (int64_t[]){batch * patches, zoo_qwen_patch_values(&q)}, given, err));
    ACCEL_TRY(zoo_given_add(given, "image_grid_thw", DTYPE_I64, 2, (int64_t[]){batch, 3}, &grids, err));
    for (int64_t i = 0; i < 3 * batch; i++)
        ((int64_t *)grids->data)[i] = i % 3 == 0 ? 1 : side * q.merge;
    return ACCEL_OK;
}
