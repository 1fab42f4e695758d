/* RNN, GRU and LSTM; LSTM with weights of 8 bits. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

/* ---- activations ------------------------------------------------------------------------------------------------------- */

typedef struct activation {
    double (*apply)(double x, double alpha, double beta);
    double alpha, beta;
} activation;

#define ACTIVATION(name, expression)                                                                         \
    static double name(double x, double alpha, double beta) {                                                \
        (void)alpha;                                                                                         \
        (void)beta;                                                                                          \
        return expression;                                                                                   \
    }
ACTIVATION(act_relu, x > 0 ? x : 0)
ACTIVATION(act_tanh, tanh(x))
ACTIVATION(act_sigmoid, sigmoid_f64(x))
ACTIVATION(act_affine, alpha *x + beta)
ACTIVATION(act_leaky_relu, x >= 0 ? x : alpha * x)
ACTIVATION(act_thresholded_relu, x >= alpha ? x : 0)
ACTIVATION(act_scaled_tanh, alpha *tanh(beta *x))
ACTIVATION(act_hard_sigmoid, hard_sigmoid_f64(alpha *x + beta))
ACTIVATION(act_elu, x >= 0 ? x : alpha * (exp(x) - 1))
ACTIVATION(act_softsign, x / (1 + fabs(x)))
ACTIVATION(act_softplus, fmax(x, 0) + log1p(exp(-fabs(x))))

static const struct {
    const char *name;
    activation activation; /* with its defaults */
    int parameters;        /* how many of alpha, beta it takes from the lists */
} activations[] = {
    {"Relu", {act_relu, 0, 0}, 0},
    {"Tanh", {act_tanh, 0, 0}, 0},
    {"Sigmoid", {act_sigmoid, 0, 0}, 0},
    {"Affine", {act_affine, 1, 0}, 2},
    {"LeakyRelu", {act_leaky_relu, 0.01, 0}, 1},
    {"ThresholdedRelu", {act_thresholded_relu, 1, 0}, 1},
    {"ScaledTanh", {act_scaled_tanh, 1, 1}, 2},
    {"HardSigmoid", {act_hard_sigmoid, 0.2, 0.5}, 2},
    {"Elu", {act_elu, 1, 0}, 1},
    {"Softsign", {act_softsign, 0, 0}, 0},
    {"Softplus", {act_softplus, 0, 0}, 0},
};

static bool same_word(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        if ((*a | 0x20) != (*b | 0x20))
            return false;
    }
    return *a == *b;
}

enum { RECURRENT_MAX_FUNCTIONS = 6 };

/* `count` functions: the names (case does not count) or the fallbacks; alpha and beta are taken in order by those that
 * have parameters. */
static accel_status read_activations(const op_context *c, const char *const *fallback, int per_direction,
                                     int directions, activation *out) {
    const graph_attr *names = op_attr(c, "activations"), *alphas = op_attr(c, "activation_alpha"),
                     *betas = op_attr(c, "activation_beta");
    size_t alpha = 0, beta = 0;
    int count = per_direction * directions;
    if (names && names->count > 0 && names->count != (size_t)count)
        return op_fail(c, ACCEL_BAD_GRAPH, "%d activations are given, %d are needed", (int)names->count,
                       count);
    for (int i = 0; i < count; i++) {
        const char *name = names && names->count > 0 ? names->strings[i] : fallback[i % per_direction];
        size_t k = 0;
        while (k < OPS_COUNT(activations) && !same_word(activations[k].name, name))
            k++;
        if (k == OPS_COUNT(activations))
            return op_fail(c, ACCEL_UNSUPPORTED, "activation %s is not known", name);
        out[i] = activations[k].activation;
        if (activations[k].parameters >= 1 && alphas && alpha < alphas->count)
            out[i].alpha = alphas->floats[alpha++];
        if (activations[k].parameters >= 2 && betas && beta < betas->count)
            out[i].beta = betas->floats[beta++];
    }
    return ACCEL_OK;
}

/* ---- attributes and shapes ------------------------------------------------------------------------------------------------ */

