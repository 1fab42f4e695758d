// result[plane, place] = all elements of a plane that the window at a place meets, taken together; one result an invocation.
struct Parameters {
    count: u32, inputs: u32, outputs: u32, most: u32, end: vec4<i32>,
    size: vec4<i32>, out: vec4<i32>, kernel: vec4<i32>, stride: vec4<i32>, dilation: vec4<i32>, pad: vec4<i32>,
}
@group(0) @binding(0) var<uniform> p: Parameters;
@group(0) @binding(1) var<storage, read> data: array<$T>;
@group(0) @binding(2) var<storage, read_write> result: array<$T>;
$INDICES

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * 64u;
    if (i >= p.count) { return; }
    let place = i32(i % p.outputs);
    let plane = i / p.outputs;
    let o = vec3(place / (p.out.y * p.out.z), place / p.out.z % p.out.y, place % p.out.z) * p.stride.xyz - p.pad.xyz;
    var sum = $START;
    var met = 0;
    var best = vec3(-1);
    for (var z = 0; z < p.kernel.x; z++) {
        for (var y = 0; y < p.kernel.y; y++) {
            for (var x = 0; x < p.kernel.z; x++) {
                let at = o + vec3(z, y, x) * p.dilation.xyz;
                let inside = all(at >= vec3(0)) && all(at < p.size.xyz);
                if (inside) {
                    let value = data[plane * p.inputs + u32((at.x * p.size.y + at.y) * p.size.z + at.z)];
                    $STEP
                }
                if ($COUNTS) { met++; }
            }
        }
    }
    result[i] = $END;
    $FINISH
}
