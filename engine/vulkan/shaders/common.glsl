// What every kernel shares. All memory is reached through addresses (VK_KHR_buffer_device_address), so there are no
// descriptors and no limit on how much a kernel sees. One parameter block for all kernels, mirrored by KlVkParams in
// vk.h; what the numbers in i and f mean is said in each kernel and in the op's C file.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_control_flow_attributes : require

layout(buffer_reference, std430, buffer_reference_align = 4) buffer F32 { float v[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer U32 { uint v[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer I32 { int v[]; };
layout(buffer_reference, std430, buffer_reference_align = 2) buffer U16 { uint16_t v[]; };

// A tensor as rows: the address of element 0, and where each row begins, in elements.
struct View {
  uvec2 at;
  int dtype;
  int outer; // dimensions but the innermost
  int shape[5], stride[5];
};

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Params {
  int i[32];
  float f[16];
  View v[];
};

layout(push_constant) uniform Push {
  uvec2 params;
  uint base, end; // this dispatch runs work groups [base, end) of the kernel
} push;

const int T_F32 = 0, T_F16 = 1, T_BF16 = 2, T_I32 = 3, T_Q8_0 = 4, T_Q4_K = 5, T_Q5_K = 6, T_Q6_K = 7;
const int ACT_RELU = 1, ACT_SILU = 2, ACT_GELU_TANH = 3, ACT_TANH3 = 4;

uint work_group() { return push.base + gl_WorkGroupID.y * 32768u + gl_WorkGroupID.x; }

int row_at(Params p, int which, int row) {
  int n = p.v[which].outer, at = 0;
  if (n == 1) return row * p.v[which].stride[0];
  for (int d = n - 1; d >= 0; d--) {
    int len = p.v[which].shape[d];
    at += row % len * p.v[which].stride[d];
    row /= len;
  }
  return at;
}

float load(uvec2 at, int dtype, int i) {
  if (dtype == T_F32) return F32(at).v[i];
  uint h = uint(U16(at).v[i]);
  return dtype == T_BF16 ? uintBitsToFloat(h << 16) : unpackHalf2x16(h).x;
}

// Round to nearest, ties to even.
uint to_bf16(float x) {
  uint u = floatBitsToUint(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return u >> 16 | 0x40u;
  return (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
}

// packHalf2x16 may round either way, so this is done by hand, too.
uint to_f16(float x) {
  uint u = floatBitsToUint(x), sign = u >> 16 & 0x8000u;
  u &= 0x7fffffffu;
  if (u > 0x7f800000u) return sign | 0x7e00u;
  if (u >= 0x477ff000u) return sign | 0x7c00u; // 65520 and more
  if (u < 0x38800000u) { // below the normal range: count steps of 2^-24, ties to even by the addition's rounding
    uint magic = floatBitsToUint(uintBitsToFloat(u) + 0.5);
    return sign | (magic - 0x3f000000u);
  }
  return sign | ((u - 0x38000000u + 0xfffu + (u >> 13 & 1u)) >> 13);
}

void store(uvec2 at, int dtype, int i, float x) {
  if (dtype == T_F32) F32(at).v[i] = x;
  else U16(at).v[i] = uint16_t(dtype == T_BF16 ? to_bf16(x) : to_f16(x));
}

// e^x to about 1 ulp, which exp need not be; 0 below the normal range.
float exp_(float x) {
  float n = round(x * 1.44269504), r = fma(n, -0.693359375, x);
  r = fma(n, 2.12194440e-4, r);
  float y = 1.9875691500e-4; // Cephes
  y = fma(y, r, 1.3981999507e-3);
  y = fma(y, r, 8.3334519073e-3);
  y = fma(y, r, 4.1665795894e-2);
  y = fma(y, r, 1.6666665459e-1);
  y = fma(y, r, 0.5);
  y = ldexp(fma(y, r * r, r) + 1, int(clamp(n, -126.0, 127.0)));
  return x > 88.02 ? uintBitsToFloat(0x7f800000u) : x < -87.33 ? 0.0 : y;
}

float tanh_(float x) {
  float a = abs(x), z = x * x;
  if (a < 0.625) {
    float y = -5.70498872745e-3; // Cephes
    y = fma(y, z, 2.06390887954e-2);
    y = fma(y, z, -5.37397155531e-2);
    y = fma(y, z, 1.33314422036e-1);
    y = fma(y, z, -3.33332819422e-1);
    return x + x * z * y;
  }
  float t = 1 - 2 / (exp_(2 * min(a, 15.0)) + 1);
  return x < 0 ? -t : t;
}

float activate(int act, float x) {
  if (act == ACT_RELU) return max(x, 0.0);
  if (act == ACT_SILU) return x / (1 + exp_(-x));
  if (act == ACT_GELU_TANH) {
    // 1 + tanh(u) = 2 / (1 + e^-2u), which does not cancel
    return x / (1 + exp_(-2 * 0.7978845608 * (x + 0.044715 * x * x * x)));
  }
  if (act == ACT_TANH3) return 3 * tanh_(x / 3);
  return x;
}
