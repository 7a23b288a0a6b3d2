"""Text side: a whole-word Unigram tokenizer and a small UMT5 encoder."""
import json
import math
import re
import unicodedata

import torch
import torch.nn as nn
import torch.nn.functional as F

import world

PAD, EOS, BOS, UNK = 0, 1, 2, 3
PUNCTUATION = (',', '.', '!', '?')
PARTS = [chr(0x2460 + i) for i in range(16)]  # words that the tokenizer puts before every text: codes.py gives them the parts of the object


def make_tokenizer():
    """Hugging Face tokenizer.json: whole words only, so a word that the model never saw comes out as <unk>."""
    vocab = [['<pad>', 0.0], ['</s>', 0.0], ['<s>', 0.0], ['<unk>', 0.0]]
    vocab += [['\u2581' + w, -6.0] for w in (*PARTS, *world.words())] + [[p, -6.0] for p in PUNCTUATION]
    special = [{'id': i, 'content': v[0], 'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False, 'special': True}
               for i, v in enumerate(vocab[:4])]
    return {
        'version': '1.0', 'truncation': None, 'padding': None, 'added_tokens': special,
        'normalizer': {'type': 'Sequence', 'normalizers': [{'type': 'NFKC'}, {'type': 'Lowercase'}, {'type': 'Prepend', 'prepend': ' '.join(PARTS) + ' '}]},
        'pre_tokenizer': {'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': 'always', 'split': True},
        'post_processor': {'type': 'TemplateProcessing',
                           'single': [{'Sequence': {'id': 'A', 'type_id': 0}}, {'SpecialToken': {'id': '</s>', 'type_id': 0}}],
                           'pair': [{'Sequence': {'id': 'A', 'type_id': 0}}, {'SpecialToken': {'id': '</s>', 'type_id': 0}},
                                    {'Sequence': {'id': 'B', 'type_id': 0}}, {'SpecialToken': {'id': '</s>', 'type_id': 0}}],
                           'special_tokens': {'</s>': {'id': '</s>', 'ids': [EOS], 'tokens': ['</s>']}}},
        'decoder': {'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': 'always', 'split': True},
        'model': {'type': 'Unigram', 'unk_id': UNK, 'vocab': vocab, 'byte_fallback': False},
    }


class Tokenizer:
    """The same ids as the file above gives for texts whose words are known or wholly unknown."""

    def __init__(self, data=None):
        vocab = (data or make_tokenizer())['model']['vocab']
        self.ids = {piece: i for i, (piece, _) in enumerate(vocab)}
        self.size = len(vocab)

    def __call__(self, text):
        out = [self.ids['\u2581' + p] for p in PARTS] if text else []
        for word in unicodedata.normalize('NFKC', text).lower().split():
            stem = re.match(r'^(.*?)([,.!?]*)$', word)
            out.append(self.ids.get('\u2581' + stem[1], UNK))
            out += [self.ids[c] for c in stem[2]]
        return out + [EOS]


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        return (x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.eps)).type_as(x) * self.weight


class SelfAttention(nn.Module):
    def __init__(self, dim, inner, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = (nn.Linear(dim, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, dim, bias=False)

    def forward(self, x, bias):
        split = lambda y: y.view(*y.shape[:2], self.heads, -1).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        a = (q @ k.transpose(-1, -2)).float() + bias  # no 1/sqrt(d)
        return self.o((a.softmax(-1).type_as(v) @ v).transpose(1, 2).flatten(2))


class RelativeBias(nn.Module):
    def __init__(self, buckets, heads):
        super().__init__()
        self.buckets = buckets
        self.embedding = nn.Embedding(buckets, heads)

    def forward(self, n):
        i = torch.arange(n, device=self.embedding.weight.device)
        rel = i[None, :] - i[:, None]  # key - query
        half = self.buckets // 2
        side, dist, exact = (rel > 0).long() * half, rel.abs(), half // 2
        far = exact + (torch.log(dist.clamp(min=1).float() / exact) / math.log(128 / exact) * (half - exact)).long()
        return self.embedding(side + torch.where(dist < exact, dist, far.clamp(max=half - 1))).permute(2, 0, 1)


class FeedForward(nn.Module):
    def __init__(self, dim, inner):
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(dim, inner, bias=False))
        self.fc1, self.fc2 = nn.Linear(dim, inner, bias=False), nn.Linear(inner, dim, bias=False)

    def forward(self, x):
        return self.fc2(self.fc1(x) * gelu(self.gate(x)))


class _FastGelu(torch.autograd.Function):
    """The tanh form of GELU as x * sigmoid(2u): in bf16 on a CPU much faster than the built-in one."""

    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x * (x * x).mul_(0.0713548163).add_(1.5957691216))
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, g):
        x, s = ctx.saved_tensors
        d = (x * x).mul_(0.2140644489).add_(1.5957691216).mul_(x)
        return d.mul_(1 - s).add_(1).mul_(s).mul_(g)


def gelu(x):
    return _FastGelu.apply(x) if torch.is_grad_enabled() and x.dtype == torch.bfloat16 and not x.is_cuda else F.gelu(x, approximate='tanh')


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm1, self.attn = RMSNorm(c['dim']), SelfAttention(c['dim'], c['dim_attn'], c['num_heads'])
        self.norm2, self.ffn = RMSNorm(c['dim']), FeedForward(c['dim'], c['dim_ffn'])
        self.pos_embedding = RelativeBias(c['num_buckets'], c['num_heads'])

    def forward(self, x, mask):
        x = x + self.attn(self.norm1(x), self.pos_embedding(x.shape[1])[None] + mask)
        return x + self.ffn(self.norm2(x))


class TextEncoder(nn.Module):
    def __init__(self, vocab, dim=320, dim_attn=256, dim_ffn=897, num_heads=8, num_layers=3, num_buckets=32):
        super().__init__()
        self.config = dict(vocab=vocab, dim=dim, dim_attn=dim_attn, dim_ffn=dim_ffn, num_heads=num_heads, num_layers=num_layers, num_buckets=num_buckets)
        self.token_embedding = nn.Embedding(vocab, dim)
        self.blocks = nn.ModuleList([Layer(self.config) for _ in range(num_layers)])
        self.norm = RMSNorm(dim)
        for b in self.blocks:
            nn.init.normal_(b.attn.q.weight, std=(dim * dim_attn // num_heads) ** -.5)
            for lin in (b.attn.k, b.attn.v, b.ffn.gate[0], b.ffn.fc1):
                nn.init.normal_(lin.weight, std=dim ** -.5)
            nn.init.normal_(b.attn.o.weight, std=.3 * dim_attn ** -.5)  # quiet: the words themselves come through
            nn.init.normal_(b.ffn.fc2.weight, std=.3 * dim_ffn ** -.5)
            nn.init.normal_(b.pos_embedding.embedding.weight, std=.1)

    def forward(self, ids):
        """ids [B,n] padded with 0 -> [B,n,dim], rows of the padding are zero"""
        real = ids != PAD
        mask = torch.zeros(ids.shape, device=ids.device).masked_fill(~real, -1e9)[:, None, None]
        x = self.token_embedding(ids)
        for b in self.blocks:
            x = b(x, mask)
        return self.norm(x) * real[..., None]


def pad_ids(rows, length):
    out = torch.zeros(len(rows), length, dtype=torch.long)
    for i, r in enumerate(rows):
        out[i, :min(len(r), length)] = torch.tensor((r[:length - 1] + [EOS]) if len(r) > length else r)
    return out


if __name__ == '__main__':
    print(json.dumps(make_tokenizer(), ensure_ascii=False)[:400])
