/* Operators of which each output element depends on the input elements at its place. */
#include <string.h>

#include "engines/webgpu/ops/families.h"

/* ---- functions that WGSL lacks, or has only for some arguments ------------------------------------------------------------- */

/* The series near 0; else Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: off by at most 1.5e-7. */
#define ERF                                                                                                                                                     \
    "fn erf_of(v: f32) -> f32 {\n"                                                                                                                              \
    "    let x = abs(v);\n    let s = x * x;\n"                                                                                                                 \
    "    if (x < 0.5) { return v * (1.12837917 + s * (-0.376126389 + s * (0.112837917 + s * (-0.0268661706 + s * (0.00522397762 - s * 0.000854832767))))); }\n" \
    "    let t = 1.0 / (1.0 + 0.3275911 * x);\n"                                                                                                                \
    "    let y = 1.0 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * exp(-s);\n"                          \
    "    return select(y, -y, v < 0.0);\n}\n"
/* WGSL's tanh may be off by 1e-5 however small its argument is. Near 0 the series. */
#define TANH                                                                                                 \
    "fn tanh_of(v: f32) -> f32 {\n    let s = v * v;\n"                                                      \
    "    if (s < 0.04) { return v * (1.0 - s * (0.333333333 - s * (0.133333333 - s * 0.0539682540))); }\n"   \
    "    let y = 1.0 - 2.0 / (exp(2.0 * min(abs(v), 12.0)) + 1.0);\n    return select(y, -y, v < 0.0);\n}\n"
/* WGSL's own may be off by 2^-11, more for large angles. Cody and Waite: less multiples of a quarter turn, in summands of few bits, by which
 * multiples are exact; then the polynomials of Moshier's Cephes, sinf.c. `quarter`: 0 for the sine, 1 for the cosine. */
#define TURN                                                                                                        \
    "fn turned(v: f32, quarter: i32) -> f32 {\n    let q = round(v * 0.636619772);\n"                               \
    "    if (abs(v) > 1e6) { return select(sin(v), cos(v), quarter == 1); }\n"                                      \
    "    let r = fma(q, 4.4544551e-6, fma(-q, 0.00048828125, fma(-q, 0.0703125, fma(-q, 1.5, v))));\n"              \
    "    let s = r * r;\n    let k = i32(q) + quarter;\n"                                                           \
    "    let sine = fma(r * s, fma(s, fma(s, -1.9515295891e-4, 8.3321608736e-3), -1.6666654611e-1), r);\n"          \
    "    let cosine = fma(s * s, fma(s, fma(s, 2.443315711809948e-5, -1.388731625493765e-3), 4.166664568298827e-2)" \
    ", fma(s, -0.5, 1.0));\n    let y = select(sine, cosine, (k & 1) != 0);\n"                                      \
    "    return select(y, -y, (k & 2) != 0);\n}\n"
#define SOFTPLUS                                                                                             \
    "fn softplus_of(v: f32) -> f32 {\n    let t = exp(-abs(v));\n"                                           \
    "    let rest = select(log(1.0 + t), t * (1.0 - t * (0.5 - t * (0.333333333 - t * 0.25))), t < 0.02);\n" \
    "    return max(v, 0.0) + rest;\n}\n"
/* WGSL's own may be off by 4,096 units in the last place. Abramowitz and Stegun, 4.4.49: off by at most 2e-8. */
#define ARC                                                                                                         \
    "fn atan_of(v: f32) -> f32 {\n    let x = select(abs(v), 1.0 / abs(v), abs(v) > 1.0);\n"                        \
    "    let s = x * x;\n    let y = x * (1.0 + s * (-0.3333314528 + s * (0.1999355085 + s * (-0.1420889944 + s * " \
    "(0.1065626393 + s * (-0.07528964 + s * (0.0429096138 + s * (-0.0161657367 + s * 0.0028662257))))))));\n"       \
    "    let z = select(y, 1.57079633 - y, abs(v) > 1.0);\n    return select(z, -z, v < 0.0);\n}\n"                 \
    "fn asin_of(v: f32) -> f32 { return atan_of(v / sqrt((1.0 - v) * (1.0 + v))); }\n"
