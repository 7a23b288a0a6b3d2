"""Export: a film out of a file or a project, and its contract with the shell."""
import json
import os
import signal

import kit


class Export(kit.Case):
    def setUp(self):
        super().setUp()
        self.ok(self.render('-o', 'in.mp4', '--frames', '41'))

    def export(self, *args, **kw):
        return self.run_('export', *args, **kw)

    def probe(self, name):
        return json.loads(self.ok(self.run_('probe', name, '--json')).out)

    def test_formats(self):
        for name in ('a.webm', 'b.mkv', 'c.gif', 'd.apng', 'e.png'):
            with self.subTest(name=name):
                done = self.ok(self.export('in.mp4', '-o', name, '--size', '48x'))
                self.assertEqual(done.out, name + '\n')
                seen = self.probe(name)
                self.assertEqual((seen['video']['width'], seen['video']['height']), (48, 48))
                self.assertEqual(seen['job']['seed'], 7)
                self.assertTrue(seen['synthetic'])
        self.ok(self.export('in.mp4', '-o', 'f-%02d.png', '--from', '1', '--seconds', '0.5', '--no-provenance'))
        self.assertEqual(sorted(p.name for p in self.dir.glob('f-*.png')), [f'f-{i:02}.png' for i in range(1, 9)])
        self.assertIsNone(self.probe('f-01.png')['job'])

    def test_a_job_comes_back(self):
        self.ok(self.export('in.mp4', '-o', 'a.webm'))
        self.ok(self.run_('render', 'a.webm', '-o', 'again.mp4'))
        self.assertEqual(self.sum('again.mp4'), self.sum('in.mp4'))

    def test_copy(self):
        done = self.ok(self.export('in.mp4', '-o', 'copy.mp4', '--json'))
        self.assertTrue(json.loads(done.out)['copied'])
        self.assertEqual(self.sum('copy.mp4'), self.sum('in.mp4'))

    def test_rate(self):
        out = json.loads(self.ok(self.export('in.mp4', '-o', 'a.mp4', '--fps', '29.97', '--json')).out)
        self.assertEqual((out['fps'], out['frames'], out['copied']), ('30000/1001', 77, False))
        self.assertEqual(self.probe('a.mp4')['video']['fps'], '30000/1001')

    def test_never_overwrites(self):
        (self.dir / 'a.webm').write_text('mine')
        self.fails(self.export('in.mp4', '-o', 'a.webm'), 1, 'a.webm', 'exists')
        self.assertEqual((self.dir / 'a.webm').read_text(), 'mine')
        self.ok(self.export('in.mp4', '-o', 'a.webm', '-y'))

    def test_pipe_and_dry_run(self):
        done = self.ok(self.export('in.mp4', '-o', '-', '--container', 'webm'))
        self.assertEqual(done.raw[:4], b'\x1aE\xdf\xa3')
        self.assertIn('webm', self.ok(self.export('in.mp4', '-o', 'x.webm', '--dry-run')).out)
        self.assertFalse((self.dir / 'x.webm').exists())

    def test_progress(self):
        done = self.ok(self.export('in.mp4', '-o', 'a.webm', '--progress', 'json'))
        events = [json.loads(l) for l in done.err.splitlines()]
        last = [e for e in events if e['event'] == 'progress'][-1]
        self.assertEqual((last['fraction'], last['frames_done']), (1.0, 41))

    def test_mistakes(self):
        for args, code, words in [
                ([], 2, ['which']), (['in.mp4'], 2, ['-o']), (['in.mp4', 'in.mp4', '-o', 'a.mp4'], 2, ['one']),
                (['in.mp4', '-o', 'a.xyz'], 2, ['format']), (['in.mp4', '-o', 'a.mp4', '--from', '99'], 3, ['ends before']),
                (['in.mp4', '-o', 'a.mp4', '--size', '7'], 2, ['--size']), (['in.mp4', '-o', 'a.mp4', '--crf', '99'], 2, ['--crf']),
                (['in.mp4', '-o', 'a.mp4', '--codec', 'h265'], 2, ['--codec']), (['in.mp4', '-o', 'a.mp4', '--fit', 'x'], 2, ['--fit']),
                (['in.mp4', '-o', 'a.mp4', '--asset', '3'], 2, ['--asset']), (['none.mp4', '-o', 'a.mp4'], 3, ['none.mp4']),
                (['models', '-o', 'a.mp4'], 3, ['folder']), (['in.mp4', '-o', 'none/a.mp4'], 1, ['none']),
                (['in.mp4', '-o', '-', '--container', 'mp4', '--json'], 2, ['--json']),
                (['in.mp4', '-o', 'a.webm', '--codec', 'h264'], 3, ['H.264'])]:
            with self.subTest(args=args):
                self.fails(self.export(*args), code, *words)
        self.assertEqual(sorted(p.name for p in self.dir.glob('[!.]*.*')), ['in.mp4'])

    def test_interrupted(self):
        (self.dir / 'long').mkdir()
        p = self.start('export', 'in.mp4', '-o', 'long/a.webm', '--size', '1600x1600', '--fps', '960', '--progress', 'json')
        for line in p.stderr:
            if json.loads(line).get('frames_done', 0) > 0:
                break
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 130)
        self.assertEqual(os.listdir(self.dir / 'long'), [])


if __name__ == '__main__':
    kit.main()
