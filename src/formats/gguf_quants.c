/* ggml's block formats to f32. The layouts are those of ggml-common.h and of the gguf package's quants.py,
 * whose order of operations is kept, so that results are the same to the bit. */
#include "formats/gguf.h"

#include <string.h>

enum { K_ELEMENTS = 256 }; /* of a block of the _K types */

static float half_at(const uint8_t *p) {
    return f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

/* ---- blocks of 32 ------------------------------------------------------------------------------------- */

/* The low nibbles are elements 0 to 15, the high ones 16 to 31. */
static int nibble(const uint8_t *quants, int i) {
    return i < 16 ? quants[i] & 15 : quants[i - 16] >> 4;
}

static int fifth_bit(const uint8_t *high, int i) {
    return (high[i / 8] >> i % 8 & 1) << 4;
}

static void q4_0(const uint8_t *block, float *out) {
    float d = half_at(block);
    for (int i = 0; i < 32; i++)
        out[i] = d * (float)(nibble(block + 2, i) - 8);
}

static void q4_1(const uint8_t *block, float *out) {
    float d = half_at(block), low = half_at(block + 2);
    for (int i = 0; i < 32; i++)
        out[i] = d * (float)nibble(block + 4, i) + low;
}

static void q5_0(const uint8_t *block, float *out) {
    float d = half_at(block);
    for (int i = 0; i < 32; i++)
        out[i] = d * (float)((nibble(block + 6, i) | fifth_bit(block + 2, i)) - 16);
}

static void q5_1(const uint8_t *block, float *out) {
    float d = half_at(block), low = half_at(block + 2);
    for (int i = 0; i < 32; i++)
        out[i] = d * (float)(nibble(block + 8, i) | fifth_bit(block + 4, i)) + low;
}

static void q8_0(const uint8_t *block, float *out) {
    float d = half_at(block);
    for (int i = 0; i < 32; i++)
        out[i] = (float)(int8_t)block[2 + i] * d;
}

/* ---- blocks of 256 ------------------------------------------------------------------------------------ */

/* Two bits of each element: 32 bytes hold four runs of 32 elements, the lowest bits the first run. */
static int crumb(const uint8_t *quants, int i) {
    return quants[i / 128 * 32 + i % 32] >> i / 32 % 4 * 2 & 3;
}

/* Four bits of each element: 32 bytes hold two runs of 32. */
static int run_nibble(const uint8_t *quants, int i) {
    return quants[i / 64 * 32 + i % 32] >> i / 32 % 2 * 4 & 15;
}

static void q2_k(const uint8_t *block, float *out) {
    const uint8_t *scales = block, *quants = block + 16;
    float d = half_at(block + 80), low = half_at(block + 82);
    for (int i = 0; i < K_ELEMENTS; i++) {
        uint8_t scale = scales[i / 16];
        out[i] = d * (float)(scale & 15) * (float)crumb(quants, i) - low * (float)(scale >> 4);
    }
}

/* Sixteen scales of six bits: four low bits in bytes 0 to 7, two high bits in bytes 8 to 11. */
static int q3_scale(const uint8_t *scales, int group) {
    int low = group < 8 ? scales[group] & 15 : scales[group - 8] >> 4;
    return (low | (scales[8 + group % 4] >> group / 4 * 2 & 3) << 4) - 32;
}

static void q3_k(const uint8_t *block, float *out) {
    const uint8_t *high = block, *quants = block + 32, *scales = block + 96;
    float d = half_at(block + 108);
    for (int i = 0; i < K_ELEMENTS; i++) {
        int offset = high[i % 32] >> i / 32 & 1 ? 0 : 4; /* a bit that is set means no offset */
        out[i] = d * (float)q3_scale(scales, i / 16) * (float)(crumb(quants, i) - offset);
    }
}

/* Eight scales and eight minimums of six bits in twelve bytes. */
static void k_scale(const uint8_t *scales, int group, float *scale, float *low) {
    if (group < 4) {
        *scale = (float)(scales[group] & 63);
        *low = (float)(scales[group + 4] & 63);
        return;
    }
    *scale = (float)((scales[group + 4] & 15) | (scales[group - 4] >> 2 & 0x30));
    *low = (float)(scales[group + 4] >> 4 | (scales[group] >> 2 & 0x30));
}

/* Q4_K; with a byte of fifth bits for each of 32 columns, Q5_K. */
static void k_45(const uint8_t *block, const uint8_t *quants, const uint8_t *fifth, float *out) {
    float d = half_at(block), dmin = half_at(block + 2);
    for (int group = 0; group < 8; group++) {
        float scale, low;
        k_scale(block + 4, group, &scale, &low);
        scale *= d;
        low *= dmin;
        for (int i = group * 32; i < group * 32 + 32; i++) {
            int bit = fifth ? (fifth[i % 32] >> group & 1) << 4 : 0;
            out[i] = scale * (float)(run_nibble(quants, i) | bit) - low;
        }
    }
}

static void q4_k(const uint8_t *block, float *out) {
    k_45(block, block + 16, NULL, out);
}

static void q5_k(const uint8_t *block, float *out) {
    k_45(block, block + 48, block + 16, out);
}

/* 64 bytes of low bits hold elements 0 to 63 of their half in the low nibbles, 64 to 127 in the high. */
static void q6_k(const uint8_t *block, float *out) {
    const uint8_t *low = block, *high = block + 128, *scales = block + 192;
    float d = half_at(block + 208);
    for (int i = 0; i < K_ELEMENTS; i++) {
        int four = low[i / 128 * 64 + i % 64] >> i / 64 % 2 * 4 & 15;
        out[i] = d * (float)(int8_t)scales[i / 16] * (float)((four | crumb(high, i) << 4) - 32);
    }
}

/* ---- the types ---------------------------------------------------------------------------------------- */

static const gguf_type types[] = {
    {0, "F32", 1, 4, DTYPE_F32, NULL},
    {1, "F16", 1, 2, DTYPE_F16, NULL},
    {30, "BF16", 1, 2, DTYPE_BF16, NULL},
    {2, "Q4_0", 32, 18, DTYPE_UNDEFINED, q4_0},
    {3, "Q4_1", 32, 20, DTYPE_UNDEFINED, q4_1},
    {6, "Q5_0", 32, 22, DTYPE_UNDEFINED, q5_0},
    {7, "Q5_1", 32, 24, DTYPE_UNDEFINED, q5_1},
    {8, "Q8_0", 32, 34, DTYPE_UNDEFINED, q8_0},
    {10, "Q2_K", K_ELEMENTS, 84, DTYPE_UNDEFINED, q2_k},
    {11, "Q3_K", K_ELEMENTS, 110, DTYPE_UNDEFINED, q3_k},
    {12, "Q4_K", K_ELEMENTS, 144, DTYPE_UNDEFINED, q4_k},
    {13, "Q5_K", K_ELEMENTS, 176, DTYPE_UNDEFINED, q5_k},
    {14, "Q6_K", K_ELEMENTS, 210, DTYPE_UNDEFINED, q6_k},
};

const gguf_type *gguf_type_find(uint32_t number) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].number == number)
            return &types[i];
    return NULL;
}