/* WGSL's pow wants a base above 0. */
#define POWER                                                                                                \
    "fn power(a: f32, b: f32) -> f32 {\n"                                                                    \
    "    if (b == 0.0) { return 1.0; }\n    if (a == 0.0) { return select(1.0 / a, 0.0, b > 0.0); }\n"       \
    "    let y = pow(abs(a), b);\n    if (a > 0.0) { return y; }\n"                                          \
    "    if (floor(b) != b) { return (a - a) / (a - a); }\n"                                                 \
    "    return select(y, -y, abs(b - 2.0 * floor(b * 0.5)) == 1.0);\n}\n"

#define POWER_OF_INTEGERS                                                                                    \
    "fn power_of(a: i32, b: i32) -> i32 {\n"                                                                 \
    "    if (b < 0) { return select(select(0, select(1, -1, b % 2 != 0), a == -1), 1, a == 1); }\n"          \
    "    var result = 1;\n    var square = a;\n"                                                             \
    "    for (var rest = b; rest > 0; rest = rest >> 1u) {\n"                                                \
    "        if ((rest & 1) != 0) { result *= square; }\n        square *= square;\n    }\n"                 \
    "    return result;\n}\n"
/* The remainder has the sign of a (fmod), or that of b. A quotient that was rounded up leaves one below 0. */
#define REMAINDER                                                                                            \
    "fn remainder_of(a: f32, b: f32, like_a: bool) -> f32 {\n    let size = abs(b);\n"                       \
    "    let q = floor(abs(a) / size);\n    var r = select(fma(-size, q, abs(a)), abs(a), q == 0.0);\n"      \
    "    if (r < 0.0) { r += size; }\n    if (r >= size) { r -= size; }\n    if (a < 0.0) { r = -r; }\n"     \
    "    return select(r, r + b, !like_a && r != 0.0 && (r < 0.0) != (b < 0.0));\n}\n"                       \
    "fn rest_of(a: i32, b: i32, like_a: bool) -> i32 {\n"                                                    \
    "    if (b == 0 || b == -1) { return 0; }\n    let r = a % b;\n"                                         \
    "    return select(r, r + b, !like_a && r != 0 && (r < 0) != (b < 0));\n}\n"

/* ---- the table ----------------------------------------------------------------------------------------------------------------- */

/* X(operator, of f32, of i32, functions, attribute x, its default, attribute y, its default). a, b: inputs; p.x, p.y: attributes. "": has none. A result that
 * is bool is written as 0 or 1. */
