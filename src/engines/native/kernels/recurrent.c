/* LSTM, GRU and RNN with constant weights. The inputs of many steps are projected by one product; then each step is a product of
 * the few rows of the states (both directions at once) and the gates of every row.
 *
 * Both directions walk the steps as they lie in memory; a sequence takes part in those before its length. That equals ONNX's
 * reversal of each sequence inside its length, and keeps the rows of a step together.
 *
 * DynamicQuantizeLSTM: its weights of 8 bits are packed as the floats that they stand for, inputs and states are rounded to what 8 bits
 * hold of them before their products. So the products are those of the integers, scaled. */
#include <string.h>

#include "engines/native/kernels/gemm.h"
#include "engines/native/kernels/kernels.h"
#include "engines/native/kernels/math.h"

enum { X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES };
enum { W_SCALE = 8, W_ZERO, R_SCALE, R_ZERO }; /* DynamicQuantizeLSTM */
enum { MOST_FUNCTIONS = 6 };

typedef struct cell_function {
    kernel_activation activation;
    float alpha, beta;
} cell_function;

typedef struct recurrent_state recurrent_state;
typedef struct recurrent_step recurrent_step;
struct recurrent_state {
    int gates, functions; /* functions: of one direction */
    bool quantised;
    bool batch_first, flag; /* flag: GRU linear_before_reset, LSTM input_forget */
    bool reversed[2];
    int64_t directions, length, batch, input, hidden, width; /* width: gates × hidden */
    float clip;                                              /* 0: none */
    cell_function f[MOST_FUNCTIONS];
    gemm_shape from_x, from_h, from_reset; /* from_reset: GRU whose state is reset before its product */
    float *w, *r, *reset;                  /* packed; the next direction floats further */
    size_t w_floats, r_floats, reset_floats;
    float *x_bias, *h_bias; /* bias_floats a direction */
    size_t bias_floats;
    int64_t chunk; /* steps whose inputs are projected at once */
    gemm_problem *problems;
    size_t x_at, gates_at, h_at, c_at, table_at; /* in the workspace */
    size_t rounded_x_at, rounded_h_at;           /* likewise, where quantised */
    void (*finish)(const recurrent_step *step, int64_t direction, int64_t row);
};

/* ---- attributes ------------------------------------------------------------------------------------------------------- */

static bool same_word(const char *a, const char *b) {
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        if ((*a | 0x20) != (*b | 0x20)) {
            return false;
        }
    }
    return *a == *b;
}

/* Functions that unary_apply has; alpha and beta are taken in order by those that have parameters. */
static bool read_functions(const kernel_call *c, const char *const *fallback, recurrent_state *s) {
    static const struct {
        const char *name;
        cell_function f;
        int parameters;
    } known[] = {
        {"Sigmoid", {ACT_SIGMOID, 0, 0}, 0},   {"Tanh", {ACT_TANH, 0, 0}, 0},
        {"Relu", {ACT_RELU, 0, 0}, 0},         {"LeakyRelu", {ACT_LEAKY_RELU, 0.01f, 0}, 1},
        {"Elu", {ACT_ELU, 1, 0}, 1},           {"HardSigmoid", {ACT_HARD_SIGMOID, 0.2f, 0.5f}, 2},
        {"Softplus", {ACT_SOFTPLUS, 0, 0}, 0},
    };
    const graph_attr *names = node_attr(c->node, "activations"),
                     *alphas = node_attr(c->node, "activation_alpha"),
                     *betas = node_attr(c->node, "activation_beta");
    size_t alpha = 0, beta = 0, count = (size_t)(s->functions * s->directions);
    bool named = names != NULL && names->count > 0;
    if (named && names->count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = named ? names->strings[i] : fallback[i % (size_t)s->functions];
        size_t k = 0;
        while (k < sizeof known / sizeof known[0] && !same_word(known[k].name, name)) {
            k++;
        }
        if (k == sizeof known / sizeof known[0]) {
            return false;
        }
        s->f[i] = known[k].f;
        if (known[k].parameters >= 1 && alphas != NULL && alpha < alphas->count) {
            s->f[i].alpha = (float)alphas->floats[alpha++];
        }
        if (known[k].parameters >= 2 && betas != NULL && beta < betas->count) {
            s->f[i].beta = (float)betas->floats[beta++];
        }
    }
    return true;
}

