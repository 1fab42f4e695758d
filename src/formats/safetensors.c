/* safetensors: 8 bytes with the length of a JSON header, the header, the tensors. The rules are those of
 * the format's own reader: https://github.com/huggingface/safetensors#format. */
#include "formats/formats.h"

#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/json.h"
#include "formats/name_map.h"

enum { HEADER_MAX_BYTES = 100000000, INDEX_MAX_BYTES = 100000000, MAX_SHARDS = 4096 };

struct safetensors {
    arena *memory;
    safetensors_entry *entries;
    size_t count, capacity;
    name_map names;
    file_map maps[MAX_SHARDS];
    size_t map_count;
};

/* ---- one tensor of a header --------------------------------------------------------------------------- */

static dtype dtype_from_safetensors(const char *name) {
    static const struct {
        const char *name;
        dtype type;
    } types[] = {{"F32", DTYPE_F32},
                 {"F16", DTYPE_F16},
                 {"BF16", DTYPE_BF16},
                 {"F64", DTYPE_F64},
                 {"I64", DTYPE_I64},
                 {"I32", DTYPE_I32},
                 {"I16", DTYPE_I16},
                 {"I8", DTYPE_I8},
                 {"U64", DTYPE_U64},
                 {"U32", DTYPE_U32},
                 {"U16", DTYPE_U16},
                 {"U8", DTYPE_U8},
                 {"BOOL", DTYPE_BOOL},
                 {"F8_E4M3", DTYPE_F8E4M3FN},
                 {"F8_E5M2", DTYPE_F8E5M2},
                 {"F8_E8M0", DTYPE_F8E8M0},
                 {"F8_E4M3FNUZ", DTYPE_F8E4M3FNUZ},
                 {"F8_E5M2FNUZ", DTYPE_F8E5M2FNUZ},
                 {"F4", DTYPE_F4E2M1},
                 {"C64", DTYPE_C64}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    return DTYPE_UNDEFINED;
}

typedef struct header_context {
    safetensors *s;
    const char *file;
    const uint8_t *data; /* after the header */
    size_t data_bytes;
    accel_error *err;
} header_context;

static accel_status bad_tensor(const header_context *h, const char *name, const char *fault) {
    return error_set(h->err, ACCEL_BAD_FILE, "%s: tensor '%s' %s", h->file, name, fault);
}

static accel_status read_dtype(const header_context *h, yyjson_val *v, safetensors_entry *e) {
    const char *name = json_text(v);
    if (!name)
        return bad_tensor(h, e->name, "has a dtype that is not a string");
    e->type = dtype_from_safetensors(name);
    if (e->type == DTYPE_UNDEFINED)
        return error_set(h->err, ACCEL_UNSUPPORTED, "%s: tensor '%s' has dtype '%s', which is not supported",
                         h->file, e->name, name);
    return ACCEL_OK;
}

static accel_status read_shape(const header_context *h, yyjson_val *v, safetensors_entry *e) {
    if (!yyjson_is_arr(v))
        return bad_tensor(h, e->name, "has a shape that is not a list");
    if (yyjson_arr_size(v) > TENSOR_MAX_RANK)
        return bad_tensor(h, e->name, "has a rank above 8, the most that is supported");
    yyjson_arr_iter it = yyjson_arr_iter_with(v);
    for (yyjson_val *dim; (dim = yyjson_arr_iter_next(&it));) {
        if (!yyjson_is_uint(dim) || yyjson_get_uint(dim) > INT64_MAX)
            return bad_tensor(h, e->name, "has a dimension that is not a whole number");
        e->shape.dims[e->shape.rank++] = (int64_t)yyjson_get_uint(dim);
    }
    return ACCEL_OK;
}

static accel_status read_offsets(const header_context *h, yyjson_val *v, safetensors_entry *e) {
    yyjson_val *begin = yyjson_arr_get(v, 0), *end = yyjson_arr_get(v, 1);
    if (yyjson_arr_size(v) != 2 || !yyjson_is_uint(begin) || !yyjson_is_uint(end))
        return bad_tensor(h, e->name, "has data_offsets that are not two whole numbers");
    uint64_t first = yyjson_get_uint(begin), last = yyjson_get_uint(end);
    if (first > last || last > h->data_bytes)
        return bad_tensor(h, e->name, "has data_offsets outside the file");
    e->bytes = h->data + first;
    e->size_bytes = (size_t)(last - first);
    return ACCEL_OK;
}

static accel_status read_info(const header_context *h, yyjson_val *info, safetensors_entry *e) {
    unsigned seen[3] = {0};
    if (!yyjson_is_obj(info))
        return bad_tensor(h, e->name, "is not described by an object");
    yyjson_obj_iter it = yyjson_obj_iter_with(info);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        yyjson_val *v = yyjson_obj_iter_get_val(key);
        if (yyjson_equals_str(key, "dtype") && ++seen[0])
            ACCEL_TRY(read_dtype(h, v, e));
        else if (yyjson_equals_str(key, "shape") && ++seen[1] == 1)
            ACCEL_TRY(read_shape(h, v, e));
        else if (yyjson_equals_str(key, "data_offsets") && ++seen[2])
            ACCEL_TRY(read_offsets(h, v, e));
    }
    if (seen[0] != 1 || seen[1] != 1 || seen[2] != 1)
        return bad_tensor(h, e->name, "must have one dtype, one shape and one data_offsets");
    size_t size;
    if (tensor_size_bytes(e->type, &e->shape, e->name, &size, NULL) != ACCEL_OK)
        return bad_tensor(h, e->name, "has a shape larger than any memory");
    if (size != e->size_bytes)
        return bad_tensor(h, e->name, "has data_offsets that do not fit its dtype and shape");
    return ACCEL_OK;
}

