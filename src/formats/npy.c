/* NumPy's .npy: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. A magic number, a
 * Python dictionary as text, the elements. */
#include "formats/formats.h"

#include <string.h>

#include "base/file.h"

enum { HEADER_MAX_BYTES = 64 << 10, WORD_BYTES = 64 };

static const char magic[] = "\x93NUMPY";

typedef struct npy_header {
    dtype type;
    shape shape;
    bool fortran, big_endian;
    size_t data_offset;
} npy_header;

/* ---- element types ------------------------------------------------------------------------------------ */

/* NumPy's kind and width; then the names under which ml_dtypes registers types that NumPy has no number
 * for. */
static const struct npy_type {
    const char *name;
    dtype type;
} npy_types[] = {
    {"f4", DTYPE_F32},
    {"f2", DTYPE_F16},
    {"f8", DTYPE_F64},
    {"i1", DTYPE_I8},
    {"i2", DTYPE_I16},
    {"i4", DTYPE_I32},
    {"i8", DTYPE_I64},
    {"u1", DTYPE_U8},
    {"u2", DTYPE_U16},
    {"u4", DTYPE_U32},
    {"u8", DTYPE_U64},
    {"b1", DTYPE_BOOL},
    {"c8", DTYPE_C64},
    {"c16", DTYPE_C128},
    {"V1", DTYPE_U8},
    {"V2", DTYPE_BF16},
    {"bfloat16", DTYPE_BF16},
    {"float8_e4m3fn", DTYPE_F8E4M3FN},
    {"float8_e4m3fnuz", DTYPE_F8E4M3FNUZ},
    {"float8_e5m2", DTYPE_F8E5M2},
    {"float8_e5m2fnuz", DTYPE_F8E5M2FNUZ},
    {"float8_e8m0fnu", DTYPE_F8E8M0},
};

static accel_status parse_type(const char *descr, const char *name, npy_header *h, accel_error *err) {
    const char *word = descr;
    bool ordered = *word == '<' || *word == '>' || *word == '|' || *word == '=';
    word += ordered;
    for (size_t i = 0; i < sizeof npy_types / sizeof npy_types[0]; i++) {
        if (strcmp(npy_types[i].name, word) != 0)
            continue;
        h->type = npy_types[i].type;
        h->big_endian = descr[0] == '>';
        return ACCEL_OK;
    }
    return error_set(err, ACCEL_UNSUPPORTED, "%s has elements of type '%s', which is not supported", name,
                     descr);
}

/* ---- the dictionary ----------------------------------------------------------------------------------- */

typedef struct npy_text {
    const char *next, *end;
    const char *file;
    accel_error *err;
} npy_text;

static accel_status malformed(const npy_text *t) {
    return error_set(t->err, ACCEL_BAD_FILE, "%s: its header is not the dictionary that .npy files have",
                     t->file);
}

static void skip_blanks(npy_text *t) {
    while (t->next < t->end && (*t->next == ' ' || *t->next == '\n' || *t->next == '\t' || *t->next == '\r'))
        t->next++;
}

static bool take(npy_text *t, char c) {
    skip_blanks(t);
    if (t->next == t->end || *t->next != c)
        return false;
    t->next++;
    return true;
}

/* 'text' or "text" without escapes. */
static bool take_string(npy_text *t, char word[WORD_BYTES]) {
    skip_blanks(t);
    if (t->next == t->end || (*t->next != '\'' && *t->next != '"'))
        return false;
    char quote = *t->next++;
    size_t length = 0;
    while (t->next < t->end && *t->next != quote) {
        if (length + 1 == WORD_BYTES || *t->next == '\\' || *t->next == 0)
            return false;
        word[length++] = *t->next++;
    }
    word[length] = 0;
    return take(t, quote);
}

static bool take_word(npy_text *t, const char *word) {
    skip_blanks(t);
    size_t length = strlen(word);
    if ((size_t)(t->end - t->next) < length || memcmp(t->next, word, length) != 0)
        return false;
    t->next += length;
    return true;
}

static bool take_bool(npy_text *t, bool *out) {
    *out = take_word(t, "True");
    return *out || take_word(t, "False");
}

/* A dimension; Python 2 wrote 3L. */
static bool take_number(npy_text *t, int64_t *out) {
    skip_blanks(t);
    int64_t value = 0;
    const char *start = t->next;
    for (; t->next < t->end && *t->next >= '0' && *t->next <= '9'; t->next++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *t->next - '0', &value))
            return false;
    if (t->next == start)
        return false;
    take_word(t, "L");
    *out = value;
    return true;
}

