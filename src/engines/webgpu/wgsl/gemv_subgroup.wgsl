$ENABLE
// As gemv; the SPLIT invocations that share a sum lie side by side in a subgroup, which adds up by exchanging with the one 1, 2, 4, … places away.
// All invocations stay for that, whatever they have of k.
$PRODUCT_HEAD
const LANES = $GROUP_Xu;
const SPLIT = $SPLITu;

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) tile: vec3<u32>, @builtin(local_invocation_index) me: u32) {
    let part = me % SPLIT;
    let row = tile.y * $ROWSu;
    let column = (tile.x * LANES + me / SPLIT) * $COLUMNSu;
    let z = tile.z;
$PRODUCT_BATCH
$PRODUCT_TILE
$for j $COLUMNS
    b$j += part * $DEPTHu * p.n;
$end
    for (var k = part; k < p.k; k += SPLIT) {
$PRODUCT_STEP
$for j $COLUMNS
        b$j += (SPLIT - 1u) * $DEPTHu * p.n;
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
$PRODUCT_END
}
