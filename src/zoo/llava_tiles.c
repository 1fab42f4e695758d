/* Which features of which tiles stand where in a prompt of LLaVA-NeXT and OneVision: see llava.h. */
#include <string.h>

#include "base/mem.h"
#include "zoo/anyres.h"
#include "zoo/llava.h"
#include "zoo/merge.h"

typedef struct plan {
    zoo_llava l;
    tensor ids;
    tensor images, sizes, videos;             /* as they are given */
    bool *tiled;                              /* of each image: cut, not only seen whole */
    int64_t image_count, video_count, frames; /* frames: of one video */
    int64_t image_tiles, image_features;
} plan;

/* How an image is cut. */
typedef struct layout {
    int64_t across; /* tiles */
    zoo_window window;
    int64_t tiles, features; /* with the whole image and the newlines */
} layout;

static int64_t pooled_side(const plan *p) {
    return (p->l.side + 1) / 2;
}

static int64_t video_features(const plan *p) {
    return p->video_count * (p->frames * pooled_side(p) * pooled_side(p) + 1);
}

static int64_t tile_values(const plan *p) {
    return p->l.vision.channels * p->l.tile * p->l.tile;
}

/* ---- reading what is given ---------------------------------------------------------------------------- */

/* pixels: […, channels, height, width]. */
static accel_status check_tiles(const plan *p, const char *name, const tensor *pixels, accel_error *err) {
    const int64_t *dims = pixels->shape.dims;
    int rank = pixels->shape.rank;
    char text[128];
    bool fits = pixels->type == DTYPE_F32 && (rank == 5 || (rank == 4 && str_equal(name, "pixel_values")));
    for (int i = 0; fits && i < rank; i++)
        fits = dims[i] > 0;
    if (fits && dims[rank - 3] == p->l.vision.channels && dims[rank - 2] == p->l.tile &&
        dims[rank - 1] == p->l.tile)
        return ACCEL_OK;
    return error_set(
        err, ACCEL_INVALID_ARGUMENT,
        "input '%s' is %s %s; it must be float32 [%s, %lld, %lld, %lld], and left out where there "
        "are none",
        name, dtype_name(pixels->type), shape_text(&pixels->shape, text, sizeof text),
        str_equal(name, "pixel_values") ? "images, tiles" : "videos, frames", (long long)p->l.vision.channels,
        (long long)p->l.tile, (long long)p->l.tile);
}

static accel_status read_images(plan *p, const zoo_given_list *given, accel_error *err) {
    const tensor *images = zoo_given_find(given, "pixel_values"), *sizes;
    ACCEL_TRY(zoo_given_need(given, "image_sizes", DTYPE_I64, 2, &sizes, err));
    if (!images && !sizes)
        return ACCEL_OK;
    if (!images || !sizes)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "pixel_values and image_sizes must be given together");
    ACCEL_TRY(check_tiles(p, "pixel_values", images, err));
    p->images = *images;
    p->sizes = *sizes;
    p->image_count = sizes->shape.dims[0];
    bool counted = images->shape.rank == 4 || images->shape.dims[0] == p->image_count;
    if (sizes->shape.dims[1] != 2 || p->image_count < 1 || !counted)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "image_sizes is %lld x %lld; it must have the height and the width of each of the "
                         "images of pixel_values",
                         (long long)p->image_count, (long long)sizes->shape.dims[1]);
    return ACCEL_OK;
}

static accel_status read_videos(plan *p, const zoo_given_list *given, accel_error *err) {
    const tensor *videos = zoo_given_find(given, "pixel_values_videos");
    if (!videos)
        return ACCEL_OK;
    ACCEL_TRY(check_tiles(p, "pixel_values_videos", videos, err));
    p->videos = *videos;
    p->video_count = videos->shape.dims[0];
    p->frames = videos->shape.dims[1];
    return ACCEL_OK;
}

/* Images of a prompt that has several are not cut. */
static accel_status read_image_counts(plan *p, const zoo_given_list *given, accel_error *err) {
    const tensor *counts;
    ACCEL_TRY(zoo_given_need(given, "batch_num_images", DTYPE_I64, 1, &counts, err));
    p->tiled = mem_calloc((size_t)p->image_count + 1, sizeof *p->tiled);
    if (!p->tiled)
        return error_no_memory(err, "a list of images", (size_t)p->image_count);
    for (int64_t i = 0; i < p->image_count; i++)
        p->tiled[i] = true;
    int64_t done = 0;
    for (int64_t i = 0; counts && i < counts->shape.dims[0]; i++) {
        int64_t count = ((const int64_t *)counts->data)[i];
        if (count < 0 || count > p->image_count - done)
            return error_set(
                err, ACCEL_INVALID_ARGUMENT,
                "batch_num_images: prompt %lld has %lld images, but only %lld of image_sizes' %lld "
                "are left",
                (long long)i, (long long)count, (long long)(p->image_count - done),
                (long long)p->image_count);
        for (int64_t k = 0; k < count; k++)
            p->tiled[done + k] = count == 1;
        done += count;
    }
    if (!counts || done == p->image_count)
        return ACCEL_OK;
    return error_set(err, ACCEL_INVALID_ARGUMENT, "batch_num_images counts %lld of the %lld images",
                     (long long)done, (long long)p->image_count);
}

