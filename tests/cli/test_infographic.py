#!/usr/bin/env python3
"""kinoloom render infographic: every format, what it carries, what it refuses, and that a killed video goes on."""
import json
import os
import shutil
import signal
import struct
import subprocess
import zlib

import kit

BRIEF = """---
canvas: 400x600
palette: ocean
language: en
---
# A small piece

With a line below it

## First section
:leaf:

Words & <b>signs</b> that are shown as they are.

```chart bar Things
Kind,n
Ones,3
Twos,5
```

- an entry
- another entry

![a red heart]()
"""


def png(path, width, height):
    """A grey PNG of any size."""
    raw = zlib.compress(b'\0' * ((width + 1) * height), 9)
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)) + chunk(b'IDAT', raw) +
                     chunk(b'IEND', b''))


class Infographic(kit.Case):
    def setUp(self):
        super().setUp()
        self.brief = self.dir / 'brief.md'
        self.brief.write_text(BRIEF)

    def draw(self, *args, brief='brief.md', **kw):
        return self.run_('render', 'infographic', brief, '--seed', '3', *args, **kw)

    def text(self, *command):
        return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True, cwd=self.dir).stdout

    def test_svg(self):
        done = self.ok(self.draw('-o', 'a.svg'))
        self.assertEqual(done.out, 'a.svg\n')
        svg = (self.dir / 'a.svg').read_text()
        for part in ('<title id="title">A small piece</title>', '@font-face', 'role="heading" aria-level="1"', 'role="img"',
                     '&lt;b&gt;signs&lt;/b&gt;', 'data:image/png', 'trainedAlgorithmicMedia', 'kl:job'):
            self.assertIn(part, svg)
        order = [svg.index(w) for w in ('>A small piece</tspan>', '>First section</tspan>', '>Ones</tspan>', '>another entry</tspan>')]
        self.assertEqual(order, sorted(order))
        if shutil.which('xmllint'):
            self.text('xmllint', '--noout', 'a.svg')

    def test_pdf(self):
        self.ok(self.draw('-o', 'a.pdf'))
        self.assertIn(b'/Alt <FEFF', (self.dir / 'a.pdf').read_bytes())
        if not shutil.which('pdftotext'):
            self.skipTest('poppler-utils is not installed')
        text = ' '.join(self.text('pdftotext', '-raw', 'a.pdf', '-').split())
        order = [text.index(w) for w in ('A small piece', 'With a line below it', 'First section', '<b>signs</b>', 'Ones', 'another entry')]
        self.assertEqual(order, sorted(order))
        fonts = self.text('pdffonts', 'a.pdf').splitlines()[2:]
        self.assertTrue(fonts)
        for line in fonts:
            self.assertRegex(line, r'yes yes yes')
        info = self.text('pdfinfo', 'a.pdf')
        self.assertRegex(info, r'Title: +A small piece')
        self.assertRegex(info, r'Tagged: +yes')
        tree = self.text('pdfinfo', '-struct-text', 'a.pdf')
        for part in ('H1', 'H2', 'LI', 'Figure', '"another entry"'):
            self.assertIn(part, tree)

    def test_again(self):
        """Every output carries what made it: the same bytes come out."""
        self.ok(self.draw('-o', 'a.png'))
        for name in ('b.svg', 'b.pdf', 'b.mp4'):
            self.ok(self.draw('-o', name, '-t', '0.5', '--fps', '8'))
            self.ok(self.run_('render', 'infographic', name, '-o', name + '.again.svg'))
        self.ok(self.run_('render', 'infographic', 'a.png', '-o', 'c.png'))
        self.assertEqual(self.sum('a.png'), self.sum('c.png'))
        probe = json.loads(self.ok(self.run_('probe', '--json', 'a.png')).out)
        self.assertTrue(probe['synthetic'])
        self.ok(self.draw('-o', 'd.png', '--no-provenance'))
        self.fails(self.run_('render', 'infographic', 'd.png', '-o', 'e.png'), 3, 'carries no')

    def test_layout_file(self):
        self.ok(self.run_('layout', 'brief.md', '-o', 'l.json'))
        self.ok(self.draw('-o', 'a.png', '--layout', 'l.json'))
        layout = json.loads((self.dir / 'l.json').read_text())
        for e in layout['elements']:
            if e['type'] == 'body':
                e['box'][3] = 4
        (self.dir / 'l.json').write_text(json.dumps(layout))
        self.fails(self.draw('-o', 'b.png', '--layout', 'l.json'), 3, 's1.body', 'fit')
        self.assertFalse((self.dir / 'b.png').exists())

    def test_scale_and_preset(self):
        for args, size in ((['--scale', '0.5'], (200, 300)), (['--preset', '500x300'], (500, 300))):
            self.ok(self.draw('-o', 'a.png', '-y', *args))
            self.assertEqual(struct.unpack('>II', (self.dir / 'a.png').read_bytes()[16:24]), size)

    def test_dry_run(self):
        plan = json.loads(self.ok(self.draw('-o', 'a.mp4', '--dry-run', '--json', '-t', '2')).out)
        self.assertEqual((plan['format'], plan['frames'], plan['pictures_generated'], plan['charts']), ('mp4', 48, 1, 1))
        self.assertGreater(plan['peak_bytes'], 0)
        self.assertFalse((self.dir / 'a.mp4').exists())

    def test_usage(self):
        self.fails(self.draw('-o', 'a.txt'), 2, '.svg')
        self.fails(self.draw('-o', 'a.png', '--scale', '900'), 2, '--scale')
        self.fails(self.draw('-o', 'a.png', '--candidate', '65'), 2)
        self.fails(self.run_('render', 'infographic'), 2, 'brief')
        self.ok(self.draw('-o', 'a.png'))
        self.fails(self.draw('-o', 'a.png'), 1, 'exists')
        self.ok(self.draw('-o', 'a.png', '-y'))

    def test_bad_input(self):
        cases = {
            'empty': ('', 3, []),
            'ten thousand words': ('---\ncanvas: square\n---\n# Much\n\n' + 'word ' * 10000, 3, ['fit']),
            'an icon that is none': ('# T\n\n:thermometr:\n', 3, ['thermometer']),
            'a chart with NaN': ('# T\n\n```chart bar X\na,b\nc,nan\n```\n', 3, []),
            'from the future': ('{"kinoloom_brief": 99, "title": "x"}', 3, ['newer']),
        }
        for name, (text, code, words) in cases.items():
            with self.subTest(name):
                (self.dir / 'bad.md').write_text(text)
                self.fails(self.draw('-o', 'bad.png', brief='bad.md'), code, *words)
                self.assertFalse((self.dir / 'bad.png').exists())
        self.fails(self.draw('-o', 'a.png', brief='none.md'), 3, 'none.md')

    def test_odd_input(self):
        """Strange, but it can be dealt with."""
        png(self.dir / 'dot.png', 1, 1)
        png(self.dir / 'long.png', 16000, 3)
        png(self.dir / 'huge.png', 20000, 20000)
        odd = {'dot': '# T\n\n![](dot.png)\n', 'long': '# T\n\n![](long.png)\n', 'one value': '# T\n\n```chart bar X\na,b\nc,4\n```\n',
               'control': '# T\x07\x1b[31m <script>alert(1)</script>\n\nwords\n'}
        for name, text in odd.items():
            with self.subTest(name):
                (self.dir / 'odd.md').write_text('---\ncanvas: square\n---\n' + text)
                self.ok(self.draw('-o', 'odd.svg', '-y', brief='odd.md'))
        self.assertIn('&lt;script&gt;', (self.dir / 'odd.svg').read_text())
        (self.dir / 'odd.md').write_text('---\ncanvas: square\n---\n# T\n\n![](huge.png)\n')
        self.fails(self.draw('-o', 'huge.png', '-y', brief='odd.md'), 3, 'huge.png', 'larger')
        (self.dir / 'odd.md').write_text('---\nfont_heading: No Such Font\n---\n# T\n')
        self.assertIn('No Such Font', self.ok(self.draw('-o', 'odd.png', brief='odd.md')).err)

    def test_stdout(self):
        done = self.ok(self.draw('-o', '-', '--container', 'gif', '-t', '0.4', '--fps', '10', '--scale', '0.3'))
        self.assertTrue(done.raw.startswith(b'GIF89a'))
        self.fails(self.draw('-o', '-', '--json', '--container', 'svg'), 2, 'standard output')

    def test_resume(self):
        video = ['-t', '6', '--fps', '12', '--scale', '0.6']
        self.ok(self.draw('-o', 'whole.mp4', *video))
        for how in (signal.SIGKILL, signal.SIGINT):
            p = self.start('render', 'infographic', 'brief.md', '--seed', '3', '-o', 'cut.mp4', '-y', '--progress', 'json', *video)
            for line in p.stderr:
                if json.loads(line)['event'] == 'chunk':
                    break
            os.kill(p.pid, how)
            p.communicate()
            if p.returncode == 0:
                continue  # it was faster
            self.assertEqual(p.returncode, 130 if how == signal.SIGINT else -9)
            self.fails(self.draw('-o', 'cut.mp4', *video), 1, '--resume' if self.ledgers() else 'exists')
            self.ok(self.run_('render', 'infographic', 'brief.md', '-o', 'cut.mp4', '--resume', *video))
            self.assertEqual(self.sum('cut.mp4'), self.sum('whole.mp4'))
        self.assertEqual(self.ledgers(), [])
        self.assertIn('finished', self.ok(self.draw('-o', 'cut.mp4', '--resume', *video)).err)


if __name__ == '__main__':
    kit.main()
