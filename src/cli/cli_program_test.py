#!/usr/bin/env python3
"""Runs the program as a person would: exit codes, messages, files.

usage: cli_program_test.py PROGRAM [TEST…]
"""
import gzip, json, os, pathlib, pty, select, subprocess, sys, tempfile, unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))


class Program(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def tidal(self, *arguments, expect=0, stdin="", **environment):
        env = {**os.environ, "HOME": str(self.root), "NO_COLOR": "1", **environment}
        done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, text=True,
                              cwd=self.root, env=env, timeout=120)
        self.assertEqual(done.returncode, expect, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def file(self, name, content):
        path = self.root / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def database(self, name="d.db", schema="DEFINE FIELD item.title TEXT; DEFINE FIELD item.year INT INDEXED;\n"
                 "DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY\n"
                 "  EFFECTS mark seen;\n"
                 "DEFINE SIGNAL like ROLE positive WINDOWS 24h, 7d EFFECTS mark liked;"):
        self.file("schema.tidal", schema)
        self.tidal("init", name, "--schema", "schema.tidal", "--quiet")
        return name

    def digest(self, name):
        lines = self.tidal("digest", name, "--by", "view").stdout.splitlines()
        views = dict(reversed(line.split("  ")) for line in lines[:-1])
        return {k: v for k, v in views.items() if k not in ("import_marks", "schema")}


class Usage(Program):
    def test_version_and_help(self):
        self.assertRegex(self.tidal("version").stdout, r"^tidal \d+\.\d+\.\d+\n$")
        self.assertIn("tidal init tube.db", self.tidal("--help").stdout)
        self.assertIn("Example:", self.tidal("help", "import").stdout)
        for command in "init exec shell import export status verify digest inspect demo completions version".split():
            self.assertIn("Example:", self.tidal(command, "--help").stdout, command)

    def test_what_is_not_understood_gives_2(self):
        for arguments in ([], ["nonsense"], ["init"], ["init", "a", "--template", "zoo"],
                          ["exec", "--format", "xml", "x"], ["import", "d"], ["digest", "d", "--by", "year"],
                          ["completions", "tcsh"], ["wal"],
                          ["exec", "SHOW SORTS;", "--param", "novalue"], ["help", "nonsense"]):
            done = self.tidal(*arguments, expect=2)
            self.assertTrue(done.stderr, arguments)
            self.assertEqual(done.stdout, "", arguments)

    def test_what_comes_later_says_so(self):
        for command in "repair backup restore compact serve eval".split():
            self.assertIn("not available yet", self.tidal(command, "d.db", expect=1).stderr)

    def test_completions(self):
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("tidal", self.tidal("completions", shell).stdout)


class Directories(Program):
    def test_a_wrong_directory_is_never_made(self):
        for arguments in (["exec", "no.db", "SHOW STATS;"], ["exec", "no.db"], ["shell", "no.db"], ["status", "no.db"],
                          ["verify", "no.db"], ["digest", "no.db"], ["import", "no.db", "x.csv"], ["export", "no.db"],
                          ["wal", "dump", "no.db"], ["wal", "stats", "no.db"]):
            done = self.tidal(*arguments, expect=1)
            self.assertIn("tidal init", done.stderr, arguments)
            self.assertFalse((self.root / "no.db").exists(), arguments)

    def test_init_makes_every_template_and_says_what_next(self):
        for name in ("video", "articles", "shop", "social"):
            out = self.tidal("init", name + ".db", "--template", name).stdout
            self.assertLessEqual(len(out.splitlines()), 10)
            self.assertIn("tidal shell " + name + ".db", out)
            self.tidal("exec", name + ".db", "RETRIEVE items SORT BY trending LIMIT 3; RETRIEVE items SORT BY hot;")

    def test_init_refuses_what_is_there(self):
        self.database()
        self.assertIn("AlreadyExists", self.tidal("init", "d.db", expect=1).stderr)
        (self.root / "full").mkdir()
        self.file("full/x", "")
        self.assertIn("not empty", self.tidal("init", "full", expect=1).stderr)

    def test_a_wrong_schema_leaves_nothing(self):
        self.file("bad.tidal", "DEFINE FIELD item.title TEXT;\nDEFINE FIELD item.limit INT;\n")
        self.assertIn("limit", self.tidal("init", "d.db", "--schema", "bad.tidal", expect=1).stderr)
        self.assertFalse((self.root / "d.db").exists())

    def test_two_processes_do_not_share_a_directory(self):
        self.database()
        holder = subprocess.Popen([PROGRAM, "shell", "d.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, cwd=self.root, text=True)
        holder.stdin.write("SHOW SORTS;\n")
        holder.stdin.flush()
        holder.stdout.readline()
        self.assertIn("AlreadyOpen", self.tidal("status", "d.db", expect=1).stderr)
        holder.communicate()
        self.assertEqual(holder.returncode, 0)

    def test_status_verify_wal_inspect(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @i1 {"fields":{"title":"Heat"}}; SIGNAL like ON @i1 BY @u1;')
        status = self.tidal("status", name).stdout
        self.assertIn("1 item, 1 user", status)
        self.assertIn("newest event", status)
        self.assertIn("every checksum is right", self.tidal("verify", name).stdout)
        dump = [json.loads(line) for line in self.tidal("wal", "dump", name).stdout.splitlines()]
        self.assertEqual([each["type"] for each in dump], ["schema", "put", "signal"])
        self.assertEqual(len(self.tidal("wal", "dump", name, "--from", 2, "--limit", 1).stdout.splitlines()), 1)
        self.assertIn("signal", self.tidal("wal", "stats", name).stdout)
        segment = next((self.root / name / "wal").glob("*.wal"))
        self.assertIn('"type":"put"', self.tidal("inspect", segment).stdout)
        for file in (self.root / name / "checkpoints").rglob("*"):
            if file.is_file():
                json.loads(self.tidal("inspect", file).stdout.splitlines()[0])
        self.assertIn("none of ours", self.tidal("inspect", self.file("x", "hello"), expect=1).stderr)

    def test_verify_finds_a_flipped_byte(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @i1 {"fields":{"title":"Heat"}};')
        segment = next((self.root / name / "wal").glob("*.wal"))
        data = bytearray(segment.read_bytes())
        data[data.index(b"Heat")] ^= 1
        segment.write_bytes(data)
        self.assertIn("offset", self.tidal("verify", name, expect=1).stderr)


class Exec(Program):
    def test_memory_directory_stdin_and_file(self):
        self.assertIn("hot", self.tidal("exec", "SHOW SORTS;").stdout)
        name = self.database()
        self.tidal("exec", name, stdin="PUT item @a {};")
        self.file("s.tidal", "GET item @a;")
        self.assertIn("created_at", self.tidal("exec", name, "--file", "s.tidal").stdout)

    def test_formats(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @a {"fields":{"title":"Alpha","year":1990}};')
        query = 'RETRIEVE items FILTER year >= 1980 SORT BY new;'
        self.assertIn("Alpha", self.tidal("exec", name, query).stdout)
        for form in ("json", "jsonl"):
            reply = json.loads(self.tidal("exec", name, query, "--format", form).stdout)
            self.assertEqual(reply["items"][0]["fields"]["title"], "Alpha")
        rows = self.tidal("exec", name, query, "--format", "csv").stdout.splitlines()
        self.assertTrue(rows[0].startswith("rank,key"))
        self.assertEqual(len(self.tidal("exec", name, query * 2, "--format", "json").stdout.splitlines()), 2)

    def test_errors_point_and_stop(self):
        done = self.tidal("exec", "PUT item @a {}; RETRIEVE itmes; PUT item @b {};", expect=1)
        self.assertIn("^^^^^", done.stderr)
        done = self.tidal("exec", "--keep-going", "--format", "json", "GET item @x; SHOW SORTS;", expect=1)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(lines[0]["error"]["code"], "NotFound")
        self.assertIn("rows", lines[1])

    def test_params_and_clock(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @a {"created_at":"2019-01-01"};'
                                 'SIGNAL view ON @a BY @u1 AT 2020-01-01T00:00Z;')
        out = self.tidal("exec", name, "RETRIEVE items FOR USER $user FILTER unseen SORT BY new;",
                         "--param", "user=u1").stdout
        self.assertIn("0 items", out)
        query = "RETRIEVE items FILTER view.count(24h) >= 1 SORT BY new;"
        self.assertIn("0 items", self.tidal("exec", name, query).stdout)
        self.assertIn("1 item,", self.tidal("exec", name, query, "--clock", "events").stdout)
        self.assertIn("1 item,", self.tidal("exec", name, query, "--clock", "2020-01-01T00:02Z").stdout)
        self.assertIn("--clock", self.tidal("exec", name, query, "--clock", "noon", expect=1).stderr)


class Import(Program):
    RATINGS = "userId,movieId,rating,timestamp\n" + "".join(
        f"{u},{m},{(u + m) % 5 + 1},{1500000000 + u * 1000 + m}\n" for u in range(1, 40) for m in range(1, 20))
    MAP = ["--map", "signal:kind=view,user=userId,item=movieId,value=rating,at=timestamp:unix",
           "--map", "signal:kind=like,user=userId,item=movieId,at=timestamp:unix,where=rating>=4"]

    def movies(self):
        rows = "".join(f'{m},"Film, {m}",{1980 + m}\n' for m in range(1, 20))
        return self.file("movies.csv", "movieId,title,year\n" + rows)

    def test_twice_is_once_and_compression_does_not_matter_to_the_result(self):
        a, b = self.database("a.db"), self.database("b.db")
        self.movies()
        self.file("ratings.csv", self.RATINGS)
        self.file("ratings.csv.gz", gzip.compress(self.RATINGS.encode()))
        for name, ratings in ((a, "ratings.csv"), (b, "ratings.csv.gz")):
            self.tidal("import", name, "movies.csv", "--map", "item:key=movieId,title=title,year=year")
            done = self.tidal("import", name, ratings, *self.MAP)
            self.assertIn("--clock events", done.stderr)
        once = self.digest(a)
        self.assertEqual(once, self.digest(b))
        self.assertIn("were in already", self.tidal("import", a, "ratings.csv", *self.MAP).stderr)
        self.assertEqual(once, self.digest(a))

    def test_a_bare_table_is_guessed_and_nothing_is_written(self):
        name = self.database()
        self.movies()
        done = self.tidal("import", name, "movies.csv", expect=1)
        self.assertIn("tidal import d.db movies.csv --map 'item:key=movieId,title=title,year=year'", done.stderr)
        self.assertIn("0 items", self.tidal("status", name).stdout)

    def test_bad_lines_are_listed_and_the_others_are_in(self):
        name = self.database()
        self.file("e.jsonl", '{"op":"item","key":"i1"}\nnonsense\n{"op":"signal","kind":"like","item":"i9"}\n'
                             '{"op":"signal","kind":"view","item":"i1","value":-4}\n'
                             '{"op":"signal","kind":"like","item":"i1","user":"u1","at":"2020-01-01"}\n')
        done = self.tidal("import", name, "e.jsonl")
        self.assertIn("3 bad lines", done.stderr)
        rejects = (self.root / "e.jsonl.rejects").read_text().splitlines()
        self.assertEqual([line.split("\t")[0] for line in rejects], ["2", "3", "4"])
        self.assertIn("1 item, 1 user", self.tidal("status", name).stdout)

    def test_export_and_import_give_the_same_views(self):
        name = self.database()
        self.movies()
        self.file("ratings.csv", self.RATINGS)
        self.tidal("import", name, "movies.csv", "--map", "item:key=movieId,title=title,year=year")
        self.tidal("import", name, "ratings.csv", *self.MAP)
        self.tidal("exec", name, r'''
            PUT item @x {"creator":"c1","created_at":"2019-01-02T03:04:05.678901Z",
                         "fields":{"title":"A \"quote\" \\ é\n"}};
            PUT item @open {};
            SIGNAL view ON @x BY @u1 VALUE 2.5 WEIGHT 0.25 AT 2020-02-01T00:00:00.123456Z KEY "k1"
              CONTEXT {"surface":"home"};
            SIGNAL like ON @x;
            UPDATE item @x {"fields":{"title":null,"year":2001}};
            DELETE item @3;
            PUT item @3 {"fields":{"title":"back"}};
            DELETE item @4;''')
        self.tidal("export", name, "--out", "copy")
        self.tidal("init", "c.db", "--schema", "copy/schema.tidal", "-q")
        done = self.tidal("import", "c.db", "copy/data.jsonl", "--as-is")
        self.assertNotIn("bad line", done.stderr)
        self.assertEqual(self.digest(name), self.digest("c.db"))
        self.assertEqual(self.tidal("export", name, "--what", "schema").stdout,
                         self.tidal("export", "c.db", "--what", "schema").stdout)
        entities = self.tidal("export", name, "--what", "entities").stdout
        self.assertNotIn('"op":"signal"', entities)
        self.assertTrue(all('"op":"signal"' in line
                            for line in self.tidal("export", name, "--what", "signals").stdout.splitlines()))


class Shell(Program):
    def test_runs_what_is_piped_in_and_tells_errors_by_its_exit_code(self):
        self.assertIn("rank", self.tidal("shell", stdin="PUT item @a {};\nRETRIEVE items\n  SORT BY new;\n").stdout)
        self.tidal("shell", stdin="RETRIEVE itmes;\n", expect=1)

    def test_ctrl_c_clears_the_line_and_statements_are_remembered(self):
        child, terminal = pty.fork()
        if child == 0:
            # libedit never frees the name and help of a function that is added to it.
            os.environ.update(HOME=str(self.root), TERM="xterm", ASAN_OPTIONS="detect_leaks=0")
            os.execv(PROGRAM, [PROGRAM, "shell"])

        unread = b""

        def read_until(text):
            nonlocal unread
            while text not in unread and select.select([terminal], [], [], 30)[0]:
                unread += os.read(terminal, 65536)
            self.assertIn(text, unread)
            seen, unread = unread.split(text, 1)
            return seen

        read_until(b"tidal> ")
        os.write(terminal, b"RETRIEVE nonsense")
        read_until(b"nonsense")
        os.write(terminal, b"\x03")
        read_until(b"^C")
        read_until(b"tidal> ")
        os.write(terminal, b"RETR\titems SORT BY new;\n")
        self.assertNotIn(b"error", read_until(b"0 candidates"))
        os.write(terminal, b"\\q\n")
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertIn("items", (self.root / ".tidal_history").read_text())

    def test_demo_runs_its_offers_without_a_terminal(self):
        out = self.tidal("demo", stdin="\\q\n").stdout
        self.assertIn("2,000 items", out)
        self.assertIn("candidates", out)


if __name__ == "__main__":
    unittest.main()
