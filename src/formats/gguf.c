/* GGUF files: the metadata and the table of tensors. */
#include "formats/gguf.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

/* MAX_NAME and MAX_KEY are the format's own, the others ours: far above any file that there is. */
enum { MAX_TENSORS = 1 << 20, MAX_KEYS = 1 << 16, MAX_NAME = 64, MAX_KEY = 65535, MAX_RANK = 4 };
enum { DEFAULT_ALIGNMENT = 32, MAX_ALIGNMENT = 1 << 20 };
enum { LEAST_KEY_BYTES = 8 + 4 + 1, LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8 };

typedef enum value_kind {
    KIND_U8,
    KIND_I8,
    KIND_U16,
    KIND_I16,
    KIND_U32,
    KIND_I32,
    KIND_F32,
    KIND_BOOL,
    KIND_STRING,
    KIND_ARRAY,
    KIND_U64,
    KIND_I64,
    KIND_F64,
    KIND_COUNT
} value_kind;

/* Bytes of a number; 0 for a string and an array. */
static const uint8_t kind_bytes[KIND_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/* ---- bytes in order ----------------------------------------------------------------------------------- */

typedef struct reader {
    gguf *g;
    const uint8_t *start, *next, *end;
    accel_error *err;
} reader;

static size_t left(const reader *r) {
    return (size_t)(r->end - r->next);
}

static accel_status cut_off(const reader *r) {
    return error_set(r->err, ACCEL_BAD_FILE, "%s is cut off inside its metadata or its table of tensors",
                     r->g->file);
}

static accel_status take(reader *r, uint64_t length, byte_span *out) {
    if (length > left(r))
        return cut_off(r);
    *out = (byte_span){r->next, (size_t)length};
    r->next += length;
    return ACCEL_OK;
}

static uint64_t little_endian(byte_span s) {
    uint64_t value = 0;
    for (size_t i = s.length; i-- > 0;)
        value = value << 8 | s.bytes[i];
    return value;
}

static accel_status take_u32(reader *r, uint32_t *out) {
    byte_span s = {0};
    ACCEL_TRY(take(r, 4, &s));
    *out = (uint32_t)little_endian(s);
    return ACCEL_OK;
}

static accel_status take_u64(reader *r, uint64_t *out) {
    byte_span s = {0};
    ACCEL_TRY(take(r, 8, &s));
    *out = little_endian(s);
    return ACCEL_OK;
}

static accel_status take_string(reader *r, byte_span *out) {
    uint64_t length;
    ACCEL_TRY(take_u64(r, &length));
    return take(r, length, out);
}

/* A key or a tensor's name, copied and checked: it stands in error sentences. */
static accel_status take_name(reader *r, const char *what, size_t longest, const char **out) {
    byte_span s = {0};
    ACCEL_TRY(take_string(r, &s));
    if (s.length == 0 || s.length > longest || memchr(s.bytes, 0, s.length) ||
        !str_utf8_valid((const char *)s.bytes, s.length))
        return error_set(r->err, ACCEL_BAD_FILE, "%s: a %s's name is empty, longer than %zu or not a text",
                         r->g->file, what, longest);
    *out = arena_strndup(r->g->memory, (const char *)s.bytes, s.length);
    return *out ? ACCEL_OK : error_no_memory(r->err, r->g->file, s.length);
}

/* Keeps a name that was not there before. */
static accel_status remember(reader *r, name_map *map, const char *what, const char *name, size_t number) {
    byte_span key = {(const uint8_t *)name, strlen(name)};
    if (name_map_get(map, key) != NAME_ABSENT)
        return error_set(r->err, ACCEL_BAD_FILE, "%s: %s '%s' is there twice", r->g->file, what, name);
    return name_map_put(map, key, (int32_t)number) ? ACCEL_OK : error_no_memory(r->err, r->g->file, 0);
}

/* ---- metadata ----------------------------------------------------------------------------------------- */

static accel_status bad_key(const reader *r, const char *key, accel_status status, const char *fault) {
    return error_set(r->err, status, "%s: metadata '%s' %s", r->g->file, key, fault);
}

static accel_status skip_items(reader *r, const gguf_value *v) {
    byte_span ignored;
    size_t size;
    if (v->item_type != KIND_STRING)
        return checked_mul((size_t)v->count, kind_bytes[v->item_type], &size) ? take(r, size, &ignored)
                                                                              : cut_off(r);
    for (uint64_t i = 0; i < v->count; i++)
        ACCEL_TRY(take_string(r, &ignored));
    return ACCEL_OK;
}

static accel_status read_array(reader *r, gguf_value *v) {
    ACCEL_TRY(take_u32(r, &v->item_type));
    ACCEL_TRY(take_u64(r, &v->count));
    if (v->item_type >= KIND_COUNT)
        return bad_key(r, v->key, ACCEL_BAD_FILE, "is an array of a type that there is not");
    if (v->item_type == KIND_ARRAY)
        return bad_key(r, v->key, ACCEL_UNSUPPORTED, "is an array of arrays, which is not supported");
    if (v->count > left(r)) /* an item has a byte at least */
        return cut_off(r);
    v->content.bytes = r->next;
    ACCEL_TRY(skip_items(r, v));
    v->content.length = (size_t)(r->next - v->content.bytes);
    return ACCEL_OK;
}

static accel_status read_value(reader *r, gguf_value *v) {
    ACCEL_TRY(take_name(r, "key", MAX_KEY, &v->key));
    ACCEL_TRY(take_u32(r, &v->type));
    if (v->type >= KIND_COUNT)
        return bad_key(r, v->key, ACCEL_BAD_FILE, "has a type that there is not");
    if (v->type == KIND_ARRAY)
        return read_array(r, v);
    if (v->type == KIND_STRING)
        return take_string(r, &v->content);
    return take(r, kind_bytes[v->type], &v->content);
}

static accel_status check_count(const reader *r, const char *what, uint64_t count, uint64_t most,
                                size_t least_bytes) {
    if (count > left(r) / least_bytes)
        return error_set(r->err, ACCEL_BAD_FILE, "%s claims %llu %s, more than its bytes can hold",
                         r->g->file, (unsigned long long)count, what);
    if (count > most)
        return error_set(r->err, ACCEL_LIMIT, "%s has %llu %s; at most %llu are read", r->g->file,
                         (unsigned long long)count, what, (unsigned long long)most);
    return ACCEL_OK;
}

static accel_status read_metadata(reader *r, uint64_t count) {
    gguf *g = r->g;
    ACCEL_TRY(check_count(r, "metadata keys", count, MAX_KEYS, LEAST_KEY_BYTES));
    g->values = ARENA_ARRAY(g->memory, gguf_value, (size_t)count);
    if (!g->values)
        return error_no_memory(r->err, g->file, count * sizeof *g->values);
    for (; g->value_count < count; g->value_count++) {
        gguf_value *v = &g->values[g->value_count];
        ACCEL_TRY(read_value(r, v));
        ACCEL_TRY(remember(r, &g->keys, "metadata", v->key, g->value_count));
    }
    return ACCEL_OK;
}

/* ---- the table of tensors ----------------------------------------------------------------------------- */

static accel_status bad_tensor(const reader *r, const gguf_tensor *t, const char *fault) {
    return error_set(r->err, ACCEL_BAD_FILE, "%s: tensor '%s' %s", r->g->file, t->name, fault);
}

/* ggml counts dimensions from the innermost. */
static accel_status read_shape(reader *r, gguf_tensor *t) {
    uint32_t rank;
    ACCEL_TRY(take_u32(r, &rank));
    if (rank > MAX_RANK)
        return bad_tensor(r, t, "has more than 4 dimensions");
    t->shape.rank = (int)rank;
    for (int axis = t->shape.rank; axis-- > 0;) {
        uint64_t dim;
        ACCEL_TRY(take_u64(r, &dim));
        if (dim == 0 || dim > INT64_MAX)
            return bad_tensor(r, t, "has a dimension that is zero or larger than any memory");
        t->shape.dims[axis] = (int64_t)dim;
    }
    return ACCEL_OK;
}

static accel_status read_type(reader *r, gguf_tensor *t) {
    uint32_t number;
    ACCEL_TRY(take_u32(r, &number));
    t->type = gguf_type_find(number);
    if (t->type)
        return ACCEL_OK;
    const char *name = gguf_type_foreign_name(number);
    return error_set(r->err, ACCEL_UNSUPPORTED, "%s: tensor '%s' has type %s%s%u%s, which is not supported",
                     r->g->file, t->name, name, name[0] ? " (" : "", (unsigned)number, name[0] ? ")" : "");
}

/* Rows are whole blocks, and the bytes of all blocks can be counted. */
static accel_status measure(const reader *r, gguf_tensor *t) {
    int64_t elements, row = t->shape.rank ? t->shape.dims[t->shape.rank - 1] : 1;
    if (!shape_elements(&t->shape, &elements) || (uint64_t)elements > SIZE_MAX)
        return bad_tensor(r, t, "has a shape larger than any memory");
    if (row % (int64_t)t->type->block_elements != 0)
        return error_set(r->err, ACCEL_BAD_FILE,
                         "%s: tensor '%s' has rows of %lld elements, which are not whole blocks of %s (%zu)",
                         r->g->file, t->name, (long long)row, t->type->name, t->type->block_elements);
    if (!checked_mul((size_t)elements / t->type->block_elements, t->type->block_bytes, &t->size_bytes))
        return bad_tensor(r, t, "has a shape larger than any memory");
    return ACCEL_OK;
}

/* Each begins where the one before it ends, at the next multiple of the alignment: so no two share bytes and
 * none hide. *end is kept in bytes from the start of the data, which may lie beyond the file's end until
 * place_tensors has compared it. */
static accel_status read_tensor(reader *r, gguf_tensor *t, size_t alignment, size_t *end) {
    uint64_t offset;
    ACCEL_TRY(take_name(r, "tensor", MAX_NAME, &t->name));
    ACCEL_TRY(read_shape(r, t));
    ACCEL_TRY(read_type(r, t));
    ACCEL_TRY(take_u64(r, &offset));
    ACCEL_TRY(measure(r, t));
    if (!checked_align_up(*end, alignment, end) || offset != *end)
        return error_set(r->err, ACCEL_BAD_FILE,
                         "%s: tensor '%s' is at byte %llu of the data, but the tensors before it end at %zu",
                         r->g->file, t->name, (unsigned long long)offset, *end);
    if (!checked_add(*end, t->size_bytes, end))
        return bad_tensor(r, t, "has a shape larger than any memory");
    return ACCEL_OK;
}

/* The data begin at the next multiple of the alignment and end with the file, but for padding. */
static accel_status place_tensors(reader *r, size_t alignment, size_t data_bytes) {
    gguf *g = r->g;
    size_t start, padded, have = (size_t)(r->end - r->start);
    bool fits = checked_align_up((size_t)(r->next - r->start), alignment, &start);
    if (fits && g->count == 0 && start > have) /* without tensors the padding may be missing too */
        return ACCEL_OK;
    if (!fits || start > have || data_bytes > have - start)
        return error_set(r->err, ACCEL_BAD_FILE, "%s is cut off: its tensors need %zu bytes, %zu are there",
                         g->file, data_bytes, fits && have > start ? have - start : 0);
    if (!checked_align_up(data_bytes, alignment, &padded) || have - start > padded)
        return error_set(r->err, ACCEL_BAD_FILE, "%s: its tensors end at byte %zu of %zu", g->file,
                         data_bytes, have - start);
    size_t at = 0;
    for (size_t i = 0; i < g->count; i++) {
        if (!checked_align_up(at, alignment, &at)) /* did not overflow in read_tensor either */
            return cut_off(r);
        g->tensors[i].bytes = r->start + start + at;
        at += g->tensors[i].size_bytes;
    }
    return ACCEL_OK;
}

static accel_status read_table(reader *r, uint64_t count) {
    gguf *g = r->g;
    int64_t alignment = gguf_int(g, "general.alignment", DEFAULT_ALIGNMENT, 1, MAX_ALIGNMENT);
    size_t end = 0;
    ACCEL_TRY(gguf_check(g, r->err));
    if ((alignment & (alignment - 1)) != 0)
        return error_set(r->err, ACCEL_BAD_FILE, "%s: general.alignment is %lld, which is no power of two",
                         g->file, (long long)alignment);
    g->tensors = ARENA_ARRAY(g->memory, gguf_tensor, (size_t)count);
    if (!g->tensors)
        return error_no_memory(r->err, g->file, count * sizeof *g->tensors);
    for (; g->count < count; g->count++) {
        gguf_tensor *t = &g->tensors[g->count];
        ACCEL_TRY(read_tensor(r, t, (size_t)alignment, &end));
        ACCEL_TRY(remember(r, &g->names, "tensor", t->name, g->count));
    }
    return place_tensors(r, (size_t)alignment, end);
}

/* ---- the file ----------------------------------------------------------------------------------------- */

static const uint8_t magic[4] = {'G', 'G', 'U', 'F'};

static accel_status read_version(reader *r) {
    byte_span start;
    uint32_t version;
    if (left(r) < sizeof magic || memcmp(r->next, magic, sizeof magic) != 0)
        return error_set(r->err, ACCEL_BAD_FILE, "%s is not a GGUF file", r->g->file);
    ACCEL_TRY(take(r, sizeof magic, &start));
    ACCEL_TRY(take_u32(r, &version));
    if (version == 2 || version == 3)
        return ACCEL_OK;
    if (version != 0 && (version & 0xffff) == 0)
        return error_set(r->err, ACCEL_UNSUPPORTED, "%s is a big-endian GGUF file, which is not supported",
                         r->g->file);
    return error_set(r->err, ACCEL_UNSUPPORTED, "%s has GGUF version %u; 2 and 3 are supported", r->g->file,
                     (unsigned)version);
}

static accel_status read_bytes(gguf *g, const void *bytes, size_t length, accel_error *err) {
    reader r = {.g = g, .start = bytes, .next = bytes, .end = (const uint8_t *)bytes + length, .err = err};
    uint64_t tensors, keys;
    ACCEL_TRY(read_version(&r));
    ACCEL_TRY(take_u64(&r, &tensors));
    ACCEL_TRY(take_u64(&r, &keys));
    ACCEL_TRY(check_count(&r, "tensors", tensors, MAX_TENSORS, LEAST_TENSOR_BYTES));
    ACCEL_TRY(read_metadata(&r, keys));
    ACCEL_TRY(check_count(&r, "tensors", tensors, MAX_TENSORS, LEAST_TENSOR_BYTES));
    return read_table(&r, tensors);
}

static accel_status create(const char *name, gguf **out, accel_error *err) {
    gguf *g = mem_calloc(1, sizeof *g);
    arena *memory = arena_create();
    const char *file = memory ? arena_strdup(memory, name) : NULL;
    if (!g || !file) {
        mem_free(g);
        arena_destroy(memory);
        return error_no_memory(err, name, sizeof *g);
    }
    *g = (gguf){.memory = memory,
                .file = file,
                .keys.memory = memory,
                .names.memory = memory,
                .hf_names.memory = memory};
    *out = g;
    return ACCEL_OK;
}

accel_status gguf_open_bytes(const void *bytes, size_t length, const char *name, gguf **out,
                             accel_error *err) {
    gguf *g = NULL;
    ACCEL_TRY(create(name, &g, err));
    accel_status status = read_bytes(g, bytes, length, err);
    if (status == ACCEL_OK)
        *out = g;
    else
        gguf_close(g);
    return status;
}

accel_status gguf_open(const char *path, gguf **out, accel_error *err) {
    file_map map;
    ACCEL_TRY(file_map_open(path, &map, err));
    accel_status status = gguf_open_bytes(map.bytes, map.size_bytes, path, out, err);
    if (status == ACCEL_OK)
        (*out)->map = map;
    else
        file_map_close(&map);
    return status;
}

void gguf_close(gguf *g) {
    if (!g)
        return;
    file_map_close(&g->map);
    arena_destroy(g->memory);
    mem_free(g);
}

void gguf_close_handle(void *g) {
    gguf_close(g);
}

size_t gguf_count(const gguf *g) {
    return g->count;
}

const gguf_tensor *gguf_at(const gguf *g, size_t index) {
    return index < g->count ? &g->tensors[index] : NULL;
}

const char *gguf_type_name(const gguf_type *type) {
    return type->name;
}

/* ---- getters ------------------------------------------------------------------------------------------ */

static const gguf_value *find(const gguf *g, const char *key) {
    int32_t number = name_map_get(&g->keys, (byte_span){(const uint8_t *)key, strlen(key)});
    return number == NAME_ABSENT ? NULL : &g->values[number];
}

static void fault(gguf *g, const char *key, const char *complaint) {
    if (g->fault.status == ACCEL_OK)
        error_set(&g->fault, ACCEL_BAD_FILE, "%s: metadata '%s' %s", g->file, key, complaint);
}

bool gguf_has_key(const gguf *g, const char *key) {
    return find(g, key) != NULL;
}

/* False for what is no integer or above INT64_MAX. */
static bool integer_of(const gguf_value *v, int64_t *out) {
    uint64_t bits = little_endian(v->content);
    switch (v->type) {
    case KIND_I8:
        *out = (int8_t)bits;
        return true;
    case KIND_I16:
        *out = (int16_t)bits;
        return true;
    case KIND_I32:
        *out = (int32_t)bits;
        return true;
    case KIND_U8:
    case KIND_U16:
    case KIND_U32:
    case KIND_I64:
        *out = (int64_t)bits;
        return true;
    case KIND_U64:
        *out = (int64_t)bits;
        return bits <= INT64_MAX;
    default:
        return false;
    }
}

int64_t gguf_int(gguf *g, const char *key, int64_t fallback, int64_t low, int64_t high) {
    const gguf_value *v = find(g, key);
    int64_t value = fallback;
    if (!v && fallback != HF_REQUIRED)
        return fallback;
    if (!v) {
        fault(g, key, "is missing");
    } else if (!integer_of(v, &value)) {
        fault(g, key, "is not a whole number");
    } else if (value < low || value > high) {
        char text[128];
        str_format(text, sizeof text, "is %lld, which is not between %lld and %lld", (long long)value,
                   (long long)low, (long long)high);
        fault(g, key, text);
    } else {
        return value;
    }
    return fallback == HF_REQUIRED ? low : fallback;
}

double gguf_float(gguf *g, const char *key, double fallback) {
    const gguf_value *v = find(g, key);
    double value = fallback;
    if (!v)
        return fallback;
    uint64_t bits = little_endian(v->content);
    if (v->type == KIND_F32)
        value = dtype_get_f64(DTYPE_F32, &(uint32_t){(uint32_t)bits}, 0);
    else if (v->type == KIND_F64)
        memcpy(&value, &bits, sizeof value);
    if ((v->type == KIND_F32 || v->type == KIND_F64) && value - value == 0)
        return value;
    fault(g, key, "is not a finite number");
    return fallback;
}

bool gguf_bool(gguf *g, const char *key, bool fallback) {
    const gguf_value *v = find(g, key);
    if (!v)
        return fallback;
    if (v->type == KIND_BOOL && v->content.bytes[0] <= 1)
        return v->content.bytes[0];
    fault(g, key, "is neither true nor false");
    return fallback;
}

const char *gguf_string(gguf *g, const char *key, const char *fallback) {
    const gguf_value *v = find(g, key);
    if (!v)
        return fallback;
    const char *bytes = (const char *)v->content.bytes;
    size_t length = v->content.length;
    if (v->type != KIND_STRING || (length && memchr(bytes, 0, length)) || !str_utf8_valid(bytes, length)) {
        fault(g, key, "is not a text");
        return fallback;
    }
    const char *copy = arena_strndup(g->memory, bytes, length);
    if (!copy && g->fault.status == ACCEL_OK)
        error_no_memory(&g->fault, key, length);
    return copy ? copy : fallback;
}

accel_status gguf_check(const gguf *g, accel_error *err) {
    if (g->fault.status == ACCEL_OK)
        return ACCEL_OK;
    return error_set(err, g->fault.status, "%s", g->fault.message);
}
