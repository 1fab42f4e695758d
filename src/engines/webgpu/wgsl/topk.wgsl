// The `most` greatest (or smallest) elements of each row in order, and their places; equal ones by place. Each is the best of those behind the one
// before; one row an invocation.
struct Parameters { rows: u32, size: u32, step: u32, most: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<$T>;
@group(0) @binding(2) var<storage, read_write> values: array<$T>;
@group(0) @binding(3) var<storage, read_write> indices: array<i32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = id.x + id.y * groups.x * 64u;
    if (row >= p.rows) { return; }
    let start = row / p.step * p.size * p.step + row % p.step;
    let to = row / p.step * p.most * p.step + row % p.step;
    var last = $T(0);
    var last_at = -1;
    for (var k = 0u; k < p.most; k++) {
        var best = $T(0);
        var best_at = -1;
        for (var i = 0; i < i32(p.size); i++) {
            let x = data[start + u32(i) * p.step];
            let behind = k == 0u || last $BETTER x || (x == last && i > last_at);
            if (behind && (best_at < 0 || x $BETTER best)) {
                best = x;
                best_at = i;
            }
        }
        values[to + k * p.step] = best;
        indices[to + k * p.step] = best_at;
        last = best;
        last_at = best_at;
    }
}
