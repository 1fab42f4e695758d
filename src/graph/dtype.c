#include "graph/dtype.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensor bytes are little-endian, as in ONNX raw_data");

/* ---- names ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned bits;
} dtype_table[DTYPE_COUNT] = {
#define DTYPE_ROW(symbol, number, name, bits) [number] = {name, bits},
    DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

static bool in_list(dtype t) {
    return (int)t >= 0 && (int)t < (int)DTYPE_COUNT;
}

const char *dtype_name(dtype t) {
    return dtype_table[in_list(t) ? t : DTYPE_UNDEFINED].name;
}

dtype dtype_from_name(const char *name) {
    for (int t = 1; name && t < (int)DTYPE_COUNT; t++) {
        if (strcmp(dtype_table[t].name, name) == 0) {
            return (dtype)t;
        }
    }
    return DTYPE_UNDEFINED;
}

dtype dtype_from_onnx(int64_t number) {
    return number > 0 && number < (int64_t)DTYPE_COUNT ? (dtype)number : DTYPE_UNDEFINED;
}

unsigned dtype_bits(dtype t) {
    return dtype_table[in_list(t) ? t : DTYPE_UNDEFINED].bits;
}

bool dtype_is_float(dtype t) {
    switch (t) {
    case DTYPE_F32:
    case DTYPE_F16:
    case DTYPE_F64:
    case DTYPE_BF16:
    case DTYPE_F8E4M3FN:
    case DTYPE_F8E4M3FNUZ:
    case DTYPE_F8E5M2:
    case DTYPE_F8E5M2FNUZ:
    case DTYPE_F4E2M1:
    case DTYPE_F8E8M0:
        return true;
    default:
        return false;
    }
}

bool dtype_is_signed_integer(dtype t) {
    return t == DTYPE_I2 || t == DTYPE_I4 || t == DTYPE_I8 || t == DTYPE_I16 || t == DTYPE_I32 ||
           t == DTYPE_I64;
}

bool dtype_is_unsigned_integer(dtype t) {
    return t == DTYPE_U2 || t == DTYPE_U4 || t == DTYPE_U8 || t == DTYPE_U16 || t == DTYPE_U32 ||
           t == DTYPE_U64;
}

bool dtype_is_integer(dtype t) {
    return dtype_is_signed_integer(t) || dtype_is_unsigned_integer(t);
}

bool dtype_size_bytes(dtype t, int64_t elements, size_t *out) {
    unsigned bits = dtype_bits(t);
    if (bits == 0 || elements < 0 || (uint64_t)elements > SIZE_MAX) {
        return false;
    }
    size_t count = (size_t)elements;
    if (bits >= 8) {
        return checked_mul(count, bits / 8, out);
    }
    size_t per_byte = 8 / bits;
    *out = count / per_byte + (count % per_byte != 0);
    return true;
}

/* ---- narrow floating types ---------------------------------------------------------------------------------- */

/* A sign bit, then exponent and mantissa. Encodings above max_finite are infinity or NaN, or do not exist. */
typedef struct float_format {
    int bits, mantissa_bits, bias;
    uint32_t max_finite;
    uint32_t
        overflow; /* what a magnitude above the largest becomes: infinity, or max_finite where the type saturates */
    uint32_t nan;
    bool unsigned_zero; /* "UZ": the encoding of -0 is NaN */
} float_format;

static const float_format format_f16 = {16, 10, 15, 0x7BFF, 0x7C00, 0x7E00, false};
static const float_format format_bf16 = {16, 7, 127, 0x7F7F, 0x7F80, 0x7FC0, false};
static const float_format format_e4m3fn = {8, 3, 7, 0x7E, 0x7E, 0x7F, false};
static const float_format format_e4m3fnuz = {8, 3, 8, 0x7F, 0x7F, 0x80, true};
static const float_format format_e5m2 = {8, 2, 15, 0x7B, 0x7B, 0x7F, false};
static const float_format format_e5m2fnuz = {8, 2, 16, 0x7F, 0x7F, 0x80, true};
/* float4 has no NaN; the ONNX text gives the largest value in its place. */
static const float_format format_e2m1 = {4, 1, 1, 0x7, 0x7, 0x7, false};

