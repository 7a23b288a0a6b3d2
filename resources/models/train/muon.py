"""Muon: momentum, orthogonalised by four Newton-Schulz steps."""
import torch

from device import fast_type


class Muon:
    """For matrices inside a network (a convolution counts as [out, in*k*k]); those of one shape go together."""

    def __init__(self, params, lr=.01, momentum=.95, decay=.01):
        self.groups = {}
        for p in params:
            self.groups.setdefault((p.shape[0], p[0].numel()), []).append(p)
        self.momentum, self.decay, self.lr = momentum, decay, lr
        self.buf = {s: torch.zeros(len(ps), *s, device=ps[0].device) for s, ps in self.groups.items()}

    def part(self, rank, workers):
        """The share of one worker: of every shape the matrices first .. last."""
        return {s: (len(ps) * rank // workers, len(ps) * (rank + 1) // workers) for s, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, part=None):
        for shape, ps in self.groups.items():
            first, last = part[shape] if part else (0, len(ps))
            ps = ps[first:last]
            if not ps:
                continue
            g = torch.stack([p.grad.flatten(1) for p in ps])
            b = self.buf[shape][first:last].mul_(self.momentum).add_(g, alpha=1 - self.momentum)
            u = g.mul_(1 - self.momentum).add_(b, alpha=self.momentum).to(fast_type(b.device))
            tall = shape[0] > shape[1]
            u = u.transpose(1, 2).contiguous() if tall else u
            u = u / (u.float().flatten(1).norm(dim=1)[:, None, None] + 1e-7).to(u.dtype)
            for _ in range(4):
                a = u @ u.transpose(1, 2)
                a = -4.7750 * a + 2.0315 * (a @ a)
                u = 3.4445 * u + a @ u
            u = (u.transpose(1, 2) if tall else u).float()
            k = self.lr * max(1, shape[0] / shape[1]) ** .5
            for p, d in zip(ps, u):
                p.mul_(1 - self.lr * self.decay).add_(d.view(p.shape), alpha=-k)
