// result[row, n] = data[batch of the row, indices[row, 0], indices[row, 1], …, n]; an index outside reads the nearest place.
struct Parameters { count: u32, block: u32, depth: u32, rows_a_batch: u32, addressed: u32, dims: array<vec4<u32>, 2> }
$read data: $T
$read indices: i32
$write result: $T

$each i of count {
    let row = i / p.block;
    var place = 0u;
    for (var d = 0u; d < p.depth; d++) {
        let size = i32(p.dims[d / 4u][d % 4u]);
        var index = indices[row * p.depth + d];
        index = clamp(select(index, index + size, index < 0), 0, size - 1);
        place = place * u32(size) + u32(index);
    }
    result[i] = data[(row / p.rows_a_batch * p.addressed + place) * p.block + i % p.block];
}
