/* Pictures, their resizing against Pillow, and the classes' processors against transformers, byte for byte. */
#include <math.h>

#include "media/golden.h"

#include "base/mem.h"
#include "media/image_processing.h"

static media_image read_picture(const char *name) {
    golden g = golden_read("picture.%s.npy%s", name, "");
    media_image image;
    assert_ok(media_image_create(g.dims[0], g.dims[1], &image, &err));
    memcpy(image.pixels, g.data, g.count);
    golden_free(&g);
    return image;
}

/* ---- resizing ----------------------------------------------------------------------------------------- */

static void resizing_is_pillows(void **state) {
    (void)state;
    static const char *const names[] = {"odd", "tall", "line", "wide"};
    static const media_filter filters[] = {MEDIA_NEAREST, MEDIA_LANCZOS, MEDIA_BILINEAR,
                                           MEDIA_BICUBIC, MEDIA_BOX,     MEDIA_HAMMING};
    static const int sizes[][2] = {{17, 31}, {43, 30}, {41, 20}, {13, 67}, {1, 1}, {24, 24}};
    for (size_t n = 0; n < 4; n++) {
        golden g = golden_read("resize.%s.npy%s", names[n], "");
        media_image in = read_picture(names[n]), out;
        const uint8_t *want = g.data;
        for (size_t f = 0; f < 6; f++)
            for (size_t s = 0; s < 6; s++) {
                assert_ok(media_image_resize(&in, sizes[s][0], sizes[s][1], filters[f], &out, &err));
                size_t bytes = (size_t)(out.height * out.width * 3);
                if (memcmp(out.pixels, want, bytes) != 0)
                    fail_msg("%s by filter %d to %d x %d differs from Pillow", names[n], (int)filters[f],
                             sizes[s][0], sizes[s][1]);
                want += bytes;
                media_image_free(&out);
            }
        assert_ptr_equal(want, (const uint8_t *)g.data + g.count);
        media_image_free(&in);
        golden_free(&g);
    }
}

static void an_impossible_size_is_refused(void **state) {
    (void)state;
    media_image out, empty = {.height = 4, .width = 0}, line;
    assert_int_equal(media_image_create(5, 0, &out, &err), ACCEL_INVALID_ARGUMENT);
    assert_says("5 x 0 pixels (height x width) has nothing in it");
    assert_int_equal(media_image_create(1 << 20, 1 << 20, &out, &err), ACCEL_LIMIT);
    assert_int_equal(media_image_create(INT64_MAX, INT64_MAX, &out, &err), ACCEL_LIMIT);
    assert_int_equal(media_image_resize(&empty, 3, 3, MEDIA_BICUBIC, &out, &err), ACCEL_INVALID_ARGUMENT);
    assert_ok(media_image_create(1, 70000, &line, &err));
    assert_int_equal(media_image_resize(&line, 224, 15680000, MEDIA_BICUBIC, &out, &err), ACCEL_LIMIT);
    assert_says("above the limit");
    media_image_free(&line);
}

/* ---- processors --------------------------------------------------------------------------------------- */

enum { MAX_PICTURES = 16 };

static void compare(media_tensors *got, yyjson_val *names, const char *name) {
    assert_int_equal(got->count, yyjson_arr_size(names));
    for (size_t i = 0; i < got->count; i++) {
        media_tensor *t = &got->items[i];
        golden g = golden_read("%s.%s.npy", name, t->name);
        double apart = golden_distance(t, &g, name);
        if (apart != 0)
            fail_msg("%s: %s is %g from transformers'", name, t->name, apart);
        golden_free(&g);
    }
}

static void run_case(yyjson_val *c) {
    media_image_processing p;
    media_image images[MAX_PICTURES];
    size_t groups[MAX_PICTURES];
    media_tensors out;
    str_buf json = {0};
    yyjson_val *names = yyjson_obj_get(c, "pictures"), *group_list = yyjson_obj_get(c, "groups");
    media_image_batch batch = {.images = images, .count = yyjson_arr_size(names)};
    for (size_t i = 0; i < batch.count; i++)
        images[i] = read_picture(yyjson_get_str(yyjson_arr_get(names, i)));
    for (size_t i = 0; i < yyjson_arr_size(group_list); i++)
        groups[i] = (size_t)yyjson_get_uint(yyjson_arr_get(group_list, i));
    batch.group_count = yyjson_arr_size(group_list);
    batch.group_sizes = batch.group_count ? groups : NULL;
    json_append_value(&json, yyjson_obj_get(c, "config"));
    assert_ok(media_image_processing_parse(json.data, json.length, "case.json",
                                           yyjson_get_str(yyjson_obj_get(c, "family")), &p, &err));
    assert_ok(media_image_process(&p, &batch, &out, &err));
    compare(&out, yyjson_obj_get(c, "tensors"), yyjson_get_str(yyjson_obj_get(c, "name")));
    media_tensors_free(&out);
    str_free(&json);
    for (size_t i = 0; i < batch.count; i++)
        media_image_free(&images[i]);
}