#define RECURRENT_ATTRS                                                                                      \
    {"activation_alpha", ATTR_FLOATS, false, NULL}, {"activation_beta", ATTR_FLOATS, false, NULL},           \
        {"activations", ATTR_STRINGS, false, NULL}, {"clip", ATTR_FLOAT, false, "none"},                     \
        {"direction", ATTR_STRING, false, "forward"}, {"hidden_size", ATTR_INT, false, "from R"},            \
        {"layout", ATTR_INT, false, "0"}

static const op_attr_def rnn_attrs[] = {RECURRENT_ATTRS};
static const op_attr_def gru_attrs[] = {RECURRENT_ATTRS, {"linear_before_reset", ATTR_INT, false, "0"}};
static const op_attr_def lstm_attrs[] = {RECURRENT_ATTRS, {"input_forget", ATTR_INT, false, "0"}};

enum { X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES };
enum { W_SCALE = 8, W_ZERO, R_SCALE, R_ZERO }; /* DynamicQuantizeLSTM */

typedef struct recurrent_dims {
    int gates;
    bool quantised; /* weights of 8 bits, which lie as [input or hidden, gates·hidden] */
    bool batch_first;
    int direction; /* 0 forward, 1 reverse, 2 both */
    int64_t directions, length, batch, input, hidden;
} recurrent_dims;

static accel_status check_input(const op_context *c, size_t input, int rank, const int64_t *wanted,
                                bool batch_first) {
    if (!op_has_input(c, input))
        return ACCEL_OK;
    ACCEL_TRY(require_rank(c, input, rank, rank));
    for (int i = 0; i < rank; i++) {
        /* layout 1 puts the batch before the direction in the states */
        int at = batch_first && rank == 3 && input >= INITIAL_H ? (i == 0 ? 1 : i == 1 ? 0 : 2) : i;
        int64_t dim = wanted[i];
        ACCEL_TRY(merge_dim(c, "the sizes of the inputs", &dim, input_dim(c, input, at)));
    }
    return ACCEL_OK;
}

static accel_status recurrent_read(const op_context *c, int gates, bool quantised, recurrent_dims *d) {
    *d = (recurrent_dims){
        .gates = gates, .quantised = quantised, .batch_first = op_attr_int(c, "layout", 0) != 0};
    ACCEL_TRY(attr_choice(c, "direction", "forward", "forward reverse bidirectional", &d->direction));
    d->directions = d->direction == 2 ? 2 : 1;
    ACCEL_TRY(require_rank(c, X, 3, 3));
    ACCEL_TRY(require_rank(c, W, 3, 3));
    ACCEL_TRY(require_rank(c, R, 3, 3));
    d->length = input_dim(c, X, d->batch_first ? 1 : 0);
    d->batch = input_dim(c, X, d->batch_first ? 0 : 1);
    d->input = input_dim(c, X, 2);
    d->hidden = op_attr_int(c, "hidden_size", DIM_UNKNOWN);
    ACCEL_TRY(merge_dim(c, "hidden_size and the recurrent weights", &d->hidden,
                        input_dim(c, R, quantised ? 1 : 2)));
    if (d->hidden == 0 || d->hidden >= (int64_t)1 << 31)
        return op_fail(c, ACCEL_BAD_GRAPH, "a hidden size of %lld", (long long)d->hidden);
    int64_t h = d->hidden, rows = h < 0 ? h : gates * h, twice = h < 0 ? h : 2 * gates * h,
            peepholes = h < 0 ? h : 3 * h;
    ACCEL_TRY(check_input(
        c, W, 3, (int64_t[]){d->directions, quantised ? d->input : rows, quantised ? rows : d->input},
        false));
    ACCEL_TRY(
        check_input(c, R, 3, (int64_t[]){d->directions, quantised ? h : rows, quantised ? rows : h}, false));
    ACCEL_TRY(check_input(c, B, 2, (int64_t[]){d->directions, twice}, false));
    ACCEL_TRY(check_input(c, LENGTHS, 1, (int64_t[]){d->batch}, false));
    ACCEL_TRY(check_input(c, INITIAL_H, 3, (int64_t[]){d->directions, d->batch, h}, d->batch_first));
    ACCEL_TRY(check_input(c, INITIAL_C, 3, (int64_t[]){d->directions, d->batch, h}, d->batch_first));
    return check_input(c, PEEPHOLES, 2, (int64_t[]){d->directions, peepholes}, false);
}

