// Where along an axis the greatest (or smallest) element lies; elements of a row lie `step` apart; one row an invocation.
struct Parameters { rows: u32, size: u32, step: u32, rest: u32 }
$read data: $T
$write result: i32

$each row of rows {
    let start = row / p.step * p.size * p.step + row % p.step;
    var best = data[start];
    var at = 0u;
    for (var i = 1u; i < p.size; i++) {
        let x = data[start + i * p.step];
        if (x $BETTER best) {
            best = x;
            at = i;
        }
    }
    result[row] = i32(at);
}
