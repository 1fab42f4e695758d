/* Texts of kernels: words, bindings, the head of main, repeated lines; what is malformed. */
#include <string.h>

#include "engines/webgpu/template.h"
#include "support/test.h"

static str_buf text_of(const char *words) {
    str_buf text = {0};
    str_append(&text, words);
    return text;
}

#define UNIFORM "@group(0) @binding(0) var<uniform> p: Parameters;\n"

static void check_expands(const char *template, const char *wgsl) {
    uint32_t count = 0, written = 0;
    str_buf text = text_of(template);
    assert_true(template_expand(&text, 0, &count, &written));
    assert_string_equal(str_text(&text), wgsl);
    str_free(&text);
}

static void check_malformed(const char *template) {
    uint32_t count = 0, written = 0;
    str_buf text = text_of(template);
    assert_false(template_expand(&text, 0, &count, &written));
    assert_false(text.failed);
    str_free(&text);
}

static void what_is_enabled_stays_first(void **state) {
    (void)state;
    check_expands("\nenable subgroups;\nconst A = 1;\n", "\nenable subgroups;\n" UNIFORM "const A = 1;\n");
}

static void words_are_replaced_whole(void **state) {
    (void)state;
    str_buf text = text_of("$T $TWO$T, $Tu $");
    template_define(&text, "T", "f32");
    assert_string_equal(str_text(&text), "f32 $TWOf32, f32u $");
    template_define(&text, "TWO", "");
    assert_string_equal(str_text(&text), "f32 f32, f32u $");
    str_free(&text);
}

static void bindings_count_in_their_order(void **state) {
    (void)state;
    uint32_t count = 0, written = 0;
    str_buf text = text_of("$read a: f32\n  $write b: vec4<i32>\n\n$read c: i32\n");
    assert_true(template_expand(&text, 0, &count, &written));
    assert_string_equal(str_text(&text),
                        UNIFORM "@group(0) @binding(1) var<storage, read> a: array<f32>;\n"
                                "@group(0) @binding(2) var<storage, read_write> b: array<vec4<i32>>;\n\n"
                                "@group(0) @binding(3) var<storage, read> c: array<i32>;\n");
    assert_int_equal(count, 3);
    assert_int_equal(written, 2);
    str_free(&text);
    check_malformed("$read a\n");
    check_malformed("$read a: \n");
    check_malformed("$write a:f32");
}

static void each_is_the_head_of_main(void **state) {
    (void)state;
    check_expands(
        "$each row of rows {\nx();\n}", UNIFORM
        "@compute @workgroup_size(64)\n"
        "fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {\n"
        "let row = id.x + id.y * groups.x * 64u;\nif (row >= p.rows) { return; }\nx();\n}");
    check_malformed("$each row\n");
    check_malformed("$each row of rows\n");
}

static void lines_are_repeated(void **state) {
    (void)state;
    check_expands("$for i 2\n$for j 2\ns$i_$j;\n$end\nr$i;\n$end\nend;\n",
                  UNIFORM "s0_0;\ns0_1;\nr0;\ns1_0;\ns1_1;\nr1;\nend;\n");
    check_expands("$for i 0\ns$i;\n$end\nend;", UNIFORM "end;");
    check_malformed("$for i 2\ns$i;\n");
    check_malformed("$for i\ns$i;\n$end\n");
    check_malformed("$for i 1\n$for j 2\n$end\n");
}

static void what_is_read_of_f16_is_widened_and_what_is_written_rounded(void **state) {
    (void)state;
    uint32_t count = 0, written = 0;
    str_buf text =
        text_of("enable subgroups;\n$read a: vec4<f32>\n$read at: i32\n$write r: f32\n$read w: f32\n"
                "if (w[0] == p.a[1]) { r[at[2] + u32(w[3])] = dot(a[i % 2], aa[0]) + r[p.r[0]]; }\n");
    assert_true(template_expand(&text, 0xD, &count, &written));
    assert_string_equal(str_text(&text), "enable f16;\nenable subgroups;\n" UNIFORM
                                         "@group(0) @binding(1) var<storage, read> a: array<vec4<f16>>;\n"
                                         "@group(0) @binding(2) var<storage, read> at: array<i32>;\n"
                                         "@group(0) @binding(3) var<storage, read_write> r: array<f16>;\n"
                                         "@group(0) @binding(4) var<storage, read> w: array<f16>;\n"
                                         "if (f32(w[0]) == p.a[1]) { r[at[2] + u32(f32(w[3]))] = "
                                         "f16(dot(vec4<f32>(a[i % 2]), aa[0]) + f32(r[p.r[0]])); }\n");
    assert_int_equal(written, 4);
    str_free(&text);
    text = text_of("$read at: i32\n");
    assert_false(template_expand(&text, 1, &count, &written)); /* integers are never f16 */
    str_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_enabled_stays_first),
        cmocka_unit_test(words_are_replaced_whole),
        cmocka_unit_test(bindings_count_in_their_order),
        cmocka_unit_test(what_is_read_of_f16_is_widened_and_what_is_written_rounded),
        cmocka_unit_test(each_is_the_head_of_main),
        cmocka_unit_test(lines_are_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