#define MAPS(X)                                                                                              \
    X(Neg, "-a", "-a", "", "", 0, "", 0)                                                                     \
    X(Abs, "abs(a)", "abs(a)", "", "", 0, "", 0)                                                             \
    X(Sign, "sign(a)", "sign(a)", "", "", 0, "", 0)                                                          \
    X(Exp, "exp(a)", "", "", "", 0, "", 0)                                                                   \
    X(Log, "log(a)", "", "", "", 0, "", 0)                                                                   \
    X(Sqrt, "sqrt(a)", "", "", "", 0, "", 0)                                                                 \
    X(Reciprocal, "1.0 / a", "", "", "", 0, "", 0)                                                           \
    X(Sin, "turned(a, 0)", "", TURN, "", 0, "", 0)                                                           \
    X(Cos, "turned(a, 1)", "", TURN, "", 0, "", 0)                                                           \
    X(Tan, "turned(a, 0) / turned(a, 1)", "", TURN, "", 0, "", 0)                                            \
    X(Asin, "asin_of(a)", "", ARC, "", 0, "", 0)                                                             \
    X(Acos, "1.57079633 - asin_of(a)", "", ARC, "", 0, "", 0)                                                \
    X(Atan, "atan_of(a)", "", ARC, "", 0, "", 0)                                                             \
    X(Sinh, "sinh(a)", "", "", "", 0, "", 0)                                                                 \
    X(Cosh, "cosh(a)", "", "", "", 0, "", 0)                                                                 \
    X(Asinh, "asinh(a)", "", "", "", 0, "", 0)                                                               \
    X(Acosh, "acosh(a)", "", "", "", 0, "", 0)                                                               \
    X(Atanh, "atanh(a)", "", "", "", 0, "", 0)                                                               \
    X(Shrink, "select(select(0.0, a - p.x, a > p.y), a + p.x, a < -p.y)", "", "", "bias", 0, "lambd", 0.5)   \
    X(BitwiseNot, "", "~a", "", "", 0, "", 0)                                                                \
    X(BitwiseAnd, "", "a & b", "", "", 0, "", 0)                                                             \
    X(BitwiseOr, "", "a | b", "", "", 0, "", 0)                                                              \
    X(BitwiseXor, "", "a ^ b", "", "", 0, "", 0)                                                             \
    X(Floor, "floor(a)", "", "", "", 0, "", 0)                                                               \
    X(Ceil, "ceil(a)", "", "", "", 0, "", 0)                                                                 \
    X(Round, "round(a)", "", "", "", 0, "", 0)                                                               \
    X(Erf, "erf_of(a)", "", ERF, "", 0, "", 0)                                                               \
    X(Tanh, "tanh_of(a)", "", TANH, "", 0, "", 0)                                                            \
    X(Sigmoid, "1.0 / (1.0 + exp(-a))", "", "", "", 0, "", 0)                                                \
    X(Relu, "max(a, 0.0)", "max(a, 0)", "", "", 0, "", 0)                                                    \
    X(LeakyRelu, "select(a * p.x, a, a >= 0.0)", "", "", "alpha", 0.01, "", 0)                               \
    X(ThresholdedRelu, "select(0.0, a, a > p.x)", "", "", "alpha", 1, "", 0)                                 \
    X(Elu, "select(p.x * (exp(a) - 1.0), a, a >= 0.0)", "", "", "alpha", 1, "", 0)                           \
    X(Celu, "max(a, 0.0) + min(0.0, p.x * (exp(a / p.x) - 1.0))", "", "", "alpha", 1, "", 0)                 \
    X(Selu, "p.y * select(p.x * (exp(a) - 1.0), a, a > 0.0)", "", "", "alpha", 1.67326319217681884765625,    \
      "gamma", 1.05070102214813232421875)                                                                    \
    X(Swish, "a / (1.0 + exp(-p.x * a))", "", "", "alpha", 1, "", 0)                                         \
    X(HardSigmoid, "clamp(p.x * a + p.y, 0.0, 1.0)", "", "", "alpha", 0.2, "beta", 0.5)                      \
    X(HardSwish, "a * clamp(a / 6.0 + 0.5, 0.0, 1.0)", "", "", "", 0, "", 0)                                 \
    X(Softplus, "softplus_of(a)", "", SOFTPLUS, "", 0, "", 0)                                                \
    X(Softsign, "a / (1.0 + abs(a))", "", "", "", 0, "", 0)                                                  \
    X(Mish, "a * tanh_of(softplus_of(a))", "", TANH SOFTPLUS, "", 0, "", 0)                                  \
    X(Not, "", "1 - a", "", "", 0, "", 0)                                                                    \
    X(Add, "a + b", "a + b", "", "", 0, "", 0)                                                               \
    X(Sub, "a - b", "a - b", "", "", 0, "", 0)                                                               \
    X(Mul, "a * b", "a * b", "", "", 0, "", 0)                                                               \
    X(Div, "a / b", "a / b", "", "", 0, "", 0)                                                               \
    X(Pow, "power(a, f32(b))", "power_of(a, b)", POWER POWER_OF_INTEGERS, "", 0, "", 0)                      \
    X(PRelu, "select(a * b, a, a >= 0.0)", "", "", "", 0, "", 0)                                             \
    X(And, "", "a & b", "", "", 0, "", 0)                                                                    \
    X(Or, "", "a | b", "", "", 0, "", 0)                                                                     \
    X(Xor, "", "a ^ b", "", "", 0, "", 0)                                                                    \
    X(Equal, "a == b", "a == b", "", "", 0, "", 0)                                                           \
    X(Less, "a < b", "a < b", "", "", 0, "", 0)                                                              \
    X(LessOrEqual, "a <= b", "a <= b", "", "", 0, "", 0)                                                     \
    X(Greater, "a > b", "a > b", "", "", 0, "", 0)                                                           \
    X(GreaterOrEqual, "a >= b", "a >= b", "", "", 0, "", 0)

