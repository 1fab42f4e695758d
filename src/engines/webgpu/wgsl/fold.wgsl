// What the 64 invocations of a workgroup have, taken together in an order that is always the same; all of them call, all get the result.
var<workgroup> folded: array<f32, 64>;

fn fold_sum(x: f32, me: u32) -> f32 {
    workgroupBarrier();
    folded[me] = x;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (me < half) { folded[me] += folded[me + half]; }
    }
    workgroupBarrier();
    return folded[0];
}

fn fold_max(x: f32, me: u32) -> f32 {
    workgroupBarrier();
    folded[me] = x;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (me < half) { folded[me] = max(folded[me], folded[me + half]); }
    }
    workgroupBarrier();
    return folded[0];
}
