#include <math.h>

#include "ask/internal.h"

size_t ask_rank_values(const float *values, size_t count, size_t most, ask_rank *out) {
    double largest = -INFINITY, sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        largest = values[i] > largest ? (double)values[i] : largest;
    for (size_t i = 0; i < count; i++)
        sum += exp((double)values[i] - largest);
    for (size_t i = 0; i < count; i++) {
        size_t at = found < most ? found++ : most;
        for (; at > 0 && values[out[at - 1].index] < values[i]; at--)
            if (at < most)
                out[at] = out[at - 1];
        if (at < most)
            out[at] = (ask_rank){.index = i};
    }
    for (size_t i = 0; i < found; i++)
        out[i].probability = exp((double)values[out[i].index] - largest) / sum;
    return found;
}
