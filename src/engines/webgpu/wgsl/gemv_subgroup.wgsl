$ENABLE
// As gemv; the SPLIT invocations that share a sum lie side by side in a subgroup, which adds up by exchanging with the one 1, 2, 4, … places away.
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

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) tile: vec3<u32>, @builtin(local_invocation_index) me: u32) {
    let part = me % SPLIT;
    let row = tile.y * $ROWSu;
    let column = (tile.x * LANES + me / SPLIT) * $COLUMNSu;
    var rest = tile.z;
    var at_a = 0u;
    var at_b = 0u;
    for (var d = 3; d >= 0; d--) {
        let i = rest % p.batch[d];
        rest = rest / p.batch[d];
        at_a += i * p.a_batch[d];
        at_b += i * p.b_batch[d];
    }
    // Rows and columns beyond the edge read the last one; their sums are not written. Beyond k: all invocations stay for the sum.
$for i $ROWS
    let row$i = at_a + min(row + $iu, p.m - 1u) * p.a_row;
$for j $COLUMNS
    var s$i_$j = $V();
$end
$end
$for j $COLUMNS
    let b$j = at_b + min(column + $ju, p.n - 1u);
$end
    for (var k = part; k < p.k; k += SPLIT) {
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
    for (var away = 1u; away < SPLIT; away *= 2u) {
$for i $ROWS
$for j $COLUMNS
        s$i_$j += subgroupShuffleXor(s$i_$j, away);
$end
$end
    }
    if (part > 0u) { return; }
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
