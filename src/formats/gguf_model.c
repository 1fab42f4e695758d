/* A GGUF file as the Hugging Face folder that it was made from: its configuration, and its tensors by the
 * names and in the order of the transformers package. Keys: gguf.md; names: llama.cpp's llama-arch.cpp and
 * the gguf package's tensor_mapping.py. */
#include <math.h>
#include <string.h>

#include "formats/gguf.h"
#include "base/json.h"

enum { NAME_BYTES = 192, KEY_BYTES = 128, MAX_LAYERS = 4096 };
static const int64_t max_size = INT32_MAX;

/* ---- architectures ------------------------------------------------------------------------------------ */

enum { LLAMA = 1, QWEN2 = 2, QWEN3 = 4, ALL = LLAMA | QWEN2 | QWEN3 };

typedef struct architecture {
    const char *name; /* of GGUF, and model_type */
    const char *class_name;
    unsigned flag;
} architecture;

static const architecture architectures[] = {
    {"llama", "LlamaForCausalLM", LLAMA},
    {"qwen2", "Qwen2ForCausalLM", QWEN2},
    {"qwen3", "Qwen3ForCausalLM", QWEN3},
};
enum { ARCHITECTURE_COUNT = sizeof architectures / sizeof architectures[0] };

static accel_status unknown_architecture(const gguf *g, const char *name, accel_error *err) {
    str_buf known = {0};
    for (size_t i = 0; i < ARCHITECTURE_COUNT; i++)
        str_appendf(&known, "%s%s", i ? ", " : "", architectures[i].name);
    accel_status status =
        error_set(err, ACCEL_UNSUPPORTED, "%s: architecture '%s' is not supported; known are: %s", g->file,
                  name, str_text(&known));
    str_free(&known);
    return status;
}

static accel_status find_architecture(gguf *g, const architecture **out, accel_error *err) {
    const char *name = gguf_string(g, "general.architecture", "");
    ACCEL_TRY(gguf_check(g, err));
    for (size_t i = 0; i < ARCHITECTURE_COUNT; i++) {
        *out = &architectures[i];
        if (strcmp(name, architectures[i].name) == 0)
            return ACCEL_OK;
    }
    return unknown_architecture(g, name, err);
}

/* ---- names of tensors --------------------------------------------------------------------------------- */

typedef struct renamed {
    const char *ours, *theirs; /* without .weight and .bias */
    unsigned weights, biases;  /* the architectures that have them */
} renamed;

static const renamed globals[] = {
    {"model.embed_tokens", "token_embd", ALL, 0},
    {"model.norm", "output_norm", ALL, 0},
    {"lm_head", "output", ALL, 0},
};

static const renamed parts[] = {
    {"input_layernorm", "attn_norm", ALL, 0},
    {"self_attn.q_proj", "attn_q", ALL, ALL},
    {"self_attn.k_proj", "attn_k", ALL, ALL},
    {"self_attn.v_proj", "attn_v", ALL, ALL},
    {"self_attn.o_proj", "attn_output", ALL, LLAMA | QWEN3},
    {"self_attn.q_norm", "attn_q_norm", QWEN3, 0},
    {"self_attn.k_norm", "attn_k_norm", QWEN3, 0},
    {"post_attention_layernorm", "ffn_norm", ALL, 0},
    {"mlp.gate_proj", "ffn_gate", ALL, LLAMA},
    {"mlp.up_proj", "ffn_up", ALL, LLAMA},
    {"mlp.down_proj", "ffn_down", ALL, LLAMA},
};

enum { GLOBAL_COUNT = sizeof globals / sizeof globals[0], PART_COUNT = sizeof parts / sizeof parts[0] };

/* Our name of "attn_q.weight" in a list; NULL when the architecture has no such tensor. *suffix is where
 * ".weight" or ".bias" begins. */
static const char *lookup(const renamed *list, size_t count, const char *name, unsigned flag,
                          const char **suffix) {
    *suffix = strrchr(name, '.');
    if (!*suffix)
        return NULL;
    size_t length = (size_t)(*suffix - name);
    bool weight = strcmp(*suffix, ".weight") == 0, bias = strcmp(*suffix, ".bias") == 0;
    for (size_t i = 0; i < count; i++) {
        bool known = (weight && list[i].weights & flag) || (bias && list[i].biases & flag);
        if (known && strlen(list[i].theirs) == length && memcmp(name, list[i].theirs, length) == 0)
            return list[i].ours;
    }
    return NULL;
}

