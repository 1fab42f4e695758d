// result[i] = all elements of the data that lie over i, taken together. Kept dims and reduced dims each by strides; one result an invocation.
struct Parameters {
    count: u32, over: u32, least: u32, rest: u32,
    kept: array<vec4<u32>, 2>, kept_step: array<vec4<u32>, 2>, reduced: array<vec4<u32>, 2>, reduced_step: array<vec4<u32>, 2>,
}
$read data: $T
$write result: $T

fn offset(index: u32) -> u32 {
    var rest = index;
    var at = 0u;
    for (var d = 7; d >= 0; d--) {
        at += rest % p.reduced[d / 4][d % 4] * p.reduced_step[d / 4][d % 4];
        rest = rest / p.reduced[d / 4][d % 4];
    }
    return at;
}

$each i of count {
    var rest = i;
    var start = 0u;
    for (var d = 7; d >= 0; d--) {
        start += rest % p.kept[d / 4][d % 4] * p.kept_step[d / 4][d % 4];
        rest = rest / p.kept[d / 4][d % 4];
    }
    var sum = $T($START);
    for (var k = 0u; k < p.over; k++) {
        let x = data[start + offset(k)];
        sum = $STEP;
    }
    let n = $T(p.over);
    result[i] = $END;
}
