// result[plane, place] = all elements of a plane that the window at a place meets, taken together; one result an invocation.
struct Parameters {
    count: u32, inputs: u32, outputs: u32, most: u32, end: vec4<i32>,
    size: vec4<i32>, out: vec4<i32>, kernel: vec4<i32>, stride: vec4<i32>, dilation: vec4<i32>, pad: vec4<i32>,
}
$read data: $T
$write result: $T
$INDICES

$each i of count {
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