static void lstm_row(const recurrent_step *step, int64_t direction, int64_t row);
static void gru_row(const recurrent_step *step, int64_t direction, int64_t row);
static void rnn_row(const recurrent_step *step, int64_t direction, int64_t row);

static bool read_recurrent(const kernel_call *c, recurrent_state *s) {
    static const char *const sigmoid_tanh[] = {"Sigmoid", "Tanh", "Tanh"}, *const tanh_only[] = {"Tanh"};
    s->quantised = strcmp(c->node->op_type, "DynamicQuantizeLSTM") == 0;
    bool lstm = s->quantised || strcmp(c->node->op_type, "LSTM") == 0,
         gru = strcmp(c->node->op_type, "GRU") == 0;
    const shape *x = &c->inputs[X]->shape;
    const char *direction = node_attr_string(c->node, "direction", "forward");
    s->gates = lstm ? 4 : gru ? 3 : 1;
    s->functions = lstm ? 3 : gru ? 2 : 1;
    s->finish = lstm ? lstm_row : gru ? gru_row : rnn_row;
    s->flag = kernel_attr_int(c, lstm ? "input_forget" : "linear_before_reset", 0) != 0;
    s->batch_first = kernel_attr_int(c, "layout", 0) != 0;
    s->directions = c->inputs[W]->shape.dims[0];
    s->reversed[0] = strcmp(direction, "reverse") == 0;
    s->reversed[1] = true;
    s->length = x->dims[s->batch_first ? 1 : 0];
    s->batch = x->dims[s->batch_first ? 0 : 1];
    s->input = x->dims[2];
    s->hidden = c->inputs[R]->shape.dims[s->quantised ? 1 : 2];
    s->width = s->gates * s->hidden;
    s->clip = kernel_attr_float(c, "clip", 0);
    return s->directions >= 1 && s->directions <= 2 &&
           read_functions(c, lstm || gru ? sigmoid_tanh : tanh_only, s);
}

static bool recurrent_accepts(const kernel_call *c) {
    recurrent_state s = {0};
    for (size_t i = 0; i < c->input_count; i++) {
        bool wanted = !kernel_has(c, i) || i == LENGTHS || kernel_is_f32(c->inputs[i]);
        bool packed = i == W || i == R || i == B;
        if (!wanted || (packed && kernel_has(c, i) && !c->inputs[i]->constant)) {
            return false;
        }
    }
    return read_recurrent(c, &s);
}

static bool is_8_bits(const kernel_call *c, size_t input) {
    return c->inputs[input]->constant &&
           (c->inputs[input]->type == DTYPE_U8 || c->inputs[input]->type == DTYPE_I8);
}

static bool quantised_accepts(const kernel_call *c) {
    recurrent_state s = {0};
    for (size_t i = 0; i < c->input_count; i++) {
        bool is_weight = i == W || i == R || i == W_ZERO || i == R_ZERO;
        bool fixed = i == B || i == W_SCALE || i == R_SCALE;
        bool wanted = is_weight ? is_8_bits(c, i) : i == LENGTHS || kernel_is_f32(c->inputs[i]);
        if (kernel_has(c, i) && (!wanted || (fixed && !c->inputs[i]->constant))) {
            return false;
        }
    }
    return read_recurrent(c, &s);
}

/* ---- preparing -------------------------------------------------------------------------------------------------------- */

static bool resets_first(const recurrent_state *s) {
    return s->gates == 3 && !s->flag;
}

static void set_shapes(recurrent_state *s) {
    enum {
        ROWS_AT_ONCE = 256
    }; /* projected: enough for the product, little enough for the second-level cache */
    s->chunk = s->batch > 0 ? (ROWS_AT_ONCE + s->batch - 1) / s->batch : 1;
    s->chunk = s->chunk < s->length ? s->chunk : s->length;
    int64_t rows = s->batch_first ? s->chunk : s->chunk * s->batch;
    s->from_x = (gemm_shape){.m = rows, .n = s->width, .taps = 1, .inner = s->input};
    s->from_h = (gemm_shape){
        .m = s->batch, .n = resets_first(s) ? 2 * s->hidden : s->width, .taps = 1, .inner = s->hidden};
    s->from_reset = (gemm_shape){.m = s->batch, .n = s->hidden, .taps = 1, .inner = s->hidden};
    s->w_floats = gemm_packed_floats(s->width, s->input);
    s->r_floats = gemm_packed_floats(s->from_h.n, s->hidden);
    s->reset_floats = resets_first(s) ? gemm_packed_floats(s->hidden, s->hidden) : 0;
    s->bias_floats = (size_t)gemm_panels(s->width) * GEMM_NR;
}

