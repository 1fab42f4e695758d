// As arg, for few long rows: a workgroup a row. Each invocation looks at its share of the elements, then the best of all is found.
struct Parameters { rows: u32, size: u32, step: u32, rest: u32 }
$read data: $T
$write result: i32
var<workgroup> values: array<$T, 256>;
var<workgroup> places: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.x;
    let start = row / p.step * p.size * p.step + row % p.step;
    var at = min(lane, p.size - 1u);
    var best = data[start + at * p.step];
    for (var i = lane + 256u; i < p.size; i += 256u) {
        let x = data[start + i * p.step];
        if (x $BETTER best) {
            best = x;
            at = i;
        }
    }
    values[lane] = best;
    places[lane] = at;
    workgroupBarrier();
    for (var width = 128u; width > 0u; width /= 2u) {
        if (lane < width) {
            let x = values[lane + width];
            let place = places[lane + width];
            if (x $STRICT values[lane] || (x == values[lane] && place $NEARER places[lane])) {
                values[lane] = x;
                places[lane] = place;
            }
        }
        workgroupBarrier();
    }
    if (lane == 0u) { result[row] = i32(places[0]); }
}
