// Rows of `size` elements: (x - mean) / deviation * scale + bias, or without the mean (RMS). One row an invocation.
struct Parameters { rows: u32, size: u32, epsilon: f32, rest: u32 }
$read data: f32
$read scale: f32
$BIAS
$write result: f32

$each row of rows {
    let start = row * p.size;
    var mean = 0.0;
    $MEAN
    var squares = 0.0;
    for (var i = 0u; i < p.size; i++) {
        let x = data[start + i] - mean;
        squares = fma(x, x, squares);
    }
    let factor = inverseSqrt(squares / f32(p.size) + p.epsilon);
    for (var i = 0u; i < p.size; i++) {
        result[start + i] = (data[start + i] - mean) * factor * scale[i]$PLUS;
    }
}
