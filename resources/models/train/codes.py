"""What the objects look like, as numbers for their words.

A word that is a random vector would have to teach the transformer its drawing from nothing. Here the text encoder knows the drawings from the start:
the embedding of every object's own word holds the principal components of its drawing, and the encoder's first layer is set by hand so that
16 words which the tokenizer puts before every text (text.PARTS) fetch them from the object's word and turn them into the 4 x 4 parts of its picture,
each as the codec's latents of that part. The transformer then only has to find and place parts, which is what attention does well.
"""
import glob
import os

import numpy as np
import torch

import world
from codec import Codec
from text import PARTS

SIDE = 28        # pixels of a drawing
POWER = .75      # of the standard deviation by which components are divided: 1 would count all alike
CODE, WORDS = 192, 256              # dimensions of an encoder row: components [0, CODE), words [CODE, WORDS),
OBJECT, PART, WHICH, FILL, LOOK = 256, 257, 258, 274, 275  # flags of objects and parts, which part, filler, the part's look
LOOKS = 44                          # numbers of a part: 32 latents and 12 components of its outline

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')


def flat(square):
    """Premultiplied drawing -> f32 [SIDE*SIDE*4]"""
    return np.asarray(square.resize((SIDE, SIDE), world.Image.BOX), np.float32).ravel() / 255


def compute(n, count=1500, seed=0):
    """{object: f32 [n]} with a mean square of about 1 over the set"""
    names = sorted(os.path.basename(p)[:-5] for p in glob.glob(os.path.join(world.ASSETS, '*.webp')))
    names = np.random.RandomState(seed).permutation([v for v in names if not any(f'-1f3f{d}' in v or v.startswith('1f3f' + d) for d in 'bcdef')])[:count]
    own = torch.from_numpy(np.stack([flat(world.sprite(o)[-1][1]) for o in world.OBJECTS]))
    x = torch.cat([own, own, torch.from_numpy(np.stack([flat(world.drawing(v)) for v in names]))])
    mean = x.mean(0)
    torch.manual_seed(seed)
    _, sd, basis = torch.pca_lowrank(x - mean, n, center=False, niter=4)
    z = ((own - mean) @ basis) / (sd / len(x) ** .5) ** POWER
    kept = ((own - mean) @ basis).pow(2).sum() / (own - mean).pow(2).sum()
    print(f'{n} components keep {kept.item():.3f} of the objects\' variance', flush=True)
    return dict(zip(world.OBJECTS, z / z.pow(2).mean().sqrt()))


def codes(n=CODE):
    path = os.path.join(WORK, f'codes{n}.pt')
    if not os.path.exists(path):
        torch.save(compute(n), path + '.new')
        os.replace(path + '.new', path)
    return torch.load(path)


def looks():
    """{object: f32 [16, LOOKS]}: its parts when it stands still in the middle, four cells wide"""
    codec, latents, outlines = Codec(), [], []
    dark = codec.encode(np.zeros((1, world.SIZE, world.SIZE, 3), np.uint8))[0]
    for obj in world.OBJECTS:
        video, mask = np.zeros((1, world.SIZE, world.SIZE, 3), np.uint8), np.zeros((1, world.SIZE, world.SIZE), np.uint8)
        world.paste(video, mask, obj, *(np.full(1, v, np.float32) for v in (.5, .5, .5, 0)))
        latents.append((codec.encode(video)[0] - dark)[:, 2:6, 2:6].permute(1, 2, 0).reshape(16, -1))
        outlines.append(torch.from_numpy(mask[0, 32:96, 32:96] / np.float32(255)).view(4, 4, 4, 4, 4, 4).mean((2, 5)).permute(0, 2, 1, 3).reshape(16, 16))
    latents, outlines = torch.stack(latents), torch.stack(outlines)
    flat = outlines.flatten(0, 1) - outlines.mean((0, 1))
    _, _, basis = torch.linalg.svd(flat, full_matrices=False)
    few = flat @ basis[:LOOKS - latents.shape[-1]].T
    few = few / few.pow(2).mean(0).sqrt().clamp(min=.05) * .7
    return dict(zip(world.OBJECTS, torch.cat([latents, few.view(len(latents), 16, -1)], -1)))


