/* TfIdfVectorizer: counts the n-grams of a pool in rows of integers (pools of strings are not supported). */
#include "graph/ops/kit.h"

static const op_attr_def tfidf_attrs[] = {
    {"max_gram_length", ATTR_INT, true, NULL}, {"max_skip_count", ATTR_INT, true, NULL},
    {"min_gram_length", ATTR_INT, true, NULL}, {"mode", ATTR_STRING, true, NULL},
    {"ngram_counts", ATTR_INTS, true, NULL},   {"ngram_indexes", ATTR_INTS, true, NULL},
    {"pool_int64s", ATTR_INTS, false, NULL},   {"pool_strings", ATTR_STRINGS, false, NULL},
    {"weights", ATTR_FLOATS, false, "1 each"},
};
enum { MODE_TF, MODE_IDF, MODE_TFIDF };
enum { TFIDF_LIMIT = 1 << 24 };

typedef struct tfidf {
    int mode;
    int64_t shortest, longest, skips;
    const graph_attr *counts, *indexes, *pool,
        *weights; /* counts[n - 1]: where the n-grams begin in the pool */
    int64_t columns;
} tfidf;

/* The pool's n-grams: where they begin and how many there are. */
static int64_t grams_of(const tfidf *t, int64_t n, int64_t *begin) {
    bool is_last = (size_t)n == t->counts->count;
    *begin = t->counts->ints[n - 1];
    return ((is_last ? (int64_t)t->pool->count : t->counts->ints[n]) - *begin) / n;
}

static accel_status check_pool(const op_context *c, const tfidf *t) {
    int64_t grams = 0, pool = (int64_t)t->pool->count;
    for (int64_t n = 1; n <= (int64_t)t->counts->count; n++) {
        int64_t begin = t->counts->ints[n - 1],
                end = n < (int64_t)t->counts->count ? t->counts->ints[n] : pool;
        if (begin < 0 || begin > end || end > pool || (end - begin) % n != 0)
            return op_fail(c, ACCEL_BAD_GRAPH, "ngram_counts do not cut the pool into n-grams");
        grams += (end - begin) / n;
    }
    if (grams != (int64_t)t->indexes->count || (t->weights && t->weights->count != t->indexes->count))
        return op_fail(c, ACCEL_BAD_GRAPH, "%lld n-grams, but %zu indexes or as many weights",
                       (long long)grams, t->indexes->count);
    return ACCEL_OK;
}

static accel_status tfidf_read(const op_context *c, tfidf *t) {
    *t = (tfidf){.shortest = op_attr_int(c, "min_gram_length", 1),
                 .longest = op_attr_int(c, "max_gram_length", 1),
                 .skips = op_attr_int(c, "max_skip_count", 0),
                 .counts = op_attr(c, "ngram_counts"),
                 .indexes = op_attr(c, "ngram_indexes"),
                 .pool = op_attr(c, "pool_int64s"),
                 .weights = op_attr(c, "weights")};
    if (op_attr(c, "pool_strings"))
        return op_fail(c, ACCEL_UNSUPPORTED, "a pool of strings is not supported");
    ACCEL_TRY(attr_choice(c, "mode", "TF", "TF IDF TFIDF", &t->mode));
    if (!t->counts || !t->indexes || !t->pool || t->counts->count == 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "pool_int64s, ngram_counts and ngram_indexes must be given");
    if (t->shortest < 1 || t->longest < t->shortest || t->longest > (int64_t)t->counts->count ||
        t->skips < 0 || t->skips > TFIDF_LIMIT)
        return op_fail(c, ACCEL_BAD_GRAPH, "n-grams of %lld to %lld with %lld skips", (long long)t->shortest,
                       (long long)t->longest, (long long)t->skips);
    for (size_t i = 0; i < t->indexes->count; i++) {
        int64_t index = t->indexes->ints[i];
        if (index < 0 || index >= TFIDF_LIMIT)
            return op_fail(c, ACCEL_BAD_GRAPH, "ngram_indexes holds %lld", (long long)index);
        t->columns = index >= t->columns ? index + 1 : t->columns;
    }
    return check_pool(c, t);
}

static accel_status tfidf_infer(op_context *c) {
    tfidf t;
    ACCEL_TRY(require_type(c, 0, TYPES_INDEX));
    ACCEL_TRY(require_rank(c, 0, 0, 2));
    ACCEL_TRY(tfidf_read(c, &t));
    put_unknown(c, 0, DTYPE_F32);
    if (input_rank(c, 0) == RANK_UNKNOWN)
        return ACCEL_OK;
    shape out = {.rank = 1, .dims = {t.columns}};
    if (input_rank(c, 0) == 2)
        out = (shape){.rank = 2, .dims = {input_dim(c, 0, 0), t.columns}};
    put_output(c, 0, DTYPE_F32, &out);
    return ACCEL_OK;
}

/* The number of the gram of n items, step apart, in the pool; -1: it is not there. Of equal ones the last counts. */
static int64_t find_gram(const tfidf *t, const int64_t *items, int64_t n, int64_t step) {
    int64_t begin, first = 0, found = -1;
    for (int64_t size = 1; size < n; size++)
        first += grams_of(t, size, &begin);
    int64_t grams = grams_of(t, n, &begin);
    for (int64_t g = 0; g < grams; g++) {
        const int64_t *gram = t->pool->ints + begin + g * n;
        int64_t same = 0;
        while (same < n && gram[same] == items[same * step])
            same++;
        found = same == n ? first + g : found;
    }
    return found;
}

/* Single items are counted once, whatever may be skipped between others. */
static void count_grams(const tfidf *t, const int64_t *row, int64_t length, float *out) {
    for (int64_t step = 1; step <= t->skips + 1 && step <= length; step++) {
        int64_t shortest = step > 1 && t->shortest == 1 ? 2 : t->shortest;
        for (int64_t n = shortest; n <= t->longest; n++) {
            for (int64_t start = 0; start + step * (n - 1) < length; start++) {
                int64_t gram = find_gram(t, row + start, n, step);
                if (gram >= 0)
                    out[t->indexes->ints[gram]] += 1;
            }
        }
    }
}

static accel_status tfidf_eval(op_context *c) {
    tfidf t;
    ACCEL_TRY(tfidf_read(c, &t));
    int rank = input_rank(c, 0);
    int64_t rows = rank == 2 ? input_dim(c, 0, 0) : 1, length = rank == 0 ? 1 : input_dim(c, 0, rank - 1);
    const int64_t *items = input_i64(c, 0);
    float *out = c->output_data[0];
    if (!items)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t row = 0; row < rows; row++, out += t.columns) {
        for (int64_t i = 0; i < t.columns; i++)
            out[i] = 0;
        count_grams(&t, items + row * length, length, out);
        for (int64_t i = 0; t.mode != MODE_TF && i < t.columns; i++) {
            float weight = t.weights && (size_t)i < t.weights->count ? (float)t.weights->floats[i] : 1;
            out[i] = t.mode == MODE_TFIDF ? out[i] * weight : out[i] > 0 ? weight : 0;
        }
    }
    return ACCEL_OK;
}

static const op_def vectorize_ops[] = {
    {"", "TfIdfVectorizer", 1, 1, 1, 1, 0, OPS_LIST(tfidf_attrs), tfidf_infer, NULL, tfidf_eval},
};
OPS_FAMILY(vectorize, vectorize_ops);