static accel_status put_states(op_context *c, int gates, bool quantised) {
    recurrent_dims d;
    ACCEL_TRY(recurrent_read(c, gates, quantised, &d));
    shape all = {.rank = 4, .dims = {d.length, d.directions, d.batch, d.hidden}},
          last = {.rank = 3, .dims = {d.directions, d.batch, d.hidden}};
    if (d.batch_first) {
        all = (shape){.rank = 4, .dims = {d.batch, d.length, d.directions, d.hidden}};
        last = (shape){.rank = 3, .dims = {d.batch, d.directions, d.hidden}};
    }
    put_output(c, 0, input_type(c, X), &all);
    put_output(c, 1, input_type(c, X), &last);
    put_output(c, 2, input_type(c, X), &last);
    return ACCEL_OK;
}

static accel_status recurrent_infer(op_context *c, int gates) {
    for (size_t i = 0; i < c->input_count; i++)
        ACCEL_TRY(i == LENGTHS ? require_type(c, i, TYPE_BIT(DTYPE_I32)) : require_type(c, i, TYPES_FLOAT));
    return put_states(c, gates, false);
}

/* Scale and zero point of weights: one a direction, or one a direction and column. */
static accel_status check_scale(const op_context *c, size_t input, size_t weights) {
    int64_t directions = input_dim(c, weights, 0), columns = input_dim(c, weights, 2);
    ACCEL_TRY(require_rank(c, input, 1, 2));
    ACCEL_TRY(merge_dim(c, "the directions of weights and scales", &directions, input_dim(c, input, 0)));
    return input_rank(c, input) == 2
               ? merge_dim(c, "the columns of weights and scales", &columns, input_dim(c, input, 1))
               : ACCEL_OK;
}

static accel_status quantised_lstm_infer(op_context *c) {
    const uint64_t eight_bits = TYPE_BIT(DTYPE_U8) | TYPE_BIT(DTYPE_I8);
    for (size_t i = 0; i < c->input_count; i++) {
        bool is_weight = i == W || i == R || i == W_ZERO || i == R_ZERO;
        ACCEL_TRY(
            require_type(c, i, is_weight ? eight_bits : TYPE_BIT(i == LENGTHS ? DTYPE_I32 : DTYPE_F32)));
    }
    for (size_t i = W_SCALE; i <= R_ZERO; i++) {
        ACCEL_TRY(require_present(c, i));
        ACCEL_TRY(check_scale(c, i, i < R_SCALE ? W : R));
    }
    return put_states(c, 4, true);
}

/* ---- one step of a cell ------------------------------------------------------------------------------------------------------ */

typedef struct recurrent_cell recurrent_cell;
struct recurrent_cell {
    recurrent_dims d;
    const double *x, *w, *r, *b,
        *p; /* of this direction; w as [input, gates·hidden], r as [hidden, gates·hidden] */
    const activation *f;
    double clip;
    bool flag;               /* GRU: linear_before_reset; LSTM: input_forget */
    double *from_x, *from_h; /* [gates·hidden] of one step */
    double *rounded;         /* [hidden]: the state as 8 bits hold it; NULL: not rounded */
    void (*step)(const recurrent_cell *cell, double *h, double *s);
};

static double act(const recurrent_cell *cell, int which, double x) {
    const activation *a = &cell->f[which];
    if (cell->clip > 0)
        x = x > cell->clip ? cell->clip : x < -cell->clip ? -cell->clip : x;
    return a->apply(x, a->alpha, a->beta);
}

/* Pre-activation of a gate: from input and state, both biases included. */
static double gate(const recurrent_cell *cell, int which, int64_t i) {
    int64_t at = which * cell->d.hidden + i;
    return cell->from_x[at] + cell->from_h[at];
}

static void rnn_step(const recurrent_cell *cell, double *h, double *s) {
    (void)s;
    for (int64_t i = 0; i < cell->d.hidden; i++)
        h[i] = act(cell, 0, gate(cell, 0, i));
}

