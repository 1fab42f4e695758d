/* What the compiler calls for arithmetic that wasm has no instruction for: the product of 128-bit integers (yyjson, and
 * the overflow check of a 64-bit product). */
#include <stdint.h>

__extension__ typedef __int128 int128;

typedef union halves {
    int128 whole;
    struct {
        uint64_t low;
        uint64_t high;
    } part;
} halves;

int128 __multi3(int128 a, int128 b);

/* The full product of the lower halves from pieces of 32 bits; of the rest only what stays below 2^128. */
int128 __multi3(int128 a, int128 b) {
    halves x = {.whole = a};
    halves y = {.whole = b};
    uint64_t x0 = x.part.low & 0xFFFFFFFFu;
    uint64_t x1 = x.part.low >> 32;
    uint64_t y0 = y.part.low & 0xFFFFFFFFu;
    uint64_t y1 = y.part.low >> 32;
    uint64_t low = x0 * y0;
    uint64_t middle = x1 * y0 + (low >> 32); /* at most (2^32 - 1)² + 2^32 - 1: fits */
    uint64_t other = x0 * y1 + (middle & 0xFFFFFFFFu);
    halves product;
    product.part.low = (other << 32) | (low & 0xFFFFFFFFu);
    product.part.high =
        x1 * y1 + (middle >> 32) + (other >> 32) + x.part.low * y.part.high + x.part.high * y.part.low;
    return product.whole;
}
