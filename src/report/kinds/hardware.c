/* What machines have, when it came and went, and what was measured on it. */
#include "report/kinds/kinds.h"

static const report_column now_columns[] = {
    NAME("hardware_type", "platform or kind"),
    NAME("device", "device"),
    TEXT("name", "name"),
    YES("is_available", "available"),
    TEXT("detection_method", "who looked"),
    LONG("reason", "state or reason"),
    TEXT("machine_id", "machine"),
    TIME("detected_at", "when (UTC)"),
    PROVENANCE,
};

static const report_column event_columns[] = {
    TIME("detected_at", "when (UTC)"), NAME("event", "event"), NAME("hardware_type", "platform or kind"),
    NAME("device", "device"),          TEXT("name", "name"),   TEXT("detection_method", "who looked"),
    TEXT("machine_id", "machine"),
};

static const report_column device_columns[] = {
    NAME("hardware_type", "platform"), NAME("device_name", "device"),    TEXT("driver_version", "driver"),
    TEXT("system", "system"),          FIGURE("memory_gb", "memory GB"), COUNT("compute_units", "units"),
    COUNT("models", "models"),         COUNT("results", "results"),      COUNT("ok", "ok"),
    TIME("first", "first (UTC)"),      TIME("newest", "newest (UTC)"),   PROVENANCE,
};

static const report_column best_columns[] = {
    NAME("model", "model"),
    NAME("setting", "setting"),
    NAME("hardware_type", "platform"),
    NAME("device_name", "device"),
    NAME("engine", "engine"),
    FIGURE_HALF("average_latency_ms", "mean ms", "ci95_latency_ms"),
    FIGURE("throughput_items_per_second", "items/s"),
    COUNT("iterations", "runs"),
    PROVENANCE,
    TIME("started_at", "when (UTC)"),
};

static const report_chart best_chart = {.title = "Shortest mean latency on each device",
                                        .unit = "ms",
                                        .name = "model_name",
                                        .more = "model_setting",
                                        .series = "on",
                                        .values = {"average_latency_ms"},
                                        .half = "ci95_latency_ms",
                                        .samples = "iterations"};

static const report_section sections[] = {
    {.key = "now",
     .title = "What is there",
     .text =
         "The newest detection of each machine (accel detect --save): platforms and devices, who looked, and why one cannot be used.",
     .sql =
         "SELECT hardware_type, device, coalesce(detection_details->>'name', '') AS name, is_available, detection_method, "
         "coalesce(detection_details->>'reason', detection_details->>'state') AS reason, machine_id, CAST(detected_at AS VARCHAR) AS detected_at, provenance "
         "FROM detections QUALIFY detected_at = max(detected_at) OVER (PARTITION BY machine_id) "
         "ORDER BY machine_id, is_available DESC, hardware_type, device",
     COLUMNS(now_columns)},
    {.key = "events",
     .title = "What came and went",
     .text =
         "From one detection of a machine to the next, newest first; a machine's first detection brings all that it has.",
     .sql =
         "SELECT CAST(detected_at AS VARCHAR) AS detected_at, event, hardware_type, device, detection_details->>'name' AS name, detection_method, machine_id "
         "FROM events ORDER BY detected_at DESC, id",
     COLUMNS(event_columns)},
    {.key = "devices",
     .title = "Devices that results come from",
     .text = "One row a device, driver and system; how many results it has, and how many of them are ok.",
     .sql =
         "SELECT h.hardware_type, h.device_name, h.driver_version, concat_ws(' ', h.platform, h.platform_version) AS system, h.memory_gb, h.compute_units, "
         "count(DISTINCT model_id) AS models, count(*) AS results, count(*) FILTER (status = 'ok') AS ok, CAST(min(started_at) AS VARCHAR) AS first, "
         "CAST(max(started_at) AS VARCHAR) AS newest, provenance FROM results JOIN hardware_platforms h USING (hardware_id) GROUP BY ALL "
         "ORDER BY h.hardware_type, h.device_name, newest DESC",
     COLUMNS(device_columns)},
    {.key = "results",
     .title = "Best result of each model on each device",
     .text =
         "The engine with the shortest mean among the newest results of a model and setting on a device; contradicted results do not take part.",
     .sql =
         "SELECT * EXCLUDE (rank) FROM (SELECT model, setting, model_setting, hardware_type, device_name, engine, engine_version, average_latency_ms, ci95_latency_ms, "
         "throughput_items_per_second, iterations, provenance, CAST(started_at AS VARCHAR) AS started_at, model_name, batch_size, result_id, concat_ws(' on ', runner, device_name) AS \"on\", row_number() OVER "
         "(PARTITION BY model_id, setting, hardware_id, provenance ORDER BY average_latency_ms, result_id) AS rank FROM latest "
         "WHERE verified IS DISTINCT FROM false AND average_latency_ms IS NOT NULL) WHERE rank = 1 "
         "ORDER BY model, batch_size, setting, average_latency_ms",
     COLUMNS(best_columns),
     .chart = &best_chart},
};

static const char *const sources[] = {"detections", "results", NULL};
static const report_advice to_run[] = {
    {"accel detect --save", "writes down what this machine has"},
    {"accel bench MODEL --on all", "measures a model on all of it"},
    {NULL, NULL},
};

const report_kind kind_hardware = {
    .name = "hardware",
    .title = "Hardware",
    .summary = "What machines have, when it came and went, and what was measured on it",
    .sources = sources,
    .to_run = to_run,
    SECTIONS(sections),
};
