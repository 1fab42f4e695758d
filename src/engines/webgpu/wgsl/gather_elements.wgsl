// result[…, i, …] = data[…, indices[…, i, …], …]: the index counts along one axis; an index outside reads the nearest place.
struct Parameters { count: u32, size: u32, step: u32, rank: u32, dims: array<vec4<u32>, 2>, steps: array<vec4<u32>, 2> }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<$T>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> result: array<$T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    var rest = i;
    var at = 0u;
    for (var d = i32(p.rank) - 1; d >= 0; d--) { // the axis itself has no step here
        at += rest % p.dims[d / 4][d % 4] * p.steps[d / 4][d % 4];
        rest = rest / p.dims[d / 4][d % 4];
    }
    let size = i32(p.size);
    let index = indices[i];
    result[i] = data[at + u32(clamp(select(index, index + size, index < 0), 0, size - 1)) * p.step];
}
