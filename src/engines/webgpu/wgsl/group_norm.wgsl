// Rows of `size` elements, a group of channels each: (x - mean) / deviation * scale + bias by channel. One row an invocation.
struct Parameters { rows: u32, size: u32, inner: u32, channels: u32, epsilon: f32, rest: u32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let row = id.x + id.y * groups.x * 64u;
    if (row >= p.rows) { return; }
    let start = row * p.size;
    var mean = 0.0;
    for (var i = 0u; i < p.size; i++) { mean += data[start + i]; }
    mean /= f32(p.size);
    var squares = 0.0;
    for (var i = 0u; i < p.size; i++) {
        let x = data[start + i] - mean;
        squares = fma(x, x, squares);
    }
    let factor = inverseSqrt(squares / f32(p.size) + p.epsilon);
    for (var i = 0u; i < p.size; i++) {
        let channel = (start + i) / p.inner % p.channels;
        result[start + i] = (data[start + i] - mean) * factor * scale[channel] + bias[channel];
    }
}
