// Elements of quantised weights, stored as GGUF stores them (blocks are 2-byte aligned, no more).

int byte_at(U16 words, int at) { return int(uint(words.v[at >> 1]) >> (at & 1) * 8 & 255u); }
int signed_at(U16 words, int at) {
  int b = byte_at(words, at);
  return b < 128 ? b : b - 256;
}
float half_at(U16 words, int at) { return unpackHalf2x16(uint(words.v[at >> 1])).x; }

// 32 elements in 34 bytes: scale, bytes.
float q8_0(U16 w, int e) {
  int block = e / 32 * 34;
  return half_at(w, block) * float(signed_at(w, block + 2 + (e & 31)));
}

// Q4_K: 256 elements in 144 bytes: scale, scale of minima, 8 times 6 bits of either in 12 bytes, nibbles.
// Q5_K: in 176 bytes, 32 bytes with a fifth bit of each element before the nibbles.
float q45_k(U16 w, int e, bool five) {
  int block = e / 256 * (five ? 176 : 144), i = e & 255, j = i >> 5, s = block + 4, scale, least;
  if (j < 4) {
    scale = byte_at(w, s + j) & 63;
    least = byte_at(w, s + j + 4) & 63;
  } else {
    int b = byte_at(w, s + j + 4);
    scale = b & 15 | byte_at(w, s + j - 4) >> 6 << 4;
    least = b >> 4 | byte_at(w, s + j) >> 6 << 4;
  }
  int q = byte_at(w, block + (five ? 48 : 16) + (i >> 6) * 32 + (i & 31)) >> (j & 1) * 4 & 15;
  if (five) q |= (byte_at(w, block + 16 + (i & 31)) >> j & 1) << 4;
  return half_at(w, block) * float(scale) * float(q) - half_at(w, block + 2) * float(least);
}

// 256 elements in 210 bytes: low nibbles, high pairs of bits, 16 scales, their scale.
float q6_k(U16 w, int e) {
  int block = e / 256 * 210, i = e & 255, part = i >> 7, quarter = i >> 5 & 3, l = i & 31;
  int low = byte_at(w, block + part * 64 + (quarter & 1) * 32 + l) >> (quarter >> 1) * 4 & 15;
  int high = byte_at(w, block + 128 + part * 32 + l) >> quarter * 2 & 3;
  int scale = signed_at(w, block + 192 + part * 8 + quarter * 2 + (l >> 4));
  return half_at(w, block + 208) * float(scale) * float((low | high << 4) - 32);
}

// Element e of a weight of any type; `type` is a constant where it is called.
float weight(uvec2 at, int type, int e) {
  if (type == T_Q8_0) return q8_0(U16(at), e);
  if (type == T_Q4_K) return q45_k(U16(at), e, false);
  if (type == T_Q5_K) return q45_k(U16(at), e, true);
  if (type == T_Q6_K) return q6_k(U16(at), e);
  return load(at, type, e);
}
