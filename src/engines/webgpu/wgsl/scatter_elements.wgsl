// result[…, indices[…, i, …], …] takes updates[…, i, …], one line of the axis after the other, an invocation a line: its indices may meet. Indices outside
// write nothing.
struct Parameters {
    lines: u32, size: u32, step: u32, rank: u32, length: u32, line_step: u32, rest: vec2<u32>,
    dims: array<vec4<u32>, 2>, steps: array<vec4<u32>, 2>, update_steps: array<vec4<u32>, 2>,
}
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read> updates: array<$T>;
@group(0) @binding(3) var<storage, read_write> result: array<$T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let line = id.x + id.y * groups.x * 64u;
    if (line >= p.lines) { return; }
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
