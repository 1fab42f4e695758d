#include "store/question_words.h"

/* The interval is that of the mean latency; throughput's follows from it, since it is batch / mean. */
const metric_words question_metrics[METRIC_NONE] = {
    [METRIC_LATENCY] = {"latency", "mean latency", "ms", "f.average_latency_ms",
                        "f.average_latency_ms - f.ci95_latency_ms",
                        "f.average_latency_ms + f.ci95_latency_ms", "f.average_latency_ms",
                        "f.average_latency_ms AS latency_ms, f.ci95_latency_ms AS ci95_ms",
                        "latency_ms ci95_ms", true},
    [METRIC_THROUGHPUT] =
        {"throughput", "throughput", "items/s", "f.throughput_items_per_second",
         "f.throughput_items_per_second * f.average_latency_ms / (f.average_latency_ms + f.ci95_latency_ms)",
         "CASE WHEN f.ci95_latency_ms < f.average_latency_ms THEN f.throughput_items_per_second * f.average_latency_ms / "
         "(f.average_latency_ms - f.ci95_latency_ms) END",
         "-f.throughput_items_per_second",
         "f.throughput_items_per_second AS throughput, f.tokens_per_second AS tokens_per_s",
         "throughput tokens_per_s", false},
    [METRIC_MEMORY] = {"memory", "peak memory", "MB", "f.memory_peak_mb", "CAST(NULL AS DOUBLE)",
                       "CAST(NULL AS DOUBLE)", "f.memory_peak_mb", "f.memory_peak_mb AS memory_mb",
                       "memory_mb", true},
};

const provenance_words question_provenances[PROVENANCE_COUNT] = {
    {"measured", PROVENANCE_MEASURED},
    {"predicted", PROVENANCE_PREDICTED},
    {"imported", PROVENANCE_IMPORTED},
    {"simulated", PROVENANCE_SIMULATED},
};

const metric_words *question_metric_of(question_metric m) {
    return &question_metrics[m == METRIC_NONE ? METRIC_LATENCY : m];
}

const char *question_metric_unit(question_metric m) {
    return question_metric_of(m)->unit;
}

const char *question_metric_name(question_metric m) {
    return question_metric_of(m)->title;
}

bool question_metric_less_is_better(question_metric m) {
    return question_metric_of(m)->less_is_better;
}

bool question_metric_from_name(const char *name, question_metric *out) {
    for (size_t i = 0; i < METRIC_NONE; i++) {
        if (str_equal(name, question_metrics[i].name)) {
            *out = (question_metric)i;
            return true;
        }
    }
    return false;
}

bool question_provenance_from_name(const char *name, unsigned *out) {
    for (size_t i = 0; i < PROVENANCE_COUNT; i++) {
        if (str_equal(name, question_provenances[i].name)) {
            *out = question_provenances[i].bit;
            return true;
        }
    }
    return false;
}
