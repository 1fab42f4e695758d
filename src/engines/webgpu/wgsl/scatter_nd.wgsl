// result[indices[row, 0], indices[row, 1], …, n] takes updates[row, n]; indices outside write nothing. `rows` rows an invocation, one after the other: all
// where rows may meet, which reductions allow.
struct Parameters { count: u32, block: u32, depth: u32, rows: u32, dims: array<vec4<u32>, 2> }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read> updates: array<$T>;
@group(0) @binding(3) var<storage, read_write> result: array<$T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    let first = i / p.block * p.rows;
    for (var row = first; row < first + p.rows; row++) {
        var place = 0u;
        var inside = true;
        for (var d = 0u; d < p.depth; d++) {
            let size = i32(p.dims[d / 4u][d % 4u]);
            var index = indices[row * p.depth + d];
            index = select(index, index + size, index < 0);
            inside = inside && index >= 0 && index < size;
            place = place * u32(size) + u32(index);
        }
        if (inside) {
            let at = place * p.block + i % p.block;
            let x = updates[row * p.block + i % p.block];
            result[at] = $EXPRESSION;
        }
    }
}