static size_t rounded(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

static void place_workspace(kernel_call *c, recurrent_state *s) {
    size_t rows = (size_t)(s->directions * s->batch), states = rows * (size_t)s->hidden * sizeof(float),
           gates = rows * (size_t)s->width * sizeof(float);
    size_t table = gemm_workspace_bytes(&s->from_x, c->threads),
           other = gemm_workspace_bytes(&s->from_h, c->threads);
    s->gates_at = rounded(gates * (size_t)s->chunk);
    s->h_at = s->gates_at + rounded(gates);
    s->c_at = s->h_at + rounded(states);
    s->rounded_h_at = s->c_at + rounded(states);
    s->rounded_x_at = s->rounded_h_at + (s->quantised ? rounded(states) : 0);
    size_t inputs = (size_t)(s->length * s->batch * s->input) * sizeof(float);
    s->table_at = s->rounded_x_at + (s->quantised ? rounded(inputs) : 0);
    c->workspace_bytes = s->table_at + (table > other ? table : other);
}

static accel_status allocate_weights(kernel_call *c, recurrent_state *s) {
    size_t each = s->w_floats + s->r_floats + s->reset_floats,
           bytes = ((size_t)s->directions * each + VW) * sizeof(float);
    s->w = kernel_packed(c, bytes);
    size_t bias_bytes = 2 * (size_t)s->directions * s->bias_floats * sizeof(float);
    s->x_bias = kernel_state(c, bias_bytes);
    size_t problems = (size_t)s->directions * (size_t)(s->batch_first ? s->batch + 1 : 2);
    s->problems = kernel_state(c, problems * sizeof *s->problems);
    if (s->w == NULL || s->x_bias == NULL || s->problems == NULL) {
        return kernel_no_memory(c, bytes + bias_bytes);
    }
    s->r = s->w + (size_t)s->directions * s->w_floats;
    s->reset = s->r + (size_t)s->directions * s->r_floats;
    s->h_bias = s->x_bias + (size_t)s->directions * s->bias_floats;
    return ACCEL_OK;
}

/* W [gates·hidden, input], R [gates·hidden, hidden] of one direction. */
static void pack_direction(kernel_call *c, recurrent_state *s, int64_t d) {
    gemm_source w = {.base = (const float *)c->inputs[W]->data + d * s->width * s->input,
                     .column_stride = s->input,
                     .inner_stride = 1};
    gemm_source r = {.base = (const float *)c->inputs[R]->data + d * s->width * s->hidden,
                     .column_stride = s->hidden,
                     .inner_stride = 1};
    gemm_pack(&w, s->width, 1, s->input, s->w + (size_t)d * s->w_floats, c->pool);
    gemm_pack(&r, s->from_h.n, 1, s->hidden, s->r + (size_t)d * s->r_floats, c->pool);
    if (resets_first(s)) {
        r.base += 2 * s->hidden * s->hidden;
        gemm_pack(&r, s->hidden, 1, s->hidden, s->reset + (size_t)d * s->reset_floats, c->pool);
    }
}

/* The floats that weights of one direction stand for, as they lie: [inner, gates·hidden]. */
static void scale_weights(const kernel_call *c, const recurrent_state *s, size_t input, int64_t d,
                          float *out) {
    const kernel_value *w = c->inputs[input], *scale = c->inputs[input == W ? W_SCALE : R_SCALE],
                       *zero = c->inputs[input == W ? W_ZERO : R_ZERO];
    const bool scale_a_column = scale->shape.rank == 2, zero_a_column = zero->shape.rank == 2;
    const int64_t inner = w->shape.dims[1];
    for (int64_t i = 0; i < inner * s->width; i++) {
        int64_t column = d * s->width + i % s->width;
        int64_t value = dtype_get_i64(w->type, w->data, (size_t)(d * inner * s->width + i));
        int64_t zero_point = dtype_get_i64(zero->type, zero->data, (size_t)(zero_a_column ? column : d));
        out[i] = (float)(value - zero_point) * ((const float *)scale->data)[scale_a_column ? column : d];
    }
}

static accel_status pack_quantised(kernel_call *c, recurrent_state *s) {
    int64_t most = s->input > s->hidden ? s->input : s->hidden;
    size_t bytes = (size_t)(most * s->width + VW) * sizeof(float);
    float *floats = kernel_state(c, bytes);
    if (floats == NULL) {
        return kernel_no_memory(c, bytes);
    }
    gemm_source source = {.base = floats, .column_stride = 1, .inner_stride = s->width};
    for (int64_t d = 0; d < s->directions; d++) {
        scale_weights(c, s, W, d, floats);
        gemm_pack(&source, s->width, 1, s->input, s->w + (size_t)d * s->w_floats, c->pool);
        scale_weights(c, s, R, d, floats);
        gemm_pack(&source, s->width, 1, s->hidden, s->r + (size_t)d * s->r_floats, c->pool);
    }
    return ACCEL_OK;
}

/* Both biases join the projection of the inputs, but the recurrent one of a GRU's state that is reset behind its product. */
static void make_bias(const kernel_call *c, recurrent_state *s, int64_t d) {
    const float *from = (const float *)c->inputs[B]->data + d * 2 * s->width;
    float *x = s->x_bias + (size_t)d * s->bias_floats, *h = s->h_bias + (size_t)d * s->bias_floats;
    for (int64_t i = 0; i < s->width; i++) {
        bool apart = s->gates == 3 && s->flag && i >= 2 * s->hidden;
        x[i] = apart ? from[i] : from[i] + from[s->width + i];
        h[i] = apart ? from[s->width + i] : 0.0f;
    }
}

static accel_status recurrent_prepare(kernel_call *c) {
    recurrent_state *s = kernel_state(c, sizeof *s);
    if (s == NULL) {
        return kernel_no_memory(c, sizeof *s);
    }
    (void)read_recurrent(c, s);
    set_shapes(s);
    ACCEL_TRY(allocate_weights(c, s));
    if (s->quantised) {
        ACCEL_TRY(pack_quantised(c, s));
    }
    for (int64_t d = 0; d < s->directions; d++) {
        if (!s->quantised) {
            pack_direction(c, s, d);
        }
        if (kernel_has(c, B)) {
            make_bias(c, s, d);
        }
    }
    place_workspace(c, s);
    c->packed_inputs |= 1u << W | 1u << R | (kernel_has(c, B) ? 1u << B : 0);
    c->state = s;
    c->variant = "packed gemm a step";
    return ACCEL_OK;
}

/* ---- gates of one row ----------------------------------------------------------------------------------------------------- */

/* One step of all rows. */
struct recurrent_step {
    const kernel_call *call;
    const recurrent_state *s;
    int64_t in_chunk[2], at[2]; /* of each direction: place in the chunk, and in the sequence */
    float *x, *gates, *h, *c;
};

static void apply(const recurrent_state *s, const cell_function *f, bool clip, float *x) {
    int64_t i = 0;
    vf high = v_splat(s->clip), low = -high;
    for (; clip && s->clip > 0 && i < s->hidden; i += VW) {
        int64_t rest = s->hidden - i;
        vf y = v_load_some(x + i, rest);
        y = v_select(y > high, high, v_select(y < low, low, y));
        v_store_part(x + i, y, (size_t)(rest < VW ? rest : VW));
    }
    unary_apply(f->activation, f->alpha, f->beta, x, x, (size_t)s->hidden);
}

static void add_to(float *x, const float *y, int64_t count) {
    int64_t i = 0;
    for (; i + VW <= count; i += VW) {
        v_store(x + i, v_load(x + i) + v_load(y + i));
    }
    for (; i < count; i++) {
        x[i] += y[i];
    }
}

static void add_product(float *x, const float *y, const float *z, int64_t count) {
    int64_t i = 0;
    for (; i + VW <= count; i += VW) {
        v_store(x + i, v_load(x + i) + v_load(y + i) * v_load(z + i));
    }
    for (; i < count; i++) {
        x[i] += y[i] * z[i];
    }
}

/* The projected input of a row in this step. */
static const float *x_row(const recurrent_step *step, int64_t direction, int64_t row) {
    const recurrent_state *s = step->s;
    int64_t at = step->in_chunk[direction];
    int64_t index = s->batch_first ? row * s->chunk + at : at * s->batch + row;
    return step->x + (direction * s->chunk * s->batch + index) * s->width;
}

/* Gates i, o, f, c; peepholes i, o, f. */
static void lstm_row(const recurrent_step *step, int64_t direction, int64_t row) {
    const recurrent_state *s = step->s;
    const int64_t n = s->hidden, at = direction * s->batch + row;
    const cell_function *f = s->f + direction * s->functions;
    float *in = step->gates + at * s->width, *out = in + n, *forget = out + n, *fresh = forget + n;
    float *h = step->h + at * n, *c = step->c + at * n;
    const float *p = kernel_has(step->call, PEEPHOLES)
                         ? (const float *)step->call->inputs[PEEPHOLES]->data + direction * 3 * n
                         : NULL;
    add_to(in, x_row(step, direction, row), s->width);
    if (p != NULL) {
        add_product(in, p, c, n);
        add_product(forget, p + 2 * n, c, n);
    }
    apply(s, &f[0], true, in);
    if (!s->flag) {
        apply(s, &f[0], true, forget);
    }
    apply(s, &f[1], true, fresh);
    for (int64_t i = 0; i < n; i++) {
        c[i] = (s->flag ? 1.0f - in[i] : forget[i]) * c[i] + in[i] * fresh[i];
    }
    if (p != NULL) {
        add_product(out, p + n, c, n);
    }
    apply(s, &f[0], true, out);
    memcpy(h, c, (size_t)n * sizeof(float));
    apply(s, &f[2], false, h);
    for (int64_t i = 0; i < n; i++) {
        h[i] *= out[i];
    }
}

/* Gates z, r, h; z and the reset state are there when the state is reset before its product. */
static void gru_row(const recurrent_step *step, int64_t direction, int64_t row) {
    const recurrent_state *s = step->s;
    const int64_t n = s->hidden, at = direction * s->batch + row;
    const cell_function *f = s->f + direction * s->functions;
    float *z = step->gates + at * s->width, *r = z + n, *fresh = r + n, *h = step->h + at * n;
    const float *x = x_row(step, direction, row);
    if (!resets_first(s)) {
        add_to(z, x, 2 * n);
        apply(s, &f[0], true, z);
        apply(s, &f[0], true, r);
        for (int64_t i = 0; i < n; i++) {
            fresh[i] *= r[i];
        }
    }
    add_to(fresh, x + 2 * n, n);
    apply(s, &f[1], true, fresh);
    for (int64_t i = 0; i < n; i++) {
        h[i] = (1.0f - z[i]) * fresh[i] + z[i] * h[i];
    }
}

/* z, and the reset state in the place of r and of the workspace's second state. */
static void gru_reset_row(const recurrent_step *step, int64_t direction, int64_t row) {
    const recurrent_state *s = step->s;
    const int64_t n = s->hidden, at = direction * s->batch + row;
    const cell_function *f = s->f + direction * s->functions;
    float *z = step->gates + at * s->width, *r = z + n, *h = step->h + at * n, *reset = step->c + at * n;
    add_to(z, x_row(step, direction, row), 2 * n);
    apply(s, &f[0], true, z);
    apply(s, &f[0], true, r);
    for (int64_t i = 0; i < n; i++) {
        reset[i] = r[i] * h[i];
    }
}

static void rnn_row(const recurrent_step *step, int64_t direction, int64_t row) {
    const recurrent_state *s = step->s;
    const int64_t at = direction * s->batch + row;
    float *gate = step->gates + at * s->width;
    add_to(gate, x_row(step, direction, row), s->hidden);
    apply(s, &s->f[direction], true, gate);
    memcpy(step->h + at * s->hidden, gate, (size_t)s->hidden * sizeof(float));
}

/* ---- running --------------------------------------------------------------------------------------------------------------- */

static int64_t length_of(const kernel_call *c, const recurrent_state *s, int64_t row) {
    return kernel_has(c, LENGTHS) ? ((const int32_t *)c->inputs[LENGTHS]->data)[row] : s->length;
}

static void finish_task(void *context, size_t begin, size_t end, int worker) {
    const recurrent_step *step = context;
    const recurrent_state *s = step->s;
    const kernel_value *y = step->call->output_count > 0 ? step->call->outputs[0] : NULL;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        int64_t d = (int64_t)i / s->batch, row = (int64_t)i % s->batch, at = step->at[d];
        bool inside = at < length_of(step->call, s, row);
        if (inside) {
            s->finish(step, d, row);
        }
        if (y == NULL) {
            continue;
        }
        int64_t to = s->batch_first ? (row * s->length + at) * s->directions + d
                                    : (at * s->directions + d) * s->batch + row;
        float *out = (float *)y->data + to * s->hidden;
        if (inside) {
            memcpy(out, step->h + (int64_t)i * s->hidden, (size_t)s->hidden * sizeof(float));
        } else {
            memset(out, 0, (size_t)s->hidden * sizeof(float));
        }
    }
}

