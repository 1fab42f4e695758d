/* Weights by name, in the spellings that published files use, or made from a seed. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "zoo/class.h"

enum { NAME_BYTES = 512, UNUSED_SHOWN = 4 };

static const double T5_HEAD_ROOT = 8; /* √64, the head size of all published ones */

/* ---- names -------------------------------------------------------------------------------------------- */

static const char *place_of(const zoo_spelling *r, const char *name) {
    if (r->place == ZOO_START)
        return str_starts_with(name, r->file) ? name : NULL;
    if (r->place == ZOO_END)
        return str_ends_with(name, r->file) ? name + strlen(name) - strlen(r->file) : NULL;
    return strstr(name, r->file);
}

/* False when the name is too long to be one of ours. */
static bool respell(const zoo_spelling *rules, const char *name, char out[NAME_BYTES]) {
    char before[NAME_BYTES];
    if (str_format(out, NAME_BYTES, "%s", name) >= NAME_BYTES)
        return false;
    for (const zoo_spelling *r = rules; r && r->file; r++) {
        const char *at = place_of(r, out);
        if (!at)
            continue;
        memcpy(before, out, NAME_BYTES);
        int start = (int)(at - out);
        if (str_format(out, NAME_BYTES, "%.*s%s%s", start, before, r->ours,
                       before + start + strlen(r->file)) >= NAME_BYTES)
            return false;
    }
    return true;
}

static accel_status add_tensor(zoo_weights *w, size_t index, const zoo_spelling *rules, accel_error *err) {
    char name[NAME_BYTES];
    if (!respell(rules, safetensors_at(w->file, index)->name, name))
        return ACCEL_OK;
    char *kept = arena_strdup(w->memory, name);
    byte_span span = {(const uint8_t *)kept, strlen(name)};
    if (!kept)
        return error_no_memory(err, name, strlen(name));
    if (name_map_get(&w->names, span) == NAME_ABSENT && !name_map_put(&w->names, span, (int32_t)index))
        return error_no_memory(err, name, sizeof(name_entry));
    return ACCEL_OK;
}

static const safetensors_entry *find_entry(const zoo_weights *w, const char *name) {
    int32_t index = name_map_get(&w->names, (byte_span){(const uint8_t *)name, strlen(name)});
    if (index == NAME_ABSENT)
        return NULL;
    w->asked[index] = true;
    return safetensors_at(w->file, (size_t)index);
}

void zoo_weights_unused(const zoo_weights *w, str_buf *out) {
    size_t count = w->file ? safetensors_count(w->file) : 0, unused = 0;
    char text[128];
    for (size_t i = 0; i < count; i++) {
        const safetensors_entry *e = safetensors_at(w->file, i);
        if (w->asked[i] || dtype_is_integer(e->type) ||
            e->type == DTYPE_BOOL) /* stored positions and masks */
            continue;
        if (unused++ < UNUSED_SHOWN)
            str_appendf(out, "%s%s %s", out->length ? ", " : "", e->name,
                        shape_text(&e->shape, text, sizeof text));
    }
    if (unused > UNUSED_SHOWN)
        str_appendf(out, " and %llu more", (unsigned long long)(unused - UNUSED_SHOWN));
}

/* ---- of a file ---------------------------------------------------------------------------------------- */

/* Short vectors are float32 in the graph, whatever the file stores; matrices stay as they are (build_weight), and so do the files'
 * pages that hold them. */
static accel_status widen(const zoo_weights *w, const safetensors_entry *e, graph_data *out,
                          accel_error *err) {
    size_t count = e->size_bytes / 2;
    float *wide = ARENA_ARRAY(w->memory, float, count);
    if (!wide)
        return error_no_memory(err, e->name, (unsigned long long)count * sizeof *wide);
    for (size_t i = 0; i < count; i++) {
        uint16_t bits = (uint16_t)(e->bytes[2 * i] | e->bytes[2 * i + 1] << 8);
        wide[i] = e->type == DTYPE_F16 ? f16_to_f32(bits) : bf16_to_f32(bits);
    }
    *out = (graph_data){.kind = DATA_BYTES, .bytes = wide, .size_bytes = count * sizeof *wide};
    return ACCEL_OK;
}

static accel_status no_tensor(const char *name, const shape *s, accel_error *err) {
    char want[128];
    return error_set(err, ACCEL_BAD_FILE, "its weights have no tensor '%s' %s", name,
                     shape_text(s, want, sizeof want));
}