static uint64_t f64_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double f64_from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* value >> shift, rounded half to even. */
static uint64_t shift_right_even(uint64_t value, int shift) {
    if (shift > 63) {
        return 0;
    }
    uint64_t kept = value >> shift;
    uint64_t half = (uint64_t)1 << (shift - 1);
    uint64_t rest = value & ((half << 1) - 1);
    return kept + (rest > half || (rest == half && (kept & 1)) ? 1 : 0);
}

static uint32_t encode_float(const float_format *f, double value) {
    uint64_t bits = f64_bits(value);
    uint32_t sign = (uint32_t)(bits >> 63) << (f->bits - 1);
    int exponent = (int)(bits >> 52 & 0x7FF);
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    if (exponent == 0x7FF && fraction != 0) {
        bool signed_nan = f->nan > f->max_finite && !f->unsigned_zero;
        return signed_nan ? sign | f->nan : f->nan;
    }
    uint32_t magnitude;
    if (exponent == 0x7FF) {
        magnitude = f->overflow;
    } else if (exponent == 0) {
        magnitude = 0; /* zero, or a subnormal double: far below half of any smallest value here */
    } else {
        uint64_t significand = fraction | (uint64_t)1 << 52;
        int target = exponent - 1023 + f->bias;
        int drop = 52 - f->mantissa_bits;
        /* A rounding carry moves into the exponent by itself, from subnormal to normal too. */
        uint64_t encoded =
            target >= 1 ? ((uint64_t)(target - 1) << f->mantissa_bits) + shift_right_even(significand, drop)
                        : shift_right_even(significand, drop + 1 - target);
        magnitude = encoded > f->max_finite ? f->overflow : (uint32_t)encoded;
    }
    return magnitude == 0 && f->unsigned_zero ? 0 : (sign | magnitude);
}

static double decode_float(const float_format *f, uint32_t bits) {
    uint32_t sign_bit = 1u << (f->bits - 1);
    uint32_t magnitude = bits & (sign_bit - 1);
    bool negative = (bits & sign_bit) != 0;
    if (f->unsigned_zero && bits == sign_bit) {
        return (double)NAN;
    }
    if (magnitude > f->max_finite) {
        /* Of the types with encodings above the largest value, all but e4m3fn begin them with infinity. */
        bool infinity = f != &format_e4m3fn && magnitude == f->max_finite + 1;
        double special = infinity ? (double)INFINITY : (double)NAN;
        return negative ? -special : special;
    }
    int exponent = (int)(magnitude >> f->mantissa_bits);
    uint32_t fraction = magnitude & ((1u << f->mantissa_bits) - 1);
    if (exponent == 0) {
        exponent = 1;
    } else {
        fraction |= 1u << f->mantissa_bits;
    }
    /* A power of two made from bits: exact, and without ldexp, which a freestanding build lacks. */
    double unit = f64_from_bits((uint64_t)(exponent - f->bias - f->mantissa_bits + 1023) << 52);
    double value = (double)fraction * unit;
    return negative ? -value : value;
}

/* float8_e8m0: 2^(bits - 127), 255 is NaN, no sign, no zero. Rounds the exponent to nearest, ties to the even encoding (ONNX's Cast
 * rounds up by default: its reference does that itself). What is too small becomes 2^-127, negative numbers NaN. */
static uint8_t encode_e8m0(double value) {
    if (!(value >= 0)) {
        return 0xFF;
    }
    uint64_t bits = f64_bits(value);
    int exponent = (int)(bits >> 52 & 0x7FF);
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    uint64_t half = (uint64_t)1 << 51;
    int encoded = exponent - 1023 + 127;
    if (fraction > half || (fraction == half && (encoded & 1))) {
        encoded++;
    }
    return (uint8_t)(encoded < 0 ? 0 : encoded > 254 ? 254 : encoded);
}

static double decode_e8m0(uint8_t bits) {
    return bits == 0xFF ? (double)NAN : f64_from_bits((uint64_t)(bits - 127 + 1023) << 52);
}

/* By its bits, since files of weights are widened by it: the same as decode_float, NaN payloads kept. */
float f16_to_f32(uint16_t bits) {
    uint32_t rest = bits & 0x7FFFu, wide;
    float value = (float)rest * 0x1p-24F; /* below the normal numbers */
    memcpy(&wide, &value, sizeof wide);
    if (rest >= 0x400)
        wide = (rest << 13) + (rest < 0x7C00 ? 0x38000000u : 0x70000000u);
    wide |= (uint32_t)(bits & 0x8000u) << 16;
    memcpy(&value, &wide, sizeof value);
    return value;
}

