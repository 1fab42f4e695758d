// result[batch, m, n] = f(alpha * sum over k of a[batch, m, k] * b[batch, k, n] + beta * c[m, n]): an invocation makes a tile of ROWS rows and COLUMNS times V.
// b lies row by row; a by strides, DEPTH elements at once; c, where there is one, broadcasts by its strides. n, columns of b and of the result are
// counted in V, a in A.
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

@compute @workgroup_size($GROUP_X, $GROUP_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y * $ROWSu;
    let column = id.x * $COLUMNSu;
    if (row >= p.m || column >= p.n) { return; }
    var rest = id.z;
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
    var b$j = at_b + min(column + $ju, p.n - 1u);
$end
    for (var k = 0u; k < p.k; k++) {
$for i $ROWS
        let l$i = a[row$i + k * p.a_column];
$end
$for u $DEPTH
$for j $COLUMNS
        let r$j_$u = b[b$j];
        b$j += p.n;
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
    if (row + $iu < p.m && column + $ju < p.n) {
        var x = p.alpha * s$i_$j;
        $PLUS
        let at = (id.z * p.m + row + $iu) * p.n + column + $ju;
        result[at] = $RESULT;
    }
$end
$end
}
