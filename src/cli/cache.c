/* accel cache: what is remembered from one call to the next, and clearing it. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/posix/io.h"
#include "cli/cache_folder.h"
#include "cli/commands.h"
#include "report/table.h"

const char *cache_folder(arena *a) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache != NULL && *cache == '/')
        return arena_printf(a, "%s/accel", cache);
    return home != NULL && *home == '/' ? arena_printf(a, "%s/.cache/accel", home) : NULL;
}

const char *cache_file(arena *a, const char *name) {
    const char *folder = cache_folder(a);
    return folder != NULL ? arena_printf(a, "%s/%s", folder, name) : NULL;
}

/* ---- what is there ----------------------------------------------------------------------------------------------------- */

typedef struct stored {
    arena *arena;
    table *table;
    const char *folder, *below; /* the folder, and where in it we are: "" or "name/" */
    int64_t count, bytes;
} stored;

static const char *what_is(const char *name) {
    if (str_equal(name, CACHE_ENGINES))
        return "what engines answered `accel detect --all`";
    if (str_equal(name, CACHE_TUNING))
        return "what `accel tune` found";
    return str_equal(name, CACHE_HARDWARE) ? "what vendors' libraries answered `accel detect --all`" : NULL;
}

static void age_cell(table *t, int64_t seconds) {
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    table_integer(t, seconds);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (seconds >= units[i].seconds) {
            table_display(t, "%lld %s", (long long)(seconds / units[i].seconds), units[i].unit);
            return;
        }
    }
    table_display(t, "%lld s", (long long)seconds);
}

static void file_row(stored *s, const char *name, const struct stat *facts) {
    char text[32];
    int64_t age_s = clock_utc_us() / 1000000 - (int64_t)facts->st_mtim.tv_sec;
    table_row(s->table);
    table_textf(s->table, "%s%s", s->below, name);
    table_integer(s->table, (int64_t)facts->st_size);
    table_display(s->table, "%s", str_bytes(text, sizeof text, (double)facts->st_size));
    age_cell(s->table, age_s > 0 ? age_s : 0);
    table_text(s->table, *s->below == '\0' ? what_is(name) : NULL);
    s->count++;
    s->bytes += (int64_t)facts->st_size;
}

/* Links are shown, not followed. */
static accel_status visit(void *context, const char *name, accel_error *err) {
    stored *s = context;
    struct stat facts;
    const char *path = arena_printf(s->arena, "%s/%s%s", s->folder, s->below, name);
    if (path == NULL)
        return error_no_memory(err, "a path", 1);
    if (io_lstat(path, &facts) != 0)
        return ACCEL_OK; /* it went meanwhile */
    if (!S_ISDIR(facts.st_mode)) {
        file_row(s, name, &facts);
        return ACCEL_OK;
    }
    stored inside = *s;
    inside.below = arena_printf(s->arena, "%s%s/", s->below, name);
    if (inside.below == NULL)
        return error_no_memory(err, "a path", 1);
    accel_status status = file_list(path, visit, &inside, err);
    s->count = inside.count;
    s->bytes = inside.bytes;
    return status;
}

static accel_status look(const command_line *line, stored *s, accel_error *err) {
    *s = (stored){.arena = line->arena, .table = table_create(), .below = ""};
    s->folder = cache_folder(line->arena);
    if (s->table == NULL)
        return error_no_memory(err, "a table", 1);
    if (s->folder == NULL)
        return error_set(err, ACCEL_ABSENT,
                         "nothing is remembered: neither XDG_CACHE_HOME nor HOME is an absolute path");
    table_column(s->table, "file", NULL, false);
    table_column(s->table, "size_bytes", "size", true);
    table_column(s->table, "age_s", "age", true);
    table_column(s->table, "what", NULL, false);
    return file_is_folder(s->folder) ? file_list(s->folder, visit, s, err) : ACCEL_OK;
}

/* ---- the command --------------------------------------------------------------------------------------------------------- */

static int print(const command_line *line, const stored *s) {
    char text[32];
    str_buf out = {0};
    if (!str_equal(line_text(line, "format", "table"), "table"))
        return cli_print_table(s->table, line);
    if (s->count == 0)
        str_appendf(&out, "nothing is stored in %s\n", s->folder);
    else
        str_appendf(&out, "%s: %lld file%s, %s\n\n", s->folder, (long long)s->count, s->count == 1 ? "" : "s",
                    str_bytes(text, sizeof text, (double)s->bytes));
    int code = cli_print_text(&out);
    str_free(&out);
    return code == EXIT_CODE_OK && s->count > 0 ? cli_print_table(s->table, line) : code;
}

static accel_status clear(const stored *s, accel_error *err) {
    char text[32];
    str_buf out = {0};
    ACCEL_TRY(file_remove_tree(s->folder, err));
    str_appendf(&out, "removed %lld file%s, %s, from %s\n", (long long)s->count, s->count == 1 ? "" : "s",
                str_bytes(text, sizeof text, (double)s->bytes), s->folder);
    accel_status status = cli_write(str_text(&out), out.length, err);
    str_free(&out);
    return status;
}

static int run_cache(const command_line *line) {
    accel_error err = {0};
    stored s;
    int code = EXIT_CODE_OK;
    accel_status status = look(line, &s, &err);
    if (status == ACCEL_OK && line_flag(line, "clear"))
        status = clear(&s, &err);
    else if (status == ACCEL_OK)
        code = print(line, &s);
    table_destroy(s.table);
    return status == ACCEL_OK ? code : cli_fail(&err);
}

static const option_def cache_options[] = {
    {.name = "clear", .kind = OPTION_FLAG, .help = "remove all of it; it comes back when it is needed"},
};
static const option_group cache_group = {"Cache", cache_options, 1};
static const option_group *const cache_groups[] = {&cache_group, &options_output, &options_general};
static const char *const cache_examples[] = {
    "accel cache",
    "what is remembered from one call to the next: each file with its size and age",
    "accel cache --clear",
    "and forget it",
    NULL,
};

const command_def command_cache = {
    .name = "cache",
    .summary = "what is remembered from one call to the next, and clearing it",
    .positional = "",
    .examples = cache_examples,
    .groups = cache_groups,
    .group_count = 3,
    .run = run_cache,
    .notes =
        "It lies in $XDG_CACHE_HOME/accel, else in ~/.cache/accel. Results of benchmarks are not among it: they are in the "
        "database.",
};
