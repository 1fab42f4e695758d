/* What browsers call themselves, in short. */
#include "engines/browser/user_agent.h"
#include "support/test.h"

static void becomes(const char *user_agent, const char *title) {
    char out[USER_AGENT_TITLE_BYTES];
    user_agent_title(user_agent, out);
    assert_string_equal(out, title);
}

static void browsers_are_told_from_those_they_imitate(void **state) {
    (void)state;
    becomes("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 "
            "Safari/537.36",
            "Chrome 156.0.0.0 (Linux)");
    becomes("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
            "Edge 156.0.0.0 (Windows)");
    becomes("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 "
            "Mobile Safari/537.36",
            "Chrome 156.0.0.0 (Android)");
    becomes("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
            "Firefox 153.0 (Linux)");
    becomes("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.1 Mobile/15E148 Safari/604.1",
            "Safari 18.1 (iPhone)");
    becomes("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.1 Safari/605.1.15",
            "Safari 18.1 (macOS)");
}

static void what_is_not_known_stays_as_it_is(void **state) {
    (void)state;
    becomes("a device of one's own", "a device of one's own");
    becomes("", "");
    becomes("Chrome/", "Chrome ");
    becomes("0123456789012345678901234567890123456789012345678901234567890123456789",
            "012345678901234567890123456789012345678901234567890123456789012");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browsers_are_told_from_those_they_imitate),
        cmocka_unit_test(what_is_not_known_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
