$ENABLE
// As softmax; a workgroup takes a row.
struct Parameters { rows: u32, size: u32, step: u32, rest: u32 }
$read data: f32
$write result: f32
$FOLD

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) me: u32$SUBGROUP) {
    $SET_SUBGROUP
    let row = group.x + group.y * groups.x;
    if (row >= p.rows) { return; }
    let start = row / p.step * p.size * p.step + row % p.step;
    var mine = data[start];
    for (var i = me; i < p.size; i += 64u) { mine = max(mine, data[start + i * p.step]); }
    let most = fold_max(mine, me);
    var part = 0.0;
    for (var i = me; i < p.size; i += 64u) { part += exp(data[start + i * p.step] - most); }
    let sum = fold_sum(part, me);
    $BEFORE
    for (var i = me; i < p.size; i += 64u) {
        let x = data[start + i * p.step] - most;
        result[start + i * p.step] = $EXPRESSION;
    }
}
