/* Files of pictures against Pillow and of sounds against libsndfile's Python binding; and files that lie or are cut off. */
#include <math.h>

#include "media/golden.h"

#include "base/mem.h"
#include "media/files/files.h"

/* ---- what comes out ----------------------------------------------------------------------------------- */

static void pictures_are_pillows(void **state) {
    (void)state;
    yyjson_val *list, *item;
    yyjson_doc *doc = golden_cases("picture_files", &list);
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    while ((item = yyjson_arr_iter_next(&it))) {
        const char *name = yyjson_get_str(item);
        golden g = golden_read("%s.npy%s", name, "");
        media_image image;
        int most = 0;
        assert_ok(media_image_read(golden_path(name), &image, &err));
        assert_int_equal(image.height, g.dims[0]);
        assert_int_equal(image.width, g.dims[1]);
        for (size_t i = 0; i < g.count; i++) {
            int apart = abs(image.pixels[i] - ((const uint8_t *)g.data)[i]);
            most = apart > most ? apart : most;
        }
        if (most > 0)
            fail_msg("%s is %d from Pillow", name, most);
        media_image_free(&image);
        golden_free(&g);
    }
    yyjson_doc_free(doc);
}

static void sounds_are_libsndfiles(void **state) {
    (void)state;
    yyjson_val *list, *item;
    yyjson_doc *doc = golden_cases("sound_files", &list);
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    while ((item = yyjson_arr_iter_next(&it))) {
        const char *name = yyjson_get_str(item);
        golden g = golden_read("%s.npy%s", name, "");
        media_sound s;
        assert_ok(media_sound_read(golden_path(name), &s, &err));
        assert_int_equal(s.frames, g.dims[0]);
        assert_int_equal(s.channels, g.rank > 1 ? g.dims[1] : 1);
        assert_int_equal(s.rate, 22050);
        for (size_t i = 0; i < g.count; i++) {
            float want;
            memcpy(&want, (const char *)g.data + 4 * i, 4);
            if (!(fabs((double)(s.samples[i] - want)) < 1e-5))
                fail_msg("%s: sample %zu is %g, not %g", name, i, (double)s.samples[i], (double)want);
        }
        media_sound_free(&s);
        golden_free(&g);
    }
    yyjson_doc_free(doc);
}

/* ---- what is refused ---------------------------------------------------------------------------------- */

static char *file_bytes(const char *name, size_t *length) {
    char *bytes;
    assert_ok(file_read(golden_path(name), 1 << 20, &bytes, length, &err));
    return bytes;
}

static accel_status decode_image(const void *bytes, size_t length) {
    media_image image = {0};
    char *copy = malloc(length + 1); /* exactly as long, so that a sanitizer sees one byte too many */
    memcpy(copy, bytes, length);
    err = (accel_error){0};
    accel_status status = media_image_decode(copy, length, "x.file", &image, &err);
    assert_true(status == ACCEL_OK || image.pixels == NULL);
    media_image_free(&image);
    free(copy);
    if (status != ACCEL_OK)
        assert_says("x.file");
    return status;
}

static void pictures_cut_off_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"c2d8.png",  "c0d16i.png", "c3d4.png",
                                        "plain.jpg", "steps.jpg",  "cmyk.jpg"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t length;
        char *bytes = file_bytes(names[n], &length);
        for (size_t cut = 0; cut + 20 < length; cut += cut < 64 ? 1 : 37)
            if (decode_image(bytes, cut) == ACCEL_OK)
                fail_msg("%s was read from %zu of its %zu bytes", names[n], cut, length);
        mem_free(bytes);
    }
}

static void broken_bytes_never_break_the_reader(void **state) {
    (void)state;
    static const char *const names[] = {"c6d8.png", "c3d2i.png", "sharp.jpg", "steps.jpg", "grey.jpg"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t length;
        char *bytes = file_bytes(names[n], &length);
        for (size_t at = 0; at < length; at += 3) {
            char was = bytes[at];
            bytes[at] = (char)(was ^ (1 << at % 8));
            (void)decode_image(bytes, length);
            bytes[at] = was;
        }
        mem_free(bytes);
    }
}

static uint32_t crc_of(const uint8_t *bytes, size_t length) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

static void put_u32(char *to, uint32_t value) {
    for (int i = 0; i < 4; i++)
        to[i] = (char)(value >> (24 - 8 * i));
}

