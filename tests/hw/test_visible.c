/* Lists of visible devices, as CUDA, Level Zero and SYCL read them. */
#include "support/test.h"

#include "hw/visible.h"

static const char *const uuids[] = {"GPU-aaaa0000-1", "GPU-aaaa1111-2", "GPU-bbbb2222-3", "MIG-cccc0000-1",
                                    "MIG-cccc1111-2"};
static const char *const others[] = {NULL, NULL, NULL, "MIG-GPU-bbbb2222-3/1/0", "MIG-GPU-bbbb2222-3/2/0"};

/* "0:1 2:0": device and place of what is visible. */
static const char *visible(const char *value) {
    static char text[128];
    hw_visible v = {value, uuids, others, 5, 3};
    text[0] = '\0';
    for (size_t i = 0; i < 5; i++) {
        int place = hw_visible_place(&v, i);
        if (place >= 0)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%zu:%d", *text ? " " : "", i, place);
    }
    return text;
}

static void indices(void **state) {
    (void)state;
    assert_string_equal(visible("1"), "1:0");
    assert_string_equal(visible("2,0"), "0:1 2:0");
    assert_string_equal(visible(" 2 , 0 "), "0:1 2:0");
    assert_string_equal(visible("01"), "1:0");
}

static void a_list_ends_at_the_first_entry_that_is_not_there(void **state) {
    (void)state;
    assert_string_equal(visible("0,3,1"), "0:0");
    assert_string_equal(visible("0,-1,1"), "0:0");
    assert_string_equal(visible("0,x,1"), "0:0");
    assert_string_equal(visible("0,,1"), "0:0");
    assert_string_equal(visible("1,GPU-aaaa0000-1"), "1:0");
    assert_string_equal(visible("99999999999999999999"), "");
}

static void nothing_and_minus_one_hide_all(void **state) {
    (void)state;
    assert_string_equal(visible(""), "");
    assert_string_equal(visible("-1"), "");
    assert_string_equal(visible("-1,0"), "");
    assert_string_equal(visible("NoDevFiles"), "");
}

static void not_set_shows_all(void **state) {
    (void)state;
    assert_string_equal(visible(NULL), "0:0 1:1 2:2 3:3 4:4");
}

static void beginnings_of_uuids_that_fit_one_device(void **state) {
    (void)state;
    assert_string_equal(visible("GPU-bbbb"), "2:0");
    assert_string_equal(visible("GPU-aaaa1,GPU-aaaa0"), "0:1 1:0");
    assert_string_equal(visible("GPU-aaaa"), ""); /* two */
    assert_string_equal(visible("GPU-dddd"), "");
    assert_string_equal(visible("GPU-bbbb,0"), "2:0");
}

static void instances_of_mig_in_both_forms(void **state) {
    (void)state;
    assert_string_equal(visible("MIG-cccc1111-2"), "4:0");
    assert_string_equal(visible("MIG-GPU-bbbb2222-3/2/0"), "4:0");
    assert_string_equal(visible("MIG-cccc1,MIG-cccc0"), "3:1 4:0");
    assert_string_equal(visible("3"), ""); /* instances have no index */
}

static void a_device_named_twice_empties_the_list(void **state) {
    (void)state;
    assert_string_equal(visible("0,0"), "");
    assert_string_equal(visible("1,0,1"), "");
}

static void masks_of_level_zero(void **state) {
    (void)state;
    assert_true(hw_mask_allows(NULL, 3));
    assert_true(hw_mask_allows("0,2.1", 2));
    assert_false(hw_mask_allows("0,2.1", 1));
    assert_false(hw_mask_allows("x", 0));
}

static void selectors_of_sycl(void **state) {
    (void)state;
    assert_true(hw_selector_allows(NULL, "level_zero", "gpu", 0));
    assert_true(hw_selector_allows("*:*", "level_zero", "gpu", 1));
    assert_true(hw_selector_allows("level_zero:gpu", "level_zero", "gpu", 1));
    assert_true(hw_selector_allows("level_zero:0,1", "level_zero", "gpu", 1));
    assert_false(hw_selector_allows("level_zero:0", "level_zero", "gpu", 1));
    assert_false(hw_selector_allows("opencl:*", "level_zero", "gpu", 0));
    assert_true(hw_selector_allows("opencl:cpu;level_zero:*", "level_zero", "gpu", 0));
    assert_false(hw_selector_allows("!level_zero:0", "level_zero", "gpu", 0));
    assert_true(hw_selector_allows("!level_zero:0", "level_zero", "gpu", 1));
    assert_false(hw_selector_allows("*:*;!*:cpu", "opencl", "cpu", 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indices),
        cmocka_unit_test(a_list_ends_at_the_first_entry_that_is_not_there),
        cmocka_unit_test(nothing_and_minus_one_hide_all),
        cmocka_unit_test(not_set_shows_all),
        cmocka_unit_test(beginnings_of_uuids_that_fit_one_device),
        cmocka_unit_test(instances_of_mig_in_both_forms),
        cmocka_unit_test(a_device_named_twice_empties_the_list),
        cmocka_unit_test(masks_of_level_zero),
        cmocka_unit_test(selectors_of_sycl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
