"""Wan 2.1 transformer in small, chunk-causal, trained by teacher forcing.

Parameter names and arithmetic are those of the public architecture, so the export needs no translation.
A sequence is a list of latent frames; every frame has its own timestep and position, and an additive mask says who sees whom.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from text import RMSNorm, gelu

CHUNK = 3


def ladder(n, dim):
    return torch.outer(torch.arange(n).double(), 1 / 10000 ** (torch.arange(0, dim, 2).double() / dim))


class GELU(nn.Module):
    def forward(self, x):
        return gelu(x)


def rotate(x, cos, sin):
    """Interleaved pairs; x [B,n,h,d], cos and sin [n,1,d] with every angle given twice, sin with the sign of the pair."""
    swapped = x.view(*x.shape[:-1], -1, 2).flip(-1).reshape(x.shape)
    return x * cos + swapped * sin


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.norm_q, self.norm_k = RMSNorm(dim), RMSNorm(dim)

    def forward(self, x, context=None, rope=None, mask=None):
        c = x if context is None else context
        split = lambda y: y.view(*y.shape[:2], self.heads, -1)
        q, k, v = split(self.norm_q(self.q(x))), split(self.norm_k(self.k(c))), split(self.v(c))
        if rope is not None:
            q, k = rotate(q, *rope), rotate(k, *rope)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        a = (q * q.shape[-1] ** -.5) @ k.transpose(-1, -2)
        if mask is not None:
            a = a + mask
        return self.o((a.softmax(-1).type_as(v) @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, dim, ffn, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, 1e-6, False)
        self.self_attn = Attention(dim, heads)
        self.norm3 = nn.LayerNorm(dim, 1e-6)
        self.cross_attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, 1e-6, False)
        self.ffn = nn.Sequential(nn.Linear(dim, ffn), GELU(), nn.Linear(ffn, dim))
        self.modulation = nn.Parameter(torch.randn(1, 6, dim) / dim ** .5)

    def forward(self, x, e0, context, rope, mask, attend=None):
        # x [B,frames,tokens,dim], e0 [B,frames,6,dim]
        B, f, n, d = x.shape
        m = (self.modulation + e0).unsqueeze(3).unbind(2)
        h = (self.norm1(x) * (1 + m[1]) + m[0]).view(B, f * n, d)
        x = x + (attend or self.self_attn)(h, None, rope, mask).view(B, f, n, d) * m[2]
        x = x + self.cross_attn(self.norm3(x).view(B, f * n, d), context[0], None, context[1]).view(B, f, n, d)
        return x + self.ffn(self.norm2(x) * (1 + m[4]) + m[3]) * m[5]


class Head(nn.Module):
    def __init__(self, dim, out):
        super().__init__()
        self.norm, self.head = nn.LayerNorm(dim, 1e-6, False), nn.Linear(dim, out)
        self.modulation = nn.Parameter(torch.randn(1, 2, dim) / dim ** .5)

    def forward(self, x, e):
        m = (self.modulation + e[:, :, None]).unsqueeze(3).unbind(2)
        return self.head(self.norm(x) * (1 + m[1]) + m[0])


class Transformer(nn.Module):
    def __init__(self, latent=32, text_dim=320, dim=256, ffn_dim=768, num_heads=8, num_layers=5, freq_dim=256, text_len=48):
        super().__init__()
        in_dim = latent + 2 + 1 + latent
        self.latent, self.text_len = latent, text_len
        self.config = dict(text_dim=text_dim, dim=dim, ffn_dim=ffn_dim, num_heads=num_heads, num_layers=num_layers, freq_dim=freq_dim, in_dim=in_dim,
                           out_dim=latent, text_len=text_len, kind='causal', chunk_frames=CHUNK, window_frames=12, sink_frames=3,
                           positions='relative', coordinate_channels=2, first_frame_channels=latent + 1)
        self.patch_embedding = nn.Conv3d(in_dim, dim, (1, 2, 2), (1, 2, 2))
        self.text_embedding = nn.Sequential(nn.Linear(text_dim, dim), GELU(), nn.Linear(dim, dim))
        self.time_embedding = nn.Sequential(nn.Linear(freq_dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, 6 * dim))
        self.blocks = nn.ModuleList([Block(dim, ffn_dim, num_heads) for _ in range(num_layers)])
        self.head = Head(dim, latent * 4)
        for lin in self.modules():
            if isinstance(lin, nn.Linear):
                nn.init.xavier_uniform_(lin.weight)
                nn.init.zeros_(lin.bias)
        nn.init.xavier_uniform_(self.patch_embedding.weight.flatten(1))
        nn.init.zeros_(self.patch_embedding.bias)
        nn.init.normal_(self.time_embedding[0].weight, std=.02)
        nn.init.normal_(self.time_embedding[2].weight, std=.02)
        nn.init.normal_(self.time_projection[1].weight, std=.02)
        nn.init.zeros_(self.head.head.weight)
        if text_dim >= dim:  # the encoder's rows come through as they are, in the straight part of the GELU; further dimensions are mixed in
            with torch.no_grad():
                more = torch.linalg.qr(torch.randn(dim, text_dim - dim))[0] if text_dim > dim else torch.zeros(dim, 0)
                self.text_embedding[0].weight.copy_(.5 * torch.cat([torch.eye(dim), more], 1))
                self.text_embedding[0].bias.fill_(2.)
                self.text_embedding[2].weight.copy_(2 * torch.eye(dim))
                self.text_embedding[2].bias.fill_(-2 * gelu(torch.tensor(2.)).item())
        self._rope = {}

    def context(self, rows):
        """Encoder rows [B,n,text_dim] (zero where padded) -> cross-attention context [B,n+1,dim] and its additive mask. The architecture pads to
        text_len rows and does not mask them; all pads give one key and value, so one row stands for those beyond n, with the logarithm of their number."""
        rows = F.pad(rows, (0, 0, 0, 1))
        mask = torch.zeros(rows.shape[1], device=rows.device)
        mask[-1] = math.log(max(self.text_len - rows.shape[1] + 1, 1e-9))
        return self.text_embedding(rows), mask

    def rope(self, frames, gh, gw):
        key = (tuple(frames.tolist()), gh, gw)
        if key not in self._rope:
            d = self.config['dim'] // self.config['num_heads']
            dt, ds = d - 4 * (d // 6), 2 * (d // 6)
            t, s = ladder(64, dt)[frames.cpu().long()], ladder(64, ds)
            f = len(frames)
            ang = torch.cat([t[:, None, None].expand(f, gh, gw, -1), s[None, :gh, None].expand(f, gh, gw, -1), s[None, None, :gw].expand(f, gh, gw, -1)], -1)
            ang = ang.reshape(f * gh * gw, 1, -1)
            sign = torch.tensor([-1., 1.], dtype=torch.double).repeat(ang.shape[-1])
            two = ang.repeat_interleave(2, -1)
            self._rope[key] = two.cos().float().to(self.patch_embedding.weight.device), (two.sin() * sign).float().to(self.patch_embedding.weight.device)
        return self._rope[key]

    def forward(self, z, t, frames, context, mask=None, first=None, attend=None, tap=None):
        """z [B,f,L,h,w] latents, t [B,f] in 0..1000, frames [f] positions, context as above;
        first [B,f,1+L,h,w]: mask and first-frame latent, or nothing; attend: self-attention of every block, for sampling with kept keys;
        tap: number of blocks after which the hidden state is wanted too. Returns the velocity [B,f,L,h,w]."""
        B, f, L, H, W = z.shape
        yx = torch.stack(torch.meshgrid(torch.linspace(-1, 1, H), torch.linspace(-1, 1, W), indexing='ij')).to(z)
        if first is None:
            first = z.new_zeros(B, f, 1 + L, H, W)
        x = torch.cat([z, yx.expand(B, f, 2, H, W), first.to(z.dtype)], 2)
        gh, gw = H // 2, W // 2
        # the 1x2x2 convolution as one matrix product, in the order of its weight
        x = x.view(B, f, -1, gh, 2, gw, 2).permute(0, 1, 3, 5, 2, 4, 6).reshape(B, f, gh * gw, -1)
        x = F.linear(x, self.patch_embedding.weight.flatten(1), self.patch_embedding.bias)
        freq = t.double()[..., None] * torch.exp(-math.log(10000) * torch.arange(128, device=t.device).double() / 128)
        with torch.autocast(z.device.type, enabled=False):
            e = self.time_embedding(torch.cat([freq.cos(), freq.sin()], -1).float())
            e0 = self.time_projection(e).view(B, f, 6, -1)
        rope = self.rope(frames, gh, gw)
        for i, b in enumerate(self.blocks):
            x = b(x, e0, context, rope, mask, attend and attend[i])
            if tap == i + 1:
                hidden = x
        y = cells(self.head(x, e), gh, gw)  # per token (ph, pw, channel)
        return y if tap is None else (y, hidden)


def cells(y, gh, gw):
    """[B,f,gh*gw,4*n] (ph, pw, channel fastest) -> [B,f,n,2*gh,2*gw]"""
    B, f, _, n = y.shape
    return y.view(B, f, gh, gw, 2, 2, n // 4).permute(0, 1, 6, 2, 4, 3, 5).reshape(B, f, n // 4, 2 * gh, 2 * gw)


def chunk_mask(clean, noisy, see, tokens):
    """Additive mask for the sequence [clean chunks | noisy chunks]. `see(query, key)`: names of clean chunks that a chunk may look at."""
    names = [('c', c) for c in clean] + [('n', i) for i in range(len(noisy))]
    n = len(names)
    ok = torch.zeros(n, n, dtype=torch.bool)
    for i, (kind, c) in enumerate(names):
        for j, (other, k) in enumerate(names):
            if other == 'c':
                ok[i, j] = see(c, k, True) if kind == 'c' else see(noisy[c], k, False)
            else:
                ok[i, j] = i == j
    m = torch.zeros(n, n).masked_fill(~ok, -3e4)
    return m.repeat_interleave(CHUNK * tokens, 0).repeat_interleave(CHUNK * tokens, 1)
