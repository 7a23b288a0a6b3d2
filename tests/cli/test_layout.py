"""kinoloom layout: candidates, files in and out, constraints that clash, odd briefs, a language model that is none."""
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import kit

BRIEF = {'kinoloom_brief': 1, 'canvas': 'slide', 'title': 'Three ways to be fast', 'subtitle': 'Lessons', 'sections': [
    {'icon': 'flag', 'heading': 'Decide once', 'body': 'Write decisions down where everybody finds them.'},
    {'icon': 'rocket', 'heading': 'Ship daily', 'body': 'Small changes are easy to review and to take back.'},
    {'icon': 'chart', 'heading': 'Measure little', 'body': 'Pick one number that matters to users.'}]}
MARKDOWN = '# Bees\n\nOne in three bites\n\n## They feed us\nApples and almonds depend on them.\n\n**37 %** of wild bees are shrinking\n'


class Server(BaseHTTPRequestHandler):
    """Answers as a language model might, with what the test wants."""
    answer, asked = b'', []

    def do_POST(self):
        Server.asked.append((self.path, json.loads(self.rfile.read(int(self.headers['Content-Length'])))))
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.end_headers()
        self.wfile.write(Server.answer)

    def log_message(self, *args):
        pass


class Layout(kit.Case):
    def brief(self, value=None, name='brief.json', **more):
        value = {**BRIEF, **more} if value is None else value
        (self.dir / name).write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        return name

    def layout(self, *args, **kw):
        return self.run_('layout', *args, **kw)

    def candidates(self, *args):
        return json.loads(self.ok(self.layout(*args, '--json')).out)['candidates']

    def test_table_and_json(self):
        name = self.brief()
        done = self.ok(self.layout(name))
        lines = done.out.splitlines()
        self.assertEqual(len(lines), 13, done)
        self.assertEqual(lines[0].split(), ['rank', 'total', 'alignment', 'overlap', 'IoU', 'after'])
        self.assertNotIn('\x1b', done.out + done.err)
        all_ = self.candidates(name, '--candidates', '10')
        self.assertEqual(len(all_), 10)
        for c in all_:
            s = c['score']
            self.assertAlmostEqual(s['total'], 0.2 * s['alignment'] + 0.2 * s['overlap'] + 0.6 * (1 - s['iou']), places=5)
            self.assertEqual({e['id'] for e in c['elements'] if e['type'] not in ('panel', 'background')},
                             {'title', 'subtitle'} | {f's{i}.{k}' for i in (1, 2, 3) for k in ('icon', 'heading', 'body')})
        totals = [c['score']['total'] for c in all_]
        self.assertEqual(totals, sorted(totals))
        self.assertEqual(self.candidates(name, '--seed', '7'), self.candidates(name, '--seed', '7'))
        self.assertNotEqual(self.candidates(name, '--seed', '7'), self.candidates(name, '--seed', '8'))

    def test_markdown_from_stdin_and_canvases(self):
        self.brief(MARKDOWN, 'b.md')
        for canvas, size in [(['--preset', 'story'], [1080, 1920]), (['--size', '640x480'], [640, 480]), ([], [896, 2240])]:
            self.assertEqual(self.candidates('b.md', '-c', '2', *canvas)[0]['canvas'], size)

    def test_files(self):
        name = self.brief()
        self.ok(self.layout(name, '-o', 'best.json'))
        best = json.loads((self.dir / 'best.json').read_text())
        self.assertEqual(best, self.candidates(name)[0])
        self.fails(self.layout(name, '-o', 'best.json'), 1, 'exists')
        self.ok(self.layout(name, '-o', 'best.json', '-y'))
        self.assertEqual(json.loads(self.ok(self.layout(name, '-o', '-')).out), best)
        self.ok(self.layout(name, '-c', '2', '--preview', 'pictures'))
        for n in ('01.png', '02.png'):
            self.assertEqual((self.dir / 'pictures' / n).read_bytes()[:4], b'\x89PNG')
        kept = [e for e in best['elements'] if e['id'] in ('title', 's1.icon')]
        (self.dir / 'part.json').write_text(json.dumps({**best, 'elements': kept}))
        for c in self.candidates(name, '-c', '3', '--complete', 'part.json'):
            boxes = {e['id']: e['box'] for e in c['elements']}
            for e in kept:
                self.assertEqual(boxes[e['id']], e['box'])
        rough = {**best, 'elements': [{**e, 'box': [e['box'][0] + 7 * (i % 3), e['box'][1] + 5 * (i % 2), *e['box'][2:]]}
                                      for i, e in enumerate(best['elements'])]}
        (self.dir / 'rough.json').write_text(json.dumps(rough))
        first = self.candidates(name, '-c', '3', '--refine', 'rough.json')[0]
        self.assertEqual(first['exemplar'], 'given')
        self.assertEqual(first['score']['overlap'], 0)
        schema = json.loads(self.ok(self.layout('--schema')).out)
        self.assertEqual(schema['properties']['kinoloom_brief'], {'const': 1, 'description': schema['properties']['kinoloom_brief']['description']})

    def test_constraints(self):
        name = self.brief(constraints=[{'a': 's1.body', 'relation': 'larger', 'b': 's2.body'}, {'fix': 'title', 'box': [100, 600, 900, 160]}])
        for c in self.candidates(name, '-c', '3'):
            boxes = {e['id']: e['box'] for e in c['elements']}
            self.assertEqual(boxes['title'], [100, 600, 900, 160])
            self.assertGreater(boxes['s1.body'][2] * boxes['s1.body'][3], boxes['s2.body'][2] * boxes['s2.body'][3])
        name = self.brief(constraints=[{'a': 'title', 'relation': 'top', 'b': 'canvas'}, {'a': 'title', 'relation': 'left', 'b': 's1.body'},
                                       {'a': 's1.body', 'relation': 'left', 'b': 'title'}])
        line = self.fails(self.layout(name), 3, 'cannot hold together', 'title is left of s1.body', 's1.body is left of title')
        self.assertNotIn('third', line)

    def test_odd_briefs(self):
        for value, words in [({'kinoloom_brief': 1}, ['empty']), ('', ['empty']), ({'kinoloom_brief': 2, 'title': 'x'}, ['newer Kinoloom']),
                             ({'kinoloom_brief': 1, 'canvas': 'square', 'title': 'x', 'body': 'word ' * 10000}, ['do not fit', 'of 10001 would']),
                             ({'kinoloom_brief': 1, 'chart': {'csv': 'a,nan\nb,nan'}}, ['nothing to draw']),
                             ({'kinoloom_brief': 1, 'picture': {'image': 'missing.png'}}, ['missing.png'])]:
            with self.subTest(words=words):
                self.fails(self.layout(self.brief(value)), 3, *words)
        self.fails(self.layout('no-such-brief'), 3, 'no-such-brief')
        one = self.ok(self.layout(self.brief({'kinoloom_brief': 1, 'title': 'T', 'chart': {'csv': 'sales,12'}})))
        self.assertIn('one value only', one.err)
        odd = self.ok(self.layout(self.brief({'kinoloom_brief': 1, 'title': '<b>T</b>\x07', 'fonts': {'body': 'No Such Family'}})))
        self.assertIn('No Such Family', odd.err)

    def test_usage(self):
        name = self.brief()
        for args, words in [([], ['Name a brief']), ([name, name], ['one brief']), ([name, '--candidates', '0'], ['at least one']),
                            ([name, '--candidates', '65'], ['--candidates']), ([name, '--preset', 'squar'], ['did you mean square']),
                            ([name, '--size', '10x10'], ['64 to 16384']), ([name, '--seed', '-1'], ['--seed']), ([name, '-y', '-n'], ['-y']),
                            ([name, '--json', '-o', '-'], ['standard output']), ([name, '--ask', 'localhost'], ['address']),
                            ([name, '--ask', 'http://192.0.2.1/v1'], ['not this machine']), ([name, '--complete', 'a', '--refine', 'b'], ['one layout'])]:
            with self.subTest(args=args):
                self.fails(self.layout(*args), 2, *words)

    def test_language_model(self):
        name = self.brief()
        server = HTTPServer(('127.0.0.1', 0), Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}/v1'
        try:
            y, html = 300, '<div class="title" style="index: 0; left: 60px; top: 40px; width: 1200px; height: 120px"></div>'
            html += '<div class="subtitle" style="index: 1; left: 60px; top: 180px; width: 800px; height: 50px"></div>'
            for i in range(3):
                for k, (kind, h) in enumerate((('icon', 90), ('heading', 50), ('body', 220))):
                    html += f'<div class="{kind}" style="index: {2 + 3 * i + k}; left: {64 + 490 * i}px; top: {y + 110 * k}px; width: {h if kind == "icon" else 420}px; height: {h}px"></div>'
            Server.asked.clear()
            Server.answer = json.dumps({'choices': [{'message': {'content': html}}, {'message': {'content': 'I cannot.'}}]}).encode()
            done = self.ok(self.layout(name, '--json', '--ask', url, '--ask-model', 'toy', env={'http_proxy': 'http://192.0.2.1:9/'}))
            mine = [c for c in json.loads(done.out)['candidates'] if c['exemplar'] == 'model']
            self.assertEqual(len(mine), 1)
            self.assertEqual(mine[0]['score']['overlap'], 0)
            boxes = {e['id']: e['box'] for e in mine[0]['elements']}
            self.assertLess(abs(boxes['s3.body'][0] - 1044), 80)
            path, body = Server.asked[0]
            self.assertEqual((path, body['model']), ('/v1/chat/completions', 'toy'))
            self.assertIn('title 0 | subtitle 1 | icon 2', body['messages'][0]['content'])
            self.assertNotIn('Decide', body['messages'][0]['content'])  # kinds, not words
            for answer in (b'', b'{"choices": []}', b'[' * 100000, b'{"choices": [{"message": {"content": "<div class=title style=left:1px"}}]}'):
                Server.answer = answer
                done = self.ok(self.layout(name, '--ask', url))
                self.assertIn('no layouts from the language model', done.err)
                self.assertEqual(len(done.out.splitlines()), 13)
        finally:
            server.shutdown()
            server.server_close()
        done = self.ok(self.layout(name, '--ask', url))  # nobody is there any more: the rest stands
        self.assertIn('no layouts from the language model', done.err)


kit.main()
