"""Jobs of a project file: listed, rendered, killed, branched, written again."""
import json
import os
import random
import signal
import sqlite3
import time

import kit

QUEUED, RUNNING, PAUSED, DONE, FAILED = range(5)


class Project(kit.Case):
    def setUp(self):
        super().setUp()
        self.path = self.dir / 'film.kinoloom'
        db = sqlite3.connect(self.path, isolation_level=None)
        for script in ('run-1', 'project-001'):
            db.executescript((kit.SOURCE / 'resources/schema' / (script + '.sql')).read_text())
        db.execute('PRAGMA application_id = 0x4b4c504a')
        db.execute('PRAGMA user_version = 1')
        db.execute("INSERT INTO project VALUES (1, 'A film', 0, 1, 0, 0, 0)")
        db.close()

    def sql(self, text, *values):
        db = sqlite3.connect(self.path)
        rows = db.execute(text, values).fetchall()
        db.commit()
        db.close()
        return rows

    def add(self, prompt='a red heart', parent=0, from_chunk=0, **job):
        spec = {'kinoloom_job': 1, 'task': 'text-to-video', 'model': 'toy', 'prompt': prompt, 'seed': 7, 'provenance': False, **job}
        self.sql('INSERT INTO render (job, parent, from_chunk, output, place, state, seconds, created, begun, removed) '
                 'VALUES (?, ?, ?, ?, 1, 0, 0, 0, 0, 0)', json.dumps(spec), parent, from_chunk, '')
        number = self.sql('SELECT max(id) FROM render')[0][0]
        self.sql('UPDATE render SET output = ? WHERE id = ?', f'film media/{number}.mp4', number)
        return number

    def job(self, number, *args, **kw):
        return self.run_('render', 'film.kinoloom', '--job', str(number), *args, **kw)

    def state(self, number):
        return self.sql('SELECT state FROM render WHERE id = ?', number)[0][0]

    def plain(self, name='plain.mp4', *args, **kw):
        """The same job by the plain command; its sum."""
        self.ok(self.render('-o', name, '--no-provenance', *args, **kw))
        return self.sum(name)

    def test_a_job_is_rendered_as_the_plain_command_does(self):
        want = self.plain()
        done = self.ok(self.job(self.add()))
        self.assertEqual(done.out.strip(), str(self.dir / 'film media/1.mp4'))
        self.assertEqual(self.sum('film media/1.mp4'), want)
        self.assertEqual(self.state(1), DONE)
        (asset,) = self.sql('SELECT kind, name, path, sha256, width, height, frames, render FROM asset')
        self.assertEqual(asset, (0, '1.mp4', 'film media/1.mp4', want, 32, 32, 41, 1))
        self.assertEqual(self.sql('SELECT asset FROM render'), [(1,)])
        chunks = self.sql('SELECT idx, length(thumbnail) > 50, hex(substr(thumbnail, 2, 3)) FROM chunk ORDER BY idx')
        self.assertEqual(chunks, [(i, 1, '504E47') for i in range(4)])
        self.assertEqual(self.sql('SELECT count(*) FROM state'), [(0,)])
        self.assertEqual(json.loads(self.sql('SELECT job FROM render')[0][0])['steps'], 2)  # with the model's defaults
        self.assertEqual([p.name for p in self.dir.glob('film.kinoloom*')], ['film.kinoloom'])
        again = self.ok(self.job(1, '--json'))
        self.assertEqual(json.loads(again.out)['output'], str(self.dir / 'film media/1.mp4'))
        self.assertEqual(self.sum('film media/1.mp4'), want)

    def test_a_picture(self):
        self.ok(self.run_('render', 'text-to-video', '-p', 'a cat', '--seed', '7', '--frames', '1', '-o', 'cat.png', '--no-provenance'))
        number = self.add('a cat', frames=1)
        self.sql("UPDATE render SET output = 'film media/cat.png'")
        self.ok(self.job(number))
        self.assertEqual(self.sum('film media/cat.png'), self.sum('cat.png'))
        self.assertEqual(self.sql('SELECT kind FROM asset'), [(1,)])

    def test_which_job(self):
        self.fails(self.run_('render', 'film.kinoloom'), 2, 'no job yet')
        self.add()
        done = self.run_('render', 'film.kinoloom')
        self.fails(done, 2, '--job N')
        self.assertIn('job 1  queued  "a red heart"', done.err)
        self.fails(self.job(9), 3, 'no job 9')
        self.fails(self.job(1, '--steps', '3'), 2, '--device')
        self.fails(self.job(1, '-o', 'x.mp4'), 2, 'beside the project')
        self.fails(self.run_('render', 'text-to-video', '-p', 'x', '--job', '1'), 2, '--job is for a project')
        self.fails(self.job('x'), 2, 'whole number')
        self.assertIn('chunks     4', self.ok(self.job(1, '--dry-run')).out)
        self.assertEqual(self.state(1), QUEUED)

    def test_probe(self):
        self.add()
        self.ok(self.job(1))
        said = self.ok(self.run_('probe', 'film.kinoloom')).out
        self.assertIn('Kinoloom project, version 1', said)
        self.assertIn('1  done, 4 of 4 chunks  "a red heart"', said)
        o = json.loads(self.ok(self.run_('probe', 'film.kinoloom', '--json')).out)
        self.assertEqual((o['title'], o['assets'], o['jobs'][0]['state']), ('A film', 1, 'done'))

    def test_killed_again_and_again(self):
        for env in ({}, {'KL_FAKE_STATE': '300'}, {'KL_FAKE_CLIP': '1'}):
            want = self.plain('plain.mp4', '-y', env=env)
            number, rng = self.add(), random.Random(3)
            for _ in range(12):
                p = self.start('render', 'film.kinoloom', '--job', str(number), env={**env, 'KL_FAKE_MS': '20'})
                time.sleep(rng.uniform(0.05, 0.5))
                p.kill()
                p.communicate()
                self.ok(self.run_('probe', 'film.kinoloom'))
                if p.returncode == 0:
                    break
            self.ok(self.job(number, env=env))
            self.assertEqual(self.sum(f'film media/{number}.mp4'), want)
            self.assertEqual(self.state(number), DONE)
            self.assertEqual(self.sql('SELECT count(*) FROM latents WHERE id NOT IN (SELECT latents FROM chunk)'), [(0,)])

    def test_killed_at_any_call(self):
        """SIGKILL in the middle of the n-th call that changes a file, a branch included. KL_TEST_ALL=1 tries every n."""
        preload = {'LD_PRELOAD': kit.KILLAT, 'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'}
        self.add()
        self.ok(self.job(1))
        first = self.add(parent=1, from_chunk=2, seeds=[{'at': '21f', 'seed': 99}])
        self.ok(self.job(first, env={**preload, 'KL_KILL_COUNT': str(self.dir / 'count')}))
        want, calls = self.sum(f'film media/{first}.mp4'), int((self.dir / 'count').read_text())
        self.assertGreater(calls, 50)
        for n in range(1, calls + 1) if os.environ.get('KL_TEST_ALL') else random.Random(1).sample(range(1, calls + 1), 10):
            with self.subTest(n=n):
                number = self.add(parent=1, from_chunk=2, seeds=[{'at': '21f', 'seed': 99}])
                p = self.start('render', 'film.kinoloom', '--job', str(number), env={**preload, 'KL_KILL_AT': str(n)})
                p.communicate()
                self.assertIn(p.returncode, (-signal.SIGKILL, 0))
                self.ok(self.run_('probe', 'film.kinoloom'))
                self.ok(self.job(number))
                self.assertEqual(self.sum(f'film media/{number}.mp4'), want)

    def test_interrupted_is_paused(self):
        number = self.add()
        p = self.start('render', 'film.kinoloom', '--job', str(number), '--progress=json', env={'KL_FAKE_MS': '100'})
        for line in p.stderr:
            if b'"event":"chunk"' in line:
                break
        self.assertEqual(self.state(number), RUNNING)
        self.fails(self.job(number), 1, 'another process is rendering this job')
        p.send_signal(signal.SIGINT)
        p.communicate()
        self.assertEqual(p.returncode, 130)
        self.assertEqual(self.state(number), PAUSED)
        done = self.ok(self.job(number, '--json'))
        self.assertGreaterEqual(json.loads(done.out)['resumed_from'], 1)

    def test_a_failure_is_noted(self):
        number = self.add()
        self.fails(self.job(number, env={'KL_FAKE_NAN': '1'}), 3, 'not finite')
        ((state, text),) = self.sql('SELECT state, error FROM render')
        self.assertEqual(state, FAILED)
        self.assertIn('not finite', text)
        self.ok(self.job(number))
        self.assertEqual(self.sql('SELECT state, error FROM render'), [(DONE, None)])

    def test_a_lost_output_is_written_again(self):
        self.add()
        self.ok(self.job(1))
        out = self.dir / 'film media/1.mp4'
        want = self.sum('film media/1.mp4')
        out.unlink()
        self.ok(self.job(1))
        self.assertEqual(self.sum('film media/1.mp4'), want)
        self.assertEqual(self.sql('SELECT count(*) FROM asset'), [(1,)])
        out.write_bytes(b'something of mine')
        self.fails(self.job(1), 1, '-y overwrites')
        self.assertEqual(out.read_bytes(), b'something of mine')
        self.ok(self.job(1, '-y'))
        self.assertEqual(self.sum('film media/1.mp4'), want)

    def test_a_branch(self):
        """Another seed, another prompt from chunk 2 on: the parent's chunks are taken over, the plain command makes the same bytes."""
        self.add()
        self.ok(self.job(1))
        for more in ({'seeds': [{'at': '21f', 'seed': 99}]},
                     {'prompt': None, 'prompts': [{'text': 'a red heart'}, {'at': '21f', 'text': 'a blue heart'}], 'frames': 45}):
            number = self.add(parent=1, from_chunk=2, **more)
            self.ok(self.job(number, env={'KL_FAKE_NAN': '1'}))  # chunk 1 cannot be sampled: it need not be
            shared = self.sql('SELECT count(*) FROM chunk a JOIN chunk b ON a.latents = b.latents AND a.idx = b.idx WHERE a.render = 1 AND '
                              'b.render = ?', number)
            self.assertEqual(shared, [(2,)])
            spec = json.loads(self.sql('SELECT job FROM render WHERE id = ?', number)[0][0])
            (self.dir / 'again.json').write_text(json.dumps(spec))
            self.ok(self.run_('render', 'again.json', '-o', 'again.mp4', '-y'))
            self.assertEqual(self.sum('again.mp4'), self.sum(f'film media/{number}.mp4'))
            self.assertNotEqual(self.sum('again.mp4'), self.sum('film media/1.mp4'))

    def test_a_branch_of_a_whole_clip_is_made_anew(self):
        env = {'KL_FAKE_CLIP': '1'}
        self.add()
        self.ok(self.job(1, env=env))
        done = self.ok(self.job(self.add(parent=1, from_chunk=2, seeds=[{'at': '21f', 'seed': 99}]), env=env))
        self.assertIn('as a whole', done.err)
        self.assertEqual(self.sql('SELECT count(DISTINCT latents) FROM chunk'), [(8,)])

    def test_a_branch_of_another_model_is_refused(self):
        self.add()
        self.ok(self.job(1))
        (self.model('other') / 'vae.safetensors').write_bytes(b'another')
        self.fails(self.job(self.add(parent=1, from_chunk=2, model='other')), 3, 'another model')

    def test_what_is_no_project(self):
        data = self.path.read_bytes()
        for bad, said in ((data[:5000], 'damaged'), (data[:60] + (9).to_bytes(4, 'big') + data[64:], 'newer Kinoloom')):
            self.path.write_bytes(bad)
            for args in (('render', 'film.kinoloom', '--job', '1'), ('probe', 'film.kinoloom')):
                self.fails(self.run_(*args), 3, said)
            self.assertEqual(self.path.read_bytes(), bad)

    def test_a_full_disk(self):
        """The project cannot grow: the render fails, the project opens, and it goes on later."""
        self.add()
        limit = "import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (150000, 150000)); os.execv(sys.argv[1], sys.argv[1:])"
        done = self.run_('-c', limit, kit.FAKE, 'render', 'film.kinoloom', '--job', '1', exe='python3')
        self.assertEqual(done.code, 1, done)
        self.ok(self.run_('probe', 'film.kinoloom'))
        self.ok(self.job(1))
        self.assertEqual(self.sum('film media/1.mp4'), self.plain())


kit.main()
