// Softmax over an axis: elements of a row lie `step` apart; one row an invocation.
struct Parameters { rows: u32, size: u32, step: u32, rest: u32 }
$read data: f32
$write result: f32

$each row of rows {
    let start = row / p.step * p.size * p.step + row % p.step;
    var most = data[start];
    for (var i = 1u; i < p.size; i++) { most = max(most, data[start + i * p.step]); }
    var sum = 0.0;
    for (var i = 0u; i < p.size; i++) { sum += exp(data[start + i * p.step] - most); }
    $BEFORE
    for (var i = 0u; i < p.size; i++) {
        let x = data[start + i * p.step] - most;
        result[start + i * p.step] = $EXPRESSION;
    }
}
