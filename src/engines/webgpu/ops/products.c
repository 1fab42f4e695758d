/* Matrix products. What only one node reads of a product is taken along into its kernel: a bias that is added, and what tail.h knows. */
#include <string.h>

#include "engines/webgpu/ops/families.h"
#include "engines/webgpu/ops/product.h"

enum { WIDE = 4, FEW_ROWS = 4 };

/* ---- the kernel ---------------------------------------------------------------------------------------------------------- */

/* How large the tile of an invocation is, and whether four elements are read at once. */
typedef struct tile {
    const gpu_variant *variant;
    int64_t rows, columns, group_rows;
    bool wide, deep;
} tile;

static bool in_fours(const int64_t *values, int count) {
    for (int i = 0; i < count; i++)
        if (values[i] % WIDE != 0)
            return false;
    return true;
}

static bool is_shared(const gpu_variant *v) {
    return strcmp(v->file, "gemm_shared") == 0;
}

static tile choose_tile(gpu_lowering *l, const gpu_product *p) {
    gpu_tuned kernel = p->m < FEW_ROWS ? GPU_GEMV : GPU_GEMM;
    tile t = {.variant = gpu_choose(l, kernel, p->m, p->n, p->k)};
    t.wide = p->n % WIDE == 0 && in_fours(p->b_batch, p->batch_dims);
    t.deep =
        p->k % WIDE == 0 && p->a_column == 1 && p->a_row % WIDE == 0 && in_fours(p->a_batch, p->batch_dims);
    const gpu_class class = gpu_class_of(kernel, p->m, p->n, p->k);
    if (is_shared(t.variant) && !(t.wide && t.deep && p->k > 0))
        t.variant = gpu_variant_usual(&class, l->limits->soon);
    t.rows = t.variant->rows;
    while (t.rows > p->m && t.rows > 1 && !is_shared(t.variant))
        t.rows /= 2;
    t.columns = t.wide ? t.variant->columns : WIDE;
    t.group_rows = t.variant->split > 1 ? 1 : t.variant->group[1];
    return t;
}

void gpu_define_number(gpu_lowering *l, const char *word, int64_t value) {
    char text[24];
    str_format(text, sizeof text, "%lld", (long long)value);
    gpu_define(l, word, text);
}

/* c lies along the columns, or is one number a row. */
static void define_c(gpu_lowering *l, const gpu_product *p, const tile *t) {
    bool along = p->c_column != 0;
    gpu_define(l, "C", p->c == BLOCK_NONE ? "" : along && t->wide ? "$read c: vec4<f32>" : "$read c: f32");
    gpu_define(l, "PLUS",
               p->c == BLOCK_NONE ? ""
               : along            ? "x += p.beta * c[p.starts.z + (row + $iu) * p.c_row + column + $ju];"
                                  : "x += p.beta * c[p.starts.z + (row + $iu) * p.c_row];");
}

static void define_words(gpu_lowering *l, const gpu_product *p, const tile *t) {
    gpu_include(l, "PRODUCT_HEAD", "product_head");
    gpu_include(l, "PRODUCT_BATCH", "product_batch");
    gpu_include(l, "PRODUCT_TILE", "product_tile");
    gpu_include(l, "PRODUCT_STEP", "product_step");
    gpu_include(l, "PRODUCT_END", "product_end");
    const gpu_variant *v = t->variant;
    gpu_define_enable(l, v);
    gpu_define_number(l, "ROWS", t->rows);
    gpu_define_number(l, "COLUMNS", t->columns);
    gpu_define_number(l, "DEPTH", t->deep ? WIDE : 1);
    gpu_define_number(l, "GROUP_X", v->group[0]);
    gpu_define_number(l, "GROUP_Y", v->group[1]);
    gpu_define_number(l, "SPLIT", v->split);
    gpu_define_number(l, "THREADS", v->group[0] * v->split);
    gpu_define(l, "A", t->deep ? "vec4<f32>" : "f32");
    gpu_define(l, "V", t->wide ? "vec4<f32>" : "f32");
    gpu_define(l, "LEFT", t->deep ? "l$i[$u]" : "l$i");
    define_c(l, p, t);
    gpu_tail_define(l, &p->tail, t->wide, "at + p.residual_start");
}

static void write_batch(gpu_lowering *l, const int64_t *values, int count, int64_t unit, int64_t rest) {
    for (int d = 0; d < GPU_BATCH_DIMS; d++)
        gpu_word(l, d < count ? values[d] / unit : rest);
}

static size_t groups_for(int64_t count, int64_t tile_size) {
    return (size_t)((count + tile_size - 1) / tile_size);
}

