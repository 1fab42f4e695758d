// result[n, f, place] = f(sum over the channels c of f's group and the taps of data[n, c, source(place, tap)] * weights[f, c, tap] (+ bias[f])), in
// tiles of ROWS filters by COLUMNS places for an invocation. Places outside the data count as 0. Sums of about BLOCK terms are summed up themselves.
struct Parameters {
    channels: u32, filters: u32, groups: u32, taps: u32, inputs: u32, outputs: u32, filter_step: u32, channel_step: u32,
    size: vec4<i32>, out: vec4<i32>, kernel: vec4<i32>, stride: vec4<i32>, dilation: vec4<i32>, pad: vec4<i32>,
    x: f32, y: f32,
}
$read data: f32
$read weights: f32
$BIAS
$RESIDUAL
$write result: f32
const GROUP_X = $GROUP_Xu;
const BLOCK = 128u;
$FUNCTIONS

// Neighbouring invocations take neighbouring places.
@compute @workgroup_size($GROUP_X, $GROUP_Y)
fn main(@builtin(workgroup_id) tile: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(global_invocation_id) id: vec3<u32>) {
    let first = id.y * $ROWSu;
    let place = tile.x * GROUP_X * $COLUMNSu + local.x;
    if (first >= p.filters || place >= p.outputs) { return; }
    let start = id.z * p.channels * p.inputs;
    let group = id.z % p.groups * p.filters;
    // Filters and places beyond the edge repeat the last one; their sums are not written.
$for i $ROWS
    let row$i = group * p.channels * p.taps + min(first + $iu, p.filters - 1u) * p.filter_step;
$for j $COLUMNS
    var s$i_$j = 0.0;
    var whole$i_$j = 0.0;
$end
$end
$for j $COLUMNS
    let at$j = i32(min(place + $ju * GROUP_X, p.outputs - 1u));
    let o$j = vec3(at$j / (p.out.y * p.out.z), at$j / p.out.z % p.out.y, at$j % p.out.z);
    let origin$j = $ORIGIN;
$end
    var terms = 0u;
    for (var tap = 0u; tap < p.taps; tap++) {
        let t = i32(tap);
        let k = vec3(t / (p.kernel.y * p.kernel.z), t / p.kernel.z % p.kernel.y, t % p.kernel.z) * p.dilation.xyz;
$for j $COLUMNS
        $SOURCE
        let inside$j = all(from$j >= vec3(0)) && all(from$j < p.size.xyz);
        var source$j = start + select(0u, u32((from$j.x * p.size.y + from$j.y) * p.size.z + from$j.z), inside$j);
$end
        var weight = tap;
        for (var c = 0u; c < p.channels; c++) {
$for j $COLUMNS
            let r$j = select(0.0, data[source$j], inside$j);
            source$j += p.inputs;
$end
$for i $ROWS
            let l$i = weights[row$i + weight];
$for j $COLUMNS
            s$i_$j += l$i * r$j;
$end
$end
            weight += p.channel_step;
        }
        terms += p.channels;
        if (terms >= BLOCK) {
            terms = 0u;
$for i $ROWS
$for j $COLUMNS
            whole$i_$j += s$i_$j;
            s$i_$j = 0.0;
$end
$end
        }
    }
$for i $ROWS
$for j $COLUMNS
    if (first + $iu < p.filters && place + $ju * GROUP_X < p.outputs) {
        let x = whole$i_$j + s$i_$j$PLUS;
        let at = (id.z * p.filters + first + $iu) * p.outputs + place + $ju * GROUP_X;
        result[at] = $RESULT;
    }
$end
$end
}
