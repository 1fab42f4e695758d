#include "import/figures.h"

#include <math.h>
#include <string.h>

#include "measure/stats.h"

/* ---- keys ------------------------------------------------------------------------------------------------------------ */

typedef enum figure_kind {
    KIND_NONE,
    KIND_MEAN,
    KIND_MEDIAN,
    KIND_MIN,
    KIND_MAX,
    KIND_STD,
    KIND_PERCENTILE, /* an ordinary one: not what ours mean, kept with the rest */
    KIND_SAMPLES,
    KIND_ITEMS,
    KIND_TOKENS,
    KIND_TOTAL,
    KIND_LOAD,
    KIND_FIRST,
    KIND_COMPILE,
    KIND_MEMORY
} figure_kind;

typedef struct figure_key {
    figure_kind kind;
    figure_unit unit;
    double factor; /* KIND_MEMORY: bytes of one */
} figure_key;

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
    bool bare = k.count == 1;
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
    /* mean_ms, p50_ms, std: a statistic alone, of what the object is about */
    if (k.count == 0 && kind != KIND_NONE && unit != FIGURE_NO_UNIT && !bare)
        return (figure_key){kind, unit, 0};
    return none;
}

static figure_key key_of(const char *key) {
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

bool figures_is_key(const char *key) {
    figure_key f = key_of(key);
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

/* ---- values ---------------------------------------------------------------------------------------------------------- */

static const double ms_of_unit[] = {
    [FIGURE_NS] = 1e-6, [FIGURE_US] = 1e-3, [FIGURE_MS] = 1, [FIGURE_S] = 1e3};

/* One latency as it stands in the file. */
typedef struct raw_time {
    double value;
    figure_unit unit;
    yyjson_val *from;
} raw_time;

typedef struct raw_figures {
    raw_time times[KIND_COMPILE + 1];
    yyjson_val *samples;
    figure_unit samples_unit;
    const char *open_key; /* a latency without a unit */
} raw_figures;

/* "19.1 ms": the text's own unit goes before the key's. */
static bool time_value(yyjson_val *v, figure_unit *unit, double *out) {
    static const struct {
        const char *end;
        figure_unit unit;
    } ends[] = {{"ms", FIGURE_MS}, {"us", FIGURE_US}, {"ns", FIGURE_NS}, {"s", FIGURE_S}};
    char text[48];
    if (value_number(v, out))
        return true;
    const char *given = json_text(v);
    if (given == NULL || strlen(given) >= sizeof text)
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (!str_ends_with(given, ends[i].end))
            continue;
        size_t length = strlen(given) - strlen(ends[i].end);
        while (length > 0 && given[length - 1] == ' ')
            length--;
        memcpy(text, given, length);
        text[length] = '\0';
        *unit = ends[i].unit;
        return str_to_f64(text, out) && isfinite(*out);
    }
    return false;
}

/* A number that is there: above zero. Old tools wrote 0 for what they did not know. */
static double positive(value_reader *r, const char *key, yyjson_val *v, bool *negative) {
    double number;
    if (!value_number(v, &number))
        return (double)NAN;
    if (number < 0)
        *negative = true;
    else if (number == 0)
        import_note(r->c, "%s is 0, which says nothing", key);
    return number > 0 ? number : (double)NAN;
}

static void read_time(value_reader *r, const char *key, figure_key f, yyjson_val *v, raw_figures *raw,
                      bool *negative) {
    raw_time t = {.unit = f.unit, .from = v};
    if (raw->times[f.kind].from != NULL || !time_value(v, &t.unit, &t.value))
        return;
    if (t.value < 0)
        *negative = true;
    if (t.value <= 0) {
        if (t.value == 0 && f.kind == KIND_MEAN)
            import_note(r->c, "%s is 0, which says nothing", key);
        if (f.kind != KIND_STD || t.value < 0)
            return;
    }
    value_used(r, v);
    raw->times[f.kind] = t;
    if (t.unit == FIGURE_NO_UNIT && f.kind <= KIND_STD && raw->open_key == NULL)
        raw->open_key = key;
}

/* latency_ms: {"mean": 1.2, "p50": 1.1}: all members are read, or stay with the rest. */
static void read_nested(value_reader *r, const char *key, figure_unit unit, yyjson_val *object,
                        raw_figures *raw, bool *negative) {
    size_t i, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(object, i, count, name, value) {
        key_words k;
        if (!split(yyjson_get_str(name), &k))
            continue;
        figure_unit own = strike_unit(&k);
        figure_kind kind = strike_statistic(&k, KIND_NONE);
        if (k.count == 0 && kind >= KIND_MEAN && kind <= KIND_STD)
            read_time(r, key, (figure_key){kind, own != FIGURE_NO_UNIT ? own : unit, 0}, value, raw,
                      negative);
    }
}

static void read_member(value_reader *r, const char *key, yyjson_val *v, raw_figures *raw, figures *out,
                        bool *negative) {
    figure_key f = key_of(key);
    if (f.kind == KIND_ITEMS || f.kind == KIND_TOKENS || f.kind == KIND_MEMORY) {
        double *to = f.kind == KIND_ITEMS    ? &out->items_per_s
                     : f.kind == KIND_TOKENS ? &out->tokens_per_s
                                             : &out->memory_bytes;
        double value = positive(r, key, yyjson_is_obj(v) ? value_any(v, "mean|avg|average") : v, negative);
        if (isnan(*to) && !isnan(value)) {
            *to = f.kind == KIND_MEMORY ? value * f.factor : value;
            if (!yyjson_is_obj(v))
                value_used(r, v);
        }
    } else if ((f.kind == KIND_SAMPLES || f.kind == KIND_MEAN) && yyjson_is_arr(v)) {
        raw->samples = raw->samples != NULL ? raw->samples : v;
        raw->samples_unit = f.unit;
        if (f.unit == FIGURE_NO_UNIT && raw->open_key == NULL && yyjson_arr_size(v) > 0)
            raw->open_key = key;
    } else if (f.kind == KIND_MEAN && yyjson_is_obj(v)) {
        read_nested(r, key, f.unit, v, raw, negative);
    } else if (f.kind != KIND_NONE && f.kind != KIND_PERCENTILE && f.kind != KIND_SAMPLES) {
        read_time(r, key, f, v, raw, negative);
    }
}

/* ---- units ----------------------------------------------------------------------------------------------------------- */

static bool is_near(double a, double b) {
    return isfinite(a) && isfinite(b) && fabs(a - b) <= 0.1 * fmax(a, b);
}

/* A latency in ms that gives this throughput, for the whole batch or for one element of it. */
static bool explains(double latency_ms, const figures *f, int64_t batch, bool *per_item) {
    double items = batch == RECORD_NONE ? 1 : (double)batch;
    bool whole = is_near(items * 1e3 / latency_ms, f->items_per_s),
         one_item = is_near(1e3 / latency_ms, f->items_per_s);
    *per_item = one_item && !whole;
    return whole || one_item;
}

/* The units in which the latency agrees with what else is known; 0 when nothing is known. */
static size_t units_that_agree(double value, const figures *f, int64_t batch, int64_t iterations,
                               figure_unit *unit) {
    static const figure_unit units[] = {FIGURE_MS, FIGURE_S, FIGURE_US, FIGURE_NS};
    size_t agree = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double ms = value * ms_of_unit[units[i]];
        bool per_item, fits = !isnan(f->items_per_s) ? explains(ms, f, batch, &per_item)
                                                     : iterations != RECORD_NONE && iterations > 0 &&
                                                           is_near(ms * (double)iterations, f->total_s * 1e3);
        if (fits) {
            *unit = units[i];
            agree++;
        }
    }
    return agree;
}

