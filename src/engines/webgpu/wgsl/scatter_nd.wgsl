// result[indices[row, 0], indices[row, 1], …, n] takes updates[row, n]; indices outside write nothing. `rows` rows an invocation, one after the other: all
// where rows may meet, which reductions allow.
struct Parameters { count: u32, block: u32, depth: u32, rows: u32, dims: array<vec4<u32>, 2> }
$read indices: i32
$read updates: $T
$write result: $T

$each i of count {
    let first = i / p.block * p.rows;
    for (var row = first; row < first + p.rows; row++) {
        var place = 0u;
        var inside = true;
        for (var d = 0u; d < p.depth; d++) {
            let size = i32(p.dims[d / 4u][d % 4u]);
            var index = indices[row * p.depth + d];
            index = select(index, index + size, index < 0);
            inside = inside && index >= 0 && index < size;
            place = place * u32(size) + u32(index);
        }
        if (inside) {
            let at = place * p.block + i % p.block;
            let x = updates[row * p.block + i % p.block];
            result[at] = $EXPRESSION;
        }
    }
}
