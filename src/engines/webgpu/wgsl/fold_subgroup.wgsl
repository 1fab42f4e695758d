// As fold: each subgroup by itself, then the subgroups one after the other. subgroup_size is a variable that main sets.
var<workgroup> folded: array<f32, 64>;
var<private> subgroup_of: u32;

fn fold_sum(x: f32, me: u32) -> f32 {
    let mine = subgroupAdd(x);
    workgroupBarrier();
    if (me % subgroup_of == 0u) { folded[me / subgroup_of] = mine; }
    workgroupBarrier();
    var sum = folded[0];
    for (var i = 1u; i < 64u / subgroup_of; i++) { sum += folded[i]; }
    return sum;
}

fn fold_max(x: f32, me: u32) -> f32 {
    let mine = subgroupMax(x);
    workgroupBarrier();
    if (me % subgroup_of == 0u) { folded[me / subgroup_of] = mine; }
    workgroupBarrier();
    var most = folded[0];
    for (var i = 1u; i < 64u / subgroup_of; i++) { most = max(most, folded[i]); }
    return most;
}
