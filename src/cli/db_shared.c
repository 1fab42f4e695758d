#include "cli/db_shared.h"

#include "base/arena.h"
#include "report/table.h"

int db_fail(const accel_error *err) {
    int code = cli_fail(err);
    return err->status == ACCEL_NOT_FOUND ? EXIT_CODE_ABSENT : code;
}

const char *db_backup_folder(const command_line *line, const char *path) {
    accel_error err = {0};
    str_buf folder = {0};
    store_backup_folder(path, &folder);
    const char *name = line_text(line, "folder", arena_strdup(line->arena, str_text(&folder)));
    str_free(&folder);
    if (name == NULL) {
        error_no_memory(&err, "a path", 0);
        (void)cli_fail(&err);
    }
    return name;
}

bool db_retention(const command_line *line, store_retention *out) {
    accel_error err = {0};
    const char *age = line_text(line, "older-than", NULL);
    *out = (store_retention){.keep = line_integer(line, "keep", -1), .older_than_s = -1};
    if (age == NULL || store_parse_age(age, &out->older_than_s))
        return true;
    error_set(&err, ACCEL_INVALID_ARGUMENT, "--older-than takes a time as 90d, 12h or 30min, not '%s'", age);
    (void)cli_fail(&err);
    return false;
}

void db_bytes_cell(table *t, uint64_t bytes) {
    char text[32];
    table_integer(t, (int64_t)bytes);
    table_display(t, "%s", str_bytes(text, sizeof text, (double)bytes));
}

int db_print(table *t, const command_line *line) {
    int code = t != NULL ? cli_print_table(t, line) : EXIT_CODE_FAILED;
    table_destroy(t);
    return code;
}

int db_print_sizes(const command_line *line, const char *path, const store_sizes *sizes) {
    table *t = table_create();
    if (t == NULL)
        return EXIT_CODE_FAILED;
    table_column(t, "database", NULL, false);
    table_column(t, "before_bytes", "before", true);
    table_column(t, "after_bytes", "after", true);
    table_row(t);
    table_text(t, path);
    db_bytes_cell(t, sizes->before_bytes);
    db_bytes_cell(t, sizes->after_bytes);
    return db_print(t, line);
}
