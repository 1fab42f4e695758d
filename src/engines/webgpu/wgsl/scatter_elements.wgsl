// result[…, indices[…, i, …], …] takes updates[…, i, …], one line of the axis after the other, an invocation a line: its indices may meet. Indices outside
// write nothing.
struct Parameters {
    lines: u32, size: u32, step: u32, rank: u32, length: u32, line_step: u32, rest: vec2<u32>,
    dims: array<vec4<u32>, 2>, steps: array<vec4<u32>, 2>, update_steps: array<vec4<u32>, 2>,
}
$read indices: i32
$read updates: $T
$write result: $T

$each line of lines {
    var rest = line;
    var to = 0u;
    var start = 0u;
    for (var d = i32(p.rank) - 1; d >= 0; d--) { // the axis has one place here
        let k = rest % p.dims[d / 4][d % 4];
        to += k * p.steps[d / 4][d % 4];
        start += k * p.update_steps[d / 4][d % 4];
        rest = rest / p.dims[d / 4][d % 4];
    }
    let size = i32(p.size);
    for (var i = 0u; i < p.length; i++) {
        var index = indices[start + i * p.line_step];
        index = select(index, index + size, index < 0);
        if (index >= 0 && index < size) {
            let at = to + u32(index) * p.step;
            let x = updates[start + i * p.line_step];
            result[at] = $EXPRESSION;
        }
    }
}
