// out[o, i, n] = data[o, indices[i], n]; an index below 0 counts from the end, one outside reads the nearest row. Of the `size` rows only those from
// `first` on, `rows` of them, lie in data: what the others give is not written.
struct Parameters { count: u32, indices: u32, size: u32, inner: u32, first: u32, rows: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<$T>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> result: array<$T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    let n = i % p.inner;
    let row = i / p.inner;
    let size = i32(p.size);
    var index = indices[row % p.indices];
    index = clamp(select(index, index + size, index < 0), 0, size - 1) - i32(p.first);
    if (index < 0 || index >= i32(p.rows)) { return; }
    result[i] = data[(row / p.indices * p.rows + u32(index)) * p.inner + n];
}
