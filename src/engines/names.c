/* Names of platforms and precisions, from the two lists of engine.h. */
#include "engines/engine.h"

static const char *const platform_names[PLATFORM_COUNT] = {
#define PLATFORM_NAME(symbol, name) [symbol] = name,
    PLATFORM_LIST(PLATFORM_NAME)
#undef PLATFORM_NAME
};

const char *platform_name(platform p) {
    return (unsigned)p < PLATFORM_COUNT ? platform_names[p] : "unknown";
}

bool platform_from_name(const char *name, platform *out) {
    for (int i = 0; i < PLATFORM_COUNT; i++) {
        if (!str_equal(name, platform_names[i])) {
            continue;
        }
        *out = (platform)i;
        return true;
    }
    return false;
}

static const char *const precision_names[PRECISION_COUNT] = {
#define PRECISION_NAME(symbol, name) [symbol] = name,
    PRECISION_LIST(PRECISION_NAME)
#undef PRECISION_NAME
};

const char *precision_name(precision p) {
    return (unsigned)p < PRECISION_COUNT ? precision_names[p] : "unknown";
}

bool precision_from_name(const char *name, precision *out) {
    static const struct {
        const char *name;
        precision precision;
    } spellings[] = {
        {"f32", PRECISION_FP32},  {"float32", PRECISION_FP32}, {"f16", PRECISION_FP16},
        {"half", PRECISION_FP16}, {"float16", PRECISION_FP16}, {"bfloat16", PRECISION_BF16},
    };
    for (int i = 0; i < PRECISION_COUNT; i++) {
        if (str_equal(name, precision_names[i])) {
            *out = (precision)i;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        if (str_equal(name, spellings[i].name)) {
            *out = spellings[i].precision;
            return true;
        }
    }
    return false;
}