/* "model.layers.3.self_attn.q_proj.weight" for "blk.3.attn_q.weight". */
static bool our_name(const char *name, unsigned flag, int64_t layers, char out[NAME_BYTES]) {
    const char *suffix, *ours = lookup(globals, GLOBAL_COUNT, name, flag, &suffix);
    if (ours) {
        str_format(out, NAME_BYTES, "%s%s", ours, suffix);
        return true;
    }
    const char *dot = str_starts_with(name, "blk.") ? strchr(name + 4, '.') : NULL;
    if (!dot || dot - name > 12 || !(ours = lookup(parts, PART_COUNT, dot + 1, flag, &suffix)))
        return false;
    char number[16], canonical[16];
    int64_t layer;
    str_format(number, sizeof number, "%.*s", (int)(dot - name - 4), name + 4);
    if (!str_to_i64(number, &layer) || layer < 0 || layer >= layers)
        return false;
    str_format(canonical, sizeof canonical, "%lld", (long long)layer);
    str_format(out, NAME_BYTES, "model.layers.%s.%s%s", canonical, ours, suffix);
    return strcmp(number, canonical) == 0; /* "blk.01." would be a second name of the same tensor */
}

/* "rope_freqs.weight" is read by read_rope_factors. */
static bool is_rope_factors(const char *name) {
    return strcmp(name, "rope_freqs.weight") == 0;
}

/* A tensor that has no place in the model means another model than this one. */
static accel_status name_tensors(gguf *g, const architecture *a, int64_t layers, accel_error *err) {
    char name[NAME_BYTES];
    for (size_t i = 0; i < g->count; i++) {
        const char *theirs = g->tensors[i].name;
        if (is_rope_factors(theirs))
            continue;
        if (!our_name(theirs, a->flag, layers, name))
            return error_set(err, ACCEL_UNSUPPORTED,
                             "%s: a %s model of %lld layers has no place for tensor '%s'", g->file, a->name,
                             (long long)layers, theirs);
        const char *kept = arena_strdup(g->memory, name);
        if (!kept ||
            !name_map_put(&g->hf_names, (byte_span){(const uint8_t *)kept, strlen(kept)}, (int32_t)i))
            return error_no_memory(err, g->file, 0);
    }
    return ACCEL_OK;
}

static const gguf_tensor *find_tensor(const gguf *g, const char *hf_name) {
    int32_t number = name_map_get(&g->hf_names, (byte_span){(const uint8_t *)hf_name, strlen(hf_name)});
    return number == NAME_ABSENT ? NULL : &g->tensors[number];
}

/* ---- configuration ------------------------------------------------------------------------------------ */

typedef struct model {
    gguf *g;
    const architecture *architecture;
    int64_t layers, hidden, heads, kv_heads, head_dim;
    str_buf json;
    char key[KEY_BYTES];
    accel_error *err;
} model;

static const char *key_of(model *m, const char *field) {
    str_format(m->key, sizeof m->key, "%s.%s", m->architecture->name, field);
    return m->key;
}

static int64_t int_of(model *m, const char *field, int64_t fallback, int64_t low) {
    return gguf_int(m->g, key_of(m, field), fallback, low, max_size);
}

static accel_status unsupported(model *m, const char *field, const char *fault) {
    return error_set(m->err, ACCEL_UNSUPPORTED, "%s: '%s' %s, which is not supported", m->g->file,
                     key_of(m, field), fault);
}

/* Keys of the architecture that are known here: any other may mean mathematics that would be left out. */
static accel_status check_keys(model *m) {
    static const char *const fields[] = {"block_count",
                                         "context_length",
                                         "embedding_length",
                                         "feed_forward_length",
                                         "vocab_size",
                                         "attention.head_count",
                                         "attention.head_count_kv",
                                         "attention.key_length",
                                         "attention.value_length",
                                         "attention.layer_norm_rms_epsilon",
                                         "attention.causal",
                                         "attention.sliding_window",
                                         "rope.dimension_count",
                                         "rope.freq_base",
                                         "rope.scaling.type",
                                         "rope.scaling.factor",
                                         "rope.scaling.original_context_length",
                                         "rope.scaling.finetuned",
                                         "expert_count",
                                         "expert_used_count",
                                         "tensor_data_layout"};
    size_t prefix = strlen(m->architecture->name);
    for (size_t i = 0; i < m->g->value_count; i++) {
        const char *key = m->g->values[i].key;
        bool known = !str_starts_with(key, m->architecture->name) || key[prefix] != '.';
        for (size_t k = 0; !known && k < sizeof fields / sizeof fields[0]; k++)
            known = strcmp(key + prefix + 1, fields[k]) == 0;
        if (!known)
            return error_set(m->err, ACCEL_UNSUPPORTED, "%s: metadata '%s' is not known", m->g->file, key);
    }
    return ACCEL_OK;
}

