#!/usr/bin/env python3
"""Writes the seeds of corpus/: small valid files and typical lies. Run by hand when a format learns something new."""
import base64
import json
import pathlib
import struct

root = pathlib.Path(__file__).parent / 'corpus'


def put(kind, name, data):
    folder = root / kind
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def safetensors(header, data=b''):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + data


def entry(dtype, shape, a, b):
    return {'dtype': dtype, 'shape': shape, 'data_offsets': [a, b]}


put('safetensors', 'valid', safetensors({
    '__metadata__': {'config': '{"dim": 8, "shift": 3.0, "kind": "t2v"}', 'format': 'pt'},
    'model.diffusion_model.a': entry('F32', [2, 2], 0, 16), 'b': entry('BF16', [2], 16, 20), 'c': entry('F16', [], 20, 22),
    'd': entry('I64', [1], 22, 30), 'e': entry('F8_E4M3', [2], 30, 32)}, bytes(range(32))))
put('safetensors', 'diffusers', safetensors({
    'blocks.0.attn1.to_q.weight': entry('F16', [1, 2], 0, 4), 'blocks.0.norm2.weight': entry('F16', [0], 4, 4),
    'condition_embedder.time_proj.bias': entry('F32', [1], 4, 8)}, bytes(8)))
put('safetensors', 'hf_t5', safetensors({
    'shared.weight': entry('F16', [1, 2], 0, 4), 'encoder.embed_tokens.weight': entry('F16', [1, 2], 4, 8),
    'encoder.block.0.layer.0.SelfAttention.q.weight': entry('F32', [1], 8, 12)}, bytes(12)))
put('safetensors', 'vae', safetensors({
    'decoder.mid_block.resnets.0.conv1.weight': entry('F16', [1], 0, 2), 'decoder.up_blocks.1.resnets.0.norm1.gamma':
    entry('F16', [1, 1, 1], 2, 4)}, bytes(4)))
put('safetensors', 'overlap', safetensors({'a': entry('F32', [2], 0, 8), 'b': entry('F32', [2], 4, 12)}, bytes(12)))
put('safetensors', 'outside', safetensors({'a': entry('F32', [2], 8, 16)}, bytes(8)))
put('safetensors', 'overflow', safetensors({'a': entry('F32', [2**32, 2**32], 0, 0)}))
put('safetensors', 'duplicate', safetensors(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":'
                                             b'{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'))
