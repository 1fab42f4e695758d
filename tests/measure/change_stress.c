/* Judges histories for benchmarks/change.py. Standard input: for each history its number of values and of results at which judging begins (two
 * uint64; the second below the first: it is judged after every result from there on, until a change is found), then its values (double).
 * Standard output: a line for each, the nanoseconds of the last judgement, the number of results it had, and the indexes found. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "measure/change.h"

enum { MOST = 100000, MOST_POINTS = 64 };

int main(void) {
    static double values[MOST];
    static change_point found[MOST_POINTS];
    uint64_t head[2];
    while (fread(head, sizeof *head, 2, stdin) == 2) {
        size_t count = 0, at = head[1];
        uint64_t begin = 0, end = 0;
        if (head[0] > MOST || fread(values, sizeof *values, head[0], stdin) != head[0])
            return EXIT_FAILURE;
        for (; at <= head[0] && count == 0; at++) {
            accel_error err = {0};
            begin = clock_now_ns();
            if (change_points(values, at, NULL, 0, found, MOST_POINTS, &count, &err) != ACCEL_OK) {
                fprintf(stderr, "%s\n", err.message);
                return EXIT_FAILURE;
            }
            end = clock_now_ns();
        }
        printf("%" PRIu64 " %zu", end - begin, at - 1);
        for (size_t i = 0; i < count; i++)
            printf(" %zu", found[i].index);
        printf("\n");
    }
    return EXIT_SUCCESS;
}
