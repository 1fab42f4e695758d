// x / (bias + alpha · the sum of squares at the same place of neighbouring channels) ^ beta.
struct Parameters { count: u32, inner: u32, channels: i32, before: i32, after: i32, alpha: f32, beta: f32, bias: f32 }
$read data: f32
$write result: f32

$each i of count {
    let channel = i32(i / p.inner) % p.channels;
    let start = i - u32(channel) * p.inner;
    var sum = 0.0;
    for (var c = max(channel - p.before, 0); c <= min(channel + p.after, p.channels - 1); c++) {
        let x = data[start + u32(c) * p.inner];
        sum = fma(x, x, sum);
    }
    result[i] = data[i] / pow(p.bias + p.alpha * sum, p.beta);
}
