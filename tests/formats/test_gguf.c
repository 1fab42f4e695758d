/* GGUF: the format's rules, dequantisation, and a file as the Hugging Face folder that it was made from. */
#include "formats/gguf_bytes.h"

#include <math.h>

#include "base/file.h"
#include "base/mem.h"

static accel_error err;

/* Opens a copy in its own block, so that a sanitizer sees a byte too many. The copy lives as long as *g. */
static accel_status open_copy(const str_buf *b, gguf **g, char **copy) {
    *copy = malloc(b->length ? b->length : 1);
    memcpy(*copy, str_text(b), b->length);
    err = (accel_error){0};
    return gguf_open_bytes(*copy, b->length, "w.gguf", g, &err);
}

static accel_status open_once(str_buf b) {
    gguf *g = NULL;
    char *copy;
    accel_status status = open_copy(&b, &g, &copy);
    gguf_close(status == ACCEL_OK ? g : NULL);
    free(copy);
    str_free(&b);
    return status;
}

static void refused(gguf_bytes *f, const char *text) {
    assert_int_equal(open_once(finish_gguf(f)), ACCEL_BAD_FILE);
    assert_says("w.gguf");
    assert_says(text);
}

/* --- dequantisation --- */

static const char *golden(const char *name) {
    static char path[512];
    const char *source = getenv("ACCEL_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/golden/gguf/%s", source ? source : ".", name);
    return path;
}

static void every_type_is_what_the_gguf_package_makes_of_it(void **state) {
    (void)state;
    gguf *g;
    safetensors *wanted;
    assert_ok(gguf_open(golden("types.gguf"), &g, &err));
    assert_ok(safetensors_open(golden("types.safetensors"), &wanted, &err));
    assert_int_equal(gguf_count(g), 13);
    for (size_t i = 0; i < gguf_count(g); i++) {
        const gguf_tensor *t = gguf_at(g, i);
        const safetensors_entry *w = safetensors_find(wanted, t->name);
        assert_string_equal(gguf_type_name(t->type), t->name);
        assert_true(shape_equal(&t->shape, &w->shape));
        float *got = malloc(w->size_bytes);
        gguf_to_f32(t->type, t->bytes, t->size_bytes, got);
        if (memcmp(got, w->bytes, w->size_bytes) != 0)
            fail_msg("%s differs", t->name);
        free(got);
    }
    safetensors_close(wanted);
    gguf_close(g);
}

static void a_llama_has_the_numbers_that_it_was_made_from(void **state) {
    (void)state;
    gguf *g;
    safetensors *wanted;
    hf_config *c;
    assert_ok(gguf_open(golden("llama.gguf"), &g, &err));
    assert_ok(safetensors_open(golden("llama.safetensors"), &wanted, &err));
    assert_ok(gguf_config(g, &c, &err));
    assert_string_equal(hf_config_architecture(c), "LlamaForCausalLM");
    assert_int_equal(hf_config_int(c, "vocab_size", HF_REQUIRED, 0, 99), 24);
    assert_int_equal(hf_config_int(c, "head_dim", HF_REQUIRED, 0, 99), 8);
    assert_true(hf_config_rope_theta(c, "", 1) == 500000);
    assert_true((float)hf_config_float(c, "rms_norm_eps", 1) == 1e-5F);
    assert_true(hf_config_bool(c, "tie_word_embeddings", false));
    assert_false(gguf_has(g, "lm_head.weight"));
    for (size_t i = 0; i < safetensors_count(wanted); i++) {
        const safetensors_entry *w = safetensors_at(wanted, i);
        safetensors_entry e;
        assert_true(gguf_has(g, w->name));
        assert_ok(gguf_find(g, w->name, &e, &err));
        assert_true(shape_equal(&e.shape, &w->shape));
        for (size_t k = 0; k < w->size_bytes / 4; k++)
            if (dtype_get_f64(e.type, e.bytes, k) != dtype_get_f64(DTYPE_F32, w->bytes, k))
                fail_msg("%s differs at %zu", w->name, k);
    }
    hf_config_destroy(c);
    safetensors_close(wanted);
    gguf_close(g);
}

