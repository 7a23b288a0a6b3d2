"""What the tests of the command share: a home of their own, a model of dummy files, a way to run and compare."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

REAL = os.environ.get('KINOLOOM', 'kinoloom')
FAKE = os.environ.get('KINOLOOM_FAKE', 'kinoloom-fake')
KILLAT = os.environ.get('KL_KILLAT', '')
SOURCE = pathlib.Path(os.environ.get('KL_SOURCE', pathlib.Path(__file__).resolve().parents[2]))
DEFAULTS = {'width': 32, 'height': 32, 'fps': '16/1', 'frames': 41, 'steps': 2, 'guidance': 1.0, 'shift': 3.0, 'solver': 'euler'}


class Done:
    def __init__(self, p):
        self.code, self.raw = p.returncode, p.stdout
        self.out, self.err = p.stdout.decode('utf-8', 'replace'), p.stderr.decode('utf-8', 'replace')

    def __repr__(self):
        return f'exit {self.code}\nstdout: {self.out[:2000]}\nstderr: {self.err[:2000]}'


class Case(unittest.TestCase):
    """Each test has an empty folder as HOME and working folder, with the dummy model "toy" in it."""

    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory(prefix='kinoloom-test-')
        self.dir = pathlib.Path(self.tmp.name)
        self.env = {'HOME': str(self.dir), 'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', 'KINOLOOM_MODELS': str(self.dir / 'models')}
        for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'KL_CPU'):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.model('toy')

    def tearDown(self):
        self.tmp.cleanup()

    def model(self, name, **more):
        folder = self.dir / 'models' / name
        folder.mkdir(parents=True)
        for f in ('transformer', 'text_encoder', 'vae'):
            (folder / (f + '.safetensors')).write_bytes(b'dummy ' + f.encode())
        (folder / 'tokenizer.json').write_text('{}')
        (folder / 'model.json').write_text(json.dumps({
            'format': 1, 'name': name, 'title': 'Toy', 'family': 'wan-causal', 'transformer': 'transformer.safetensors',
            'text_encoder': 'text_encoder.safetensors', 'tokenizer': 'tokenizer.json', 'vae': 'vae.safetensors', 'defaults': DEFAULTS,
            'words': {'objects': ['red heart', 'rocket'], 'motions': ['rises up'], 'backdrops': ['at night']}, **more}))
        return folder

    def start(self, *args, exe=FAKE, env=None, **popen):
        return subprocess.Popen([exe, *args], cwd=popen.pop('cwd', self.dir), env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)

    def run_(self, *args, timeout=100, **kw):
        p = self.start(*args, **kw)
        try:
            p.stdout_, p.stderr_ = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            p.communicate()
            raise
        return Done(subprocess.CompletedProcess(args, p.returncode, p.stdout_, p.stderr_))

    def render(self, *args, prompt='a red heart', **kw):
        return self.run_('render', 'text-to-video', '--prompt', prompt, '--seed', '7', *args, **kw)

    def ok(self, done):
        self.assertEqual(done.code, 0, done)
        return done

    def fails(self, done, code, *words):
        """One clear line, the right code, nothing on stdout."""
        self.assertEqual(done.code, code, done)
        self.assertEqual(done.out, '', done)
        lines = [l for l in done.err.splitlines() if not l.endswith('--help tells more')]
        self.assertTrue(lines and lines[-1].startswith('kinoloom: '), done)
        for w in words:
            self.assertIn(w, lines[-1])
        return lines[-1]

    def sum(self, name):
        return hashlib.sha256((self.dir / name).read_bytes()).hexdigest()

    def ledgers(self):
        return sorted((self.dir / '.local/state/kinoloom/renders').glob('*.kinoloom'))


def main():
    unittest.main(verbosity=2 if '-v' in sys.argv else 1)