uint16_t f32_to_f16(float value) {
    return (uint16_t)encode_float(&format_f16, (double)value);
}

float bf16_to_f32(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

uint16_t f32_to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {
        return (uint16_t)(bits >> 16 | 0x40); /* a NaN whose payload lies in the dropped bits stays a NaN */
    }
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}

/* ---- elements ----------------------------------------------------------------------------------------------- */

static unsigned get_packed(const void *data, size_t index, unsigned bits) {
    size_t per_byte = 8 / bits;
    unsigned byte = ((const uint8_t *)data)[index / per_byte];
    return byte >> (index % per_byte * bits) & ((1u << bits) - 1);
}

static void set_packed(void *data, size_t index, unsigned bits, unsigned value) {
    size_t per_byte = 8 / bits;
    uint8_t *byte = (uint8_t *)data + index / per_byte;
    unsigned shift = (unsigned)(index % per_byte) * bits;
    unsigned mask = ((1u << bits) - 1) << shift;
    *byte = (uint8_t)((*byte & ~mask) | (value << shift & mask));
}

static int sign_extend(unsigned value, unsigned bits) {
    unsigned sign = 1u << (bits - 1);
    return (int)(value ^ sign) - (int)sign;
}

/* memcpy because contents may lie unaligned in a file; compilers make one load of it. */
#define LOAD(ctype)                                                                                          \
    ctype v;                                                                                                 \
    memcpy(&v, (const uint8_t *)data + index * sizeof v, sizeof v)
#define STORE(ctype, value)                                                                                  \
    do {                                                                                                     \
        ctype v_ = (ctype)(value);                                                                           \
        memcpy((uint8_t *)data + index * sizeof v_, &v_, sizeof v_);                                         \
    } while (0)

static double get_narrow_float(dtype t, const void *data, size_t index) {
    switch (t) {
    case DTYPE_F16: {
        LOAD(uint16_t);
        return decode_float(&format_f16, v);
    }
    case DTYPE_BF16: {
        LOAD(uint16_t);
        return (double)bf16_to_f32(v);
    }
    case DTYPE_F8E4M3FN:
        return decode_float(&format_e4m3fn, ((const uint8_t *)data)[index]);
    case DTYPE_F8E4M3FNUZ:
        return decode_float(&format_e4m3fnuz, ((const uint8_t *)data)[index]);
    case DTYPE_F8E5M2:
        return decode_float(&format_e5m2, ((const uint8_t *)data)[index]);
    case DTYPE_F8E5M2FNUZ:
        return decode_float(&format_e5m2fnuz, ((const uint8_t *)data)[index]);
    case DTYPE_F4E2M1:
        return decode_float(&format_e2m1, get_packed(data, index, 4));
    case DTYPE_F8E8M0:
        return decode_e8m0(((const uint8_t *)data)[index]);
    default:
        return 0;
    }
}

static void set_narrow_float(dtype t, void *data, size_t index, double value) {
    switch (t) {
    case DTYPE_F16:
        STORE(uint16_t, encode_float(&format_f16, value));
        break;
    case DTYPE_BF16:
        STORE(uint16_t, encode_float(&format_bf16, value));
        break;
    case DTYPE_F8E4M3FN:
        STORE(uint8_t, encode_float(&format_e4m3fn, value));
        break;
    case DTYPE_F8E4M3FNUZ:
        STORE(uint8_t, encode_float(&format_e4m3fnuz, value));
        break;
    case DTYPE_F8E5M2:
        STORE(uint8_t, encode_float(&format_e5m2, value));
        break;
    case DTYPE_F8E5M2FNUZ:
        STORE(uint8_t, encode_float(&format_e5m2fnuz, value));
        break;
    case DTYPE_F4E2M1:
        set_packed(data, index, 4, encode_float(&format_e2m1, value));
        break;
    case DTYPE_F8E8M0:
        STORE(uint8_t, encode_e8m0(value));
        break;
    default:
        break;
    }
}

/* 2^63 and 2^64, exact as doubles. */
static const double two_63 = 9223372036854775808.0;
static const double two_64 = 18446744073709551616.0;

static int64_t saturate_i64(double value) {
    if (value != value) {
        return 0;
    }
    if (value >= two_63) {
        return INT64_MAX;
    }
    return value < -two_63 ? INT64_MIN : (int64_t)value;
}