/* ---- layouts ------------------------------------------------------------------------------------------ */

static accel_status cut_image(const plan *p, int64_t image, layout *out, accel_error *err) {
    const zoo_llava *l = &p->l;
    const int64_t *size = (const int64_t *)p->sizes.data + 2 * image;
    int64_t best[2] = {0};
    bool sane =
        size[0] >= 1 && size[1] >= 1 && size[0] <= ZOO_MAX_IMAGE_SIDE && size[1] <= ZOO_MAX_IMAGE_SIDE;
    if (!sane)
        return error_set(
            err, ACCEL_INVALID_ARGUMENT,
            "image_sizes: image %lld has the height %lld and the width %lld; sides are from 1 to "
            "%d pixels",
            (long long)image, (long long)size[0], (long long)size[1], (int)ZOO_MAX_IMAGE_SIDE);
    zoo_anyres_pinpoint(size, l->pinpoints, l->pinpoint_count, best);
    int64_t down = best[0] / l->tile, across = best[1] / l->tile;
    zoo_window w = zoo_anyres_unpad(size, down * l->side, across * l->side);
    if (l->most_features > 0)
        zoo_anyres_shrink(&w, l->most_features);
    if ((w.out_rows < 1 && w.rows > 0) || (w.out_columns < 1 && w.columns > 0))
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "image_sizes: image %lld of height %lld and width %lld cannot be shrunk to %lld "
                         "features",
                         (long long)image, (long long)size[0], (long long)size[1],
                         (long long)l->most_features);
    *out = (layout){across, w, 1 + down * across, l->per_tile + w.out_rows * (w.out_columns + 1)};
    return ACCEL_OK;
}

static accel_status lay_out(const plan *p, int64_t image, layout *out, accel_error *err) {
    if (p->tiled[image])
        return cut_image(p, image, out, err);
    *out = (layout){.tiles = 1, .features = p->l.per_tile + 1};
    return ACCEL_OK;
}

static accel_status count_images(plan *p, accel_error *err) {
    for (int64_t i = 0; i < p->image_count; i++) {
        layout at;
        ACCEL_TRY(lay_out(p, i, &at, err));
        int64_t room =
            p->images.shape.rank == 5 ? p->images.shape.dims[1] : p->images.shape.dims[0] - p->image_tiles;
        if (at.tiles > room)
            return error_set(
                err, ACCEL_INVALID_ARGUMENT,
                "pixel_values has %lld tiles for image %lld of image_sizes, which is cut into %lld",
                (long long)room, (long long)i, (long long)at.tiles);
        p->image_tiles += at.tiles;
        p->image_features += at.features;
    }
    if (p->images.shape.rank != 4 || p->images.shape.dims[0] == p->image_tiles)
        return ACCEL_OK;
    return error_set(err, ACCEL_INVALID_ARGUMENT,
                     "pixel_values has %lld tiles; the images of image_sizes are cut into %lld",
                     (long long)p->images.shape.dims[0], (long long)p->image_tiles);
}

static accel_status read_all(plan *p, const zoo_given_list *given, accel_error *err) {
    ACCEL_TRY(zoo_llava_prompt(given, &p->ids, err));
    ACCEL_TRY(read_images(p, given, err));
    ACCEL_TRY(read_videos(p, given, err));
    ACCEL_TRY(read_image_counts(p, given, err));
    ACCEL_TRY(count_images(p, err));
    ACCEL_TRY(zoo_llava_match(&p->ids, p->l.image_token, p->image_features, "image", err));
    return p->l.video_token == p->l.image_token
               ? ACCEL_OK
               : zoo_llava_match(&p->ids, p->l.video_token, video_features(p), "video", err);
}

/* ---- features ----------------------------------------------------------------------------------------- */

/* Writes the features of one kind to its placeholders, which may have those of the other kind between them. */
typedef struct writer {
    const plan *p;
    int64_t token;
    size_t at;      /* the next id to look at */
    size_t passed;  /* placeholders of both kinds before it */
    int64_t *rows;  /* one a placeholder, or four with their weights */
    float *weights; /* NULL: one row */
} writer;