/* ---- a header ----------------------------------------------------------------------------------------- */

static accel_status reserve(safetensors *s, size_t more, accel_error *err) {
    if (!mem_grow((void **)&s->entries, &s->capacity, s->count + more, sizeof *s->entries))
        return error_no_memory(err, "the table of tensors",
                               (unsigned long long)(s->count + more) * sizeof *s->entries);
    return ACCEL_OK;
}

static accel_status add_entry(const header_context *h, yyjson_val *key, yyjson_val *info) {
    safetensors *s = h->s;
    safetensors_entry *e = &s->entries[s->count];
    *e = (safetensors_entry){.name = json_text(key)};
    if (!e->name)
        return error_set(h->err, ACCEL_BAD_FILE, "%s: a tensor's name has a NUL inside", h->file);
    e->name = arena_strdup(s->memory, e->name);
    if (!e->name)
        return error_no_memory(h->err, h->file, 0);
    byte_span name = {(const uint8_t *)e->name, strlen(e->name)};
    if (name_map_get(&s->names, name) != NAME_ABSENT)
        return bad_tensor(h, e->name, "is there twice");
    ACCEL_TRY(read_info(h, info, e));
    if (!name_map_put(&s->names, name, (int32_t)s->count))
        return error_no_memory(h->err, h->file, 0);
    s->count++;
    return ACCEL_OK;
}

/* By offset, then length, so that empty tensors come first. A heap sort has no bad case for a hostile file
 * to find. */
static bool lies_before(const safetensors_entry *a, const safetensors_entry *b) {
    return a->bytes != b->bytes ? a->bytes < b->bytes : a->size_bytes < b->size_bytes;
}

static void sift_down(safetensors_entry **heap, size_t root, size_t count) {
    for (size_t child; (child = root * 2 + 1) < count; root = child) {
        if (child + 1 < count && lies_before(heap[child], heap[child + 1]))
            child++;
        if (!lies_before(heap[root], heap[child]))
            return;
        safetensors_entry *swap = heap[root];
        heap[root] = heap[child];
        heap[child] = swap;
    }
}

static void sort_by_offset(safetensors_entry **list, size_t count) {
    for (size_t i = count / 2; i-- > 0;)
        sift_down(list, i, count);
    for (size_t end = count; end-- > 1;) {
        safetensors_entry *swap = list[0];
        list[0] = list[end];
        list[end] = swap;
        sift_down(list, 0, end);
    }
}

