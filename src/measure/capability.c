#include "measure/capability.h"

#include <math.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/thread.h"
#include "measure/stats.h"
#include "measure/triad.h"

/* ---- bandwidth ------------------------------------------------------------------------------------------------------------ */

static accel_status measure_level(int threads, size_t array_bytes, capability_level *level,
                                  accel_error *err) {
    level->array_bytes = array_bytes / 64 * 64;
    return triad_measure(threads, level->array_bytes, &level->gb_per_s, err);
}

static bool holds_data(const hw_cache *cache) {
    return cache->type != 'i' && cache->bytes > 0;
}

static accel_status measure_levels(const hw_cpu *cpu, capability *out, accel_error *err) {
    for (size_t i = 0; i < cpu->cache_count && out->level_count + 1 < CAPABILITY_LEVELS; i++) {
        const hw_cache *cache = &cpu->caches[i];
        if (!holds_data(cache))
            continue;
        int64_t caches = cache->count > 0 && cache->count < out->threads ? cache->count : out->threads;
        capability_level *level = &out->levels[out->level_count++];
        *level = (capability_level){.cache_bytes = cache->bytes, .gb_per_s = (double)NAN};
        str_format(level->name, sizeof level->name, "L%d", cache->level);
        ACCEL_TRY(measure_level(out->threads, (size_t)(cache->bytes * caches / 2 / 3), level, err));
    }
    capability_level *memory = &out->levels[out->level_count++];
    *memory = (capability_level){.name = "memory", .cache_bytes = HW_UNKNOWN, .gb_per_s = (double)NAN};
    return measure_level(out->threads, triad_memory_bytes(), memory, err);
}

/* ---- waking ---------------------------------------------------------------------------------------------------------------- */

typedef struct waking {
    atomic_uint_least64_t began_ns; /* the first other thread's; 0: none yet */
    uint64_t until_ns;
} waking;

/* The caller keeps busy with its chunk until another thread has taken one, or for a while. */
static void note_begin(void *context, size_t begin, size_t end, int worker) {
    waking *w = context;
    (void)begin, (void)end;
    if (worker != 0) {
        uint64_t none = 0;
        (void)atomic_compare_exchange_strong(&w->began_ns, &none, clock_now_ns());
        return;
    }
    while (atomic_load(&w->began_ns) == 0 && clock_now_ns() < w->until_ns) {
    }
}

static accel_status measure_waking(capability *out, accel_error *err) {
    enum { ROUNDS = 101 };
    double took_us[ROUNDS];
    int count = 0;
    thread_pool *pool = NULL;
    out->wake_us = (double)NAN;
    if (out->threads < 2)
        return ACCEL_OK;
    ACCEL_TRY(thread_pool_create(out->threads, 0, &pool, err));
    for (int i = 0; i < ROUNDS; i++) {
        waking w = {0};
        clock_sleep_ns(500000); /* they sleep, and so does the CPU */
        uint64_t begin_ns = clock_now_ns();
        w.until_ns = begin_ns + 10000000;
        thread_pool_for(pool, (size_t)out->threads, 1, note_begin, &w);
        uint64_t began_ns = atomic_load(&w.began_ns);
        if (began_ns != 0)
            took_us[count++] = (double)(began_ns - begin_ns) / 1000.0;
    }
    thread_pool_destroy(pool);
    stats_sort(took_us, (size_t)count);
    if (count > 0)
        out->wake_us = took_us[count / 2];
    return ACCEL_OK;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------- */

accel_status capability_measure(const hw_cpu *cpu, int threads, capability *out, accel_error *err) {
    static const precision precisions[CAPABILITY_PEAKS] = {PRECISION_FP32, PRECISION_BF16, PRECISION_INT8};
    *out = (capability){.threads = threads};
    for (int i = 0; i < CAPABILITY_PEAKS; i++) {
        roofline roof;
        ACCEL_TRY(roofline_measure(threads, precisions[i], &roof, err));
        out->peaks[i].precision = precisions[i];
        out->peaks[i].gflops = roof.peak_gflops;
    }
    ACCEL_TRY(measure_levels(cpu, out, err));
    return measure_waking(out, err);
}

void capability_write_json(const capability *c, str_buf *out) {
    str_appendf(out, "{\"threads\": %d, \"peaks\": {", c->threads);
    for (int i = 0; i < CAPABILITY_PEAKS; i++) {
        str_appendf(out, "%s\"%s\": ", i > 0 ? ", " : "", precision_name(c->peaks[i].precision));
        json_append_real(out, c->peaks[i].gflops);
    }
    str_append(out, "}, \"levels\": [");
    for (size_t i = 0; i < c->level_count; i++) {
        const capability_level *level = &c->levels[i];
        str_appendf(out, "%s{\"name\": \"%s\", \"cache_bytes\": ", i > 0 ? ", " : "", level->name);
        if (level->cache_bytes == HW_UNKNOWN)
            str_append(out, "null");
        else
            str_appendf(out, "%lld", (long long)level->cache_bytes);
        str_appendf(out, ", \"array_bytes\": %zu, \"gb_per_s\": ", level->array_bytes);
        json_append_real(out, level->gb_per_s);
        str_append(out, "}");
    }
    str_append(out, "], \"wake_us\": ");
    json_append_real(out, c->wake_us);
    str_append(out, "}");
}
