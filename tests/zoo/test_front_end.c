/* Front ends as graphs: the features that the code for the CPU makes. */
#include "support/test.h"

#include <math.h>

#include "graph/evaluate.h"
#include "media/audio.h"
#include "zoo/zoo.h"

static accel_error err;

/* A tone that rises, over noise that is always the same. */
static void make_sound(float *samples, int64_t count) {
    uint32_t noise = 1;
    for (int64_t i = 0; i < count; i++) {
        noise = noise * 1664525U + 1013904223U;
        samples[i] = (float)(0.5 * sin(1e-3 * (double)i + 4e-7 * (double)(i * i)) +
                             0.1 * ((double)noise / 4294967296.0 - 0.5));
    }
}

static void compare_family(const char *reference, const char *family) {
    zoo_model m;
    media_audio_processing p;
    media_tensors expected = {0};
    evaluation *e = NULL;
    tensor got, samples;
    tensor_distance d;
    assert_ok(zoo_load(reference, NULL, &m, &err));
    assert_string_equal(m.modality, "audio");
    assert_ok(media_audio_processing_default(family, &p, &err));
    const shape s = shape_make(2, (int64_t[]){1, p.seconds * p.sampling_rate});
    assert_ok(tensor_create(DTYPE_F32, &s, &samples, &err));
    make_sound(samples.data, s.dims[1]);
    const media_sound sound = {s.dims[1], 1, p.sampling_rate, samples.data};
    assert_ok(media_audio_process(&p, &sound, 1, &expected, &err));
    assert_ok(graph_evaluate(m.graph, &samples, 1, NULL, &e, &err));
    evaluation_output_tensor(e, 0, &got);
    const media_tensor *features = media_tensors_find(&expected, "input_features");
    const tensor wanted = {.type = DTYPE_F32,
                           .shape = shape_make(features->rank, features->dims),
                           .data = features->data,
                           .size_bytes = features->size_bytes};
    assert_ok(tensor_compare(&got, &wanted, &d, &err));
    assert_true(d.relative_l2 < 1e-5);
    evaluation_destroy(e);
    media_tensors_free(&expected);
    tensor_free(&samples);
    zoo_model_free(&m);
}

static void whisper_is_what_the_cpu_computes(void **state) {
    (void)state;
    compare_family("audio:whisper", "whisper");
}

static void clap_is_what_the_cpu_computes(void **state) {
    (void)state;
    compare_family("audio:clap", "clap");
}

static void families_without_a_front_end_are_refused(void **state) {
    zoo_model m;
    (void)state;
    assert_int_equal(zoo_load("audio:wav2vec2", NULL, &m, &err), ACCEL_UNSUPPORTED);
    assert_says("wav2vec2 takes the samples themselves");
    assert_int_equal(zoo_load("audio:bert", NULL, &m, &err), ACCEL_NOT_FOUND);
    assert_says("'bert' takes no sound");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(whisper_is_what_the_cpu_computes),
                                       cmocka_unit_test(clap_is_what_the_cpu_computes),
                                       cmocka_unit_test(families_without_a_front_end_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
