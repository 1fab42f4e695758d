/* Offsets for buffers in one arena: greedy by size, best fit (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net
 * Inference", arXiv 2001.03288, algorithm 3). */
#include "graph/cost.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

static bool goes_before(const plan_block *blocks, uint32_t a, uint32_t b) {
    if (blocks[a].size_bytes != blocks[b].size_bytes) {
        return blocks[a].size_bytes > blocks[b].size_bytes;
    }
    return a < b; /* the plan is the same on every platform */
}

/* Merge sort, bottom up; qsort is neither stable nor there without a libc. */
static void sort_by_size(const plan_block *blocks, uint32_t *order, uint32_t *other, size_t count) {
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = start + width < count ? start + width : count;
            size_t end = middle + width < count ? middle + width : count;
            size_t a = start, b = middle;
            for (size_t at = start; at < end; at++) {
                bool take_a = a < middle && (b == end || !goes_before(blocks, order[b], order[a]));
                other[at] = take_a ? order[a++] : order[b++];
            }
        }
        memcpy(order, other, count * sizeof *order);
    }
}

static bool alive_together(const plan_block *a, const plan_block *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* The tightest gap, between blocks alive at the same time, that holds the block; behind them all when none does. placed is sorted
 * by offset. False on overflow. */
static bool choose_offset(const plan_block *blocks, const uint32_t *placed, size_t placed_count,
                          const plan_block *b, size_t alignment, size_t *out) {
    size_t best = SIZE_MAX, best_gap = SIZE_MAX, free_from = 0;
    for (size_t i = 0; i < placed_count; i++) {
        const plan_block *p = &blocks[placed[i]];
        if (!alive_together(p, b)) {
            continue;
        }
        if (p->offset > free_from && p->offset - free_from >= b->size_bytes &&
            p->offset - free_from < best_gap) {
            best_gap = p->offset - free_from;
            best = free_from;
        }
        size_t end;
        if (!checked_align_up(p->offset + p->size_bytes, alignment, &end)) {
            return false;
        }
        free_from = end > free_from ? end : free_from;
    }
    *out = best != SIZE_MAX ? best : free_from;
    return true;
}

static accel_status place_all(plan_block *blocks, const uint32_t *order, uint32_t *placed, size_t count,
                              size_t alignment, size_t *total_bytes, accel_error *err) {
    size_t total = 0, placed_count = 0;
    for (size_t i = 0; i < count; i++) {
        plan_block *b = &blocks[order[i]];
        size_t end;
        b->offset = 0;
        if (b->size_bytes == 0) {
            continue;
        }
        if (!choose_offset(blocks, placed, placed_count, b, alignment, &b->offset) ||
            !checked_add(b->offset, b->size_bytes, &end) || !checked_align_up(end, alignment, &end)) {
            return error_set(err, ACCEL_LIMIT, "the model's intermediate values do not fit in memory");
        }
        total = end > total ? end : total;
        size_t at = placed_count++;
        for (; at > 0 && blocks[placed[at - 1]].offset > b->offset; at--) {
            placed[at] = placed[at - 1];
        }
        placed[at] = order[i];
    }
    *total_bytes = total;
    return ACCEL_OK;
}

accel_status memory_plan(plan_block *blocks, size_t count, size_t alignment, size_t *total_bytes,
                         accel_error *err) {
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || count > UINT32_MAX) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "an alignment must be a power of two");
    }
    uint32_t *order = mem_calloc(count, sizeof *order);
    uint32_t *other = mem_calloc(count, sizeof *other);
    accel_status status;
    if (!order || !other) {
        status = error_no_memory(err, "a memory plan", count * sizeof *order);
    } else {
        for (size_t i = 0; i < count; i++) {
            order[i] = (uint32_t)i;
        }
        sort_by_size(blocks, order, other, count);
        status = place_all(blocks, order, other, count, alignment, total_bytes, err);
    }
    mem_free(order);
    mem_free(other);
    return status;
}