static size_t next_placeholder(writer *w) {
    const int64_t *ids = w->p->ids.data;
    while (ids[w->at] != w->token) {
        w->passed += ids[w->at] == w->p->l.image_token || ids[w->at] == w->p->l.video_token;
        w->at++;
    }
    w->at++;
    return w->passed++;
}

static void write_row(writer *w, int64_t row) {
    size_t n = next_placeholder(w);
    w->rows[w->weights ? 4 * n : n] = row;
    if (w->weights)
        w->weights[4 * n] = 1;
}

/* A grid of features over tiles side by side. */
typedef struct grid {
    int64_t first_tile, across;
    zoo_window window;
} grid;

static int64_t row_of(const plan *p, const grid *g, int64_t y, int64_t x) {
    int64_t side = p->l.side, tile = g->first_tile + y / side * g->across + x / side;
    return tile * p->l.per_tile + y % side * side + x % side;
}

static void write_between(writer *w, const grid *g, int64_t y, int64_t x) {
    const zoo_window *v = &g->window;
    int64_t down[2], across[2];
    float below, right;
    zoo_bilinear_taps(y, v->out_rows, v->rows, down, &below);
    zoo_bilinear_taps(x, v->out_columns, v->columns, across, &right);
    size_t n = next_placeholder(w);
    for (int i = 0; i < 4; i++) {
        w->rows[4 * n + (size_t)i] = row_of(w->p, g, v->top + down[i / 2], v->left + across[i % 2]);
        w->weights[4 * n + (size_t)i] = (i / 2 ? below : 1 - below) * (i % 2 ? right : 1 - right);
    }
}

/* newline: the row of the feature that ends each line; negative: none. */
static void write_grid(writer *w, const grid *g, int64_t newline) {
    const zoo_window *v = &g->window;
    bool whole = v->out_rows == v->rows && v->out_columns == v->columns;
    for (int64_t y = 0; y < v->out_rows; y++) {
        for (int64_t x = 0; x < v->out_columns; x++)
            if (whole)
                write_row(w, row_of(w->p, g, v->top + y, v->left + x));
            else
                write_between(w, g, y, x);
        if (newline >= 0)
            write_row(w, newline);
    }
}

/* The whole image, then its grid line by line; or the whole image and one newline. */
static accel_status write_images(const plan *p, writer *w, int64_t newline, accel_error *err) {
    int64_t tile = 0;
    for (int64_t i = 0; i < p->image_count; i++) {
        layout at;
        ACCEL_TRY(lay_out(p, i, &at, err));
        for (int64_t k = 0; k < p->l.per_tile; k++)
            write_row(w, tile * p->l.per_tile + k);
        if (p->tiled[i])
            write_grid(w, &(grid){tile + 1, at.across, at.window}, newline);
        else
            write_row(w, newline);
        tile += at.tiles;
    }
    return ACCEL_OK;
}

static void write_videos(const plan *p, writer *w, int64_t newline) {
    int64_t side = p->l.side, out = pooled_side(p);
    for (int64_t i = 0; i < p->video_count; i++) {
        for (int64_t f = 0; f < p->frames; f++)
            write_grid(w, &(grid){p->image_tiles + i * p->frames + f, 1, {0, 0, side, side, out, out}}, -1);
        write_row(w, newline);
    }
}

static accel_status derive_rows(const plan *p, int64_t tiles, zoo_given_list *given, accel_error *err) {
    int64_t count = p->image_features + video_features(p), dims[2] = {count > 0 ? count : 1, 4};
    bool resampled = p->l.kind == ZOO_LLAVA_ONEVISION;
    tensor *made;
    writer w = {.p = p};
    ACCEL_TRY(zoo_given_add(given, "feature_rows", DTYPE_I64, 1 + resampled, dims, &made, err));
    w.rows = made->data;
    if (resampled) {
        ACCEL_TRY(zoo_given_add(given, "feature_weights", DTYPE_F32, 2, dims, &made, err));
        w.weights = made->data;
    }
    writer images = w, videos = w;
    images.token = p->l.image_token;
    videos.token = p->l.video_token;
    int64_t newline = tiles * p->l.per_tile;
    ACCEL_TRY(write_images(p, &images, newline, err));
    write_videos(p, &videos, newline);
    return ACCEL_OK;
}

/* ---- tiles -------------------------------------------------------------------------------------------- */