static void reset_task(void *context, size_t begin, size_t end, int worker) {
    const recurrent_step *step = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        gru_reset_row(step, (int64_t)i / step->s->batch, (int64_t)i % step->s->batch);
    }
}

/* What 8 bits hold of these values: DynamicQuantizeLinear and back. */
static void round_to_8_bits(const float *x, float *out, int64_t count) {
    float low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float scale = (high - low) / 255.0f;
    vf step = v_splat(scale > 0 ? scale : 1.0f), zero = v_round_small(v_splat(0) - v_splat(low) / step);
    for (int64_t i = 0; i < count; i += VW) {
        int64_t rest = count - i;
        vf level = v_round_small(v_load_some(x + i, rest) / step) + zero;
        level = v_min(v_max(level, v_splat(0)), v_splat(255.0f));
        v_store_part(out + i, (level - zero) * step, (size_t)(rest < VW ? rest : VW));
    }
}

/* The states of all rows as they enter the product. */
static const float *rounded_states(const recurrent_step *step) {
    const recurrent_state *s = step->s;
    float *out = (float *)(void *)((char *)step->call->workspace + s->rounded_h_at);
    for (int64_t row = 0; row < s->directions * s->batch; row++) {
        round_to_8_bits(step->h + row * s->hidden, out + row * s->hidden, s->hidden);
    }
    return out;
}

