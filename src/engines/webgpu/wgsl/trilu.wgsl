// The upper (or lower) triangle of matrices: what lies beyond the diagonal is 0.
struct Parameters { count: u32, rows: i32, columns: i32, diagonal: i32 }
$read data: $T
$write result: $T

$each i of count {
    let row = i32(i) / p.columns % p.rows;
    let column = i32(i) % p.columns;
    result[i] = select($T(0), data[i], column - row $KEPT p.diagonal);
}
