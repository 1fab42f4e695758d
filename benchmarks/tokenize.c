/* Encodes the lines of a file again and again, for benchmarks/tokenizer_speed.py.
 *   tokenize TOKENIZER_JSON TEXT_FILE ROUNDS     prints the ids of a round and the seconds of processor time of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "text/tokenizer.h"

static accel_status encode_lines(text_tokenizer *t, const char *text, size_t length, size_t *count,
                                 accel_error *err) {
    text_encoding e = {0};
    *count = 0;
    for (const char *at = text, *end; at < text + length; at = end + 1) {
        end = memchr(at, '\n', (size_t)(text + length - at));
        end = end ? end : text + length;
        ACCEL_TRY(text_tokenizer_encode(t, at, (size_t)(end - at), NULL, &e, err));
        *count += e.count;
    }
    text_encoding_free(&e);
    return ACCEL_OK;
}

static accel_status run(char **arguments, accel_error *err) {
    text_tokenizer *t;
    char *text;
    size_t length, count;
    uint64_t start = clock_process_cpu_ns();
    ACCEL_TRY(text_tokenizer_open(arguments[0], &t, err));
    printf("open %.6f\n", (double)(clock_process_cpu_ns() - start) / 1e9);
    ACCEL_TRY(file_read(arguments[1], 1 << 30, &text, &length, err));
    for (int i = 0; i < atoi(arguments[2]); i++) {
        start = clock_process_cpu_ns();
        ACCEL_TRY(encode_lines(t, text, length, &count, err));
        printf("%zu %.6f\n", count, (double)(clock_process_cpu_ns() - start) / 1e9);
    }
    return ACCEL_OK; /* the process ends here: nothing is freed */
}

int main(int argc, char **argv) {
    accel_error err = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: tokenize TOKENIZER_JSON TEXT_FILE ROUNDS\n");
        return 2;
    }
    if (run(argv + 1, &err) != ACCEL_OK) {
        fprintf(stderr, "tokenize: %s\n", err.message);
        return 1;
    }
    return 0;
}