static void run_product(gpu_lowering *l, gpu_product *p) {
    const tile t = choose_tile(l, p);
    int64_t batches = 1, a_unit = t.deep ? WIDE : 1, b_unit = t.wide ? WIDE : 1, n = p->n / b_unit;
    for (int d = 0; d < p->batch_dims; d++)
        batches *= p->batch[d];
    gpu_call(l, t.variant->file);
    define_words(l, p, &t);
    gpu_read(l, p->a);
    gpu_read(l, p->b);
    if (p->c != BLOCK_NONE)
        gpu_read(l, p->c);
    gpu_tail_bind(l, &p->tail);
    int64_t c_unit = p->c_column != 0 ? b_unit : 1;
    const int64_t sizes[] = {p->m,          n,
                             p->k / a_unit, p->a_row / a_unit,
                             p->a_column,   p->c_row / c_unit,
                             p->c_column,   p->residual_start / b_unit};
    const int64_t starts[] = {p->a_start / a_unit, p->b_start / b_unit, p->c_start / c_unit,
                              p->to_start / b_unit};
    gpu_words(l, sizeof sizes / sizeof *sizes, sizes, 8, 0);
    gpu_real(l, p->alpha);
    gpu_real(l, p->beta);
    gpu_tail_words(l, &p->tail);
    write_batch(l, p->batch, p->batch_dims, 1, 1);
    write_batch(l, p->a_batch, p->batch_dims, a_unit, 0);
    write_batch(l, p->b_batch, p->batch_dims, b_unit, 0);
    gpu_words(l, 4, starts, 4, 0);
    gpu_run_groups(l, groups_for(n, t.columns * t.variant->group[0]), groups_for(p->m, t.rows * t.group_rows),
                   (size_t)batches);
}

/* ---- operands that are larger than a binding -------------------------------------------------------------------------------- */

static bool binds(const gpu_lowering *l, const gpu_product *p) {
    return gpu_binds(l, p->a) && gpu_binds(l, p->b) && gpu_binds(l, p->c) && gpu_binds(l, p->tail.residual) &&
           gpu_binds(l, p->tail.to);
}

/* What a product is cut along: a dim of the batch, or, -1, the rows. How far one of these lines lies from the next in each operand; 0: they share it. */
typedef struct lines {
    int dim;
    int64_t count, a, b, c, result;
} lines;

static lines lines_to_cut(const gpu_product *p) {
    lines cut = {.dim = -1, .count = p->m, .a = p->a_row, .c = p->c_row, .result = p->n};
    int d = 0;
    while (d < p->batch_dims && p->batch[d] == 1)
        d++;
    if (d == p->batch_dims)
        return cut;
    cut = (lines){d, p->batch[d], p->a_batch[d], p->b_batch[d], 0, p->m * p->n};
    for (d++; d < p->batch_dims; d++)
        cut.result *= p->batch[d];
    return cut;
}

/* An operand from a line on, as far as the matrix of all batches reaches; start: where that begins in the window. */
static block window_of(gpu_lowering *l, block b, int64_t first, int64_t *start, const gpu_product *p,
                       const int64_t *batch, int64_t matrix) {
    for (int d = 0; d < p->batch_dims && batch != NULL; d++)
        matrix += (p->batch[d] - 1) * batch[d];
    return gpu_window(l, b, *start + first, matrix, start);
}

static gpu_product lines_of(gpu_lowering *l, const gpu_product *p, const lines *cut, int64_t first,
                            int64_t count) {
    gpu_product part = *p;
    int64_t results = count * cut->result;
    *(cut->dim < 0 ? &part.m : &part.batch[cut->dim]) = count;
    part.a = window_of(l, p->a, first * cut->a, &part.a_start, &part, part.a_batch,
                       (part.m - 1) * p->a_row + (p->k - 1) * p->a_column + 1);
    part.b = window_of(l, p->b, first * cut->b, &part.b_start, &part, part.b_batch, p->k * p->n);
    part.c = window_of(l, p->c, first * cut->c, &part.c_start, &part, NULL,
                       (part.m - 1) * p->c_row + (p->n - 1) * p->c_column + 1);
    part.tail.to = window_of(l, p->tail.to, first * cut->result, &part.to_start, &part, NULL, results);
    part.tail.residual =
        window_of(l, p->tail.residual, first * cut->result, &part.residual_start, &part, NULL, results);
    return part;
}

