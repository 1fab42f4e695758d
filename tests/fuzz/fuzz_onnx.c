/* An ONNX file is refused or becomes a graph; a graph can be inferred without harm, and what is written of
 * it can be read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "formats/onnx/protobuf.h"
#include "graph/cost.h"
#include "graph/infer.h"

static void write_and_read(const graph *g) {
    str_buf bytes = {0};
    graph *back;
    accel_error err;
    if (onnx_write_bytes(g, NULL, &bytes, &err) == ACCEL_OK) {
        if (onnx_read_bytes(bytes.data, bytes.length, "copy", NULL, &back, &err) != ACCEL_OK) {
            fprintf(stderr, "%s\n", err.message);
            abort(); /* our own file was refused */
        }
        graph_destroy(back);
    }
    str_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    graph *g;
    accel_error err;
    graph_cost cost;
    if (onnx_read_bytes(data, size, "fuzz", NULL, &g, &err) != ACCEL_OK) {
        return 0;
    }
    write_and_read(g);
    if (graph_infer(g, &err) == ACCEL_OK) {
        (void)graph_cost_compute(g, &cost, &err);
    }
    graph_destroy(g);
    return 0;
}

/* --- mutation ---------------------------------------------------------------------------------------------
 *
 * A change to one byte of a message nearly always breaks the lengths around it. So we go down to some field,
 * change that, and write everything around it again. */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { MAX_FIELDS = 512, MAX_DEPTH = 12, SCRATCH_BYTES = 1 << 16 };

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static bool looks_like_message(byte_span s) {
    pb_reader r = pb_read(s);
    pb_field f;
    size_t count = 0;
    while (pb_next(&r, &f)) {
        count++;
    }
    return count > 0 && !r.fault;
}

static void put_field(str_buf *out, const pb_field *f) {
    uint8_t fixed[8];
    memcpy(fixed, &f->value, sizeof fixed);
    if (f->wire == PB_BYTES) {
        pb_put_bytes(out, f->number, f->bytes.length ? (const void *)f->bytes.bytes : "", f->bytes.length);
    } else if (f->wire == PB_VARINT) {
        pb_put_int(out, f->number, (int64_t)f->value);
    } else {
        pb_put_tag(out, f->number, f->wire);
        str_append_bytes(out, fixed, f->wire == PB_FIXED64 ? 8 : 4);
    }
}

static void put_changed_bytes(str_buf *out, const pb_field *f) {
    static uint8_t scratch[SCRATCH_BYTES];
    size_t length = f->bytes.length < sizeof scratch / 2 ? f->bytes.length : sizeof scratch / 2;
    if (length) {
        memcpy(scratch, f->bytes.bytes, length);
    }
    length = LLVMFuzzerMutate(scratch, length, length + 64);
    pb_put_bytes(out, f->number, scratch, length);
}

static void put_changed_number(str_buf *out, pb_field f, uint32_t *seed) {
    static const int64_t edges[] = {0,  1,         2,         7,         16,        -1,
                                    -2, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1 << 20};
    uint32_t way = next_random(seed) % 3;
    if (way == 0) {
        f.value = (uint64_t)edges[next_random(seed) % (sizeof edges / sizeof edges[0])];
    } else {
        f.value += way == 1 ? next_random(seed) % 8 : -(uint64_t)(next_random(seed) % 8);
    }
    put_field(out, &f);
}

static void mutate_message(byte_span message, int depth, uint32_t *seed, str_buf *out);

static void put_changed(str_buf *out, const pb_field *f, const pb_field *others, size_t count, int depth,
                        uint32_t *seed) {
    const pb_field *other = &others[next_random(seed) % count];
    uint32_t way = next_random(seed) % 16;
    if (way == 0) {
        return; /* leaves it out */
    }
    if (way == 1) {
        put_field(out, f);
        put_field(out, f);
    } else if (way == 2) {
        put_field(out, other); /* in another place */
    } else if (way == 3 && f->wire == PB_BYTES && other->wire == PB_BYTES) {
        pb_put_bytes(out, f->number, other->bytes.length ? (const void *)other->bytes.bytes : "",
                     other->bytes.length);
    } else if (f->wire != PB_BYTES) {
        put_changed_number(out, *f, seed);
    } else if (depth < MAX_DEPTH && looks_like_message(f->bytes)) {
        str_buf inner = {0};
        mutate_message(f->bytes, depth + 1, seed, &inner);
        pb_put_message(out, f->number, &inner);
        str_free(&inner);
    } else {
        put_changed_bytes(out, f);
    }
}

static void mutate_message(byte_span message, int depth, uint32_t *seed, str_buf *out) {
    pb_field fields[MAX_FIELDS];
    size_t count = 0;
    pb_reader r = pb_read(message);
    while (count < MAX_FIELDS && pb_next(&r, &fields[count])) {
        count++;
    }
    size_t chosen = count ? next_random(seed) % count : 0;
    for (size_t i = 0; i < count; i++) {
        if (i == chosen) {
            put_changed(out, &fields[i], fields, count, depth, seed);
        } else {
            put_field(out, &fields[i]);
        }
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    str_buf out = {0};
    uint32_t state = seed;
    if (next_random(&state) % 16 == 0 || !looks_like_message((byte_span){data, size})) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    for (uint32_t changes = 1 + next_random(&state) % 3; changes > 0; changes--) {
        str_buf next = {0};
        mutate_message(out.length ? (byte_span){(uint8_t *)out.data, out.length} : (byte_span){data, size}, 0,
                       &state, &next);
        str_free(&out);
        out = next;
    }
    size_t length = out.length < max_size ? out.length : 0;
    if (length) {
        memcpy(data, out.data, length);
    }
    str_free(&out);
    return length ? length : size;
}
