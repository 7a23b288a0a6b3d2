"""What is in a clip of the starter's world: which object, how it moves, over which backdrop. Nothing here is learned.

A clip is uint8 [frames, 128, 128, 3] at 16 frames a second. The backdrop is the named one whose colours, row by row, are nearest to
those along the border. The foreground is what differs from that backdrop; its centre, area and turning make the track, and the track's
shape names the motion. The object is the drawing nearest to the foreground in shape and colour, at its own size (and angle, where it turns).
"""
import math
import random

import numpy as np
from PIL import Image

S, H = 128, 64     # side of a frame; of the masks
BANDS = 32          # rows of a palette
RING = 5            # border, pixels
N = 24              # side of a normalised crop
ANGLES = 24
BINS = 96           # of a full turn


# ---------------------------------------------------------------- small image tools

def wider(a):
    """Masks [n, h, w] grown by a pixel in every direction."""
    out = a.copy()
    out[:, 1:] |= a[:, :-1]
    out[:, :-1] |= a[:, 1:]
    row = out.copy()
    out[:, :, 1:] |= row[:, :, :-1]
    out[:, :, :-1] |= row[:, :, 1:]
    return out


def without_threads(a):
    """Masks without what is thinner than two pixels."""
    core = a[:, 1:, 1:] & a[:, :-1, 1:] & a[:, 1:, :-1] & a[:, :-1, :-1]
    out = np.zeros_like(a)
    for rows in (slice(1, None), slice(None, -1)):
        for cols in (slice(1, None), slice(None, -1)):
            out[:, rows, cols] |= core
    return out


def blurred(a, r):
    """Mean over (2r+1)^2 of images [n, h, w], zeros outside."""
    c = np.cumsum(np.cumsum(np.pad(a, ((0, 0), (r + 1, r), (r + 1, r))), 1), 2)
    k = 2 * r + 1
    return (c[:, k:, k:] - c[:, :-k, k:] - c[:, k:, :-k] + c[:, :-k, :-k]) / (k * k)


def halved(clip):
    n, h, w, c = clip.shape
    return clip.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4), dtype=np.float32)


def main_part(m):
    """Masks [n, H, H] without what does not hang together with their heaviest place."""
    inside = without_threads(m > .3)
    got = np.zeros_like(inside)
    seed = np.argmax((blurred(m, 5) * inside).reshape(len(m), -1), 1)
    got.reshape(len(m), -1)[np.arange(len(m)), seed] = True
    got &= inside
    for _ in range(80):
        more = wider(got) & inside
        if (more == got).all():
            break
        got = more
    return m * wider(got)


def nearest(pixels, colours):
    """Distance of every pixel [..., 3] to the nearest of the colours [n, 3]."""
    return np.sqrt(((pixels[..., None, :] - colours) ** 2).sum(-1).min(-1))


def clusters(x, k, rng, rounds=8):
    """k-means: centres that stand for at least 1 % of the pixels: stars and snowflakes are not colours of a backdrop."""
    c = x[rng.choice(len(x), k, replace=False)]
    for _ in range(rounds):
        which = ((x[:, None] - c) ** 2).sum(-1).argmin(1)
        c = np.stack([x[which == i].mean(0) if (which == i).any() else c[i] for i in range(k)])
    share = np.bincount(which, minlength=k) / len(x)
    return c[share >= .012]


# ---------------------------------------------------------------- the judge