/* The product of all rows of a state [direction][row][hidden] with recurrent weights. */
static void multiply(const recurrent_step *step, const gemm_shape *product, const float *left,
                     const float *right, size_t right_floats, const float *bias, float *out) {
    const recurrent_state *s = step->s;
    for (int64_t d = 0; d < s->directions; d++) {
        s->problems[d] = (gemm_problem){
            .left = {.base = left + d * s->batch * s->hidden, .row_stride = s->hidden},
            .right = right + (size_t)d * right_floats,
            .bias = bias == NULL ? NULL : bias + (size_t)d * s->bias_floats,
            .out = out + d * s->batch * s->width,
            .out_stride = s->width,
        };
    }
    gemm_run(product, s->problems, (size_t)s->directions, step->call->pool,
             (char *)step->call->workspace + s->table_at);
}

static void run_step(const recurrent_step *step) {
    const recurrent_state *s = step->s;
    size_t rows = (size_t)(s->directions * s->batch);
    int64_t work =
        (int64_t)rows * s->width * 8; /* a gate's function costs about as much as moving 8 elements */
    thread_pool *pool = pool_for(step->call, work);
    const float *h = s->quantised ? rounded_states(step) : step->h;
    multiply(step, &s->from_h, h, s->r, s->r_floats, s->h_bias, step->gates);
    if (resets_first(s)) {
        thread_pool_for(pool, rows, grain_for(rows, work), reset_task, (void *)(uintptr_t)step);
        multiply(step, &s->from_reset, step->c, s->reset, s->reset_floats, NULL, step->gates + 2 * s->hidden);
    }
    thread_pool_for(pool, rows, grain_for(rows, work), finish_task, (void *)(uintptr_t)step);
}

