// RUN: qopt-opt %s --qopt-raise-attention | FileCheck %s

!heads = tensor<?x4x49x16xf32>
!keys = tensor<?x4x16x49xf32>
!scores = tensor<?x4x49x49xf32>

// BERT: scores divided after the product, mask added; keys transposed at once.
// CHECK-LABEL: @bert
func.func @bert(%q: !heads, %x: tensor<?x49x4x16xf32>, %v: !heads, %mask: tensor<?x1x1x49xf32>) -> !heads {
  // CHECK: %[[K:.*]] = nn.transpose %arg1 {perm = array<i64: 0, 2, 1, 3>}
  // CHECK: nn.attention %arg0, %[[K]], %arg2, %arg3 {scale = 2.500000e-01 : f32}
  // CHECK-NEXT: return
  %c = arith.constant dense<4.0> : tensor<f32>
  %k = nn.transpose %x {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x49x4x16xf32>) -> !keys
  %s = nn.matmul %q, %k : (!heads, !keys) -> !scores
  %t = nn.div %s, %c : (!scores, tensor<f32>) -> !scores
  %m = nn.add %t, %mask : (!scores, tensor<?x1x1x49xf32>) -> !scores
  %p = nn.softmax %m : (!scores) -> !scores
  %o = nn.matmul %p, %v : (!scores, !heads) -> !heads
  return %o : !heads
}

// torch's scaled_dot_product_attention: both sides carry a root of the scale.
// CHECK-LABEL: @sdpa
func.func @sdpa(%q: !heads, %k: !heads, %v: !heads) -> !heads {
  // CHECK: nn.attention %arg0, %arg1, %arg2 {scale = 2.500000e-01 : f32}
  %c = arith.constant dense<0.5> : tensor<f32>
  %a = nn.mul %q, %c : (!heads, tensor<f32>) -> !heads
  %t = nn.transpose %k {perm = array<i64: 0, 1, 3, 2>} : (!heads) -> !keys
  %b = nn.mul %t, %c : (!keys, tensor<f32>) -> !keys
  %s = nn.matmul %a, %b : (!heads, !keys) -> !scores
  %p = nn.softmax %s : (!scores) -> !scores
  %o = nn.matmul %p, %v : (!scores, !heads) -> !heads
  return %o : !heads
}

// Near miss: the probabilities are an output.
// CHECK-LABEL: @probabilities
func.func @probabilities(%q: !heads, %k: !keys, %v: !heads) -> (!heads, !scores) {
  // CHECK-NOT: nn.attention
  // CHECK: return
  %s = nn.matmul %q, %k : (!heads, !keys) -> !scores
  %p = nn.softmax %s : (!scores) -> !scores
  %o = nn.matmul %p, %v : (!scores, !heads) -> !heads
  return %o, %p : !heads, !scores
}

// Near miss: grouped heads.
// CHECK-LABEL: @grouped
func.func @grouped(%q: !heads, %k: tensor<?x1x16x49xf32>, %v: tensor<?x1x49x16xf32>) -> !heads {
  // CHECK-NOT: nn.attention
  // CHECK: return
  %s = nn.matmul %q, %k : (!heads, tensor<?x1x16x49xf32>) -> !scores
  %p = nn.softmax %s : (!scores) -> !scores
  %o = nn.matmul %p, %v : (!scores, tensor<?x1x49x16xf32>) -> !heads
  return %o : !heads
}

// Hugging Face's masked_fill: a choice by booleans becomes a mask to add.
// CHECK-LABEL: @masked_fill
func.func @masked_fill(%q: !heads, %k: !keys, %v: !heads, %hidden: tensor<1x1x49x49xi1>) -> !heads {
  // CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : tensor<f32>
  // CHECK-DAG: %[[LOW:.*]] = arith.constant dense<-3.40282347E+38> : tensor<f32>
  // CHECK: %[[MASK:.*]] = nn.select %arg3, %[[LOW]], %[[ZERO]] : {{.*}} -> tensor<1x1x49x49xf32>
  // CHECK: nn.attention %arg0, %{{.*}}, %arg2, %[[MASK]] {scale = 1.000000e+00 : f32}
  // CHECK-NEXT: return
  %low = arith.constant dense<-3.40282347E+38> : tensor<f32>
  %s = nn.matmul %q, %k : (!heads, !keys) -> !scores
  %m = nn.select %hidden, %low, %s : (tensor<1x1x49x49xi1>, tensor<f32>, !scores) -> !scores
  %p = nn.softmax %m : (!scores) -> !scores
  %o = nn.matmul %p, %v : (!scores, !heads) -> !heads
  return %o : !heads
}

// torch.where with the kept scores first, as the dynamo exporter writes a
// causal mask.
// CHECK-LABEL: @where
func.func @where(%q: !heads, %k: !keys, %v: !heads, %kept: tensor<49x49xi1>) -> !heads {
  // CHECK: %[[MASK:.*]] = nn.select %arg3, %{{.*}}, %{{.*}} -> tensor<49x49xf32>
  // CHECK: nn.attention %arg0, %{{.*}}, %arg2, %[[MASK]] {scale = 2.500000e-01 : f32}
  %low = arith.constant dense<0xFF800000> : tensor<f32>
  %c = arith.constant dense<0.25> : tensor<f32>
  %s = nn.matmul %q, %k : (!heads, !keys) -> !scores
  %t = nn.mul %s, %c : (!scores, tensor<f32>) -> !scores
  %m = nn.select %kept, %t, %low : (tensor<49x49xi1>, !scores, tensor<f32>) -> !scores
  %p = nn.softmax %m : (!scores) -> !scores
  %o = nn.matmul %p, %v : (!scores, !heads) -> !heads
  return %o : !heads
}

// Near miss: a score could come back from -10.
// CHECK-LABEL: @shallow
func.func @shallow(%q: !heads, %k: !keys, %v: !heads, %kept: tensor<49x49xi1>) -> !heads {
  // CHECK-NOT: nn.attention
  // CHECK: return
  %low = arith.constant dense<-10.0> : tensor<f32>
  %s = nn.matmul %q, %k : (!heads, !keys) -> !scores
  %m = nn.select %kept, %s, %low : (tensor<49x49xi1>, !scores, tensor<f32>) -> !scores
  %p = nn.softmax %m : (!scores) -> !scores
  %o = nn.matmul %p, %v : (!scores, !heads) -> !heads
  return %o : !heads
}