static void plain_tensors_stay_in_the_file(void **state) {
    (void)state;
    gguf_bytes f = {0};
    gguf *g;
    hf_config *c;
    safetensors_entry e;
    put_model_keys(&f, "qwen2");
    put_model_tensors(&f);
    str_buf b = finish_gguf(&f);
    assert_ok(gguf_open_bytes(b.data, b.length, "w.gguf", &g, &err));
    assert_ok(gguf_config(g, &c, &err));
    assert_ok(gguf_find(g, "model.layers.0.self_attn.q_proj.weight", &e, &err));
    assert_ptr_equal(e.bytes, gguf_at(g, 3)->bytes);
    assert_true((const char *)e.bytes > b.data && (const char *)e.bytes < b.data + b.length);
    assert_int_equal(gguf_find(g, "model.layers.1.mlp.up_proj.weight", &e, &err), ACCEL_NOT_FOUND);
    assert_says("model.layers.1.mlp.up_proj.weight");
    hf_config_destroy(c);
    gguf_close(g);
    str_free(&b);
}

/* --- metadata --- */

static void metadata_is_read_by_type(void **state) {
    (void)state;
    gguf_bytes f = {0};
    gguf *g;
    put_u32(&f, "a", 4000000000U);
    put_key(&f, "b", GGUF_I32);
    put_number(&f.keys, (uint64_t)-7, 4);
    put_f32(&f, "c", 0.5F);
    put_key(&f, "d", GGUF_BOOL);
    put_number(&f.keys, 1, 1);
    put_string(&f, "e", "grüße");
    put_key(&f, "f", GGUF_ARRAY);
    put_number(&f.keys, GGUF_STRING, 4);
    put_number(&f.keys, 2, 8);
    put_text(&f.keys, "x");
    put_text(&f.keys, "");
    put_key(&f, "g", GGUF_ARRAY);
    put_number(&f.keys, GGUF_I32, 4);
    put_number(&f.keys, 3, 8);
    put_number(&f.keys, 0, 12);
    put_key(&f, "h", 1); /* int8 */
    put_number(&f.keys, 0xff, 1);
    put_key(&f, "i", 12); /* float64 */
    put_number(&f.keys, 0x3ff8000000000000, 8);
    str_buf b = finish_gguf(&f);
    assert_ok(gguf_open_bytes(b.data, b.length, "w.gguf", &g, &err));
    assert_int_equal(gguf_int(g, "a", 0, 0, INT64_MAX), 4000000000);
    assert_int_equal(gguf_int(g, "b", 0, -10, 10), -7);
    assert_true(gguf_float(g, "c", 0) == 0.5);
    assert_true(gguf_bool(g, "d", false));
    assert_string_equal(gguf_string(g, "e", ""), "grüße");
    assert_int_equal(gguf_int(g, "h", 0, -10, 10), -1);
    assert_true(gguf_float(g, "i", 0) == 1.5);
    assert_true(gguf_has_key(g, "f") && gguf_has_key(g, "g"));
    assert_int_equal(gguf_int(g, "z", 3, 0, 9), 3);
    assert_string_equal(gguf_string(g, "z", "none"), "none");
    assert_ok(gguf_check(g, &err));
    assert_int_equal(gguf_int(g, "e", 3, 0, 9), 3);
    assert_int_equal(gguf_check(g, &err), ACCEL_BAD_FILE);
    assert_says("metadata 'e' is not a whole number");
    gguf_close(g);
    str_free(&b);
}

static void getters_remember_the_first_fault(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        static const char *const said[] = {"'u' is not a whole number",
                                           "'n' is not a finite number",
                                           "'b' is neither true",
                                           "'t' is not a text",
                                           "'z' is missing",
                                           "'s' is 7, which is not between 0 and 5"};
        gguf_bytes f = {0};
        gguf *g;
        put_key(&f, "u", GGUF_U64);
        put_number(&f.keys, UINT64_MAX, 8);
        put_f32(&f, "n", NAN);
        put_key(&f, "b", GGUF_BOOL);
        put_number(&f.keys, 2, 1);
        put_string(&f, "t", "\xff");
        put_u32(&f, "s", 7);
        str_buf b = finish_gguf(&f);
        assert_ok(gguf_open_bytes(b.data, b.length, "w.gguf", &g, &err));
        if (i == 0)
            assert_int_equal(gguf_int(g, "u", 1, 0, 9), 1);
        if (i == 1)
            assert_true(gguf_float(g, "n", 2) == 2);
        if (i == 2)
            assert_true(gguf_bool(g, "b", true));
        if (i == 3)
            assert_string_equal(gguf_string(g, "t", "else"), "else");
        if (i == 4)
            assert_int_equal(gguf_int(g, "z", HF_REQUIRED, 2, 9), 2);
        if (i == 5)
            assert_int_equal(gguf_int(g, "s", HF_REQUIRED, 0, 5), 0);
        (void)gguf_int(g, "another", HF_REQUIRED, 0, 9);
        assert_int_equal(gguf_check(g, &err), ACCEL_BAD_FILE);
        assert_says(said[i]);
        gguf_close(g);
        str_free(&b);
    }
}

