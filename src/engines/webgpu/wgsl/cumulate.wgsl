// Sums (or products) of all elements before one along an axis, whose elements lie `step` apart; one row an invocation.
struct Parameters { rows: u32, size: u32, step: u32, exclusive: u32, reverse: u32, unused: vec3<u32> }
$read data: $T
$write result: $T

$each row of rows {
    let start = row / p.step * p.size * p.step + row % p.step;
    var sum = $T($START);
    for (var i = 0u; i < p.size; i++) {
        let at = start + select(i, p.size - 1u - i, p.reverse != 0u) * p.step;
        let x = data[at];
        result[at] = select(sum $OP x, sum, p.exclusive != 0u);
        sum = sum $OP x;
    }
}
