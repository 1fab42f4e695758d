// Rows divided by their norm; elements of a row lie `step` apart; one row an invocation. Rows of zeros stay.
struct Parameters { rows: u32, size: u32, step: u32, rest: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = id.x + id.y * groups.x * 64u;
    if (row >= p.rows) { return; }
    let start = row / p.step * p.size * p.step + row % p.step;
    var sum = 0.0;
    for (var i = 0u; i < p.size; i++) {
        let x = data[start + i * p.step];
        sum += $TERM;
    }
    let norm = $NORM;
    for (var i = 0u; i < p.size; i++) {
        let x = data[start + i * p.step];
        result[start + i * p.step] = select(x / norm, 0.0, norm == 0.0);
    }
}