static void arrays_of_arrays_are_refused_by_name(void **state) {
    (void)state;
    gguf_bytes f = {0};
    put_key(&f, "deep", GGUF_ARRAY);
    put_number(&f.keys, GGUF_ARRAY, 4);
    put_number(&f.keys, 0, 8);
    assert_int_equal(open_once(finish_gguf(&f)), ACCEL_UNSUPPORTED);
    assert_says("'deep' is an array of arrays");
}

static void arrays_end_in_the_file(void **state) {
    (void)state;
    static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX / 8 + 1, (uint64_t)1 << 61, 9, 3};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        gguf_bytes f = {0};
        put_key(&f, "list", GGUF_ARRAY);
        put_number(&f.keys, GGUF_U64, 4);
        put_number(&f.keys, counts[i], 8);
        put_number(&f.keys, 0, 8);
        refused(&f, "cut off");
    }
    gguf_bytes f = {0};
    put_key(&f, "list", GGUF_ARRAY);
    put_number(&f.keys, GGUF_STRING, 4);
    put_number(&f.keys, 1, 8);
    put_number(&f.keys, UINT64_MAX, 8);
    refused(&f, "cut off");
}

static void types_that_there_are_not_are_refused(void **state) {
    (void)state;
    gguf_bytes f = {0}, in_array = {0};
    put_key(&f, "k", 13);
    refused(&f, "'k' has a type that there is not");
    put_key(&in_array, "k", GGUF_ARRAY);
    put_number(&in_array.keys, UINT32_MAX, 4);
    put_number(&in_array.keys, 0, 8);
    refused(&in_array, "'k' is an array of a type that there is not");
}

static void names_stand_once_and_are_texts(void **state) {
    (void)state;
    gguf_bytes f = {0};
    put_u32(&f, "k", 1);
    put_u32(&f, "k", 1);
    refused(&f, "metadata 'k' is there twice");
    put_floats(&f, "t", 1, 0);
    put_floats(&f, "t", 1, 0);
    refused(&f, "tensor 't' is there twice");
    put_u32(&f, "", 1);
    refused(&f, "a key's name is empty");
    put_u32(&f, "\xc3", 1);
    refused(&f, "a key's name");
    put_floats(&f, "0123456789012345678901234567890123456789012345678901234567890123", 1, 0);
    assert_int_equal(open_once(finish_gguf(&f)), ACCEL_OK);
    put_floats(&f, "01234567890123456789012345678901234567890123456789012345678901234", 1, 0);
    refused(&f, "a tensor's name is empty, longer than 64");
    put_number(&f.keys, 1, 8);
    put_number(&f.keys, 0, 1); /* a NUL for a name */
    put_number(&f.keys, GGUF_U32, 4);
    put_number(&f.keys, 1, 4);
    f.key_count++;
    refused(&f, "a key's name");
}

/* --- the header --- */

static void other_files_and_versions_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        accel_status status;
        const char *said;
    } cases[] = {{"GGML\3\0\0\0", ACCEL_BAD_FILE, "is not a GGUF file"},
                 {"GGUF\1\0\0\0", ACCEL_UNSUPPORTED, "has GGUF version 1; 2 and 3"},
                 {"GGUF\4\0\0\0", ACCEL_UNSUPPORTED, "has GGUF version 4"},
                 {"GGUF\0\0\0\0", ACCEL_UNSUPPORTED, "has GGUF version 0"},
                 {"GGUF\0\0\0\3", ACCEL_UNSUPPORTED, "big-endian"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_bytes f = {0};
        str_buf b = finish_gguf(&f);
        memcpy(b.data, cases[i].bytes, 8);
        assert_int_equal(open_once(b), cases[i].status);
        assert_says(cases[i].said);
    }
    gguf_bytes f = {0};
    str_buf b = finish_gguf(&f);
    b.data[4] = 2;
    assert_int_equal(open_once(b), ACCEL_OK);
}

