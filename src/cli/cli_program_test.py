#!/usr/bin/env python3
"""Runs the program as a person would: exit codes, messages, files.

usage: cli_program_test.py PROGRAM [TEST…]
"""
import json, os, pathlib, pty, re, select, subprocess, unittest

from tidal_program import PROGRAM, Program


class Usage(Program):
    def test_version_and_help(self):
        self.assertRegex(self.tidal("version").stdout, r"^tidal \d+\.\d+\.\d+\n$")
        self.assertEqual(self.tidal("--version").stdout, self.tidal("version").stdout)
        self.assertIn("tidal init tube.db", self.tidal("--help").stdout)
        self.assertIn("Example:", self.tidal("help", "import").stdout)
        for command in self.commands():
            text = self.tidal(*command, "--help").stdout
            self.assertIn("Example:\n  tidal " + " ".join(command), text)
            self.assertIn("Usage: tidal " + " ".join(command) + " [", text)
            self.assertEqual(text, self.tidal("help", *command).stdout)

    def commands(self, *above):
        """Every command that --help lists, those of commands too; those that come later left out."""
        text = self.tidal(*above, "--help").stdout.partition("Subcommands:")[2].split("\n\n")[0]
        for name in re.findall(r"^  (\w+) ", text, re.MULTILINE):
            yield (*above, name)
            yield from self.commands(*above, name)

    def options(self, *command):
        text = self.tidal(*command, "--help").stdout.partition("Options:")[2]
        text = text.partition("Subcommands:")[0].partition("Example:")[0]
        return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))

    def test_what_is_not_understood_gives_2(self):
        for arguments in ([], ["nonsense"], ["init"], ["init", "a", "--template", "zoo"],
                          ["exec", "--format", "xml", "x"], ["import", "d"], ["digest", "d", "--by", "year"],
                          ["completions", "tcsh"], ["wal"],
                          ["exec", "SHOW SORTS;", "--param", "novalue"], ["help", "nonsense"],
                          ["exec", "SHOW SORTS;", "--clock", "noon"], ["status", "d", "--clock", "noon"],
                          ["status", "d", "--clock", ""], ["import", "d", "f", "--max-rejects", "-1"],
                          ["import", "d", "f", "--max-rejects=-1"], ["wal", "dump", "d", "--from", "1e3"]):
            done = self.tidal(*arguments, expect=2)
            self.assertTrue(done.stderr, arguments)
            self.assertEqual(done.stdout, "", arguments)

    def test_what_comes_later_says_so(self):
        for command in "serve eval schema".split():
            self.assertIn("not available yet", self.tidal(command, "d.db", expect=1).stderr)

    def test_errors_of_usage_say_what_was_expected_and_guess_what_was_meant(self):
        for arguments, said in (
                (["improt", "d"], "there is no command 'improt' (did you mean 'import'?)"),
                (["help", "improt"], "there is no command 'improt' (did you mean 'import'?)"),
                (["init", "a", "--template", "vidoe"],
                 "--template: expected video, articles, shop or social, got 'vidoe' (did you mean 'video'?)"),
                (["exec", "--format", "xml", "x"], "--format: expected csv, json, jsonl or table, got 'xml'"),
                (["exec", "SHOW SORTS;", "--clock", "foo"],
                 "--clock: expected a time such as 2026-11-22T12:00Z, or events, got 'foo'"),
                (["exec", "SHOW SORTS;", "--memory-limit", "-1"],
                 "--memory-limit: expected a size such as 4GiB, got '-1'"),
                (["wal", "dmup"], "tidal wal"), ([], "expected a command")):
            self.assertIn(said, self.tidal(*arguments, expect=2).stderr)

    def test_completions_know_every_command_and_option(self):
        scripts = {shell: self.tidal("completions", shell).stdout for shell in ("bash", "zsh", "fish")}
        commands = list(self.commands())
        self.assertIn(("bench",), commands)
        self.assertIn(("wal", "dump"), commands)
        for command in commands:
            path, options = " ".join(command), self.options(*command)
            self.assertIn("--help", options)
            for option in options:
                self.assertIn(option, self.completed(scripts["bash"], *command, option), command)
                zsh = scripts["zsh"].partition(f"    '{path}') _arguments")[2].split(";;")[0]
                self.assertIn(f"'*{option}[", zsh)
                word = "-l " + option[2:] if option.startswith("--") else "-s " + option[1:]
                self.assertRegex(scripts["fish"], rf"__fish_seen_subcommand_from {command[-1]}\".* {word} ")

    def completed(self, script, *words):
        """What bash offers for the last word."""
        done = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(tidal \"$@\"); COMP_CWORD=$#; _tidal; "
                               "printf '%s\\n' \"${COMPREPLY[@]}\"", "bash", *words],
                              capture_output=True, text=True, cwd=self.root)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_completes_words_and_files(self):
        script = self.tidal("completions", "bash").stdout
        self.assertEqual(self.completed(script, "imp"), ["import"])
        self.assertEqual(self.completed(script, "wal", "d"), ["dump"])
        self.assertEqual(self.completed(script, "bench", "tr"), ["trending"])
        self.assertEqual(self.completed(script, "exec", "--format", "js"), ["json", "jsonl"])
        self.assertEqual(self.completed(script, "init", "x", "--template", ""), ["video", "articles", "shop", "social"])
        self.file("events.csv", "")
        self.assertEqual(self.completed(script, "import", "ev"), ["events.csv"])


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

    def test_an_error_in_a_schema_points_into_the_file(self):
        self.file("bad.tidal", "DEFNE FIELD item.title TEXT;\nDEFINE SIGNAL like;\n")
        err = self.tidal("init", "d.db", "--schema", "bad.tidal", expect=1).stderr
        self.assertIn("  1 | DEFNE FIELD item.title TEXT;\n    | ^^^^^", err)
        self.file("bad.tidal", "DEFINE FIELD item.year INT; DEFINE FIELD item.year TEXT;\n")
        err = self.tidal("init", "d.db", "--schema", "bad.tidal", expect=1).stderr
        self.assertNotIn("BEGIN;", err)
        self.file("bad.tidal", "DEFINE SIGNAL like;\nDEFINE FIELD item.year\n")
        err = self.tidal("init", "d.db", "--schema", "bad.tidal", expect=1).stderr
        self.assertIn("2 | DEFINE FIELD item.year\n", err)
        self.assertNotIn("COMMIT", err)

    def test_an_init_that_found_no_room_can_be_run_again(self):
        (self.root / "empty.db").mkdir()
        for name in ("new.db", "empty.db"):
            self.tidal("init", name, "--template", "video", expect=1, file_bytes_max=1 << 20)
            left = self.root / name
            self.assertEqual(list(left.iterdir()) if left.exists() else [], [])
            self.assertEqual(left.exists(), name == "empty.db")
            self.tidal("init", name, "--template", "video")

    def test_an_init_that_was_killed_can_be_run_again(self):
        (self.root / "new.db" / "stores").mkdir(parents=True)
        self.file("new.db/LOCK", "")
        self.tidal("init", "new.db", "--template", "video")

    def test_an_export_replaces_nothing(self):
        name = self.database()
        for mine in ("schema.tidal", "data.jsonl"):
            (self.root / "out").mkdir()
            self.file("out/" + mine, "mine")
            self.assertIn(f"out/{mine} exists", self.tidal("export", name, "--out", "out", expect=1).stderr)
            self.assertEqual([path.read_text() for path in (self.root / "out").iterdir()], ["mine"])
            (self.root / "out" / mine).unlink()
            (self.root / "out").rmdir()
        self.assertIn("lies in 'd.db'", self.tidal("export", name, "--out", name + "/wal", expect=1).stderr)

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

    def test_verify_finds_a_segment_under_another_name(self):
        wal = self.root / self.database() / "wal"
        (wal / "00000000000000000001.wal").rename(wal / "00000000000000000002.wal")
        err = self.tidal("verify", "d.db", expect=1).stderr
        self.assertIn("header is of 00000000000000000001.wal", err)


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
        twice = self.tidal("exec", name, query * 2, "--format", "csv").stdout.split("\n\n")
        self.assertEqual([table.splitlines() for table in twice], [rows, rows], "an empty line between two tables")

    def test_answers_go_to_stdout_and_timings_to_stderr(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @a {"fields":{"title":"Alpha"}};')
        for statement in ("SHOW SORTS;", "GET item @a;", "RETRIEVE items SORT BY new;", "HELP;", "SHOW SCHEMA;"):
            for form in ("table", "csv"):
                done = self.tidal("exec", name, statement, "--format", form)
                self.assertNotRegex(done.stdout, r"\d (µs|ms|s)\n")
                self.assertRegex(done.stderr, r"\d (µs|ms|s)\n")
                self.assertEqual(self.tidal("exec", name, statement, "--format", form, "--quiet").stdout, done.stdout)
        self.assertIn("got 5.0001\n", self.tidal("exec", name, "SIGNAL like ON @a VALUE 5.0001;", expect=1).stderr)

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
                         "--param", "user=u1").stderr
        self.assertIn("0 items", out)
        query = "RETRIEVE items FILTER view.count(24h) >= 1 SORT BY new;"
        self.assertIn("0 items", self.tidal("exec", name, query).stderr)
        self.assertIn("1 item,", self.tidal("exec", name, query, "--clock", "events").stderr)
        self.assertIn("1 item,", self.tidal("exec", name, query, "--clock", "2020-01-01T00:02Z").stderr)


    def test_options_stand_before_statements_too(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @a {};')
        query = "RETRIEVE items FILTER year = $y SORT BY new;"
        for arguments in (["--param", "y=1", name, query], [name, "--param", "y=1", query],
                          ["--param", "y=1", "--param", "n=2", name, query + " RETRIEVE items LIMIT $n;"]):
            self.assertIn("0 items", self.tidal("exec", *arguments).stderr)

    def test_params_are_durations_and_times_unless_quoted(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @a {"created_at":"2026-01-01","fields":{"title":"30d"}};')
        for filter, param, found in (("age < $p", "p=30d", 1), ("created_at >= $p", "p=2026-01-01T00:00Z", 1),
                                     ("created_at < $p", "p=2026-01-01", 0)):
            done = self.tidal("exec", name, f"RETRIEVE items FILTER {filter} SORT BY new;", "--param", param,
                              "--clock", "2026-01-10")
            self.assertIn(f"{found} item", done.stderr)
        self.tidal("exec", name, "RETRIEVE items FILTER age < $p;", "--param", 'p="30d"', expect=1)

    def test_what_cannot_be_written_to_stdout_is_an_error(self):
        name = self.database()
        for arguments in (["version"], ["exec", name, "SHOW SORTS;"], ["export", name], ["help"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, cwd=self.root,
                                      text=True)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn("cannot write to stdout", done.stderr)

    def test_a_pipe_that_nobody_reads_any_more_is_no_error(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([PROGRAM, "help"], stdout=write, stderr=subprocess.PIPE, cwd=self.root, text=True)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Documentation(Program):
    """Examples of the pages that a person copies from; docs/language.md is run by document_test."""

    def page(self, name):
        return (pathlib.Path(__file__).parents[2] / name).read_text()

    def block(self, page, language):
        return re.search(rf"^```{language}\n(.*?)^```$", self.page(page), re.MULTILINE | re.DOTALL)[1]

    def test_every_line_of_the_import_page_is_taken(self):
        name = self.database(schema="DEFINE FIELD item.title TEXT; DEFINE FIELD item.tags KEYWORD[];"
                                    "DEFINE FIELD user.country KEYWORD; DEFINE SIGNAL like VALUE 0..;")
        lines = self.block("docs/import.md", "json").splitlines()
        self.assertEqual({json.loads(line)["op"] for line in lines},
                         {"item", "user", "creator", "update", "delete", "signal", "schema"})
        lines.insert(-1, lines[0])  # the signal is on what the line before it deleted
        self.file("e.jsonl", "\n".join(lines))
        self.tidal("import", name, "e.jsonl", "--as-is", "--clock", "2026-11-23T00:00Z")

    def test_the_maps_of_the_import_page_are_taken(self):
        name = self.database(schema="DEFINE FIELD item.title TEXT; DEFINE FIELD item.genres KEYWORD[];"
                                    "DEFINE SIGNAL like;")
        items, signals = re.search(r"```\n(item:\S+)\n(signal:\S+)\n```", self.page("docs/import.md")).groups()
        self.file("movies.csv", "movieId,title,genres\n1,Heat,Crime|Drama\n")
        self.file("ratings.csv", "userId,movieId,rating,timestamp\n7,1,5,1500000000\n8,1,2,1500000000\n")
        self.tidal("import", name, "movies.csv", "--map", items)
        self.assertIn(": 1 operation ", self.tidal("import", name, "ratings.csv", "--map", signals).stderr)

    def test_the_commands_of_the_import_page_copy_a_database(self):
        name = self.database()
        self.tidal("export", name, "--out", "COPY")
        for line in self.block("docs/import.md", "sh").splitlines():
            self.assertEqual(line.split()[0], "tidal")
            self.tidal(*line.split()[1:])
        self.assertEqual(self.digest(name), self.digest("NEW"))

    def test_the_statements_of_the_readme_run(self):
        self.tidal("init", "tube.db", "--template", "video")
        self.tidal("exec", "tube.db", 'PUT item @i1 {"fields":{"title":"Piano basics"}};')
        statements = re.findall(r"`((?:RETRIEVE|SIGNAL) [^`]*;)`", self.page("README.md"))
        self.assertGreater(len(statements), 3)
        for statement in statements:
            self.tidal("exec", "tube.db", statement)
        for sort in re.findall(r"`SORT BY (\w+)`", self.page("README.md")):
            self.tidal("exec", "tube.db", f"RETRIEVE items SORT BY {sort};")
        for command in re.findall(r"`(?:build/release/)?tidal ([a-z]+)", self.page("README.md")):
            self.tidal(command, "--help")


class Shell(Program):
    def test_runs_what_is_piped_in_and_tells_errors_by_its_exit_code(self):
        self.assertIn("rank", self.tidal("shell", stdin="PUT item @a {};\nRETRIEVE items\n  SORT BY new;\n").stdout)
        self.tidal("shell", stdin="RETRIEVE itmes;\n", expect=1)

    def test_ctrl_c_clears_the_line_and_statements_are_remembered(self):
        try:
            child, terminal = pty.fork()
        except OSError as error:
            self.skipTest(f"no terminal to be had here: {error}")
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
