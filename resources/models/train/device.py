"""Arithmetic that is fast where the training runs."""
import contextlib

import torch


def has_bf16():
    """Whether bf16 products are native here; elsewhere a CPU is many times faster in f32 (with OpenBLAS, not the reference BLAS)."""
    try:
        flags = open('/proc/cpuinfo').read()
    except OSError:
        return False
    return 'amx_bf16' in flags or 'avx512_bf16' in flags


def fast_type(device):
    return torch.bfloat16 if torch.device(device).type == 'cuda' or has_bf16() else torch.float32


def fast(device):
    """Context in which a network runs: autocast to bf16, or nothing."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16) if fast_type(kind) == torch.bfloat16 else contextlib.nullcontext()
