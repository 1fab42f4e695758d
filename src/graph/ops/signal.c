/* Signal processing: windows, DFT, STFT, MelWeightMatrix. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

static const double pi = 3.14159265358979323846;

/* ---- windows ------------------------------------------------------------------------------------------------------------ */

static const op_attr_def window_attrs[] = {{"output_datatype", ATTR_INT, false, "1"},
                                           {"periodic", ATTR_INT, false, "1"}};
enum { SIGNAL_LIMIT = 1 << 30 };

static accel_status window_infer(op_context *c) {
    dtype type = dtype_from_onnx(op_attr_int(c, "output_datatype", 1));
    ACCEL_TRY(require_type(c, 0, TYPES_INDEX));
    ACCEL_TRY(require_one_element(c, 0));
    if (!(TYPES_NUMBER & TYPE_BIT(type)))
        return op_fail(c, ACCEL_BAD_GRAPH, "output_datatype is not a number type");
    shape out = {.rank = 1, .dims = {input_i64_at(c, 0, 0, DIM_UNKNOWN)}};
    if (c->inputs[0].data && (out.dims[0] < 0 || out.dims[0] > SIGNAL_LIMIT))
        return op_fail(c, ACCEL_BAD_GRAPH, "a window of %lld", (long long)out.dims[0]);
    put_output(c, 0, type, &out);
    return ACCEL_OK;
}

