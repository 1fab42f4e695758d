/* Fourier transforms by their definition, resampling against scipy and by what a filter must do, and the classes' feature
 * extractors against transformers. */
#include <math.h>

#include "media/golden.h"

#include "base/mem.h"
#include "media/audio.h"
#include "media/fft.h"

/* ---- Fourier transforms ------------------------------------------------------------------------------- */

static void transforms_equal_their_definition(void **state) {
    (void)state;
    static const size_t lengths[] = {1,  2,  3,  4,  5,   6,   7,   8,   9,   12,  15,   16,
                                     30, 31, 49, 97, 100, 128, 250, 400, 630, 999, 1024, 1018};
    enum { MOST = 1024 };
    static double in[MOST];
    static complex_number fast[MOST], plain[MOST];
    for (size_t i = 0; i < MOST; i++)
        in[i] = sin((double)(i * i) * 0.7) + 0.3;
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++) {
        media_fft *f;
        assert_ok(media_fft_create(lengths[n], &f, &err));
        media_fft_real(f, in, fast);
        media_dft_real(lengths[n], in, plain);
        for (size_t k = 0; k <= lengths[n] / 2; k++)
            if (!(fabs(fast[k].re - plain[k].re) < 1e-10 && fabs(fast[k].im - plain[k].im) < 1e-10))
                fail_msg("length %zu, k %zu: %g %g and %g %g", lengths[n], k, fast[k].re, fast[k].im,
                         plain[k].re, plain[k].im);
        media_fft_destroy(f);
    }
    media_fft *f;
    assert_int_equal(media_fft_create(0, &f, &err), ACCEL_LIMIT);
    assert_int_equal(media_fft_create(100000, &f, &err), ACCEL_LIMIT);
}

/* ---- resampling --------------------------------------------------------------------------------------- */

static void resampling_agrees_with_scipy(void **state) {
    (void)state;
    yyjson_val *list, *c;
    yyjson_doc *doc = golden_cases("rates", &list);
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    while ((c = yyjson_arr_iter_next(&it))) {
        char name[64];
        int64_t from = yyjson_get_sint(yyjson_obj_get(c, "from")),
                to = yyjson_get_sint(yyjson_obj_get(c, "to"));
        int64_t frames = yyjson_get_sint(yyjson_obj_get(c, "frames"));
        snprintf(name, sizeof name, "%lld.%lld", (long long)from, (long long)to);
        golden g = golden_read("rate.%s.npy%s", name, "");
        media_sound in, out;
        assert_ok(media_sound_create(frames, 1, from, &in, &err));
        memcpy(in.samples, g.data, (size_t)frames * 4);
        assert_ok(media_sound_resample(&in, to, &out, &err));
        assert_int_equal(out.frames + frames, g.count);
        double most = 0;
        for (int64_t i = 0; i < out.frames; i++) {
            float want;
            memcpy(&want, (const char *)g.data + 4 * (frames + i), 4);
            most = fmax(most, fabs((double)out.samples[i] - (double)want));
        }
        if (!(most < 2e-3))
            fail_msg("%s is %g from scipy", name, most);
        media_sound_free(&in);
        media_sound_free(&out);
        golden_free(&g);
    }
    yyjson_doc_free(doc);
}

/* The largest error of a tone of `hertz` after resampling, away from the ends; against silence when it is above Nyquist. */
static double tone_error(double hertz, int64_t from, int64_t to) {
    media_sound in, out;
    double most = 0, edge = (double)(from < to ? from : to) / 2;
    assert_ok(media_sound_create(from / 4, 1, from, &in, &err));
    for (int64_t i = 0; i < in.frames; i++)
        in.samples[i] = (float)sin(2 * M_PI * hertz * (double)i / (double)from);
    assert_ok(media_sound_resample(&in, to, &out, &err));
    for (int64_t i = out.frames / 4; i < out.frames * 3 / 4; i++) {
        double want = hertz < edge ? sin(2 * M_PI * hertz * (double)i / (double)to) : 0;
        most = fmax(most, fabs((double)out.samples[i] - want));
    }
    media_sound_free(&in);
    media_sound_free(&out);
    return most;
}

