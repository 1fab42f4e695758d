/* What a TensorProto holds: raw bytes, one of five typed lists, or a sparse form. */
#include <string.h>

#include "base/checked.h"
#include "formats/onnx/model.h"

enum { SPARSE_MAX_BYTES = 64 << 20 };

accel_status proto_dtype(int64_t number, const char *what, dtype *out, accel_error *err) {
    dtype type = dtype_from_onnx(number);
    if (type == DTYPE_UNDEFINED)
        return error_set(err, ACCEL_UNSUPPORTED, "%s has element type %lld%s, which is not supported", what,
                         (long long)number, number == 27 || number == 28 ? " (float6)" : "");
    *out = type;
    return ACCEL_OK;
}

/* ---- the typed lists ---------------------------------------------------------------------------------- */

/* Which field of TensorProto holds elements of a type, how wide an entry is in the file (0: varint), and
 * how many entries make one element. Sub-byte types are stored a byte an entry. */
typedef struct list_form {
    uint32_t field;
    size_t width;
    int64_t per_element;
} list_form;

static list_form form_of(dtype type) {
    switch (type) {
    case DTYPE_F32:
        return (list_form){4, 4, 1};
    case DTYPE_C64:
        return (list_form){4, 4, 2};
    case DTYPE_F64:
        return (list_form){10, 8, 1};
    case DTYPE_C128:
        return (list_form){10, 8, 2};
    case DTYPE_I64:
        return (list_form){7, 0, 1};
    case DTYPE_U32:
    case DTYPE_U64:
        return (list_form){11, 0, 1};
    default:
        return (list_form){5, 0, 1};
    }
}

/* Bytes that one entry becomes in memory. */
static size_t entry_bytes(dtype type) {
    list_form form = form_of(type);
    if (form.width)
        return form.width;
    return dtype_bits(type) < 8 ? 1 : dtype_bits(type) / 8;
}

static bool count_packed(byte_span s, const list_form *form, size_t *count) {
    if (form->width) {
        *count += s.length / form->width;
        return s.length % form->width == 0;
    }
    for (size_t i = 0; i < s.length; i++)
        *count += !(s.bytes[i] & 0x80);
    return true;
}

/* Entries of the list, and the number of fields that they are spread over. */
static accel_status count_entries(const proto_tensor *t, const list_form *form, const char *what,
                                  size_t *entries, size_t *chunks, byte_span *last, accel_error *err) {
    *entries = *chunks = 0;
    pb_reader r = pb_read(t->message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != form->field)
            continue;
        ++*chunks;
        *last = f.bytes;
        if (f.wire != PB_BYTES)
            ++*entries;
        else if (!count_packed(f.bytes, form, entries))
            return error_set(err, ACCEL_BAD_FILE, "%s: its list of numbers is cut off", what);
    }
    return ACCEL_OK;
}

static void store_entry(uint8_t *out, size_t width, uint64_t value) {
    for (size_t i = 0; i < width; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* The counts were checked: every entry has its place. */
static bool decode_entries(const proto_tensor *t, const list_form *form, size_t width, uint8_t *out) {
    pb_reader r = pb_read(t->message);
    pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != form->field)
            continue;
        if (f.wire != PB_BYTES) {
            store_entry(out, width, f.value);
            out += width;
        } else if (form->width) {
            memcpy(out, f.bytes.length ? f.bytes.bytes : out, f.bytes.length);
            out += f.bytes.length;
        } else {
            pb_reader list = pb_read(f.bytes);
            uint64_t value;
            while (pb_next_varint(&list, &value)) {
                store_entry(out, width, value);
                out += width;
            }
            if (list.fault)
                return false;
        }
    }
    return true;
}

static accel_status wrong_count(const proto_tensor *t, const char *what, const char *unit, size_t want,
                                size_t have, accel_error *err) {
    char text[128];
    return error_set(err, ACCEL_BAD_FILE, "%s has shape %s, which needs %zu %s, but the file holds %zu", what,
                     shape_text(&t->shape, text, sizeof text), want, unit, have);
}

static accel_status list_contents(arena *a, const proto_tensor *t, dtype type, size_t size, const char *what,
                                  graph_data *out, accel_error *err) {
    list_form form = form_of(type);
    size_t entries, chunks, width = entry_bytes(type);
    byte_span last = {0};
    ACCEL_TRY(count_entries(t, &form, what, &entries, &chunks, &last, err));
    if (entries != size / width || size % width)
        return wrong_count(t, what, "values", size / width, entries, err);
    *out = (graph_data){.kind = DATA_BYTES, .size_bytes = size};
    if (form.width && chunks == 1 &&
        last.length == size) { /* packed numbers of their own width lie as raw_data would */
        out->bytes = last.bytes;
        out->file_backed = true;
        return ACCEL_OK;
    }
    uint8_t *bytes = arena_alloc(a, size);
    if (!bytes)
        return error_no_memory(err, what, size);
    if (!decode_entries(t, &form, width, bytes))
        return error_set(err, ACCEL_BAD_FILE, "%s: its list of numbers is malformed", what);
    out->bytes = bytes;
    return ACCEL_OK;
}

