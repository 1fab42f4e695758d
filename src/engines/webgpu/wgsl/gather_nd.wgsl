// result[row, n] = data[batch of the row, indices[row, 0], indices[row, 1], …, n]; an index outside reads the nearest place.
struct Parameters { count: u32, block: u32, depth: u32, rows_a_batch: u32, addressed: u32, dims: array<vec4<u32>, 2> }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<$T>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> result: array<$T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    let row = i / p.block;
    var place = 0u;
    for (var d = 0u; d < p.depth; d++) {
        let size = i32(p.dims[d / 4u][d % 4u]);
        var index = indices[row * p.depth + d];
        index = clamp(select(index, index + size, index < 0), 0, size - 1);
        place = place * u32(size) + u32(index);
    }
    result[i] = data[(row / p.rows_a_batch * p.addressed + place) * p.block + i % p.block];
}
