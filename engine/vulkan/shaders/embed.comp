#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// v: table, ids, y; i: elements, cols, vocabulary
layout(local_size_x = 256) in;

void main() {
  Params p = Params(push.params);
  uint group = work_group();
  int e = int(group * 256u + gl_LocalInvocationID.x);
  if (group >= push.end || e >= p.i[0]) return;
  int cols = p.i[1], row = e / cols, col = e - row * cols, id = I32(p.v[1].at).v[row * p.v[1].stride[0]];
  float y = id >= 0 && id < p.i[2] ? load(p.v[0].at, p.v[0].dtype, id * cols + col) : 0;
  store(p.v[2].at, p.v[2].dtype, row_at(p, 2, row) + col, y);
}