const char *gguf_type_foreign_name(uint32_t number) {
    static const struct {
        uint32_t number;
        const char *name;
    } foreign[] = {{9, "Q8_1"},   {15, "Q8_K"},   {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
                   {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},   {22, "IQ2_S"},  {23, "IQ4_XS"},
                   {24, "I8"},    {25, "I16"},    {26, "I32"},     {27, "I64"},    {28, "F64"},
                   {29, "IQ1_M"}, {34, "TQ1_0"},  {35, "TQ2_0"},   {39, "MXFP4"},  {40, "NVFP4"},
                   {41, "Q1_0"}};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (foreign[i].number == number)
            return foreign[i].name;
    return "";
}

/* One element of a plain type. */
static float plain_at(const gguf_type *type, const uint8_t *bytes) {
    float value;
    if (type->plain == DTYPE_F16)
        return half_at(bytes);
    if (type->plain == DTYPE_BF16)
        return bf16_to_f32((uint16_t)(bytes[0] | bytes[1] << 8));
    memcpy(&value, bytes, sizeof value);
    return value;
}

void gguf_to_f32(const gguf_type *type, const uint8_t *bytes, size_t size_bytes, float *out) {
    for (const uint8_t *end = bytes + size_bytes; bytes < end; bytes += type->block_bytes) {
        if (type->dequantise)
            type->dequantise(bytes, out);
        else
            *out = plain_at(type, bytes);
        out += type->block_elements;
    }
}
