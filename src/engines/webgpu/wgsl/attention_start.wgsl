// Of head id.y and batch id.z: where they begin, how many keys there are.
    let head = id.y;
    let batch = id.z;
    let shared_head = head / p.group;
    let at_q = batch * p.q.x + head * p.q.y;
    let at_k = batch * p.k.x + shared_head * p.k.y;
    let at_v = batch * p.v.x + shared_head * p.v.y;
    let keys = $KEYS;
    let offset = $OFFSET;