static accel_status take_shape(npy_text *t, shape *s) {
    *s = (shape){0};
    if (!take(t, '('))
        return malformed(t);
    while (!take(t, ')')) {
        int64_t dim;
        if (!take_number(t, &dim))
            return malformed(t);
        if (s->rank == TENSOR_MAX_RANK)
            return error_set(t->err, ACCEL_LIMIT, "%s has a rank above %d, the most that is supported",
                             t->file, TENSOR_MAX_RANK);
        s->dims[s->rank++] = dim;
        if (take(t, ',') || take(t, ')')) {
            if (t->next[-1] == ')')
                break;
            continue;
        }
        return malformed(t);
    }
    return ACCEL_OK;
}

static accel_status take_field(npy_text *t, npy_header *h, unsigned seen[3]) {
    char key[WORD_BYTES], descr[WORD_BYTES];
    if (!take_string(t, key) || !take(t, ':'))
        return malformed(t);
    if (strcmp(key, "shape") == 0) {
        seen[2]++;
        return take_shape(t, &h->shape);
    }
    if (strcmp(key, "fortran_order") == 0) {
        seen[1]++;
        return take_bool(t, &h->fortran) ? ACCEL_OK : malformed(t);
    }
    if (strcmp(key, "descr") != 0)
        return malformed(t);
    seen[0]++;
    if (take(t, '['))
        return error_set(t->err, ACCEL_UNSUPPORTED,
                         "%s holds records (a structured dtype), which are not supported", t->file);
    if (!take_string(t, descr))
        return malformed(t);
    return parse_type(descr, t->file, h, t->err);
}

static accel_status parse_dictionary(npy_text *t, npy_header *h) {
    unsigned seen[3] = {0};
    if (!take(t, '{'))
        return malformed(t);
    while (!take(t, '}')) {
        ACCEL_TRY(take_field(t, h, seen));
        if (!take(t, ',')) {
            if (!take(t, '}'))
                return malformed(t);
            break;
        }
    }
    return seen[0] == 1 && seen[1] == 1 && seen[2] == 1 ? ACCEL_OK : malformed(t);
}

