#include "measure/outputs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/posix/io.h"

enum { MOST_OUTPUTS = 4096 };
static const uint64_t outputs_magic = 0x31747570746f6361ULL;

typedef struct outputs_head {
    uint64_t magic, count;
} outputs_head;

typedef struct output_head {
    int32_t type, rank;
    int64_t dims[TENSOR_MAX_RANK];
    uint64_t size_bytes;
} output_head;

static accel_status write_all(int descriptor, const void *bytes, size_t length, accel_error *err) {
    return io_write_all(descriptor, bytes, length)
               ? ACCEL_OK
               : error_set(err, ACCEL_IO, "cannot keep the outputs: %s", strerror(errno));
}

accel_status outputs_write(int descriptor, const tensor *tensors, size_t count, accel_error *err) {
    outputs_head head = {outputs_magic, count};
    if (lseek(descriptor, 0, SEEK_SET) != 0 || ftruncate(descriptor, 0) != 0)
        return error_set(err, ACCEL_IO, "cannot keep the outputs: %s", strerror(errno));
    ACCEL_TRY(write_all(descriptor, &head, sizeof head, err));
    for (size_t i = 0; i < count; i++) {
        const tensor *t = &tensors[i];
        output_head h = {.type = (int32_t)t->type, .rank = t->shape.rank, .size_bytes = t->size_bytes};
        for (int d = 0; d < t->shape.rank && d < TENSOR_MAX_RANK; d++)
            h.dims[d] = t->shape.dims[d];
        ACCEL_TRY(write_all(descriptor, &h, sizeof h, err));
        ACCEL_TRY(write_all(descriptor, t->data, t->size_bytes, err));
    }
    return ACCEL_OK;
}

static accel_status broken(accel_error *err) {
    return error_set(err, ACCEL_BAD_FILE, "the child left outputs that do not fit together");
}

static accel_status read_all(int descriptor, void *bytes, size_t length, uint64_t *offset, accel_error *err) {
    for (char *at = bytes; length > 0;) {
        ssize_t n = pread(descriptor, at, length, (off_t)*offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return broken(err);
        at += n;
        *offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return ACCEL_OK;
}

static accel_status read_tensor(int descriptor, uint64_t size, uint64_t *offset, tensor *out,
                                accel_error *err) {
    output_head h;
    size_t size_bytes = 0;
    ACCEL_TRY(read_all(descriptor, &h, sizeof h, offset, err));
    if (h.rank < 0 || h.rank > TENSOR_MAX_RANK || h.type < 0 || h.type > 127)
        return broken(err);
    shape s = shape_make(h.rank, h.dims);
    for (int d = 0; d < h.rank; d++)
        if (h.dims[d] < 0)
            return broken(err);
    ACCEL_TRY(tensor_size_bytes((dtype)h.type, &s, "an output", &size_bytes, err));
    if (size_bytes != h.size_bytes || size_bytes > size - *offset)
        return broken(err);
    ACCEL_TRY(tensor_create((dtype)h.type, &s, out, err));
    return read_all(descriptor, out->data, size_bytes, offset, err);
}

accel_status outputs_read(int descriptor, output_list *out, accel_error *err) {
    struct stat facts;
    outputs_head head;
    uint64_t offset = 0;
    *out = (output_list){0};
    if (fstat(descriptor, &facts) != 0)
        return broken(err);
    uint64_t size = (uint64_t)facts.st_size;
    ACCEL_TRY(read_all(descriptor, &head, sizeof head, &offset, err));
    if (head.magic != outputs_magic || head.count > MOST_OUTPUTS)
        return broken(err);
    out->tensors = mem_calloc((size_t)head.count + 1, sizeof *out->tensors);
    if (!out->tensors)
        return error_no_memory(err, "outputs", head.count * sizeof *out->tensors);
    accel_status status = ACCEL_OK;
    for (; status == ACCEL_OK && out->count < head.count; out->count++)
        status = read_tensor(descriptor, size, &offset, &out->tensors[out->count], err);
    if (status != ACCEL_OK)
        outputs_free(out);
    return status;
}

void outputs_free(output_list *list) {
    for (size_t i = 0; i < list->count; i++)
        tensor_free(&list->tensors[i]);
    mem_free(list->tensors);
    *list = (output_list){0};
}