static void processors_are_transformers(void **state) {
    (void)state;
    yyjson_val *list, *c;
    yyjson_doc *doc = golden_cases("pictures", &list);
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    while ((c = yyjson_arr_iter_next(&it)))
        run_case(c);
    yyjson_doc_free(doc);
}

static accel_status process(const char *family, const char *json, const media_image *images, size_t count) {
    media_image_processing p;
    media_tensors out = {0};
    err = (accel_error){0};
    assert_ok(media_image_processing_parse(json, strlen(json), "p.json", family, &p, &err));
    media_image_batch batch = {.images = images, .count = count};
    accel_status status = media_image_process(&p, &batch, &out, &err);
    assert_true(status == ACCEL_OK || out.count == 0);
    media_tensors_free(&out);
    return status;
}

static void pictures_that_cannot_be_processed_are_named(void **state) {
    (void)state;
    media_image images[3] = {read_picture("odd"), {.height = 7, .width = 0}, read_picture("wide")};
    assert_int_equal(process("clip", "{}", images, 3), ACCEL_INVALID_ARGUMENT);
    assert_says("picture 2: a picture of 7 x 0 pixels (height x width) has nothing in it");
    images[1] = read_picture("tall");
    assert_int_equal(process("clip", "{\"do_center_crop\": false}", images, 3), ACCEL_INVALID_ARGUMENT);
    assert_says("picture 2 comes out as 652 x 224 pixels");
    assert_int_equal(process("vit", "{}", NULL, 0), ACCEL_INVALID_ARGUMENT);
    media_image line;
    assert_ok(media_image_create(1, 201, &line, &err));
    assert_int_equal(process("qwen2_vl", "{}", &line, 1), ACCEL_INVALID_ARGUMENT);
    assert_says(
        "picture 1: 1 x 201 pixels (height x width): the model takes no picture that is more than 200 times");
    media_image_free(&line);
    assert_ok(media_image_create(1, 3000, &line, &err));
    assert_int_equal(process("detr", "{}", &line, 1), ACCEL_INVALID_ARGUMENT); /* 0 x 1333, also for Pillow */
    media_image_free(&line);
    assert_ok(media_image_create(1, 100000, &line, &err));
    assert_int_equal(process("clip", "{}", &line, 1), ACCEL_LIMIT);
    media_image_free(&line);
    for (size_t i = 0; i < 3; i++)
        media_image_free(&images[i]);
}

/* Whichever allocation fails, the sentence says so and nothing is left behind (a sanitizer would see it). */
static void memory_that_ends_is_reported(void **state) {
    (void)state;
    static const char *const families[] = {"clip", "llava", "detr", "llava_next", "qwen2_vl"};
    media_image image = read_picture("odd");
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        accel_status status = ACCEL_OUT_OF_MEMORY;
        for (uint64_t n = 1; status != ACCEL_OK; n++) {
            media_image_processing p;
            media_image_batch batch = {.images = &image, .count = 1};
            media_tensors out;
            assert_ok(media_image_processing_default(families[f], &p, &err));
            mem_fault_set(n, false);
            status = media_image_process(&p, &batch, &out, &err);
            mem_fault_set(0, false);
            assert_true(status == ACCEL_OK || status == ACCEL_OUT_OF_MEMORY);
            media_tensors_free(&out);
        }
    }
    media_image_free(&image);
}

/* ---- configurations ----------------------------------------------------------------------------------- */

static media_image_processing parsed(const char *family, const char *json) {
    media_image_processing p;
    err = (accel_error){0};
    assert_ok(media_image_processing_parse(json, strlen(json), "p.json", family, &p, &err));
    return p;
}

static void refused(const char *family, const char *json, accel_status status, const char *text) {
    media_image_processing p;
    err = (accel_error){0};
    assert_int_equal(media_image_processing_parse(json, strlen(json), "p.json", family, &p, &err), status);
    assert_says("p.json");
    assert_says(text);
}

