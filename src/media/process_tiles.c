/* LLaVA-NeXT and OneVision ("anyres"): the whole picture made small, then the picture at the best of some sizes, cut into
 * tiles. Source: transformers 5.24, models/llava_next/image_processing_pil_llava_next.py and llava_onevision. */
#include "media/image_internal.h"

#include "base/mem.h"

typedef struct tiling {
    const media_image_processing *p;
    extent tile;     /* before finishing */
    extent whole;    /* of the whole picture, before finishing */
    extent finished; /* of each, after it */
    byte_values values;
    float *out; /* where the next one goes */
    accel_error *err;
} tiling;

/* ---- how many ----------------------------------------------------------------------------------------- */

static int64_t pieces(int64_t length, int64_t piece) {
    return (length + piece - 1) / piece;
}

static int64_t tiles_of(const tiling *t, const media_image *image) {
    extent e = best_pinpoint(t->p, (extent){image->height, image->width});
    return 1 + pieces(e.height, t->tile.height) * pieces(e.width, t->tile.width);
}

/* A prompt of several pictures gets them whole (OneVision). */
static bool is_cut(const media_image_processing *p, const media_image_batch *batch, size_t index) {
    if (p->kind != MEDIA_LLAVA_ONEVISION || !batch->group_sizes)
        return true;
    size_t group = 0;
    while (index >= batch->group_sizes[group])
        index -= batch->group_sizes[group++];
    return batch->group_sizes[group] == 1;
}

static accel_status most_tiles(const tiling *t, const media_image_batch *batch, int64_t *most) {
    *most = 0;
    for (size_t i = 0; i < batch->count; i++) {
        int64_t count = is_cut(t->p, batch, i) ? tiles_of(t, &batch->images[i]) : 1;
        if (i > 0 && count != *most && !t->p->do_pad)
            return error_set(
                t->err, ACCEL_INVALID_ARGUMENT,
                "picture %zu makes %lld tiles and the first %lld: process them one at a time, or with do_pad",
                i + 1, (long long)count, (long long)*most);
        *most = count > *most ? count : *most;
    }
    return ACCEL_OK;
}

/* ---- making them -------------------------------------------------------------------------------------- */

static accel_status write_tile(tiling *t, const media_image *tile) {
    media_image finished = {0};
    accel_status status = finish_picture(t->p, tile, &finished, t->err);
    bool fits = finished.height == t->finished.height && finished.width == t->finished.width;
    if (status == ACCEL_OK && fits) {
        write_planes(&finished, &t->values, t->finished, t->out);
        t->out += 3 * t->finished.height * t->finished.width;
    }
    media_image_free(&finished);
    if (status == ACCEL_OK && !fits)
        return error_set(
            t->err, ACCEL_UNSUPPORTED,
            "the configuration's tiles differ in size: image_grid_pinpoints must be multiples of crop_size");
    return status;
}

static accel_status write_whole(tiling *t, const media_image *image) {
    media_image small = {0};
    accel_status status =
        media_image_resize(image, t->whole.height, t->whole.width, t->p->resample, &small, t->err);
    if (status == ACCEL_OK)
        status = write_tile(t, &small);
    media_image_free(&small);
    return status;
}

static accel_status write_square(tiling *t, const media_image *image) {
    media_image square = {0};
    uint8_t colour[3];
    mean_colour(t->p, colour);
    accel_status status = media_image_pad_to_square(image, colour, &square, t->err);
    if (status == ACCEL_OK)
        status = write_tile(t, &square);
    media_image_free(&square);
    return status;
}

static accel_status cut(tiling *t, const media_image *canvas) {
    static const uint8_t black[3] = {0};
    for (int64_t y = 0; y < canvas->height; y += t->tile.height)
        for (int64_t x = 0; x < canvas->width; x += t->tile.width) {
            media_image tile = {0};
            int64_t height = canvas->height - y, width = canvas->width - x;
            accel_status status = media_image_place(canvas, height < t->tile.height ? height : t->tile.height,
                                                    width < t->tile.width ? width : t->tile.width, -y, -x,
                                                    black, &tile, t->err);
            if (status == ACCEL_OK)
                status = write_tile(t, &tile);
            media_image_free(&tile);
            ACCEL_TRY(status);
        }
    return ACCEL_OK;
}

