-- A database of schema 2, as accel wrote it before schema 3: its own DDL, and 400 made-up results in ten runs.
CREATE TABLE accel_schema (
  version INTEGER NOT NULL,
  program_version VARCHAR,
  created_at TIMESTAMP DEFAULT (now() AT TIME ZONE 'UTC')
);
CREATE SEQUENCE hardware_platforms_seq;
CREATE TABLE hardware_platforms (
  hardware_id BIGINT PRIMARY KEY DEFAULT nextval('hardware_platforms_seq'),
  hardware_type VARCHAR NOT NULL,
  device_name VARCHAR,
  platform VARCHAR,
  platform_version VARCHAR,
  driver_version VARCHAR,
  memory_gb DOUBLE,
  compute_units INTEGER,
  metadata JSON,
  natural_key VARCHAR NOT NULL UNIQUE,
  created_at TIMESTAMP DEFAULT (now() AT TIME ZONE 'UTC')
);
CREATE SEQUENCE models_seq;
CREATE TABLE models (
  model_id BIGINT PRIMARY KEY DEFAULT nextval('models_seq'),
  model_name VARCHAR NOT NULL,
  model_family VARCHAR,
  modality VARCHAR,
  source VARCHAR,
  version VARCHAR,
  parameters_million DOUBLE,
  metadata JSON,
  natural_key VARCHAR NOT NULL UNIQUE,
  created_at TIMESTAMP DEFAULT (now() AT TIME ZONE 'UTC')
);
CREATE SEQUENCE test_runs_seq;
CREATE TABLE test_runs (
  run_id BIGINT PRIMARY KEY DEFAULT nextval('test_runs_seq'),
  test_name VARCHAR NOT NULL,
  test_type VARCHAR NOT NULL,
  started_at TIMESTAMP,
  completed_at TIMESTAMP,
  execution_time_seconds DOUBLE,
  success BOOLEAN,
  git_commit VARCHAR,
  git_branch VARCHAR,
  command_line VARCHAR,
  metadata JSON,
  run_uuid VARCHAR NOT NULL UNIQUE,
  created_at TIMESTAMP DEFAULT (now() AT TIME ZONE 'UTC')
);
CREATE SEQUENCE performance_results_seq;
CREATE TABLE performance_results (
  result_id BIGINT PRIMARY KEY DEFAULT nextval('performance_results_seq'),
  run_id BIGINT NOT NULL REFERENCES test_runs(run_id),
  model_id BIGINT NOT NULL REFERENCES models(model_id),
  hardware_id BIGINT NOT NULL REFERENCES hardware_platforms(hardware_id),
  test_case VARCHAR NOT NULL,
  batch_size BIGINT DEFAULT 1,
  precision VARCHAR,
  total_time_seconds DOUBLE,
  average_latency_ms DOUBLE,
  throughput_items_per_second DOUBLE,
  memory_peak_mb DOUBLE,
  iterations BIGINT,
  warmup_iterations BIGINT,
  metrics JSON,
  status VARCHAR NOT NULL,
  error_message VARCHAR,
  record_id VARCHAR NOT NULL UNIQUE,
  engine VARCHAR,
  engine_version VARCHAR,
  precision_asked VARCHAR,
  precision_ran VARCHAR,
  sequence_length BIGINT,
  shapes JSON,
  threads BIGINT,
  mode VARCHAR,
  scenario VARCHAR,
  median_latency_ms DOUBLE,
  p90_latency_ms DOUBLE,
  p99_latency_ms DOUBLE,
  ci95_latency_ms DOUBLE,
  tokens_per_second DOUBLE,
  load_ms DOUBLE,
  compile_ms DOUBLE,
  first_ms DOUBLE,
  verified BOOLEAN,
  reference VARCHAR,
  relative_l2 DOUBLE,
  samples_ns BIGINT[],
  provenance VARCHAR NOT NULL DEFAULT 'measured',
  is_simulated BOOLEAN NOT NULL DEFAULT false,
  simulation_reason VARCHAR,
  created_at TIMESTAMP DEFAULT (now() AT TIME ZONE 'UTC')
);
CREATE SEQUENCE hardware_compatibility_seq;
CREATE TABLE hardware_compatibility (
  compatibility_id BIGINT PRIMARY KEY DEFAULT nextval('hardware_compatibility_seq'),
  run_id BIGINT NOT NULL REFERENCES test_runs(run_id),
  model_id BIGINT NOT NULL REFERENCES models(model_id),
  hardware_id BIGINT NOT NULL REFERENCES hardware_platforms(hardware_id),
  is_compatible BOOLEAN NOT NULL,
  detection_success BOOLEAN NOT NULL,
  initialization_success BOOLEAN NOT NULL,
  error_message VARCHAR,
  error_type VARCHAR,
  suggested_fix VARCHAR,
  workaround_available BOOLEAN,
  compatibility_score DOUBLE,
  metadata JSON,
  provenance VARCHAR NOT NULL DEFAULT 'measured',
  is_simulated BOOLEAN NOT NULL DEFAULT false,
  simulation_reason VARCHAR,
  created_at TIMESTAMP DEFAULT (now() AT TIME ZONE 'UTC')
);
CREATE SEQUENCE hardware_availability_log_seq;
CREATE TABLE hardware_availability_log (
  id BIGINT PRIMARY KEY DEFAULT nextval('hardware_availability_log_seq'),
  hardware_type VARCHAR NOT NULL,
  is_available BOOLEAN NOT NULL,
  is_simulated BOOLEAN NOT NULL DEFAULT false,
  detection_method VARCHAR NOT NULL,
  detection_details JSON,
  detected_at TIMESTAMP NOT NULL,
  machine_id VARCHAR NOT NULL,
  device VARCHAR NOT NULL
);
CREATE VIEW performance_batch_results AS SELECT q.result_id * 16777216 + q.i - 1 AS batch_id, q.result_id, q.i - 1 AS batch_index, q.batch_size, q.sample_ns / 1e6 AS latency_ms, CAST(NULL AS DOUBLE) AS memory_usage_mb, q.provenance, q.is_simulated, q.created_at FROM (SELECT *, unnest(samples_ns) AS sample_ns, generate_subscripts(samples_ns, 1) AS i FROM performance_results) q;
CREATE VIEW latest_performance_metrics AS SELECT m.model_name, m.model_family, m.source AS model_source, h.hardware_type, h.device_name, p.engine, p.engine_version, p.batch_size, p.precision, p.sequence_length, p.shapes, p.threads, p.mode, p.scenario, p.average_latency_ms, p.median_latency_ms, p.throughput_items_per_second, p.tokens_per_second, p.memory_peak_mb, p.verified, p.reference, p.relative_l2, p.provenance, r.started_at, p.created_at, p.result_id, p.run_id, p.model_id, p.hardware_id FROM performance_results p JOIN models m USING (model_id) JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id) WHERE p.status = 'ok' AND p.provenance = 'measured' AND NOT p.is_simulated QUALIFY row_number() OVER (PARTITION BY p.model_id, p.hardware_id, p.engine, p.engine_version, p.precision, p.batch_size, p.sequence_length, p.threads, p.mode, p.scenario, p.shapes ORDER BY r.started_at DESC, p.result_id DESC) = 1;
CREATE VIEW model_hardware_compatibility AS SELECT m.model_name, m.model_family, h.hardware_type, h.device_name, count(*) FILTER (c.is_compatible) AS compatible_count, count(*) FILTER (NOT c.is_compatible) AS incompatible_count, avg(c.compatibility_score) AS avg_compatibility_score, max(r.started_at) AS last_tested FROM hardware_compatibility c JOIN models m USING (model_id) JOIN hardware_platforms h USING (hardware_id) JOIN test_runs r USING (run_id) WHERE c.provenance = 'measured' AND NOT c.is_simulated GROUP BY ALL;
CREATE VIEW cross_platform_performance AS SELECT l.model_name, l.model_family, l.hardware_type, l.device_name, l.engine, l.batch_size, l.precision, l.sequence_length, l.threads, l.mode, l.scenario, l.average_latency_ms AS avg_latency_ms, l.throughput_items_per_second, l.hardware_type IN ('webnn', 'webgpu', 'wasm') AS is_web_platform, l.model_source, l.started_at FROM latest_performance_metrics l;
CREATE VIEW hardware_availability_events AS SELECT id, machine_id, hardware_type, device, CASE WHEN is_available THEN 'appeared' ELSE 'vanished' END AS event, detection_method, detection_details, detected_at FROM (SELECT *, lag(is_available) OVER (PARTITION BY machine_id, hardware_type, device ORDER BY detected_at, id) AS was_available FROM hardware_availability_log WHERE NOT is_simulated) WHERE is_available <> coalesce(was_available, false);
INSERT INTO accel_schema (version, program_version) VALUES (2, '0.1.0');
INSERT INTO models (model_name, model_family, modality, source, natural_key)
  SELECT 'old-' || n, 'bert', 'text', 'file', sha256('old-' || n || chr(31) || 'file' || chr(31) || chr(1) || chr(31)) FROM range(4) r(n);