static accel_status parse_header(const uint8_t *bytes, size_t length, const char *name, npy_header *h,
                                 accel_error *err) {
    *h = (npy_header){0};
    if (length < 10 || memcmp(bytes, magic, 6) != 0)
        return error_set(err, ACCEL_BAD_FILE, "%s is not a .npy file", name);
    int version = bytes[6];
    size_t lead = version == 1 ? 10 : 12, text = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (version < 1 || version > 3)
        return error_set(err, ACCEL_UNSUPPORTED, "%s has .npy version %d; 1, 2 and 3 are known", name,
                         version);
    if (length < lead)
        return error_set(err, ACCEL_BAD_FILE, "%s is cut off inside its header", name);
    if (version > 1)
        text |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (text > HEADER_MAX_BYTES || text > length - lead)
        return error_set(err, ACCEL_BAD_FILE, "%s: its header claims %zu bytes, more than there can be", name,
                         text);
    h->data_offset = lead + text;
    npy_text t = {.next = (const char *)bytes + lead,
                  .end = (const char *)bytes + h->data_offset,
                  .file = name,
                  .err = err};
    return parse_dictionary(&t, h);
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static void swap_bytes(uint8_t *data, size_t size, size_t width) {
    for (size_t at = 0; at + width <= size; at += width)
        for (size_t i = 0; i < width / 2; i++) {
            uint8_t byte = data[at + i];
            data[at + i] = data[at + width - 1 - i];
            data[at + width - 1 - i] = byte;
        }
}

/* Column-major bytes to row-major: element i of the file goes to the place that its index has in C order. */
static void from_fortran(const shape *s, size_t width, const uint8_t *from, uint8_t *to) {
    int64_t index[TENSOR_MAX_RANK] = {0}, count = 0;
    if (!shape_elements(s, &count))
        return;
    for (int64_t i = 0; i < count; i++) {
        int64_t place = 0;
        for (int axis = 0; axis < s->rank; axis++)
            place = place * s->dims[axis] + index[axis];
        memcpy(to + (size_t)place * width, from + (size_t)i * width, width);
        for (int axis = 0; axis < s->rank && ++index[axis] == s->dims[axis]; axis++)
            index[axis] = 0;
    }
}

accel_status npy_read_bytes(const void *bytes, size_t length, const char *name, tensor *out,
                            accel_error *err) {
    npy_header h;
    size_t size;
    ACCEL_TRY(parse_header(bytes, length, name, &h, err));
    ACCEL_TRY(tensor_size_bytes(h.type, &h.shape, name, &size, err));
    if (size != length - h.data_offset)
        return error_set(err, ACCEL_BAD_FILE, "%s holds %zu bytes of elements; its shape and type need %zu",
                         name, length - h.data_offset, size);
    ACCEL_TRY(tensor_create(h.type, &h.shape, out, err));
    const uint8_t *from = (const uint8_t *)bytes + h.data_offset;
    size_t width = dtype_bits(h.type) / 8;
    if (size == 0)
        return ACCEL_OK;
    if (h.fortran && h.shape.rank > 1)
        from_fortran(&h.shape, width, from, out->data);
    else
        memcpy(out->data, from, size);
    if (h.big_endian) /* a complex number is two that are turned one by one */
        swap_bytes(out->data, size, h.type == DTYPE_C64 || h.type == DTYPE_C128 ? width / 2 : width);
    return ACCEL_OK;
}

accel_status npy_read(const char *path, tensor *out, accel_error *err) {
    file_map map;
    ACCEL_TRY(file_map_open(path, &map, err));
    accel_status status = npy_read_bytes(map.bytes, map.size_bytes, path, out, err);
    file_map_close(&map);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------ */

/* The type that is written, and whether elements must be widened to it first. */
static const char *written_type(dtype type, dtype *widened) {
    static const struct npy_type written[] = {
        {"|i1", DTYPE_I4}, {"|u1", DTYPE_U4}, {"|i1", DTYPE_I2}, {"|u1", DTYPE_U2}};
    *widened = type;
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        if (written[i].type == type) {
            *widened = written[i].name[1] == 'i' ? DTYPE_I8 : DTYPE_U8;
            return written[i].name;
        }
    }
    if (type == DTYPE_F4E2M1)
        return "|u1";
    if (type == DTYPE_BF16)
        return "<V2";
    for (size_t i = 0; i < sizeof npy_types / sizeof npy_types[0]; i++)
        if (npy_types[i].type == type)
            return dtype_bits(type) == 8 && npy_types[i].name[0] == 'f' ? "|V1" : npy_types[i].name;
    return NULL;
}

/* Pads so that the elements begin at a multiple of 64, as numpy does. */
static bool write_header(str_buf *b, const char *type, const shape *s) {
    str_buf text = {0};
    const char *order = type[0] == '|' || type[0] == '<' ? "" : type[1] == '1' && type[2] == 0 ? "|" : "<";
    str_appendf(&text, "{'descr': '%s%s', 'fortran_order': False, 'shape': (", order, type);
    for (int i = 0; i < s->rank; i++)
        str_appendf(&text, "%s%lld%s", i ? " " : "", (long long)s->dims[i],
                    i + 1 < s->rank || s->rank == 1 ? "," : "");
    str_append(&text, "), }");
    while ((10 + text.length + 1) % 64 != 0)
        str_append_char(&text, ' ');
    str_append_char(&text, '\n');
    str_append_bytes(b, magic, 6);
    str_append_bytes(b, "\x01\x00", 2);
    str_append_char(b, (char)(text.length & 0xff));
    str_append_char(b, (char)(text.length >> 8));
    str_append_bytes(b, str_text(&text), text.length);
    bool fine = !text.failed && !b->failed;
    str_free(&text);
    return fine;
}

/* Sub-byte elements, one a byte; float4 as its four bits. */
static accel_status widen(const tensor *t, dtype type, str_buf *out) {
    int64_t count;
    if (!shape_elements(&t->shape, &count))
        return ACCEL_INVALID_ARGUMENT;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *bytes = t->data;
        int64_t value = type == DTYPE_F4E2M1 ? bytes[i / 2] >> (i % 2 * 4) & 15
                                             : dtype_get_i64(t->type, t->data, (size_t)i);
        str_append_char(out, (char)value);
    }
    return ACCEL_OK;
}

accel_status npy_write(const char *path, const tensor *t, accel_error *err) {
    dtype widened;
    str_buf header = {0}, wide = {0};
    file_writer *w;
    const char *type = written_type(t->type, &widened);
    if (!type)
        return error_set(err, ACCEL_UNSUPPORTED, "%s: elements of type %s cannot be written to a .npy file",
                         path, dtype_name(t->type));
    bool sub_byte = dtype_bits(t->type) < 8;
    bool fine = write_header(&header, type, &t->shape) &&
                (!sub_byte || widen(t, widened, &wide) == ACCEL_OK) && !wide.failed;
    accel_status status = fine ? file_writer_open(path, &w, err) : error_no_memory(err, path, t->size_bytes);
    if (status == ACCEL_OK) {
        status = file_writer_write(w, header.data, header.length, err);
        if (status == ACCEL_OK)
            status = sub_byte ? file_writer_write(w, str_text(&wide), wide.length, err)
                              : file_writer_write(w, t->data ? t->data : "", t->size_bytes, err);
        if (status == ACCEL_OK)
            status = file_writer_commit(w, err);
        else
            file_writer_abort(w);
    }
    str_free(&header);
    str_free(&wide);
    return status;
}
