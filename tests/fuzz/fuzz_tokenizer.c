/* A tokenizer.json is refused or encodes any text; what it says about ids holds. Input: the file, a NUL byte, a text; without
 * a NUL the text is the file itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

enum { MOST_TEXT = 4096 }; /* more would only take time */

static void encode(text_tokenizer *t, const char *text, size_t length, size_t max_length) {
    text_encoding e = {0};
    str_buf decoded = {0};
    const text_encode_options o = {
        .special_tokens = true, .pair = text, .pair_length = length / 2, .max_length = max_length};
    if (text_tokenizer_encode(t, text, length, max_length > 0 ? &o : NULL, &e, NULL) == ACCEL_OK) {
        if (max_length > 0 && e.count > max_length) {
            abort();
        }
        if (text_tokenizer_decode(t, e.ids, e.count, true, &decoded, NULL) == ACCEL_OK &&
            !str_utf8_valid(str_text(&decoded), decoded.length)) {
            abort();
        }
    }
    str_free(&decoded);
    text_encoding_free(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *json = (const char *)data, *end = size > 0 ? memchr(json, '\0', size) : NULL;
    size_t length = end ? (size_t)(end - json) : size;
    const char *text = end ? end + 1 : json;
    size_t text_length = end ? size - length - 1 : size;
    text_tokenizer *t;
    if (text_tokenizer_open_bytes(json, length, "fuzz", &t, NULL) != ACCEL_OK) {
        return 0;
    }
    for (uint32_t id = 0; id < 1000; id++) {
        size_t token_length = 0;
        uint32_t back = 0;
        const char *token = text_tokenizer_token(t, id, &token_length);
        if (token && token_length > 0 && text_tokenizer_id(t, token, token_length, &back) &&
            back >= TEXT_IDS) {
            abort();
        }
    }
    text_length = text_length < MOST_TEXT ? text_length : MOST_TEXT;
    encode(t, text, text_length, TEXT_WHOLE);
    encode(t, text, text_length, 7);
    text_tokenizer_close(t);
    return 0;
}
