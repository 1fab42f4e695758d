// As gemm, for few rows: SPLIT invocations share each sum, of which each takes every SPLIT-th part of k; the first adds up what they found, in order.
struct Parameters {
    m: u32, n: u32, k: u32, a_row: u32, a_column: u32, c_row: u32, c_column: u32, rest: u32,
    alpha: f32, beta: f32, x: f32, y: f32,
    batch: vec4<u32>, a_batch: vec4<u32>, b_batch: vec4<u32>,
}
$read a: $A
$read b: $V
$C
$RESIDUAL
$write result: $V
$FUNCTIONS
const LANES = $GROUP_Xu;
const SPLIT = $SPLITu;
$for i $ROWS
$for j $COLUMNS
var<workgroup> parts$i_$j: array<$V, LANES * SPLIT>;
$end
$end

@compute @workgroup_size($GROUP_X, $SPLIT)
fn main(@builtin(workgroup_id) tile: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) me: u32) {
    let row = tile.y * $ROWSu;
    let column = (tile.x * LANES + local.x) * $COLUMNSu;
    var rest = tile.z;
    var at_a = 0u;
    var at_b = 0u;
    for (var d = 3; d >= 0; d--) {
        let i = rest % p.batch[d];
        rest = rest / p.batch[d];
        at_a += i * p.a_batch[d];
        at_b += i * p.b_batch[d];
    }
    // Rows and columns beyond the edge read the last one; their sums are not written.
$for i $ROWS
    let row$i = at_a + min(row + $iu, p.m - 1u) * p.a_row;
$for j $COLUMNS
    var s$i_$j = $V();
$end
$end
$for j $COLUMNS
    let b$j = at_b + min(column + $ju, p.n - 1u);
$end
    for (var k = local.y; k < p.k; k += SPLIT) {
$for i $ROWS
        let l$i = a[row$i + k * p.a_column];
$end
$for u $DEPTH
$for j $COLUMNS
        let r$j_$u = b[b$j + (k * $DEPTHu + $uu) * p.n];
$end
$for i $ROWS
$for j $COLUMNS
        s$i_$j += $LEFT * r$j_$u;
$end
$end
$end
    }
$for i $ROWS
$for j $COLUMNS
    parts$i_$j[me] = s$i_$j;
$end
$end
    workgroupBarrier();
    if (local.y > 0u) { return; }
    for (var k = 1u; k < SPLIT; k++) {
$for i $ROWS
$for j $COLUMNS
        s$i_$j += parts$i_$j[me + k * LANES];
$end
$end
    }
$for i $ROWS
$for j $COLUMNS
    if (row + $iu < p.m && column + $ju < p.n) {
        var x = p.alpha * s$i_$j;
        $PLUS
        let at = (tile.z * p.m + row + $iu) * p.n + column + $ju;
        result[at] = $RESULT;
    }
$end
$end
}