static void old_and_new_spellings_are_read(void **state) {
    (void)state;
    assert_int_equal(parsed(NULL, "{\"feature_extractor_type\": \"CLIPFeatureExtractor\"}").kind, MEDIA_CLIP);
    assert_int_equal(parsed("vit", "{\"image_processor_type\": \"CLIPImageProcessorFast\"}").kind,
                     MEDIA_CLIP);
    assert_int_equal(parsed("llava", "{\"image_processor_type\": \"LlavaOnevisionImageProcessor\"}").kind,
                     MEDIA_LLAVA_ONEVISION);
    assert_int_equal(
        parsed("qwen3_vl", "{\"image_processor_type\": \"Qwen2VLImageProcessorFast\"}").patch_size, 16);
    assert_int_equal(parsed("qwen2_vl", "{\"image_processor_type\": \"Qwen2VLImageProcessor\"}").patch_size,
                     14);
    assert_int_equal(parsed("vit", "{\"size\": 30}").size.height, 30);
    assert_int_equal(parsed("vit", "{\"size\": [30, 40]}").size.width, 40);
    assert_int_equal(parsed("clip", "{\"size\": 30, \"crop_size\": 20}").size.shortest_edge, 30);
    assert_int_equal(parsed("clip", "{\"size\": null, \"crop_size\": 20}").crop_width, 20);
    assert_int_equal(parsed("detr", "{\"size\": 700}").size.longest_edge, 1333);
    assert_false(parsed("detr", "{\"pad_and_return_pixel_mask\": false}").do_pad);
    assert_int_equal(
        parsed("qwen2_vl", "{\"size\": {\"min_pixels\": 9, \"max_pixels\": 99}}").size.longest_edge, 99);
    assert_int_equal(parsed("clip", "{\"image_processor\": {\"size\": 31}, \"size\": 7}").size.shortest_edge,
                     31);
    assert_true(parsed("vit", "{\"image_mean\": 0.25}").mean[2] == 0.25);
}

static void fields_that_are_wrong_or_unknown_are_named(void **state) {
    (void)state;
    refused("clip", "[1]", ACCEL_BAD_FILE, "JSON object");
    refused("clip", "{\"size\": \"big\"}", ACCEL_BAD_FILE, "'size'");
    refused("clip", "{\"size\": {\"max_height\": 5}}", ACCEL_UNSUPPORTED, "'max_height'");
    refused("clip", "{\"size\": 0}", ACCEL_BAD_FILE, "'size' is not between 1 and");
    refused("clip", "{\"crop_size\": 1e300}", ACCEL_BAD_FILE, "'crop_size'");
    refused("clip", "{\"do_resize\": 1}", ACCEL_BAD_FILE, "'do_resize'");
    refused("clip", "{\"resample\": 6}", ACCEL_BAD_FILE, "'resample'");
    refused("clip", "{\"image_std\": [1, 0, 1]}", ACCEL_BAD_FILE, "'image_std'");
    refused("clip", "{\"image_mean\": [1, 0]}", ACCEL_BAD_FILE, "'image_mean'");
    refused("clip", "{\"rescale_factor\": NaN}", ACCEL_BAD_FILE, "'rescale_factor'");
    refused("detr", "{\"size\": {\"shortest_edge\": 5}}", ACCEL_BAD_FILE, "'size'");
    refused("resnet", "{\"crop_pct\": 0}", ACCEL_BAD_FILE, "'crop_pct'");
    refused("llava_next", "{\"image_grid_pinpoints\": []}", ACCEL_BAD_FILE, "'image_grid_pinpoints'");
    refused("llava_next", "{\"image_grid_pinpoints\": [[1]]}", ACCEL_BAD_FILE, "'image_grid_pinpoints'");
    refused("clip", "{\"data_format\": \"channels_last\"}", ACCEL_UNSUPPORTED, "'data_format'");
    refused("clip", "{\"do_flip_channel_order\": true}", ACCEL_UNSUPPORTED, "'do_flip_channel_order'");
    refused("clip", "{\"image_processor_type\": \"MagicImageProcessor\"}", ACCEL_UNSUPPORTED, "'Magic'");
    refused("bert", "{}", ACCEL_UNSUPPORTED, "'bert'");
    media_image_processing p;
    assert_int_equal(media_image_processing_default("bert", &p, &err), ACCEL_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizing_is_pillows),
        cmocka_unit_test(an_impossible_size_is_refused),
        cmocka_unit_test(processors_are_transformers),
        cmocka_unit_test(pictures_that_cannot_be_processed_are_named),
        cmocka_unit_test(memory_that_ends_is_reported),
        cmocka_unit_test(old_and_new_spellings_are_read),
        cmocka_unit_test(fields_that_are_wrong_or_unknown_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
