/* Operators over whole rows: norms, softmax, reductions, running sums. */
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "engines/webgpu/ops/rows.h"

gpu_lines gpu_lines_along(const shape *s, int axis) {
    gpu_lines r = {1, s->dims[axis], 1};
    for (int d = 0; d < s->rank; d++) {
        r.count *= d != axis ? s->dims[d] : 1;
        r.step *= d > axis ? s->dims[d] : 1;
    }
    return r;
}

/* The words of kernels that give a row to a workgroup, whose invocations fold what they have (wgsl/fold.wgsl); false: the variant is none of these. */
static bool define_fold(gpu_lowering *l, const gpu_variant *v) {
    bool subgroups = v->subgroup > 0;
    const char *fold = gpu_source(subgroups ? "fold_subgroup" : "fold");
    if (v->split == 1)
        return false;
    gpu_define_enable(l, v);
    gpu_define(l, "FOLD", fold != NULL ? fold : "");
    gpu_define(l, "SUBGROUP", subgroups ? ", @builtin(subgroup_size) subgroup: u32" : "");
    gpu_define(l, "SET_SUBGROUP", subgroups ? "subgroup_of = subgroup;" : "");
    return true;
}

/* ---- norms ----------------------------------------------------------------------------------------------------------- */

static void lower_norm(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0);
    bool mean = strcmp(detail, "mean") == 0, bias = gpu_has_input(l, 2);
    int axis = gpu_axis(l, gpu_attr_int(l, "axis", -1), s->rank);
    int64_t size = 1;
    gpu_want_reals(l);
    for (int d = axis; d < s->rank; d++)
        size *= s->dims[d];
    if (gpu_has_output(l, 1) || gpu_has_output(l, 2))
        gpu_fail(l, "no kernel for mean and deviation as outputs");
    if (!l->failed && ((int64_t)gpu_elements(gpu_input_shape(l, 1)) != size ||
                       (bias && (int64_t)gpu_elements(gpu_input_shape(l, 2)) != size)))
        gpu_fail(l, "no kernel for a scale or bias that broadcasts");
    int64_t count = size > 0 ? (int64_t)gpu_elements(s) / size : 0;
    const gpu_variant *v = gpu_choose(l, GPU_NORM, count, size, 0);
    gpu_call(l, v->file);
    bool folds = define_fold(l, v);
    gpu_define(l, "BIAS", bias ? "$read bias: f32" : "");
    gpu_define(l, "PLUS", bias ? " + bias[i]" : "");
    gpu_define(l, "MEAN",
               !mean   ? ""
               : folds ? "for (var i = me; i < p.size; i += 64u) { mean += data[start + i]; }\n"
                         "    mean = fold_sum(mean, me) / f32(p.size);"
                       : "for (var i = 0u; i < p.size; i++) { mean += data[start + i]; }\n"
                         "    mean /= f32(p.size);");
    gpu_read(l, gpu_input(l, 0));
    gpu_read(l, gpu_input(l, 1));
    if (bias)
        gpu_read(l, gpu_input(l, 2));
    gpu_write(l, gpu_output(l, 0));
    gpu_word(l, count);
    gpu_word(l, size);
    gpu_real(l, gpu_attr_float(l, "epsilon", 1e-5));
    gpu_word(l, 0);
    (folds ? gpu_run_lines : gpu_run)(l, (size_t)count);
}

static void lower_softmax(gpu_lowering *l, const char *detail) {
    const shape *s = gpu_input_shape(l, 0);
    bool logarithm = strcmp(detail, "log") == 0;
    gpu_lines r = gpu_lines_along(s, gpu_axis(l, gpu_attr_int(l, "axis", -1), s->rank));
    gpu_want_reals(l);
    const gpu_variant *v = gpu_choose(l, GPU_SOFTMAX, r.count, r.size, 0);
    gpu_call(l, v->file);
    bool folds = define_fold(l, v);
    gpu_define(l, "BEFORE", logarithm ? "let shift = log(sum);" : "let factor = 1.0 / sum;");
    gpu_define(l, "EXPRESSION", logarithm ? "x - shift" : "exp(x) * factor");
    gpu_read(l, gpu_input(l, 0));
    gpu_write(l, gpu_output(l, 0));
    gpu_word(l, r.count);
    gpu_word(l, r.size);
    gpu_word(l, r.step);
    gpu_word(l, 0);
    (folds ? gpu_run_lines : gpu_run)(l, (size_t)r.count);
}

