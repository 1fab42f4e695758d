#include "import/figure_keys.h"

#include <string.h>

#include "import/remembered.h"

enum { MOST_WORDS = 8, WORD_BYTES = 24 };

/* The words of a key, between underlines, in lower case. */
typedef struct key_words {
    char words[MOST_WORDS][WORD_BYTES];
    size_t count;
} key_words;

static bool split(const char *key, key_words *out) {
    out->count = 0;
    while (*key != '\0') {
        size_t length = strcspn(key, "_- .");
        if (length > 0) {
            if (out->count == MOST_WORDS || length >= WORD_BYTES)
                return false;
            for (size_t i = 0; i < length; i++)
                out->words[out->count][i] =
                    (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] + 'a' - 'A' : key[i]);
            out->words[out->count++][length] = '\0';
        }
        key += length;
        key += *key != '\0';
    }
    return out->count > 0;
}

static bool is_in(const char *word, const char *list) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at++)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* Removes the first word of the list; gives it. */
static const char *strike(key_words *k, const char *list, char struck[WORD_BYTES]) {
    for (size_t i = 0; i < k->count; i++) {
        if (!is_in(k->words[i], list))
            continue;
        memcpy(struck, k->words[i], WORD_BYTES);
        memmove(k->words[i], k->words[i + 1], (k->count - i - 1) * sizeof *k->words);
        k->count--;
        return struck;
    }
    return NULL;
}

static bool all_in(const key_words *k, const char *list) {
    for (size_t i = 0; i < k->count; i++)
        if (!is_in(k->words[i], list))
            return false;
    return true;
}

static bool has(const key_words *k, const char *list) {
    for (size_t i = 0; i < k->count; i++)
        if (is_in(k->words[i], list))
            return true;
    return false;
}

static figure_unit strike_unit(key_words *k) {
    static const struct {
        const char *words;
        figure_unit unit;
    } units[] = {{"ms msec msecs millis millisecond milliseconds", FIGURE_MS},
                 {"us usec usecs microsecond microseconds", FIGURE_US},
                 {"ns nsec nanosecond nanoseconds", FIGURE_NS},
                 {"s sec secs second seconds", FIGURE_S}};
    char word[WORD_BYTES];
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strike(k, units[i].words, word) != NULL)
            return units[i].unit;
    return FIGURE_NO_UNIT;
}

static figure_kind strike_statistic(key_words *k, figure_kind none) {
    static const struct {
        const char *words;
        figure_kind kind;
    } statistics[] = {{"mean avg average", KIND_MEAN},
                      {"median p50", KIND_MEDIAN},
                      {"min minimum", KIND_MIN},
                      {"max maximum", KIND_MAX},
                      {"std stddev stdev", KIND_STD},
                      {"p90 p95 p99 p999 p75 p25 percentile var variance", KIND_PERCENTILE}};
    char word[WORD_BYTES];
    for (size_t i = 0; i < sizeof statistics / sizeof *statistics; i++)
        if (strike(k, statistics[i].words, word) != NULL)
            return statistics[i].kind;
    return none;
}

static figure_key memory_key(key_words *k) {
    char unit[WORD_BYTES];
    figure_key none = {0};
    if (!has(k, "memory mem rss") || strike(k, "mb gb kb bytes", unit) == NULL ||
        !all_in(k, "memory mem rss peak max maximum usage used allocated"))
        return none;
    double factor = str_equal(unit, "mb")   ? 1e6
                    : str_equal(unit, "gb") ? 1e9
                    : str_equal(unit, "kb") ? 1e3
                                            : 1;
    return (figure_key){KIND_MEMORY, FIGURE_NO_UNIT, factor};
}

/* throughput, throughput_items_per_second, samples_per_sec, fps */
static figure_key rate_key(key_words k) {
    figure_key none = {0};
    figure_kind statistic = strike_statistic(&k, KIND_MEAN);
    if (statistic != KIND_MEAN || !has(&k, "throughput per fps qps ips"))
        return none;
    if (has(&k, "per") && !has(&k, "second seconds sec s"))
        return none;
    if (has(&k, "token tokens"))
        return (figure_key){all_in(&k, "throughput token tokens per second sec s") ? KIND_TOKENS : KIND_NONE,
                            FIGURE_NO_UNIT, 0};
    bool plain = all_in(
        &k,
        "throughput item items sample samples inference inferences image images request requests query queries per second seconds sec s "
        "fps qps ips");
    return (figure_key){plain ? KIND_ITEMS : KIND_NONE, FIGURE_NO_UNIT, 0};
}

