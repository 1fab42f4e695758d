// (x - mean) / deviation * scale + bias by channel, with the statistics given.
struct Parameters { count: u32, inner: u32, channels: u32, epsilon: f32 }
$read data: f32
$read scale: f32
$read bias: f32
$read mean: f32
$read variance: f32
$write result: f32

$each i of count {
    let c = i / p.inner % p.channels;
    result[i] = (data[i] - mean[c]) * inverseSqrt(variance[c] + p.epsilon) * scale[c] + bias[c];
}