/* `op`: what is added up, "+", or multiplied, "*". */
static void lower_cumulate(gpu_lowering *l, const char *op) {
    const shape *s = gpu_input_shape(l, 0);
    double axis = 0.0;
    if (!gpu_constant_number(l, 1, &axis))
        return;
    gpu_lines r = gpu_lines_along(s, gpu_axis(l, (int64_t)axis, s->rank));
    gpu_call(l, "cumulate");
    gpu_define(l, "T", gpu_type_name(l, gpu_input_type(l, 0)));
    gpu_define(l, "START", *op == '+' ? "0" : "1");
    gpu_define(l, "OP", op);
    gpu_read(l, gpu_input(l, 0));
    gpu_write(l, gpu_output(l, 0));
    const int64_t words[] = {r.count, r.size, r.step, gpu_attr_int(l, "exclusive", 0),
                             gpu_attr_int(l, "reverse", 0)};
    gpu_words(l, sizeof words / sizeof *words, words, 8, 0);
    gpu_run(l, (size_t)r.count);
}

/* ---- reductions ---------------------------------------------------------------------------------------------------------- */

typedef struct reduction {
    const char *op, *start, *step, *end;
    const char *join; /* of what two found, sum and x; NULL: as a step */
} reduction;

/* `start` of a maximum, "-", is the least number, which goes as bits: WGSL cannot write infinity. */
static const reduction reductions[] = {
    {"ReduceSum", "0", "sum + x", "sum", NULL},
    {"ReduceMean", "0", "sum + x", "sum / n", NULL},
    {"ReduceProd", "1", "sum * x", "sum", NULL},
    {"ReduceMax", "-", "max(sum, x)", "sum", NULL},
    {"ReduceMin", "+", "min(sum, x)", "sum", NULL},
    {"ReduceL1", "0", "sum + abs(x)", "sum", "sum + x"},
    {"ReduceL2", "0", "sum + x * x", "sqrt(sum)", "sum + x"},
    {"ReduceSumSquare", "0", "sum + x * x", "sum", "sum + x"},
    {"ReduceLogSum", "0", "sum + x", "log(sum)", NULL},
    /* of exponentials, with what is largest so far taken out */
    {"ReduceLogSumExp", "-",
     "max(sum, x) + select(log(1.0 + exp(-abs(sum - x))), 0.0, min(sum, x) == bitcast<f32>(p.least))", "sum",
     NULL},
};

static int64_t bits_of(const char *start, dtype t) {
    bool greatest = strcmp(start, "+") == 0, is_signed = dtype_is_signed_integer(t);
    unsigned bits = t == DTYPE_BOOL ? 1 : t == DTYPE_I64 ? 32 : dtype_bits(t);
    if (dtype_is_float(t))
        return greatest ? 0x7F800000 : 0xFF800000;
    int64_t most = (INT64_C(1) << (is_signed ? bits - 1 : bits)) - 1;
    return greatest ? most : is_signed ? -most - 1 : 0;
}

/* Which dims go: input 1, all when it is empty (none with noop_with_empty_axes). */
static bool read_axes(gpu_lowering *l, bool *gone, int rank) {
    const int64_t *axes = NULL;
    size_t count = 0;
    if (gpu_has_input(l, 1) && !gpu_constant_ints(l, 1, &axes, &count))
        return false;
    for (int d = 0; d < rank; d++)
        gone[d] = count == 0 && gpu_attr_int(l, "noop_with_empty_axes", 0) == 0;
    for (size_t i = 0; i < count; i++)
        gone[gpu_axis(l, axes[i], rank)] = true;
    return !l->failed;
}