static figure_key time_key(key_words k) {
    figure_key none = {0};
    figure_unit unit = strike_unit(&k);
    figure_kind kind = strike_statistic(&k, KIND_NONE);
    bool plural = has(&k, "latencies times");
    if (has(&k, "latency latencies") &&
        all_in(&k, "latency latencies inference samples sample values raw all per batch iteration list"))
        return (figure_key){plural || has(&k, "samples values list raw all") ? KIND_SAMPLES
                            : kind != KIND_NONE                              ? kind
                                                                             : KIND_MEAN,
                            unit, 0};
    if (has(&k, "time times")) {
        bool runs = has(&k, "inference forward processing generation iteration run batch");
        if (runs &&
            all_in(
                &k,
                "time times inference forward processing generation iteration run batch samples raw all per"))
            return (figure_key){plural ? KIND_SAMPLES : kind != KIND_NONE ? kind : KIND_MEAN, unit, 0};
        if (k.count == 1 && (kind != KIND_NONE || (unit != FIGURE_NO_UNIT && !plural)))
            return (figure_key){kind != KIND_NONE ? kind : KIND_MEAN, unit, 0};
        if (kind != KIND_NONE)
            return none;
        if (has(&k, "total") && k.count == 2)
            return (figure_key){KIND_TOTAL, unit, 0};
        if (has(&k, "load loading") && all_in(&k, "model load loading time"))
            return (figure_key){KIND_LOAD, unit, 0};
        if (has(&k, "first") && all_in(&k, "first inference run time"))
            return (figure_key){KIND_FIRST, unit, 0};
        if (has(&k, "compile compilation") && all_in(&k, "model compile compilation time"))
            return (figure_key){KIND_COMPILE, unit, 0};
        return none;
    }
    if (has(&k, "first") && has(&k, "latency inference") && all_in(&k, "first inference latency"))
        return (figure_key){KIND_FIRST, unit, 0};
    /* mean_ms, p50_ms: a statistic of what the object is about */
    if (k.count == 0 && kind != KIND_NONE && unit != FIGURE_NO_UNIT)
        return (figure_key){kind, unit, 0};
    return none;
}

static figure_key read_key(const char *key) {
    key_words k;
    figure_key none = {0};
    if (!split(key, &k))
        return none;
    key_words rest = k;
    figure_key f = memory_key(&rest);
    if (f.kind == KIND_NONE)
        f = rate_key(k);
    return f.kind != KIND_NONE ? f : time_key(k);
}

figure_key figure_key_of(const char *key) {
    static _Thread_local remembered_keys keys;
    static _Thread_local figure_key meanings[REMEMBERED_SLOTS];
    bool fresh;
    size_t slot = remembered_slot(keys, key, &fresh);
    if (slot == REMEMBERED_SLOTS)
        return read_key(key);
    if (fresh)
        meanings[slot] = read_key(key);
    return meanings[slot];
}

figure_key figure_statistic_of(const char *key) {
    key_words k;
    figure_key none = {0};
    if (!split(key, &k))
        return none;
    figure_unit unit = strike_unit(&k);
    figure_kind kind = strike_statistic(&k, KIND_NONE);
    return k.count == 0 ? (figure_key){kind, unit, 0} : none;
}

bool figures_is_key(const char *key) {
    figure_key f = figure_key_of(key);
    return (f.kind >= KIND_MEAN && f.kind <= KIND_MAX) || f.kind == KIND_SAMPLES || f.kind == KIND_ITEMS ||
           f.kind == KIND_TOKENS;
}

bool figures_are_in(yyjson_val *object) {
    size_t i, count;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(object))
        return false;
    yyjson_obj_foreach(object, i, count, key,
                       value) if (!yyjson_is_null(value) && figures_is_key(yyjson_get_str(key))) return true;
    return false;
}
