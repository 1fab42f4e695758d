/* Apple's probe as it is compiled on macOS, with a stub in place of Metal and of the Objective-C runtime. */
#include "vendor_check.h"

#ifndef __APPLE__
#define __APPLE__ 1
#endif
#define METAL_LIBRARY   STUBS "/apple/libMetal.so"
#define RUNTIME_LIBRARY STUBS "/apple/libMetal.so"
#include "hw/apple.c"

static void metals_devices_are_listed(void **state) {
    (void)state;
    accel_error err = {0};
    hw_report *r = hw_report_create();
    assert_non_null(r);
    assert_ok(probe_apple.questions[0]->ask(r, &err));
    assert_int_equal(r->device_count, 2);
    const hw_device *d = &r->devices[0];
    assert_int_equal(d->kind, HW_GPU);
    assert_int_equal(d->state, HW_USABLE);
    assert_string_equal(d->name, "Apple M3 Max");
    assert_string_equal(d->id, "4294968481");
    assert_string_equal(d->architecture, "apple9");
    assert_string_equal(d->precisions, "fp32 fp16 bf16 int8");
    assert_true(d->memory_shared);
    assert_int_equal(d->memory_bytes, INT64_C(48) << 30);
    assert_true(has_interface(d, "metal"));
    assert_string_equal(fact(d, "tested"), "untested on hardware");
    assert_string_equal(r->devices[1].architecture, "apple5");
    assert_false(r->devices[1].memory_shared);
    assert_evidence(r, METAL_LIBRARY, "2 devices");
    hw_report_destroy(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(metals_devices_are_listed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
