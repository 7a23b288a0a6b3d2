#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "quant.glsl"
// The linear of mm.comp for a few rows: one work group an element of y, its invocations share the sum over k.
// v: x, w, bias, -, -, y; i: M, N, K, act, has bias
layout(local_size_x = 64) in;
layout(constant_id = 1) const int TX = 0;
layout(constant_id = 2) const int TW = 0;
shared float part[64];

void main() {
  Params p = Params(push.params);
  uint group = work_group();
  if (group >= push.end) return;
  int N = p.i[1], K = p.i[2], m = int(group) / N, n = int(group) - m * N, t = int(gl_LocalInvocationID.x);
  int row = row_at(p, 0, m);
  float sum = 0;
  for (int k = t; k < K; k += 64) sum = fma(load(p.v[0].at, TX, row + k), weight(p.v[1].at, TW, n * K + k), sum);
  part[t] = sum;
  barrier();
  for (int half_ = 32; half_ > 0; half_ /= 2) {
    if (t < half_) part[t] += part[t + half_];
    barrier();
  }
  if (t > 0) return;
  float y = part[0];
  if (p.i[4] != 0) y += load(p.v[2].at, p.v[2].dtype, n);
  store(p.v[5].at, p.v[5].dtype, row_at(p, 5, m) + n, activate(p.i[3], y));
}
