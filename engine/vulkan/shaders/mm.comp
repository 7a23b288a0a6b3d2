#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "quant.glsl"
// y[m][n] = act(sum_k a[m][k] w[n][k] + bias[n] + residual[m][n]), f32 sums, tiles of 64 x 64 through shared memory.
// Linear: a is x. Convolution: a is the patch of output pixel m, gathered as it is read (k = tap * C + channel).
// v: x, w, bias, history, residual, y
// i: M, N, K, act, has bias, has residual, then for a convolution: C, kh, kw, frames of history, H, W, Ho, Wo,
//    stride t h w, pad top left
layout(local_size_x = 256) in;
layout(constant_id = 0) const int CONV = 0;
layout(constant_id = 1) const int TX = 0;
layout(constant_id = 2) const int TW = 0;

const int BM = 64, BN = 64, BK = 16, PAD = 4;
shared float a_tile[BK * (BM + PAD)], w_tile[BK * (BN + PAD)];

void main() {
  Params p = Params(push.params);
  uint group = work_group();
  if (group >= push.end) return;
  int M = p.i[0], N = p.i[1], K = p.i[2];
  int tiles_n = (N + BN - 1) / BN;
  int m0 = int(group) / tiles_n * BM, n0 = int(group) % tiles_n * BN;
  int t = int(gl_LocalInvocationID.x), tk = t & 15, tr = t >> 4; // loads: column tk of rows tr, tr + 16, ...
  int tn = (t & 15) * 4, tm = (t >> 4) * 4;                      // sums: a 4 x 4 patch
  uvec2 xa = p.v[0].at, wa = p.v[1].at, ha = p.v[3].at;

  // Where the four rows that this invocation loads begin.
  int row[4], ry[4], rx[4];
  int C = p.i[6], kh = p.i[7], kw = p.i[8], hist = p.i[9], H = p.i[10], W = p.i[11];
  [[unroll]] for (int j = 0; j < 4; j++) {
    int m = m0 + tr + 16 * j;
    if (CONV == 0) {
      row[j] = m < M ? row_at(p, 0, m) : -1;
    } else {
      int Ho = p.i[12], Wo = p.i[13];
      row[j] = m < M ? m / (Wo * Ho) * p.i[14] : -1;
      ry[j] = m / Wo % Ho * p.i[15] - p.i[17];
      rx[j] = m % Wo * p.i[16] - p.i[18];
    }
  }

  float acc[4][4];
  [[unroll]] for (int i = 0; i < 4; i++)
    [[unroll]] for (int j = 0; j < 4; j++) acc[i][j] = 0;

  for (int k0 = 0; k0 < K; k0 += BK) {
    int k = k0 + tk;
    int c, dt, dy, dx;
    if (CONV != 0) {
      int tap = k / C;
      c = k - tap * C;
      dx = tap % kw;
      dy = tap / kw % kh;
      dt = tap / (kw * kh);
    }
    [[unroll]] for (int j = 0; j < 4; j++) {
      int r = tr + 16 * j;
      float x = 0;
      if (k < K && row[j] >= 0) {
        if (CONV == 0) {
          x = load(xa, TX, row[j] + k);
        } else {
          int f = row[j] + dt, y = ry[j] + dy, z = rx[j] + dx;
          if (y >= 0 && y < H && z >= 0 && z < W) {
            if (f < hist) x = load(ha, TX, ((f * H + y) * W + z) * C + c);
            else x = load(xa, TX, (((f - hist) * H + y) * W + z) * C + c);
          }
        }
      }
      a_tile[tk * (BM + PAD) + r] = x;
      w_tile[tk * (BN + PAD) + r] = k < K && n0 + r < N ? weight(wa, TW, (n0 + r) * K + k) : 0;
    }
    barrier();
    for (int kk = 0; kk < BK; kk++) {
      float a[4], b[4];
      [[unroll]] for (int j = 0; j < 4; j++) {
        a[j] = a_tile[kk * (BM + PAD) + tm + j];
        b[j] = w_tile[kk * (BN + PAD) + tn + j];
      }
      [[unroll]] for (int i = 0; i < 4; i++)
        [[unroll]] for (int j = 0; j < 4; j++) acc[i][j] = fma(a[i], b[j], acc[i][j]);
    }
    barrier();
  }

  [[unroll]] for (int i = 0; i < 4; i++) {
    int m = m0 + tm + i;
    if (m >= M) break;
    int to = row_at(p, 5, m), res = p.i[5] != 0 ? row_at(p, 4, m) : 0;
    [[unroll]] for (int j = 0; j < 4; j++) {
      int n = n0 + tn + j;
      if (n >= N) break;
      float y = acc[i][j];
      if (p.i[4] != 0) y += load(p.v[2].at, p.v[2].dtype, n);
      if (p.i[5] != 0) y += load(p.v[4].at, p.v[4].dtype, res + n);
      store(p.v[5].at, p.v[5].dtype, to + n, activate(p.i[3], y));
    }
  }
}
