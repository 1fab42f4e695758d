// Sums (or products) of all elements before one along an axis, whose elements lie `step` apart; one row an invocation.
struct Parameters { rows: u32, size: u32, step: u32, exclusive: u32, reverse: u32, unused: vec3<u32> }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<$T>;
@group(0) @binding(2) var<storage, read_write> result: array<$T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = id.x + id.y * groups.x * 64u;
    if (row >= p.rows) { return; }
    let start = row / p.step * p.size * p.step + row % p.step;
    var sum = $T($START);
    for (var i = 0u; i < p.size; i++) {
        let at = start + select(i, p.size - 1u - i, p.reverse != 0u) * p.step;
        let x = data[at];
        result[at] = select(sum $OP x, sum, p.exclusive != 0u);
        sum = sum $OP x;
    }
}