/* Half of it, and half of that, until the device binds what it needs. */
static void run_in_windows(gpu_lowering *l, gpu_product *p) {
    const lines cut = lines_to_cut(p);
    int64_t half = (cut.count + 1) / 2;
    if (l->failed || binds(l, p)) {
        run_product(l, p);
        return;
    }
    if (cut.count < 2) {
        gpu_fail_large(l, p->tail.to);
        return;
    }
    gpu_product some = lines_of(l, p, &cut, 0, half);
    run_in_windows(l, &some);
    some = lines_of(l, p, &cut, half, cut.count - half);
    run_in_windows(l, &some);
}

void gpu_run_product(gpu_lowering *l, const gpu_product *p) {
    gpu_product whole = *p;
    gpu_tail_place(l, &whole.tail);
    run_in_windows(l, &whole);
}

/* ---- a matrix that is larger than a binding -------------------------------------------------------------------------------- */

/* Columns first … first + count of the result from those of the product, with what is added to them. */
static void join_columns(gpu_lowering *l, const gpu_product *p, block columns, block to, int64_t first,
                         int64_t count) {
    gpu_map m = {.expression = p->c != BLOCK_NONE ? "a + p.x * b" : "a",
                 .count = p->c != BLOCK_NONE ? 2 : 1,
                 .dims = {.rank = 2, .dims = {p->m, count}},
                 .to = {.block = to, .type = "f32", .start = first, .strides = {p->n, 1}},
                 .x = p->beta};
    m.operands[0] = gpu_operand_of(columns, "f32", &m.dims);
    m.operands[1] = (gpu_operand){
        .block = p->c, .type = "f32", .start = first * p->c_column, .strides = {p->c_row, p->c_column}};
    gpu_run_map(l, &m);
}

void gpu_run_product_in_parts(gpu_lowering *l, const gpu_product *p, value_id b, bool turned) {
    int64_t most = gpu_lines_at_once(l, b, p->k, WIDE);
    if (most == 0 || p->batch_dims > 0)
        gpu_fail(l, "a column of its weight takes %lld bytes, the device binds at most %llu at once",
                 (long long)gpu_bytes_of((size_t)p->k, gpu_is_half(l, b)),
                 (unsigned long long)l->limits->binding_bytes);
    block to = gpu_output(l, 0);
    for (int64_t first = 0; first < p->n && !l->failed; first += most) {
        int64_t count = p->n - first < most ? p->n - first : most;
        const gpu_part columns = {.first = (size_t)first, .count = (size_t)count, .columns = true};
        gpu_product part = *p;
        part.b = gpu_part_of(l, b, turned, columns, p->k);
        part.n = count;
        part.c = BLOCK_NONE;
        part.tail = gpu_tail_of(VALUE_NONE);
        part.tail.to = gpu_scratch(l, (size_t)(p->m * count), VALUE_NONE);
        gpu_run_product(l, &part);
        join_columns(l, p, part.tail.to, to, first, count);
    }
}

/* ---- what is taken along --------------------------------------------------------------------------------------------------- */

/* Only an Add reads the product, and what it adds is a row of n constants. */
static void take_bias(gpu_lowering *l, gpu_product *p) {
    const graph_node *n = gpu_only_reader(l, p->tail.result);
    if (p->c != BLOCK_NONE || n == NULL || n->domain[0] != 0 || strcmp(n->op_type, "Add") != 0)
        return;
    value_id other = n->inputs[0] == p->tail.result ? n->inputs[1] : n->inputs[0];
    const shape *s = gpu_shape(l, other);
    bool row = gpu_is_constant(l, other) && (int64_t)gpu_elements(s) == p->n && s->rank > 0 &&
               s->dims[s->rank - 1] == p->n;
    if (!row || !shape_equal(gpu_shape(l, n->outputs[0]), gpu_shape(l, p->tail.result)))
        return;
    p->c = gpu_value(l, other);
    p->c_row = 0;
    p->c_column = 1;
    p->beta = 1.0;
    gpu_tail_pass(&p->tail, n);
}

/* ---- MatMul -------------------------------------------------------------------------------------------------------------- */

static bool set_batch_dim(gpu_product *p, int64_t size, int64_t step_a, int64_t step_b) {
    int last = p->batch_dims - 1;
    if (last >= 0 && p->a_batch[last] == step_a * size && p->b_batch[last] == step_b * size) {
        p->batch[last] *= size; /* both go on in the same way: one dim */
    } else if (++last < GPU_BATCH_DIMS) {
        p->batch[last] = size;
        p->batch_dims++;
    } else {
        return false;
    }
    p->a_batch[last] = step_a;
    p->b_batch[last] = step_b;
    return true;
}

