/* Temporary profile folders, "accel-browser-XXXXXX" below TMPDIR or /tmp, owned by the process that made one and by those that watch its browser
 * (base/posix/owned_folder.h). Private to browsers/. */
#ifndef ACCEL_BROWSERS_PROFILE_H
#define ACCEL_BROWSERS_PROFILE_H

#include "base/error.h"
#include "base/posix/owned_folder.h"
#include "base/str.h"

enum { PROFILE_VARIABLES = 10 };

typedef struct profile {
    owned_folder folder; /* the last part of its path is the mark of the browser's processes */
    int short_name;      /* the folder's descriptor, when its path is too long for sockets in it; else -1 */
    str_buf home, temporary, authority;
    /* for a browser's environment: all that it writes for itself lies in here */
    const char *variables[PROFILE_VARIABLES + 1];
} profile;

/* Makes one, after removing those of dead processes, with what still runs of their browsers. */
accel_status profile_make(profile *out, accel_error *err);
const char *profile_mark(const profile *p);
void profile_remove(profile *p); /* leaves it zero; accepts a zero one */

#endif
