/* Every kind of tokenizer gives what the `tokenizers` package gives, on 10,000 lines (tests/golden/make_tokenizers.py).
 * ACCEL_TEXT_GOLDEN names another folder with lines.bin and checksums of the same files. */
#include "support/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "text/tokenizer.h"

static accel_error err;

enum { MOST_LINES = 1 << 20, PAIR_IDS = 24, NPY_HEADER = 128 };

typedef struct line {
    const char *bytes;
    size_t length;
} line;

static line lines[MOST_LINES];
static size_t line_count;
static char *line_bytes;

static const char *folder(void) {
    const char *other = getenv("ACCEL_TEXT_GOLDEN");
    return other ? other : "tests/golden/tokenizers";
}

static char *read_golden(const char *name, const char *suffix, size_t *length) {
    char path[512], *bytes;
    str_format(path, sizeof path, "%s/%s%s", folder(), name, suffix);
    assert_ok(file_read(path, 256 << 20, &bytes, length, &err));
    return bytes;
}

static int read_lines(void **state) {
    (void)state;
    size_t length;
    line_bytes = read_golden("lines", ".bin", &length);
    for (size_t at = 0; at + 2 <= length; line_count++) {
        assert_true(line_count < MOST_LINES);
        size_t bytes = (size_t)(unsigned char)line_bytes[at] | (size_t)(unsigned char)line_bytes[at + 1] << 8;
        lines[line_count] = (line){line_bytes + at + 2, bytes};
        at += 2 + bytes;
    }
    return 0;
}

static int free_lines(void **state) {
    (void)state;
    mem_free(line_bytes);
    return 0;
}

/* --- the checksum of a line --- */

static uint32_t crc_table[256];

static void crc_start(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) {
            c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
        }
        crc_table[i] = c;
    }
}

static uint32_t crc(uint32_t c, const void *bytes, size_t length) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < length; i++) {
        c = crc_table[(c ^ p[i]) & 0xFF] ^ c >> 8;
    }
    return c;
}

static uint32_t crc_items(uint32_t c, const void *items, size_t count, size_t bytes_each) {
    uint32_t n = (uint32_t)count;
    return crc(crc(c, &n, 4), items, count * bytes_each);
}

static uint32_t crc_encoding(uint32_t c, const text_encoding *e) {
    return crc_items(crc_items(c, e->ids, e->count, 4), e->type_ids, e->count, 4);
}

static uint32_t crc_decoded(uint32_t c, text_tokenizer *t, const text_encoding *e, bool skip, str_buf *text) {
    text->length = 0;
    assert_ok(text_tokenizer_decode(t, e->ids, e->count, skip, text, &err));
    return crc_items(c, str_text(text), text->length, 1);
}

static uint32_t checksum(text_tokenizer *t, size_t at, text_encoding *e, str_buf *text) {
    static text_encoding other;
    line l = lines[at], next = lines[(at + 1) % line_count];
    text_encode_options bare = {0};
    text_encode_options pair = {
        .special_tokens = true, .pair = next.bytes, .pair_length = next.length, .max_length = PAIR_IDS};
    assert_ok(text_tokenizer_encode(t, l.bytes, l.length, NULL, e, &err));
    uint32_t c = crc_encoding(0xFFFFFFFFu, e);
    assert_ok(text_tokenizer_encode(t, l.bytes, l.length, &bare, &other, &err));
    c = crc_items(c, other.ids, other.count, 4);
    if (text_tokenizer_encode(t, l.bytes, l.length, &pair, &other, &err) == ACCEL_OK) {
        c = crc_encoding(c, &other);
    } else {
        assert_says("which alone may be cut, is too short");
        c = crc_items(c, "", 0, 1);
    }
    c = crc_decoded(c, t, e, false, text);
    c = crc_decoded(c, t, e, true, text);
    if (at + 1 == line_count)
        text_encoding_free(&other);
    return ~c;
}

/* --- all lines of a kind --- */

static void show(text_tokenizer *t, size_t at, text_encoding *e) {
    str_buf text = {0};
    assert_ok(text_tokenizer_encode(t, lines[at].bytes, lines[at].length, NULL, e, &err));
    str_append_json(&text, lines[at].bytes, lines[at].length);
    str_append(&text, " is here");
    for (size_t i = 0; i < e->count; i++) {
        str_appendf(&text, " %u", e->ids[i]);
    }
    print_message("line %zu: %s\n", at, str_text(&text));
    str_free(&text);
}

static void every_line_is_as_the_package_has_it(void **state) {
    const char *kind = *state;
    char path[512];
    size_t length, wrong = 0;
    char *golden = read_golden(kind, ".npy", &length);
    assert_int_equal(length, NPY_HEADER + 4 * line_count);
    str_format(path, sizeof path, "tests/golden/tokenizers/%s.json", kind);
    text_tokenizer *t;
    text_encoding e = {0};
    str_buf text = {0};
    assert_ok(
        text_tokenizer_open(str_equal(kind, "minilm") ? ".deps/minilm/tokenizer.json" : path, &t, &err));
    for (size_t i = 0; i < line_count; i++) {
        uint32_t want;
        memcpy(&want, golden + NPY_HEADER + 4 * i, 4);
        if (checksum(t, i, &e, &text) != want && wrong++ < 10) {
            show(t, i, &e);
        }
    }
    text_encoding_free(&e);
    str_free(&text);
    text_tokenizer_close(t);
    mem_free(golden);
    if (wrong > 0) {
        fail_msg("%s: %zu of %zu lines differ", kind, wrong, line_count);
    }
}

#define KIND(name) {name, every_line_is_as_the_package_has_it, NULL, NULL, (char *)(uintptr_t)(name)}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIND("minilm"), KIND("gpt2"),    KIND("roberta"),   KIND("qwen2"),
        KIND("llama3"), KIND("clip"),    KIND("llama"),     KIND("mistral"),
        KIND("t5"),     KIND("unigram"), KIND("wordpiece"), KIND("wordlevel"),
    };
    crc_start();
    return cmocka_run_group_tests(tests, read_lines, free_lines);
}