static void lower_reduce(gpu_lowering *l, const char *op) {
    const reduction *r = reductions;
    const shape *s = gpu_input_shape(l, 0);
    const char *type = gpu_type_name(l, gpu_input_type(l, 0));
    gpu_operand x = gpu_operand_of(BLOCK_NONE, type, s);
    bool gone[TENSOR_MAX_RANK] = {false}, real = strcmp(type, "f32") == 0;
    int64_t dims[2][TENSOR_MAX_RANK], steps[2][TENSOR_MAX_RANK], over = 1;
    size_t counts[2] = {0, 0};
    while (strcmp(r->op, op) != 0)
        r++;
    const char *type_start = real ? "bitcast<f32>(p.least)" : "bitcast<i32>(p.least)";
    if (!read_axes(l, gone, s->rank))
        return;
    for (int d = 0; d < s->rank; d++) {
        size_t *at = &counts[gone[d]];
        dims[gone[d]][*at] = s->dims[d];
        steps[gone[d]][(*at)++] = x.strides[d];
        over *= gone[d] ? s->dims[d] : 1;
    }
    bool exponential = strcmp(op, "ReduceLogSumExp") == 0;
    if (!real && (exponential || (strcmp(r->end, "sum") != 0 && strcmp(r->end, "sum / n") != 0)))
        gpu_fail(l, "no kernel for %s", dtype_name(gpu_input_type(l, 0)));
    size_t count = gpu_elements(gpu_output_shape(l, 0));
    const gpu_variant *v = gpu_choose(l, GPU_REDUCE, (int64_t)count, over, 0);
    gpu_call(l, v->file);
    gpu_define(l, "T", type);
    gpu_define(l, "START", strchr("+-", *r->start) != NULL ? type_start : r->start);
    gpu_define(l, "STEP", r->step);
    gpu_define(l, "JOIN", r->join != NULL ? r->join : r->step);
    gpu_define(l, "END", r->end);
    gpu_read(l, gpu_input(l, 0));
    gpu_write(l, gpu_output(l, 0));
    gpu_word(l, (int64_t)count);
    gpu_word(l, over);
    gpu_word(l, bits_of(r->start, gpu_input_type(l, 0)));
    gpu_word(l, 0);
    for (int which = 0; which < 2; which++) {
        gpu_words(l, counts[which], dims[which], TENSOR_MAX_RANK, 1);
        gpu_words(l, counts[which], steps[which], TENSOR_MAX_RANK, 0);
    }
    (v->split > 1 ? gpu_run_lines : gpu_run)(l, count);
}

static const gpu_lower_def ops[] = {
    {"LayerNormalization", lower_norm, "mean", NULL},
    {"RMSNormalization", lower_norm, "", NULL},
    {"Softmax", lower_softmax, "", NULL},
    {"LogSoftmax", lower_softmax, "log", NULL},
    {"CumSum", lower_cumulate, "+", NULL},
    {"CumProd", lower_cumulate, "*", NULL},
    {"ReduceSum", lower_reduce, "ReduceSum", NULL},
    {"ReduceMean", lower_reduce, "ReduceMean", NULL},
    {"ReduceProd", lower_reduce, "ReduceProd", NULL},
    {"ReduceMax", lower_reduce, "ReduceMax", NULL},
    {"ReduceMin", lower_reduce, "ReduceMin", NULL},
    {"ReduceL1", lower_reduce, "ReduceL1", NULL},
    {"ReduceL2", lower_reduce, "ReduceL2", NULL},
    {"ReduceSumSquare", lower_reduce, "ReduceSumSquare", NULL},
    {"ReduceLogSum", lower_reduce, "ReduceLogSum", NULL},
    {"ReduceLogSumExp", lower_reduce, "ReduceLogSumExp", NULL},
};
GPU_FAMILY(gpu_rows, ops);
