/* PNG by libpng. Its errors are longjmps: they end in run_guarded and nowhere else, and between setjmp and its return only *job
 * is touched. */
#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "base/mem.h"
#include "media/files/files_internal.h"

enum {
    MAX_INFLATION = 1032,      /* deflate makes no byte into more */
    MAX_CHUNK_BYTES = 8 << 20, /* of texts and colour profiles */
    MAX_CHUNKS = 1000
};

typedef struct png_job {
    media_bytes *in;
    media_image image;
    uint8_t *wide; /* 16-bit greys */
    png_structp png;
    png_infop info;
    accel_error *err;
    accel_status status;
    size_t wanted; /* bytes that there was no memory for */
    jmp_buf stop;
} png_job;

/* ---- libpng's calls ----------------------------------------------------------------------------------- */

static _Noreturn void on_error(png_structp png, png_const_charp words) {
    png_job *job = png_get_error_ptr(png);
    job->status = job->wanted > 0 ? error_no_memory(job->err, job->in->name, job->wanted)
                                  : error_set(job->err, ACCEL_BAD_FILE, "%s is a broken PNG picture: %s",
                                              job->in->name, words);
    longjmp(job->stop, 1);
}

static void on_warning(png_structp png, png_const_charp words) {
    (void)png;
    (void)words;
}

static void on_read(png_structp png, png_bytep to, size_t count) {
    media_bytes *in = ((png_job *)png_get_io_ptr(png))->in;
    if (count > in->length - in->next)
        png_error(png, "it is cut off");
    memcpy(to, in->bytes + in->next, count);
    in->next += count;
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t size) {
    void *memory = mem_alloc(size);
    if (!memory)
        ((png_job *)png_get_mem_ptr(png))->wanted = size;
    return memory;
}

static void on_free(png_structp png, png_voidp pointer) {
    (void)png;
    mem_free(pointer);
}

/* ---- decoding ----------------------------------------------------------------------------------------- */

static _Noreturn void stop(png_job *job, accel_status status) {
    job->status = status;
    longjmp(job->stop, 1);
}

/* Checks the header's word against the limits, and against what the bytes can hold. */
static void make_image(png_job *job) {
    int64_t height = png_get_image_height(job->png, job->info),
            width = png_get_image_width(job->png, job->info);
    accel_status status = media_image_check_size(height, width, job->err);
    if (status != ACCEL_OK)
        stop(job, error_prefix(job->err, status, "%s", job->in->name));
    uint64_t packed = png_get_rowbytes(job->png, job->info) * (uint64_t)height;
    if (packed / MAX_INFLATION > job->in->length)
        png_error(job->png, "it is too short for the size that it states");
    status = media_image_create(height, width, &job->image, job->err);
    if (status != ACCEL_OK)
        stop(job, error_prefix(job->err, status, "%s", job->in->name));
}

static void read_passes(png_job *job, uint8_t *pixels, size_t row_bytes) {
    int passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    if (png_get_rowbytes(job->png, job->info) != row_bytes)
        png_error(job->png, "its rows are not as long as its header says");
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < job->image.height; y++)
            png_read_row(job->png, pixels + (size_t)y * row_bytes, NULL);
}

/* Pillow clips greys of 16 bits where it takes the upper byte of colours. */
static void read_wide_grey(png_job *job) {
    size_t count = (size_t)(job->image.height * job->image.width);
    job->wide = mem_alloc(2 * count);
    if (!job->wide)
        stop(job, error_no_memory(job->err, job->in->name, 2 * count));
    read_passes(job, job->wide, 2 * (size_t)job->image.width);
    for (size_t i = 0; i < count; i++)
        memset(job->image.pixels + 3 * i, job->wide[2 * i] ? 255 : job->wide[2 * i + 1], 3);
}

static void decode(png_job *job) {
    png_set_read_fn(job->png, job, on_read);
    png_set_user_limits(job->png, MEDIA_MAX_EDGE, MEDIA_MAX_EDGE);
    png_set_chunk_malloc_max(job->png, MAX_CHUNK_BYTES);
    png_set_chunk_cache_max(job->png, MAX_CHUNKS);
    png_read_info(job->png, job->info);
    make_image(job);
    if (png_get_color_type(job->png, job->info) == PNG_COLOR_TYPE_GRAY &&
        png_get_bit_depth(job->png, job->info) == 16) {
        read_wide_grey(job);
        return;
    }
    png_set_strip_16(job->png);
    png_set_expand(job->png);
    png_set_strip_alpha(job->png);
    png_set_gray_to_rgb(job->png);
    read_passes(job, job->image.pixels, 3 * (size_t)job->image.width);
}

static void run_guarded(png_job *job) {
    if (setjmp(job->stop) == 0)
        decode(job);
}

accel_status png_decode(media_bytes *in, media_image *out, accel_error *err) {
    png_job job = {.in = in, .err = err};
    job.png =
        png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning, &job, on_alloc, on_free);
    job.info = job.png ? png_create_info_struct(job.png) : NULL;
    if (job.info)
        run_guarded(&job);
    else
        job.status = error_no_memory(err, in->name, sizeof job);
    png_destroy_read_struct(&job.png, &job.info, NULL);
    mem_free(job.wide);
    if (job.status == ACCEL_OK)
        *out = job.image;
    else
        media_image_free(&job.image);
    return job.status;
}
