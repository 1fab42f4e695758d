// Where along an axis the greatest (or smallest) element lies; elements of a row lie `step` apart; one row an invocation.
struct Parameters { rows: u32, size: u32, step: u32, rest: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<$T>;
@group(0) @binding(2) var<storage, read_write> result: array<i32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = id.x + id.y * groups.x * 64u;
    if (row >= p.rows) { return; }
    let start = row / p.step * p.size * p.step + row % p.step;
    var best = data[start];
    var at = 0u;
    for (var i = 1u; i < p.size; i++) {
        let x = data[start + i * p.step];
        if (x $BETTER best) {
            best = x;
            at = i;
        }
    }
    result[row] = i32(at);
}
