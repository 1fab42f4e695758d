// The `most` greatest (or smallest) elements of each row in order, and their places; equal ones by place. Each is the best of those behind the one
// before; one row an invocation.
struct Parameters { rows: u32, size: u32, step: u32, most: u32 }
$read data: $T
$write values: $T
$write indices: i32

$each row of rows {
    let start = row / p.step * p.size * p.step + row % p.step;
    let to = row / p.step * p.most * p.step + row % p.step;
    var last = $T(0);
    var last_at = -1;
    for (var k = 0u; k < p.most; k++) {
        var best = $T(0);
        var best_at = -1;
        for (var i = 0; i < i32(p.size); i++) {
            let x = data[start + u32(i) * p.step];
            let behind = k == 0u || last $BETTER x || (x == last && i > last_at);
            if (behind && (best_at < 0 || x $BETTER best)) {
                best = x;
                best_at = i;
            }
        }
        values[to + k * p.step] = best;
        indices[to + k * p.step] = best_at;
        last = best;
        last_at = best_at;
    }
}