/* No holes, no overlap, nothing left over: so that no two names share bytes and no bytes hide. */
static accel_status check_layout(const header_context *h, size_t first) {
    safetensors *s = h->s;
    size_t count = s->count - first;
    safetensors_entry **list = mem_calloc(count, sizeof *list);
    if (!list)
        return error_no_memory(h->err, h->file, (unsigned long long)count * sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = &s->entries[first + i];
    sort_by_offset(list, count);
    const uint8_t *next = h->data;
    const safetensors_entry *wrong = NULL;
    for (size_t i = 0; i < count && !wrong; i++) {
        if (list[i]->bytes != next)
            wrong = list[i];
        else
            next += list[i]->size_bytes;
    }
    mem_free(list);
    if (wrong)
        return bad_tensor(h, wrong->name,
                          wrong->bytes < next ? "overlaps another tensor" : "leaves a hole before it");
    if (next != h->data + h->data_bytes)
        return error_set(h->err, ACCEL_BAD_FILE, "%s: its tensors end at byte %zu of %zu", h->file,
                         (size_t)(next - h->data), h->data_bytes);
    return ACCEL_OK;
}

static accel_status read_header(const header_context *h, yyjson_val *root) {
    if (!yyjson_is_obj(root))
        return error_set(h->err, ACCEL_BAD_FILE, "%s: its header is not an object", h->file);
    size_t first = h->s->count;
    ACCEL_TRY(reserve(h->s, yyjson_obj_size(root), h->err));
    bool metadata = false;
    yyjson_obj_iter it = yyjson_obj_iter_with(root);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        if (!yyjson_equals_str(key, "__metadata__")) {
            ACCEL_TRY(add_entry(h, key, yyjson_obj_iter_get_val(key)));
            continue;
        }
        if (metadata || !yyjson_is_obj(yyjson_obj_iter_get_val(key)))
            return error_set(h->err, ACCEL_BAD_FILE,
                             "%s: its __metadata__ is there twice or is not an object", h->file);
        metadata = true;
    }
    return check_layout(h, first);
}

static accel_status read_bytes(safetensors *s, const uint8_t *bytes, size_t length, const char *file,
                               accel_error *err) {
    uint64_t header = 0;
    if (length < 8)
        return error_set(err, ACCEL_BAD_FILE, "%s is too short for a safetensors file", file);
    for (int i = 0; i < 8; i++)
        header |= (uint64_t)bytes[i] << (8 * i);
    if (header > HEADER_MAX_BYTES)
        return error_set(err, ACCEL_BAD_FILE, "%s: its header claims %llu bytes; at most 100 MB are allowed",
                         file, (unsigned long long)header);
    if (header > length - 8)
        return error_set(err, ACCEL_BAD_FILE, "%s is cut off inside its header", file);
    if (header == 0 || bytes[8] != '{')
        return error_set(err, ACCEL_BAD_FILE,
                         "%s is not a safetensors file: its header does not start with '{'", file);
    yyjson_doc *doc;
    ACCEL_TRY(json_parse((const char *)bytes + 8, (size_t)header, (size_t)header, file, &doc, err));
    header_context h = {.s = s,
                        .file = file,
                        .data = bytes + 8 + header,
                        .data_bytes = length - 8 - (size_t)header,
                        .err = err};
    accel_status status = read_header(&h, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return status;
}

/* ---- files and shards --------------------------------------------------------------------------------- */

static accel_status read_file(safetensors *s, const char *path, accel_error *err) {
    file_map *map = &s->maps[s->map_count];
    ACCEL_TRY(file_map_open(path, map, err));
    s->map_count++;
    return read_bytes(s, map->bytes, map->size_bytes, path, err);
}

/* A shard's name comes from the file: a plain name, so that it lies in the folder. The file itself may be
 * a link, as all files of the Hugging Face cache are. */
static bool plain_name(const char *name) {
    return name && name[0] && name[0] != '.' && !strchr(name, '/') && !strchr(name, '\\') &&
           str_ends_with(name, ".safetensors");
}

typedef struct index_context {
    safetensors *s;
    const char *path;
    str_buf folder;
    name_map shards; /* to positions in s->maps */
    accel_error *err;
} index_context;

static accel_status open_shard(index_context *c, const char *shard, int32_t *number) {
    byte_span name = {(const uint8_t *)shard, strlen(shard)};
    *number = name_map_get(&c->shards, name);
    if (*number != NAME_ABSENT)
        return ACCEL_OK;
    if (c->s->map_count == MAX_SHARDS)
        return error_set(c->err, ACCEL_LIMIT, "%s names more than %d shards", c->path, MAX_SHARDS);
    str_buf path = {0};
    file_join(&path, str_text(&c->folder), shard);
    *number = (int32_t)c->s->map_count;
    accel_status status =
        path.failed ? error_no_memory(c->err, "a path", 0) : read_file(c->s, str_text(&path), c->err);
    str_free(&path);
    if (status == ACCEL_OK && !name_map_put(&c->shards, name, *number))
        return error_no_memory(c->err, c->path, 0);
    return status;
}

static accel_status check_mapped(index_context *c, const char *name, const char *shard, int32_t number) {
    const safetensors_entry *e = safetensors_find(c->s, name);
    const file_map *map = &c->s->maps[number];
    if (e && e->bytes >= map->bytes && e->bytes <= map->bytes + map->size_bytes)
        return ACCEL_OK;
    return error_set(c->err, ACCEL_BAD_FILE, "%s says that '%s' is in '%s', but it is not", c->path, name,
                     shard);
}

static accel_status read_index(index_context *c, yyjson_val *root) {
    yyjson_val *map = yyjson_obj_get(root, "weight_map");
    if (!yyjson_is_obj(map))
        return error_set(c->err, ACCEL_BAD_FILE, "%s has no weight_map", c->path);
    yyjson_obj_iter it = yyjson_obj_iter_with(map);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        const char *name = json_text(key), *shard = json_text(yyjson_obj_iter_get_val(key));
        int32_t number;
        if (!name || !plain_name(shard))
            return error_set(
                c->err, ACCEL_BAD_FILE,
                "%s: its weight_map names a file that is not a .safetensors file of the same folder",
                c->path);
        ACCEL_TRY(open_shard(c, shard, &number));
        ACCEL_TRY(check_mapped(c, name, shard, number));
    }
    return ACCEL_OK;
}

