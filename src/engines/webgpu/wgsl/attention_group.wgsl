// As attention, for few queries and many keys: a workgroup makes one query of one head; each of its invocations takes every LANES-th key by itself, then
// what they found is put together, in an order that is always the same.
struct Parameters {
    q_length: u32, kv_length: u32, heads: u32, group: u32,
    scale: f32, softcap: f32, offset: u32, mask_length: u32,
    q: vec4<u32>, k: vec4<u32>, v: vec4<u32>, result: vec4<u32>, mask: vec4<u32>, // strides: batch, head, row, column
}
$read q: $V
$read k: $V
$read v: $V
$GIVEN
$write result: $V
const LEAST = -3.4e38;
const LANES = $GROUPu;
var<workgroup> greatest: array<f32, LANES>;
var<workgroup> sums: array<f32, LANES>;
var<workgroup> parts: array<$V, LANES>;

@compute @workgroup_size($GROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) me: u32) {
    let first = id.x;
    let head = id.y;
    let batch = id.z;
    let shared_head = head / p.group;
    let at_q = batch * p.q.x + head * p.q.y;
    let at_k = batch * p.k.x + shared_head * p.k.y;
    let at_v = batch * p.v.x + shared_head * p.v.y;
    let keys = $KEYS;
    let offset = $OFFSET;
$for r $ROWS
    let row$r = first;
    let mask_at$r = batch * p.mask.x + head * p.mask.y + row$r * p.mask.z;
    var most$r = LEAST;
    var sum$r = 0.0;
$for c $PARTS
    let q$r_$c = q[at_q + row$r * p.q.z + $cu] * p.scale;
$end
$for c $PARTS_V
    var o$r_$c = $V();
$end
    for (var j = me; j < $LAST; j += LANES) {
        var s$r = 0.0;
$for c $PARTS
        let k$c = k[at_k + j * p.k.z + $cu];
        s$r += $DOT;
$end
        $CAP
        $MASK
        let next$r = max(most$r, s$r);
        let keep$r = exp(most$r - next$r);
        let weight$r = select(exp(s$r - next$r), 0.0, s$r <= LEAST);
        sum$r = sum$r * keep$r + weight$r;
        most$r = next$r;
$for c $PARTS_V
        o$r_$c = o$r_$c * keep$r + v[at_v + j * p.v.z + $cu] * weight$r;
$end
    }
    greatest[me] = most$r;
    workgroupBarrier();
    var most = greatest[0];
    for (var i = 1u; i < LANES; i++) { most = max(most, greatest[i]); }
    let mine = exp(most$r - most);
    sums[me] = sum$r * mine;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < LANES; i++) { sum += sums[i]; }
    let factor = select(1.0 / sum, 0.0, sum == 0.0);
    let at = batch * p.result.x + head * p.result.y + row$r * p.result.z;
$for c $PARTS_V
    parts[me] = o$r_$c * mine;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (me < half) { parts[me] += parts[me + half]; }
    }
    if (me == 0u) { result[at + $cu] = parts[0] * factor; }
    workgroupBarrier();
$end
$end
}
