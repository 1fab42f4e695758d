/* The sums of a few pixels of a depthwise convolution. qconv.c includes this once for each way to multiply: DEPTHWISE(name) makes
 * the names, DEPTHWISE_TARGET is the functions' attribute, DEPTHWISE_DOT adds four products a lane to a sum.
 *
 * Four taps at a time: their bytes of one channel are brought together by interleaving, within each 16 bytes, so that a block of a
 * vector of channels has four vectors of sums, in the order of block_channel(). */

DEPTHWISE_TARGET INLINE void DEPTHWISE(block)(const depthwise_pixels *p, int64_t channel, int64_t count,
                                              int64_t block, const bool partial, const bool has_zeros) {
    const vi flip = v_splat_int((int32_t)p->flip);
    vi sum[4], bytes[4] = {{0}, {0}, {0}, {0}};
    UNROLL for (int q = 0; q < 4; q++) {
        sum[q] = vi_load(p->start + block * VECTOR_BYTES + q * VW);
    }
    const int8_t *weights = p->weights + block * p->groups * 4 * VECTOR_BYTES;
    for (int64_t g = 0; g < p->groups; g++) {
        vi tap[4], four[4];
        UNROLL for (int t = 0; t < 4; t++) {
            const uint8_t *from = p->taps[4 * g + t] + channel;
            tap[t] = (partial ? q8_load_some(from, count) : vi_load(from)) ^ flip;
        }
        vi low = q8_zip_low(tap[0], tap[1]), high = q8_zip_high(tap[0], tap[1]);
        vi low2 = q8_zip_low(tap[2], tap[3]), high2 = q8_zip_high(tap[2], tap[3]);
        four[0] = q8_zip_pairs_low(low, low2);
        four[1] = q8_zip_pairs_high(low, low2);
        four[2] = q8_zip_pairs_low(high, high2);
        four[3] = q8_zip_pairs_high(high, high2);
        UNROLL for (int q = 0; q < 4; q++) {
            sum[q] = DEPTHWISE_DOT(sum[q], four[q], vi_load(weights + (4 * g + q) * VECTOR_BYTES));
            if (has_zeros) {
                bytes[q] = DEPTHWISE_DOT(bytes[q], four[q], v_splat_int((int32_t)p->ones[g]));
            }
        }
    }
    UNROLL for (int q = 0; q < 4; q++) {
        if (has_zeros) {
            sum[q] = (vi)((vu)sum[q] - (vu)bytes[q] * (vu)vi_load(p->zeros + block * VECTOR_BYTES + q * VW));
        }
        vi_store(p->sums + block * VECTOR_BYTES + q * VW, sum[q]);
    }
}

DEPTHWISE_TARGET static void DEPTHWISE(pixels)(const depthwise_pixels *p) {
    for (int64_t block = 0; block * VECTOR_BYTES < p->channels; block++) {
        const int64_t channel = block_start(p->channels, p->overlap, block), left = p->channels - channel;
        if (p->zeros != NULL) {
            DEPTHWISE(block)(p, channel, left < VECTOR_BYTES ? left : VECTOR_BYTES, block, true, true);
        } else if (left < VECTOR_BYTES) {
            DEPTHWISE(block)(p, channel, left, block, true, false);
        } else {
            DEPTHWISE(block)(p, channel, VECTOR_BYTES, block, false, false);
        }
    }
}
#undef DEPTHWISE
#undef DEPTHWISE_TARGET
#undef DEPTHWISE_DOT
