#include "base/posix/owned_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/posix/io.h"
#include "base/str.h"

/* A folder is made under this name, locked, and then given its own. */
#define NEW_PREFIX "accel-new-"
enum { SETTLED_S = 600 }; /* one that still has it then is a dead one's */

/* ---- locks ------------------------------------------------------------------------------------------------------------- */

typedef enum owner { OWNER_NONE, OWNER_LIVES, OWNER_UNKNOWN } owner;

/* *lock: a descriptor with the lock for OWNER_NONE, else -1. A folder of another user is none of ours. */
static owner take_over(const char *path, int *lock) {
    struct stat facts;
    *lock = io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (*lock < 0)
        return OWNER_UNKNOWN;
    bool ours = io_fstat(*lock, &facts) == 0 && facts.st_uid == geteuid();
    if (ours && io_lock(*lock) == 0)
        return OWNER_NONE;
    owner found = ours && errno == EWOULDBLOCK ? OWNER_LIVES : OWNER_UNKNOWN;
    (void)io_close(*lock);
    *lock = -1;
    return found;
}

static owner owner_of(const char *path) {
    int lock;
    owner found = take_over(path, &lock);
    if (lock >= 0)
        (void)io_close(lock);
    return found;
}

static bool is_old(const char *path) {
    struct stat facts;
    return io_lstat(path, &facts) == 0 && time(NULL) - facts.st_mtime > SETTLED_S;
}

/* ---- folders in it ----------------------------------------------------------------------------------------------------- */

typedef struct inside {
    const char *path;
    bool owned;
} inside;

static accel_status look_inside(void *context, const char *name, accel_error *err) {
    inside *in = context;
    str_buf path = {0};
    (void)err;
    file_join(&path, in->path, name);
    in->owned = in->owned || (!path.failed && owner_of(path.data) == OWNER_LIVES);
    str_free(&path);
    return ACCEL_OK;
}

static bool has_owned_inside(const char *path) {
    inside in = {path, false};
    (void)file_list(path, look_inside, &in, NULL);
    return in.owned;
}

static void wait_for_owners_inside(const char *path, double limit_s) {
    const uint64_t pause_ns = 5000000, begin = clock_now_ns();
    while (has_owned_inside(path) && (double)(clock_now_ns() - begin) * 1e-9 < limit_s)
        clock_sleep_ns(pause_ns);
}

/* ---- one of our own ---------------------------------------------------------------------------------------------------- */

/* "…/accel-new-abcdef" → "…/<prefix>abcdef" */
static char *final_name(const char *path, const char *prefix) {
    str_buf folder = {0}, name = {0}, whole = {0};
    file_dir_name(&folder, path);
    str_appendf(&name, "%s%s", prefix, file_base_name(path) + strlen(NEW_PREFIX));
    file_join(&whole, str_text(&folder), str_text(&name));
    bool failed = folder.failed || name.failed || whole.failed;
    str_free(&folder);
    str_free(&name);
    if (failed)
        str_free(&whole);
    return whole.data; /* str_buf's memory is mem_alloc's */
}

accel_status owned_folder_make(const char *prefix, owned_folder *out, accel_error *err) {
    str_buf fresh = {0};
    *out = (owned_folder){0};
    ACCEL_TRY(file_make_temp_folder(NEW_PREFIX, &fresh, err));
    accel_status status = ACCEL_OK;
    out->path = final_name(str_text(&fresh), prefix);
    (void)take_over(str_text(&fresh), &out->lock);
    if (out->path == NULL)
        status = error_no_memory(err, "a path", fresh.length);
    else if (io_rename(str_text(&fresh), out->path) != 0)
        status = io_error(err, "cannot make the folder", out->path);
    if (status != ACCEL_OK) {
        (void)file_remove_tree(str_text(&fresh), NULL);
        if (out->lock >= 0)
            (void)io_close(out->lock);
        mem_free(out->path);
        *out = (owned_folder){0};
    }
    str_free(&fresh);
    return status;
}

void owned_folder_remove(owned_folder *f, double limit_s) {
    if (f->path) {
        wait_for_owners_inside(f->path, limit_s);
        (void)file_remove_tree_within(f->path, limit_s, NULL);
    }
    if (f->path && f->lock >= 0)
        (void)io_close(f->lock);
    mem_free(f->path);
    *f = (owned_folder){0};
}

void owned_folder_abandon(const char *path, int lock, double limit_s) {
    if (lock < 0)
        return; /* nobody can tell whether others have it */
    (void)io_close(lock);
    if (take_over(path, &lock) == OWNER_NONE) {
        (void)file_remove_tree_within(path, limit_s, NULL);
        (void)io_close(lock);
    }
}

/* ---- those of the dead ------------------------------------------------------------------------------------------------- */

typedef struct sweeping {
    const char *folder, *prefix;
    void (*end_users)(const char *path);
} sweeping;

static void sweep_one(const sweeping *s, const char *path) {
    const double dying_s = 2;
    int lock;
    if (take_over(path, &lock) != OWNER_NONE)
        return;
    if (!has_owned_inside(path)) {
        if (s->end_users)
            s->end_users(path);
        (void)file_remove_tree_within(path, dying_s, NULL);
    }
    (void)io_close(lock);
}

static accel_status sweep_entry(void *context, const char *name, accel_error *err) {
    const sweeping *s = context;
    str_buf path = {0};
    (void)err;
    file_join(&path, s->folder, name);
    if (!path.failed &&
        (str_starts_with(name, s->prefix) || (str_starts_with(name, NEW_PREFIX) && is_old(path.data))))
        sweep_one(s, path.data);
    str_free(&path);
    return ACCEL_OK;
}

void owned_folder_sweep(const owned_folder *f, const char *prefix, void (*end_users)(const char *path)) {
    str_buf folder = {0};
    file_dir_name(&folder, f->path);
    sweeping s = {folder.data, prefix, end_users};
    if (!folder.failed)
        (void)file_list(folder.data, sweep_entry, &s, NULL);
    str_free(&folder);
}

accel_status owned_folder_make_alone(const char *prefix, owned_folder *out, accel_error *err) {
    ACCEL_TRY(owned_folder_make(prefix, out, err));
    owned_folder_sweep(out, prefix, NULL);
    return ACCEL_OK;
}
