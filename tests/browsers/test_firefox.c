/* ctest: timeout 500 */
#define KIND          "firefox"
#define LEAST_VERSION 100
#define PAGE_COMMAND  "-isForBrowser"
#define LEADER        "firefox"
#define PAGE_GONE     "the page's process ended"
#include "browsers/every_browser.h"

static void dialogs_do_not_stop_the_page(void **state) {
    assert_evaluates(*state, "(alert('stop!'), 5)", "5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EVERY_BROWSER_TESTS,
        WITH_BROWSER(dialogs_do_not_stop_the_page),
    };
    return is_installed(KIND) ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