static accel_status read_shards(safetensors *s, const char *path, accel_error *err) {
    yyjson_doc *doc;
    ACCEL_TRY(json_read(path, INDEX_MAX_BYTES, &doc, err));
    index_context c = {.s = s, .path = path, .shards = {.memory = s->memory}, .err = err};
    file_dir_name(&c.folder, path);
    accel_status status = read_index(&c, yyjson_doc_get_root(doc));
    str_free(&c.folder);
    yyjson_doc_free(doc);
    return status;
}

static accel_status create(safetensors **out, accel_error *err) {
    safetensors *s = mem_calloc(1, sizeof *s);
    arena *memory = arena_create();
    if (!s || !memory) {
        mem_free(s);
        arena_destroy(memory);
        return error_no_memory(err, "a safetensors file", sizeof *s);
    }
    s->memory = s->names.memory = memory;
    *out = s;
    return ACCEL_OK;
}

accel_status safetensors_open(const char *path, safetensors **out, accel_error *err) {
    safetensors *s;
    ACCEL_TRY(create(&s, err));
    accel_status status = str_ends_with(path, ".json") ? read_shards(s, path, err) : read_file(s, path, err);
    if (status != ACCEL_OK) {
        safetensors_close(s);
        return status;
    }
    *out = s;
    return ACCEL_OK;
}

accel_status safetensors_open_bytes(const void *bytes, size_t length, const char *name, safetensors **out,
                                    accel_error *err) {
    safetensors *s;
    ACCEL_TRY(create(&s, err));
    accel_status status = read_bytes(s, bytes, length, name, err);
    if (status != ACCEL_OK) {
        safetensors_close(s);
        return status;
    }
    *out = s;
    return ACCEL_OK;
}

void safetensors_close(safetensors *s) {
    if (!s)
        return;
    for (size_t i = 0; i < s->map_count; i++)
        file_map_close(&s->maps[i]);
    arena_destroy(s->memory);
    mem_free(s->entries);
    mem_free(s);
}

void safetensors_close_handle(void *s) {
    safetensors_close(s);
}

size_t safetensors_count(const safetensors *s) {
    return s->count;
}

const safetensors_entry *safetensors_at(const safetensors *s, size_t index) {
    return index < s->count ? &s->entries[index] : NULL;
}

const safetensors_entry *safetensors_find(const safetensors *s, const char *name) {
    int32_t number = name_map_get(&s->names, (byte_span){(const uint8_t *)name, strlen(name)});
    return number == NAME_ABSENT ? NULL : &s->entries[number];
}
