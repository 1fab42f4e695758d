// result[…, i, …] = data[…, indices[…, i, …], …]: the index counts along one axis; an index outside reads the nearest place.
struct Parameters { count: u32, size: u32, step: u32, rank: u32, dims: array<vec4<u32>, 2>, steps: array<vec4<u32>, 2> }
$read data: $T
$read indices: i32
$write result: $T

$each i of count {
    var rest = i;
    var at = 0u;
    for (var d = i32(p.rank) - 1; d >= 0; d--) { // the axis itself has no step here
        at += rest % p.dims[d / 4][d % 4] * p.steps[d / 4][d % 4];
        rest = rest / p.dims[d / 4][d % 4];
    }
    let size = i32(p.size);
    let index = indices[i];
    result[i] = data[at + u32(clamp(select(index, index + size, index < 0), 0, size - 1)) * p.step];
}
