"""Nothing lost: killed at any instant, a render goes on with --resume and ends with the bytes of an unbroken run."""
import json
import os
import random
import signal
import sqlite3
import time

import kit

OUTPUTS = [('a.mp4', {}), ('a.webm', {}), ('a.gif', {}), ('a.apng', {}), ('a.mp4', {'KL_FAKE_STATE': '300'}), ('a.mp4', {'KL_FAKE_CLIP': '1'})]


# a sanitizer wants to come first in the list; it need not
PRELOAD = {'LD_PRELOAD': kit.KILLAT, 'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'}


class Crash(kit.Case):
    def whole(self, name, env):
        self.ok(self.render('-o', 'whole-' + name, '--no-provenance', env=env))
        return self.sum('whole-' + name)

    def test_killed_at_every_kind_of_call(self):
        """SIGKILL in the middle of the n-th call that changes a file. KL_TEST_ALL=1 tries every n."""
        everything = os.environ.get('KL_TEST_ALL')
        for name, env in OUTPUTS if everything else OUTPUTS[:1] + OUTPUTS[4:]:
            args = ('-o', name, '--no-provenance', '--frames', '33')
            self.ok(self.render(*args, '-y', env=env))  # fills the caches
            (self.dir / ('whole-' + name)).unlink(missing_ok=True)
            self.ok(self.render('-o', 'whole-' + name, *args[2:], env={**env, **PRELOAD, 'KL_KILL_COUNT': str(self.dir / 'count')}))
            want, calls = self.sum('whole-' + name), int((self.dir / 'count').read_text())
            self.assertGreater(calls, 20)
            for n in range(1, calls + 1) if everything else random.Random(1).sample(range(1, calls + 1), 10):
                with self.subTest(name=name, n=n, **env):
                    p = self.start('render', 'text-to-video', '--prompt', 'a red heart', '--seed', '7', *args, '-y',
                                   env={**env, **PRELOAD, 'KL_KILL_AT': str(n)})
                    p.communicate()
                    self.assertIn(p.returncode, (-signal.SIGKILL, 0))  # the speed of a render is noted only sometimes
                    self.ok(self.render(*args, '--resume', env=env))
                    self.assertEqual(self.sum(name), want)
                    self.assertEqual(self.ledgers(), [])

    def test_killed_at_random_moments_again_and_again(self):
        want = self.whole('b.mp4', {})
        rng, env, rounds = random.Random(2), {'KL_FAKE_MS': '20'}, 0
        args = ('-o', 'b.mp4', '--no-provenance')
        for rounds in range(40):
            p = self.start('render', 'text-to-video', '--prompt', 'a red heart', '--seed', '7', *args, *(['--resume'] if rounds else []), env=env)
            time.sleep(rng.uniform(0.02, 0.4))
            p.kill()
            p.communicate()
            if p.returncode == 0:
                break
        self.ok(self.render(*args, '--resume'))
        self.assertEqual(self.sum('b.mp4'), want)

    def test_at_most_one_chunk_is_done_again(self):
        p = self.start('render', 'text-to-video', '--prompt', 'a', '--seed', '7', '-o', 'c.mp4', '--progress=json', env={'KL_FAKE_MS': '100'})
        for line in p.stderr:
            if b'"chunk"' in line and b'"event":"chunk"' in line and b'"chunk":1,' in line:
                break
        p.kill()
        p.communicate()
        done = self.ok(self.run_('render', '--resume', '-o', 'c.mp4', '--json'))
        self.assertGreaterEqual(json.loads(done.out)['resumed_from'], 2)

    def test_a_lost_output_is_written_again(self):
        want = self.whole('d.mp4', {})
        self.interrupt('d.mp4')
        (self.dir / 'd.mp4').unlink()
        done = self.ok(self.render('-o', 'd.mp4', '--no-provenance', '--resume'))
        self.assertIn('gone', done.err)
        self.assertEqual(self.sum('d.mp4'), want)

    def test_a_damaged_output_is_mended(self):
        want = self.whole('d.mp4', {})
        self.interrupt('d.mp4')
        data = bytearray((self.dir / 'd.mp4').read_bytes())
        data[-5] ^= 255
        (self.dir / 'd.mp4').write_bytes(data)
        self.ok(self.render('-o', 'd.mp4', '--no-provenance', '--resume'))
        self.assertEqual(self.sum('d.mp4'), want)

    def test_another_file_in_its_place_is_not_touched(self):
        self.interrupt('d.mp4')
        (self.dir / 'd.mp4').write_text('my diary ' * 1000)
        self.fails(self.render('-o', 'd.mp4', '--no-provenance', '--resume'), 1, 'is not the file')
        self.assertEqual((self.dir / 'd.mp4').read_text(), 'my diary ' * 1000)

    def interrupt(self, name, sig=signal.SIGINT, chunks=2):
        """Renders until `chunks` chunks are committed, then sends the signal; returns the process and the seconds it took to end."""
        p = self.start('render', 'text-to-video', '--prompt', 'a red heart', '--seed', '7', '-o', name, '--no-provenance', '--progress=json', env={'KL_FAKE_MS': '100'})
        for line in p.stderr:
            if b'"event":"chunk"' in line and b'"chunk":%d,' % (chunks - 1) in line:
                break
        began = time.monotonic()
        p.send_signal(sig)
        p.communicate()
        return p.returncode, time.monotonic() - began

    def test_interrupt_leaves_whole_chunks(self):
        want = self.whole('e.mp4', {})
        code, seconds = self.interrupt('e.mp4')
        self.assertEqual(code, 130)
        self.assertLess(seconds, 2)  # 0.2 s on a machine that is not shared
        self.ok(self.run_('probe', 'e.mp4'))
        self.fails(self.render('-o', 'e.mp4', '--no-provenance'), 1, '--resume', '-y')
        self.assertTrue(self.ledgers())
        self.ok(self.run_('render', '--resume', '-o', 'e.mp4'))
        self.assertEqual(self.sum('e.mp4'), want)
        self.assertEqual(self.ledgers(), [])

    def test_resume_by_job_file_or_by_output_alone(self):
        want = self.whole('f.mp4', {})
        (self.dir / 'f.json').write_text('{"kinoloom_job": 1, "prompt": "a red heart", "seed": 7, "provenance": false}')
        for again in (['f.json'], ['f.mp4'], ['f.json', '-o', 'f.mp4'], ['-o', 'f.mp4']):
            with self.subTest(again=again):
                self.interrupt('f.mp4')
                self.ok(self.run_('render', *again, '--resume'))
                self.assertEqual(self.sum('f.mp4'), want)
                (self.dir / 'f.mp4').unlink()

    def test_resume_with_other_settings_is_refused(self):
        self.interrupt('g.mp4')
        self.fails(self.render('-o', 'g.mp4', '--steps', '3', '--resume'), 2, 'steps', '"3"', '"2"')
        (self.dir / 'models/toy/vae.safetensors').write_text('another one')
        self.fails(self.run_('render', '-o', 'g.mp4', '--resume'), 3, 'not the one')

    def test_resume_of_what_is_finished_does_nothing(self):
        self.ok(self.render('-o', 'h.mp4'))
        before = self.sum('h.mp4')
        self.ok(self.render('-o', 'h.mp4', '--resume'))
        self.assertEqual(self.sum('h.mp4'), before)
        self.fails(self.render('-o', 'h.mp4', '--resume', '--steps', '9'), 1, 'made differently')

    def test_second_process_is_kept_out(self):
        p = self.start('render', 'text-to-video', '--prompt', 'a', '-o', 'i.mp4', '--progress=json', env={'KL_FAKE_MS': '200'})
        p.stderr.readline()
        time.sleep(0.3)
        self.fails(self.render('-o', 'i.mp4', '-y'), 1, 'another process')
        p.kill()
        p.communicate()

    def test_two_ledgers_do_not_share_an_output(self):
        p = self.start('render', 'text-to-video', '--prompt', 'a', '-o', 'i.mp4', '--progress=json', env={'KL_FAKE_MS': '200'})
        self.assertTrue(any(b'"event":"chunk"' in line for line in p.stderr))
        self.fails(self.render('-o', 'i.mp4', '-y', '--ledger', 'other'), 1, 'another program')
        p.kill()
        p.communicate()

    def test_ledger_of_a_newer_version(self):
        self.interrupt('n.mp4')
        db = sqlite3.connect(self.ledgers()[0])
        db.execute('PRAGMA user_version = 9')
        db.close()
        self.fails(self.render('-o', 'n.mp4', '--no-provenance', '--resume'), 3, 'newer Kinoloom', 'version 9')

    def test_another_picture_is_refused(self):
        self.ok(self.render('-o', '1.png', '--frames', '1'))
        self.ok(self.render('-o', '2.png', '--frames', '1', prompt='other'))
        p = self.start('render', 'text-to-video', '--prompt', 'a', '-o', 'i.mp4', '--image', '1.png', '--progress=json', env={'KL_FAKE_MS': '100'})
        self.assertTrue(any(b'"event":"chunk"' in line for line in p.stderr))
        p.kill()
        p.communicate()
        (self.dir / '2.png').rename(self.dir / '1.png')
        self.fails(self.run_('render', '-o', 'i.mp4', '--resume'), 3, 'picture')

    def test_disk_full_is_resumable(self):
        big = ['--size', '160x160', '--crf', '1', '--no-provenance']
        self.ok(self.render('-o', 'whole.mp4', *big))
        limit = os.stat(self.dir / 'whole.mp4').st_size * 2 // 3 // 1024
        self.assertGreater(limit, 60)  # kB: the ledger stays below it
        args = ['render', 'text-to-video', '--prompt', 'a red heart', '--seed', '7', '-o', 'j.mp4', *big]
        done = self.run_('-c', f'ulimit -f {limit}; exec "$0" "$@"', kit.FAKE, *args, exe='/bin/bash')
        self.fails(done, 1, 'j.mp4', 'are safe, --resume goes on')
        self.assertEqual(len(self.ledgers()), 1)
        self.ok(self.run_(*args, '--resume'))
        self.assertEqual(self.sum('j.mp4'), self.sum('whole.mp4'))

    def test_folder_vanishes(self):
        (self.dir / 'there').mkdir()
        want = self.whole('k.mp4', {})
        p = self.start('render', 'text-to-video', '--prompt', 'a red heart', '--seed', '7', '-o', 'there/k.mp4', '--no-provenance', '--progress=json', env={'KL_FAKE_MS': '100'})
        for line in p.stderr:
            if b'"event":"chunk"' in line:
                break
        (self.dir / 'there').rename(self.dir / 'elsewhere')
        _, err = p.communicate()
        self.assertEqual(p.returncode, 1, err)
        self.assertIn(b'there/k.mp4', err.splitlines()[-1])
        self.fails(self.run_('render', '--resume', '-o', 'there/k.mp4'), 1, 'there')
        (self.dir / 'there').mkdir()
        self.ok(self.render('--resume', '-o', 'there/k.mp4', '--no-provenance'))
        self.assertEqual(self.sum('there/k.mp4'), want)

    def test_ledger_cut_in_half(self):
        self.interrupt('l.mp4')
        before = self.sum('l.mp4')
        ledger = self.ledgers()[0]
        data = ledger.read_bytes()
        for cut in (len(data) // 2, 100, 0):
            ledger.write_bytes(data[:cut])
            self.fails(self.render('-o', 'l.mp4', '--no-provenance', '--resume'), 3, 'ledger')
            self.assertEqual(self.sum('l.mp4'), before)
        self.fails(self.render('-o', 'l.mp4', '--no-provenance'), 3, '-y begins again')
        self.ok(self.render('-o', 'l.mp4', '--no-provenance', '-y'))


kit.main()