static void counts_are_checked_before_anything_is_allocated(void **state) {
    (void)state;
    static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX / 24, (uint64_t)1 << 32, 1};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        gguf_bytes f = {.tensor_count = counts[i]};
        refused(&f, "tensors, more than its bytes can hold");
        f.key_count = counts[i];
        refused(&f, "metadata keys, more than its bytes can hold");
    }
}

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    gguf_bytes f = {0};
    put_model_keys(&f, "llama");
    put_key(&f, "tokenizer.ggml.tokens", GGUF_ARRAY);
    put_number(&f.keys, GGUF_STRING, 4);
    put_number(&f.keys, 1, 8);
    put_text(&f.keys, "x");
    put_floats(&f, "a", 2, 3);
    put_floats(&f, "b", 5, 0);
    str_buf b = finish_gguf(&f);
    for (size_t length = 0; length < b.length; length++) {
        str_buf cut = {0};
        str_append_bytes(&cut, b.data, length);
        assert_int_equal(open_once(cut), ACCEL_BAD_FILE);
    }
    str_buf whole = {0};
    str_append_bytes(&whole, b.data, b.length);
    assert_int_equal(open_once(whole), ACCEL_OK);
    str_free(&b);
}

/* --- the table --- */

static void tensors_follow_one_another(void **state) {
    (void)state;
    static const uint64_t wrong[] = {0, 31, 33, 64, 24, UINT64_MAX, UINT64_MAX - 31};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        gguf_bytes f = {0};
        put_floats(&f, "a", 6, 0);
        put_info(&f, "b", 1, (uint64_t[]){2}, 0, wrong[i]);
        put_number(&f.data, 0, 128);
        refused(&f, "tensor 'b' is at byte");
    }
    gguf_bytes f = {0};
    put_info(&f, "a", 1, (uint64_t[]){2}, 0, 32);
    put_number(&f.data, 0, 40);
    refused(&f, "tensor 'a' is at byte 32");
}

static void nothing_follows_the_tensors(void **state) {
    (void)state;
    gguf_bytes f = {0};
    put_floats(&f, "a", 6, 0);
    put_number(&f.data, 0, 8);
    assert_int_equal(open_once(finish_gguf(&f)), ACCEL_OK); /* padding */
    put_floats(&f, "a", 6, 0);
    put_number(&f.data, 0, 9);
    refused(&f, "its tensors end at byte 24 of 33");
    put_number(&f.data, 0, 1);
    refused(&f, "its tensors end at byte 0 of 1");
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    static const uint64_t dims[][4] = {{1 << 30, 1 << 30, 1 << 30, 1 << 30},
                                       {(uint64_t)1 << 62, 1, 1, 1},
                                       {(uint64_t)1 << 32, (uint64_t)1 << 30, 1, 1},
                                       {UINT64_MAX, 1, 1, 1},
                                       {0, 1, 1, 1},
                                       {1, 0, 1, 1}};
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        gguf_bytes f = {0};
        put_info(&f, "a", 4, dims[i], 0, 0);
        put_number(&f.data, 0, 64);
        refused(&f, "larger than any memory");
    }
    gguf_bytes f = {0}; /* each can be counted, their sum cannot */
    put_info(&f, "a", 1, (uint64_t[]){((uint64_t)1 << 61) + 8}, 0, 0);
    put_info(&f, "b", 1, (uint64_t[]){((uint64_t)1 << 61)}, 0, ((uint64_t)1 << 63) + 32);
    refused(&f, "tensor 'b' has a shape larger than any memory");
    put_info(&f, "a", 1, (uint64_t[]){(uint64_t)1 << 60}, 0, 0);
    refused(&f, "its tensors need 4611686018427387904 bytes");
    put_info(&f, "a", 5, (uint64_t[]){1, 1, 1, 1, 1}, 0, 0);
    refused(&f, "more than 4 dimensions");
}