/* The batch dims of both as they broadcast. */
static void set_batch(gpu_lowering *l, gpu_product *p, const shape *a, const shape *b) {
    shape batch_a = {.rank = a->rank - 2}, batch_b = {.rank = b->rank - 2}, whole = {0};
    memcpy(batch_a.dims, a->dims, sizeof a->dims);
    memcpy(batch_b.dims, b->dims, sizeof b->dims);
    if (!shape_broadcast(&batch_a, &batch_b, &whole))
        gpu_fail(l, "shapes that do not broadcast");
    gpu_operand x = gpu_broadcast(l, p->a, "f32", &batch_a, &whole),
                y = gpu_broadcast(l, p->b, "f32", &batch_b, &whole);
    for (int d = 0; d < whole.rank && !l->failed; d++)
        if (whole.dims[d] != 1 &&
            !set_batch_dim(p, whole.dims[d], x.strides[d] * p->m * p->k, y.strides[d] * p->k * p->n))
            gpu_fail(l, "no kernel for products of %d dims", whole.rank + 2);
    if (p->batch_dims == 1 && p->b_batch[0] == 0 && p->a_batch[0] == p->m * p->k) { /* rows by one matrix */
        p->m *= p->batch[0];
        p->batch_dims = 0;
    }
}

static void lower_matmul(gpu_lowering *l, const char *detail) {
    shape a = *gpu_input_shape(l, 0), b = *gpu_input_shape(l, 1);
    (void)detail;
    gpu_want_reals(l);
    if (a.rank == 1) /* a row; the product loses that dim again */
        a = (shape){.rank = 2, .dims = {1, a.dims[0]}};
    if (b.rank == 1)
        b = (shape){.rank = 2, .dims = {b.dims[0], 1}};
    int64_t k = a.dims[a.rank - 1];
    value_id turned = gpu_turned_constant(l, gpu_input_value(l, 1)),
             weight = turned != VALUE_NONE ? turned : gpu_input_value(l, 1);
    bool large = b.rank == 2 && gpu_is_large(l, weight);
    gpu_product p = {.a = gpu_input(l, 0),
                     .b = large ? BLOCK_NONE : gpu_input(l, 1),
                     .c = BLOCK_NONE,
                     .m = a.dims[a.rank - 2],
                     .n = b.dims[b.rank - 1],
                     .k = k,
                     .a_row = k,
                     .a_column = 1,
                     .alpha = 1.0,
                     .tail = gpu_tail_of(l->node->outputs[0])};
    set_batch(l, &p, &a, &b);
    if (large) {
        gpu_run_product_in_parts(l, &p, weight, turned != VALUE_NONE);
        return;
    }
    take_bias(l, &p);
    gpu_tail_take(l, &p.tail);
    gpu_run_product(l, &p);
}

/* ---- Gemm ------------------------------------------------------------------------------------------------------------------ */

static void lower_gemm(gpu_lowering *l, const char *detail) {
    bool turn_a = gpu_attr_int(l, "transA", 0) != 0, turn_b = gpu_attr_int(l, "transB", 0) != 0;
    const shape *a = gpu_input_shape(l, 0), *to = gpu_output_shape(l, 0);
    int64_t columns = a->dims[1];
    gpu_product p = {.a = gpu_input(l, 0),
                     .c = BLOCK_NONE,
                     .m = to->dims[0],
                     .n = to->dims[1],
                     .k = a->dims[turn_a ? 0 : 1],
                     .a_row = turn_a ? 1 : columns,
                     .a_column = turn_a ? columns : 1,
                     .alpha = gpu_attr_float(l, "alpha", 1.0),
                     .beta = gpu_attr_float(l, "beta", 1.0),
                     .tail = gpu_tail_of(l->node->outputs[0])};
    (void)detail;
    gpu_want_reals(l);
    if (turn_b && !gpu_is_constant(l, gpu_input_value(l, 1)))
        gpu_fail(l, "no kernel for a transposed B that is computed");
    bool large = gpu_is_large(l, gpu_input_value(l, 1));
    if (!large)
        p.b = turn_b && !l->failed ? gpu_turned(l, gpu_input_value(l, 1)) : gpu_input(l, 1);
    if (gpu_has_input(l, 2)) {
        gpu_operand c = gpu_broadcast(l, gpu_input(l, 2), "f32", gpu_input_shape(l, 2), to);
        p.c = c.block;
        p.c_row = c.strides[0];
        p.c_column = c.strides[1];
    }
    if (large) {
        gpu_run_product_in_parts(l, &p, gpu_input_value(l, 1), turn_b);
        return;
    }
    gpu_tail_take(l, &p.tail);
    gpu_run_product(l, &p);
}

static const gpu_lower_def ops[] = {
    {"MatMul", lower_matmul, NULL, NULL},
    {"Gemm", lower_gemm, NULL, NULL},
};
GPU_FAMILY(gpu_products, ops);
