"""Writes the trained weights as the model folder that the program loads (F16), and a reference case for the engine's tests."""
import argparse
import json
import os
import shutil
import struct

import numpy as np
import torch

import upscaler
import words
import world
from autoencoder import AutoEncoder
from sampling import PROMPTS, load, sample
from text import TextEncoder, Tokenizer, make_tokenizer, pad_ids
from transformer import CHUNK, Transformer

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')
HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULTS = {'width': 128, 'height': 128, 'fps': '16/1', 'seconds': 5, 'steps': 16, 'guidance': 2.0, 'shift': 3.0, 'solver': 'euler'}
QUICK = {'steps': 4, 'guidance': 1.0}  # what distill.py makes
DTYPES = {torch.float16: 'F16', torch.float32: 'F32', torch.int32: 'I32'}


def write_safetensors(path, tensors, metadata):
    header, offset = {'__metadata__': metadata}, 0
    for name, t in tensors.items():
        n = t.numel() * t.element_size()
        header[name] = {'dtype': DTYPES[t.dtype], 'shape': list(t.shape), 'data_offsets': [offset, offset + n]}
        offset += n
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)))
        f.write(text)
        for t in tensors.values():
            f.write(t.contiguous().numpy().tobytes())


def read_safetensors(path):
    data = open(path, 'rb').read()
    n = struct.unpack('<Q', data[:8])[0]
    header = json.loads(data[8:8 + n])
    kinds = {'F16': np.float16, 'F32': np.float32, 'I32': np.int32}
    meta = header.pop('__metadata__', {})
    return {k: torch.from_numpy(np.frombuffer(data[8 + n + v['data_offsets'][0]:8 + n + v['data_offsets'][1]], kinds[v['dtype']]).reshape(v['shape']).copy())
            for k, v in header.items()}, meta


def export(out, name, model, title):
    os.makedirs(out, exist_ok=True)
    enc, net, tok, state = load(os.path.join(WORK, name + '.pt'))
    half = lambda sd: {k: v.half() for k, v in sd.items()}
    write_safetensors(f'{out}/transformer.safetensors', half(net.state_dict()), {'format': 'pt', 'config': json.dumps(net.config)})
    write_safetensors(f'{out}/text_encoder.safetensors', half(enc.state_dict()), {'format': 'pt', 'config': json.dumps(enc.config)})
    ae_path = os.path.join(WORK, 'ae.pt')
    ae = AutoEncoder()
    ae_steps = 0
    if os.path.exists(ae_path):
        s = torch.load(ae_path, map_location='cpu')
        ae.load_state_dict(s['ema'])
        ae_steps = s['it']
    write_safetensors(f'{out}/vae.safetensors', half(ae.state_dict()), {'format': 'pt', 'config': json.dumps(ae.config)})
    dump = lambda path, value, indent=2: open(path, 'w').write(json.dumps(value, ensure_ascii=False, indent=indent) + '\n')
    dump(f'{out}/tokenizer.json', make_tokenizer(), 1)
    dump(f'{out}/model.json', {
        'format': 1, 'name': model, 'title': title,
        'license': 'MIT', 'family': 'wan-causal', 'transformer': 'transformer.safetensors', 'text_encoder': 'text_encoder.safetensors',
        'tokenizer': 'tokenizer.json', 'vae': 'vae.safetensors', 'defaults': {**DEFAULTS, **(QUICK if 'steps' in state else {})},
        'words': 'words.json',
        'examples': [PROMPTS[i] for i in (0, 8, 9)]})
    with open(f'{out}/words.json', 'w') as f:
        f.write(words.text())
    if os.path.exists(f'{out}/upscaler.safetensors'):
        upscaler.declare(out)
    shutil.copy(os.path.join(HERE, 'ATTRIBUTION.md'), out)
    size = sum(os.path.getsize(os.path.join(out, f)) for f in os.listdir(out))
    print(f'{out}: transformer step {state["it"]} ({state["clips"]} clips), autoencoder step {ae_steps}, {size / 1e6:.1f} MB')


def open_export(out):
    read = lambda f: read_safetensors(f'{out}/{f}.safetensors')
    w, meta = read('text_encoder')
    enc = TextEncoder(**json.loads(meta['config']))
    enc.load_state_dict({k: v.float() for k, v in w.items()})
    w, meta = read('transformer')
    c = json.loads(meta['config'])
    net = Transformer(c['out_dim'], c['text_dim'], c['dim'], c['ffn_dim'], c['num_heads'], c['num_layers'], c['freq_dim'], c['text_len'])
    net.load_state_dict({k: v.float() for k, v in w.items()})
    w, meta = read('vae')
    c = json.loads(meta['config'])
    ae = AutoEncoder(c['latent_channels'], c['encoder_width'], tuple(c['decoder_widths']), c['patch_size'])
    ae.load_state_dict({k: v.float() for k, v in w.items()})
    return enc.eval(), net.eval(), ae.eval(), Tokenizer(json.load(open(f'{out}/tokenizer.json')))


@torch.no_grad()
def case(out, path, chunks=2, steps=8, guidance=2., shift=3.):
    """Reference for the engine: from noise to pixels with the exported weights, in f32."""
    enc, net, ae, tok = open_export(out)
    prompt = PROMPTS[0]
    ids = tok(prompt)
    rows = enc(pad_ids([ids], len(ids)))[0]
    noise = torch.randn(1, chunks * CHUNK, net.latent, 8, 8, generator=torch.Generator().manual_seed(1))
    z = sample(enc, net, tok, [prompt], chunks, steps, guidance, shift, noise=noise)
    video = ae.decode(z)[0].clamp(0, 1)
    again = ae.encode(video[None])[0]
    first = ae.encode(video[None, :1])[0]
    zi = sample(enc, net, tok, [prompt], 1, steps, guidance, shift, noise=noise[:, :CHUNK], first=first[:1])
    v1 = None
    # one plain velocity, to find a difference quickly
    ctx = net.context(rows[None])
    v1 = net(noise[:, :CHUNK], torch.full((1, CHUNK), 1000.), torch.arange(CHUNK), ctx)[0]
    write_safetensors(path, {'ids': torch.tensor(ids, dtype=torch.int32), 'text': rows, 'noise': noise[0], 'velocity_first_step': v1, 'latents': z[0],
                             'frames': video, 'encoded': again, 'first_frame_latent': first[0], 'latents_given_first_frame': zi[0]},
                      {'prompt': prompt, 'config': json.dumps({'steps': steps, 'guidance': guidance, 'shift': shift, 'solver': 'euler', 'chunks': chunks, 'renoise': False,
                       'note': 'noise, latents: [frames, channels, h, w]; velocity_first_step: chunk 0 at t=1000, with the prompt; encoded: encoder of frames; '
                               'first_frame_latent: encoder of frame 0 alone; latents_given_first_frame: chunk 0 from the same noise with the first frame given'})})
    print(path, 'latents sd', z.std().item(), 'frames', tuple(video.shape))


if __name__ == '__main__':
    p = argparse.ArgumentParser()
    p.add_argument('--out', default=os.path.join(HERE, '..', 'starter-video'))
    p.add_argument('--name', default='dit', help='checkpoint')
    p.add_argument('--model', default='starter-video')
    p.add_argument('--title', default='Starter (a small world of moving things)')
    p.add_argument('--case', help='also write a reference case to this file')
    a = p.parse_args()
    torch.set_num_threads(1)
    export(a.out, a.name, a.model, a.title)
    if a.case:
        case(a.out, a.case)
