// The upper (or lower) triangle of matrices: what lies beyond the diagonal is 0.
struct Parameters { count: u32, rows: i32, columns: i32, diagonal: i32 }
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<$T>;
@group(0) @binding(2) var<storage, read_write> result: array<$T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    let row = i32(i) / p.columns % p.rows;
    let column = i32(i) % p.columns;
    result[i] = select($T(0), data[i], column - row $KEPT p.diagonal);
}
