// Where the operands of batch z begin.
    var rest = z;
    var at_a = p.starts.x;
    var at_b = p.starts.y;
    for (var d = 3; d >= 0; d--) {
        let i = rest % p.batch[d];
        rest = rest / p.batch[d];
        at_a += i * p.a_batch[d];
        at_b += i * p.b_batch[d];
    }