/* Gates z, r, h. Without linear_before_reset the state is reset before its product, which is then taken anew. */
static void gru_step(const recurrent_cell *cell, double *h, double *s) {
    int64_t n = cell->d.hidden, width = 3 * n;
    for (int64_t i = 0; i < n; i++)
        s[i] = act(cell, 0, gate(cell, 1, i)) * h[i]; /* reset state */
    for (int64_t i = 0; i < n; i++) {
        double linear = cell->from_h[2 * n + i], reset = act(cell, 0, gate(cell, 1, i)) * linear;
        if (!cell->flag) {
            reset = cell->b ? cell->b[width + 2 * n + i] : 0;
            for (int64_t k = 0; k < n; k++)
                reset += s[k] * cell->r[k * width + 2 * n + i];
        }
        cell->from_x[2 * n + i] += reset;
    }
    for (int64_t i = 0; i < n; i++) {
        double z = act(cell, 0, gate(cell, 0, i));
        h[i] = (1 - z) * act(cell, 1, cell->from_x[2 * n + i]) + z * h[i];
    }
}

/* Gates i, o, f, c; peepholes i, o, f. */
static void lstm_step(const recurrent_cell *cell, double *h, double *s) {
    int64_t n = cell->d.hidden;
    for (int64_t k = 0; k < n; k++) {
        const double *p = cell->p;
        double in = act(cell, 0, gate(cell, 0, k) + (p ? p[k] * s[k] : 0));
        double forget = cell->flag ? 1 - in : act(cell, 0, gate(cell, 2, k) + (p ? p[2 * n + k] * s[k] : 0));
        s[k] = forget * s[k] + in * act(cell, 1, gate(cell, 3, k));
        double out = act(cell, 0, gate(cell, 1, k) + (p ? p[n + k] * s[k] : 0));
        const activation *a = &cell->f[2];
        h[k] = out * a->apply(s[k], a->alpha, a->beta);
    }
}

/* ---- running a direction -------------------------------------------------------------------------------------------------------- */

/* Values as DynamicQuantizeLinear makes 8 bits of them and back, in float32 like there. */
static void round_to_8_bits(const double *x, double *out, int64_t count) {
    float low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = (float)x[i] < low ? (float)x[i] : low;
        high = (float)x[i] > high ? (float)x[i] : high;
    }
    float scale = (high - low) / 255.0f;
    double zero = scale > 0 ? round_even((double)(-low / scale)) : 0;
    for (int64_t i = 0; i < count; i++) {
        double level = scale > 0 ? round_even((double)((float)x[i] / scale)) + zero : 0;
        out[i] = (fmin(fmax(level, 0), 255) - zero) * (double)scale;
    }
}

static void take_step(const recurrent_cell *cell, const double *x, double *h, double *s) {
    int64_t width = cell->d.gates * cell->d.hidden;
    const double *state = h;
    if (cell->rounded) {
        round_to_8_bits(h, cell->rounded, cell->d.hidden);
        state = cell->rounded;
    }
    for (int64_t j = 0; j < width; j++) {
        cell->from_x[j] = cell->b ? cell->b[j] : 0;
        cell->from_h[j] = cell->b ? cell->b[width + j] : 0;
    }
    for (int64_t i = 0; i < cell->d.input; i++) {
        for (int64_t j = 0; j < width; j++)
            cell->from_x[j] += x[i] * cell->w[i * width + j];
    }
    for (int64_t i = 0; i < cell->d.hidden; i++) {
        for (int64_t j = 0; j < width; j++)
            cell->from_h[j] += state[i] * cell->r[i * width + j];
    }
    cell->step(cell, h, s);
}

static const double *turned(const op_context *c, const double *in, int64_t rows, int64_t columns) {
    double *out = SCRATCH(c, double, rows *columns);
    for (int64_t i = 0; out && i < rows * columns; i++)
        out[i % columns * rows + i / columns] = in[i];
    return out;
}