static void tones_pass_or_vanish(void **state) {
    (void)state;
    assert_true(tone_error(300, 44100, 16000) < 2e-4);
    assert_true(tone_error(6500, 44100, 16000) < 2e-4);
    assert_true(tone_error(3000, 8000, 48000) < 2e-4);
    assert_true(tone_error(15000, 44100, 48000) < 2e-4);
    assert_true(tone_error(9000, 44100, 16000) < 2e-4); /* would fold to 7000 Hz */
    assert_true(tone_error(12000, 48000, 16000) < 2e-4);
}

static void channels_are_mixed(void **state) {
    (void)state;
    media_sound in, out;
    assert_ok(media_sound_create(3, 2, 8000, &in, &err));
    for (int i = 0; i < 6; i++)
        in.samples[i] = (float)i;
    assert_ok(media_sound_mono(&in, &out, &err));
    assert_int_equal(out.channels, 1);
    assert_true(out.samples[0] == 0.5f && out.samples[2] == 4.5f);
    media_sound_free(&in);
    media_sound_free(&out);
    assert_int_equal(media_sound_create(0, 1, 8000, &in, &err), ACCEL_INVALID_ARGUMENT);
    assert_int_equal(media_sound_create(1, 1, 3, &in, &err), ACCEL_LIMIT);
    assert_int_equal(media_sound_create(INT64_MAX, 64, 8000, &in, &err), ACCEL_LIMIT);
}

/* ---- extractors --------------------------------------------------------------------------------------- */

enum { MAX_SOUNDS = 4 };

static media_sound read_sound(const char *name, int64_t rate) {
    golden g = golden_read("sound.%s.npy%s", name, "");
    media_sound s;
    assert_ok(media_sound_create((int64_t)g.count, 1, rate, &s, &err));
    for (size_t i = 0; i < g.count; i++) {
        int16_t sample;
        memcpy(&sample, (const char *)g.data + 2 * i, 2);
        s.samples[i] = (float)sample / 32768;
    }
    golden_free(&g);
    return s;
}

static void run_case(yyjson_val *c) {
    const char *name = yyjson_get_str(yyjson_obj_get(c, "name"));
    media_audio_processing p;
    media_sound sounds[MAX_SOUNDS];
    media_tensors out;
    str_buf json = {0};
    yyjson_val *names = yyjson_obj_get(c, "sounds");
    size_t count = yyjson_arr_size(names);
    json_append_value(&json, yyjson_obj_get(c, "config"));
    assert_ok(media_audio_processing_parse(json.data, json.length, "case.json",
                                           yyjson_get_str(yyjson_obj_get(c, "family")), &p, &err));
    for (size_t i = 0; i < count; i++)
        sounds[i] = read_sound(yyjson_get_str(yyjson_arr_get(names, i)), p.sampling_rate);
    assert_ok(media_audio_process(&p, sounds, count, &out, &err));
    assert_int_equal(out.count, yyjson_arr_size(yyjson_obj_get(c, "tensors")));
    for (size_t i = 0; i < out.count; i++) {
        golden g = golden_read("%s.%s.npy", name, out.items[i].name);
        double apart = golden_distance(&out.items[i], &g, name);
        if (!(apart < 1e-4))
            fail_msg("%s: %s is %g from transformers'", name, out.items[i].name, apart);
        print_message("%s %s: %.1e\n", name, out.items[i].name, apart);
        golden_free(&g);
    }
    media_tensors_free(&out);
    str_free(&json);
    for (size_t i = 0; i < count; i++)
        media_sound_free(&sounds[i]);
}

static void extractors_are_transformers(void **state) {
    (void)state;
    yyjson_val *list, *c;
    yyjson_doc *doc = golden_cases("sounds", &list);
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    while ((c = yyjson_arr_iter_next(&it)))
        run_case(c);
    yyjson_doc_free(doc);
}