/* The inputs of `steps` steps from `first` on, counted in the direction of each. */
static void project(const recurrent_step *step, int64_t first, int64_t steps) {
    const recurrent_state *s = step->s;
    const float *x = s->quantised
                         ? (const float *)(const void *)((char *)step->call->workspace + s->rounded_x_at)
                         : step->call->inputs[X]->data;
    int64_t each = s->batch_first ? s->batch : 1;
    gemm_shape product = s->from_x;
    product.m = s->batch_first ? steps : steps * s->batch;
    for (int64_t i = 0; i < s->directions * each; i++) {
        int64_t d = i / each, row = i % each, at = s->reversed[d] ? s->length - first - steps : first;
        int64_t from = s->batch_first ? row * s->length + at : at * s->batch;
        s->problems[i] = (gemm_problem){
            .left = {.base = x + from * s->input, .row_stride = s->input},
            .right = s->w + (size_t)d * s->w_floats,
            .bias = s->x_bias + (size_t)d * s->bias_floats,
            .out = step->x + (d * s->batch + row) * s->chunk * s->width,
            .out_stride = s->width,
        };
    }
    gemm_run(&product, s->problems, (size_t)(s->directions * each), step->call->pool,
             (char *)step->call->workspace + s->table_at);
}

static void load_state(const kernel_call *c, const recurrent_state *s, size_t input, float *state) {
    size_t bytes = (size_t)s->hidden * sizeof(float);
    for (int64_t i = 0; i < s->directions * s->batch; i++) {
        int64_t d = i / s->batch, row = i % s->batch, from = s->batch_first ? row * s->directions + d : i;
        if (kernel_has(c, input)) {
            memcpy(state + i * s->hidden, (const float *)c->inputs[input]->data + from * s->hidden, bytes);
        } else {
            memset(state + i * s->hidden, 0, bytes);
        }
    }
}

