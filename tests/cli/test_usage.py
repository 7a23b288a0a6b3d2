"""The command line: help, mistakes, exit codes, results on stdout."""
import json
import os
import subprocess

import kit


class Usage(kit.Case):
    def test_help_and_version(self):
        for args in (['--help'], ['render', '--help'], ['models', '--help'], ['probe', '--help'], ['devices', '--help'], ['--version'], ['bench', '--help'], ['layout', '--help']):
            done = self.ok(self.run_(*args, exe=kit.REAL))
            self.assertTrue(done.out and not done.err, done)
        self.assertIn('A flag beats the job file', self.run_('render', '--help').out)

    def test_mistakes(self):
        for args, words in [
                (['rendr'], ['did you mean render']),
                (['render'], ['text-to-video']),
                (['render', 'text-to-vido'], ['no task']),
                (['render', 'text-to-video'], ['no prompt']),
                (['render', 'text-to-video', '--sseed', '3'], ['unknown option --sseed', '--seed']),
                (['render', 'text-to-video', '-Z'], ['unknown option -Z']),
                (['render', 'text-to-video', '-p', 'a', '--steps', 'many'], ['--steps', 'whole number']),
                (['render', 'text-to-video', '-p', 'a', '--steps', '0'], ['--steps', 'out of range']),
                (['render', 'text-to-video', '-p', 'a', '--steps'], ['--steps needs N']),
                (['render', 'text-to-video', '-p', 'a', '--json=yes'], ['takes no value']),
                (['render', 'text-to-video', '-p', 'a', '--guidance', 'nan'], ['--guidance']),
                (['render', 'text-to-video', '-p', 'a', '--size', '64'], ['--size']),
                (['render', 'text-to-video', '-p', 'a', '--size', '65x64'], ['multiples of 16']),
                (['render', 'text-to-video', '-p', 'a', '--size', '99999999x64'], ['out of range']),
                (['render', 'text-to-video', '-p', 'a', '--fps', '0'], ['--fps']),
                (['render', 'text-to-video', '-p', 'a', '--seconds', '0'], ['length']),
                (['render', 'text-to-video', '-p', 'a', '--frames', '0'], ['less than one frame']),
                (['render', 'text-to-video', '-p', 'a', '--frames', '-4'], ['--frames']),
                (['render', 'text-to-video', '-p', 'a', '--seconds', '1e9'], ['--seconds']),
                (['render', 'text-to-video', '-p', 'a', '--seconds', '3599999'], ['too many']),
                (['render', 'text-to-video', '-p', 'a', '--seed', '-1'], ['--seed']),
                (['render', 'text-to-video', '-p', 'a', '--solver', 'magic'], ['euler, unipc']),
                (['render', 'text-to-video', '-p', 'a', '--codec', 'h265'], ['--codec']),
                (['render', 'text-to-video', '-p', 'a', '-o', 'x.jpg'], ['.mp4']),
                (['render', 'text-to-video', '-p', 'a', '-o', 'x.png'], ['one picture']),
                (['render', 'text-to-video', '-p', 'a', '-o', '.'], ['is a folder']),
                (['render', 'text-to-video', '-p', ''], ['empty']),
                (['render', 'text-to-video', '-p', ' \t '], ['empty']),
                (['render', 'text-to-video', '-p', b'a \xff heart'], ['UTF-8']),
                (['render', 'text-to-video', 'a', 'heart'], ['quotes']),
                (['render', 'text-to-video', '-p', 'a', '--prompt-at', '90s', 'b'], ['after the end']),
                (['render', 'text-to-video', '-p', 'a', '--prompt-at', 'soon', 'b'], ['--prompt-at']),
                (['render', 'text-to-video', '-p', 'a', '-y', '-n'], ['-y']),
                (['render', 'text-to-video', '-p', 'a', '--device', 'gpu'], ['gpu']),
                (['render', 'text-to-video', '-p', 'a', '--memory', 'lots'], ['--memory']),
                (['render', 'text-to-video', '-p', 'a', '-o', '-', '--json'], ['--json']),
                (['render', 'text-to-video', '-p', 'a', '-o', '-', '--resume'], ['standard output']),
                (['models', 'lst'], ['list']), (['models'], ['list']), (['models', 'import'], ['what']),
                (['probe'], ['which file']), (['devices', 'x'], ['too much'])]:
            with self.subTest(args=args):
                self.fails(self.run_(*args), 2, *words)
        self.assertEqual([p.name for p in self.dir.iterdir() if p.suffix in ('.mp4', '.png')], [])

    def test_no_device(self):
        self.fails(self.render('--device', 'vulkan:3', '-o', 'a.mp4'), 5)

    def test_will_not_fit(self):
        self.assertIn('Fits in tiles: ', self.ok(self.render('--dry-run', env={'KL_FAKE_NEED': '8000'})).out)
        self.fails(self.render('-o', 'a.mp4', env={'KL_FAKE_NEED': '20000'}), 4, 'needs', 'GB')
        self.fails(self.render('-o', 'a.mp4', '--memory', '100M', env={'KL_FAKE_NEED': '400'}), 4, '105 MB')
        self.assertFalse((self.dir / 'a.mp4').exists())

    def test_missing_model(self):
        self.fails(self.render('--model', 'nonesuch', '-o', 'a.mp4'), 3, 'nonesuch', 'toy')
        self.fails(self.render('--model', './nonesuch', '-o', 'a.mp4'), 3, 'nonesuch')

    def test_unknown_words_are_said_and_rendered(self):
        done = self.ok(self.render('-o', 'a.mp4', prompt='a red haert'))
        self.assertIn('"haert"; did you mean "heart"?', done.err)

    def test_words_in_groups(self):
        self.model('said', words='words.json')
        (self.dir / 'models' / 'said' / 'words.json').write_text(json.dumps({'objects': ['heart', ['moon', 'crescent moon']], 'speeds': ['slowly']}))
        self.assertEqual(self.ok(self.run_('models', 'show', 'said', '--words')).out, 'objects:\n  heart\n  moon, crescent moon\n\nspeeds:\n  slowly\n')
        self.assertEqual(json.loads(self.ok(self.run_('models', 'show', 'said', '--words', '--json')).out)['objects'][1], ['moon', 'crescent moon'])
        done = self.ok(self.run_('render', 'text-to-video', '--model', 'said', '-p', 'a haert', '-o', 'a.mp4'))
        self.assertIn('did you mean "heart"?', done.err)

    def test_result_on_stdout(self):
        done = self.ok(self.render('-o', 'a.mp4'))
        self.assertEqual(done.out, 'a.mp4\n')
        self.assertNotIn('\033', done.err)
        done = json.loads(self.ok(self.render('-o', 'b.mp4', '--json')).out)
        self.assertEqual((done['output'], done['frames'], done['chunks'], done['seed'], len(done['drift'])), ('b.mp4', 41, 4, 7, 4))
        self.assertEqual(done['bytes'], os.stat(self.dir / 'b.mp4').st_size)

    def test_a_name_from_the_prompt(self):
        self.assertEqual(self.ok(self.render(prompt='A red Heart, große!')).out, 'a-red-heart-große.mp4\n')
        self.assertEqual(self.ok(self.render('--frames', '1')).out, 'a-red-heart.png\n')

    def test_existing_output(self):
        (self.dir / 'a.mp4').write_text('mine')
        self.fails(self.render('-o', 'a.mp4'), 1, 'exists', '-y')
        self.fails(self.render('-o', 'a.mp4', '-n'), 1, 'exists')
        self.assertEqual((self.dir / 'a.mp4').read_text(), 'mine')
        self.ok(self.render('-o', 'a.mp4', '-y'))

    def test_progress_json(self):
        done = self.ok(self.render('-o', 'a.mp4', '--progress=json'))
        events = [json.loads(l) for l in done.err.splitlines()]
        chunks = [e for e in events if e['event'] == 'chunk']
        self.assertEqual([e['chunk'] for e in chunks], [0, 1, 2, 3])
        for e in events:
            if e['event'] == 'progress':
                self.assertLessEqual({'phase', 'chunk', 'step', 'eta_s', 'bytes', 'peak_bytes'}, e.keys())
        self.assertEqual(json.loads(self.run_('render', 'text-to-video', '--progress=json').err)['exit_code'], 2)

    def test_quiet(self):
        self.assertEqual(self.ok(self.render('-o', 'a.mp4', '-q', prompt='haert')).err, '')

    def test_pipe(self):
        self.ok(self.render('-o', 'a.mp4'))
        self.assertEqual(self.ok(self.render('-o', '-', '--container', 'mp4')).raw, (self.dir / 'a.mp4').read_bytes())
        self.ok(self.render('-o', 'a.png', '--frames', '1'))
        self.assertEqual(self.ok(self.render('-o', '-', '--frames', '1')).raw, (self.dir / 'a.png').read_bytes())
        p = self.start('render', 'text-to-video', '-p', 'a', '--seconds', '1:00', '-o', '-')
        p.stdout.close()
        err = p.stderr.read()
        self.assertEqual(p.wait(), 1)
        p.stderr.close()
        self.assertIn(b'kinoloom: ', err)

    def test_full_device(self):
        with open('/dev/full', 'wb') as full:
            p = subprocess.run([kit.FAKE, 'render', 'text-to-video', '-p', 'a', '-o', '-'], env=self.env, cwd=self.dir, stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(p.returncode, 1, p.stderr)
            p = subprocess.run([kit.FAKE, 'models', 'list'], env=self.env, cwd=self.dir, stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(p.returncode, 1, p.stderr)

    def test_dry_run(self):
        done = self.ok(self.render('--dry-run', '-o', 'a.mp4'))
        for w in ('tokens', 'chunks', 'memory', 'time', 'toy'):
            self.assertIn(w, done.out)
        plan = json.loads(self.ok(self.render('--dry-run', '--json', '--seconds', '10')).out)
        self.assertEqual((plan['frames'], plan['job']['frames'], plan['fits']), (160, 160, True))
        self.assertEqual(list(self.dir.glob('*.mp4')), [])

    def test_layers_flag_over_job_over_model(self):
        (self.dir / 'j.json').write_text(json.dumps({'kinoloom_job': 1, 'prompt': 'a', 'steps': 5, 'shift': 2, 'seed': 1}))
        job = json.loads(self.ok(self.run_('render', 'j.json', '--dry-run', '--json', '--shift', '4')).out)['job']
        self.assertEqual((job['steps'], job['shift'], job['guidance'], job['fps']), (5, 4.0, 1.0, '16/1'))

    def test_times_and_rates(self):
        for args, frames in [(['--seconds', '1:30'], 1440), (['--seconds', '250f'], 250), (['--seconds', '0.5'], 8), (['--seconds', '500ms'], 8),
                             (['--seconds', '10', '--fps', '29.97'], 300), (['--frames', '3', '--fps', '30000/1001'], 3)]:
            plan = json.loads(self.ok(self.render('--dry-run', '--json', *args)).out)
            self.assertEqual(plan['frames'], frames, args)
            if '--fps' in args:
                self.assertEqual(plan['job']['fps'], '30000/1001')

    def test_job_inside_the_output_renders_the_same(self):
        for name in ('a.mp4', 'a.webm', 'a.gif', 'a.png'):
            self.ok(self.render('-o', name, *(['--frames', '1'] if name == 'a.png' else [])))
            self.ok(self.run_('render', name, '-o', 'b' + name[1:]))
            self.assertEqual(self.sum(name), self.sum('b' + name[1:]), name)
        self.ok(self.run_('render', 'a.webm', '-o', 'e.gif'))  # a name given now beats the container of the job
        self.assertEqual(json.loads(self.run_('probe', 'e.gif', '--json').out)['container'], 'gif')
        self.ok(self.render('-o', 'c.mp4', '--no-provenance'))
        self.fails(self.run_('render', 'c.mp4', '-o', 'd.mp4'), 3, 'no Kinoloom job')

    def test_random_seed_is_stored(self):
        a = json.loads(self.ok(self.run_('render', 'text-to-video', '-p', 'a', '-o', 'a.mp4', '--json')).out)
        b = json.loads(self.ok(self.run_('render', 'a.mp4', '-o', 'b.mp4', '--json')).out)
        self.assertEqual(a['seed'], b['seed'])

    def test_sequences(self):
        self.ok(self.render('-o', 'f-%03d.png', '--frames', '5'))
        self.assertEqual(sorted(p.name for p in self.dir.glob('f-*.png')), [f'f-{i:03}.png' for i in range(1, 6)])
        (self.dir / 'seq').mkdir()
        self.ok(self.render('-o', 'seq/', '--frames', '5'))
        self.assertEqual(len(list((self.dir / 'seq').glob('*.png'))), 5)

    def test_image(self):
        self.ok(self.render('-o', 'first.png', '--frames', '1'))
        self.ok(self.render('-o', 'a.mp4', '--image', 'first.png'))
        self.ok(self.render('-o', 'b.mp4'))
        self.assertNotEqual(self.sum('a.mp4'), self.sum('b.mp4'))
        self.fails(self.render('-o', 'c.mp4', '--image', 'none.png'), 3, 'none.png')

    def test_prompt_switch(self):
        self.ok(self.render('-o', 'a.mp4', '--prompt-at', '1s', 'a rocket'))
        job = json.loads(self.ok(self.run_('probe', 'a.mp4', '--json')).out)['job']
        self.assertEqual(job['prompts'], [{'at': '0f', 'text': 'a red heart'}, {'at': '16f', 'text': 'a rocket'}])

    def test_schema_agrees_with_what_is_written(self):
        schema = json.loads(self.ok(self.run_('render', '--schema')).out)
        self.ok(self.render('-o', 'a.mp4'))
        job = json.loads(self.ok(self.run_('probe', 'a.mp4', '--json')).out)['job']
        self.assertLessEqual(job.keys(), schema['properties'].keys())

    def test_option_lists_agree(self):
        """Help, man page and completion name the same options."""
        import re
        man = (kit.SOURCE / 'resources/man/kinoloom.1').read_text().replace('\\-', '-')
        bash = (kit.SOURCE / 'resources/completion/kinoloom.bash').read_text()
        for command in ('render', 'models'):
            for option in re.findall(r'^ {2}(?:-.,)? *(--[a-z-]+)', self.run_(command, '--help').out, re.M):
                self.assertIn(option, man)
                self.assertIn(option, bash)


kit.main()
