// result[o, i, n] = Σ weights[i, t] · data[o, places[i, t], n] along one axis; a place below 0: the position lies outside, and a number stands there.
struct Parameters { count: u32, inner: u32, length: u32, outputs: u32, taps: u32, outside: f32 }
$read data: f32
$read places: i32
$read weights: f32
$write result: f32

$each i of count {
    let position = i / p.inner % p.outputs;
    let start = i / p.inner / p.outputs * p.length;
    var sum = 0.0;
    for (var t = 0u; t < p.taps; t++) {
        let place = places[position * p.taps + t];
        if (place < 0) {
            sum = p.outside;
            break;
        }
        sum = fma(weights[position * p.taps + t], data[(start + u32(place)) * p.inner + i % p.inner], sum);
    }
    result[i] = sum;
}
