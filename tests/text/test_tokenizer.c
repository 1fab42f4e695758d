/* The tokenizer's door: what it gives, what it refuses and how it says so. */
#include "support/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "support/temp_folder.h"
#include "text/tokenizer.h"

static accel_error err;

#define BYTE_LEVEL                                                                                           \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,\"use_regex\":true}"

static const char words[] =
    "{\"version\":\"1.0\",\"truncation\":{\"max_length\":4,\"strategy\":\"LongestFirst\",\"stride\":0},\"padding\":null,"
    "\"added_tokens\":[{\"id\":0,\"content\":\"[PAD]\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true},"
    "{\"id\":2,\"content\":\"[CLS]\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true},"
    "{\"id\":9,\"content\":\"New York\",\"single_word\":true,\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":false}],"
    "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,\"strip_accents\":null,\"lowercase\":true},"
    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],"
    "\"pair\":[{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],"
    "\"special_tokens\":{\"[CLS]\":{\"id\":\"[CLS]\",\"ids\":[2],\"tokens\":[\"[CLS]\"]}}},"
    "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},"
    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,"
    "\"vocab\":{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"hot\":3,\"##dog\":4,\"dog\":5,\".\":6,\"##s\":7,\"new\":8}}}";

static text_tokenizer *opened(const char *json) {
    text_tokenizer *t = NULL;
    assert_ok(text_tokenizer_open_bytes(json, strlen(json), "t.json", &t, &err));
    return t;
}

static void refused(const char *json, accel_status status, const char *sentence) {
    text_tokenizer *t;
    char *copy = malloc(strlen(json)); /* its own block, so that a sanitizer sees a byte too many */
    memcpy(copy, json, strlen(json));
    err = (accel_error){0};
    accel_status got = text_tokenizer_open_bytes(copy, strlen(json), "t.json", &t, &err);
    free(copy);
    assert_says("t.json");
    assert_says(sentence);
    assert_int_equal(got, status);
}

/* A file with this model and these other members. */
static const char *file_of(const char *members, const char *model) {
    static char json[8192];
    int length = str_format(json, sizeof json, "{%s%s\"model\":%s}", members, *members ? "," : "", model);
    assert_true(length < (int)sizeof json);
    return json;
}

static const char *const ab = "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}";

static void expect(text_tokenizer *t, const char *text, size_t length, const text_encode_options *o,
                   size_t count, const uint32_t *ids, const uint32_t *type_ids) {
    text_encoding e = {0};
    assert_ok(text_tokenizer_encode(t, text, length, o, &e, &err));
    assert_int_equal(e.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(e.ids[i], ids[i]);
        assert_int_equal(e.type_ids[i], type_ids ? type_ids[i] : 0);
    }
    text_encoding_free(&e);
}

#define EXPECT(t, text, o, ...)                                                                              \
    expect(t, text, strlen(text), o, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__}, NULL)

static const text_encode_options bare = {0};

/* --- encoding --- */

static void words_become_ids_with_and_without_special_tokens(void **state) {
    (void)state;
    text_tokenizer *t = opened(words);
    EXPECT(t, "Hotdogs. dog xyz", NULL, 2, 3, 4, 7, 6, 5, 1);
    EXPECT(t, "H\xC3\xB3tdogs.", &bare, 3, 4, 7, 6);
    EXPECT(t, "dog[PAD]dog", &bare, 5, 0, 5);
    text_tokenizer_close(t);
}

static void added_words_stand_alone_where_they_must(void **state) {
    (void)state;
    text_tokenizer *t = opened(words);
    EXPECT(t, "hot new york dog", &bare, 3, 9, 5);
    EXPECT(t, "NEW YORK", &bare, 9);
    EXPECT(t, "new yorks", &bare, 8, 1);
    text_tokenizer_close(t);
}

static void a_pair_has_type_ids(void **state) {
    (void)state;
    text_tokenizer *t = opened(words);
    const text_encode_options o = {.special_tokens = true, .pair = "dog", .pair_length = 3};
    const uint32_t ids[] = {2, 3, 5}, type_ids[] = {0, 0, 1};
    expect(t, "hot", 3, &o, 3, ids, type_ids);
    text_tokenizer_close(t);
}