static void rows_are_whole_blocks(void **state) {
    (void)state;
    gguf_bytes f = {0};
    put_tensor(&f, "a", 2, (uint64_t[]){48, 2}, 8, 102);
    refused(&f, "'a' has rows of 48 elements, which are not whole blocks of Q8_0 (32)");
    put_tensor(&f, "a", 2, (uint64_t[]){128, 2}, 12, 144);
    refused(&f, "not whole blocks of Q4_K (256)");
    put_tensor(&f, "a", 2, (uint64_t[]){64, 2}, 8, 136);
    assert_int_equal(open_once(finish_gguf(&f)), ACCEL_OK);
    put_tensor(&f, "a", 2, (uint64_t[]){64, 2}, 8, 135);
    refused(&f, "need 136 bytes, 135 are there");
}

static void types_that_are_not_read_are_named(void **state) {
    (void)state;
    gguf_bytes f = {0};
    put_tensor(&f, "a", 1, (uint64_t[]){256}, 17, 74);
    assert_int_equal(open_once(finish_gguf(&f)), ACCEL_UNSUPPORTED);
    assert_says("tensor 'a' has type IQ2_XS (17), which is not supported");
    put_tensor(&f, "a", 1, (uint64_t[]){256}, 4, 74);
    assert_int_equal(open_once(finish_gguf(&f)), ACCEL_UNSUPPORTED);
    assert_says("tensor 'a' has type 4, which");
}

static void the_alignment_is_a_power_of_two(void **state) {
    (void)state;
    static const uint32_t wrong[] = {0, 3, 48, (1 << 20) + 1, 1 << 21, 0x80000000U};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        gguf_bytes f = {0};
        put_u32(&f, "general.alignment", wrong[i]);
        refused(&f, "general.alignment");
    }
    static const uint32_t right[] = {1, 8, 64, 1 << 20};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        gguf_bytes f = {.alignment = right[i]};
        put_u32(&f, "general.alignment", right[i]);
        put_floats(&f, "a", 3, 0);
        put_floats(&f, "b", 3, 0);
        assert_int_equal(open_once(finish_gguf(&f)), ACCEL_OK);
    }
}

/* --- the model --- */

/* gguf_config of the file; the value of `field`, or the error in err. */
static accel_status configure(gguf_bytes *f, const char *field, double *value) {
    gguf *g;
    hf_config *c;
    str_buf b = finish_gguf(f);
    err = (accel_error){0};
    assert_ok(gguf_open_bytes(b.data, b.length, "w.gguf", &g, &err));
    accel_status status = gguf_config(g, &c, &err);
    if (status == ACCEL_OK) {
        if (field)
            *value = hf_config_float(c, field, NAN);
        hf_config_destroy(c);
    }
    gguf_close(g);
    str_free(&b);
    return status;
}

static void unsupported(gguf_bytes *f, const char *text) {
    assert_int_equal(configure(f, NULL, NULL), ACCEL_UNSUPPORTED);
    assert_says("w.gguf");
    assert_says(text);
}

static void start_model(gguf_bytes *f, const char *architecture) {
    put_model_keys(f, architecture);
    put_model_tensors(f);
}

static void other_architectures_are_named(void **state) {
    (void)state;
    gguf_bytes f = {0};
    start_model(&f, "mamba");
    unsupported(&f, "architecture 'mamba' is not supported; known are: llama, qwen2, qwen3");
    put_model_tensors(&f);
    unsupported(&f, "architecture '' is not supported");
}

static void keys_that_change_the_mathematics_are_named(void **state) {
    (void)state;
    static const struct {
        const char *key;
        uint32_t value;
    } keys[] = {{"llama.expert_count", 8},         {"llama.attention.sliding_window", 32},
                {"llama.rope.dimension_count", 4}, {"llama.attention.value_length", 4},
                {"llama.logit_scale", 1},          {"llama.rope.scaling.yarn_log_multiplier", 1}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        gguf_bytes f = {0};
        start_model(&f, "llama");
        put_u32(&f, keys[i].key, keys[i].value);
        unsupported(&f, keys[i].key);
    }
    gguf_bytes f = {0};
    start_model(&f, "llama");
    put_u32(&f, "llama.expert_count", 0);
    put_u32(&f, "llama.attention.sliding_window", 64);
    put_u32(&f, "llama.rope.dimension_count", 8);
    put_u32(&f, "llamas.own", 1);
    assert_ok(configure(&f, NULL, NULL));
    start_model(&f, "llama");
    put_string(&f, "llama.rope.scaling.type", "longrope");
    unsupported(&f, "'llama.rope.scaling.type' is 'longrope'");
}

