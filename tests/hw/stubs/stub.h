/* What the stub libraries share. They answer as STUB_GPUS (a number) and STUB_MODE (words, divided by blanks) tell; nothing of this is in
 * the product. */
#ifndef ACCEL_TESTS_HW_STUB_H
#define ACCEL_TESTS_HW_STUB_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline int stub_gpus(void) {
    const char *text = getenv("STUB_GPUS");
    return text ? atoi(text) : 1;
}

static inline bool stub_mode(const char *word) {
    const char *modes = getenv("STUB_MODE");
    size_t length = strlen(word);
    for (const char *at = modes; at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, word, length) == 0 && (at[length] == ' ' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* A grandchild that outlives the call and keeps all descriptors open; its process id goes to STUB_PID_FILE. */
static inline void stub_fork(void) {
    const char *path = getenv("STUB_PID_FILE");
    pid_t pid = fork();
    if (pid == 0) {
        FILE *file = path ? fopen(path, "w") : NULL;
        if (file) {
            fprintf(file, "%ld", (long)getpid());
            fclose(file);
        }
        for (;;)
            pause();
    }
    usleep(100000); /* the file is written before the answer */
}

/* Called where a library is first used: "crash", "hang", "exit", "print", "fork". */
static inline void stub_misbehave(void) {
    if (stub_mode("crash")) {
        signal(SIGSEGV, SIG_DFL); /* sanitizers would take it */
        raise(SIGSEGV);
    }
    if (stub_mode("hang"))
        for (;;)
            pause();
    if (stub_mode("exit"))
        _exit(7);
    if (stub_mode("print")) {
        puts("{\"noise\": true}");
        fflush(stdout);
        fputs("a vendor's greeting\n", stderr);
    }
    if (stub_mode("fork"))
        stub_fork();
}

/* Without a NUL when it does not fit, as a careless library would. */
static inline void stub_text(char *out, size_t size, const char *text) {
    size_t length = strlen(text) + 1;
    memcpy(out, text, length < size ? length : size);
}

/* Whether device `index` is in the list of a variable in CUDA_VISIBLE_DEVICES' manner; its UUID is written by `uuid`. */
static inline bool stub_visible(const char *variable, int index, const char *uuid) {
    const char *list = getenv(variable);
    if (!list)
        return true;
    while (*list) {
        size_t length = strcspn(list, ",");
        if ((length > 4 && strncmp(uuid, list, length) == 0) ||
            (length > 0 && length < 4 && list[0] >= '0' && list[0] <= '9' && atoi(list) == index))
            return true;
        list += length + (list[length] == ',');
    }
    return false;
}

#endif