put('safetensors', 'escapes', safetensors(b'{"\\u00e9\\ud83d\\ude80\\n":{"dtype":"F32","shape":[1e0],"x":[true,null,-1.5e-3]}}'))
put('safetensors', 'deep', safetensors(b'{"a":' + b'[' * 100))
put('safetensors', 'unaligned', safetensors(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} ', bytes(4)))
put('safetensors', 'huge_header', struct.pack('<Q', 2**63) + b'{}')


def s(x):
    x = x.encode()
    return struct.pack('<Q', len(x)) + x


def kv(key, kind, value):
    return s(key) + struct.pack('<I', kind) + value


def info(name, dims, kind, offset):
    return s(name) + struct.pack('<I', len(dims)) + struct.pack(f'<{len(dims)}Q', *dims) + struct.pack('<IQ', kind, offset)


def gguf(keys, tensors, data=b'', version=3, align=32):
    head = b'GGUF' + struct.pack('<IQQ', version, len(tensors), len(keys)) + b''.join(keys) + b''.join(tensors)
    return head + bytes(-len(head) % align) + data


put('gguf', 'valid', gguf(
    [kv('general.architecture', 8, s('wan')), kv('general.alignment', 4, struct.pack('<I', 32)),
     kv('f', 6, struct.pack('<f', 0.5)), kv('b', 7, b'\1'), kv('d', 12, struct.pack('<d', 1e300)), kv('n', 11, struct.pack('<q', -5)),
     kv('t', 9, struct.pack('<IQ', 8, 2) + s('a') + s('b')), kv('m', 9, struct.pack('<IQIQ', 9, 1, 0, 3) + b'abc'),
     kv('comfy.gguf.orig_shape.x', 9, struct.pack('<IQ5i', 5, 5, 2, 1, 1, 2, 2))],
    [info('x', [8], 0, 0), info('q', [32, 1], 8, 32), info('k', [256], 14, 96), info('old', [32], 2, 320), info('h', [4], 1, 352),
     info('u', [4], 30, 384)], bytes(i % 50 for i in range(400))))
put('gguf', 't5', gguf([], [info('enc.blk.0.attn_q.weight', [2, 2], 0, 0), info('token_embd.weight', [2], 0, 32)], bytes(64)))
put('gguf', 'v2', gguf([], [info('a', [2], 0, 0)], bytes(8), version=2))
put('gguf', 'q4k', gguf([], [info('a', [256], 12, 0), info('b', [256], 13, 160)], bytes(352)))
put('gguf', 'overlap', gguf([], [info('a', [16], 0, 0), info('b', [2], 0, 32)], bytes(64)))
put('gguf', 'outside', gguf([], [info('a', [2], 0, 2**63)], bytes(8)))
put('gguf', 'overflow', gguf([], [info('a', [2**40, 2**40], 0, 0)], bytes(8)))
put('gguf', 'many', b'GGUF' + struct.pack('<IQQ', 3, 2**60, 2**60))
put('gguf', 'nested', gguf([kv('a', 9, struct.pack('<IQ', 9, 1) * 20)], []))
put('gguf', 'long_array', gguf([kv('a', 9, struct.pack('<IQ', 10, 2**61))], []))


def field(number, data):
    if isinstance(data, int):
        return bytes([number << 3, data]) if number < 16 else bytes([(number << 3) & 127 | 128, number >> 4, data])
    n, out = len(data), b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return bytes([number << 3 | 2]) + out + bytes([n]) + data


def piece(text, score, kind=1):
    return field(1, field(1, text.encode()) + bytes([2 << 3 | 5]) + struct.pack('<f', score) + field(3, kind))


vocab = [('<pad>', 0, 3), ('</s>', 0, 3), ('<unk>', 0, 2), ('\u2581', -3, 1), ('a', -1, 1), ('b', -2, 1), ('ab', -2.5, 1), ('fox', -4, 1),
         ('\u2581fox', -3, 1), ('<tag>', 0, 4), ('zz', -1, 5), (' ', -2, 1)]
pieces = b''.join(piece(*p) for p in vocab)


def trie_map():
    """A double array with the one key "A" -> "a"."""
    units = [0] * 256
    units[0] = 1 << 10  # children at 0 ^ 1
    at = 1 ^ ord('A')
    units[at] = (1 << 8) | (2 << 10) | ord('A')  # a value below, at at ^ 2
    units[at ^ 2] = 1 << 31 | 0
    blob = struct.pack('<256I', *units)
    return struct.pack('<I', len(blob)) + blob + b'a\0'


trainer = field(3, 1) + field(40, 2) + field(42, 1) + field(43, 0)
put('tokenizer', 'spiece', pieces + field(2, trainer) + field(3, field(2, trie_map()) + field(3, 1) + field(4, 1) + field(5, 1)))
put('tokenizer', 'spiece_suffix', pieces + field(2, trainer + field(24, 1)) + field(3, field(3, 1) + field(4, 0) + field(5, 0)))
put('tokenizer', 'spiece_bytes', pieces + b''.join(piece(f'<0x{i:02X}>', 0, 6) for i in range(256)) + field(2, trainer + field(35, 1)))
put('tokenizer', 'spiece_bpe', pieces + field(2, field(3, 2)))
put('tokenizer', 'spiece_bad_map', pieces + field(2, trainer) + field(3, field(2, b'\x04\0\0\0\0\xff\xff\xff\0')))


def tokenizer(**more):
    base = {'version': '1.0', 'added_tokens': [{'id': 1, 'content': '</s>', 'special': True}],
            'pre_tokenizer': {'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': 'always', 'split': True},
            'post_processor': {'type': 'TemplateProcessing', 'single': [{'Sequence': {'id': 'A'}}, {'SpecialToken': {'id': '</s>'}}]},
            'model': {'type': 'Unigram', 'unk_id': 2, 'vocab': [[p[0], p[1]] for p in vocab]}}
    return json.dumps({**base, **more}, ensure_ascii=False).encode()


put('tokenizer', 'json', tokenizer(normalizer={'type': 'Sequence', 'normalizers': [
    {'type': 'NFKC'}, {'type': 'Lowercase'}, {'type': 'Strip', 'strip_left': True, 'strip_right': True},
    {'type': 'Replace', 'pattern': {'Regex': ' {2,}'}, 'content': ' '}, {'type': 'Prepend', 'prepend': '\u2581'}]}))
put('tokenizer', 'json_map', tokenizer(normalizer={'type': 'Precompiled', 'precompiled_charsmap': base64.b64encode(trie_map()).decode()}))
put('tokenizer', 'json_split', tokenizer(pre_tokenizer={'type': 'Sequence', 'pretokenizers': [
    {'type': 'WhitespaceSplit'}, {'type': 'Punctuation', 'behavior': 'Isolated'}, {'type': 'Metaspace', 'add_prefix_space': True}]}))
put('tokenizer', 'json_regex', tokenizer(normalizer={'type': 'Replace', 'pattern': {'Regex': '[^a-z\\s]+'}, 'content': '\u00e9'}))
put('tokenizer', 'json_bytes', json.dumps({'model': {'unk_id': 0, 'byte_fallback': True, 'vocab': [['<unk>', 0]] + [
    [f'<0x{i:02X}>', 0] for i in range(256)]}}).encode())
put('tokenizer', 'json_bpe', b'{"model":{"type":"BPE","vocab":{},"merges":[]}}')
put('tokenizer', 'json_empty', b'{}')
put('tokenizer', 'json_escapes', b'{"model":{"unk_id":0,"vocab":[["\\u003c\\ud83d\\ude80",-1.25e1],["\\"\\\\\\/",0]]}}')


def text(kind, name, value):
    put(kind, name, value.encode() if isinstance(value, str) else json.dumps(value).encode())


BRIEF = {'kinoloom_brief': 1, 'canvas': 'slide', 'title': 'One', 'subtitle': {'id': 'under', 'text': '<b>Two</b>\u0007\u0000'},
         'palette': {'base': 'ink', 'accent': '#ff0080'}, 'fonts': {'heading': 'Inter'}, 'density': 'airy', 'language': 'ar', 'picture': 'a fox',
         'sections': [{'id': 'first', 'heading': 'H', 'body': ['a', 'b'], 'number': {'value': 42, 'label': 'of all'}, 'icon': 'sun'},
                      {'list': {'entries': ['x', 'y'], 'ordered': True}, 'quote': {'text': 'Q', 'by': 'W'}, 'chart': {'csv': 'a,1\nb,nan\nc,3'}},
                      {'content': [{'chart': {'labels': ['a', 'b'], 'series': [{'name': 'n', 'values': [1, None]}, {'values': [2, 3e300]}]}},
                                   {'chart': {'events': [{'when': '1969', 'what': 'Moon'}]}}]}],
         'background': {'prompt': 'mist', 'alt': 'fog'},
         'constraints': [{'a': 'title', 'relation': 'top', 'b': 'canvas'}, {'fix': 'picture', 'box': [0, 0, 100, 90.5]}],
         'layout': {'use': 'refine', 'elements': [{'id': 'under', 'box': [1, 2, None, 4]}]}}
text('brief', 'full', BRIEF)
text('brief', 'newer', {'kinoloom_brief': 2, 'title': 'x'})
text('brief', 'empty', {'kinoloom_brief': 1})
text('brief', 'deep', '[' * 2000)
text('brief', 'twice', '{"kinoloom_brief":1,"title":"a","title":"b"}')
text('brief', 'types', {'kinoloom_brief': 1, 'title': [1, None, {}], 'sections': [3], 'chart': [[]], 'list': [[], ['a']], 'constraints': 5})
text('brief', 'numbers', {'kinoloom_brief': 1, 'number': [1e308, -0.0, 1e-320], 'canvas': {'width': 10**18, 'height': -5}})
text('brief', 'one_value', {'kinoloom_brief': 1, 'chart': {'csv': 'sales,$ 12'}})
text('brief', 'utf8', b'{"kinoloom_brief":1,"title":"\xff"}'.decode('latin-1'))
text('brief', 'markdown', """---
canvas: 800x600
palette: ink
background: soft fog
---
# A *fine* title

What it is

![a fox](<>)
![a fox]()
## First
Some **bold** [link](x) words \\* and `code`
- one
  goes on
1. a
> To be
> -- Hamlet
:sun:
**42 %** of all

```chart pie Shares
a,60
b,"40"
```
| year | cars |
|---|---|
| 2001 | 5 |
| 2002 | x |
""")
text('brief', 'markdown_empty_when', '|\n||x:\n')
text('brief', 'markdown_open', '---\ncanvas')
text('brief', 'markdown_fence', '```chart\nfile: x.csv\n')
text('brief', 'markdown_marks', '# **\n\n**[*`]((**\\\n![](\n>\n|\n||\n:\n::\n1.\n- \n')
LAYOUT = {'kinoloom_layout': 1, 'canvas': [1080, 1080], 'exemplar': 'x', 'score': {'alignment': 0, 'overlap': 0.5, 'iou': 1, 'total': 2},
          'elements': [{'id': 'background', 'type': 'background', 'box': [0, 0, 1080, 1080], 'z': 0},
                       {'id': 'title', 'type': 'title', 'box': [1.234, 2, 300, 100], 'z': 2, 'text_px': 40, 'align': 'centre', 'valign': 'middle', 'ink': 'accent',
                        'fill': 'panel', 'radius': 3, 'pad': 4, 'locked': True},
                       {'id': 'p', 'type': 'body', 'item': 'body', 'box': [-5, 400, 9, 2]}],
          'relations': [{'a': 'title', 'relation': 'top', 'b': 'canvas'}]}
text('layout', 'full', LAYOUT)
text('layout', 'newer', {**LAYOUT, 'kinoloom_layout': 2})
text('layout', 'huge', {**LAYOUT, 'elements': [{'id': 'a', 'type': 'body', 'box': [0, 0, 1e308, 1e-300]}]})
text('layout', 'twice', {**LAYOUT, 'elements': LAYOUT['elements'][1:] * 2})
text('layout', 'relation', {**LAYOUT, 'relations': [{'a': 'nobody', 'relation': 'left', 'b': 'title'}]})
text('layout', 'types', {'kinoloom_layout': 1, 'canvas': {}, 'elements': 7})
HTML = '<html><div class="canvas" style="left: 0px; top: 0px; width: 896px; height: 2240px"></div>' \
       '<div class="title" style="index: 0; left: 60px; top: 50px; width: 700px; height: 150px"></div>' \
       "<div class='body' style='left:60px;top:400.5px;width:99999px;height:1px'></div><div class=\"body\" style=\"index: 1e9; left"
ANSWER = json.dumps({'choices': [{'message': {'content': HTML}}, {'text': HTML}, {}, 3]})
text('answer', 'html', HTML)
text('answer', 'json', ANSWER)
text('answer', 'length', f'HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\n\r\n{ANSWER}')
text('answer', 'chunked', f'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{len(ANSWER):x}\r\n{ANSWER}\r\n0\r\n\r\n')
text('answer', 'cut', 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{')
text('answer', 'chunk_overflow', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx')
text('answer', 'refused', 'HTTP/1.1 500 Oops\x1b[31m\r\n\r\n')