typedef struct map_def {
    const char *op, *real, *integer, *helpers, *x_name, *y_name;
    double x, y;
} map_def;

static const map_def maps[] = {
#define MAP_ROW(op, real, integer, helpers, x_name, x, y_name, y)                                            \
    {#op, real, integer, helpers, x_name, y_name, x, y},
    MAPS(MAP_ROW)
#undef MAP_ROW
};

static bool compares(const char *expression) {
    return strchr(expression, '<') != NULL || strchr(expression, '>') != NULL ||
           strstr(expression, "==") != NULL;
}

/* ---- lowering -------------------------------------------------------------------------------------------------------------------- */

/* Output 0 = expression of the first `count` inputs as they broadcast. */
static void lower_expression(gpu_lowering *l, gpu_map m, size_t count) {
    m.count = count;
    m.dims = *gpu_output_shape(l, 0);
    for (size_t i = 0; i < count; i++)
        m.operands[i] = gpu_broadcast(l, gpu_input(l, i), gpu_type_name(l, gpu_input_type(l, i)),
                                      gpu_input_shape(l, i), &m.dims);
    m.to = gpu_operand_of(gpu_output(l, 0), gpu_type_name(l, gpu_output_type(l, 0)), &m.dims);
    gpu_run_map(l, &m);
}

/* An expression of i32 as an element of a narrower integer: it wraps around. */
static const char *wrapped(dtype t) {
    return t == DTYPE_U8    ? "(%s) & 255"
           : t == DTYPE_I8  ? "((%s) << 24u) >> 24u"
           : t == DTYPE_U16 ? "(%s) & 65535"
           : t == DTYPE_I16 ? "((%s) << 16u) >> 16u"
                            : "%s";
}

static const map_def *find_map(const char *op) {
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        if (strcmp(maps[i].op, op) == 0)
            return &maps[i];
    return NULL;
}

static gpu_map map_of(const map_def *def, const graph_node *n, const char *expression) {
    return (gpu_map){.expression = expression,
                     .helpers = def->helpers,
                     .x = *def->x_name != 0 ? node_attr_float(n, def->x_name, def->x) : 0.0,
                     .y = *def->y_name != 0 ? node_attr_float(n, def->y_name, def->y) : 0.0};
}

static gpu_map gelu_of(const graph_node *n) {
    bool tanh = strcmp(node_attr_string(n, "approximate", "none"), "tanh") == 0;
    return (gpu_map){.expression = tanh
                                       ? "0.5 * a * (1.0 + tanh_of(0.797884561 * (a + 0.044715 * a * a * a)))"
                                       : "0.5 * a * (1.0 + erf_of(a * 0.707106781))",
                     .helpers = tanh ? TANH : ERF};
}

bool gpu_activation(const graph_node *n, gpu_map *out) {
    if (n->domain[0] != 0 || n->input_count != 1 || n->output_count != 1)
        return false;
    const map_def *def = find_map(n->op_type);
    bool gelu = strcmp(n->op_type, "Gelu") == 0;
    if (!gelu && (def == NULL || *def->real == 0))
        return false;
    *out = gelu ? gelu_of(n) : map_of(def, n, def->real);
    return true;
}

static void lower_map(gpu_lowering *l, const char *op) {
    const map_def *def = find_map(op);
    char expression[256];
    bool real = strcmp(gpu_type_name(l, gpu_input_type(l, 0)), "f32") == 0;
    const char *body = real ? def->real : def->integer;
    bool mixed = !real && gpu_has_input(l, 1) && strcmp(gpu_type_name(l, gpu_input_type(l, 1)), "f32") == 0;
    if (*body == 0 || mixed)
        gpu_fail(l, "no kernel for %s", dtype_name(gpu_input_type(l, 0)));
    bool boolean = gpu_output_type(l, 0) == DTYPE_BOOL && compares(body);
    str_format(expression, sizeof expression, boolean ? "select(0, 1, %s)" : wrapped(gpu_output_type(l, 0)),
               body);
    lower_expression(l, map_of(def, l->node, expression), l->node->input_count);
}

static void lower_gelu(gpu_lowering *l, const char *detail) {
    (void)detail;
    lower_expression(l, gelu_of(l->node), 1);
}

/* fmod is an integer, which the table's attributes are not. */
static void lower_mod(gpu_lowering *l, const char *detail) {
    bool like_a = gpu_attr_int(l, "fmod", 0) != 0,
         real = strcmp(gpu_type_name(l, gpu_input_type(l, 0)), "f32") == 0;
    (void)detail;
    lower_expression(
        l,
        (gpu_map){.expression = real     ? (like_a ? "remainder_of(a, b, true)" : "remainder_of(a, b, false)")
                                : like_a ? "rest_of(a, b, true)"
                                         : "rest_of(a, b, false)",
                  .helpers = REMAINDER},
        2);
}

static void lower_shift(gpu_lowering *l, const char *detail) {
    char expression[128];
    bool right = strcmp(gpu_attr_string(l, "direction", "LEFT"), "RIGHT") == 0;
    (void)detail;
    str_format(expression, sizeof expression, wrapped(gpu_output_type(l, 0)),
               right ? "a >> u32(select(31, b, b >= 0 && b < 32))"
                     : "select(0, a << u32(clamp(b, 0, 31)), b >= 0 && b < 32)");
    lower_expression(l, (gpu_map){.expression = expression}, 2);
}

/* By bits: compilers may take for granted that numbers are neither. */
static void lower_is_nan(gpu_lowering *l, const char *detail) {
    (void)detail;
    lower_expression(
        l, (gpu_map){.expression = "select(0, 1, (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u)"}, 1);
}

static void lower_is_inf(gpu_lowering *l, const char *detail) {
    bool low = gpu_attr_int(l, "detect_negative", 1) != 0, high = gpu_attr_int(l, "detect_positive", 1) != 0;
    (void)detail;
    lower_expression(
        l,
        (gpu_map){.expression = low && high ? "select(0, 1, (bitcast<u32>(a) & 0x7fffffffu) == 0x7f800000u)"
                                : low       ? "select(0, 1, bitcast<u32>(a) == 0xff800000u)"
                                : high      ? "select(0, 1, bitcast<u32>(a) == 0x7f800000u)"
                                            : "select(0, 0, a == a)"},
        1);
}

static void lower_where(gpu_lowering *l, const char *detail) {
    (void)detail;
    lower_expression(l, (gpu_map){.expression = "select(c, b, a != 0)"}, 3);
}

static void lower_clip(gpu_lowering *l, const char *detail) {
    (void)detail;
    bool low = gpu_has_input(l, 1), high = gpu_has_input(l, 2);
    gpu_map m = {.expression = low && high ? "min(max(a, b), c)"
                               : low       ? "max(a, b)"
                               : high      ? "min(a, b)"
                                           : "a"};
    const char *type = gpu_type_name(l, gpu_input_type(l, 0));
    const shape *s = gpu_output_shape(l, 0);
    m.dims = *s;
    for (size_t i = 0; i < 3; i++)
        if (gpu_has_input(l, i))
            m.operands[m.count++] = gpu_broadcast(l, gpu_input(l, i), type, gpu_input_shape(l, i), s);
    m.to = gpu_operand_of(gpu_output(l, 0), type, s);
    gpu_run_map(l, &m);
}

static void lower_cast(gpu_lowering *l, const char *detail) {
    dtype to = gpu_output_type(l, 0);
    const char *from = gpu_type_name(l, gpu_input_type(l, 0)), *into = gpu_type_name(l, to);
    char number[32], expression[64];
    (void)detail;
    block x = gpu_input(l, 0);
    bool rounded = to == DTYPE_F16 && x != BLOCK_NONE && l->blocks[x].half; /* as it lies there */
    if (strcmp(from, into) == 0 && (to == DTYPE_F32 || to == DTYPE_I32 || to == DTYPE_I64 || rounded)) {
        gpu_view(l, 0, 0);
        return;
    }
    str_format(number, sizeof number, to == DTYPE_BOOL ? "select(0, 1, a != %s(0))" : "%s(a)",
               to == DTYPE_BOOL ? from : into);
    str_format(expression, sizeof expression, wrapped(to), number);
    lower_expression(l, (gpu_map){.expression = expression}, 1);
}

/* Two by two, in output 0 or memory on the way to it. */
static void lower_variadic(gpu_lowering *l, const char *expression) {
    const char *type = gpu_type_name(l, gpu_output_type(l, 0));
    const shape *s = gpu_output_shape(l, 0);
    size_t count = l->node->input_count;
    gpu_operand sum = gpu_broadcast(l, gpu_input(l, 0), type, gpu_input_shape(l, 0), s);
    if (count == 1)
        gpu_view(l, 0, 0);
    for (size_t i = 1; i < count && !l->failed; i++) {
        bool mean = strcmp(expression, "mean") == 0, last = i + 1 == count;
        block to = last ? gpu_output(l, 0) : gpu_scratch(l, gpu_elements(s), VALUE_NONE);
        gpu_map m = {.expression = !mean  ? expression
                                   : last ? "(a + b) * p.x"
                                          : "a + b",
                     .count = 2,
                     .dims = *s,
                     .to = gpu_operand_of(to, type, s),
                     .x = 1.0 / (double)count};
        m.operands[0] = sum;
        m.operands[1] = gpu_broadcast(l, gpu_input(l, i), type, gpu_input_shape(l, i), s);
        gpu_run_map(l, &m);
        sum = m.to;
    }
}

static const gpu_lower_def ops[] = {
#define MAP_OP(op, real, integer, helpers, x_name, x, y_name, y) {#op, lower_map, #op, NULL},
    MAPS(MAP_OP)
#undef MAP_OP
        {"Gelu", lower_gelu, NULL, NULL},
    {"Where", lower_where, NULL, NULL},
    {"Clip", lower_clip, NULL, NULL},
    {"Cast", lower_cast, NULL, NULL},
    {"CastLike", lower_cast, NULL, NULL},
    {"Mod", lower_mod, NULL, NULL},
    {"BitShift", lower_shift, NULL, NULL},
    {"IsNaN", lower_is_nan, NULL, NULL},
    {"IsInf", lower_is_inf, NULL, NULL},
    {"Mean", lower_variadic, "mean", NULL},
    {"Max", lower_variadic, "max(a, b)", NULL},
    {"Min", lower_variadic, "min(a, b)", NULL},
    {"Sum", lower_variadic, "a + b", NULL},
};
GPU_FAMILY(gpu_elementwise, ops);