static uint64_t saturate_u64(double value) {
    if (value < two_63) {
        return (uint64_t)saturate_i64(value); /* negative numbers wrap, as from a signed integer */
    }
    return value >= two_64 ? UINT64_MAX : value == value ? (uint64_t)value : 0;
}

/* Real part of complex numbers. */
double dtype_get_f64(dtype t, const void *data, size_t index) {
    switch (t) {
    case DTYPE_F32: {
        LOAD(float);
        return (double)v;
    }
    case DTYPE_F64: {
        LOAD(double);
        return v;
    }
    case DTYPE_U64: {
        LOAD(uint64_t);
        return (double)v;
    }
    case DTYPE_C64:
        index *= 2;
        return dtype_get_f64(DTYPE_F32, data, index);
    case DTYPE_C128:
        index *= 2;
        return dtype_get_f64(DTYPE_F64, data, index);
    default:
        return dtype_is_float(t) ? get_narrow_float(t, data, index) : (double)dtype_get_i64(t, data, index);
    }
}

void dtype_set_f64(dtype t, void *data, size_t index, double value) {
    switch (t) {
    case DTYPE_F32:
        STORE(float, value);
        break;
    case DTYPE_F64:
        STORE(double, value);
        break;
    case DTYPE_U64:
        STORE(uint64_t, saturate_u64(value));
        break;
    case DTYPE_BOOL:
        STORE(uint8_t, value != 0);
        break;
    case DTYPE_C64:
        dtype_set_f64(DTYPE_F32, data, 2 * index, value);
        dtype_set_f64(DTYPE_F32, data, 2 * index + 1, 0);
        break;
    case DTYPE_C128:
        dtype_set_f64(DTYPE_F64, data, 2 * index, value);
        dtype_set_f64(DTYPE_F64, data, 2 * index + 1, 0);
        break;
    default:
        if (dtype_is_float(t)) {
            set_narrow_float(t, data, index, value);
        } else {
            dtype_set_i64(t, data, index, saturate_i64(value));
        }
    }
}

int64_t dtype_get_i64(dtype t, const void *data, size_t index) {
    switch (t) {
    case DTYPE_U8: {
        LOAD(uint8_t);
        return v;
    }
    case DTYPE_I8: {
        LOAD(int8_t);
        return v;
    }
    case DTYPE_U16: {
        LOAD(uint16_t);
        return v;
    }
    case DTYPE_I16: {
        LOAD(int16_t);
        return v;
    }
    case DTYPE_U32: {
        LOAD(uint32_t);
        return v;
    }
    case DTYPE_I32: {
        LOAD(int32_t);
        return v;
    }
    case DTYPE_U64:
    case DTYPE_I64: {
        LOAD(int64_t);
        return v;
    }
    case DTYPE_BOOL: {
        LOAD(uint8_t);
        return v != 0;
    }
    case DTYPE_U4:
        return get_packed(data, index, 4);
    case DTYPE_I4:
        return sign_extend(get_packed(data, index, 4), 4);
    case DTYPE_U2:
        return get_packed(data, index, 2);
    case DTYPE_I2:
        return sign_extend(get_packed(data, index, 2), 2);
    case DTYPE_UNDEFINED:
    case DTYPE_STRING:
        return 0;
    default:
        return saturate_i64(dtype_get_f64(t, data, index));
    }
}

void dtype_set_i64(dtype t, void *data, size_t index, int64_t value) {
    switch (t) {
    case DTYPE_U8:
    case DTYPE_I8:
        STORE(uint8_t, value);
        break;
    case DTYPE_U16:
    case DTYPE_I16:
        STORE(uint16_t, value);
        break;
    case DTYPE_U32:
    case DTYPE_I32:
        STORE(uint32_t, value);
        break;
    case DTYPE_U64:
    case DTYPE_I64:
        STORE(int64_t, value);
        break;
    case DTYPE_BOOL:
        STORE(uint8_t, value != 0);
        break;
    case DTYPE_F32:
        STORE(float, value); /* directly: by way of double it would round twice */
        break;
    case DTYPE_U4:
    case DTYPE_I4:
        set_packed(data, index, 4, (unsigned)((uint64_t)value & 0xF));
        break;
    case DTYPE_U2:
    case DTYPE_I2:
        set_packed(data, index, 2, (unsigned)((uint64_t)value & 0x3));
        break;
    case DTYPE_UNDEFINED:
    case DTYPE_STRING:
        break;
    default:
        dtype_set_f64(t, data, index, (double)value);
    }
}