static void texts_are_cut_when_asked(void **state) {
    (void)state;
    text_tokenizer *t = opened(words);
    text_encode_options o = {.special_tokens = true, .max_length = TEXT_AS_FILE};
    EXPECT(t, "dog dog dog dog dog", &o, 2, 5, 5, 5);
    o.max_length = 3;
    EXPECT(t, "dog dog dog dog dog", &o, 2, 5, 5);
    o.max_length = 1;
    EXPECT(t, "dog dog", &o, 2);
    o = (text_encode_options){.pair = "hot hot hot", .pair_length = 11, .max_length = 5};
    const uint32_t ids[] = {5, 5, 3, 3, 3}, type_ids[] = {0, 0, 1, 1, 1};
    expect(t, "dog dog dog", 11, &o, 5, ids, type_ids);
    text_tokenizer_close(t);
}

static void empty_text_is_special_tokens_alone(void **state) {
    (void)state;
    text_tokenizer *t = opened(words);
    EXPECT(t, "", NULL, 2);
    expect(t, NULL, 0, &bare, 0, NULL, NULL);
    text_tokenizer_close(t);
}

static void nul_is_a_character(void **state) {
    (void)state;
    text_tokenizer *t = opened(file_of(
        "",
        "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"\\u0000\":1,\"\\u0000a\":2},\"merges\":[[\"\\u0000\",\"a\"]]}"));
    const uint32_t ids[] = {0, 2, 1};
    expect(t, "a\0a\0", 4, &bare, 3, ids, NULL);
    text_tokenizer_close(t);
}

static void what_is_not_utf8_is_refused_with_its_place(void **state) {
    (void)state;
    static const char *const bad[] = {
        "ab\xFF", "ab\xC3", "ab\xED\xA0\x80", "ab\xC0\x80", "ab\xF4\x90\x80\x80", "ab\xE2\x82"};
    text_tokenizer *t = opened(words);
    text_encoding e = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(text_tokenizer_encode(t, bad[i], strlen(bad[i]), NULL, &e, &err),
                         ACCEL_INVALID_ARGUMENT);
        assert_says("not UTF-8 at byte 2");
        assert_int_equal(e.count, 0);
    }
    text_encoding_free(&e);
    text_tokenizer_close(t);
}

