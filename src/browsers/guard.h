/* For a driver that waits for good when the program that it has started is ended early: whoever asks it meanwhile must not. Private to browsers/. */
#ifndef ACCEL_BROWSERS_GUARD_H
#define ACCEL_BROWSERS_GUARD_H

#include <pthread.h>

#include "browsers/process.h"

typedef struct guard {
    browser_process *driver;
    const char *name;
    pthread_t thread;
    int quit[2];
    bool has_thread, lost;
} guard;

/* Ends the driver as soon as a process of this name that it has started is gone, or when none comes. Without threads or pipes nothing is guarded. */
void guard_start(guard *g, browser_process *driver, const char *name);
/* Whether it was gone. */
bool guard_stop(guard *g);

#endif
