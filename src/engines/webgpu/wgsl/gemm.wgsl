// result[batch, m, n] = f(alpha * sum over k of a[batch, m, k] * b[batch, k, n] + beta * c[m, n]): an invocation makes a tile of ROWS rows and COLUMNS times V.
// b lies row by row; a by strides, DEPTH elements at once; c, where there is one, broadcasts by its strides. n, columns of b and of the result are
// counted in V, a in A.
// Sums of BLOCK products are summed up themselves: rounding grows with the square root of a sum's length.
$PRODUCT_HEAD
const BLOCK = 128u / $DEPTHu;

@compute @workgroup_size($GROUP_X, $GROUP_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y * $ROWSu;
    let column = id.x * $COLUMNSu;
    if (row >= p.m || column >= p.n) { return; }
    let z = id.z;
$PRODUCT_BATCH
$PRODUCT_TILE
$for i $ROWS
$for j $COLUMNS
    var whole$i_$j = $V();
$end
$end
    for (var start = 0u; start < p.k; start += BLOCK) {
        for (var k = start; k < min(start + BLOCK, p.k); k++) {
$PRODUCT_STEP
        }
$for i $ROWS
$for j $COLUMNS
        whole$i_$j += s$i_$j;
        s$i_$j = $V();
$end
$end
    }
$for i $ROWS
$for j $COLUMNS
    s$i_$j = whole$i_$j;
$end
$end
$PRODUCT_END
}
