/* Matrix products. What only one node reads of a product is taken along into its kernel: a bias that is added, an activation. */
#include <string.h>

#include "engines/webgpu/ops/families.h"

enum { BATCH_DIMS = 4, WIDE = 4, GROUP_X = 16, GROUP_Y = 4 };

/* a[batch, m, k] · b[batch, k, n]; strides in elements, 0 where an operand is broadcast. */
typedef struct product {
    block a, b, c;
    int64_t m, n, k, a_row, a_column, c_row, c_column;
    int64_t batch[BATCH_DIMS], a_batch[BATCH_DIMS], b_batch[BATCH_DIMS];
    int batch_dims;
    double alpha, beta;
    gpu_map activation;         /* expression NULL: none */
    value_id result, passed[2]; /* what the kernel writes; values before it that nobody else reads */
    int passed_count;
} product;

/* ---- the kernel ---------------------------------------------------------------------------------------------------------- */

/* How large the tile of an invocation is, and whether four elements are read at once. */
typedef struct tile {
    int64_t rows, columns;
    bool wide, deep;
} tile;

static bool in_fours(const int64_t *values, int count) {
    for (int i = 0; i < count; i++)
        if (values[i] % WIDE != 0)
            return false;
    return true;
}

static tile choose_tile(const product *p) {
    tile t = {.rows = p->m >= 8 ? 8 : p->m >= 4 ? 4 : p->m >= 2 ? 2 : 1};
    t.wide = p->n % WIDE == 0 && in_fours(p->b_batch, p->batch_dims);
    t.deep =
        p->k % WIDE == 0 && p->a_column == 1 && p->a_row % WIDE == 0 && in_fours(p->a_batch, p->batch_dims);
    t.columns = t.wide ? (p->m >= 4 ? 2 : 1) : 4;
    return t;
}

static void define_number(gpu_lowering *l, const char *word, int64_t value) {
    char text[24];
    str_format(text, sizeof text, "%lld", (long long)value);
    gpu_define(l, word, text);
}

/* c lies along the columns, or is one number a row. */
static void define_c(gpu_lowering *l, const product *p, const tile *t) {
    bool along = p->c_column != 0;
    char text[96];
    str_format(text, sizeof text, "@group(0) @binding(3) var<storage, read> c: array<%s>;",
               along && t->wide ? "vec4<f32>" : "f32");
    gpu_define(l, "C", p->c != BLOCK_NONE ? text : "");
    gpu_define(l, "LAST", p->c != BLOCK_NONE ? "4" : "3");
    gpu_define(l, "PLUS",
               p->c == BLOCK_NONE ? ""
               : along            ? "x += p.beta * c[(row + $iu) * p.c_row + column + $ju];"
                                  : "x += p.beta * c[(row + $iu) * p.c_row];");
}

static void define_activation(gpu_lowering *l, const product *p, const tile *t) {
    str_buf text = {0};
    if (p->activation.expression != NULL)
        str_appendf(&text, "%sfn activation(a: f32) -> f32 { return %s; }",
                    p->activation.helpers != NULL ? p->activation.helpers : "", p->activation.expression);
    if (text.failed)
        gpu_fatal(l, ACCEL_OUT_OF_MEMORY, "memory ended at a shader");
    gpu_define(l, "FUNCTIONS", str_text(&text));
    gpu_define(l, "RESULT",
               p->activation.expression == NULL ? "x"
               : t->wide ? "vec4<f32>(activation(x.x), activation(x.y), activation(x.z), activation(x.w))"
                         : "activation(x)");
    str_free(&text);
}

static void define_words(gpu_lowering *l, const product *p, const tile *t) {
    define_number(l, "ROWS", t->rows);
    define_number(l, "COLUMNS", t->columns);
    define_number(l, "DEPTH", t->deep ? WIDE : 1);
    define_number(l, "GROUP_X", GROUP_X);
    define_number(l, "GROUP_Y", GROUP_Y);
    gpu_define(l, "A", t->deep ? "vec4<f32>" : "f32");
    gpu_define(l, "V", t->wide ? "vec4<f32>" : "f32");
    gpu_define(l, "LEFT", t->deep ? "l$i[$u]" : "l$i");
    define_c(l, p, t);
    define_activation(l, p, t);
}

static void write_batch(gpu_lowering *l, const int64_t *values, int count, int64_t unit, int64_t rest) {
    for (int d = 0; d < BATCH_DIMS; d++)
        gpu_word(l, d < count ? values[d] / unit : rest);
}

static size_t groups_for(int64_t count, int64_t tile_size) {
    return (size_t)((count + tile_size - 1) / tile_size);
}

static void run_product(gpu_lowering *l, const product *p) {
    const tile t = choose_tile(p);
    int64_t batches = 1, a_unit = t.deep ? WIDE : 1, b_unit = t.wide ? WIDE : 1, n = p->n / b_unit;
    for (int d = 0; d < p->batch_dims; d++)
        batches *= p->batch[d];
    gpu_call(l, "gemm");
    define_words(l, p, &t);
    gpu_read(l, p->a);
    gpu_read(l, p->b);
    if (p->c != BLOCK_NONE)
        gpu_read(l, p->c);
    block result = gpu_output_value(l, p->result);
    gpu_write(l, result);
    for (int i = 0; i < p->passed_count && !l->failed; i++)
        l->placed[p->passed[i]] = result;
    const int64_t sizes[] = {p->m,          n,
                             p->k / a_unit, p->a_row / a_unit,
                             p->a_column,   p->c_column != 0 ? p->c_row / b_unit : p->c_row,
                             p->c_column,   0};
    gpu_words(l, sizeof sizes / sizeof *sizes, sizes, 8, 0);
    gpu_real(l, p->alpha);
    gpu_real(l, p->beta);
    gpu_real(l, p->activation.x);
    gpu_real(l, p->activation.y);
    write_batch(l, p->batch, p->batch_dims, 1, 1);
    write_batch(l, p->a_batch, p->batch_dims, a_unit, 0);
    write_batch(l, p->b_batch, p->batch_dims, b_unit, 0);
    gpu_run_groups(l, groups_for(n, t.columns * GROUP_X), groups_for(p->m, t.rows * GROUP_Y),
                   (size_t)batches);
}

