/* Front ends of audio models as graphs: what media/audio_process.c computes on the CPU, in operators that every engine has, so that a GPU can do it.
 *
 * In: samples, float32 [batch, samples], one channel at the model's rate, cut or filled up to the length that it takes. Out: input_features.
 *
 * The Fourier transform of a frame x[0 … n) under a window w that is symmetric (w[i] = w[n - i], w[0] = 0) is two products by the bases of cosine and
 * sine, of half the length each: with e[i] = x[i] + x[n - i] and o[i] = x[i] - x[n - i], i = 1 … n / 2,
 *   Re X[k] = sum of e[i] w[i] cos(2 pi i k / n),   Im X[k] = - sum of o[i] w[i] sin(2 pi i k / n),
 * where i = n / 2, which is its own partner, counts half. */
#include "zoo/front_end.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "media/audio.h"
#include "media/mel.h"
#include "zoo/blocks.h"

static const double POWER_FLOOR = 1e-10; /* of what a logarithm is taken of */

typedef struct front_end {
    const media_audio_processing *p;
    int64_t samples, frames, bins, half; /* half: of the length of a frame */
    double *table;                       /* room for the largest constant */
    float *values;
} front_end;

/* ---- constants ---------------------------------------------------------------------------------------- */

static value_id keep(builder *b, const front_end *f, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows * columns; i++)
        f->values[i] = (float)f->table[i];
    return zoo_floats(b, 2, (int64_t[]){rows, columns}, f->values);
}

/* [half, bins]: the window times cosine or sine. */
static value_id basis(builder *b, const front_end *f, bool sine) {
    int64_t n = f->p->fft_length;
    for (int64_t i = 1; i <= f->half; i++) {
        double window = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)n);
        double weight = i == f->half ? 0.5 * window : window;
        for (int64_t k = 0; k < f->bins; k++) {
            double angle = 2 * M_PI * (double)(i * k % n) / (double)n;
            f->table[(i - 1) * f->bins + k] = weight * (sine ? sin(angle) : cos(angle));
        }
    }
    return keep(b, f, f->half, f->bins);
}

/* [bins, mels] */
static value_id mel_weights(builder *b, const front_end *f, const mel_bank *bank) {
    int64_t mels = f->p->mels;
    memset(f->table, 0, (size_t)(f->bins * mels) * sizeof *f->table);
    for (int64_t m = 0; m < mels; m++)
        for (size_t k = 0; k < bank->filters[m].count; k++)
            f->table[(int64_t)(bank->filters[m].first + k) * mels + m] =
                bank->weights[bank->filters[m].at + k];
    return keep(b, f, f->bins, mels);
}

/* ---- steps -------------------------------------------------------------------------------------------- */

/* x[axis from begin down to end + 1]; end -1 - length of the axis: down to the first. */
static value_id backwards(builder *b, value_id x, int64_t axis, int64_t begin, int64_t end) {
    return BUILD(b, "Slice", x, build_i64s(b, 1, &begin), build_i64s(b, 1, &end), build_i64s(b, 1, &axis),
                 build_i64s(b, 1, (int64_t[]){-1}));
}

/* [batch, frames, fft_length] around every hop_length-th sample; beyond its ends the sound is mirrored. */
static value_id make_frames(builder *b, const front_end *f, value_id samples) {
    int64_t n = f->p->fft_length, hop = f->p->hop_length, pieces = (n + hop - 1) / hop;
    int64_t rows = f->frames + pieces - 1, length = rows * hop, mirrored = f->samples + n;
    value_id parts[3] = {backwards(b, samples, 1, f->half, 0), samples,
                         backwards(b, samples, 1, f->samples - 2, f->samples - 2 - f->half)};
    value_id x = zoo_concat(b, 1, 3, parts);
    if (length > mirrored) /* what follows is in no frame */
        x = BUILD(b, "Pad", x, build_i64s(b, 4, (int64_t[]){0, 0, 0, length - mirrored}));
    else
        x = zoo_slice(b, x, 1, 0, length);
    x = build_reshape(b, x, 3, (int64_t[]){0, rows, hop});
    value_id *columns = ARENA_ARRAY(b->graph->arena, value_id, (size_t)pieces);
    if (columns == NULL)
        return VALUE_NONE;
    for (int64_t i = 0; i < pieces; i++) {
        columns[i] = zoo_slice(b, x, 1, i, i + f->frames);
        if ((i + 1) * hop > n)
            columns[i] = zoo_slice(b, columns[i], 2, 0, n - i * hop);
    }
    return zoo_concat(b, 2, (size_t)pieces, columns);
}