/* mapped: the bytes lie in a file. */
static accel_status give(const zoo_weights *w, const safetensors_entry *e, bool mapped, const shape *s,
                         dtype *type, graph_data *out, accel_error *err) {
    char have[128], want[128];
    if (!shape_equal(&e->shape, s))
        return error_set(err, ACCEL_BAD_FILE, "tensor '%s' has shape %s; its configuration asks for %s",
                         e->name, shape_text(&e->shape, have, sizeof have), shape_text(s, want, sizeof want));
    bool narrow = e->type == DTYPE_F16 || e->type == DTYPE_BF16;
    *type = narrow && s->rank == 2 ? e->type : DTYPE_F32;
    if (*type != e->type && narrow)
        return widen(w, e, out, err);
    if (*type != e->type)
        return error_set(err, ACCEL_UNSUPPORTED, "tensor '%s' is %s, which is not supported for weights",
                         e->name, dtype_name(e->type));
    *out = (graph_data){
        .kind = DATA_BYTES, .bytes = e->bytes, .size_bytes = e->size_bytes, .file_backed = mapped};
    return ACCEL_OK;
}

static accel_status find_in_file(weight_source *source, const char *name, const shape *s, dtype *type,
                                 graph_data *out, accel_error *err) {
    const zoo_weights *w = source->context;
    const safetensors_entry *e = find_entry(w, name);
    return e ? give(w, e, true, s, type, out, err) : no_tensor(name, s, err);
}

static bool has_in_file(weight_source *source, const char *name) {
    return find_entry(source->context, name) != NULL;
}

static accel_status find_packed(weight_source *source, const char *name, const shape *s, dtype *type,
                                graph_data *out, accel_error *err) {
    const zoo_weights *w = source->context;
    safetensors_entry e;
    if (!gguf_has(w->packed, name))
        return no_tensor(name, s, err);
    ACCEL_TRY(gguf_find(w->packed, name, &e, err));
    return give(w, &e, gguf_in_file(w->packed, e.bytes), s, type, out, err);
}

static bool has_packed(weight_source *source, const char *name) {
    const zoo_weights *w = source->context;
    return gguf_has(w->packed, name);
}

/* ---- made --------------------------------------------------------------------------------------------- */

/* Scaled so that activations keep their size through many layers: norms near 1, biases small, matrices
 * 1/sqrt(inputs), variances positive. */
static void distribution_of(const char *name, const shape *s, graph_data *out) {
    double fan_in = 1;
    for (int i = 1; i < s->rank; i++)
        fan_in *= (double)s->dims[i];
    bool scale = s->rank == 1 && str_ends_with(name, ".weight");
    out->distribution = DISTRIBUTION_NORMAL;
    out->a = scale ? 1 : 0;
    out->b = s->rank < 2 ? 0.02 : 1 / sqrt(fan_in);
    if (str_ends_with(name, "Attention.q.weight"))
        out->b /=
            T5_HEAD_ROOT; /* T5 attends without a scale: its initialisation makes queries smaller instead */
    if (str_ends_with(name, "running_var") || strstr(name, "logit_scale")) {
        out->distribution = DISTRIBUTION_UNIFORM;
        out->a = 0.5;
        out->b = 1.5;
    }
}

static accel_status generate(weight_source *source, const char *name, const shape *s, dtype *type,
                             graph_data *out, accel_error *err) {
    zoo_weights *w = source->context;
    *type = DTYPE_F32;
    *out = (graph_data){.kind = DATA_GENERATED, .stream = arena_strdup(w->memory, name), .seed = w->seed};
    distribution_of(name, s, out);
    if (!out->stream)
        return error_no_memory(err, name, strlen(name));
    return tensor_size_bytes(*type, s, name, &out->size_bytes, err);
}

static bool has_generated(weight_source *source, const char *name) {
    (void)source;
    (void)name;
    return true;
}

/* ---- start -------------------------------------------------------------------------------------------- */

static const weight_source generated = {.find = generate, .has = has_generated};
static const weight_source in_file = {.find = find_in_file, .has = has_in_file};
static const weight_source packed = {.find = find_packed, .has = has_packed};

accel_status zoo_weights_start(zoo_weights *w, const hf_folder *folder, const zoo_spelling *spellings,
                               uint64_t seed, arena *memory, accel_error *err) {
    *w = (zoo_weights){.names = {.memory = memory}, .seed = seed, .memory = memory};
    if (folder) {
        w->file = folder->weights;
        w->packed = folder->packed;
    }
    w->source = w->file ? in_file : w->packed ? packed : generated;
    w->source.context = w;
    size_t count = w->file ? safetensors_count(w->file) : 0;
    w->asked = ARENA_ARRAY(memory, bool, count);
    if (!w->asked)
        return error_no_memory(err, "a list of tensors", count);
    for (size_t i = 0; i < count; i++)
        ACCEL_TRY(add_tensor(w, i, spellings, err));
    return ACCEL_OK;
}
