/* Starting a program beside this one. */
#ifndef ACCEL_BASE_POSIX_SPAWN_H
#define ACCEL_BASE_POSIX_SPAWN_H

#include <spawn.h>

/* As posix_spawn, in a process group of its own and with no signal blocked or ignored; environment NULL: this one's. 0, or an error number. */
int spawn_apart(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
                char *const arguments[], char *const environment[]);

/* A descriptor for a child must lie above those that it becomes, so that no dup2 closes one that is still needed: gives one at 10 or above in
 * place of it. -1 for -1 or when there is none, with errno set. */
int spawn_lift(int descriptor);

#endif
