/* The process between this one and a program that it starts. What the program starts, and what that starts, becomes its child when its own parent
 * ends (PR_SET_CHILD_SUBREAPER): nothing gets away by leaving its group, by writing over its environment, or by outliving who started it, and when no
 * child is left nothing is. It ends them all when it is told to or when this process is gone, then removes the profile if nobody else can. Private to
 * browsers/. */
#ifndef ACCEL_BROWSERS_SUPERVISOR_H
#define ACCEL_BROWSERS_SUPERVISOR_H

#include <errno.h>

#include "browsers/process.h"

typedef struct supervisor {
    pid_t pid, program;
    int line;  /* to it */
    int words; /* what the program writes to stdout and stderr; does not block */
} supervisor;

typedef struct program_end {
    bool by_signal, unseen; /* unseen: the supervisor itself was ended */
    int value;              /* the signal, or the exit code */
} program_end;

/* Starts it, and by it the program with this environment. 0, or an error number: then nothing runs and *out is closed; SUPERVISOR_LOST: it was ended
 * itself, and something may run. */
enum { SUPERVISOR_LOST = ECHILD };
int supervisor_start(const browser_process_options *options, char *const *environment, supervisor *out);
/* What there is to read from the line. True once, when the program has ended. */
bool supervisor_tells_end(const supervisor *s, program_end *out);
/* Has everything ended, SIGTERM first where grace_s > 0, and waits for it. False when it could not: something is left, or may be. */
bool supervisor_end(supervisor *s, double grace_s);
void supervisor_close(supervisor *s); /* the descriptors */

#endif