static double mean_of_samples(yyjson_val *samples) {
    double sum = 0, value;
    size_t i, count;
    yyjson_val *v;
    yyjson_arr_foreach(samples, i, count, v) {
        if (!value_number(v, &value))
            return (double)NAN;
        sum += value;
    }
    return count > 0 ? sum / (double)count : (double)NAN;
}

static accel_status decide_unit(const raw_figures *raw, const figures *f, int64_t batch, int64_t iterations,
                                figure_unit *unit, accel_error *err) {
    if (raw->open_key == NULL || *unit != FIGURE_NO_UNIT)
        return ACCEL_OK;
    const raw_time *mean = &raw->times[raw->times[KIND_MEAN].from != NULL ? KIND_MEAN : KIND_MEDIAN];
    double value = mean->from != NULL && mean->unit == FIGURE_NO_UNIT ? mean->value
                   : raw->samples != NULL                             ? mean_of_samples(raw->samples)
                                                                      : (double)NAN;
    size_t agree = isnan(value) ? 0 : units_that_agree(value, f, batch, iterations, unit);
    if (agree == 1)
        return ACCEL_OK;
    return error_set(err, ACCEL_BAD_FILE, "%.60s has no unit, and %s", raw->open_key,
                     agree > 1               ? "its throughput fits more than one"
                     : isnan(f->items_per_s) ? "no throughput shows which one it is"
                                             : "its throughput fits neither seconds nor milliseconds");
}

static double in_ms(const raw_time *t, figure_unit open) {
    figure_unit unit = t->unit != FIGURE_NO_UNIT ? t->unit : open;
    return t->from == NULL || unit == FIGURE_NO_UNIT ? (double)NAN : t->value * ms_of_unit[unit];
}

