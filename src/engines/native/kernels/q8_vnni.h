/* The body of the 8-bit GEMM's tile with VNNI: four products a lane and instruction, of rows where they lie. */

/* rows, vectors and panels are constants where this is inlined, so that the sums are registers. */
Q8_VNNI INLINE void vnni_body(const int rows, const int vectors, const int panels, const q8_tile_args *t) {
    enum { MOST = Q8_MR * 2 };
    const int wide = vectors * panels;
    const vu flip = (vu)v_splat_int((int32_t)t->flip);
    vi sum[Q8_MR][MOST];
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < wide; v++) {
            sum[i][v] = t->start == NULL ? (vi){0} : vi_load(t->start + v * VW);
        }
    }
    const int8_t *panel = t->panel;
    for (int64_t s = 0; s < t->segments; s++) {
        const uint8_t *row[Q8_MR];
        uint32_t tail[Q8_MR];
        UNROLL for (int i = 0; i < rows; i++) {
            row[i] = t->rows[s * Q8_MR + i];
        }
        int64_t left = t->length, groups = left / 4;
        while (left > 0) {
            for (int64_t k = 0; k < groups; k++) {
                vi b[MOST];
                UNROLL for (int v = 0; v < wide; v++) {
                    b[v] = vi_load(panel + (v / vectors) * t->panel_step + (v % vectors) * VECTOR_BYTES);
                }
                panel += vectors * VECTOR_BYTES;
                UNROLL for (int i = 0; i < rows; i++) {
                    int32_t four;
                    __builtin_memcpy(&four, row[i] + 4 * k, 4);
                    const vi a = (vi)((vu)v_splat_int(four) ^ flip);
                    UNROLL for (int v = 0; v < wide; v++) {
                        sum[i][v] = (vi)_mm512_dpbusd_epi32((__m512i)sum[i][v], (__m512i)a, (__m512i)b[v]);
                    }
                }
            }
            left -= 4 * groups;
            if (left > 0) { /* the last one to three bytes of a row: what lies behind them is not read */
                UNROLL for (int i = 0; i < rows; i++) {
                    tail[i] = 0;
                    for (int64_t k = 0; k < left; k++) {
                        tail[i] |= (uint32_t)row[i][4 * groups + k] << (8 * k);
                    }
                    row[i] = (const uint8_t *)&tail[i];
                }
                left = 4;
                groups = 1;
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < wide; v++) {
            vi_store(t->out + i * t->out_stride + v * VW, sum[i][v]);
        }
    }
}
