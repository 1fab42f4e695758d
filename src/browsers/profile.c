#include "browsers/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "browsers/tree.h"

#define PREFIX "accel-browser-"
#define OWNER  "owner"

/* A folder without its file is one that is just being made, or whose maker died in between. */
enum { MAKING_S = 60 };
/* Threads of a browser that was killed may live on for a moment when it counts as dead already. */
enum { DYING_S = 5 };

/* Browsers make folders with sockets in TMPDIR ("org.chromium.Chromium.XXXXXX/SingletonSocket"), whose paths have at most 107 bytes. */
enum { LONGEST_FOR_SOCKETS = 60 };

/* ---- leftovers --------------------------------------------------------------------------------------------------------- */

/* The locked descriptor of a folder that nobody owns any more; -1: somebody does. */
static int take_over(const char *path) {
    str_buf file = {0};
    file_join(&file, path, OWNER);
    int owner = file.failed ? -1 : open(file.data, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    str_free(&file);
    if (owner >= 0 && flock(owner, LOCK_EX | LOCK_NB) != 0) {
        close(owner);
        owner = -1;
    }
    return owner;
}

static void remove_leftover(const char *path) {
    struct stat found;
    if (lstat(path, &found) != 0 || !S_ISDIR(found.st_mode) || found.st_uid != geteuid())
        return;
    int owner = take_over(path);
    str_buf file = {0};
    file_join(&file, path, OWNER);
    if (owner >= 0 || (!file_exists(str_text(&file)) && time(NULL) - found.st_mtime > MAKING_S)) {
        tree t = {0, file_base_name(path)};
        (void)tree_end(&t, 0);
        (void)file_remove_tree_within(path, DYING_S, NULL);
    }
    str_free(&file);
    if (owner >= 0)
        close(owner);
}

static accel_status look_at(void *context, const char *name, accel_error *err) {
    (void)err;
    if (str_starts_with(name, PREFIX)) {
        str_buf path = {0};
        file_join(&path, context, name);
        if (!path.failed)
            remove_leftover(path.data);
        str_free(&path);
    }
    return ACCEL_OK;
}

/* ---- our own ----------------------------------------------------------------------------------------------------------- */

static accel_status claim(profile *p, accel_error *err) {
    str_buf file = {0};
    file_join(&file, str_text(&p->path), OWNER);
    p->owner = file.failed ? -1 : open(file.data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool claimed =
        p->owner >= 0 && flock(p->owner, LOCK_EX | LOCK_NB) == 0 && dprintf(p->owner, "%d\n", getpid()) > 0;
    str_free(&file);
    return claimed ? ACCEL_OK
                   : error_set(err, ACCEL_IO, "cannot write into the browser's profile %s: is the disk full?",
                               str_text(&p->path));
}

/* TMPDIR is the profile, or, when that is too long, a short name that this process has for it as long as its descriptor is open. */
static accel_status set_temporary(profile *p, accel_error *err) {
    const char *path = str_text(&p->path);
    if (p->path.length <= LONGEST_FOR_SOCKETS) {
        str_appendf(&p->temporary, "TMPDIR=%s", path);
        return ACCEL_OK;
    }
    p->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->folder < 0)
        return error_set(err, ACCEL_IO, "cannot open the browser's profile %s: %s", path, strerror(errno));
    str_appendf(&p->temporary, "TMPDIR=/proc/%d/fd/%d", (int)getpid(), p->folder);
    return ACCEL_OK;
}

/* What a browser writes beside its profile (caches, key stores, sockets) follows these. A window needs the user's right to draw, which lies in the
 * real home. */
static accel_status set_variables(profile *p, accel_error *err) {
    static const char *const none[] = {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME",
                                       "XDG_STATE_HOME"};
    const char *home = getenv("HOME");
    size_t count = 0;
    str_appendf(&p->home, "HOME=%s", str_text(&p->path));
    ACCEL_TRY(set_temporary(p, err));
    str_appendf(&p->authority, "XAUTHORITY=%s/.Xauthority", home ? home : "");
    if (p->home.failed || p->temporary.failed || p->authority.failed)
        return error_no_memory(err, "a browser's environment", p->path.length);
    p->variables[count++] = p->home.data;
    p->variables[count++] = p->temporary.data;
    if (home && !getenv("XAUTHORITY"))
        p->variables[count++] = p->authority.data;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        p->variables[count++] = none[i];
    return ACCEL_OK;
}

accel_status profile_make(profile *out, accel_error *err) {
    *out = (profile){.owner = -1, .folder = -1};
    ACCEL_TRY(file_make_temp_folder(PREFIX, &out->path, err));
    str_buf folder = {0};
    file_dir_name(&folder, str_text(&out->path));
    accel_status status = claim(out, err);
    if (status == ACCEL_OK)
        status = set_variables(out, err);
    if (status == ACCEL_OK)
        (void)file_list(str_text(&folder), look_at, folder.data, NULL);
    else
        profile_remove(out);
    str_free(&folder);
    return status;
}

const char *profile_mark(const profile *p) {
    return file_base_name(str_text(&p->path));
}

void profile_remove(profile *p) {
    if (p->path.length > 0) {
        (void)file_remove_tree_within(p->path.data, DYING_S, NULL);
        if (p->owner >= 0)
            close(p->owner);
        if (p->folder >= 0)
            close(p->folder);
    }
    str_free(&p->path);
    str_free(&p->home);
    str_free(&p->temporary);
    str_free(&p->authority);
    *p = (profile){0};
}
