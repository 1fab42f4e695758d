/* Ctrl-C: the first one asks running work to end and keep what is finished, the second one ends at once. */
#ifndef ACCEL_CLI_INTERRUPT_H
#define ACCEL_CLI_INTERRUPT_H

#include <signal.h>

void cli_interrupt_catch(void);                        /* SIGINT and SIGTERM */
const volatile sig_atomic_t *cli_interrupt_flag(void); /* non-zero after the first one */

#endif
