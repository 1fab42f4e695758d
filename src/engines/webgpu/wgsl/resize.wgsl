// result[o, i, n] = Σ weights[i, t] · data[o, places[i, t], n] along one axis; a place below 0: the position lies outside, and a number stands there.
struct Parameters { count: u32, inner: u32, length: u32, outputs: u32, taps: u32, outside: f32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<f32>;
@group(0) @binding(2) var<storage, read> places: array<i32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    let position = i / p.inner % p.outputs;
    let start = i / p.inner / p.outputs * p.length;
    var sum = 0.0;
    for (var t = 0u; t < p.taps; t++) {
        let place = places[position * p.taps + t];
        if (place < 0) {
            sum = p.outside;
            break;
        }
        sum = fma(weights[position * p.taps + t], data[(start + u32(place)) * p.inner + i % p.inner], sum);
    }
    result[i] = sum;
}
