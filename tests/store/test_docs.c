/* The reference parts of docs/database.md and docs/record.md are what the code says. ACCEL_UPDATE_DOCS=1 (make docs) writes them. */
#include "support/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "measure/record.h"
#include "store/schema.h"

static void check_page(const char *name, void (*write)(str_buf *out)) {
    static const char marker[] = "<!-- What follows is written by `make docs`";
    const char *root = getenv("ACCEL_SOURCE_DIR");
    str_buf path = {0}, page = {0};
    accel_error err = {0};
    char *text = NULL;
    size_t length = 0;
    str_appendf(&path, "%s/docs/%s", root != NULL ? root : ".", name);
    assert_ok(file_read(path.data, 1 << 20, &text, &length, &err));
    const char *at = strstr(text, marker);
    assert_non_null(at);
    at = strchr(at, '\n');
    assert_non_null(at);
    str_append_bytes(&page, text, (size_t)(at - text) + 1);
    str_append(&page, "\n");
    write(&page);
    while (str_ends_with(page.data, "\n\n"))
        page.data[--page.length] = '\0';
    if (getenv("ACCEL_UPDATE_DOCS") != NULL)
        assert_ok(file_replace(path.data, page.data, page.length, &err));
    else if (!str_equal(text, page.data))
        fail_msg("docs/%s is not what the code says; `make docs` writes it", name);
    mem_free(text);
    str_free(&page);
    str_free(&path);
}

static void the_database_page_is_current(void **state) {
    (void)state;
    check_page("database.md", schema_write_markdown);
}

static void the_record_page_is_current(void **state) {
    (void)state;
    check_page("record.md", record_write_markdown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_database_page_is_current),
        cmocka_unit_test(the_record_page_is_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
