/* Performance and efficient cores: telling them apart. */
#include <string.h>

#include "hw/topology.h"

enum { MOST_KINDS = 8 };

/* Favoured cores of one kind turbo a few percent higher than their siblings; between kinds lies far more. */
#define FREQUENCY_GAP 1.15

typedef struct group {
    int64_t type, score, cores, threads, max_mhz, base_mhz;
} group;

static int64_t higher(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void add_core(group *g, const core_facts *c, int64_t score) {
    g->cores++;
    g->threads += c->threads;
    g->max_mhz = higher(g->max_mhz, c->max_mhz);
    g->base_mhz = higher(g->base_mhz, c->base_mhz);
    g->score = higher(g->score, score);
}

static group *group_of(group *groups, size_t *count, int64_t type) {
    for (size_t i = 0; i < *count; i++)
        if (groups[i].type == type)
            return &groups[i];
    if (*count == MOST_KINDS)
        return &groups[MOST_KINDS - 1];
    groups[*count] = (group){type, HW_UNKNOWN, 0, 0, HW_UNKNOWN, HW_UNKNOWN};
    return &groups[(*count)++];
}

/* Which of the frequencies' clusters mhz lies in: how many gaps lie below it. */
static int64_t cluster_of(int64_t mhz, const core_facts *cores, size_t count) {
    int64_t gaps = 0, at = mhz;
    for (;;) {
        int64_t below = 0;
        for (size_t i = 0; i < count; i++)
            if (cores[i].max_mhz < at && cores[i].max_mhz > below)
                below = cores[i].max_mhz;
        if (below <= 0)
            return gaps;
        gaps += (double)at > (double)below * FREQUENCY_GAP;
        at = below;
    }
}

static bool all_known(const core_facts *cores, size_t count, bool types) {
    for (size_t i = 0; i < count; i++)
        if ((types ? cores[i].type : cores[i].max_mhz) <= 0)
            return false;
    return count > 0;
}

static void sort_by_score(group *groups, size_t count) {
    for (size_t i = 1; i < count; i++) {
        group g = groups[i];
        size_t at = i;
        for (; at > 0 && groups[at - 1].score < g.score; at--)
            groups[at] = groups[at - 1];
        groups[at] = g;
    }
}

static const char *name_of(size_t place, size_t count) {
    if (count < 2)
        return NULL;
    return place == 0 ? "performance" : place + 1 == count ? "efficient" : "middle";
}

const hw_core_kind *core_kinds(const core_facts *cores, size_t core_count, arena *a, size_t *count) {
    group groups[MOST_KINDS];
    bool types = all_known(cores, core_count, true), frequencies = all_known(cores, core_count, false);
    *count = 0;
    for (size_t i = 0; i < core_count; i++) {
        const core_facts *c = &cores[i];
        int64_t type = types ? c->type : frequencies ? cluster_of(c->max_mhz, cores, core_count) : 0;
        int64_t score = c->capacity > 0 ? c->capacity : c->max_mhz > 0 ? c->max_mhz : type;
        add_core(group_of(groups, count, type), c, score);
    }
    sort_by_score(groups, *count);
    hw_core_kind *kinds = ARENA_ARRAY(a, hw_core_kind, *count);
    for (size_t i = 0; kinds && i < *count; i++)
        kinds[i] = (hw_core_kind){name_of(i, *count), groups[i].cores, groups[i].threads, groups[i].max_mhz,
                                  groups[i].base_mhz};
    return kinds;
}