static void tensors_without_a_place_are_named(void **state) {
    (void)state;
    static const struct {
        const char *architecture, *tensor;
    } cases[] = {{"llama", "blk.0.attn_q_norm.weight"},
                 {"llama", "blk.1.attn_q.weight"},
                 {"llama", "blk.00.attn_q.weight"},
                 {"llama", "blk.0.ffn_gate_inp.weight"},
                 {"llama", "blk.-1.attn_q.weight"},
                 {"llama", "blk.99999999999999999999.attn_q.weight"},
                 {"llama", "output_norm.bias"},
                 {"llama", "blk.0.attn_q"},
                 {"llama", "blk.0..weight"},
                 {"llama", "blk.0"},
                 {"qwen2", "blk.0.attn_output.bias"},
                 {"qwen3", "blk.0.ffn_up.bias"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_bytes f = {0};
        start_model(&f, cases[i].architecture);
        put_floats(&f, cases[i].tensor, 8, 0);
        unsupported(&f, cases[i].tensor);
    }
}

static void fields_have_the_names_of_config_json(void **state) {
    (void)state;
    static const struct {
        const char *field;
        double value;
    } fields[] = {{"vocab_size", 8},
                  {"hidden_size", 16},
                  {"num_hidden_layers", 1},
                  {"intermediate_size", 24},
                  {"num_attention_heads", 2},
                  {"num_key_value_heads", 1},
                  {"head_dim", 8},
                  {"max_position_embeddings", 64},
                  {"rope_theta", 10000},
                  {"rope_scaling.factor", 2.5}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        gguf_bytes f = {0};
        double value;
        start_model(&f, "qwen3");
        put_floats(&f, "blk.0.attn_q_norm.weight", 8, 0);
        put_string(&f, "qwen3.rope.scaling.type", "yarn");
        put_f32(&f, "qwen3.rope.scaling.factor", 2.5F);
        put_u32(&f, "qwen3.rope.scaling.original_context_length", 32);
        assert_ok(configure(&f, fields[i].field, &value));
        assert_true(value == fields[i].value);
    }
}

static void missing_and_impossible_sizes_are_named(void **state) {
    (void)state;
    gguf_bytes f = {0};
    put_string(&f, "general.architecture", "llama");
    put_model_tensors(&f);
    assert_int_equal(configure(&f, NULL, NULL), ACCEL_BAD_FILE);
    assert_says("'llama.block_count' is missing");
    put_model_keys(&f, "llama");
    put_floats(&f, "output_norm.weight", 16, 0);
    assert_int_equal(configure(&f, NULL, NULL), ACCEL_BAD_FILE);
    assert_says("token_embd.weight");
    put_string(&f, "general.architecture", "llama");
    put_u32(&f, "llama.block_count", 1);
    put_u32(&f, "llama.embedding_length", 16);
    put_u32(&f, "llama.attention.head_count", 3);
    put_u32(&f, "llama.attention.head_count_kv", 2);
    assert_int_equal(configure(&f, NULL, NULL), ACCEL_BAD_FILE);
    assert_says("2 key heads do not divide them");
    put_string(&f, "general.architecture", "llama");
    put_u32(&f, "llama.block_count", 0);
    assert_int_equal(configure(&f, NULL, NULL), ACCEL_BAD_FILE);
    assert_says("'llama.block_count' is 0");
}

/* Llama 3's factors for theta 500000 and heads of 8, as the transformers package computes them. */
static void rope_factors_are_honoured_or_refused(void **state) {
    (void)state;
    static const float llama3[4] = {1, 1, 2.69453025F, 8};
    for (int wrong = 0; wrong < 2; wrong++) {
        gguf_bytes f = {0};
        double value;
        start_model(&f, "llama");
        put_f32(&f, "llama.rope.freq_base", 500000);
        put_floats(&f, "rope_freqs.weight", 4, 0);
        memcpy(f.data.data + f.data.length - 16, llama3, sizeof llama3);
        if (wrong) {
            memcpy(f.data.data + f.data.length - 12, &(float){2}, 4);
            unsupported(&f, "rope_freqs.weight");
        } else {
            assert_ok(configure(&f, "rope_scaling.factor", &value));
            assert_true(value == 8);
        }
    }
    gguf_bytes f = {0};
    start_model(&f, "llama");
    put_floats(&f, "rope_freqs.weight", 3, 0);
    assert_int_equal(configure(&f, NULL, NULL), ACCEL_BAD_FILE);
    assert_says("rope_freqs.weight");
}

static void rows_that_make_no_heads_are_refused(void **state) {
    (void)state;
    gguf_bytes f = {0};
    gguf *g;
    hf_config *c;
    safetensors_entry e;
    put_model_keys(&f, "llama");
    put_floats(&f, "token_embd.weight", 8, 16);
    put_floats(&f, "blk.0.attn_q.weight", 6, 16);
    put_tensor(&f, "blk.0.attn_k.bias", 1, (uint64_t[]){32}, 8, 34);
    str_buf b = finish_gguf(&f);
    assert_ok(gguf_open_bytes(b.data, b.length, "w.gguf", &g, &err));
    assert_ok(gguf_config(g, &c, &err));
    assert_int_equal(gguf_find(g, "model.layers.0.self_attn.q_proj.weight", &e, &err), ACCEL_BAD_FILE);
    assert_says("'blk.0.attn_q.weight' has rows that do not make 2 heads");
    assert_int_equal(gguf_find(g, "model.layers.0.self_attn.k_proj.bias", &e, &err), ACCEL_UNSUPPORTED);
    assert_says("'blk.0.attn_k.bias' is a quantised bias");
    hf_config_destroy(c);
    gguf_close(g);
    str_free(&b);
}

/* --- memory --- */

/* Opens, configures and reads every tensor that a llama has. */
static accel_status read_all(const str_buf *b) {
    gguf *g;
    hf_config *c;
    safetensors_entry e;
    ACCEL_TRY(gguf_open_bytes(b->data, b->length, "w.gguf", &g, &err));
    accel_status status = gguf_config(g, &c, &err);
    if (status == ACCEL_OK) {
        hf_config_destroy(c);
        status = gguf_find(g, "model.layers.0.self_attn.q_proj.weight", &e, &err);
    }
    if (status == ACCEL_OK)
        status = gguf_find(g, "model.layers.0.mlp.down_proj.weight", &e, &err);
    gguf_close(g);
    return status;
}

static void running_out_of_memory_anywhere_is_an_error(void **state) {
    (void)state;
    char *bytes;
    size_t length;
    assert_ok(file_read(golden("llama.gguf"), 1 << 20, &bytes, &length, &err));
    str_buf b = {.data = bytes, .length = length};
    accel_status status = ACCEL_OUT_OF_MEMORY;
    for (uint64_t n = 1; status != ACCEL_OK && n < 10000; n++) {
        uint64_t hits = mem_fault_hits();
        mem_fault_set(n, false);
        status = read_all(&b);
        mem_fault_set(0, false);
        assert_true(status != ACCEL_OK || mem_fault_hits() == hits);
        assert_true(status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY);
    }
    assert_int_equal(status, ACCEL_OK);
    mem_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_what_the_gguf_package_makes_of_it),
        cmocka_unit_test(a_llama_has_the_numbers_that_it_was_made_from),
        cmocka_unit_test(plain_tensors_stay_in_the_file),
        cmocka_unit_test(metadata_is_read_by_type),
        cmocka_unit_test(getters_remember_the_first_fault),
        cmocka_unit_test(arrays_of_arrays_are_refused_by_name),
        cmocka_unit_test(arrays_end_in_the_file),
        cmocka_unit_test(types_that_there_are_not_are_refused),
        cmocka_unit_test(names_stand_once_and_are_texts),
        cmocka_unit_test(other_files_and_versions_are_refused),
        cmocka_unit_test(counts_are_checked_before_anything_is_allocated),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(tensors_follow_one_another),
        cmocka_unit_test(nothing_follows_the_tensors),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(rows_are_whole_blocks),
        cmocka_unit_test(types_that_are_not_read_are_named),
        cmocka_unit_test(the_alignment_is_a_power_of_two),
        cmocka_unit_test(other_architectures_are_named),
        cmocka_unit_test(keys_that_change_the_mathematics_are_named),
        cmocka_unit_test(tensors_without_a_place_are_named),
        cmocka_unit_test(fields_have_the_names_of_config_json),
        cmocka_unit_test(missing_and_impossible_sizes_are_named),
        cmocka_unit_test(rope_factors_are_honoured_or_refused),
        cmocka_unit_test(rows_that_make_no_heads_are_refused),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
