// Attention in one pass: an invocation makes ROWS queries of one head, with a running softmax, so that scores are never held. V: four numbers or
// one of the head's size, of which there are PARTS (of values: PARTS_V). Strides of q, k, v and the result are counted in V.
$ATTENTION_HEAD

@compute @workgroup_size($GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = id.x * $ROWSu;
    if (first >= p.q_length) { return; }
$ATTENTION_START
$for r $ROWS
    let row$r = min(first + $ru, p.q_length - 1u);
    let mask_at$r = batch * p.mask.x + head * p.mask.y + row$r * p.mask.z;
    var most$r = LEAST;
    var sum$r = 0.0;
$for c $PARTS
    let q$r_$c = q[at_q + row$r * p.q.z + $cu] * p.scale;
$end
$for c $PARTS_V
    var o$r_$c = $V();
$end
$end
    for (var j = 0u; j < $LAST; j++) {
$for r $ROWS
        var s$r = 0.0;
$end
$for c $PARTS
        let k$c = k[at_k + j * p.k.z + $cu];
$for r $ROWS
        s$r += $DOT;
$end
$end
$for r $ROWS
        $CAP
        $MASK
        let next$r = max(most$r, s$r);
        let keep$r = exp(most$r - next$r);
        let weight$r = select(exp(s$r - next$r), 0.0, s$r <= LEAST);
        sum$r = sum$r * keep$r + weight$r;
        most$r = next$r;
$end
$for c $PARTS_V
        let v$c = v[at_v + j * p.v.z + $cu];
$for r $ROWS
        o$r_$c = o$r_$c * keep$r + v$c * weight$r;
$end
$end
    }
$for r $ROWS
    if (first + $ru < p.q_length) {
        let factor = select(1.0 / sum$r, 0.0, sum$r == 0.0);
        let at = batch * p.result.x + head * p.result.y + row$r * p.result.z;
$for c $PARTS_V
        result[at + $cu] = o$r_$c * factor;
$end
    }
$end
}
