/* A model in a tight loop through the public API alone: what the harness's figures are held against.
 *   api_loop MODEL THREADS BATCH SEQUENCE SECONDS [IDLE_SECONDS]
 * prints median_ms mean_ms runs; with IDLE_SECONDS also the CPU time in ms that the process took while the session then did nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "accel/accel.h"

enum { MOST_RUNS = 10000000 };
static const double warm_up_s = 0.5;

static const double settle_s = 0.05; /* after the last run, for threads that spin before they sleep */

static double clock_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double now_s(void) {
    return clock_s(CLOCK_MONOTONIC_RAW);
}

static void sleep_s(double seconds) {
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

static double idle_cpu_ms(double seconds) {
    sleep_s(settle_s);
    double before = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    sleep_s(seconds);
    return (clock_s(CLOCK_PROCESS_CPUTIME_ID) - before) * 1e3;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs for so long; keeps the latencies in ms when asked to. */
static accel_status loop(accel_session *session, double seconds, double *kept, size_t *count,
                         accel_error *err) {
    double end = now_s() + seconds, before = now_s();
    *count = 0;
    while (before < end && *count < MOST_RUNS) {
        accel_status status = accel_session_run(session, err);
        double after = now_s();
        if (status != ACCEL_OK)
            return status;
        if (kept)
            kept[*count] = (after - before) * 1e3;
        ++*count;
        before = now_s();
    }
    return ACCEL_OK;
}

static accel_status measure(char **arguments, accel_error *err) {
    accel_model *model = NULL;
    accel_session *session = NULL;
    accel_session_options options = {.engine = "native",
                                     .threads = atoi(arguments[1]),
                                     .batch = atoll(arguments[2]),
                                     .sequence = atoll(arguments[3])};
    double *kept = malloc(MOST_RUNS * sizeof *kept), sum = 0.0;
    size_t count = 0;
    accel_status status = accel_model_open(arguments[0], 0, &model, err);
    if (status == ACCEL_OK)
        status = accel_session_open(model, &options, &session, err);
    if (status == ACCEL_OK)
        status = loop(session, warm_up_s, NULL, &count, err);
    if (status == ACCEL_OK)
        status = loop(session, atof(arguments[4]), kept, &count, err);
    for (size_t i = 0; status == ACCEL_OK && i < count; i++)
        sum += kept[i];
    if (status == ACCEL_OK) {
        qsort(kept, count, sizeof *kept, ascending);
        printf("%.6f %.6f %zu", 0.5 * (kept[(count - 1) / 2] + kept[count / 2]), sum / (double)count, count);
        if (arguments[5])
            printf(" %.6f", idle_cpu_ms(atof(arguments[5])));
        printf("\n");
    }
    accel_session_close(session);
    accel_model_close(model);
    free(kept);
    return status;
}

int main(int argc, char **argv) {
    accel_error err = {0};
    if (argc != 6 && argc != 7) {
        fprintf(stderr, "usage: api_loop MODEL THREADS BATCH SEQUENCE SECONDS [IDLE_SECONDS]\n");
        return 2;
    }
    if (measure(argv + 1, &err) != ACCEL_OK) {
        fprintf(stderr, "api_loop: %s\n", err.message);
        return 1;
    }
    return 0;
}
