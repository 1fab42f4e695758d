// As reduce; a workgroup makes a result: each invocation takes every 64th element, then what they have is joined two by two.
struct Parameters {
    count: u32, over: u32, least: u32, rest: u32,
    kept: array<vec4<u32>, 2>, kept_step: array<vec4<u32>, 2>, reduced: array<vec4<u32>, 2>, reduced_step: array<vec4<u32>, 2>,
}
$read data: $T
$write result: $T
var<workgroup> parts: array<$T, 64>;

fn offset(index: u32) -> u32 {
    var rest = index;
    var at = 0u;
    for (var d = 7; d >= 0; d--) {
        at += rest % p.reduced[d / 4][d % 4] * p.reduced_step[d / 4][d % 4];
        rest = rest / p.reduced[d / 4][d % 4];
    }
    return at;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) me: u32) {
    let i = group.x + group.y * groups.x;
    if (i >= p.count) { return; }
    var rest = i;
    var start = 0u;
    for (var d = 7; d >= 0; d--) {
        start += rest % p.kept[d / 4][d % 4] * p.kept_step[d / 4][d % 4];
        rest = rest / p.kept[d / 4][d % 4];
    }
    var sum = $T($START);
    for (var k = me; k < p.over; k += 64u) {
        let x = data[start + offset(k)];
        sum = $STEP;
    }
    parts[me] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (me < half) {
            let x = parts[me + half];
            sum = $JOIN;
            parts[me] = sum;
        }
    }
    let n = $T(p.over);
    if (me == 0u) { result[i] = $END; }
}
