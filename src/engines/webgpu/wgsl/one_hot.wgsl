// result[o, k, n] = values[indices[o, n] == k]; an index below 0 counts from the end, one outside gives a row of off values.
struct Parameters { count: u32, depth: u32, inner: u32, rest: u32 }
$read indices: $I
$read values: $T
$write result: $T

$each i of count {
    let n = i % p.inner;
    let k = i32(i / p.inner % p.depth);
    let depth = i32(p.depth);
    var index = i32(indices[i / p.inner / p.depth * p.inner + n]);
    index = select(index, index + depth, index < 0);
    result[i] = values[select(0u, 1u, index == k)];
}