/* A small PNG that says it were of this size, with a checksum that is right. */
static accel_status decode_png_of(uint32_t height, uint32_t width) {
    size_t length;
    char *bytes = file_bytes("c2d8.png", &length);
    put_u32(bytes + 16, width);
    put_u32(bytes + 20, height);
    put_u32(bytes + 29, crc_of((const uint8_t *)bytes + 12, 17));
    accel_status status = decode_image(bytes, length);
    mem_free(bytes);
    return status;
}

static void headers_that_lie_are_refused(void **state) {
    (void)state;
    static const uint8_t jpeg[] = "\xff\xd8\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\3\1\x11\0\2\x11\0\3\x11\0"
                                  "\xff\xda\0\x0c\3\1\0\2\0\3\0\0\x3f\0";
    assert_int_equal(decode_image(jpeg, sizeof jpeg - 1), ACCEL_LIMIT);
    assert_says("65500 x 65500 pixels");
    uint8_t smaller[sizeof jpeg];
    memcpy(smaller, jpeg, sizeof jpeg);
    smaller[7] = smaller[9] = 0x20; /* 8412 x 8412 */
    assert_int_equal(decode_image(smaller, sizeof jpeg - 1), ACCEL_BAD_FILE);
    assert_says("more pixels than its bytes can hold");
    assert_int_equal(decode_png_of(1 << 16, 1 << 16), ACCEL_LIMIT);
    assert_says("65536 x 65536 pixels");
    assert_int_equal(decode_png_of(1 << 14, 1 << 14), ACCEL_BAD_FILE);
    assert_says("too short for the size that it states");
    assert_int_equal(decode_png_of(1 << 30, 1), ACCEL_BAD_FILE);
    assert_int_equal(decode_png_of(0, 1), ACCEL_BAD_FILE);
    assert_int_equal(decode_image("GIF89a", 6), ACCEL_UNSUPPORTED);
    assert_says("neither a PNG nor a JPEG");
    assert_int_equal(decode_image("", 0), ACCEL_UNSUPPORTED);
    media_image image;
    assert_int_equal(media_image_read("no/such.png", &image, &err), ACCEL_NOT_FOUND);
}

static accel_status decode_sound(const void *bytes, size_t length) {
    media_sound s = {0};
    char *copy = malloc(length + 1);
    memcpy(copy, bytes, length);
    err = (accel_error){0};
    accel_status status = media_sound_decode(copy, length, "x.wav", &s, &err);
    assert_true(status == ACCEL_OK || s.samples == NULL);
    media_sound_free(&s);
    free(copy);
    if (status != ACCEL_OK)
        assert_says("x.wav");
    return status;
}

static void broken_sounds_never_break_the_reader(void **state) {
    (void)state;
    static const char *const names[] = {"mono.wav", "float.wav", "lossless.flac", "lossy.ogg"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t length;
        char *bytes = file_bytes(names[n], &length);
        for (size_t cut = 0; cut < length; cut += cut < 50 ? 1 : 61)
            (void)decode_sound(bytes, cut);
        for (size_t at = 0; at < length && at < 300; at++) {
            char was = bytes[at];
            bytes[at] = (char)(was ^ (1 << at % 8));
            (void)decode_sound(bytes, length);
            bytes[at] = was;
        }
        mem_free(bytes);
    }
}

static void sounds_that_are_none_are_named(void **state) {
    (void)state;
    assert_int_equal(decode_sound("hello", 5), ACCEL_BAD_FILE);
    assert_says("no sound that can be read");
    size_t length;
    char *bytes = file_bytes("mono.wav", &length);
    assert_int_equal(decode_sound(bytes, 44), ACCEL_BAD_FILE);
    memcpy(bytes + 24, "\2\0\0\0", 4); /* 2 Hz */
    assert_int_equal(decode_sound(bytes, length), ACCEL_LIMIT);
    assert_says("at 2 Hz");
    mem_free(bytes);
}

static void memory_that_ends_is_reported(void **state) {
    (void)state;
    static const char *const names[] = {"c0d16.png", "c2d8i.png", "cmyk.jpg", "plain.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length;
        char *bytes = file_bytes(names[i], &length);
        accel_status status = ACCEL_OUT_OF_MEMORY;
        for (uint64_t n = 1; status != ACCEL_OK; n++) {
            mem_fault_set(n, false);
            status = decode_image(bytes, length);
            mem_fault_set(0, false);
            assert_true(n < 1000);
        }
        mem_free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_pillows),
        cmocka_unit_test(sounds_are_libsndfiles),
        cmocka_unit_test(pictures_cut_off_are_refused),
        cmocka_unit_test(broken_bytes_never_break_the_reader),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(broken_sounds_never_break_the_reader),
        cmocka_unit_test(sounds_that_are_none_are_named),
        cmocka_unit_test(memory_that_ends_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
