// As gemm, for few rows: SPLIT invocations share each sum, of which each takes every SPLIT-th part of k; the first adds up what they found, in order.
$PRODUCT_HEAD
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
    let z = tile.z;
$PRODUCT_BATCH
$PRODUCT_TILE
$for j $COLUMNS
    b$j += local.y * $DEPTHu * p.n;
$end
    for (var k = local.y; k < p.k; k += SPLIT) {
$PRODUCT_STEP
$for j $COLUMNS
        b$j += (SPLIT - 1u) * $DEPTHu * p.n;
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
$PRODUCT_END
}