static void store_state(const kernel_call *c, const recurrent_state *s, size_t output, const float *state) {
    for (int64_t i = 0; i < s->directions * s->batch; i++) {
        int64_t d = i / s->batch, row = i % s->batch, to = s->batch_first ? row * s->directions + d : i;
        if (output < c->output_count && c->outputs[output] != NULL) {
            memcpy((float *)c->outputs[output]->data + to * s->hidden, state + i * s->hidden,
                   (size_t)s->hidden * sizeof(float));
        }
    }
}

static accel_status check_lengths(const kernel_call *c, const recurrent_state *s) {
    for (int64_t row = 0; row < s->batch; row++) {
        int64_t length = length_of(c, s, row);
        if (length < 0 || length > s->length) {
            return kernel_fail(c, ACCEL_BAD_GRAPH, "a sequence length of %lld", (long long)length);
        }
    }
    return ACCEL_OK;
}

static accel_status recurrent_run(kernel_call *c) {
    const recurrent_state *s = c->state;
    char *workspace = c->workspace;
    recurrent_step step = {.call = c,
                           .s = s,
                           .x = c->workspace,
                           .gates = (float *)(void *)(workspace + s->gates_at),
                           .h = (float *)(void *)(workspace + s->h_at),
                           .c = (float *)(void *)(workspace + s->c_at)};
    ACCEL_TRY(check_lengths(c, s));
    load_state(c, s, INITIAL_H, step.h);
    load_state(c, s, INITIAL_C, step.c);
    if (s->quantised) {
        round_to_8_bits(c->inputs[X]->data, (float *)(void *)(workspace + s->rounded_x_at),
                        s->length * s->batch * s->input);
    }
    for (int64_t first = 0; first < s->length; first += s->chunk) {
        int64_t steps = s->length - first < s->chunk ? s->length - first : s->chunk;
        project(&step, first, steps);
        for (int64_t t = 0; t < steps; t++) {
            for (int64_t d = 0; d < s->directions; d++) {
                step.in_chunk[d] = s->reversed[d] ? steps - 1 - t : t;
                step.at[d] = s->reversed[d] ? s->length - 1 - first - t : first + t;
            }
            run_step(&step);
        }
    }
    store_state(c, s, 1, step.h);
    store_state(c, s, 2, step.c);
    return ACCEL_OK;
}

#define RECURRENT(name) {"", name, 0, recurrent_accepts, recurrent_prepare, recurrent_run}
static const kernel_def kernels[] = {
    RECURRENT("LSTM"),
    RECURRENT("GRU"),
    RECURRENT("RNN"),
    {"com.microsoft", "DynamicQuantizeLSTM", 0, quantised_accepts, recurrent_prepare, recurrent_run},
};
KERNEL_FAMILY(recurrent, kernels);
