/* Temporary folders that say whether somebody still uses them: each is locked from before its name is seen until the last process ends that has
 * the lock's descriptor. So a folder without a lock is a dead one's, whatever its age. Where the file system has no locks nothing is ever taken
 * for dead. */
#ifndef ACCEL_BASE_POSIX_OWNED_FOLDER_H
#define ACCEL_BASE_POSIX_OWNED_FOLDER_H

#include "base/error.h"

typedef struct owned_folder {
    char *path;
    int lock; /* descriptor, closed by exec; -1: no locks here */
} owned_folder;

/* "<prefix>XXXXXX" below TMPDIR or /tmp. */
accel_status owned_folder_make(const char *prefix, owned_folder *out, accel_error *err);
/* The same, and removes what dead processes left by this prefix. */
accel_status owned_folder_make_alone(const char *prefix, owned_folder *out, accel_error *err);
/* Removes it and leaves it zero; accepts a zero one. Waits at most limit_s for other owners of folders that lie directly in it, and as long again for
 * what was just killed and still makes files. */
void owned_folder_remove(owned_folder *f, double limit_s);
/* For a process that was given the descriptor and outlived the others: closes it, and removes the folder if nobody else has it. */
void owned_folder_abandon(const char *path, int lock, double limit_s);

/* Removes every folder "<prefix>…" beside `f` that nobody owns. end_users (may be NULL) is told of each before, to end what still writes there. */
void owned_folder_sweep(const owned_folder *f, const char *prefix, void (*end_users)(const char *path));

#endif
