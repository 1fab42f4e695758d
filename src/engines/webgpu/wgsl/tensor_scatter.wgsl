// A step of a cache: result[line, starts[batch] + i, n] = updates[line, i, n]. Circular: behind the end comes the beginning; else what lies outside is not
// written.
struct Parameters { count: u32, inner: u32, updates: u32, size: u32, lines_a_batch: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> updates: array<$T>;
$STARTS
@group(0) @binding($LAST) var<storage, read_write> result: array<$T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    let line = i / p.inner / p.updates;
    let start = $START;
    let at = $AT;
    if (start < 0 || at >= p.size) { return; }
    result[(line * p.size + at) * p.inner + i % p.inner] = updates[i];
}
