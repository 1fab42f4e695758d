#include "base/posix/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

extern char **environ;

int spawn_apart(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
                char *const arguments[], char *const environment[]) {
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigfillset(&usual);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failure =
        posix_spawn(pid, program, actions, &attributes, arguments, environment ? environment : environ);
    posix_spawnattr_destroy(&attributes);
    return failure;
}

int spawn_lift(int descriptor) {
    enum { ABOVE_ALL = 10 };
    if (descriptor < 0 || descriptor >= ABOVE_ALL)
        return descriptor;
    int lifted = fcntl(descriptor, F_DUPFD_CLOEXEC, ABOVE_ALL);
    close(descriptor);
    return lifted;
}
