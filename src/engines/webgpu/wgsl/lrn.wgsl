// x / (bias + alpha · the sum of squares at the same place of neighbouring channels) ^ beta.
struct Parameters { count: u32, inner: u32, channels: i32, before: i32, after: i32, alpha: f32, beta: f32, bias: f32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    let channel = i32(i / p.inner) % p.channels;
    let start = i - u32(channel) * p.inner;
    var sum = 0.0;
    for (var c = max(channel - p.before, 0); c <= min(channel + p.after, p.channels - 1); c++) {
        let x = data[start + u32(c) * p.inner];
        sum = fma(x, x, sum);
    }
    result[i] = data[i] / pow(p.bias + p.alpha * sum, p.beta);
}