/* A latency whose key says one unit, and whose throughput says another: 1000 times apart. */
static accel_status check_throughput(const char *what, figures *f, int64_t batch, accel_error *err) {
    bool per_item = false, wrong;
    if (isnan(f->mean_ms) || isnan(f->items_per_s) || explains(f->mean_ms, f, batch, &per_item)) {
        f->per_item = per_item;
        return ACCEL_OK;
    }
    if (!explains(f->mean_ms * 1e3, f, batch, &wrong) && !explains(f->mean_ms / 1e3, f, batch, &wrong))
        return ACCEL_OK; /* measured apart: overlapping requests, or other iterations */
    return error_set(
        err, ACCEL_BAD_FILE,
        "%s of %.6g ms and a throughput of %.6g per second fit only if the unit of one is wrong by 1000",
        what, f->mean_ms, f->items_per_s);
}

/* ---- samples --------------------------------------------------------------------------------------------------------- */

static accel_status read_samples(value_reader *r, const raw_figures *raw, figure_unit open, figures *out,
                                 accel_error *err) {
    figure_unit unit = raw->samples_unit != FIGURE_NO_UNIT ? raw->samples_unit : open;
    size_t i, n, count = yyjson_arr_size(raw->samples);
    yyjson_val *v;
    if (raw->samples == NULL || count == 0)
        return ACCEL_OK;
    int64_t *ns = ARENA_ARRAY(r->c->arena, int64_t, count);
    if (ns == NULL)
        return error_no_memory(err, "samples", count * sizeof *ns);
    yyjson_arr_foreach(raw->samples, i, n, v) {
        double value;
        if (!value_number(v, &value) || value <= 0 || value * ms_of_unit[unit] > 1e12) {
            import_note(r->c, "a sample is no time above 0: its series was left out");
            return ACCEL_OK;
        }
        ns[i] = (int64_t)llround(value * ms_of_unit[unit] * 1e6);
    }
    value_used(r, raw->samples);
    out->samples_ns = ns;
    out->sample_count = count;
    stats_summary s;
    ACCEL_TRY(stats_summarize_ns(ns, count, &s, err));
    if (!isnan(out->mean_ms) && (out->mean_ms > 20 * s.max || out->mean_ms < s.min / 20))
        return error_set(err, ACCEL_BAD_FILE,
                         "a mean latency of %.6g ms contradicts samples from %.6g to %.6g ms", out->mean_ms,
                         s.min, s.max);
    out->mean_ms = s.mean;
    out->median_ms = s.median;
    out->min_ms = s.min;
    out->max_ms = s.max;
    out->std_ms = s.std;
    return ACCEL_OK;
}

accel_status figures_read(value_reader *r, int64_t batch, int64_t iterations, figure_unit unit, figures *out,
                          accel_error *err) {
    const double none = (double)NAN;
    raw_figures raw = {0};
    size_t i, count;
    yyjson_val *key, *value;
    bool negative = false;
    const figure_unit given = unit;
    *out = (figures){.mean_ms = none,
                     .median_ms = none,
                     .min_ms = none,
                     .max_ms = none,
                     .std_ms = none,
                     .items_per_s = none,
                     .tokens_per_s = none,
                     .total_s = none,
                     .load_ms = none,
                     .first_ms = none,
                     .compile_ms = none,
                     .memory_bytes = none};
    if (!yyjson_is_obj(r->object))
        return ACCEL_OK;
    yyjson_obj_foreach(r->object, i, count, key, value)
        read_member(r, yyjson_get_str(key), value, &raw, out, &negative);
    if (negative)
        return error_set(err, ACCEL_BAD_FILE, "a latency, throughput or memory is negative");
    out->total_s = in_ms(&raw.times[KIND_TOTAL], given) / 1e3;
    ACCEL_TRY(decide_unit(&raw, out, batch, iterations, &unit, err));
    out->mean_ms = in_ms(&raw.times[KIND_MEAN], unit);
    out->median_ms = in_ms(&raw.times[KIND_MEDIAN], unit);
    out->min_ms = in_ms(&raw.times[KIND_MIN], unit);
    out->max_ms = in_ms(&raw.times[KIND_MAX], unit);
    out->std_ms = in_ms(&raw.times[KIND_STD], unit);
    out->load_ms = in_ms(&raw.times[KIND_LOAD], given);
    out->first_ms = in_ms(&raw.times[KIND_FIRST], given);
    out->compile_ms = in_ms(&raw.times[KIND_COMPILE], given);
    ACCEL_TRY(check_throughput("a latency", out, batch, err));
    value_unused(r, raw.times[KIND_TOTAL].from); /* the database has no place for it but the samples */
    for (figure_kind k = KIND_LOAD; k <= KIND_COMPILE; k++)
        if (isnan(in_ms(&raw.times[k], given)))
            value_unused(r, raw.times[k].from);
    return read_samples(r, &raw, unit, out, err);
}