/* Weights of a direction less their zero points, times their scales. */
static const double *scaled(op_context *c, size_t weights, const double *in, int64_t which) {
    const int64_t *dims = input_shape(c, weights)->dims, rows = dims[1], columns = dims[2];
    size_t scale = weights == W ? W_SCALE : R_SCALE;
    const double *scales = op_input_f64(c, scale), *zeros = op_input_f64(c, scale + 1);
    double *out = SCRATCH(c, double, rows *columns);
    bool scale_a_column = input_rank(c, scale) == 2, zero_a_column = input_rank(c, scale + 1) == 2;
    for (int64_t i = 0; out && scales && zeros && i < rows * columns; i++) {
        int64_t column = which * columns + i % columns;
        out[i] = (in[which * rows * columns + i] - zeros[zero_a_column ? column : which]) *
                 scales[scale_a_column ? column : which];
    }
    return scales && zeros ? out : NULL;
}

typedef struct recurrent_data {
    const double *x, *w, *r, *b, *h, *s, *p;
} recurrent_data;

static accel_status read_data(op_context *c, recurrent_data *in) {
    const double **const fields[] = {&in->x, &in->w, &in->r, &in->b, NULL, &in->h, &in->s, &in->p};
    *in = (recurrent_data){0};
    for (size_t i = 0; i < OPS_COUNT(fields); i++) {
        if (!fields[i] || !op_has_input(c, i))
            continue;
        *fields[i] = op_input_f64(c, i);
        if (!*fields[i])
            return ACCEL_OUT_OF_MEMORY;
    }
    return ACCEL_OK;
}

static accel_status start_direction(op_context *c, const recurrent_dims *d, const recurrent_data *in,
                                    int64_t which, recurrent_cell *cell) {
    int64_t width = d->gates * d->hidden;
    cell->x = in->x;
    cell->w = d->quantised ? scaled(c, W, in->w, which)
                           : turned(c, in->w + which * width * d->input, width, d->input);
    cell->r = d->quantised ? scaled(c, R, in->r, which)
                           : turned(c, in->r + which * width * d->hidden, width, d->hidden);
    cell->b = in->b ? in->b + which * 2 * width : NULL;
    cell->p = in->p ? in->p + which * 3 * d->hidden : NULL;
    cell->from_x = SCRATCH(c, double, width);
    cell->from_h = SCRATCH(c, double, width);
    return cell->w && cell->r && cell->from_x && cell->from_h ? ACCEL_OK : ACCEL_OUT_OF_MEMORY;
}

static void put_row(op_context *c, size_t output, int64_t row, int64_t hidden, const double *values) {
    if (has_output(c, output))
        store_f64(c->outputs[output].type.type, c->output_data[output], row * hidden, 1, hidden, values);
}

/* One sequence of the batch; steps after its length give zeros and leave the state. */
static void run_sequence(op_context *c, const recurrent_cell *cell, int64_t which, int64_t image,
                         int64_t length, bool reverse, double *h, double *s, const double *zeros) {
    const recurrent_dims *d = &cell->d;
    for (int64_t t = 0; t < d->length; t++) {
        int64_t at = reverse && t < length ? length - 1 - t : t;
        int64_t x_row = d->batch_first ? image * d->length + at : at * d->batch + image;
        int64_t y_row = d->batch_first ? (image * d->length + at) * d->directions + which
                                       : (at * d->directions + which) * d->batch + image;
        if (t < length)
            take_step(cell, cell->x + x_row * d->input, h, s);
        put_row(c, 0, y_row, d->hidden, t < length ? h : zeros);
    }
}

/* ONNX Runtime rounds the inputs of all steps at once, the state step by step. */
static accel_status round_inputs(op_context *c, recurrent_cell *cell, recurrent_data *in) {
    int64_t count = op_elements(&c->inputs[X]);
    double *x = SCRATCH(c, double, count);
    cell->rounded = SCRATCH(c, double, cell->d.hidden);
    if (!x || !cell->rounded)
        return ACCEL_OUT_OF_MEMORY;
    round_to_8_bits(in->x, x, count);
    in->x = x;
    return ACCEL_OK;
}

