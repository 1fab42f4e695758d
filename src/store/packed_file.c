#include "store/packed_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/posix/io.h"

enum { LEVEL = 3, CHUNK_BYTES = 1 << 17 };

/* One file on its way through zstd into another. */
typedef struct stream {
    int descriptor; /* of what is read */
    const char *from;
    file_writer *writer;
    sha256 *read_hash, *written_hash;
    uint64_t read_bytes, written_bytes;
    char in[CHUNK_BYTES], out[CHUNK_BYTES];
} stream;

static accel_status read_chunk(stream *s, ZSTD_inBuffer *in, accel_error *err) {
    ssize_t got = io_read(s->descriptor, s->in, sizeof s->in);
    if (got < 0)
        return io_error(err, "cannot read", s->from);
    *in = (ZSTD_inBuffer){s->in, (size_t)got, 0};
    sha256_update(s->read_hash, s->in, (size_t)got);
    s->read_bytes += (uint64_t)got;
    return ACCEL_OK;
}

static accel_status write_chunk(stream *s, ZSTD_outBuffer *out, accel_error *err) {
    sha256_update(s->written_hash, out->dst, out->pos);
    s->written_bytes += out->pos;
    accel_status status = file_writer_write(s->writer, out->dst, out->pos, err);
    out->pos = 0;
    return status;
}

static accel_status pack_all(stream *s, accel_error *err) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    accel_status status = context != NULL ? ACCEL_OK : error_no_memory(err, "zstd", 0);
    if (status == ACCEL_OK) {
        (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
        (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    }
    bool last = false;
    while (status == ACCEL_OK && !last) {
        ZSTD_inBuffer in;
        ZSTD_outBuffer out = {s->out, sizeof s->out, 0};
        size_t left = 1;
        status = read_chunk(s, &in, err);
        last = in.size == 0;
        while (status == ACCEL_OK && (last ? left > 0 : in.pos < in.size)) {
            left = ZSTD_compressStream2(context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
            status = ZSTD_isError(left) ? error_set(err, ACCEL_RUNTIME, "cannot compress %s: %s", s->from,
                                                    ZSTD_getErrorName(left))
                                        : write_chunk(s, &out, err);
        }
    }
    ZSTD_freeCCtx(context);
    return status;
}

static accel_status unpack_all(stream *s, accel_error *err) {
    ZSTD_DCtx *context = ZSTD_createDCtx();
    accel_status status = context != NULL ? ACCEL_OK : error_no_memory(err, "zstd", 0);
    size_t left = 1; /* of the frame; 0 at its end */
    for (bool last = false; status == ACCEL_OK && !last;) {
        ZSTD_inBuffer in;
        ZSTD_outBuffer out = {s->out, sizeof s->out, 0};
        status = read_chunk(s, &in, err);
        last = in.size == 0;
        for (bool full = false; status == ACCEL_OK && (in.pos < in.size || full);) {
            left = ZSTD_decompressStream(context, &out, &in);
            full = out.pos == out.size; /* then there may be more, though all input is consumed */
            status = ZSTD_isError(left) ? error_set(err, ACCEL_BAD_FILE, "%s is damaged: %s", s->from,
                                                    ZSTD_getErrorName(left))
                                        : write_chunk(s, &out, err);
        }
    }
    if (status == ACCEL_OK && left > 0)
        status = error_set(err, ACCEL_BAD_FILE, "%s is cut short", s->from);
    ZSTD_freeDCtx(context);
    return status;
}

static accel_status stream_file(int descriptor, const char *from, const char *to, bool pack,
                                packed_sums *sums, accel_error *err) {
    stream *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return error_no_memory(err, "a file's buffer", sizeof *s);
    s->descriptor = descriptor;
    s->from = from;
    s->read_hash = sha256_create();
    s->written_hash = sha256_create();
    accel_status status = s->read_hash != NULL && s->written_hash != NULL
                              ? file_writer_open(to, &s->writer, err)
                              : error_no_memory(err, "a hash", 0);
    if (status == ACCEL_OK)
        status = pack ? pack_all(s, err) : unpack_all(s, err);
    if (status == ACCEL_OK) {
        status = file_writer_commit(s->writer, err);
        sha256_finish(s->read_hash, pack ? sums->plain : sums->packed);
        sha256_finish(s->written_hash, pack ? sums->packed : sums->plain);
        sums->plain_bytes = pack ? s->read_bytes : s->written_bytes;
        sums->packed_bytes = pack ? s->written_bytes : s->read_bytes;
    } else {
        file_writer_abort(s->writer);
        sha256_destroy(s->read_hash);
        sha256_destroy(s->written_hash);
    }
    mem_free(s);
    return status;
}

accel_status packed_write(int descriptor, const char *from, const char *to, packed_sums *out,
                          accel_error *err) {
    if (lseek(descriptor, 0, SEEK_SET) != 0)
        return io_error(err, "cannot read", from);
    return stream_file(descriptor, from, to, true, out, err);
}

accel_status packed_read(const char *from, const char *to, packed_sums *out, accel_error *err) {
    int descriptor = io_open(AT_FDCWD, from, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (descriptor < 0)
        return io_error(err, "cannot open", from);
    accel_status status = stream_file(descriptor, from, to, false, out, err);
    (void)io_close(descriptor);
    return status;
}