@torch.no_grad()
def rows(encoder, tokenizer, fresh=True):
    """The embeddings: fresh ones, or trained ones of the first WORDS dimensions made ready for fetch()."""
    e = encoder.token_embedding.weight
    if fresh:
        e.normal_()
        e[:, :CODE] = 0
        for obj, z in codes().items():
            for word in world.distinctive(obj):
                i = tokenizer.ids['\u2581' + word]
                e[i, :CODE] = z
                e[i, CODE:WORDS] *= .3
    e[:, WORDS:] = 0
    for obj in world.OBJECTS:
        for word in world.distinctive(obj):
            i = tokenizer.ids['\u2581' + word]
            e[i, OBJECT] = 2
            e[i, FILL] = (e.shape[1] - e[i].pow(2).sum()).clamp(min=0).sqrt()  # all objects' rows are of one length
    for k, p in enumerate(PARTS):
        i = tokenizer.ids['\u2581' + p]
        e[i] = 0
        e[i, PART], e[i, WHICH + k] = 6, 2


@torch.no_grad()
def fetch(encoder, tokenizer):
    """The first layer: attention copies the object's components into the parts' rows, the gated product turns them into looks."""
    layer = encoder.blocks[0]
    for q in layer.parameters():
        q.zero_()
    layer.norm1.weight.fill_(1), layer.norm2.weight.fill_(1)
    a, heads = layer.attn, layer.attn.heads
    size, each = a.q.weight.shape[0] // heads, CODE // heads
    for h in range(heads):
        a.q.weight[h * size, PART], a.k.weight[h * size, OBJECT] = 1, .6
        for r in range(each):
            a.v.weight[h * size + r, h * each + r] = a.o.weight[h * each + r, h * size + r] = 1
    a.v.weight[each, FILL], a.o.weight[-1, each] = 1, 1
    last = encoder.token_embedding.weight.shape[1] - 1
    # what the gated product will see of every object, and what it is to make of it
    names = list(world.OBJECTS)
    ids = torch.tensor([[tokenizer.ids['\u2581' + p] for p in PARTS] + [tokenizer.ids['\u2581' + world.distinctive(o)[0]], 1] for o in names])
    x = encoder.token_embedding(ids)
    x = layer.norm2(x + a(layer.norm1(x), torch.zeros(1)))[:, 0]
    want = looks()
    seen = torch.cat([x[:, :CODE], x[:, PART:PART + 1]], 1)
    inverse = torch.linalg.inv(seen.T @ seen + .05 * torch.eye(seen.shape[1])) @ seen.T
    f, at, error = layer.ffn, 0, 0.
    for k in range(len(PARTS)):
        target = torch.stack([want[o][k] for o in names])
        w = inverse @ target
        error += (seen @ w - target).pow(2).mean().item() / len(PARTS)
        unit = slice(at, at + LOOKS)
        f.gate[0].weight[unit, WHICH + k], f.gate[0].weight[unit, PART] = 3.7, -.7
        f.fc1.weight[unit, :CODE], f.fc1.weight[unit, PART] = w[:CODE].T, w[CODE]
        f.fc2.weight[torch.arange(LOOK, LOOK + LOOKS), torch.arange(at, at + LOOKS)] = .33
        at += LOOKS
    fetched = [*range(CODE), last]  # and takes what it fetched away again
    for n, i in enumerate(fetched):
        f.gate[0].weight[at + n, PART], f.fc1.weight[at + n, i], f.fc2.weight[i, at + n] = .53, 1, -.35
    print(f'looks of the parts: mean square {torch.stack([want[o] for o in names]).pow(2).mean().item():.3f}, error {error:.4f}', flush=True)


def begin(encoder, tokenizer):
    rows(encoder, tokenizer)
    fetch(encoder, tokenizer)


if __name__ == '__main__':
    codes()