INSERT INTO hardware_platforms (hardware_type, device_name, metadata, natural_key)
  SELECT 'cpu', 'made up', '{}', sha256('cpu' || chr(31) || 'made up' || chr(31) || repeat(chr(1) || chr(31), 6));
INSERT INTO test_runs (test_name, test_type, started_at, success, run_uuid)
  SELECT 'accel bench', 'performance', TIMESTAMP '2025-01-01' + to_days(CAST(20 * n AS INTEGER)), true, 'old-run-' || n FROM range(10) r(n);
INSERT INTO performance_results (run_id, model_id, hardware_id, test_case, batch_size, precision, average_latency_ms, throughput_items_per_second,
    iterations, metrics, status, record_id, engine, precision_asked, precision_ran, mode, scenario, samples_ns, provenance)
  SELECT r.run_id, m.model_id, 1, 'inference/single-stream', b, 'fp32', 1.5, b / 1.5e-3, 3,
    json_object('schema_version', 1, 'record_id', id, 'provenance', 'measured', 'status', 'ok', 'model', json_object('name', m.model_name, 'source', 'file'),
      'platform', 'cpu', 'device', json_object('name', 'made up'), 'engine', json_object('name', 'native'), 'batch', b, 'precision_asked', 'fp32',
      'precision_ran', 'fp32', 'mode', 'inference', 'scenario', 'single-stream', 'samples_ns', [], 'latency_ms', json_object('mean', 1.5, 'median', 1.5),
      'throughput_items_per_s', b / 1.5e-3, 'started_at', strftime(r.started_at, '%Y-%m-%dT%H:%M:%SZ')),
    'ok', id, 'native', 'fp32', 'fp32', 'inference', 'single-stream', [1400000 + b, 1500000, 1600000 - n], 'measured'
  FROM test_runs r, models m, (SELECT n, n + 1 AS b FROM range(10) q(n)),
    LATERAL (SELECT format('{:08x}-0000-4000-8000-{:012x}', r.run_id, m.model_id * 1000 + n) AS id);
INSERT INTO hardware_compatibility (run_id, model_id, hardware_id, is_compatible, detection_success, initialization_success, compatibility_score)
  SELECT run_id, model_id, 1, true, true, true, 1 FROM test_runs, models;
