// result[o, k, n] = values[indices[o, n] == k]; an index below 0 counts from the end, one outside gives a row of off values.
struct Parameters { count: u32, depth: u32, inner: u32, rest: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> indices: array<$I>;
@group(0) @binding(2) var<storage, read> values: array<$T>;
@group(0) @binding(3) var<storage, read_write> result: array<$T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    let n = i % p.inner;
    let k = i32(i / p.inner % p.depth);
    let depth = i32(p.depth);
    var index = i32(indices[i / p.inner / p.depth * p.inner + n]);
    index = select(index, index + depth, index < 0);
    result[i] = values[select(0u, 1u, index == k)];
}
