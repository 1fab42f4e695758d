// Rows divided by their norm; elements of a row lie `step` apart; one row an invocation. Rows of zeros stay.
struct Parameters { rows: u32, size: u32, step: u32, rest: u32 }
$read data: f32
$write result: f32

$each row of rows {
    let start = row / p.step * p.size * p.step + row % p.step;
    var sum = 0.0;
    for (var i = 0u; i < p.size; i++) {
        let x = data[start + i * p.step];
        sum += $TERM;
    }
    let norm = $NORM;
    for (var i = 0u; i < p.size; i++) {
        let x = data[start + i * p.step];
        result[start + i * p.step] = select(x / norm, 0.0, norm == 0.0);
    }
}
