#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// y[c0..c5] = x[c0 / div0 .. c5 / div5] with any strides: copy, cast, permute, concat and upsample, 256 elements a
// work group.
// v: x, y (addresses and types only)
// i: [0..5] shape of y, [6..11] strides of x, [12..17] strides of y, [18..23] divisors, [24] elements
layout(local_size_x = 256) in;

void main() {
  Params p = Params(push.params);
  uint group = work_group();
  int e = int(group * 256u + gl_LocalInvocationID.x);
  if (group >= push.end || e >= p.i[24]) return;
  int from = 0, to = 0;
  for (int d = 5; d >= 0; d--) {
    int len = p.i[d], c = e % len;
    e /= len;
    from += c / p.i[18 + d] * p.i[6 + d];
    to += c * p.i[12 + d];
  }
  int tx = p.v[0].dtype, ty = p.v[1].dtype;
  if (tx != ty) store(p.v[1].at, ty, to, load(p.v[0].at, tx, from));
  else if (ty == T_F32 || ty == T_I32) U32(p.v[1].at).v[to] = U32(p.v[0].at).v[from];
  else U16(p.v[1].at).v[to] = U16(p.v[0].at).v[from];
}
