/* "Did you mean": the optimal string alignment distance (Damerau 1964, without overlapping swaps). */
#include <string.h>

#include "base/str.h"

enum { LONGEST_WORD = 255 }; /* names and options are short; a longer text is like nothing */

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* One row of the table: the distances from a's first i characters to each beginning of b. */
static void fill_row(const char *a, const char *b, size_t b_length, size_t i, const size_t *before_last,
                     const size_t *last, size_t *row) {
    row[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
        size_t replace = last[j - 1] + (a[i - 1] != b[j - 1]);
        row[j] = smaller(replace, smaller(last[j], row[j - 1]) + 1);
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
            row[j] = smaller(row[j], before_last[j - 2] + 1);
        }
    }
}

size_t str_edit_distance(const char *a, const char *b) {
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > LONGEST_WORD || b_length > LONGEST_WORD) {
        return strcmp(a, b) == 0 ? 0 : a_length > b_length ? a_length : b_length;
    }
    size_t rows[3][LONGEST_WORD + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        fill_row(a, b, b_length, i, rows[(i + 1) % 3], rows[(i - 1) % 3], rows[i % 3]);
    }
    return rows[a_length % 3][b_length];
}

const char *str_nearest(const char *word, const char *const *candidates, size_t count) {
    /* One slip in three letters is a slip of the hand; more is another word. */
    size_t nearest_distance = (strlen(word) + 2) / 3 + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = str_edit_distance(word, candidates[i]);
        if (distance < nearest_distance && distance < strlen(candidates[i])) {
            nearest_distance = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
