/* What a model's outputs mean to people. */
#include <math.h>

#include "ask/internal.h"
#include "base/mem.h"

enum { BEST = 5 }; /* answers for one input */

static const double least_probability = 0.5; /* of a box: transformers' post_process_object_detection */

/* What a head's function is given. */
typedef struct heads {
    const ask_output *outputs;
    size_t count;
    const char *output; /* the head's own */
    const tensor *value;
} heads;

const tensor *ask_find(const ask_output *outputs, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (str_equal(outputs[i].name, name))
            return &outputs[i].value;
    return NULL;
}

const char *ask_subject(const ask *a, size_t row) {
    const ask_question *q = &a->question;
    if (q->sound_count > 0)
        return row < q->sound_count ? q->sounds[row] : "";
    if (q->text_count > 0)
        return row < q->text_count ? q->texts[row] : "";
    return row < q->image_count ? q->images[row] : "";
}

accel_status ask_say(ask *a, const ask_answer *answer, accel_error *err) {
    if (!mem_grow((void **)&a->answers, &a->answer_capacity, a->answer_count + 1, sizeof *a->answers))
        return error_no_memory(err, "answers", a->answer_count + 1);
    a->answers[a->answer_count++] = *answer;
    return ACCEL_OK;
}

static bool matrix(const tensor *t, int rank) {
    return t && t->type == DTYPE_F32 && t->shape.rank == rank;
}

/* ---- labels ------------------------------------------------------------------------------------------- */

static const char *label(const ask *a, size_t index) {
    const char *key = arena_printf(a->memory, "id2label.%zu", index);
    const char *plain = arena_printf(a->memory, "LABEL_%zu", index);
    return key && plain ? hf_config_string(a->model->config, key, plain) : "";
}

/* Several labels may hold at once, each with a probability of its own; or the values are measures. */
static accel_status say_each_label(ask *a, const heads *h, bool sigmoid, accel_error *err) {
    const float *values = h->value->data;
    size_t width = (size_t)h->value->shape.dims[1];
    for (size_t i = 0; i < (size_t)h->value->shape.dims[0] * width; i++) {
        double x = (double)values[i], score = sigmoid ? 1 / (1 + exp(-x)) : x;
        ACCEL_TRY(ask_say(a,
                          &(ask_answer){.output = h->output,
                                        .input = ask_subject(a, i / width),
                                        .text = label(a, i % width),
                                        .score = score},
                          err));
    }
    return ACCEL_OK;
}

/* logits [batch, labels]. */
static accel_status say_labels(ask *a, const heads *h, accel_error *err) {
    ask_rank best[BEST];
    if (!matrix(h->value, 2))
        return ACCEL_OK;
    size_t width = (size_t)h->value->shape.dims[1];
    const char *problem = hf_config_string(a->model->config, "problem_type", "");
    bool several = str_equal(problem, "multi_label_classification");
    if (several || width == 1 || str_equal(problem, "regression"))
        return say_each_label(a, h, several, err);
    for (size_t row = 0; row < (size_t)h->value->shape.dims[0]; row++) {
        size_t count = ask_rank_values((const float *)h->value->data + row * width, width, BEST, best);
        for (size_t i = 0; i < count; i++)
            ACCEL_TRY(ask_say(a,
                              &(ask_answer){.output = h->output,
                                            .input = ask_subject(a, row),
                                            .text = label(a, best[i].index),
                                            .score = best[i].probability},
                              err));
    }
    return ACCEL_OK;
}

/* ---- boxes -------------------------------------------------------------------------------------------- */

/* box: middle and size as parts of the picture. */
static accel_status say_box(ask *a, const char *output, size_t image, const ask_rank *best, const float *box,
                            accel_error *err) {
    double height = (double)a->image_sizes[image][0], width = (double)a->image_sizes[image][1];
    double x = (double)box[0], y = (double)box[1], w = (double)box[2] / 2, h = (double)box[3] / 2;
    return ask_say(
        a,
        &(ask_answer){.output = output,
                      .input = a->question.images[image],
                      .text = label(a, best->index),
                      .score = best->probability,
                      .boxed = true,
                      .box = {(x - w) * width, (y - h) * height, (x + w) * width, (y + h) * height}},
        err);
}

/* pred_boxes [batch, queries, 4] with logits [batch, queries, labels + 1]; the last label is "nothing". */
static accel_status say_boxes(ask *a, const heads *h, accel_error *err) {
    const tensor *logits = ask_find(h->outputs, h->count, "logits");
    ask_rank best[2];
    if (!matrix(h->value, 3) || !matrix(logits, 3) ||
        (size_t)h->value->shape.dims[0] != a->question.image_count ||
        logits->shape.dims[0] * logits->shape.dims[1] != h->value->shape.dims[0] * h->value->shape.dims[1])
        return ACCEL_OK;
    size_t width = (size_t)logits->shape.dims[2], queries = (size_t)logits->shape.dims[1];
    for (size_t i = 0; i < a->question.image_count * queries; i++) {
        size_t count = ask_rank_values((const float *)logits->data + i * width, width, 2, best);
        bool nothing = count == 2 && best[0].index == width - 1;
        if (count == 2 && best[nothing].probability > least_probability)
            ACCEL_TRY(say_box(a, h->output, i / queries, &best[nothing],
                              (const float *)h->value->data + 4 * i, err));
    }
    return ACCEL_OK;
}