/* A sum of cosines: a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N), N the size, less one when symmetric. */
static accel_status cosine_window(op_context *c, double a0, double a1, double a2) {
    int64_t size = output_elements(c, 0);
    double period = (double)size - (op_attr_int(c, "periodic", 1) != 0 ? 0 : 1);
    for (int64_t i = 0; i < size; i++) {
        double angle = period > 0 ? 2 * pi * (double)i / period : 0;
        double value = a0 - a1 * cos(angle) + a2 * cos(2 * angle);
        store_f64(c->outputs[0].type.type, c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

static accel_status hann_eval(op_context *c) {
    return cosine_window(c, 0.5, 0.5, 0);
}
static accel_status hamming_eval(op_context *c) {
    return cosine_window(c, 25.0 / 46, 21.0 / 46, 0);
}
static accel_status blackman_eval(op_context *c) {
    return cosine_window(c, 0.42, 0.5, 0.08);
}

/* ---- the transform, straight from its definition ---------------------------------------------------------------------------- */

/* x[m] + i y[m], m < given (zeros after), to bins 0 … bins of a transform of length n. roots: cos and sin of 2 pi k / n. */
static void transform(const double *re, const double *im, int64_t given, int64_t n, int64_t bins,
                      bool inverse, const double *roots, double *out) {
    double sign = inverse ? 1 : -1, scale = inverse ? 1 / (double)n : 1;
    if (given > n)
        given = n;
    for (int64_t k = 0; k < bins; k++) {
        double real = 0, imaginary = 0;
        for (int64_t m = 0, turn = 0; m < given; m++, turn = (turn + k) % n) {
            double cosine = roots[2 * turn], sine = sign * roots[2 * turn + 1];
            real += re[m] * cosine - im[m] * sine;
            imaginary += re[m] * sine + im[m] * cosine;
        }
        out[2 * k] = real * scale;
        out[2 * k + 1] = imaginary * scale;
    }
}

static const double *make_roots(const op_context *c, int64_t n) {
    double *roots = SCRATCH(c, double, 2 * n);
    for (int64_t k = 0; roots && k < n; k++) {
        roots[2 * k] = cos(2 * pi * (double)k / (double)n);
        roots[2 * k + 1] = sin(2 * pi * (double)k / (double)n);
    }
    return roots;
}

/* ---- DFT --------------------------------------------------------------------------------------------------------------------- */

static const op_attr_def dft_attrs[] = {{"inverse", ATTR_INT, false, "0"},
                                        {"onesided", ATTR_INT, false, "0"}};

typedef struct dft_plan {
    int axis;
    bool inverse, one_sided;
    int64_t length, bins; /* length of the transform; DIM_UNKNOWN where not known */
} dft_plan;

static accel_status dft_read(const op_context *c, dft_plan *p) {
    const shape *in = input_shape(c, 0);
    int64_t axis = input_i64_at(c, 2, 0, -2);
    *p = (dft_plan){.inverse = op_attr_int(c, "inverse", 0) != 0,
                    .one_sided = op_attr_int(c, "onesided", 0) != 0};
    ACCEL_TRY(require_axis(c, axis, in->rank, &p->axis));
    if (p->axis == in->rank - 1)
        return op_fail(c, ACCEL_BAD_GRAPH, "the last axis holds the parts of complex numbers");
    int64_t dim = in->dims[p->axis];
    p->length = dim < 0 || !(p->inverse && p->one_sided) ? dim : 2 * (dim - 1);
    if (op_has_input(c, 1))
        p->length = input_i64_at(c, 1, 0, DIM_UNKNOWN);
    if ((op_has_input(c, 1) && c->inputs[1].data && p->length < 1) || p->length > SIGNAL_LIMIT)
        return op_fail(c, ACCEL_BAD_GRAPH, "a transform of %lld points", (long long)p->length);
    p->bins = p->length >= 0 && p->one_sided && !p->inverse ? p->length / 2 + 1 : p->length;
    return ACCEL_OK;
}

static accel_status dft_infer(op_context *c) {
    const shape *in = input_shape(c, 0);
    dft_plan p;
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, 1, TYPES_INDEX));
    ACCEL_TRY(require_type(c, 2, TYPES_INDEX));
    ACCEL_TRY(require_one_element(c, 1));
    ACCEL_TRY(require_one_element(c, 2));
    ACCEL_TRY(require_rank(c, 0, 2, TENSOR_MAX_RANK));
    put_unknown(c, 0, input_type(c, 0));
    if (in->rank == RANK_UNKNOWN || (op_has_input(c, 2) && !c->inputs[2].data))
        return ACCEL_OK;
    ACCEL_TRY(dft_read(c, &p));
    int64_t parts = in->dims[in->rank - 1];
    if (parts >= 0 && parts != 1 && parts != 2)
        return op_fail(c, ACCEL_BAD_GRAPH, "the last axis must have 1 or 2 elements");
    if (p.one_sided && parts >= 0 && parts != (p.inverse ? 2 : 1))
        return op_fail(c, ACCEL_BAD_GRAPH,
                       "a one-sided transform goes from real to complex, its inverse back");
    shape out = *in;
    out.dims[p.axis] = p.bins;
    out.dims[in->rank - 1] = p.one_sided && p.inverse ? 1 : 2;
    put_output(c, 0, input_type(c, 0), &out);
    return ACCEL_OK;
}

/* One-sided spectra are completed by conjugate symmetry before the inverse. */
static int64_t complete_spectrum(double *re, double *im, int64_t given, int64_t n) {
    for (int64_t k = n / 2 + 1; k < n; k++) {
        re[k] = n - k < given ? re[n - k] : 0;
        im[k] = n - k < given ? -im[n - k] : 0;
    }
    for (int64_t k = given; k <= n / 2 && k < n; k++)
        re[k] = im[k] = 0;
    return n;
}

static accel_status dft_eval(op_context *c) {
    const shape *in = input_shape(c, 0);
    dft_plan p;
    ACCEL_TRY(dft_read(c, &p));
    axis_split s = split_at(in, p.axis);
    int64_t parts = in->dims[in->rank - 1], out_parts = p.one_sided && p.inverse ? 1 : 2;
    int64_t lines = parts ? s.outer * s.inner / parts : 0, inner = parts ? s.inner / parts : 0;
    int64_t room = s.length > p.length ? s.length : p.length;
    const double *x = op_input_f64(c, 0), *roots = make_roots(c, p.length);
    double *re = SCRATCH(c, double, room), *im = SCRATCH(c, double, room),
           *bins = SCRATCH(c, double, 2 * p.length);
    double *out = SCRATCH(c, double, output_elements(c, 0));
    if (!x || !roots || !re || !im || !bins || !out)
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t line = 0; line < lines; line++) {
        int64_t given = s.length;
        for (int64_t i = 0; i < s.length; i++) {
            int64_t at = ((line / inner * s.length + i) * inner + line % inner) * parts;
            re[i] = x[at];
            im[i] = parts == 2 ? x[at + 1] : 0;
        }
        if (p.inverse && p.one_sided)
            given = complete_spectrum(re, im, given < p.length / 2 + 1 ? given : p.length / 2 + 1, p.length);
        transform(re, im, given, p.length, p.bins, p.inverse, roots, bins);
        for (int64_t k = 0; k < p.bins; k++) {
            int64_t at = ((line / inner * p.bins + k) * inner + line % inner) * out_parts;
            for (int64_t part = 0; part < out_parts; part++)
                out[at + part] = bins[2 * k + part];
        }
    }
    return op_output_from_f64(c, 0, out);
}

/* ---- STFT -------------------------------------------------------------------------------------------------------------------- */

