/* Which browsers are here. */
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "browsers/driver.h"

static const double VERSION_S = 20;

/* ---- names ------------------------------------------------------------------------------------------------------------- */

size_t browser_kind_count(void) {
    return browser_driver_count();
}

const char *browser_kind_name(size_t index) {
    return index < browser_driver_count() ? browser_driver_at(index)->name : NULL;
}

static accel_status unknown(const char *name, accel_error *err) {
    enum { MOST = 16 };
    const char *names[MOST];
    size_t count = browser_driver_count() < MOST ? browser_driver_count() : MOST;
    str_buf all = {0};
    for (size_t i = 0; i < count; i++) {
        names[i] = browser_driver_at(i)->name;
        str_appendf(&all, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    const char *near = str_nearest(name, names, count);
    accel_status status =
        near ? error_set(err, ACCEL_NOT_FOUND, "there is no browser \"%s\"; did you mean \"%s\"?", name, near)
             : error_set(err, ACCEL_NOT_FOUND, "there is no browser \"%s\"; there are %s", name,
                         str_text(&all));
    str_free(&all);
    return status;
}

accel_status browser_driver_find(const char *name, const browser_driver **out, accel_error *err) {
    for (size_t i = 0; i < browser_driver_count(); i++) {
        *out = browser_driver_at(i);
        if (str_equal(name, (*out)->name))
            return ACCEL_OK;
    }
    return unknown(name ? name : "", err);
}

/* ---- programs ---------------------------------------------------------------------------------------------------------- */

static bool is_program(const char *path) {
    return access(path, X_OK) == 0 && !file_is_folder(path);
}

bool browser_command_find(const char *command, str_buf *path) {
    const char *along = getenv("PATH");
    for (const char *at = along ? along : "/usr/local/bin:/usr/bin:/bin"; *at;) {
        size_t length = strcspn(at, ":");
        path->length = 0;
        str_appendf(path, "%.*s/%s", (int)length, at, command);
        if (*at == '/' && is_program(str_text(path)))
            return true;
        at += length + (at[length] == ':');
    }
    path->length = 0;
    return false;
}

static accel_status absent(const browser_driver *d, accel_error *err) {
    str_buf looked = {0};
    for (size_t i = 0; d->files[i]; i++)
        str_appendf(&looked, "%s%s", i == 0 ? "" : ", ", d->files[i]);
    accel_status status =
        error_set(err, ACCEL_ABSENT,
                  "%s is not installed: neither %s nor %s along PATH; install %s, or name the "
                  "program in %s",
                  d->title, str_text(&looked), d->commands[0], d->package, d->variable);
    str_free(&looked);
    return status;
}

static accel_status find_program(const browser_driver *d, str_buf *path, accel_error *err) {
    const char *named = getenv(d->variable);
    if (named && *named) {
        str_append(path, named);
        return is_program(named)
                   ? ACCEL_OK
                   : error_set(err, ACCEL_ABSENT, "%s names %s, which is no program that can be run",
                               d->variable, named);
    }
    for (size_t i = 0; d->files[i]; i++)
        if (is_program(d->files[i])) {
            str_append(path, d->files[i]);
            return ACCEL_OK;
        }
    for (size_t i = 0; d->commands[i]; i++)
        if (browser_command_find(d->commands[i], path))
            return ACCEL_OK;
    return absent(d, err);
}

accel_status browser_program_find(const browser_driver *d, str_buf *path, accel_error *err) {
    ACCEL_TRY(find_program(d, path, err));
    return d->ready ? d->ready(err) : ACCEL_OK;
}

/* ---- versions ---------------------------------------------------------------------------------------------------------- */

/* "Mozilla Firefox 153.0esr" → "153.0esr": the first word that begins with a digit. */
static const char *version_word(const char *text, arena *a) {
    for (const char *at = text; *at; at++)
        if (isdigit((unsigned char)*at) && (at == text || at[-1] == ' '))
            return arena_strndup(a, at, strspn(at, "0123456789.abcdefghijklmnopqrstuvwxyz"));
    return NULL;
}

accel_status browser_ask_version(const char *program, const char *const *variables, arena *a,
                                 const char **version, accel_error *err) {
    const char *const arguments[] = {program, "--version", NULL};
    char mark[48];
    browser_process *p;
    str_buf how = {0}, words = {0};
    str_format(mark, sizeof mark, "version-%d", (int)getpid());
    const browser_process_options options = {.arguments = arguments,
                                             .variables = variables,
                                             .mark = mark,
                                             .given = {-1, -1},
                                             .orphan_signal = SIGKILL};
    ACCEL_TRY(browser_process_start(&options, &p, err));
    accel_status status = ACCEL_OK;
    if (!browser_process_ended(p, VERSION_S, &how))
        status = error_set(err, ACCEL_TIMEOUT, "%s --version did not end within %g s", program, VERSION_S);
    browser_process_words(p, &words);
    *version = version_word(str_text(&words), a);
    if (status == ACCEL_OK && !*version)
        status =
            error_set(err, ACCEL_RUNTIME, "%s --version %s and told no version", program, str_text(&how));
    browser_process_end(p, 0);
    str_free(&how);
    str_free(&words);
    return status;
}

accel_status browser_find(const char *name, arena *a, browser_info *out, accel_error *err) {
    const browser_driver *d;
    accel_error why = {0};
    str_buf path = {0};
    ACCEL_TRY(browser_driver_find(name, &d, err));
    *out = (browser_info){.name = d->name, .title = d->title};
    accel_status status = browser_program_find(d, &path, &why);
    if (status == ACCEL_OK) {
        out->program = arena_strdup(a, str_text(&path));
        status = d->version ? d->version(str_text(&path), a, &out->version, &why)
                            : browser_ask_version(str_text(&path), NULL, a, &out->version, &why);
    }
    out->available = status == ACCEL_OK;
    if (!out->available)
        out->reason = arena_strdup(a, why.message);
    bool whole = !path.failed && (out->available ? out->program != NULL : out->reason != NULL);
    str_free(&path);
    return whole ? ACCEL_OK : error_no_memory(err, d->title, 0);
}
