/* Element types. Numbers are ONNX's TensorProto.DataType. */
#ifndef ACCEL_GRAPH_DTYPE_H
#define ACCEL_GRAPH_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(symbol, ONNX number, name as numpy and ml_dtypes spell it, bits of one element) */
#define DTYPE_LIST(X)                                                                                        \
    X(DTYPE_UNDEFINED, 0, "undefined", 0)                                                                    \
    X(DTYPE_F32, 1, "float32", 32)                                                                           \
    X(DTYPE_U8, 2, "uint8", 8)                                                                               \
    X(DTYPE_I8, 3, "int8", 8)                                                                                \
    X(DTYPE_U16, 4, "uint16", 16)                                                                            \
    X(DTYPE_I16, 5, "int16", 16)                                                                             \
    X(DTYPE_I32, 6, "int32", 32)                                                                             \
    X(DTYPE_I64, 7, "int64", 64)                                                                             \
    X(DTYPE_STRING, 8, "string", 0)                                                                          \
    X(DTYPE_BOOL, 9, "bool", 8)                                                                              \
    X(DTYPE_F16, 10, "float16", 16)                                                                          \
    X(DTYPE_F64, 11, "float64", 64)                                                                          \
    X(DTYPE_U32, 12, "uint32", 32)                                                                           \
    X(DTYPE_U64, 13, "uint64", 64)                                                                           \
    X(DTYPE_C64, 14, "complex64", 64)                                                                        \
    X(DTYPE_C128, 15, "complex128", 128)                                                                     \
    X(DTYPE_BF16, 16, "bfloat16", 16)                                                                        \
    X(DTYPE_F8E4M3FN, 17, "float8_e4m3fn", 8)                                                                \
    X(DTYPE_F8E4M3FNUZ, 18, "float8_e4m3fnuz", 8)                                                            \
    X(DTYPE_F8E5M2, 19, "float8_e5m2", 8)                                                                    \
    X(DTYPE_F8E5M2FNUZ, 20, "float8_e5m2fnuz", 8)                                                            \
    X(DTYPE_U4, 21, "uint4", 4)                                                                              \
    X(DTYPE_I4, 22, "int4", 4)                                                                               \
    X(DTYPE_F4E2M1, 23, "float4_e2m1fn", 4)                                                                  \
    X(DTYPE_F8E8M0, 24, "float8_e8m0fnu", 8)                                                                 \
    X(DTYPE_U2, 25, "uint2", 2)                                                                              \
    X(DTYPE_I2, 26, "int2", 2)

typedef enum dtype {
#define DTYPE_ENUM(symbol, number, name, bits) symbol = number,
    DTYPE_LIST(DTYPE_ENUM)
#undef DTYPE_ENUM
        DTYPE_COUNT = 27
} dtype;

const char *dtype_name(dtype t);         /* "undefined" for a number that is not in the list */
dtype dtype_from_name(const char *name); /* DTYPE_UNDEFINED when unknown */
dtype dtype_from_onnx(int64_t number);   /* DTYPE_UNDEFINED when unknown */
unsigned dtype_bits(dtype t);            /* 0 for undefined and string */
bool dtype_is_float(dtype t);            /* any floating type, float8 and float4 included */
bool dtype_is_signed_integer(dtype t);
bool dtype_is_unsigned_integer(dtype t); /* bool is not one */
bool dtype_is_integer(dtype t);          /* signed or unsigned; bool is not one */

/* Bytes of `elements` elements; sub-byte types are packed, low bits first, as in ONNX. False when not representable
 * or the type has no fixed size. */
bool dtype_size_bytes(dtype t, int64_t elements, size_t *out);

/* One element, by index, as a number. Sub-byte types are unpacked. get_i64 truncates towards zero for floating types;
 * set rounds to nearest even for narrower floats, saturates for float8/float4 and truncates to the bits of integers
 * (as a C cast would; values outside the range of int64, for uint64 of its own, saturate first; NaN becomes 0). bool: set stores value != 0. */
double dtype_get_f64(dtype t, const void *data, size_t index);
void dtype_set_f64(dtype t, void *data, size_t index, double value);
int64_t dtype_get_i64(dtype t, const void *data, size_t index); /* u64 above INT64_MAX wraps */
void dtype_set_i64(dtype t, void *data, size_t index, int64_t value);

/* float16 and bfloat16 conversions, round to nearest even, NaN kept NaN. */
float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);

#endif