/* ---- similarities ------------------------------------------------------------------------------------- */

/* logits_per_image [images, texts], and of videos and sounds: which text fits best. */
static accel_status say_fitting(ask *a, const heads *h, accel_error *err) {
    const ask_question *q = &a->question;
    ask_rank best[BEST];
    if (!matrix(h->value, 2) || (size_t)h->value->shape.dims[1] != q->text_count)
        return ACCEL_OK;
    size_t rows = (size_t)h->value->shape.dims[0];
    size_t files = q->sound_count > 0 ? q->sound_count : q->image_count;
    for (size_t row = 0; row < rows && files >= rows; row++) {
        const char *file = q->sound_count > 0 ? q->sounds[row] : q->images[row * (files / rows)];
        size_t count =
            ask_rank_values((const float *)h->value->data + row * q->text_count, q->text_count, BEST, best);
        for (size_t i = 0; i < count; i++)
            ACCEL_TRY(ask_say(a,
                              &(ask_answer){.output = h->output,
                                            .input = file,
                                            .text = q->texts[best[i].index],
                                            .score = best[i].probability},
                              err));
    }
    return ACCEL_OK;
}

static double cosine(const float *x, const float *y, size_t width) {
    double product = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < width; i++) {
        product += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    return xx > 0 && yy > 0 ? product / sqrt(xx * yy) : 0;
}

/* sentence_embedding [texts, width]: of each text the nearest of the others, by the cosine. */
static accel_status say_nearest(ask *a, const heads *h, accel_error *err) {
    size_t texts = a->question.text_count;
    ask_rank best[BEST + 1];
    if (!matrix(h->value, 2) || (size_t)h->value->shape.dims[0] != texts)
        return ACCEL_OK;
    size_t width = (size_t)h->value->shape.dims[1];
    const float *rows = h->value->data;
    float *near = ARENA_ARRAY(a->memory, float, texts);
    if (!near)
        return error_no_memory(err, "answers", texts);
    for (size_t i = 0; i < texts; i++) {
        for (size_t k = 0; k < texts; k++)
            near[k] = k == i ? -2 : (float)cosine(rows + i * width, rows + k * width, width);
        size_t count = ask_rank_values(near, texts, BEST, best);
        for (size_t k = 0; k < count; k++)
            if (best[k].index != i)
                ACCEL_TRY(ask_say(a,
                                  &(ask_answer){.output = h->output,
                                                .input = a->question.texts[i],
                                                .text = a->question.texts[best[k].index],
                                                .score = (double)near[best[k].index]},
                                  err));
    }
    return ACCEL_OK;
}

/* ---- texts -------------------------------------------------------------------------------------------- */

static accel_status say_written(ask *a, const heads *h, accel_error *err) {
    return ask_say_written(a, h->value, h->output, err);
}

static accel_status say_heard(ask *a, const heads *h, accel_error *err) {
    return ask_say_heard(a, h->value, h->output, err);
}

static accel_status say_fillers(ask *a, const heads *h, accel_error *err) {
    return ask_say_fillers(a, h->value, h->output, err);
}

/* ---- the table ---------------------------------------------------------------------------------------- */

/* One line a head: the output that means something, of architectures whose names end so. */
static const struct {
    const char *output, *architecture;
    accel_status (*say)(ask *a, const heads *h, accel_error *err);
} table[] = {
    {"sentence_embedding", "", say_nearest},
    {"logits", "Classification", say_labels},
    {"pred_boxes", "ObjectDetection", say_boxes},
    {"logits_per_image", "", say_fitting},
    {"logits_per_video", "", say_fitting},
    {"logits_per_audio", "", say_fitting},
    {"logits", "ForCTC", say_heard},
    {"logits", "ForMaskedLM", say_fillers},
    {"generated_ids", "", say_written},
};

accel_status ask_answer_outputs(ask *a, const ask_output *outputs, size_t count, accel_error *err) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        heads h = {outputs, count, table[i].output, ask_find(outputs, count, table[i].output)};
        if (h.value && str_ends_with(a->model->architecture, table[i].architecture))
            ACCEL_TRY(table[i].say(a, &h, err));
    }
    return ACCEL_OK;
}

const ask_answer *ask_answers(const ask *a, size_t *count) {
    *count = a->answer_count;
    return a->answers;
}
