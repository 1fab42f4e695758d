// result[n, f, place] = Σ data[n, c, source(place, tap)] · weights[f, c, tap] (+ bias[f]) over the channels of f's group, in tiles of ROWS filters ×
// COLUMNS places for an invocation. Places outside the data count as 0.
struct Parameters {
    channels: u32, filters: u32, groups: u32, taps: u32, inputs: u32, outputs: u32, filter_step: u32, channel_step: u32,
    size: vec4<i32>, out: vec4<i32>, kernel: vec4<i32>, stride: vec4<i32>, dilation: vec4<i32>, pad: vec4<i32>,
}
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
$BIAS
@group(0) @binding($LAST) var<storage, read_write> result: array<f32>;
const ROWS = $ROWSu;
const COLUMNS = $COLUMNSu;
const GROUP_X = $GROUP_Xu;

// Neighbouring invocations take neighbouring places.
@compute @workgroup_size($GROUP_X, $GROUP_Y)
fn main(@builtin(workgroup_id) tile: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(global_invocation_id) id: vec3<u32>) {
    let first = id.y * ROWS;
    let place = tile.x * GROUP_X * COLUMNS + local.x;
    if (first >= p.filters || place >= p.outputs) { return; }
    let start = id.z * p.channels * p.inputs;
    // Filters and places beyond the edge repeat the last one; their sums are not written.
    var rows: array<u32, ROWS>;
    var origins: array<vec3<i32>, COLUMNS>;
    var sums: array<array<f32, COLUMNS>, ROWS>;
    for (var i = 0u; i < ROWS; i++) {
        rows[i] = id.z % p.groups * p.filters * p.channels * p.taps + min(first + i, p.filters - 1u) * p.filter_step;
    }
    for (var j = 0u; j < COLUMNS; j++) {
        let at = i32(min(place + j * GROUP_X, p.outputs - 1u));
        let o = vec3(at / (p.out.y * p.out.z), at / p.out.z % p.out.y, at % p.out.z);
        origins[j] = $ORIGIN;
    }
    for (var tap = 0u; tap < p.taps; tap++) {
        let t = i32(tap);
        let k = vec3(t / (p.kernel.y * p.kernel.z), t / p.kernel.z % p.kernel.y, t % p.kernel.z) * p.dilation.xyz;
        var sources: array<u32, COLUMNS>;
        var inside: array<bool, COLUMNS>;
        for (var j = 0u; j < COLUMNS; j++) {
            $SOURCE
            inside[j] = all(at >= vec3(0)) && all(at < p.size.xyz);
            sources[j] = start + select(0u, u32((at.x * p.size.y + at.y) * p.size.z + at.z), inside[j]);
        }
        for (var c = 0u; c < p.channels; c++) {
            var right: array<f32, COLUMNS>;
            for (var j = 0u; j < COLUMNS; j++) { right[j] = select(0.0, data[sources[j] + c * p.inputs], inside[j]); }
            for (var i = 0u; i < ROWS; i++) {
                let left = weights[rows[i] + c * p.channel_step + tap];
                for (var j = 0u; j < COLUMNS; j++) { sums[i][j] = fma(left, right[j], sums[i][j]); }
            }
        }
    }
    for (var i = 0u; i < ROWS && first + i < p.filters; i++) {
        for (var j = 0u; j < COLUMNS && place + j * GROUP_X < p.outputs; j++) {
            result[(id.z * p.filters + first + i) * p.outputs + place + j * GROUP_X] = sums[i][j]$PLUS;
        }
    }
}