/* [batch, frames, bins] of frames */
static value_id power(builder *b, const front_end *f, value_id frames) {
    int64_t n = f->p->fft_length;
    value_id front = zoo_slice(b, frames, 2, 1, f->half + 1),
             back = backwards(b, frames, 2, n - 1, f->half - 1);
    value_id real = BUILD(b, "MatMul", BUILD(b, "Add", front, back), basis(b, f, false));
    value_id imaginary = BUILD(b, "MatMul", BUILD(b, "Sub", front, back), basis(b, f, true));
    return BUILD(b, "Add", BUILD(b, "Mul", real, real), BUILD(b, "Mul", imaginary, imaginary));
}

/* The decimal logarithm, times `factor`. */
static value_id logarithm(builder *b, value_id x, double factor) {
    value_id above = BUILD(b, "Max", x, build_f32(b, (float)POWER_FLOOR));
    return zoo_scaled(b, BUILD(b, "Log", above), factor / log(10));
}

/* Nothing lies more than 8 below the largest value of a sound; then (x + 4) / 4, as [batch, mels, frames]. */
static value_id whisper_range(builder *b, value_id x) {
    const build_attr kept = BUILD_INT("keepdims", 1);
    value_id most =
        build_op(b, "ReduceMax", 2, (value_id[]){x, build_i64s(b, 2, (int64_t[]){1, 2})}, 1, &kept);
    value_id cut = BUILD(b, "Max", x, BUILD(b, "Sub", most, build_f32(b, 8)));
    value_id scaled = zoo_scaled(b, BUILD(b, "Add", cut, build_f32(b, 4)), 0.25);
    return build_transpose(b, scaled, 3, (int64_t[]){0, 2, 1});
}

static void build(builder *b, const front_end *f, const mel_bank *bank) {
    const char *const names[] = {"batch", "samples"};
    value_id samples = build_input(b, "samples", DTYPE_F32, 2, (int64_t[]){DIM_UNKNOWN, f->samples}, names);
    value_id mels = BUILD(b, "MatMul", power(b, f, make_frames(b, f, samples)), mel_weights(b, f, bank));
    bool whisper = f->p->kind == MEDIA_WHISPER;
    value_id features =
        whisper ? whisper_range(b, logarithm(b, mels, 1)) : zoo_unsqueeze(b, logarithm(b, mels, 10), 1);
    build_output(b, "input_features", features);
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static accel_status build_graph(const front_end *f, graph **out, accel_error *err) {
    const media_audio_processing *p = f->p;
    mel_bank bank;
    builder b;
    ACCEL_TRY(mel_bank_make((size_t)f->bins, (size_t)p->mels, p->low_hertz, p->high_hertz, p->sampling_rate,
                            &bank, err));
    accel_status status = builder_start(&b, NULL, err);
    if (status == ACCEL_OK) {
        build(&b, f, &bank);
        status = builder_finish(&b, out, err);
    }
    mel_bank_free(&bank);
    return status;
}

accel_status zoo_front_end(const char *family, graph **out, accel_error *err) {
    media_audio_processing p;
    ACCEL_TRY(media_audio_processing_default(family, &p, err));
    if (p.kind == MEDIA_WAV2VEC2)
        return error_set(err, ACCEL_UNSUPPORTED, "%s takes the samples themselves: it has no front end",
                         family);
    front_end f = {.p = &p,
                   .samples = p.seconds * p.sampling_rate,
                   .bins = p.fft_length / 2 + 1,
                   .half = p.fft_length / 2};
    f.frames = f.samples / p.hop_length + (p.kind == MEDIA_CLAP);
    int64_t rows = f.bins > p.mels ? f.bins : p.mels;
    f.table = mem_calloc((size_t)(rows * f.bins), sizeof *f.table);
    f.values = mem_calloc((size_t)(rows * f.bins), sizeof *f.values);
    accel_status status = f.table != NULL && f.values != NULL
                              ? build_graph(&f, out, err)
                              : error_no_memory(err, "a front end", (size_t)(rows * f.bins));
    mem_free(f.table);
    mem_free(f.values);
    return status;
}
