// As topk, for few long rows: a workgroup a row. Each invocation knows the best of its share of the elements; the best of those is the next of the
// row, and who had it looks for another.
struct Parameters { rows: u32, size: u32, step: u32, most: u32 }
$read data: $T
$write values: $T
$write indices: i32
var<workgroup> bests: array<$T, 256>;
var<workgroup> places: array<i32, 256>; // below 0: none is left

fn leads(x: $T, x_at: i32, y: $T, y_at: i32) -> bool {
    return x_at >= 0 && (y_at < 0 || x $BETTER y || (x == y && x_at < y_at));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.x;
    let start = row / p.step * p.size * p.step + row % p.step;
    let to = row / p.step * p.most * p.step + row % p.step;
    var best = $T(0);
    var best_at = -1;
    for (var i = lane; i < p.size; i += 256u) {
        let x = data[start + i * p.step];
        if (leads(x, i32(i), best, best_at)) {
            best = x;
            best_at = i32(i);
        }
    }
    for (var k = 0u; k < p.most; k++) {
        bests[lane] = best;
        places[lane] = best_at;
        workgroupBarrier();
        for (var width = 128u; width > 0u; width /= 2u) {
            if (lane < width && leads(bests[lane + width], places[lane + width], bests[lane], places[lane])) {
                bests[lane] = bests[lane + width];
                places[lane] = places[lane + width];
            }
            workgroupBarrier();
        }
        let last = bests[0];
        let last_at = places[0];
        workgroupBarrier();
        if (lane == 0u) {
            values[to + k * p.step] = last;
            indices[to + k * p.step] = last_at;
        }
        if (best_at == last_at) {
            best_at = -1;
            for (var i = lane; i < p.size; i += 256u) {
                let x = data[start + i * p.step];
                if (leads(last, last_at, x, i32(i)) && leads(x, i32(i), best, best_at)) {
                    best = x;
                    best_at = i32(i);
                }
            }
        }
    }
}