static accel_status write_tiles(tiling *t, const media_image *image) {
    static const uint8_t black[3] = {0};
    media_image scaled = {0}, canvas = {0};
    extent own = {image->height, image->width}, best = best_pinpoint(t->p, own), e = size_within(own, best);
    accel_status status = media_image_resize(image, e.height, e.width, t->p->resample, &scaled, t->err);
    if (status == ACCEL_OK)
        status = media_image_place(&scaled, best.height, best.width, (best.height - e.height) / 2,
                                   (best.width - e.width) / 2, black, &canvas, t->err);
    media_image_free(&scaled);
    if (status == ACCEL_OK)
        status = cut(t, &canvas);
    media_image_free(&canvas);
    return status;
}

static accel_status write_picture(tiling *t, const media_image *image, bool cut_up) {
    if (!cut_up)
        return write_square(t, image);
    ACCEL_TRY(write_whole(t, image));
    return write_tiles(t, image);
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static tiling start(const media_image_processing *p, accel_error *err) {
    tiling t = {.p = p, .err = err};
    bool sized = p->size.height && p->size.width;
    t.whole = sized ? (extent){p->size.height, p->size.width}
                    : (extent){p->size.shortest_edge, p->size.shortest_edge};
    int64_t edge = p->crop_height ? p->crop_height : sized ? p->size.height : p->size.shortest_edge;
    t.tile = (extent){edge, edge};
    t.finished = finished_extent(p, t.whole);
    byte_values_make(p, &t.values);
    return t;
}

/* image_sizes, and OneVision's batch_num_images. */
static accel_status add_counts(const media_image_processing *p, const media_image_batch *batch,
                               media_tensors *out, accel_error *err) {
    void *data;
    ACCEL_TRY(media_tensors_add(out, "image_sizes", MEDIA_I64, 2, (int64_t[]){(int64_t)batch->count, 2},
                                &data, err));
    int64_t *sizes = data;
    for (size_t i = 0; i < batch->count; i++) {
        sizes[2 * i] = batch->images[i].height;
        sizes[2 * i + 1] = batch->images[i].width;
    }
    if (p->kind != MEDIA_LLAVA_ONEVISION)
        return ACCEL_OK;
    size_t prompts = batch->group_sizes ? batch->group_count : batch->count;
    ACCEL_TRY(
        media_tensors_add(out, "batch_num_images", MEDIA_I64, 1, (int64_t[]){(int64_t)prompts}, &data, err));
    for (size_t i = 0; i < prompts; i++)
        ((int64_t *)data)[i] = batch->group_sizes ? (int64_t)batch->group_sizes[i] : 1;
    return ACCEL_OK;
}

accel_status process_tiles(const media_image_processing *p, const media_image_batch *batch,
                           media_tensors *out, accel_error *err) {
    tiling t = start(p, err);
    int64_t most;
    void *pixels;
    ACCEL_TRY(most_tiles(&t, batch, &most));
    int64_t dims[] = {(int64_t)batch->count, most, 3, t.finished.height, t.finished.width};
    ACCEL_TRY(media_tensors_add(out, "pixel_values", MEDIA_F32, 5, dims, &pixels, err));
    for (size_t i = 0; i < batch->count; i++) {
        t.out = (float *)pixels + (int64_t)i * most * 3 * t.finished.height * t.finished.width;
        accel_status status = write_picture(&t, &batch->images[i], is_cut(p, batch, i));
        if (status != ACCEL_OK)
            return error_prefix(err, status, "picture %zu", i + 1);
    }
    return add_counts(p, batch, out, err);
}
