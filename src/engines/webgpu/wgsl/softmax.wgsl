// Softmax over an axis: elements of a row lie `step` apart; one row an invocation.
struct Parameters { rows: u32, size: u32, step: u32, rest: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = id.x + id.y * groups.x * 64u;
    if (row >= p.rows) { return; }
    let start = row / p.step * p.size * p.step + row % p.step;
    var most = data[start];
    for (var i = 1u; i < p.size; i++) { most = max(most, data[start + i * p.step]); }
    var sum = 0.0;
    for (var i = 0u; i < p.size; i++) { sum += exp(data[start + i * p.step] - most); }
    $BEFORE
    for (var i = 0u; i < p.size; i++) {
        let x = data[start + i * p.step] - most;
        result[start + i * p.step] = $EXPRESSION;
    }
}
