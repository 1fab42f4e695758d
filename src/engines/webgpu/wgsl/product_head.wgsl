// What kernels of products take: gemm.wgsl says what each is.
struct Parameters {
    m: u32, n: u32, k: u32, a_row: u32, a_column: u32, c_row: u32, c_column: u32, residual_start: u32,
    alpha: f32, beta: f32, x: f32, y: f32,
    batch: vec4<u32>, a_batch: vec4<u32>, b_batch: vec4<u32>,
    starts: vec4<u32>, // of a, b, c and the result
}
$read a: $A
$read b: $V
$C
$RESIDUAL
$write result: $V
$FUNCTIONS
