"""Writes the cases of our own networks, computed with torch in f32 on random weights:

taehv_shuffle: TAEHV with "upsampling": "shuffle"; upscaler: the spatial upscaler.

    /usr/bin/python3 make_cases.py [folder]
"""
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

LATENT, PATCH, ENCODER, WIDTHS = 6, 2, 8, (12, 8, 8, 8)
GROWTH = (1, 2, 2)
weights = {}


def weight(name, *shape):
    fan = int(np.prod(shape[1:]))
    weights[name] = (torch.randn(shape) / fan ** .5).half().float()
    return weights[name]


def conv(x, name, out, k=3, bias=True, stride=1, mean=0.):
    w = weight(name + '.weight', out, x.shape[1], k, k)
    b = None
    if bias:
        b = weights[name + '.bias'] = (torch.randn(out) * .1 + mean).half().float()
    return F.conv2d(x, w, b, stride, k // 2)


def mem_block(x, name):
    past = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
    y = torch.cat([x, past], 1)
    for i in (0, 2, 4):
        y = conv(y, f'{name}.conv.{i}', x.shape[1])
        y = F.relu(y + x if i == 4 else y)
    return y


def decode(z):
    x = F.relu(conv(torch.tanh(z / 3) * 3, 'decoder.1', WIDTHS[0]))
    for s, growth in enumerate(GROWTH):
        at = 3 + 6 * s
        for i in range(3):
            x = mem_block(x, f'decoder.{at + i}')
        n = x.shape[1]
        x = conv(x, f'decoder.{at + 4}.conv', n * growth, 1, False).reshape(-1, n, *x.shape[2:])
        x = F.pixel_shuffle(conv(x, f'decoder.{at + 5}', 4 * WIDTHS[s + 1], 3, False), 2)
    x = conv(F.relu(x), 'decoder.22', 3 * PATCH * PATCH, mean=.5)
    return F.pixel_shuffle(x, PATCH)[3:].clamp(0, 1)


def encode(video):
    x = F.relu(conv(F.pixel_unshuffle(video, PATCH), 'encoder.0', ENCODER))
    for s, pool in enumerate((2, 2, 1)):
        at = 2 + 5 * s
        x = conv(x.reshape(-1, pool * ENCODER, *x.shape[2:]), f'encoder.{at}.conv', ENCODER, 1, False)
        x = conv(x, f'encoder.{at + 1}', ENCODER, 3, False, 2)
        for i in range(3):
            x = mem_block(x, f'encoder.{at + 2 + i}')
    return conv(x, 'encoder.17', LATENT)


def upscale(x, channels, layers, scale):
    y = x
    for i in range(layers):
        y = F.relu(conv(y, f'body.{2 * i}', channels))
    return (F.pixel_shuffle(conv(y, f'body.{2 * layers}', 3 * scale ** 2), scale) + F.interpolate(x, scale_factor=scale)).clamp(0, 1)


def write(path, tensors, dtype, config):
    header, blobs, at = {'__metadata__': {'config': json.dumps(config)}}, [], 0
    for name, t in tensors.items():
        b = t.numpy().astype(dtype).tobytes()
        header[name] = {'dtype': 'F16' if dtype == np.float16 else 'F32', 'shape': list(t.shape), 'data_offsets': [at, at + len(b)]}
        blobs.append(b)
        at += len(b)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(len(text).to_bytes(8, 'little') + text + b''.join(blobs))


if __name__ == '__main__':
    torch.manual_seed(5)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    z, video = torch.randn(3, LATENT, 2, 3), torch.rand(8, 3, 32, 48)
    case = {'z': z, 'decoded': decode(z), 'video': video, 'encoded': encode(video)}
    config = {'latent_channels': LATENT, 'patch_size': PATCH, 'encoder_width': ENCODER, 'decoder_widths': WIDTHS, 'upsampling': 'shuffle'}
    write(f'{folder}/taehv_shuffle.weights.safetensors', weights, np.float16, config)
    write(f'{folder}/taehv_shuffle.case.safetensors', case, np.float32, config)
    weights.clear()
    frame = torch.rand(1, 3, 13, 9)
    case = {'frame': frame, 'enlarged': upscale(frame, 8, 3, 4)}
    write(f'{folder}/upscaler.weights.safetensors', weights, np.float16, {'scale': 4, 'size': 32, 'channels': 8, 'layers': 3})
    write(f'{folder}/upscaler.case.safetensors', case, np.float32, {})
    print({k: (tuple(v.shape), round(v.std().item(), 3)) for k, v in case.items()})