static const op_attr_def stft_attrs[] = {{"onesided", ATTR_INT, false, "1"}};
enum { SIGNAL, STEP, WINDOW, LENGTH };

typedef struct stft_plan {
    int64_t step, length, frames, bins;
} stft_plan;

static accel_status stft_read(const op_context *c, stft_plan *p) {
    int64_t signal = input_dim(c, SIGNAL, 1);
    *p = (stft_plan){.step = input_i64_at(c, STEP, 0, DIM_UNKNOWN),
                     .length = DIM_UNKNOWN,
                     .frames = DIM_UNKNOWN,
                     .bins = DIM_UNKNOWN};
    if (op_has_input(c, LENGTH))
        p->length = input_i64_at(c, LENGTH, 0, DIM_UNKNOWN);
    if (op_has_input(c, WINDOW))
        ACCEL_TRY(merge_dim(c, "frame_length and the window", &p->length, input_dim(c, WINDOW, 0)));
    if (!op_has_input(c, LENGTH) && !op_has_input(c, WINDOW))
        p->length = signal;
    if ((c->inputs[STEP].data && p->step < 1) || p->length == 0 || p->length > SIGNAL_LIMIT ||
        (signal >= 0 && p->length > signal))
        return op_fail(c, ACCEL_BAD_GRAPH, "frames of %lld every %lld in a signal of %lld",
                       (long long)p->length, (long long)p->step, (long long)signal);
    if (p->length < 0)
        return ACCEL_OK;
    p->bins = op_attr_int(c, "onesided", 1) != 0 ? p->length / 2 + 1 : p->length;
    if (p->step > 0 && signal >= 0)
        p->frames = (signal - p->length) / p->step + 1;
    return ACCEL_OK;
}

static accel_status stft_infer(op_context *c) {
    stft_plan p;
    ACCEL_TRY(require_type(c, SIGNAL, TYPES_FLOAT));
    ACCEL_TRY(require_type(c, STEP, TYPES_INDEX));
    ACCEL_TRY(require_same_type(c, SIGNAL, WINDOW));
    ACCEL_TRY(require_type(c, LENGTH, TYPES_INDEX));
    ACCEL_TRY(require_rank(c, SIGNAL, 3, 3));
    ACCEL_TRY(require_rank(c, WINDOW, 1, 1));
    ACCEL_TRY(require_one_element(c, STEP));
    ACCEL_TRY(require_one_element(c, LENGTH));
    ACCEL_TRY(stft_read(c, &p));
    int64_t parts = input_dim(c, SIGNAL, 2);
    if (parts >= 0 && parts != 1 && parts != 2)
        return op_fail(c, ACCEL_BAD_GRAPH, "the last axis must have 1 or 2 elements");
    if (parts == 2 && op_attr_int(c, "onesided", 1) != 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "a complex signal has no one-sided transform");
    shape out = {.rank = 4, .dims = {input_dim(c, SIGNAL, 0), p.frames, p.bins, 2}};
    put_output(c, 0, input_type(c, SIGNAL), &out);
    return ACCEL_OK;
}

static accel_status stft_eval(op_context *c) {
    stft_plan p;
    ACCEL_TRY(stft_read(c, &p));
    int64_t batch = input_dim(c, SIGNAL, 0), signal = input_dim(c, SIGNAL, 1),
            parts = input_dim(c, SIGNAL, 2);
    const double *x = op_input_f64(c, SIGNAL),
                 *window = op_has_input(c, WINDOW) ? op_input_f64(c, WINDOW) : NULL;
    const double *roots = make_roots(c, p.length);
    double *re = SCRATCH(c, double, p.length), *im = SCRATCH(c, double, p.length),
           *out = SCRATCH(c, double, output_elements(c, 0));
    if (!x || !roots || !re || !im || !out || (op_has_input(c, WINDOW) && !window))
        return ACCEL_OUT_OF_MEMORY;
    for (int64_t i = 0; i < batch * p.frames; i++) {
        const double *from = x + (i / p.frames * signal + i % p.frames * p.step) * parts;
        for (int64_t k = 0; k < p.length; k++) {
            double weight = window ? window[k] : 1;
            re[k] = from[k * parts] * weight;
            im[k] = parts == 2 ? from[k * parts + 1] * weight : 0;
        }
        transform(re, im, p.length, p.length, p.bins, false, roots, out + i * p.bins * 2);
    }
    return op_output_from_f64(c, 0, out);
}

/* ---- MelWeightMatrix ------------------------------------------------------------------------------------------------------------ */

