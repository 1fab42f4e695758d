/* JPEG by libjpeg-turbo, with its defaults as Pillow leaves them (slow integer transform, smooth upsampling). Its errors are
 * turned into longjmps: they end in run_guarded and nowhere else, and between setjmp and its return only *job is touched. */
#include <stdio.h> /* jpeglib.h needs it */

#include <jpeglib.h>
#include <setjmp.h>
#include <string.h>

#include "base/mem.h"
#include "media/files/files_internal.h"

enum {
    MAX_SCANS = 100
}; /* of a progressive picture: few bytes can ask for the whole picture again and again */

typedef struct jpeg_job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    media_bytes *in;
    media_image image;
    uint8_t *row; /* of four colours */
    accel_error *err;
    accel_status status;
    jmp_buf stop;
} jpeg_job;

static _Noreturn void stop(jpeg_job *job, accel_status status) {
    job->status = status;
    longjmp(job->stop, 1);
}

static _Noreturn void fail(jpeg_job *job, const char *words) {
    stop(job, error_set(job->err, ACCEL_BAD_FILE, "%s is a broken JPEG picture: %s", job->in->name, words));
}

/* ---- libjpeg's calls ---------------------------------------------------------------------------------- */

static void on_error(j_common_ptr jpeg) {
    char words[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, words);
    fail(jpeg->client_data, words);
}

static void on_message(j_common_ptr jpeg, int level) {
    (void)jpeg;
    (void)level;
}

static void on_start(j_decompress_ptr jpeg) {
    (void)jpeg;
}

/* All bytes are there from the start, so to ask for more is to have come to the end. */
static boolean on_empty(j_decompress_ptr jpeg) {
    fail(jpeg->client_data, "it is cut off");
}

static void on_skip(j_decompress_ptr jpeg, long count) {
    if (count < 0 || (size_t)count > jpeg->src->bytes_in_buffer)
        fail(jpeg->client_data, "it is cut off");
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

static void on_progress(j_common_ptr jpeg) {
    if (((j_decompress_ptr)jpeg)->input_scan_number > MAX_SCANS)
        fail(jpeg->client_data, "it has too many scans");
}

/* ---- decoding ----------------------------------------------------------------------------------------- */

/* a * b / 255 as Pillow rounds it. */
static unsigned share(unsigned a, unsigned b) {
    unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* Adobe writes CMYK inverted, and Pillow takes every CMYK JPEG for Adobe's: each byte is what is left of white. */
static void narrow_row(jpeg_job *job, uint8_t *out) {
    for (int64_t x = 0; x < job->image.width; x++)
        for (int c = 0; c < 3; c++) {
            unsigned paper = job->row[4 * x + 3], ink = 255u - job->row[4 * x + c];
            unsigned covered = share(ink, paper);
            out[3 * x + c] = (uint8_t)(paper - covered);
        }
}

/* A block of 8 x 8 pixels takes a bit of the file at least (arithmetic coding may take half of one): a small file that
 * claims to be vast would only take time. */
static void check_density(jpeg_job *job) {
    enum { PIXELS_A_BYTE = 2 * 8 * 64 };
    uint64_t pixels = (uint64_t)job->jpeg.image_height * job->jpeg.image_width;
    if (pixels / PIXELS_A_BYTE > job->in->length)
        fail(job, "it says that it has more pixels than its bytes can hold");
}

static void make_image(jpeg_job *job) {
    accel_status status =
        media_image_create(job->jpeg.image_height, job->jpeg.image_width, &job->image, job->err);
    if (status != ACCEL_OK)
        stop(job, error_prefix(job->err, status, "%s", job->in->name));
}

static void choose_colours(jpeg_job *job) {
    int channels = job->jpeg.num_components;
    if (channels != 1 && channels != 3 && channels != 4)
        fail(job, "it has neither one nor three nor four colours");
    job->jpeg.out_color_space = channels == 4 ? JCS_CMYK : JCS_RGB;
    if (channels < 4)
        return;
    size_t row_bytes = 4 * (size_t)job->jpeg.image_width;
    job->row = mem_alloc(row_bytes);
    if (!job->row)
        stop(job, error_no_memory(job->err, job->in->name, row_bytes));
}

static void decode(jpeg_job *job) {
    jpeg_create_decompress(&job->jpeg);
    job->jpeg.src = &job->source;
    job->jpeg.progress = &job->progress;
    jpeg_read_header(&job->jpeg, TRUE);
    make_image(job); /* refuses sizes beyond every limit first */
    check_density(job);
    choose_colours(job);
    jpeg_start_decompress(&job->jpeg);
    size_t row_bytes = 3 * (size_t)job->image.width;
    while (job->jpeg.output_scanline < job->jpeg.output_height) {
        uint8_t *out = job->image.pixels + job->jpeg.output_scanline * row_bytes,
                *to = job->row ? job->row : out;
        jpeg_read_scanlines(&job->jpeg, &to, 1);
        if (job->row)
            narrow_row(job, out);
    }
}

static void run_guarded(jpeg_job *job) {
    if (setjmp(job->stop) == 0)
        decode(job);
}

accel_status jpeg_decode(media_bytes *in, media_image *out, accel_error *err) {
    jpeg_job *job = mem_calloc(1, sizeof *job);
    if (!job)
        return error_no_memory(err, in->name, sizeof *job);
    job->in = in;
    job->err = err;
    job->jpeg.err = jpeg_std_error(&job->errors);
    job->jpeg.client_data = job;
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
    job->progress.progress_monitor = on_progress;
    job->source = (struct jpeg_source_mgr){.next_input_byte = in->bytes,
                                           .bytes_in_buffer = in->length,
                                           .init_source = on_start,
                                           .fill_input_buffer = on_empty,
                                           .skip_input_data = on_skip,
                                           .resync_to_restart = jpeg_resync_to_restart,
                                           .term_source = on_start};
    run_guarded(job);
    jpeg_destroy_decompress(&job->jpeg);
    mem_free(job->row);
    accel_status status = job->status;
    if (status == ACCEL_OK)
        *out = job->image;
    else
        media_image_free(&job->image);
    mem_free(job);
    return status;
}
