/* What is larger than what the device binds at once: constants lie in parts, of other values steps bind windows. */
#include "engines/webgpu/lower.h"

static uint64_t most_at_once(const gpu_lowering *l) {
    uint64_t most = l->limits->binding_bytes < l->limits->buffer_bytes ? l->limits->binding_bytes
                                                                       : l->limits->buffer_bytes;
    return most / GPU_ALIGNMENT * GPU_ALIGNMENT;
}

/* ---- constants -------------------------------------------------------------------------------------------------------- */

bool gpu_is_large(const gpu_lowering *l, value_id v) {
    return gpu_is_constant(l, v) &&
           gpu_bytes_of(gpu_elements(gpu_shape(l, v)), gpu_is_half(l, v)) > most_at_once(l);
}

int64_t gpu_lines_at_once(const gpu_lowering *l, value_id v, int64_t line_elements, int64_t unit) {
    uint64_t element = gpu_is_half(l, v) ? GPU_HALF_BYTES : GPU_ELEMENT_BYTES,
             lines = line_elements > 0 ? most_at_once(l) / ((uint64_t)line_elements * element) : 0;
    return (int64_t)lines / unit * unit;
}

block gpu_part_of(gpu_lowering *l, value_id v, bool turned, gpu_part part, int64_t line_elements) {
    (void)gpu_type_name(l, l->graph->values[v].type.type);
    block b = gpu_scratch(l, part.count * (size_t)line_elements, v);
    if (b != BLOCK_NONE) {
        l->blocks[b].constant = v;
        l->blocks[b].turned = turned;
        l->blocks[b].part = part;
    }
    return b;
}

/* ---- windows ---------------------------------------------------------------------------------------------------------- */

bool gpu_binds(const gpu_lowering *l, block b) {
    return b == BLOCK_NONE || l->blocks[b].size_bytes <= most_at_once(l);
}

static int64_t window_unit(const gpu_lowering *l, block b) {
    return GPU_ALIGNMENT / (l->blocks[b].half ? GPU_HALF_BYTES : GPU_ELEMENT_BYTES);
}

block gpu_window(gpu_lowering *l, block b, int64_t first, int64_t count, int64_t *before) {
    if (l->failed || b == BLOCK_NONE)
        return BLOCK_NONE;
    *before = first % window_unit(l, b);
    block window = gpu_scratch(l, (size_t)(count + *before), VALUE_NONE);
    if (window == BLOCK_NONE)
        return BLOCK_NONE;
    gpu_block *w = &l->blocks[window];
    const gpu_block *from = &l->blocks[b];
    uint64_t start = (uint64_t)(first - *before) * (from->half ? GPU_HALF_BYTES : GPU_ELEMENT_BYTES);
    w->half = from->half;
    w->size_bytes = gpu_bytes_of((size_t)(count + *before), from->half);
    w->whole = from->whole != BLOCK_NONE ? from->whole : b;
    w->range.offset = from->range.offset + start;
    return window;
}

void gpu_fail_large(gpu_lowering *l, block b) {
    const gpu_block *part = &l->blocks[b],
                    *whole = part->whole != BLOCK_NONE ? &l->blocks[part->whole] : part;
    gpu_fail(l,
             "a tensor of %llu bytes cannot be worked on row by row, the device binds at most %llu at once",
             (unsigned long long)whole->size_bytes, (unsigned long long)l->limits->binding_bytes);
}
