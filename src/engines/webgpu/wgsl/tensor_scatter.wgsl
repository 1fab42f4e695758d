// A step of a cache: result[line, starts[batch] + i, n] = updates[line, i, n]. Circular: behind the end comes the beginning; else what lies outside is not
// written.
struct Parameters { count: u32, inner: u32, updates: u32, size: u32, lines_a_batch: u32 }
$read updates: $T
$STARTS
$write result: $T

$each i of count {
    let line = i / p.inner / p.updates;
    let start = $START;
    let at = $AT;
    if (start < 0 || at >= p.size) { return; }
    result[(line * p.size + at) * p.inner + i % p.inner] = updates[i];
}
