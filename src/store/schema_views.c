/* The views: measured rows only, unless a column says what a row is. */
#include "store/archive_files.h"
#include "store/schema.h"

#define MEASURED_WEB "w.provenance = 'measured' AND NOT w.is_simulated"

const schema_view schema_views[] = {
    {ARCHIVE_VIEW, "performance_results and, where `accel db archive` moved some away, the archived ones",
     ARCHIVE_VIEW_LIVE, 3},
    {"performance_batch_results", "one row a measured iteration, over all_performance_results.samples_ns",
     "SELECT q.result_id * 16777216 + q.i - 1 AS batch_id, q.result_id, q.i - 1 AS batch_index, q.batch_size, q.sample_ns / 1e6 AS latency_ms, "
     "CAST(NULL AS DOUBLE) AS memory_usage_mb, q.provenance, q.is_simulated, q.created_at FROM (SELECT *, unnest(samples_ns) AS sample_ns, "
     "generate_subscripts(samples_ns, 1) AS i FROM all_performance_results) q",
     1},
    {"latest_performance_metrics", "the newest ok measurement, by the start of its run, of every identity",
     "SELECT m.model_name, m.model_family, m.source AS model_source, h.hardware_type, h.device_name, i.engine, i.engine_version, i.batch_size, i.precision, "
     "i.sequence_length, i.shapes, i.threads, i.mode, i.scenario, l.average_latency_ms, l.median_latency_ms, l.throughput_items_per_second, l.tokens_per_second, "
     "l.memory_peak_mb, l.verified, l.reference, l.relative_l2, i.provenance, l.started_at, l.created_at, l.result_id, l.run_id, i.model_id, i.hardware_id, "
     "l.ci95_latency_ms, l.iterations, i.identity_id FROM latest_results l JOIN performance_identities i USING (identity_id) JOIN models m USING (model_id) "
     "JOIN hardware_platforms h USING (hardware_id) WHERE i.provenance = 'measured' AND NOT i.is_simulated",
     1},
    {"model_hardware_compatibility", "how often a model ran on a platform",
     "SELECT m.model_name, m.model_family, h.hardware_type, h.device_name, count(*) FILTER (c.is_compatible) AS compatible_count, "
     "count(*) FILTER (NOT c.is_compatible) AS incompatible_count, avg(c.compatibility_score) AS avg_compatibility_score, max(r.started_at) AS last_tested "
     "FROM hardware_compatibility c JOIN models m USING (model_id) JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id) "
     "WHERE c.provenance = 'measured' AND NOT c.is_simulated GROUP BY ALL",
     1},
    {"cross_platform_performance",
     "native and web rows of a model side by side: newest ok measurements of each identity, and means of those web_platform_results that are no record's",
     "SELECT l.model_name, l.model_family, l.hardware_type, l.device_name, l.engine, l.batch_size, l.precision, l.sequence_length, l.threads, l.mode, l.scenario, "
     "l.average_latency_ms AS avg_latency_ms, l.throughput_items_per_second, l.hardware_type IN ('webnn', 'webgpu', 'wasm') AS is_web_platform, l.model_source, "
     "l.started_at FROM latest_performance_metrics l UNION ALL "
     "SELECT m.model_name, m.model_family, h.hardware_type, h.device_name, w.browser, NULL, NULL, NULL, NULL, 'inference', 'single-stream', "
     "avg(w.inference_time_ms), 1000 / avg(w.inference_time_ms), true, m.source, max(r.started_at) FROM web_platform_results w JOIN models m USING (model_id) "
     "JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id) WHERE " MEASURED_WEB
     " AND w.success AND w.inference_time_ms > 0 AND NOT starts_with(w.content_key, 'record ') GROUP BY ALL",
     1},
    {"integration_test_status", "tests by module: their newest state is in integration_test_results",
     "SELECT t.test_module, count(*) AS total_tests, count(*) FILTER (t.status = 'pass') AS passed, count(*) FILTER (t.status = 'fail') AS failed, "
     "count(*) FILTER (t.status = 'error') AS errors, count(*) FILTER (t.status = 'skip') AS skipped, max(r.started_at) AS last_run, t.provenance "
     "FROM integration_test_results t JOIN test_runs r USING (run_id) WHERE NOT t.is_simulated GROUP BY ALL",
     3},
    {"web_platform_performance_metrics", "means of a model in a browser",
     "SELECT m.model_name, m.model_family, w.platform, w.browser, w.browser_version, avg(w.load_time_ms) AS avg_load_time_ms, "
     "avg(w.inference_time_ms) AS avg_inference_time_ms, avg(w.total_time_ms) AS avg_total_time_ms, avg(w.shader_compilation_time_ms) AS avg_shader_compilation_ms, "
     "avg(w.memory_usage_mb) AS avg_memory_usage_mb, count(*) AS test_count, count(*) FILTER (w.success) AS success_count, max(r.started_at) AS last_tested "
     "FROM web_platform_results w JOIN models m USING (model_id) JOIN test_runs r USING (run_id) WHERE " MEASURED_WEB
     " GROUP BY ALL",
     3},
    {"webgpu_feature_analysis", "what WebGPU was used for, by model and browser",
     "SELECT m.model_name, m.model_family, w.browser, count(*) AS total_tests, count(*) FILTER (f.compute_shader_support) AS compute_shader_support, "
     "count(*) FILTER (f.parallel_compilation) AS parallel_compilation, count(*) FILTER (f.shader_cache_hit) AS shader_cache_hit, "
     "count(*) FILTER (f.pre_compiled_pipeline) AS pre_compiled_pipeline, count(*) FILTER (f.audio_acceleration) AS audio_acceleration, "
     "count(*) FILTER (f.video_acceleration) AS video_acceleration, count(*) FILTER (f.parallel_loading) AS parallel_loading, "
     "avg(f.compute_pipeline_time_ms) AS avg_compute_pipeline_time_ms, avg(f.workgroup_size) AS avg_workgroup_size FROM webgpu_advanced_features f "
     "JOIN web_platform_results w USING (result_id) JOIN models m USING (model_id) WHERE " MEASURED_WEB
     " GROUP BY ALL",
     3},
    {"hardware_availability_events",
     "what came and went from one `accel detect --save` of a machine to the next; its first brings all that is there",
     "SELECT id, machine_id, hardware_type, device, CASE WHEN is_available THEN 'appeared' ELSE 'vanished' END AS event, detection_method, detection_details, "
     "detected_at FROM (SELECT *, lag(is_available) OVER (PARTITION BY machine_id, hardware_type, device ORDER BY detected_at, id) AS was_available "
     "FROM hardware_availability_log WHERE NOT is_simulated) WHERE is_available <> coalesce(was_available, false)",
     2},
};
const size_t schema_view_count = sizeof schema_views / sizeof *schema_views;