/* ---- what is taken along --------------------------------------------------------------------------------------------------- */

static void go_on(product *p, const graph_node *n) {
    p->passed[p->passed_count++] = p->result;
    p->result = n->outputs[0];
}

/* Only an Add reads the product, and what it adds is a row of n constants. */
static void take_bias(gpu_lowering *l, product *p) {
    const graph_node *n = gpu_only_reader(l, p->result);
    if (p->c != BLOCK_NONE || n == NULL || n->domain[0] != 0 || strcmp(n->op_type, "Add") != 0)
        return;
    value_id other = n->inputs[0] == p->result ? n->inputs[1] : n->inputs[0];
    const shape *s = gpu_shape(l, other);
    bool row = gpu_is_constant(l, other) && (int64_t)gpu_elements(s) == p->n && s->rank > 0 &&
               s->dims[s->rank - 1] == p->n;
    if (!row || !shape_equal(gpu_shape(l, n->outputs[0]), gpu_shape(l, p->result)))
        return;
    p->c = gpu_value(l, other);
    p->c_row = 0;
    p->c_column = 1;
    p->beta = 1.0;
    go_on(p, n);
}

static void take_activation(gpu_lowering *l, product *p) {
    const graph_node *n = gpu_only_reader(l, p->result);
    if (n != NULL && gpu_activation(n, &p->activation))
        go_on(p, n);
}

/* ---- MatMul -------------------------------------------------------------------------------------------------------------- */

static bool set_batch_dim(product *p, int64_t size, int64_t step_a, int64_t step_b) {
    int last = p->batch_dims - 1;
    if (last >= 0 && p->a_batch[last] == step_a * size && p->b_batch[last] == step_b * size) {
        p->batch[last] *= size; /* both go on in the same way: one dim */
    } else if (++last < BATCH_DIMS) {
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
static void set_batch(gpu_lowering *l, product *p, const shape *a, const shape *b) {
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

static void want_reals(gpu_lowering *l) {
    if (gpu_input_type(l, 0) != DTYPE_F32)
        gpu_fail(l, "no kernel for %s", dtype_name(gpu_input_type(l, 0)));
}

static void lower_matmul(gpu_lowering *l, const char *detail) {
    shape a = *gpu_input_shape(l, 0), b = *gpu_input_shape(l, 1);
    (void)detail;
    want_reals(l);
    if (a.rank == 1) /* a row; the product loses that dim again */
        a = (shape){.rank = 2, .dims = {1, a.dims[0]}};
    if (b.rank == 1)
        b = (shape){.rank = 2, .dims = {b.dims[0], 1}};
    int64_t k = a.dims[a.rank - 1];
    product p = {.a = gpu_input(l, 0),
                 .b = gpu_input(l, 1),
                 .c = BLOCK_NONE,
                 .m = a.dims[a.rank - 2],
                 .n = b.dims[b.rank - 1],
                 .k = k,
                 .a_row = k,
                 .a_column = 1,
                 .alpha = 1.0,
                 .result = l->node->outputs[0]};
    set_batch(l, &p, &a, &b);
    take_bias(l, &p);
    take_activation(l, &p);
    run_product(l, &p);
}

/* ---- Gemm ------------------------------------------------------------------------------------------------------------------ */

static void lower_gemm(gpu_lowering *l, const char *detail) {
    bool turn_a = gpu_attr_int(l, "transA", 0) != 0, turn_b = gpu_attr_int(l, "transB", 0) != 0;
    const shape *a = gpu_input_shape(l, 0), *to = gpu_output_shape(l, 0);
    int64_t columns = a->dims[1];
    product p = {.a = gpu_input(l, 0),
                 .c = BLOCK_NONE,
                 .m = to->dims[0],
                 .n = to->dims[1],
                 .k = a->dims[turn_a ? 0 : 1],
                 .a_row = turn_a ? 1 : columns,
                 .a_column = turn_a ? columns : 1,
                 .alpha = gpu_attr_float(l, "alpha", 1.0),
                 .beta = gpu_attr_float(l, "beta", 1.0),
                 .result = l->node->outputs[0]};
    (void)detail;
    want_reals(l);
    if (turn_b && !gpu_is_constant(l, gpu_input_value(l, 1)))
        gpu_fail(l, "no kernel for a transposed B that is computed");
    p.b = turn_b && !l->failed ? gpu_turned(l, gpu_input_value(l, 1)) : gpu_input(l, 1);
    if (gpu_has_input(l, 2)) {
        gpu_operand c = gpu_broadcast(l, gpu_input(l, 2), "f32", gpu_input_shape(l, 2), to);
        p.c = c.block;
        p.c_row = c.strides[0];
        p.c_column = c.strides[1];
    }
    take_activation(l, &p);
    run_product(l, &p);
}

static const gpu_lower_def ops[] = {
    {"MatMul", lower_matmul, NULL, NULL},
    {"Gemm", lower_gemm, NULL, NULL},
};
GPU_FAMILY(gpu_products, ops);