/* Two channels at three times the rate give what one at the rate does, but for the filter's edge. */
static void other_rates_and_channels_are_taken(void **state) {
    (void)state;
    media_audio_processing p;
    media_sound in;
    media_tensors out;
    assert_ok(media_audio_processing_default("wav2vec2", &p, &err));
    p.do_normalize = false;
    assert_ok(media_sound_create(4800, 2, 48000, &in, &err));
    for (int64_t i = 0; i < in.frames; i++)
        in.samples[2 * i] = (float)(2 * sin(2 * M_PI * 500 * (double)i / 48000));
    assert_ok(media_audio_process(&p, &in, 1, &out, &err));
    assert_int_equal(out.items[0].dims[1], 1600);
    assert_true(fabs((double)((float *)out.items[0].data)[808] - sin(2 * M_PI * 500 * 808 / 16000)) < 1e-3);
    media_tensors_free(&out);
    media_sound_free(&in);
    assert_int_equal(media_audio_process(&p, NULL, 0, &out, &err), ACCEL_INVALID_ARGUMENT);
    assert_int_equal(media_audio_process(&p, &in, 1, &out, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("sound 1: a sound of 0 frames");
}

static void memory_that_ends_is_reported(void **state) {
    (void)state;
    static const char *const families[] = {"whisper", "clap", "wav2vec2"};
    media_sound in;
    assert_ok(media_sound_create(500, 2, 8000, &in, &err));
    for (size_t f = 0; f < 3; f++) {
        accel_status status = ACCEL_OUT_OF_MEMORY;
        for (uint64_t n = 1; status != ACCEL_OK; n++) {
            media_audio_processing p;
            media_tensors out;
            assert_ok(media_audio_processing_default(families[f], &p, &err));
            mem_fault_set(n, false);
            status = media_audio_process(&p, &in, 1, &out, &err);
            mem_fault_set(0, false);
            assert_true(status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY);
            media_tensors_free(&out);
        }
    }
    media_sound_free(&in);
}

static void refused(const char *family, const char *json, accel_status status, const char *text) {
    media_audio_processing p;
    err = (accel_error){0};
    assert_int_equal(media_audio_processing_parse(json, strlen(json), "p.json", family, &p, &err), status);
    assert_says("p.json");
    assert_says(text);
}

static void fields_that_are_wrong_or_unknown_are_named(void **state) {
    (void)state;
    refused("whisper", "{\"n_fft\": 0}", ACCEL_BAD_FILE, "'n_fft'");
    refused("whisper", "{\"chunk_length\": 1e9}", ACCEL_BAD_FILE, "'chunk_length'");
    refused("whisper", "{\"chunk_length\": 1, \"sampling_rate\": 1000, \"n_fft\": 60000}", ACCEL_BAD_FILE,
            "'n_fft'");
    refused("whisper", "{\"dither\": 0.1}", ACCEL_UNSUPPORTED, "'dither'");
    refused("whisper", "{\"padding_side\": \"left\"}", ACCEL_UNSUPPORTED, "'padding_side'");
    refused("clap", "{}", ACCEL_UNSUPPORTED, "'truncation' is \"fusion\" (or missing");
    refused("clap", "{\"truncation\": \"rand_trunc\", \"padding\": 3}", ACCEL_BAD_FILE, "'padding'");
    refused("clap", "{\"truncation\": \"rand_trunc\", \"frequency_min\": 15000}", ACCEL_BAD_FILE,
            "'frequency_min'");
    refused("wav2vec2", "{\"sampling_rate\": 1}", ACCEL_BAD_FILE, "'sampling_rate'");
    refused("wav2vec2", "{\"feature_size\": 2}", ACCEL_UNSUPPORTED, "'feature_size'");
    refused("wav2vec2", "{\"feature_extractor_type\": \"EncodecFeatureExtractor\"}", ACCEL_UNSUPPORTED,
            "'Encodec'");
    refused(NULL, "{}", ACCEL_UNSUPPORTED, "names no feature extractor");
    media_audio_processing p;
    assert_int_equal(media_audio_processing_default("bert", &p, &err), ACCEL_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_equal_their_definition),
        cmocka_unit_test(resampling_agrees_with_scipy),
        cmocka_unit_test(tones_pass_or_vanish),
        cmocka_unit_test(channels_are_mixed),
        cmocka_unit_test(extractors_are_transformers),
        cmocka_unit_test(other_rates_and_channels_are_taken),
        cmocka_unit_test(memory_that_ends_is_reported),
        cmocka_unit_test(fields_that_are_wrong_or_unknown_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