static accel_status recurrent_run(op_context *c, recurrent_cell *cell, const char *const *fallback,
                                  int functions) {
    recurrent_data in;
    activation f[RECURRENT_MAX_FUNCTIONS];
    recurrent_dims *d = &cell->d;
    ACCEL_TRY(recurrent_read(c, d->gates, d->quantised, d));
    ACCEL_TRY(read_activations(c, fallback, functions, (int)d->directions, f));
    ACCEL_TRY(read_data(c, &in));
    if (d->quantised)
        ACCEL_TRY(round_inputs(c, cell, &in));
    cell->clip = op_attr_float(c, "clip", 0);
    double *h = SCRATCH(c, double, d->hidden), *s = SCRATCH(c, double, d->hidden),
           *zeros = SCRATCH(c, double, d->hidden);
    if (!h || !s || !zeros)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t which = 0; which < d->directions; which++) {
        ACCEL_TRY(start_direction(c, d, &in, which, cell));
        cell->f = f + which * functions;
        for (int64_t image = 0; image < d->batch; image++) {
            int64_t row = d->batch_first ? image * d->directions + which : which * d->batch + image;
            int64_t length = input_i64_at(c, LENGTHS, image, d->length);
            if (length < 0 || length > d->length)
                return op_fail(c, ACCEL_BAD_GRAPH, "a sequence length of %lld", (long long)length);
            for (int64_t i = 0; i < d->hidden; i++) {
                h[i] = in.h ? in.h[row * d->hidden + i] : 0;
                s[i] = in.s ? in.s[row * d->hidden + i] : 0;
            }
            run_sequence(c, cell, which, image, length, d->direction == 1 || which == 1, h, s, zeros);
            put_row(c, 1, row, d->hidden, h);
            put_row(c, 2, row, d->hidden, s);
        }
    }
    return ACCEL_OK;
}

static accel_status rnn_infer(op_context *c) {
    return recurrent_infer(c, 1);
}
static accel_status gru_infer(op_context *c) {
    return recurrent_infer(c, 3);
}
static accel_status lstm_infer(op_context *c) {
    return recurrent_infer(c, 4);
}

static accel_status rnn_eval(op_context *c) {
    static const char *const fallback[] = {"Tanh"};
    recurrent_cell cell = {.d.gates = 1, .step = rnn_step};
    return recurrent_run(c, &cell, fallback, 1);
}

static accel_status gru_eval(op_context *c) {
    static const char *const fallback[] = {"Sigmoid", "Tanh"};
    recurrent_cell cell = {
        .d.gates = 3, .step = gru_step, .flag = op_attr_int(c, "linear_before_reset", 0) != 0};
    return recurrent_run(c, &cell, fallback, 2);
}

static accel_status lstm_eval(op_context *c) {
    static const char *const fallback[] = {"Sigmoid", "Tanh", "Tanh"};
    recurrent_cell cell = {.d.gates = 4, .step = lstm_step, .flag = op_attr_int(c, "input_forget", 0) != 0};
    return recurrent_run(c, &cell, fallback, 3);
}

static accel_status quantised_lstm_eval(op_context *c) {
    static const char *const fallback[] = {"Sigmoid", "Tanh", "Tanh"};
    recurrent_cell cell = {.d = {.gates = 4, .quantised = true},
                           .step = lstm_step,
                           .flag = op_attr_int(c, "input_forget", 0) != 0};
    return recurrent_run(c, &cell, fallback, 3);
}

static void recurrent_cost(const op_context *c, op_cost *out) {
    const int64_t *x = input_shape(c, X)->dims;
    double weights = (double)op_elements(&c->inputs[W]) + (double)op_elements(&c->inputs[R]);
    cost_of_flops(c, 2 * weights * (double)x[0] * (double)x[1], out);
}

static const op_def recurrent_ops[] = {
    {"", "RNN", 3, 6, 0, 2, 0, OPS_LIST(rnn_attrs), rnn_infer, recurrent_cost, rnn_eval},
    {"", "GRU", 3, 6, 0, 2, 0, OPS_LIST(gru_attrs), gru_infer, recurrent_cost, gru_eval},
    {"", "LSTM", 3, 8, 0, 3, 0, OPS_LIST(lstm_attrs), lstm_infer, recurrent_cost, lstm_eval},
    {"com.microsoft", "DynamicQuantizeLSTM", 3, 12, 0, 3, 0, OPS_LIST(lstm_attrs), quantised_lstm_infer,
     recurrent_cost, quantised_lstm_eval},
};
OPS_FAMILY(recurrent, recurrent_ops);
