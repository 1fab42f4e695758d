#include "cli/interrupt.h"

#include <unistd.h>

#include "cli/command.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    (void)number;
    if (interrupted)
        _exit(EXIT_CODE_INTERRUPTED);
    interrupted = 1;
}

void cli_interrupt_catch(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

const volatile sig_atomic_t *cli_interrupt_flag(void) {
    return &interrupted;
}
