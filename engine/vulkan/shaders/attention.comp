#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
// Blocked softmax attention: a work group owns BQ queries of one head and walks over tiles of BK keys with a running
// maximum and sum. 128 invocations: 128 / BQ of them share a query, each holds every (128 / BQ)-th column of its sum.
// v: q, q rope, q labels, allow, relative bias, y, then k, v, rope, labels of each segment. Of the views of q, k, v
//    and y the strides are [row, head].
// i: nq, heads, d, segments, has q rope, has mask, allow_q, allow_k, has relative bias, its stride from head to head,
//    index of distance 0, then [12 + 3 s] of each segment: keys, has rope, number of its first key
// f: scale, then the bias of each segment
layout(local_size_x = 128) in;
layout(constant_id = 0) const int BQ = 32;
layout(constant_id = 1) const int BK = 16;
layout(constant_id = 2) const int D = 128;

const int SHARE = 128 / BQ, COLS = (D + SHARE - 1) / SHARE;
#define NEVER uintBitsToFloat(0xff800000u)
shared float q_tile[BQ * (D + 1)], kv_tile[BK * (D + 1)], s_tile[BQ * BK];

// Element c of a row, rotated if there is a table of positions.
float rotated(Params p, int which, int rope, int row, int head, int c) {
  uvec2 at = p.v[which].at;
  int t = p.v[which].dtype, base = row * p.v[which].stride[0] + head * p.v[which].stride[1];
  float x = load(at, t, base + c);
  if (rope < 0) return x;
  float y = load(at, t, base + (c ^ 1)); // the other half of the pair
  int cs = row * D + (c & ~1);
  float co = F32(p.v[rope].at).v[cs], si = F32(p.v[rope].at).v[cs + 1];
  return (c & 1) == 0 ? x * co - y * si : y * si + x * co;
}

void main() {
  Params p = Params(push.params);
  uint group = work_group();
  if (group >= push.end) return;
  int nq = p.i[0], blocks = (nq + BQ - 1) / BQ, head = int(group) / blocks, q0 = int(group) % blocks * BQ;
  int t = int(gl_LocalInvocationID.x), mine = t / SHARE, lane = t % SHARE; // my query, my part of it
  bool mask = p.i[5] != 0;

  for (int e = t; e < BQ * D; e += 128) {
    int r = e / D, c = e % D;
    q_tile[r * (D + 1) + c] = q0 + r < nq ? rotated(p, 0, p.i[4] != 0 ? 1 : -1, q0 + r, head, c) : 0;
  }
  int q_label = mask && q0 + mine < nq ? I32(p.v[2].at).v[q0 + mine] : -1;
  bool sees = !mask || (q_label >= 0 && q_label < p.i[6]);

  float acc[COLS], top = NEVER, sum = 0;
  [[unroll]] for (int c = 0; c < COLS; c++) acc[c] = 0;

  for (int s = 0; s < p.i[3]; s++) {
    int n = p.i[12 + 3 * s], first = p.i[14 + 3 * s], kv = 6 + 4 * s;
    float bias = p.f[1 + s];
    for (int k0 = 0; k0 < n; k0 += BK) {
      barrier(); // the last tile's values have been read
      for (int e = t; e < BK * D; e += 128) {
        int r = e / D, c = e % D;
        kv_tile[r * (D + 1) + c] = k0 + r < n ? rotated(p, kv, p.i[13 + 3 * s] != 0 ? kv + 2 : -1, k0 + r, head, c) : 0;
      }
      barrier();
      // Logits: the invocations of a query take turns at the keys.
      for (int j = lane; j < BK; j += SHARE) {
        float z = NEVER;
        int key = k0 + j;
        bool visible = key < n && sees && q0 + mine < nq && bias > NEVER;
        if (visible && mask) {
          int label = I32(p.v[kv + 3].at).v[key];
          visible = label >= 0 && label < p.i[7] && I32(p.v[3].at).v[q_label * p.i[7] + label] != 0;
        }
        if (visible) {
          float dot = 0;
          for (int c = 0; c < D; c++) dot = fma(q_tile[mine * (D + 1) + c], kv_tile[j * (D + 1) + c], dot);
          z = dot * p.f[0] + bias;
          if (p.i[8] != 0) z += F32(p.v[4].at).v[head * p.i[9] + p.i[10] + first + key - (q0 + mine)];
        }
        s_tile[mine * BK + j] = z;
      }
      barrier();
      float best = top;
      for (int j = 0; j < BK; j++) best = max(best, s_tile[mine * BK + j]);
      bool any = best > NEVER;
      float keep = top > NEVER ? exp(top - best) : 0.0;
      top = best;
      barrier(); // all keys of the tile have been used
      for (int e = t; e < BK * D; e += 128) {
        int r = e / D, c = e % D;
        kv_tile[r * (D + 1) + c] = k0 + r < n ? rotated(p, kv + 1, -1, k0 + r, head, c) : 0;
      }
      barrier();
      sum *= keep;
      [[unroll]] for (int c = 0; c < COLS; c++) acc[c] *= keep;
      if (any)
        for (int j = 0; j < BK; j++) {
          float z = s_tile[mine * BK + j];
          if (z == NEVER) continue;
          float w = exp(z - best);
          sum += w;
          [[unroll]] for (int c = 0; c < COLS; c++) {
            int col = c * SHARE + lane;
            if (col < D) acc[c] = fma(w, kv_tile[j * (D + 1) + col], acc[c]);
          }
        }
    }
  }
  if (q0 + mine >= nq) return;
  int to = (q0 + mine) * p.v[5].stride[0] + head * p.v[5].stride[1];
  float inv = sum > 0 ? 1 / sum : 0.0;
  [[unroll]] for (int c = 0; c < COLS; c++) {
    int col = c * SHARE + lane;
    if (col < D) store(p.v[5].at, p.v[5].dtype, to + col, acc[c] * inv);
  }
}
