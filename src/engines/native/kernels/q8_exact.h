/* The body of the 8-bit GEMM's tile without VNNI: exact by products of 16 bits. Rows of A were widened once for all panels, words of two
 * neighbours along the depth; B's bytes are widened as they are loaded: [pair of the depth][column][2].
 *
 * vpmaddubsw would take three instructions for what takes four here, but saturates where a pair of weights is large. Tried on a Zen 3:
 * packing the groups of four that cannot saturate in front and taking it for those is no faster (of 16 columns hardly half the groups are
 * such, even of trained weights). */

typedef int8_t half_bytes __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef half_bytes half_bytes_unaligned __attribute__((aligned(1), may_alias));

/* gcc 12 makes two halves and a join of the conversion, which is one instruction. */
INLINE vs exact_right(const int8_t *p) {
    const half_bytes bytes = *(const half_bytes_unaligned *)p;
#if defined(__AVX512BW__)
    return (vs)_mm512_cvtepi8_epi16((__m256i)bytes);
#elif defined(__AVX2__)
    return (vs)_mm256_cvtepi8_epi16((__m128i)bytes);
#else
    return __builtin_convertvector(bytes, vs);
#endif
}

/* rows, vectors and panels are constants where this is inlined, so that the sums are registers. */
INLINE void exact_body(const int rows, const int vectors, const int panels, const q8_tile_args *t) {
    enum { MOST = Q8_MR * 2 };
    const int wide = vectors * panels;
    const int8_t *panel = t->panel;
    const int32_t *row[Q8_MR];
    vi sum[Q8_MR][MOST];
    UNROLL for (int i = 0; i < rows; i++) {
        row[i] = t->wide + i * t->pairs;
        UNROLL for (int v = 0; v < wide; v++) {
            sum[i][v] = t->start == NULL ? (vi){0} : vi_load(t->start + v * VW);
        }
    }
    for (int64_t k = 0; k < t->pairs; k++) {
        vs b[MOST];
        UNROLL for (int v = 0; v < wide; v++) {
            b[v] = exact_right(panel + (v / vectors) * t->panel_step + (v % vectors) * 2 * VW);
        }
        panel += vectors * 2 * VW;
        UNROLL for (int i = 0; i < rows; i++) {
            const vs a = (vs)v_splat_int(row[i][k]);
            UNROLL for (int v = 0; v < wide; v++) {
                sum[i][v] += q8_pairs(a, b[v]);
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < wide; v++) {
            vi_store(t->out + i * t->out_stride + v * VW, sum[i][v]);
        }
    }
}
