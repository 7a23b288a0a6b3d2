"""Bad input: job files, models, folders. One clear line, the right exit code, nothing lost."""
import json
import os
import shutil
import struct

import kit


class Jobs(kit.Case):
    def job(self, text):
        (self.dir / 'j.json').write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.run_('render', 'j.json', '-o', 'a.mp4')

    def test_bad_jobs(self):
        for text, words in [('', ['empty']), ('{', ['line']), ('[]', ['kinoloom_job']), ('{}', ['kinoloom_job']), ('{"kinoloom_job": "1"}', ['kinoloom_job']),
                            ('{"kinoloom_job": 2, "prompt": "a"}', ['newer Kinoloom', 'version 2']),
                            ('{"kinoloom_job": 1, "prompt": "a", "steps": "many"}', ['"steps"']),
                            ('{"kinoloom_job": 1, "prompt": "a", "steps": 1e99}', ['"steps"']),
                            ('{"kinoloom_job": 1, "prompt": "a", "steps": -3}', ['"steps"']),
                            ('{"kinoloom_job": 1, "prompt": "a", "width": [1]}', ['"width"']),
                            ('{"kinoloom_job": 1, "prompt": 3}', ['"prompt"']),
                            ('{"kinoloom_job": 1, "prompts": [3]}', ['"prompts"']),
                            ('{"kinoloom_job": 1, "prompt": "a", "seconds": 3, "frames": 9}', ['"frames"']),
                            (b'{"kinoloom_job": 1, "prompt": "\xff"}', ['UTF-8']),
                            ('{"kinoloom_job": 1, "prompt": "a", "prompt": "b"}', ['duplicate']),
                            ('[' * 100000, ['line']), ('{"kinoloom_job": 1, "prompt": "' + 'a' * (5 << 20) + '"}', ['4 MiB']),
                            (b'\x00\x01\x02 not a job', ['neither a job nor'])]:
            with self.subTest(text=text[:60]):
                self.fails(self.job(text), 3, *words)
        self.fails(self.run_('render', 'none.json', '-o', 'a.mp4'), 3, 'none.json')
        self.fails(self.run_('render', 'models/', '-o', 'a.mp4'), 3, 'folder')
        self.assertFalse((self.dir / 'a.mp4').exists())

    def test_unknown_keys_are_named(self):
        self.assertIn('"colour"', self.ok(self.job('{"kinoloom_job": 1, "prompt": "a", "colour": "red"}')).err)

    def test_long_prompt(self):
        self.ok(self.render('-o', 'a.mp4', prompt='a red heart ' * 8500))
        self.ok(self.run_('render', 'a.mp4', '-o', 'b.mp4'))
        self.assertEqual(self.sum('a.mp4'), self.sum('b.mp4'))

    def test_unwritable(self):
        self.fails(self.render('-o', 'none/a.mp4'), 1, 'none')
        self.fails(self.render('-o', 'models/toy/model.json/a.mp4'), 1, 'a.mp4')
        self.fails(self.render('-o', 'a' * 300 + '.mp4'), 1)
        if os.getuid():
            (self.dir / 'ro').mkdir(mode=0o500)
            self.fails(self.render('-o', 'ro/a.mp4'), 1, 'ro')

    def test_values_that_are_not_finite(self):
        self.fails(self.render('-o', 'a.mp4', env={'KL_FAKE_NAN': '0'}), 3, 'not finite')
        self.assertFalse((self.dir / 'a.mp4').exists())

    def test_black(self):
        self.fails(self.render('-o', 'a.mp4', env={'KL_FAKE_BLACK': '1'}), 3, 'black')

    def test_probe(self):
        (self.dir / 'x.mp4').write_bytes(b'not a video')
        self.fails(self.run_('probe', 'x.mp4'), 3)
        self.fails(self.run_('probe', 'none.mp4'), 3)
        self.fails(self.run_('probe', '.'), 3)


class Models(kit.Case):
    """The real program: its readers meet broken models."""

    def broken(self, change):
        toy = self.dir / 'models' / 'broken'
        if toy.exists():
            shutil.rmtree(toy)
        shutil.copytree(self.dir / 'models' / 'toy', toy)
        model = json.loads((toy / 'model.json').read_text())
        model['name'] = 'broken'
        (toy / 'model.json').write_text(json.dumps(model))
        change(toy)
        return self.run_('render', 'text-to-video', '-p', 'a', '-m', 'broken', '-o', 'a.mp4', exe=kit.REAL)

    def test_files(self):
        def lying(d):
            head = json.dumps({'x': {'dtype': 'F32', 'shape': [1 << 40], 'data_offsets': [0, 1 << 42]}}).encode()
            (d / 'transformer.safetensors').write_bytes(struct.pack('<Q', len(head)) + head)
        for change in (lambda d: None, lying,
                       lambda d: (d / 'transformer.safetensors').write_bytes(struct.pack('<Q', 1 << 60) + b'{}'),
                       lambda d: (d / 'transformer.safetensors').write_bytes(b''),
                       lambda d: (d / 'transformer.safetensors').unlink(),
                       lambda d: (d / 'vae.safetensors').unlink()):
            self.fails(self.broken(change), 3)

    def test_broken_index(self):
        for text in ('', '{', '[]', '{"name": 3}', '{"name": "a/b"}', '{"format": 9, "name": "broken"}', '{"name": "broken", "transformer": 5}'):
            self.fails(self.broken(lambda d, t=text: (d / 'model.json').write_text(t)), 3, 'broken')
            self.fails(self.run_('models', 'show', 'models/broken', exe=kit.REAL), 3)
            self.assertIn('toy', self.ok(self.run_('models', 'list', exe=kit.REAL)).out)

    def test_a_folder_without_a_model(self):
        (self.dir / 'empty').mkdir()
        self.fails(self.run_('models', 'import', 'empty', exe=kit.REAL), 3, 'no transformer')
        self.fails(self.run_('models', 'import', 'nowhere', exe=kit.REAL), 3, 'nowhere')


kit.main()
