#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// One work group a row.
// v: x, weight, bias, shift, scale, y
// i: cols, kind, act, then whether there are weight, bias, shift, scale; rows that share a line of shift, of scale
// f: eps
layout(local_size_x = 64) in;
const int LAYER = 0, RMS = 1, L2 = 2;
shared float part[64];

float total(float x) {
  uint t = gl_LocalInvocationID.x;
  part[t] = x;
  barrier();
  for (uint n = 32; n > 0; n /= 2) {
    if (t < n) part[t] += part[t + n];
    barrier();
  }
  x = part[0];
  barrier();
  return x;
}

void main() {
  Params p = Params(push.params);
  uint group = work_group();
  if (group >= push.end) return;
  int row = int(group), n = p.i[0], kind = p.i[1], t = int(gl_LocalInvocationID.x);
  uvec2 x = p.v[0].at;
  int tx = p.v[0].dtype, at = row_at(p, 0, row), to = row_at(p, 5, row);
  float eps = p.f[0], mean = 0, sum = 0;
  if (kind == LAYER) {
    for (int i = t; i < n; i += 64) sum += load(x, tx, at + i);
    mean = total(sum) / float(n);
    sum = 0;
  }
  for (int i = t; i < n; i += 64) {
    float d = load(x, tx, at + i) - mean;
    sum = fma(d, d, sum);
  }
  sum = total(sum);
  float k = kind == L2 ? sqrt(float(n)) / max(sqrt(sum), eps) : 1 / sqrt(sum / float(n) + eps);
  int shift = p.i[5] != 0 ? row_at(p, 3, row / p.i[7]) : 0, scale = p.i[6] != 0 ? row_at(p, 4, row / p.i[8]) : 0;
  for (int i = t; i < n; i += 64) {
    float y = (load(x, tx, at + i) - mean) * k;
    if (p.i[3] != 0) y *= load(p.v[1].at, p.v[1].dtype, i);
    if (p.i[4] != 0) y += load(p.v[2].at, p.v[2].dtype, i);
    if (p.i[6] != 0) y *= 1 + load(p.v[4].at, p.v[4].dtype, scale + i);
    if (p.i[5] != 0) y += load(p.v[3].at, p.v[3].dtype, shift + i);
    store(p.v[5].at, p.v[5].dtype, to + i, activate(p.i[2], y));
  }
}
