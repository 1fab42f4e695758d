/* What a Range header makes of a file. */
#include "net/range.h"
#include "support/test.h"

static void ranges_lie_within_the_file(void **state) {
    static const struct {
        const char *header;
        uint64_t size;
        range_kind kind;
        uint64_t first, length;
    } cases[] = {
        {NULL, 100, RANGE_WHOLE, 0, 0},
        {"bytes=0-0", 100, RANGE_PART, 0, 1},
        {"bytes=0-99", 100, RANGE_PART, 0, 100},
        {"bytes=10-1000", 100, RANGE_PART, 10, 90},
        {"bytes=99-", 100, RANGE_PART, 99, 1},
        {"bytes=100-", 100, RANGE_OUTSIDE, 0, 0},
        {"bytes=-1", 100, RANGE_PART, 99, 1},
        {"bytes=-1000", 100, RANGE_PART, 0, 100},
        {"bytes=-0", 100, RANGE_OUTSIDE, 0, 0},
        {"bytes=0-", 0, RANGE_OUTSIDE, 0, 0},
        {"bytes=-5", 0, RANGE_OUTSIDE, 0, 0},
        {"bytes=5-4", 100, RANGE_WHOLE, 0, 0},
        {"bytes=1-2,5-6", 100, RANGE_WHOLE, 0, 0},
        {"bytes=", 100, RANGE_WHOLE, 0, 0},
        {"bytes=-", 100, RANGE_WHOLE, 0, 0},
        {"bytes=a-b", 100, RANGE_WHOLE, 0, 0},
        {"bytes= 1-2", 100, RANGE_WHOLE, 0, 0},
        {"lines=1-2", 100, RANGE_WHOLE, 0, 0},
        {"bytes=99999999999999999999-", 100, RANGE_WHOLE, 0, 0},
        {"bytes=0-99999999999999999999", 100, RANGE_WHOLE, 0, 0},
        {"bytes=4294967296-4294967297", 4294967300, RANGE_PART, 4294967296, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t first = 0, length = 0;
        range_kind kind = range_read(cases[i].header, cases[i].size, &first, &length);
        if (kind != cases[i].kind)
            fail_msg("%s: %d instead of %d", cases[i].header, (int)kind, (int)cases[i].kind);
        if (kind == RANGE_PART)
            assert_true(first == cases[i].first && length == cases[i].length);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranges_lie_within_the_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