/* Keys that are known, but only with the value that leaves the mathematics alone. */
static accel_status check_neutral(model *m) {
    int64_t context = int_of(m, "context_length", HF_REQUIRED, 1);
    int64_t window = int_of(m, "attention.sliding_window", 0, 0);
    int64_t experts = int_of(m, "expert_count", 0, 0);
    int64_t values = int_of(m, "attention.value_length", m->head_dim, 1);
    int64_t rotated = int_of(m, "rope.dimension_count", m->head_dim, 1);
    bool causal = gguf_bool(m->g, key_of(m, "attention.causal"), true);
    ACCEL_TRY(gguf_check(m->g, m->err));
    if (window > 0 && window < context)
        return unsupported(m, "attention.sliding_window", "is shorter than the context");
    if (experts > 0)
        return unsupported(m, "expert_count", "asks for a mixture of experts");
    if (values != m->head_dim)
        return unsupported(m, "attention.value_length", "differs from the length of keys");
    if (rotated != m->head_dim)
        return unsupported(m, "rope.dimension_count", "is not the whole head");
    if (!causal)
        return unsupported(m, "attention.causal", "is false");
    return ACCEL_OK;
}

static accel_status read_sizes(model *m) {
    m->layers = gguf_int(m->g, key_of(m, "block_count"), HF_REQUIRED, 1, MAX_LAYERS);
    m->hidden = int_of(m, "embedding_length", HF_REQUIRED, 1);
    m->heads = int_of(m, "attention.head_count", HF_REQUIRED, 1);
    m->kv_heads = int_of(m, "attention.head_count_kv", m->heads, 1);
    m->head_dim = int_of(m, "attention.key_length", m->hidden / m->heads, 1);
    ACCEL_TRY(gguf_check(m->g, m->err));
    if (m->head_dim == 0 || m->heads % m->kv_heads != 0)
        return error_set(m->err, ACCEL_BAD_FILE,
                         "%s: %lld heads do not divide an embedding of %lld, or %lld key heads do not divide "
                         "them",
                         m->g->file, (long long)m->heads, (long long)m->hidden, (long long)m->kv_heads);
    return ACCEL_OK;
}

/* ---- rotary scaling ----------------------------------------------------------------------------------- */

/* The factor by which Llama 3 divides a frequency (transformers, modeling_rope_utils.py), with the three
 * numbers that all its checkpoints have. */
static const double llama3_low = 1, llama3_high = 4, llama3_context = 8192;

static double llama3_factor(double frequency, double factor) {
    static const double two_pi = 6.283185307179586;
    double turns = llama3_context * frequency / two_pi;
    if (turns > llama3_high)
        return 1;
    if (turns < llama3_low)
        return factor;
    double smooth = (turns - llama3_low) / (llama3_high - llama3_low);
    return 1 / ((1 - smooth) / factor + smooth);
}

/* The factors of the file must be those of the scaling that the configuration will name. */
static accel_status read_rope_factors(model *m, const gguf_tensor *t, double theta) {
    int64_t half = m->head_dim / 2;
    if (t->type->plain != DTYPE_F32 || t->shape.rank != 1 || t->shape.dims[0] != half || half == 0)
        return error_set(m->err, ACCEL_BAD_FILE, "%s: tensor '%s' is not %lld numbers of type F32",
                         m->g->file, t->name, (long long)half);
    double factor = dtype_get_f64(DTYPE_F32, t->bytes, (size_t)half - 1); /* of the slowest frequency */
    for (int64_t i = 0; i < half; i++) {
        double frequency = pow(theta, -2.0 * (double)i / (double)m->head_dim);
        double want = llama3_factor(frequency, factor), have = dtype_get_f64(DTYPE_F32, t->bytes, (size_t)i);
        if (!(fabs(have - want) <= 1e-4 * want))
            return error_set(
                m->err, ACCEL_UNSUPPORTED,
                "%s: tensor '%s' does not hold the factors of Llama 3's rotary scaling; others are "
                "not supported",
                m->g->file, t->name);
    }
    str_append(&m->json, ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":");
    json_append_real(&m->json, factor);
    str_append(&m->json, ",\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
                         "\"original_max_position_embeddings\":8192}");
    return ACCEL_OK;
}

