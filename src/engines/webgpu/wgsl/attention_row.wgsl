// As attention, for one query a head: a workgroup a head, whose invocations share the keys. Each has a running softmax of its own; then they are
// weighed against each other.
$ATTENTION_HEAD
const LANES = 64u;
const AT_ONCE = 8u; // parts of the result that are summed together
var<workgroup> mosts: array<f32, 64>;
var<workgroup> sums: array<f32, 64>;
var<workgroup> shares: array<$V, 512>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = 0u;
$ATTENTION_START
$for r $ROWS
    let row$r = first;
    let mask_at$r = batch * p.mask.x + head * p.mask.y;
    var most$r = LEAST;
    var sum$r = 0.0;
$for c $PARTS
    let q$r_$c = q[at_q + $cu] * p.scale;
$end
$for c $PARTS_V
    var o$r_$c = $V();
$end
    for (var j = lane; j < $LAST; j += LANES) {
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
    mosts[lane] = most$r;
    workgroupBarrier();
    var top = LEAST;
    for (var i = 0u; i < LANES; i++) { top = max(top, mosts[i]); }
    let share = exp(most$r - top);
    sums[lane] = sum$r * share;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < LANES; i++) { sum += sums[i]; }
    let factor = select(1.0 / sum, 0.0, sum == 0.0);
    let at = batch * p.result.x + head * p.result.y;
$for c $PARTS_V
    shares[$cu % AT_ONCE * LANES + lane] = o$r_$c * share;
    if ($cu % AT_ONCE == AT_ONCE - 1u || $cu == $PARTS_Vu - 1u) {
        workgroupBarrier();
        if (lane <= $cu % AT_ONCE) {
            var whole = $V();
            for (var i = 0u; i < LANES; i++) { whole += shares[lane * LANES + i]; }
            result[at + $cu - $cu % AT_ONCE + lane] = whole * factor;
        }
        workgroupBarrier();
    }
$end
$end
}
