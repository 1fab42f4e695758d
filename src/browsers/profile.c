#include "browsers/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "browsers/browsers.h"
#include "browsers/tree.h"

#define PREFIX "accel-browser-"

/* Threads of a browser that was killed may live on for a moment when it counts as dead already. */
enum { DYING_S = 5 };

/* Browsers make folders with sockets in TMPDIR ("org.chromium.Chromium.XXXXXX/SingletonSocket"), whose paths have at most 107 bytes. */
enum { LONGEST_FOR_SOCKETS = 60 };

/* ---- leftovers --------------------------------------------------------------------------------------------------------- */

static void end_users(const char *path) {
    tree t = {.mark = file_base_name(path)};
    (void)tree_end(&t, 0);
}

static accel_status end_users_of(void *context, const char *name, accel_error *err) {
    (void)context;
    (void)err;
    if (str_starts_with(name, PREFIX))
        end_users(name);
    return ACCEL_OK;
}

void browser_end_strays(const char *folder) {
    (void)file_list(folder, end_users_of, NULL, NULL);
}

/* ---- our own ----------------------------------------------------------------------------------------------------------- */

/* TMPDIR is the profile, or, when that is too long, a short name that this process has for it as long as its descriptor is open. */
static accel_status set_temporary(profile *p, accel_error *err) {
    const char *path = p->folder.path;
    if (strlen(path) <= LONGEST_FOR_SOCKETS) {
        str_appendf(&p->temporary, "TMPDIR=%s", path);
        return ACCEL_OK;
    }
    p->short_name = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->short_name < 0)
        return error_set(err, ACCEL_IO, "cannot open the browser's profile %s: %s", path, strerror(errno));
    str_appendf(&p->temporary, "TMPDIR=/proc/%d/fd/%d", (int)getpid(), p->short_name);
    return ACCEL_OK;
}

/* What a browser writes beside its profile (caches, key stores, sockets) follows these. A window needs the user's right to draw, which lies in the
 * real home. */
static accel_status set_variables(profile *p, accel_error *err) {
    static const char *const none[] = {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME",
                                       "XDG_STATE_HOME"};
    const char *home = getenv("HOME");
    size_t count = 0;
    str_appendf(&p->home, "HOME=%s", p->folder.path);
    ACCEL_TRY(set_temporary(p, err));
    str_appendf(&p->authority, "XAUTHORITY=%s/.Xauthority", home ? home : "");
    if (p->home.failed || p->temporary.failed || p->authority.failed)
        return error_no_memory(err, "a browser's environment", strlen(p->folder.path));
    p->variables[count++] = p->home.data;
    p->variables[count++] = p->temporary.data;
    if (home && !getenv("XAUTHORITY"))
        p->variables[count++] = p->authority.data;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        p->variables[count++] = none[i];
    return ACCEL_OK;
}

accel_status profile_make(profile *out, accel_error *err) {
    *out = (profile){.short_name = -1};
    ACCEL_TRY(owned_folder_make(PREFIX, &out->folder, err));
    accel_status status = set_variables(out, err);
    if (status == ACCEL_OK)
        owned_folder_sweep(&out->folder, PREFIX, end_users);
    else
        profile_remove(out);
    return status;
}

const char *profile_mark(const profile *p) {
    return file_base_name(p->folder.path);
}

void profile_remove(profile *p) {
    if (p->folder.path && p->short_name >= 0)
        close(p->short_name);
    owned_folder_remove(&p->folder, DYING_S);
    str_free(&p->home);
    str_free(&p->temporary);
    str_free(&p->authority);
    *p = (profile){0};
}