static accel_status append_scaling(model *m) {
    const char *type = gguf_string(m->g, key_of(m, "rope.scaling.type"), "none");
    double factor = gguf_float(m->g, key_of(m, "rope.scaling.factor"), 1);
    int64_t original = int_of(m, "rope.scaling.original_context_length", 0, 1);
    ACCEL_TRY(gguf_check(m->g, m->err));
    if (strcmp(type, "none") == 0)
        return ACCEL_OK;
    if (strcmp(type, "linear") != 0 && strcmp(type, "yarn") != 0)
        return error_set(m->err, ACCEL_UNSUPPORTED, "%s: '%s' is '%s', which is not supported", m->g->file,
                         key_of(m, "rope.scaling.type"), type);
    str_appendf(&m->json, ",\"rope_scaling\":{\"rope_type\":\"%s\",\"factor\":", type);
    json_append_real(&m->json, factor);
    if (original)
        str_appendf(&m->json, ",\"original_max_position_embeddings\":%lld", (long long)original);
    str_append_char(&m->json, '}');
    return ACCEL_OK;
}

static accel_status append_rope(model *m) {
    double theta = gguf_float(m->g, key_of(m, "rope.freq_base"), 10000);
    ACCEL_TRY(gguf_check(m->g, m->err));
    str_append(&m->json, ",\"rope_theta\":");
    json_append_real(&m->json, theta);
    for (size_t i = 0; i < m->g->count; i++) {
        if (!is_rope_factors(m->g->tensors[i].name))
            continue;
        if (!str_equal(gguf_string(m->g, key_of(m, "rope.scaling.type"), "none"), "none"))
            return unsupported(m, "rope.scaling.type", "stands beside the tensor rope_freqs.weight");
        return read_rope_factors(m, &m->g->tensors[i], theta);
    }
    return append_scaling(m);
}

/* ---- config.json -------------------------------------------------------------------------------------- */

static void append_int(model *m, const char *name, int64_t value) {
    str_appendf(&m->json, ",\"%s\":%lld", name, (long long)value);
}

static void append_bool(model *m, const char *name, bool value) {
    str_appendf(&m->json, ",\"%s\":%s", name, value ? "true" : "false");
}

static accel_status append_fields(model *m) {
    const gguf_tensor *table = find_tensor(m->g, "model.embed_tokens.weight");
    double epsilon = gguf_float(m->g, key_of(m, "attention.layer_norm_rms_epsilon"), 0);
    if (!table || table->shape.rank != 2)
        return error_set(m->err, ACCEL_BAD_FILE, "%s has no table of words (token_embd.weight)", m->g->file);
    if (!gguf_has_key(m->g, key_of(m, "attention.layer_norm_rms_epsilon")))
        return error_set(m->err, ACCEL_BAD_FILE, "%s: metadata '%s' is missing", m->g->file, m->key);
    str_appendf(&m->json, "{\"model_type\":\"%s\",\"architectures\":[\"%s\"],\"hidden_act\":\"silu\"",
                m->architecture->name, m->architecture->class_name);
    append_int(m, "vocab_size", table->shape.dims[0]);
    append_int(m, "hidden_size", m->hidden);
    append_int(m, "num_hidden_layers", m->layers);
    append_int(m, "intermediate_size", int_of(m, "feed_forward_length", HF_REQUIRED, 1));
    append_int(m, "num_attention_heads", m->heads);
    append_int(m, "num_key_value_heads", m->kv_heads);
    append_int(m, "head_dim", m->head_dim);
    append_int(m, "max_position_embeddings", int_of(m, "context_length", HF_REQUIRED, 1));
    append_bool(m, "tie_word_embeddings", !find_tensor(m->g, "lm_head.weight"));
    if (m->architecture->flag != QWEN2) /* which has them on q, k and v, whatever a configuration says */
        append_bool(m, "attention_bias", find_tensor(m->g, "model.layers.0.self_attn.q_proj.bias"));
    if (find_tensor(m->g, "model.layers.0.mlp.up_proj.bias"))
        append_bool(m, "mlp_bias", true);
    str_append(&m->json, ",\"rms_norm_eps\":");
    json_append_real(&m->json, epsilon);
    ACCEL_TRY(append_rope(m));
    str_append_char(&m->json, '}');
    return gguf_check(m->g, m->err);
}

static accel_status describe(model *m) {
    ACCEL_TRY(find_architecture(m->g, &m->architecture, m->err));
    ACCEL_TRY(check_keys(m));
    ACCEL_TRY(read_sizes(m));
    ACCEL_TRY(check_neutral(m));
    ACCEL_TRY(name_tensors(m->g, m->architecture, m->layers, m->err));
    return append_fields(m);
}

