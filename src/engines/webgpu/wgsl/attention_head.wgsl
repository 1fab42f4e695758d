// What kernels of attention take: attention.wgsl says what each is.
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
