/* Weights by name, in the spellings that published files use, or made from a seed. */
#include <math.h>
#include <string.h>

#include "zoo/class.h"

enum { NAME_BYTES = 256 };

/* Some files have the base prefix, some lack it; some old ones say gamma and beta for a norm's weight and
 * bias. */
static const safetensors_entry *find_entry(const zoo_weights *w, const char *name) {
    static const char *const old[][2] = {{".weight", ".gamma"}, {".bias", ".beta"}};
    char spelling[NAME_BYTES]; /* no memory to run out of: "not there" must mean that */
    for (int prefixed = 0; prefixed < 2; prefixed++) {
        const char *prefix = prefixed ? w->prefix : "";
        str_format(spelling, sizeof spelling, "%s%s", prefix, name);
        const safetensors_entry *e = safetensors_find(w->file, spelling);
        for (size_t i = 0; !e && i < 2; i++) {
            if (!str_ends_with(name, old[i][0]) || !strstr(name, "orm"))
                continue;
            int stem = (int)(strlen(name) - strlen(old[i][0]));
            str_format(spelling, sizeof spelling, "%s%.*s%s", prefix, stem, name, old[i][1]);
            e = safetensors_find(w->file, spelling);
        }
        if (e)
            return e;
    }
    return NULL;
}

/* The graph computes in float32, whatever the file stores. */
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

static accel_status find_in_file(weight_source *source, const char *name, const shape *s, dtype *type,
                                 graph_data *out, accel_error *err) {
    const zoo_weights *w = source->context;
    const safetensors_entry *e = find_entry(w, name);
    char have[128], want[128];
    if (!e)
        return error_set(err, ACCEL_BAD_FILE, "its weights have no tensor '%s' (nor '%s%s')", name, w->prefix,
                         name);
    if (!shape_equal(&e->shape, s))
        return error_set(err, ACCEL_BAD_FILE, "tensor '%s' has shape %s; its configuration asks for %s",
                         e->name, shape_text(&e->shape, have, sizeof have), shape_text(s, want, sizeof want));
    *type = DTYPE_F32;
    if (e->type == DTYPE_F16 || e->type == DTYPE_BF16)
        return widen(w, e, out, err);
    if (e->type != DTYPE_F32)
        return error_set(err, ACCEL_UNSUPPORTED, "tensor '%s' is %s, which is not supported for weights",
                         e->name, dtype_name(e->type));
    *out =
        (graph_data){.kind = DATA_BYTES, .bytes = e->bytes, .size_bytes = e->size_bytes, .file_backed = true};
    return ACCEL_OK;
}

static bool has_in_file(weight_source *source, const char *name) {
    return find_entry(source->context, name) != NULL;
}

/* Scaled so that activations keep their size through many layers: norms near 1, biases small, matrices
 * 1/sqrt(inputs). */
static accel_status generate(weight_source *source, const char *name, const shape *s, dtype *type,
                             graph_data *out, accel_error *err) {
    zoo_weights *w = source->context;
    double fan_in = 1;
    for (int i = 1; i < s->rank; i++)
        fan_in *= (double)s->dims[i];
    bool norm = s->rank == 1 && strstr(name, "orm") && str_ends_with(name, ".weight");
    *type = DTYPE_F32;
    *out = (graph_data){.kind = DATA_GENERATED,
                        .stream = arena_strdup(w->memory, name),
                        .seed = w->seed,
                        .distribution = DISTRIBUTION_NORMAL,
                        .a = norm ? 1 : 0,
                        .b = s->rank < 2 ? 0.02 : 1 / sqrt(fan_in)};
    if (!out->stream)
        return error_no_memory(err, name, strlen(name));
    return tensor_size_bytes(*type, s, name, &out->size_bytes, err);
}

static bool has_generated(weight_source *source, const char *name) {
    (void)source;
    (void)name;
    return true;
}

void zoo_weights_start(zoo_weights *w, const safetensors *file, const char *prefix, uint64_t seed) {
    *w = (zoo_weights){.file = file, .prefix = prefix, .seed = seed};
    w->source = (weight_source){
        .context = w, .find = file ? find_in_file : generate, .has = file ? has_in_file : has_generated};
}