accel_status gguf_config(gguf *g, hf_config **out, accel_error *err) {
    model m = {.g = g, .err = err};
    accel_status status = describe(&m);
    if (status == ACCEL_OK && m.json.failed)
        status = error_no_memory(err, g->file, 0);
    if (status == ACCEL_OK)
        status = hf_config_parse(str_text(&m.json), m.json.length, g->file, out, err);
    str_free(&m.json);
    if (status == ACCEL_OK) {
        g->interleaved = m.architecture->flag == LLAMA;
        g->heads = m.heads;
        g->kv_heads = m.kv_heads;
    }
    return status;
}

/* ---- contents ----------------------------------------------------------------------------------------- */

/* Heads whose rows ggml's rotary wants in pairs; 0: the rows are in our order. */
static int64_t interleaved_heads(const gguf *g, const char *hf_name) {
    if (!g->interleaved)
        return 0;
    return strstr(hf_name, ".q_proj.") ? g->heads : strstr(hf_name, ".k_proj.") ? g->kv_heads : 0;
}

/* Row 2j + p of a head is row p·half + j of ours: converting a llama, llama.cpp's script put the two
 * numbers that are rotated together beside each other. */
static void undo_pairs(const uint8_t *from, size_t row_bytes, size_t heads, size_t head_rows, uint8_t *to) {
    for (size_t head = 0; head < heads; head++)
        for (size_t row = 0; row < head_rows; row++) {
            size_t pair = row % (head_rows / 2) * 2 + row / (head_rows / 2);
            memcpy(to, from + (head * head_rows + pair) * row_bytes, row_bytes);
            to += row_bytes;
        }
}

static accel_status reorder(gguf *g, const gguf_tensor *t, int64_t heads, const uint8_t **bytes,
                            accel_error *err) {
    int64_t rows = t->shape.rank ? t->shape.dims[0] : 0;
    if (rows == 0 || rows % (2 * heads) != 0)
        return error_set(err, ACCEL_BAD_FILE, "%s: tensor '%s' has rows that do not make %lld heads", g->file,
                         t->name, (long long)heads);
    if (t->shape.rank == 1 && t->type->block_elements > 1)
        return error_set(err, ACCEL_UNSUPPORTED, "%s: tensor '%s' is a quantised bias", g->file, t->name);
    uint8_t *copy = arena_alloc(g->memory, t->size_bytes);
    if (!copy)
        return error_no_memory(err, t->name, t->size_bytes);
    undo_pairs(*bytes, t->size_bytes / (size_t)rows, (size_t)heads, (size_t)(rows / heads), copy);
    *bytes = copy;
    return ACCEL_OK;
}

static accel_status dequantise(gguf *g, const gguf_tensor *t, safetensors_entry *e, accel_error *err) {
    size_t blocks = t->size_bytes / t->type->block_bytes;
    float *wide = arena_array(g->memory, blocks, t->type->block_elements * sizeof *wide);
    if (!wide)
        return error_no_memory(err, t->name,
                               (unsigned long long)blocks * t->type->block_elements * sizeof *wide);
    gguf_to_f32(t->type, e->bytes, t->size_bytes, wide);
    e->type = DTYPE_F32;
    e->bytes = (const uint8_t *)wide;
    e->size_bytes = blocks * t->type->block_elements * sizeof *wide;
    return ACCEL_OK;
}

bool gguf_has(const gguf *g, const char *hf_name) {
    return find_tensor(g, hf_name) != NULL;
}

accel_status gguf_find(gguf *g, const char *hf_name, safetensors_entry *out, accel_error *err) {
    const gguf_tensor *t = find_tensor(g, hf_name);
    if (!t)
        return error_set(err, ACCEL_NOT_FOUND, "%s has no tensor for '%s'", g->file, hf_name);
    safetensors_entry e = {.name = t->name,
                           .type = t->type->plain,
                           .shape = t->shape,
                           .bytes = t->bytes,
                           .size_bytes = t->size_bytes};
    int64_t heads = interleaved_heads(g, hf_name);
    if (heads)
        ACCEL_TRY(reorder(g, t, heads, &e.bytes, err));
    if (t->type->plain == DTYPE_UNDEFINED)
        ACCEL_TRY(dequantise(g, t, &e, err));
    *out = e;
    return ACCEL_OK;
}

bool gguf_in_file(const gguf *g, const uint8_t *bytes) {
    return g->map.size_bytes > 0 && bytes >= g->map.bytes && bytes < g->map.bytes + g->map.size_bytes;
}
