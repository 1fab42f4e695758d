$ENABLE
// As norm; a workgroup takes a row.
struct Parameters { rows: u32, size: u32, epsilon: f32, rest: u32 }
$read data: f32
$read scale: f32
$BIAS
$write result: f32
$FOLD

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) me: u32$SUBGROUP) {
    $SET_SUBGROUP
    let row = group.x + group.y * groups.x;
    if (row >= p.rows) { return; }
    let start = row * p.size;
    var mean = 0.0;
    $MEAN
    var squares = 0.0;
    for (var i = me; i < p.size; i += 64u) {
        let x = data[start + i] - mean;
        squares = fma(x, x, squares);
    }
    let factor = inverseSqrt(fold_sum(squares, me) / f32(p.size) + p.epsilon);
    for (var i = me; i < p.size; i += 64u) {
        result[start + i] = (data[start + i] - mean) * factor * scale[i]$PLUS;
    }
}
