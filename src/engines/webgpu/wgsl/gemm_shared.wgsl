// As gemm, for four elements of a and b at once: a workgroup makes a tile of ROWS * GROUP_Y rows and COLUMNS * GROUP_X times V, and holds what it needs
// for it, DEPTH times four elements along k at a time, in shared memory.
$PRODUCT_HEAD
const DEPTH = 4u;
const BLOCK = 8u; // turns whose sums are summed up themselves
const TILE_ROWS = $GROUP_Yu * $ROWSu;
const TILE_COLUMNS = $GROUP_Xu * $COLUMNSu;
const THREADS = $GROUP_Xu * $GROUP_Yu;
var<workgroup> left: array<vec4<f32>, TILE_ROWS * DEPTH>;
var<workgroup> right: array<vec4<f32>, TILE_COLUMNS * DEPTH * 4u>;

@compute @workgroup_size($GROUP_X, $GROUP_Y)
fn main(@builtin(workgroup_id) tile: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) me: u32) {
    let row = tile.y * TILE_ROWS + local.y * $ROWSu;
    let column = tile.x * TILE_COLUMNS + local.x * $COLUMNSu;
    let z = tile.z;
$PRODUCT_BATCH
$for i $ROWS
$for j $COLUMNS
    var s$i_$j = vec4<f32>();
    var whole$i_$j = vec4<f32>();
$end
$end
    for (var start = 0u; start < p.k; start += DEPTH) {
        // Rows and columns beyond the edge repeat the last one, their sums are not written; what is beyond k counts as 0 on the left.
        for (var i = me; i < TILE_ROWS * DEPTH; i += THREADS) {
            let k = start + i % DEPTH;
            let source = at_a + min(tile.y * TILE_ROWS + i / DEPTH, p.m - 1u) * p.a_row + min(k, p.k - 1u);
            left[i] = select(vec4<f32>(), a[source], k < p.k);
        }
        for (var i = me; i < TILE_COLUMNS * DEPTH * 4u; i += THREADS) {
            let k = min(start * 4u + i / TILE_COLUMNS, p.k * 4u - 1u);
            right[i] = b[at_b + k * p.n + min(tile.x * TILE_COLUMNS + i % TILE_COLUMNS, p.n - 1u)];
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
$for i $ROWS
            let l$i = left[(local.y * $ROWSu + $iu) * DEPTH + k];
$end
$for u 4
$for j $COLUMNS
            let r$j_$u = right[(k * 4u + $uu) * TILE_COLUMNS + local.x * $COLUMNSu + $ju];
$end
$for i $ROWS
$for j $COLUMNS
            s$i_$j += l$i[$u] * r$j_$u;
$end
$end
$end
        }
        workgroupBarrier();
        if (start / DEPTH % BLOCK == BLOCK - 1u) {
$for i $ROWS
$for j $COLUMNS
            whole$i_$j += s$i_$j;
            s$i_$j = vec4<f32>();
$end
$end
        }
    }
$for i $ROWS
$for j $COLUMNS
    s$i_$j += whole$i_$j;
$end
$end
$PRODUCT_END
}
