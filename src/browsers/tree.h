/* The processes that one program started, by /proc. Private to browsers/.
 *
 * A process belongs to a tree when it descends from its keeper (supervisor.h), is its leader, is in the leader's process group, carries the tree's mark
 * in its environment, or is a child of one that belongs. Where the keeper lives that is all of them; else what writes over its environment, as
 * Chromium's processes do, is missed once its parent has ended. */
#ifndef ACCEL_BROWSERS_TREE_H
#define ACCEL_BROWSERS_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TREE_VARIABLE "ACCEL_BROWSER"

typedef struct tree {
    pid_t leader;     /* 0: none */
    const char *mark; /* value of TREE_VARIABLE; NULL: none */
    pid_t keeper;     /* does not belong itself; 0: none */
} tree;

/* Sends the signal to all that live; how many there were. 0 as the signal only counts. */
int tree_signal(const tree *t, int signal_number);
/* SIGTERM, and SIGKILL for what lives after grace_s. False when something is left after 5 s more (a process that waits for a dead disk). */
bool tree_end(const tree *t, double grace_s);
/* CPU time so far of the living and of the dead that they waited for; memory by Pss (what is shared is counted once), where that cannot be
 * read without what is shared. */
void tree_usage(const tree *t, uint64_t *cpu_ns, uint64_t *rss_bytes);
/* One of the living that has this name (cut to 15 letters, as the system does); 0: none. */
pid_t tree_find(const tree *t, const char *name);
/* Whether the process lives and has this name: cheaper than to find it again. */
bool tree_lives(pid_t pid, const char *name);

#endif