class Judge:
    def __init__(self, world):
        self.world = world
        self.objects, self.motions, self.backdrops = list(world.OBJECTS), list(world.MOTIONS), list(world.BACKDROPS)
        self.palettes = {b: self.palette(b) for b in self.backdrops}
        ring = np.zeros((S, S), bool)
        ring[:RING] = ring[-RING:] = ring[:, :RING] = ring[:, -RING:] = True
        self.ring = ring
        self.banks = {}

    def palette(self, back):
        """Colours of each band of rows, [colours, 3] floats of 0..255."""
        w = self.world
        if back in w.COLORS:
            return [np.array([w.COLORS[back]], np.float32)] * BANDS
        rng, draws = np.random.RandomState(3), random.Random(3)
        v = np.concatenate([w.draw_scene(back, 1, draws) for _ in range(40)]).astype(np.float32)
        return [clusters(v[:, y:y + S // BANDS, ::7].reshape(-1, 3), 14, rng) for y in range(0, S, S // BANDS)]

    # ---- backdrop

    def backdrop(self, clip):
        """Names, the likeliest first, with their distances."""
        v = clip[np.linspace(0, len(clip) - 1, 5).astype(int)].astype(np.float32)
        out = []
        for b, bands in self.palettes.items():
            d = 0
            for i, colours in enumerate(bands):
                rows = slice(i * S // BANDS, (i + 1) * S // BANDS)
                d += np.minimum(nearest(v[:, rows][:, self.ring[rows]], colours), 45).sum()
            out.append((d / self.ring.sum() / len(v), b))
        return sorted(out)

    def foreground(self, clip, back):
        """Soft masks [frames, S/2, S/2] of what is not backdrop."""
        v = halved(clip)
        out = np.empty(v.shape[:3], np.float32)
        plain = back in self.world.COLORS
        whole = np.median(clip[::4, self.ring].reshape(-1, 3), 0)[None]
        for i, colours in enumerate(self.palettes[back]):
            rows = slice(i * H // BANDS, (i + 1) * H // BANDS)
            sides = np.concatenate([v[:, rows, :2], v[:, rows, -2:]], 2)
            own = whole if plain else np.median(sides, 2).reshape(-1, 3)[::max(1, len(v) // 4)]
            out[:, rows] = nearest(v[:, rows], own if plain else np.concatenate([colours, own]))
        return main_part(np.clip((out - 12) / 26, 0, 1))

    # ---- track

    def track(self, clip, masks):
        """Per frame: area (of the frame), centre x and y, whether the foreground touches the border; turn per frame in radians."""
        grid = (np.arange(H) + .5) / H
        area = masks.mean((1, 2)) + 1e-6
        x = (masks.mean(1) * grid).mean(1) / area
        y = (masks.mean(2) * grid).mean(1) / area
        touch = (masks[:, :1].max((1, 2)) > .5) | (masks[:, -1:].max((1, 2)) > .5) | (masks[:, :, :1].max((1, 2)) > .5) | (masks[:, :, -1:].max((1, 2)) > .5)
        return dict(area=area, x=x, y=y, touch=touch, turn=self.turning(clip, masks, x, y, area))

    @staticmethod
    def turning(clip, masks, x, y, area, step=2):
        """Angle between frames `step` apart, by the shift that makes their unrolled pictures alike."""
        a = np.arange(BINS) * 2 * math.pi / BINS
        unrolled = []
        for f in range(0, len(clip), step):
            r = math.sqrt(area[f]) * S * np.linspace(.12, .75, 12)[:, None]
            px = np.clip((x[f] * S + r * np.cos(a)).astype(int), 0, S - 1)
            py = np.clip((y[f] * S + r * np.sin(a)).astype(int), 0, S - 1)
            m = masks[f][py // 2, px // 2][..., None]
            u = np.concatenate([clip[f][py, px] / 255. * m, m], -1)
            u = u - u.mean(1, keepdims=True)
            unrolled.append(np.fft.rfft(u, axis=1))
        turns = []
        for u, w in zip(unrolled, unrolled[1:]):
            c = np.fft.irfft((np.conj(u) * w).sum((0, 2)), BINS)
            power = math.sqrt((abs(u) ** 2).sum() * (abs(w) ** 2).sum()) * 2 / BINS + 1e-9
            k = np.arange(-14, 15)
            i = int(np.argmax(c[k]))
            if 0 < i < len(k) - 1:  # between the bins
                l, m, r = c[k[i - 1]], c[k[i]], c[k[i + 1]]
                k = k[i] + .5 * (l - r) / (l - 2 * m + r - 1e-9)
            else:
                k = k[i]
            turns.append((k * 2 * math.pi / BINS / step, c.max() / power))
        return np.array(turns)

    def motion(self, t):
        """The motion's name, from the track."""
        ok = t['area'] > .35 * np.median(t['area'])
        free = ok & ~t['touch']
        use = free if free.sum() >= 8 else ok
        n = np.arange(len(t['x']))[use].astype(float)
        x, y, size = t['x'][use], t['y'][use], .5 * np.log(t['area'][use])
        span = lambda v: np.quantile(v, .97) - np.quantile(v, .03)

        def line(v):  # slope, and how far v is from a line, as a share of its span
            p = np.polyfit(n, v, 1)
            return p[0], np.abs(v - np.polyval(p, n)).mean() / (span(v) + 1e-6)

        (vx, bx), (vy, by), (vs, bs) = line(x), line(y), line(size)
        dx, dy = span(x), span(y)
        if min(dx, dy) > max(.12, .4 * max(dx, dy)) and max(bx, by) > .07:
            return 'circle'
        if max(dx, dy) > .13:
            if dx > dy:
                return 'swing' if bx > .07 else 'right' if vx > 0 else 'left'
            return 'bounce' if by > .07 else 'down' if vy > 0 else 'up'
        if abs(vs) * (n[-1] - n[0]) > .2 and bs < .12:
            return 'grow' if vs > 0 else 'shrink'
        if abs(np.median(t['turn'][:, 0])) > .06:
            return 'spin'
        if span(size - np.polyval(np.polyfit(n, size, 1), n)) > .16:
            return 'pulse'
        return 'still'

    # ---- object

    def bank(self, turned):
        """Object of every template, and the templates: shapes [n, N*N], shaped colours [n, N*N*3], their squares' sums."""
        if turned not in self.banks:
            which, out = [], []
            for i, o in enumerate(self.objects):
                im = self.world.sprite(o)[-1][1]
                for k in range(ANGLES if turned else 1):
                    q = im.rotate(-360 * k / ANGLES, Image.BILINEAR, expand=True) if k else im
                    q = q.crop(q.getchannel('a').point(lambda v: 255 if v > 60 else 0).getbbox())
                    side = max(q.size)
                    box = Image.new('RGBa', (side, side))
                    box.paste(q, ((side - q.width) // 2, (side - q.height) // 2))
                    p = np.asarray(box.resize((N, N), Image.BOX), np.float32) / 255
                    out.append(np.concatenate([p[..., :3] / np.maximum(p[..., 3:], .02), p[..., 3:]], -1))
                    which.append(i)
            bank = np.stack(out)
            a, c = bank[..., 3].reshape(len(bank), -1), bank[..., :3].reshape(len(bank), -1, 3)
            self.banks[turned] = np.array(which), (a, (a[..., None] * c).reshape(len(bank), -1), (a * (c ** 2).sum(-1)).sum(1), (a ** 2).sum(1))
        return self.banks[turned]

    def crops(self, frame, mask, jitter):
        ys, xs = np.where(mask > .5)
        if len(ys) < 12:
            return None
        x0, x1, y0, y1 = xs.min(), xs.max() + 1, ys.min(), ys.max() + 1
        cx, cy, side = (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0)
        ims = (Image.fromarray(frame), 2), (Image.fromarray((mask * 255).astype(np.uint8)), 1)
        out = []
        for k in ((.92, 1, 1.09) if jitter else (1,)):
            for dx in ((-.05, 0, .05) if jitter else (0,)):
                for dy in ((-.05, 0, .05) if jitter else (0,)):
                    h = side * k / 2
                    box = cx + dx * side - h, cy + dy * side - h, cx + dx * side + h, cy + dy * side + h
                    rgb, a = (np.asarray(i.transform((2 * N, 2 * N), Image.EXTENT, [z * v for v in box], Image.BILINEAR), np.float32).reshape(N, 2, N, 2, -1).mean((1, 3)) / 255 for i, z in ims)
                    out.append(np.concatenate([rgb, a], -1))
        return np.stack(out)

    @staticmethod
    def distance(crops, bank):
        """[crops, templates]: error of colour inside the template, and of shape."""
        a, ac, acc, aa = bank
        x, m = crops[..., :3].reshape(len(crops), -1, 3), crops[..., 3].reshape(len(crops), -1)
        colour = (x ** 2).sum(-1) @ a.T - 2 * x.reshape(len(x), -1) @ ac.T + acc
        shape = aa - 2 * m @ a.T + (m ** 2).sum(1)[:, None]
        return (colour + .5 * shape) / (N * N)

    def object(self, clip, masks, track, turned, frames=5):
        """Names, the likeliest first, with their distances."""
        area = track['area']
        good = np.where(~track['touch'] & (area > .5 * np.median(area)))[0]
        if len(good) < frames:
            good = np.argsort(-area * (1 - .5 * track['touch']))[:max(frames, len(good))]
        which, bank = self.bank(turned)
        total, seen = np.zeros(len(self.objects)), 0
        for f in good[np.linspace(0, len(good) - 1, frames).astype(int)]:
            first = self.crops(clip[f], masks[f], False)
            if first is None:
                continue
            d = self.distance(first, bank)[0]
            best = np.argsort(d)[:160]
            d[best] = self.distance(self.crops(clip[f], masks[f], True), tuple(v[best] for v in bank)).min(0)
            per = np.full(len(self.objects), np.inf)
            np.minimum.at(per, which, d)
            total += np.minimum(per, .5)
            seen += 1
        order = np.argsort(total)
        return [(total[i] / max(seen, 1), self.objects[i]) for i in order]

    # ---- all together

    def judge(self, clip):
        back = self.backdrop(clip)
        masks = self.foreground(clip, back[0][1])
        track = self.track(clip, masks)
        motion = self.motion(track)
        ranked = self.object(clip, masks, track, motion in ('spin', 'swing'))
        return dict(backdrop=back[0][1], motion=motion, object=ranked[0][1], top3=[o for _, o in ranked[:3]], track=track, masks=masks, ranked=ranked)
