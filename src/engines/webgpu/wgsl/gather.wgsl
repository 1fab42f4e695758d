// out[o, i, n] = data[o, indices[i], n]; an index below 0 counts from the end, one outside reads the nearest row. Of the `size` rows only those from
// `first` on, `rows` of them, lie in data: what the others give is not written.
struct Parameters { count: u32, indices: u32, size: u32, inner: u32, first: u32, rows: u32 }
$read data: $T
$read indices: i32
$write result: $T

$each i of count {
    let n = i % p.inner;
    let row = i / p.inner;
    let size = i32(p.size);
    var index = indices[row % p.indices];
    index = clamp(select(index, index + size, index < 0), 0, size - 1) - i32(p.first);
    if (index < 0 || index >= i32(p.rows)) { return; }
    result[i] = data[(row / p.indices * p.rows + u32(index)) * p.inner + n];
}
