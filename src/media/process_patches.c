/* Qwen2-VL and Qwen3-VL: pictures of any shape as rows of patches. Rows go block by block of merge_size x merge_size
 * patches, blocks and patches in raster order; a row is (channel, time, row, column), the picture doubled in time.
 * Source: transformers 5.24, models/qwen2_vl/image_processing_pil_qwen2_vl.py. */
#include "media/image_internal.h"

#include <string.h>

#include "base/mem.h"

static accel_status patched_extent(const media_image_processing *p, const media_image *image, extent *out,
                                   accel_error *err) {
    int64_t factor = p->patch_size * p->merge_size;
    extent e = {image->height, image->width};
    if (p->do_resize)
        return size_in_multiples(e, factor, p->size.shortest_edge, p->size.longest_edge, out, err);
    if (e.height % factor != 0 || e.width % factor != 0)
        return error_set(
            err, ACCEL_INVALID_ARGUMENT,
            "%lld x %lld pixels (height x width) are no multiples of %lld, and the configuration "
            "does not resize",
            (long long)e.height, (long long)e.width, (long long)factor);
    *out = e;
    return ACCEL_OK;
}

/* image_grid_thw, and the count of all rows. */
static accel_status measure(const media_image_processing *p, const media_image_batch *batch, int64_t *grid,
                            int64_t *rows, accel_error *err) {
    *rows = 0;
    for (size_t i = 0; i < batch->count; i++, grid += 3) {
        extent e;
        accel_status status = patched_extent(p, &batch->images[i], &e, err);
        if (status == ACCEL_OK)
            status = media_image_check_size(e.height, e.width, err);
        if (status != ACCEL_OK)
            return error_prefix(err, status, "picture %zu", i + 1);
        grid[0] = 1;
        grid[1] = e.height / p->patch_size;
        grid[2] = e.width / p->patch_size;
        *rows += grid[1] * grid[2];
    }
    return ACCEL_OK;
}

static float *write_patch(const media_image_processing *p, const media_image *image,
                          const byte_values *values, int64_t top, int64_t left, float *out) {
    int64_t edge = p->patch_size, area = edge * edge;
    for (int c = 0; c < 3; c++) {
        float *first = out;
        for (int64_t y = 0; y < edge; y++) {
            const uint8_t *from = image->pixels + ((top + y) * image->width + left) * 3 + c;
            for (int64_t x = 0; x < edge; x++)
                *out++ = values->of[c][from[3 * x]];
        }
        for (int64_t t = 1; t < p->temporal_patch_size; t++, out += area)
            memcpy(out, first, (size_t)area * sizeof *out);
    }
    return out;
}

static float *write_patches(const media_image_processing *p, const media_image *image,
                            const byte_values *values, float *out) {
    int64_t edge = p->patch_size, block = edge * p->merge_size;
    for (int64_t top = 0; top < image->height; top += block)
        for (int64_t left = 0; left < image->width; left += block)
            for (int64_t y = 0; y < block; y += edge)
                for (int64_t x = 0; x < block; x += edge)
                    out = write_patch(p, image, values, top + y, left + x, out);
    return out;
}

static accel_status write_rows(const media_image_processing *p, const media_image_batch *batch,
                               const int64_t *grid, float *out, accel_error *err) {
    byte_values values;
    byte_values_make(p, &values);
    for (size_t i = 0; i < batch->count; i++, grid += 3) {
        media_image scaled = {0};
        accel_status status = media_image_resize(&batch->images[i], grid[1] * p->patch_size,
                                                 grid[2] * p->patch_size, p->resample, &scaled, err);
        if (status != ACCEL_OK)
            return error_prefix(err, status, "picture %zu", i + 1);
        out = write_patches(p, &scaled, &values, out);
        media_image_free(&scaled);
    }
    return ACCEL_OK;
}

accel_status process_patches(const media_image_processing *p, const media_image_batch *batch,
                             media_tensors *out, accel_error *err) {
    int64_t rows, row = 3 * p->temporal_patch_size * p->patch_size * p->patch_size;
    void *pixels, *grid_data;
    int64_t *grid = mem_calloc(batch->count, 3 * sizeof *grid);
    if (!grid)
        return error_no_memory(err, "image_grid_thw", batch->count * 3 * sizeof *grid);
    accel_status status = measure(p, batch, grid, &rows, err);
    if (status == ACCEL_OK)
        status = media_tensors_add(out, "pixel_values", MEDIA_F32, 2, (int64_t[]){rows, row}, &pixels, err);
    if (status == ACCEL_OK)
        status = write_rows(p, batch, grid, pixels, err);
    if (status == ACCEL_OK)
        status = media_tensors_add(out, "image_grid_thw", MEDIA_I64, 2, (int64_t[]){(int64_t)batch->count, 3},
                                   &grid_data, err);
    if (status == ACCEL_OK)
        memcpy(grid_data, grid, batch->count * 3 * sizeof *grid);
    mem_free(grid);
    return status;
}