/* Tiles of images without those of padding, then frames. */
static accel_status copy_tiles(const plan *p, char *to, accel_error *err) {
    size_t tile = (size_t)tile_values(p) * sizeof(float);
    const char *from = p->images.data;
    for (int64_t i = 0; i < p->image_count; i++) {
        layout at;
        ACCEL_TRY(lay_out(p, i, &at, err));
        memcpy(to, from, (size_t)at.tiles * tile);
        to += (size_t)at.tiles * tile;
        from += (size_t)(p->images.shape.rank == 5 ? p->images.shape.dims[1] : at.tiles) * tile;
    }
    if (p->video_count > 0)
        memcpy(to, p->videos.data, p->videos.size_bytes);
    return ACCEL_OK;
}

/* pixel_values as the graph takes them; one tile of zeros where nothing is given. */
static accel_status derive_pixels(plan *p, int64_t tiles, zoo_given_list *given, accel_error *err) {
    int64_t dims[4] = {tiles, p->l.vision.channels, p->l.tile, p->l.tile};
    tensor old = {0}, *made;
    ACCEL_TRY(p->image_count > 0 ? zoo_given_replace(given, "pixel_values", 4, dims, &old, &made, err)
                                 : zoo_given_add(given, "pixel_values", DTYPE_F32, 4, dims, &made, err));
    accel_status status = copy_tiles(p, made->data, err);
    tensor_free(&old);
    p->images = (tensor){0};
    return status;
}

static accel_status derive_all(plan *p, zoo_given_list *given, accel_error *err) {
    ACCEL_TRY(read_all(p, given, err));
    int64_t tiles = p->image_tiles + p->video_count * p->frames;
    tiles = tiles > 0 ? tiles : 1;
    ACCEL_TRY(derive_rows(p, tiles, given, err));
    return derive_pixels(p, tiles, given, err);
}

accel_status zoo_llava_derive_tiles(const zoo_model *m, zoo_llava_kind kind, zoo_given_list *given,
                                    accel_error *err) {
    static const char *const names[] = {"image_sizes", "pixel_values_videos", "batch_num_images",
                                        "image_sizes_videos", NULL};
    static const char *const next[] = {"image_sizes", NULL}, *const none[] = {NULL};
    plan p = {0};
    ACCEL_TRY(zoo_given_known(m, given,
                              m->mode == ZOO_DECODE    ? none
                              : kind == ZOO_LLAVA_NEXT ? next
                                                       : names,
                              err));
    if (m->mode == ZOO_DECODE)
        return ACCEL_OK;
    ACCEL_TRY(zoo_llava_read(m->config, kind, &p.l, err));
    accel_status status = derive_all(&p, given, err);
    mem_free(p.tiled);
    return status;
}

static accel_status count_tokens(plan *p, const zoo_given_list *given, size_t images, int64_t *counts,
                                 accel_error *err) {
    ACCEL_TRY(read_images(p, given, err));
    ACCEL_TRY(read_image_counts(p, given, err));
    if ((size_t)p->image_count != images)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "image_sizes has %lld images, not %zu",
                         (long long)p->image_count, images);
    for (size_t i = 0; i < images; i++) {
        layout at;
        ACCEL_TRY(lay_out(p, (int64_t)i, &at, err));
        counts[i] = at.features;
    }
    return ACCEL_OK;
}

accel_status zoo_llava_tile_tokens(const zoo_model *m, zoo_llava_kind kind, const zoo_given_list *given,
                                   size_t images, int64_t *token, int64_t *counts, accel_error *err) {
    plan p = {0};
    ACCEL_TRY(zoo_llava_read(m->config, kind, &p.l, err));
    *token = p.l.image_token;
    accel_status status = images > 0 ? count_tokens(&p, given, images, counts, err) : ACCEL_OK;
    mem_free(p.tiled);
    return status;
}

accel_status zoo_llava_sample_tiles(const zoo_model *m, const zoo_llava *l, const int64_t image[2],
                                    const zoo_input_options *options, zoo_given_list *given,
                                    accel_error *err) {
    int64_t batch = options->batch > 0 ? options->batch : 1;
    tensor *sizes;
    plan p = {.l = *l,
              .sizes = {.type = DTYPE_I64, .data = (int64_t[]){image[0], image[1]}},
              .tiled = (bool[]){true},
              .image_count = 1};
    layout at;
    ACCEL_TRY(lay_out(&p, 0, &at, err));
    ACCEL_TRY(zoo_sample_prompt(m, options, l->image_token, l->video_token, at.features, given, err));
    ACCEL_TRY(zoo_sample_pixels(options, "pixel_values", 5,
                                (int64_t[]){batch, at.tiles, l->vision.channels, l->tile, l->tile}, given,
                                err));
    ACCEL_TRY(zoo_given_add(given, "image_sizes", DTYPE_I64, 2, (int64_t[]){batch, 2}, &sizes, err));
    for (int64_t i = 0; i < 2 * batch; i++)
        ((int64_t *)sizes->data)[i] = image[i % 2];
    return ACCEL_OK;
}
