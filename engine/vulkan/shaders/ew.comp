#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Element by element, 256 elements a work group.
// v: a, b, c, y
// i: elements, cols, rows that share a line of b, of c, activation, whether there is c
// f: scale, shift, lo, hi
layout(local_size_x = 256) in;
layout(constant_id = 0) const int OP = 0;
const int ADD = 0, MUL = 1, GATED_ADD = 2, AFFINE = 3, ACTIVATION = 4;

void main() {
  Params p = Params(push.params);
  uint group = work_group();
  int e = int(group * 256u + gl_LocalInvocationID.x);
  if (group >= push.end || e >= p.i[0]) return;
  int cols = p.i[1], row = e / cols, col = e - row * cols;
  float a = load(p.v[0].at, p.v[0].dtype, row_at(p, 0, row) + col), b = 0, c = 1;
  if (OP <= GATED_ADD) b = load(p.v[1].at, p.v[1].dtype, row_at(p, 1, row / p.i[2]) + col);
  if (OP == GATED_ADD && p.i[5] != 0) c = load(p.v[2].at, p.v[2].dtype, row_at(p, 2, row / p.i[3]) + col);
  float y;
  if (OP == ADD) y = a + b;
  else if (OP == MUL) y = a * b;
  else if (OP == GATED_ADD) y = a + b * c;
  else if (OP == AFFINE) y = min(max(p.f[0] * a + p.f[1], p.f[2]), p.f[3]);
  else y = activate(p.i[4], a);
  store(p.v[3].at, p.v[3].dtype, row_at(p, 3, row) + col, y);
}
