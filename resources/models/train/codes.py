"""What the objects look like, as numbers for their words.

A word that is a random vector would have to teach the transformer its drawing from nothing. So the embedding of every object's own word
begins with the principal components of its drawing, measured over the whole set of drawings: one function
"components, place, size, angle -> picture" then serves all objects. The rows are trained on like all others.
"""
import glob
import os

import numpy as np
import torch

import world

SIDE = 28        # pixels of a drawing
POWER = .75      # of the standard deviation by which components are divided: 1 would count all alike

WORK = os.environ.get('KINOLOOM_TRAIN', 'work')


def flat(square):
    """Premultiplied drawing -> f32 [SIDE*SIDE*4]"""
    return np.asarray(square.resize((SIDE, SIDE), world.Image.BOX), np.float32).ravel() / 255


def compute(n, count=1500, seed=0):
    """{object: f32 [n]} with a mean square of about 1 over the set"""
    names = sorted(os.path.basename(p)[:-5] for p in glob.glob(os.path.join(world.ASSETS, '*.webp')))
    names = np.random.RandomState(seed).permutation([v for v in names if not any(f'-1f3f{d}' in v or v.startswith('1f3f' + d) for d in 'bcdef')])[:count]
    own = np.stack([flat(world.sprite(o)[-1][1]) for o in world.OBJECTS])
    rest = np.stack([flat(world.drawing(v)) for v in names])
    x = torch.from_numpy(np.concatenate([own, own, rest]))
    mean = x.mean(0)
    torch.manual_seed(seed)
    _, sd, basis = torch.pca_lowrank(x - mean, n, center=False, niter=4)
    scale = (sd / len(x) ** .5) ** POWER
    z = ((torch.from_numpy(own) - mean) @ basis) / scale
    z = z / z.pow(2).mean().sqrt()
    kept = 1 - ((torch.from_numpy(own) - mean) - ((torch.from_numpy(own) - mean) @ basis) @ basis.T).pow(2).sum() / (torch.from_numpy(own) - mean).pow(2).sum()
    print(f'{n} components keep {kept.item():.3f} of the objects\' variance; sd of the first and last {z[:, 0].std().item():.2f} {z[:, -1].std().item():.2f}', flush=True)
    return dict(zip(world.OBJECTS, z))


def codes(n):
    path = os.path.join(WORK, f'codes{n}.pt')
    if not os.path.exists(path):
        torch.save(compute(n), path + '.new')
        os.replace(path + '.new', path)
    return torch.load(path)


def begin(encoder, tokenizer, share=.75):
    """Sets the rows of a fresh encoder's objects: `share` of the dimensions are components, the rest is left to words."""
    n = int(encoder.token_embedding.weight.shape[1] * share)
    with torch.no_grad():
        rows = encoder.token_embedding.weight
        rows[:, :n] = 0
        rows[:, n:].normal_()
        for obj, z in codes(n).items():
            for word in world.distinctive(obj):
                i = tokenizer.ids['\u2581' + word]
                rows[i, :n] = z
                rows[i, n:] *= .3


if __name__ == '__main__':
    codes(192)