accel_status proto_tensor_contents(arena *a, const proto_tensor *t, const char *what, dtype *type,
                                   graph_data *out, accel_error *err) {
    ACCEL_TRY(proto_dtype(t->type, what, type, err));
    if (*type == DTYPE_STRING)
        return error_set(err, ACCEL_UNSUPPORTED, "%s holds strings, which are not supported", what);
    size_t size;
    ACCEL_TRY(tensor_size_bytes(*type, &t->shape, what, &size, err));
    if (!t->has_raw)
        return list_contents(a, t, *type, size, what, out, err);
    if (t->raw.length != size)
        return wrong_count(t, what, "bytes", size, t->raw.length, err);
    *out = (graph_data){.kind = DATA_BYTES, .bytes = t->raw.bytes, .size_bytes = size, .file_backed = true};
    return ACCEL_OK;
}

/* ---- sparse tensors ----------------------------------------------------------------------------------- */

/* Indices are [count] positions in the flattened tensor, or [count, rank] coordinates. */
static bool sparse_position(const proto_sparse *s, const int64_t *index, int64_t *out) {
    if (s->indices.shape.rank == 1) {
        *out = index[0];
        return *out >= 0 && *out < s->elements;
    }
    int64_t position = 0;
    for (int axis = 0; axis < s->shape.rank; axis++) {
        if (index[axis] < 0 || index[axis] >= s->shape.dims[axis])
            return false;
        position = position * s->shape.dims[axis] + index[axis];
    }
    *out = position;
    return true;
}

static accel_status check_sparse(const proto_sparse *s, const char *what, dtype type, size_t size,
                                 accel_error *err) {
    const shape *at = &s->indices.shape;
    bool coordinates = at->rank == 2 && at->dims[1] == s->shape.rank && at->dims[0] == s->values.elements;
    bool positions = at->rank == 1 && at->dims[0] == s->values.elements;
    if (s->values.shape.rank != 1 || !(coordinates || positions))
        return error_set(err, ACCEL_BAD_FILE, "%s: the shapes of its values and indices do not fit", what);
    if (size > SPARSE_MAX_BYTES)
        return error_set(err, ACCEL_LIMIT,
                         "%s is sparse; its dense form has %zu bytes, above the limit of %d", what, size,
                         SPARSE_MAX_BYTES);
    if (dtype_bits(type) % 8)
        return error_set(err, ACCEL_UNSUPPORTED, "%s is a sparse tensor of %s, which is not supported", what,
                         dtype_name(type));
    return ACCEL_OK;
}

static accel_status scatter(const proto_sparse *s, const graph_data *values, const graph_data *indices,
                            size_t width, const char *what, uint8_t *dense, accel_error *err) {
    int64_t index[TENSOR_MAX_RANK];
    size_t per_entry = s->indices.shape.rank == 1 ? 1 : (size_t)s->shape.rank;
    for (int64_t i = 0; i < s->values.elements; i++) {
        const uint8_t *from = (const uint8_t *)indices->bytes + (size_t)i * per_entry * sizeof(int64_t);
        memcpy(index, from, per_entry * sizeof(int64_t));
        int64_t position;
        if (!sparse_position(s, index, &position))
            return error_set(err, ACCEL_BAD_FILE, "%s: an index lies outside its shape", what);
        memcpy(dense + (size_t)position * width, (const uint8_t *)values->bytes + (size_t)i * width, width);
    }
    return ACCEL_OK;
}

accel_status proto_sparse_contents(arena *a, const proto_sparse *s, const char *what, dtype *type,
                                   graph_data *out, accel_error *err) {
    graph_data values, indices;
    dtype index_type;
    if (s->values.external || s->indices.external)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "%s is sparse and stored in an external file, which is not supported", what);
    ACCEL_TRY(proto_tensor_contents(a, &s->values, what, type, &values, err));
    ACCEL_TRY(proto_tensor_contents(a, &s->indices, what, &index_type, &indices, err));
    if (index_type != DTYPE_I64)
        return error_set(err, ACCEL_BAD_FILE, "%s: its indices are %s, not int64", what,
                         dtype_name(index_type));
    size_t size;
    ACCEL_TRY(tensor_size_bytes(*type, &s->shape, what, &size, err));
    ACCEL_TRY(check_sparse(s, what, *type, size, err));
    uint8_t *dense = arena_alloc(a, size);
    if (!dense)
        return error_no_memory(err, what, size);
    ACCEL_TRY(scatter(s, &values, &indices, dtype_bits(*type) / 8, what, dense, err));
    *out = (graph_data){.kind = DATA_BYTES, .bytes = dense, .size_bytes = size};
    return ACCEL_OK;
}
