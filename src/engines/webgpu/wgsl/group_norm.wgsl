// Rows of `size` elements, a group of channels each: (x - mean) / deviation * scale + bias by channel. One row an invocation.
struct Parameters { rows: u32, size: u32, inner: u32, channels: u32, epsilon: f32, rest: u32 }
$read data: f32
$read scale: f32
$read bias: f32
$write result: f32

$each row of rows {
    let start = row * p.size;
    var mean = 0.0;
    for (var i = 0u; i < p.size; i++) { mean += data[start + i]; }
    mean /= f32(p.size);
    var squares = 0.0;
    for (var i = 0u; i < p.size; i++) {
        let x = data[start + i] - mean;
        squares = fma(x, x, squares);
    }
    let factor = inverseSqrt(squares / f32(p.size) + p.epsilon);
    for (var i = 0u; i < p.size; i++) {
        let channel = (start + i) / p.inner % p.channels;
        result[start + i] = (data[start + i] - mean) * factor * scale[channel] + bias[channel];
    }
}