static void no_room_for_special_tokens_is_said(void **state) {
    (void)state;
    text_tokenizer *t = opened(
        file_of("\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"a\",0],\"cls\":[\"b\",1]}", ab));
    text_encoding e = {0};
    const text_encode_options o = {.special_tokens = true, .max_length = 1};
    assert_int_equal(text_tokenizer_encode(t, "a", 1, &o, &e, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("max_length 1 has no room for the 2 special tokens");
    text_encoding_free(&e);
    text_tokenizer_close(t);
}

static void an_unknown_token_that_is_missing_is_named(void **state) {
    (void)state;
    text_tokenizer *t =
        opened(file_of("", "{\"type\":\"WordLevel\",\"vocab\":{\"a\":0},\"unk_token\":\"[UNK]\"}"));
    text_encoding e = {0};
    assert_int_equal(text_tokenizer_encode(t, "b", 1, NULL, &e, &err), ACCEL_BAD_FILE);
    assert_says("t.json: the text needs the unknown token \"[UNK]\", which model.vocab lacks");
    text_tokenizer_close(t);
    t = opened(file_of("", "{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1.0]]}"));
    assert_int_equal(text_tokenizer_encode(t, "b", 1, NULL, &e, &err), ACCEL_BAD_FILE);
    assert_says("model.unk_id names none");
    text_encoding_free(&e);
    text_tokenizer_close(t);
}

/* --- decoding and looking up --- */

static void ids_become_text(void **state) {
    (void)state;
    text_tokenizer *t = opened(words);
    const uint32_t ids[] = {2, 3, 4, 7, 6, 5, 77, 9};
    str_buf text = {0};
    assert_ok(text_tokenizer_decode(t, ids, 8, false, &text, &err));
    assert_string_equal(str_text(&text), "[CLS] hotdogs. dog new york");
    text.length = 0;
    assert_ok(text_tokenizer_decode(t, ids, 8, true, &text, &err));
    assert_string_equal(str_text(&text), "hotdogs. dog new york");
    str_free(&text);
    text_tokenizer_close(t);
}

static void halves_of_characters_decode_to_replacements(void **state) {
    (void)state;
    text_tokenizer *t = opened(file_of(
        "\"decoder\":" BYTE_LEVEL,
        "{\"type\":\"BPE\",\"vocab\":{\"\xC3\xA2\":0,\"\xC4\xA4\":1,\"\xC2\xAC\":2,\"a\":3},\"merges\":[]}"));
    const uint32_t half[] = {0, 3, 0, 1, 3};
    str_buf text = {0};
    assert_ok(text_tokenizer_decode(t, half, 5, false, &text, &err)); /* E2, a, E2 82, a */
    assert_string_equal(str_text(&text), "\xEF\xBF\xBD"
                                         "a"
                                         "\xEF\xBF\xBD"
                                         "a");
    str_free(&text);
    text_tokenizer_close(t);
}

static void tokens_are_looked_up(void **state) {
    (void)state;
    text_tokenizer *t = opened(words);
    uint32_t id = 0;
    size_t length = 0;
    assert_int_equal(text_tokenizer_vocabulary_size(t), 10);
    assert_true(text_tokenizer_id(t, "##dog", 5, &id));
    assert_int_equal(id, 4);
    assert_true(text_tokenizer_id(t, "New York", 8, &id));
    assert_int_equal(id, 9);
    assert_false(text_tokenizer_id(t, "cat", 3, &id));
    assert_memory_equal(text_tokenizer_token(t, 3, &length), "hot", 3);
    assert_int_equal(length, 3);
    assert_null(text_tokenizer_token(t, 10, &length));
    assert_int_equal(text_tokenizer_added_count(t), 3);
    assert_true(text_tokenizer_added(t, 1).special);
    assert_false(text_tokenizer_added(t, 2).special);
    assert_int_equal(text_tokenizer_added(t, 2).id, 9);
    text_tokenizer_close(t);
}

/* --- refusals --- */

static void unknown_types_are_named(void **state) {
    (void)state;
    refused(file_of("\"normalizer\":{\"type\":\"Rot13\"}", ab), ACCEL_UNSUPPORTED,
            "normalizer.type is \"Rot13\", a normalizer that is not supported");
    refused(
        file_of(
            "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"X\"}]}",
            ab),
        ACCEL_UNSUPPORTED, "normalizer.normalizers[1].type is \"X\"");
    refused(file_of("\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"}", ab), ACCEL_UNSUPPORTED,
            "pre_tokenizer.type is \"UnicodeScripts\"");
    refused(file_of("\"post_processor\":{\"type\":\"X\"}", ab), ACCEL_UNSUPPORTED,
            "post_processor.type is \"X\"");
    refused(file_of("\"decoder\":{\"type\":\"X\"}", ab), ACCEL_UNSUPPORTED, "decoder.type is \"X\"");
    refused(file_of("", "{\"type\":\"X\"}"), ACCEL_UNSUPPORTED, "model.type is \"X\"");
    refused(file_of("\"version\":\"2.0\"", ab), ACCEL_UNSUPPORTED, "version is \"2.0\"");
    refused(file_of("\"pre_tokenizer\":{}", ab), ACCEL_BAD_FILE, "pre_tokenizer.type is missing");
}

static void fields_are_named(void **state) {
    (void)state;
    refused("[]", ACCEL_BAD_FILE, "no JSON object");
    refused("{", ACCEL_BAD_FILE, "not valid JSON");
    refused("{}", ACCEL_BAD_FILE, "model is missing");
    refused(file_of("\"normalizer\":{\"type\":\"Prepend\",\"prepend\":3}", ab), ACCEL_BAD_FILE,
            "normalizer.prepend is not a string");
    refused(file_of("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"A*==\"}", ab),
            ACCEL_BAD_FILE, "normalizer.precompiled_charsmap is not base64");
    refused(file_of("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/////w==\"}", ab),
            ACCEL_BAD_FILE, "shorter than the trie");
    refused(file_of("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"__\"}", ab), ACCEL_BAD_FILE,
            "pre_tokenizer.replacement is not one character");
    refused(
        file_of(
            "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Glob\":\"*\"},\"behavior\":\"Removed\",\"invert\":false}",
            ab),
        ACCEL_UNSUPPORTED, "pre_tokenizer.pattern is neither one String nor one Regex");
    refused(
        file_of(
            "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Removed\",\"invert\":false}",
            ab),
        ACCEL_BAD_FILE, "pre_tokenizer.pattern.Regex is no regular expression");
    refused(
        file_of(
            "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[a&&b]\"},\"behavior\":\"Removed\",\"invert\":false}",
            ab),
        ACCEL_UNSUPPORTED, "&&");
    refused(file_of("\"pre_tokenizer\":{\"type\":\"Punctuation\",\"behavior\":\"Squashed\"}", ab),
            ACCEL_UNSUPPORTED, "behavior is \"Squashed\"");
    refused(
        file_of(
            "\"added_tokens\":[{\"id\":5,\"content\":\"x\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}]",
            ab),
        ACCEL_BAD_FILE, "added_tokens[0].id is 5, but \"x\" has the id 3");
    refused(file_of("\"added_tokens\":[{\"id\":3}]", ab), ACCEL_BAD_FILE,
            "added_tokens[0].content is missing");
    refused(
        file_of(
            "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}",
            ab),
        ACCEL_BAD_FILE, "post_processor.special_tokens lacks \"x\"");
    refused(
        file_of(
            "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{}}",
            ab),
        ACCEL_BAD_FILE, "post_processor.single[0].Sequence.id names a second text");
}

static void models_are_checked(void **state) {
    (void)state;
    refused(file_of("", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}"), ACCEL_BAD_FILE,
            "model.merges has at 0 a token that model.vocab lacks");
    refused(file_of("", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}"), ACCEL_BAD_FILE,
            "model.merges has at 0 no pair");
    refused(file_of("", "{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}"), ACCEL_BAD_FILE,
            "model.vocab gives \"a\" an id");
    refused(file_of("", "{\"type\":\"BPE\",\"vocab\":{\"a\":4194304},\"merges\":[]}"), ACCEL_LIMIT,
            "above the limit");
    refused(file_of("", "{\"type\":\"BPE\",\"dropout\":0.1,\"vocab\":{\"a\":0},\"merges\":[]}"),
            ACCEL_UNSUPPORTED, "model.dropout");
    refused(file_of("", "{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}"), ACCEL_BAD_FILE,
            "model.vocab has at 0 no [token, score]");
    refused(file_of("", "{\"type\":\"Unigram\",\"vocab\":[[\"a\",NaN]]}"), ACCEL_BAD_FILE,
            "model.vocab has at 0 no [token, score]");
    refused(file_of("", "{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"a\",0]]}"), ACCEL_BAD_FILE,
            "model.unk_id is outside");
    refused(file_of("", "{\"type\":\"WordPiece\",\"vocab\":{}}"), ACCEL_BAD_FILE,
            "model.unk_token is missing");
}

static void nesting_is_bounded(void **state) {
    (void)state;
    str_buf json = {0};
    str_append(&json, "\"normalizer\":");
    for (int i = 0; i < 40; i++) {
        str_append(&json, "{\"type\":\"Sequence\",\"normalizers\":[");
    }
    for (int i = 0; i < 40; i++) {
        str_append(&json, "]}");
    }
    refused(file_of(str_text(&json), ab), ACCEL_LIMIT, "is nested more than 16 deep");
    str_free(&json);
}

/* --- time --- */

/* Encodes n times a character, and gives the milliseconds that takes. */
static double encode_long(text_tokenizer *t, const char *piece, size_t n, size_t *count) {
    str_buf text = {0};
    text_encoding e = {0};
    for (size_t i = 0; i < n; i++) {
        str_append(&text, piece);
    }
    uint64_t start = clock_now_ns();
    assert_ok(text_tokenizer_encode(t, text.data, text.length, &bare, &e, &err));
    double ms = (double)(clock_now_ns() - start) / 1e6;
    *count = e.count;
    text_encoding_free(&e);
    str_free(&text);
    return ms;
}

enum { LONG = 1 << 20 };
static const double SLOW_MS = 10000;

static void a_word_of_a_million_characters_takes_no_minutes(void **state) {
    (void)state;
    size_t count;
    text_tokenizer *t = opened(file_of("", ab));
    assert_true(encode_long(t, "ab", LONG / 2, &count) < SLOW_MS);
    assert_int_equal(count, LONG / 2);
    text_tokenizer_close(t);
    t = opened(words);
    assert_true(encode_long(t, "dog", LONG / 3, &count) < SLOW_MS);
    assert_int_equal(count, 1);
    text_tokenizer_close(t);
    t = opened(file_of(
        "", "{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"u\",0.0],[\"a\",-1.0],[\"aaaa\",-2.0]]}"));
    assert_true(encode_long(t, "a", LONG, &count) < SLOW_MS);
    assert_int_equal(count, LONG / 4);
    text_tokenizer_close(t);
    t = opened(file_of("\"normalizer\":{\"type\":\"NFC\"}",
                       ab)); /* a row of marks whose order is wrong throughout */
    assert_true(encode_long(t, "\xCC\x81\xCC\xA3", LONG / 4, &count) < SLOW_MS);
    text_tokenizer_close(t);
}

static void blanks_in_a_long_row_are_no_trouble(void **state) {
    (void)state;
    size_t count;
    text_tokenizer *t = opened(file_of("\"pre_tokenizer\":" BYTE_LEVEL,
                                       "{\"type\":\"BPE\",\"vocab\":{\"\xC4\xA0\":0},\"merges\":[]}"));
    assert_true(encode_long(t, " ", LONG, &count) < SLOW_MS);
    assert_int_equal(count, LONG);
    text_tokenizer_close(t);
}

static void an_evil_pattern_ends(void **state) {
    (void)state;
    text_tokenizer *t = opened(file_of(
        "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+[bd]\"},\"behavior\":\"Isolated\",\"invert\":false}",
        ab));
    text_encoding e = {0};
    assert_int_equal(
        text_tokenizer_encode(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", 51, &bare, &e, &err),
        ACCEL_LIMIT);
    assert_says("t.json: pre_tokenizer.pattern.Regex needs more steps on this text than are allowed");
    text_encoding_free(&e);
    text_tokenizer_close(t);
}

/* --- memory that ends --- */

static accel_status open_and_use(const char *json) {
    text_tokenizer *t = NULL;
    text_encoding e = {0};
    str_buf text = {0};
    accel_status status = text_tokenizer_open_bytes(json, strlen(json), "t.json", &t, &err);
    const text_encode_options o = {.special_tokens = true, .pair = "e\xCC\x81 x", .pair_length = 5};
    if (status == ACCEL_OK) {
        status = text_tokenizer_encode(t, "Hot \xE2\x98\x83 new york dogs", 20, &o, &e, &err);
    }
    if (status == ACCEL_OK) {
        status = text_tokenizer_decode(t, e.ids, e.count, true, &text, &err);
    }
    str_free(&text);
    text_encoding_free(&e);
    text_tokenizer_close(t);
    return status;
}

static void every_failed_allocation_is_out_of_memory(const char *json) {
    accel_status status = ACCEL_OUT_OF_MEMORY;
    for (uint64_t n = 1; status != ACCEL_OK && n < 10000; n++) {
        uint64_t hits = mem_fault_hits();
        mem_fault_set(n, false);
        status = open_and_use(json);
        mem_fault_set(0, false);
        if (status != ACCEL_OK && status != ACCEL_OUT_OF_MEMORY) {
            fail_msg("allocation %d: %s", (int)n, err.message);
        }
        assert_true(status != ACCEL_OK || mem_fault_hits() == hits || n > 1);
    }
    assert_int_equal(status, ACCEL_OK);
}

static void memory_that_ends_is_said(void **state) {
    (void)state;
    every_failed_allocation_is_out_of_memory(words);
    every_failed_allocation_is_out_of_memory(file_of(
        "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" +\"},\"content\":\" \"},{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}]},"
        "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}," BYTE_LEVEL
        "]},"
        "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}," BYTE_LEVEL
        "]}",
        "{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{\"a\":0,\"o\":1,\"t\":2,\"ot\":3},\"merges\":[[\"o\",\"t\"]]}"));
    every_failed_allocation_is_out_of_memory(file_of(
        "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\"},\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"_\"}",
        "{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"u\",0.0],[\"_\",-1.5],[\"ot\",-2.25]]}"));
}

static void a_file_is_read_by_its_path(void **state) {
    text_tokenizer *t;
    assert_ok(text_tokenizer_open(temp_file(state, "tokenizer.json", words), &t, &err));
    EXPECT(t, "dog", &bare, 5);
    text_tokenizer_close(t);
    assert_int_equal(text_tokenizer_open(temp_path(state, "none.json"), &t, &err), ACCEL_NOT_FOUND);
    assert_says("none.json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_ids_with_and_without_special_tokens),
        cmocka_unit_test(added_words_stand_alone_where_they_must),
        cmocka_unit_test(a_pair_has_type_ids),
        cmocka_unit_test(texts_are_cut_when_asked),
        cmocka_unit_test(empty_text_is_special_tokens_alone),
        cmocka_unit_test(nul_is_a_character),
        cmocka_unit_test(what_is_not_utf8_is_refused_with_its_place),
        cmocka_unit_test(no_room_for_special_tokens_is_said),
        cmocka_unit_test(an_unknown_token_that_is_missing_is_named),
        cmocka_unit_test(ids_become_text),
        cmocka_unit_test(halves_of_characters_decode_to_replacements),
        cmocka_unit_test(tokens_are_looked_up),
        cmocka_unit_test(unknown_types_are_named),
        cmocka_unit_test(fields_are_named),
        cmocka_unit_test(models_are_checked),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_word_of_a_million_characters_takes_no_minutes),
        cmocka_unit_test(blanks_in_a_long_row_are_no_trouble),
        cmocka_unit_test(an_evil_pattern_ends),
        cmocka_unit_test(memory_that_ends_is_said),
        cmocka_unit_test_setup_teardown(a_file_is_read_by_its_path, temp_folder_setup, temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