static const op_attr_def mel_attrs[] = {{"output_datatype", ATTR_INT, false, "1"}};
enum { MEL_BINS, MEL_LENGTH, MEL_RATE, MEL_LOW, MEL_HIGH };

static accel_status mel_infer(op_context *c) {
    dtype type = dtype_from_onnx(op_attr_int(c, "output_datatype", 1));
    shape out = {.rank = 2, .dims = {DIM_UNKNOWN, DIM_UNKNOWN}};
    for (size_t i = 0; i < 5; i++) {
        ACCEL_TRY(require_type(c, i, i < MEL_LOW ? TYPES_INDEX : TYPES_FLOAT));
        ACCEL_TRY(require_one_element(c, i));
    }
    if (!(TYPES_NUMBER & TYPE_BIT(type)))
        return op_fail(c, ACCEL_BAD_GRAPH, "output_datatype is not a number type");
    int64_t bins = input_i64_at(c, MEL_BINS, 0, DIM_UNKNOWN),
            length = input_i64_at(c, MEL_LENGTH, 0, DIM_UNKNOWN);
    if ((c->inputs[MEL_BINS].data && (bins < 0 || bins > SIGNAL_LIMIT)) ||
        (c->inputs[MEL_LENGTH].data && (length < 0 || length > SIGNAL_LIMIT)))
        return op_fail(c, ACCEL_BAD_GRAPH, "%lld bands of a transform of %lld", (long long)bins,
                       (long long)length);
    out.dims[0] = length < 0 ? DIM_UNKNOWN : length / 2 + 1;
    out.dims[1] = bins;
    put_output(c, 0, type, &out);
    return ACCEL_OK;
}

static double to_mel(double hertz) {
    return 2595 * log1p(hertz / 700) / log(10);
}

/* Edge e of the bands, as a bin of the spectrum. */
static double mel_edge(const op_context *c, int64_t e) {
    double low = to_mel(input_f64_at(c, MEL_LOW, 0, 0)), high = to_mel(input_f64_at(c, MEL_HIGH, 0, 0));
    double step = (high - low) / (double)(input_i64_at(c, MEL_BINS, 0, 0) + 2);
    double hertz = 700 * expm1((low + (double)e * step) / 2595 * log(10));
    return floor((double)(input_i64_at(c, MEL_LENGTH, 0, 0) + 1) * hertz /
                 (double)input_i64_at(c, MEL_RATE, 0, 1));
}

static accel_status mel_eval(op_context *c) {
    int64_t rows = c->outputs[0].type.shape.dims[0], bands = c->outputs[0].type.shape.dims[1];
    if (input_i64_at(c, MEL_RATE, 0, 0) < 1)
        return op_fail(c, ACCEL_BAD_GRAPH, "a sample rate of %lld",
                       (long long)input_i64_at(c, MEL_RATE, 0, 0));
    for (int64_t band = 0; band < bands; band++) {
        double left = mel_edge(c, band), centre = mel_edge(c, band + 1), right = mel_edge(c, band + 2);
        if (!(left >= 0 && right <= (double)rows && left <= centre && centre <= right))
            return op_fail(c, ACCEL_BAD_GRAPH, "band %lld lies outside the spectrum", (long long)band);
        for (int64_t row = 0; row < rows; row++) {
            double at = (double)row, value = 0;
            if (at >= left && at <= centre)
                value = centre == left ? 1 : (at - left) / (centre - left);
            if (at >= centre && at < right)
                value = (right - at) / (right - centre);
            store_f64(c->outputs[0].type.type, c->output_data[0], row * bands + band, 1, 1, &value);
        }
    }
    return ACCEL_OK;
}

static const op_def signal_ops[] = {
    {"", "HannWindow", 1, 1, 1, 1, 0, OPS_LIST(window_attrs), window_infer, NULL, hann_eval},
    {"", "HammingWindow", 1, 1, 1, 1, 0, OPS_LIST(window_attrs), window_infer, NULL, hamming_eval},
    {"", "BlackmanWindow", 1, 1, 1, 1, 0, OPS_LIST(window_attrs), window_infer, NULL, blackman_eval},
    {"", "DFT", 1, 3, 1, 1, 0, OPS_LIST(dft_attrs), dft_infer, NULL, dft_eval},
    {"", "STFT", 2, 4, 1, 1, 0, OPS_LIST(stft_attrs), stft_infer, NULL, stft_eval},
    {"", "MelWeightMatrix", 5, 5, 1, 1, 0, OPS_LIST(mel_attrs), mel_infer, NULL, mel_eval},
};
OPS_FAMILY(signal, signal_ops);
