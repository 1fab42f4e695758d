/* Chromium's processes are killed again and again: its network service writes its cache anew when the others are gone. */
#include "browsers/browser_check.h"

static browser *start_on_page(const char *url) {
    browser *b = start_browser("chromium", url);
    assert_evaluates(b, TITLE, "\"blank\"");
    return b;
}

static void a_killed_one_leaves_nothing(void **state) {
    for (int i = 0; i < 6; i++) {
        browser *b = start_on_page(BLANK_PAGE);
        kill(browser_pid(b), SIGKILL);
        browser_stop(b);
    }
    assert_nothing_stays(*state);
}

/* In processes of their own, which are killed by turns before and after their browser. */
static void one_of_a_killed_owner_leaves_nothing(void **state) {
    for (int i = 0; i < 6; i++) {
        int ends[2];
        pid_t pid = 0;
        assert_int_equal(pipe(ends), 0);
        pid_t owner = fork();
        if (owner == 0) {
            pid = browser_pid(start_on_page(BLANK_PAGE));
            ssize_t told = write(ends[1], &pid, sizeof pid);
            (void)told;
            for (;;)
                pause();
        }
        close(ends[1]);
        assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
        close(ends[0]);
        kill(i % 2 ? owner : pid, SIGKILL);
        kill(i % 2 ? pid : owner, SIGKILL);
        waitpid(owner, NULL, 0);
    }
    assert_nothing_stays(*state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_OWN_PROFILES(a_killed_one_leaves_nothing),
        WITH_OWN_PROFILES(one_of_a_killed_owner_leaves_nothing),
    };
    return is_installed("chromium") ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
