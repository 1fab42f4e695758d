// result[batch, m, n] = alpha * a[batch, m, :] · b[batch, :, n] + beta * c[m, n], in tiles of ROWS × COLUMNS for an invocation.
// b lies row by row; a by strides. c, where there is one, broadcasts by its strides.
struct Parameters {
    m: u32, n: u32, k: u32, a_row: u32, a_column: u32, c_row: u32, c_column: u32, rest: u32,
    alpha: f32, beta: f32, unused: vec2<u32>,
    batch: vec4<u32>, a_batch: vec4<u32>, b_batch: vec4<u32>,
}
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
$C
@group(0) @binding($LAST) var<storage, read_write> result: array<f32>;
const ROWS = $ROWSu;
const COLUMNS = $COLUMNSu;

@compute @workgroup_size($GROUP_X, $GROUP_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y * ROWS;
    let column = id.x * COLUMNS;
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
    var rows: array<u32, ROWS>;
    var columns: array<u32, COLUMNS>;
    var sums: array<array<f32, COLUMNS>, ROWS>;
    for (var i = 0u; i < ROWS; i++) { rows[i] = at_a + min(row + i, p.m - 1u) * p.a_row; }
    for (var j = 0u; j < COLUMNS; j++) { columns[j] = at_b + min(column + j, p.n - 1u); }
    for (var k = 0u; k < p.k; k++) {
        var right: array<f32, COLUMNS>;
        for (var j = 0u; j < COLUMNS; j++) { right[j] = b[columns[j] + k * p.n]; }
        for (var i = 0u; i < ROWS; i++) {
            let left = a[rows[i] + k * p.a_column];
            for (var j = 0u; j < COLUMNS; j++) { sums[i][j] = fma(left, right[j], sums[i][j]); }
        }
    }
    for (var i = 0u; i < ROWS && row + i < p.m; i++) {
        for (var j = 0u; j < COLUMNS && column + j < p.n; j++) {
            result[(id.z * p.m + row + i) * p.n + column + j] = $EXPRESSION;
        }
    }
}
