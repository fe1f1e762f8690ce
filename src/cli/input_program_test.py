#!/usr/bin/env python3
"""Runs the program on files that are no regular ones, on numbers out of range, and stops it while it waits for input.

usage: input_program_test.py PROGRAM [TEST…]
"""
import fcntl, os, pty, select, signal, struct, subprocess, termios, threading, unittest

from tidal_program import PROGRAM, Program


class Input(Program):
    def through_pipe(self, text, *arguments, expect=0):
        """Runs the program with {} in its arguments replaced by a pipe that gives the text."""
        read, write = os.pipe()
        arguments = [f"/dev/fd/{read}" if each == "{}" else each for each in arguments]
        child = subprocess.Popen([PROGRAM, *arguments], cwd=self.root, text=True, pass_fds=[read],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(read)
        with open(write, "w") as pipe:
            pipe.write(text)
        out, err = child.communicate(timeout=120)
        self.assertEqual(child.returncode, expect, f"{arguments}\n{out}\n{err}")
        return out, err

    LONG = "-- a comment that fills the pipe more than once\n" * 5_000


class Pipes(Input):
    def test_exec_runs_the_statements_of_a_pipe(self):
        out, _ = self.through_pipe(self.LONG + "SHOW SORTS;", "exec", "-f", "{}")
        self.assertIn("hot", out)
        self.assertIn("hot", self.tidal("exec", "-f", "/dev/stdin", stdin=self.LONG + "SHOW SORTS;").stdout)
        self.through_pipe("RETRIEVE itmes;", "exec", "-f", "{}", expect=1)

    def test_exec_runs_the_statements_of_a_fifo(self):
        fifo = self.root / "fifo"
        os.mkfifo(fifo)
        writer = threading.Thread(target=lambda: fifo.write_text(self.LONG + "SHOW SORTS;"))
        writer.start()
        self.assertIn("hot", self.tidal("exec", "-f", fifo).stdout)
        writer.join()

    def test_init_takes_the_schema_of_a_pipe(self):
        self.through_pipe("DEFINE FIELD item.title TEXT;", "init", "d.db", "--schema", "{}")
        self.assertIn("item.title", self.tidal("exec", "d.db", "SHOW SCHEMA;").stdout)
        self.through_pipe("DEFNE;", "init", "e.db", "--schema", "{}", expect=1)
        self.assertFalse((self.root / "e.db").exists())

    def test_the_shell_runs_the_statements_of_a_fifo(self):
        os.mkfifo(self.root / "fifo")
        writer = threading.Thread(target=lambda: (self.root / "fifo").write_text("SHOW SORTS;"))
        writer.start()
        self.assertIn("hot", self.tidal("shell", stdin="\\i fifo\n").stdout)
        writer.join()

    def test_a_file_that_cannot_be_read_is_an_error(self):
        (self.root / "folder").mkdir()
        for file, said in (("none", "NotFound"), ("folder", "folder")):
            self.assertIn(said, self.tidal("exec", "-f", file, expect=1).stderr)
            self.assertIn(said, self.tidal("init", "d.db", "--schema", file, expect=1).stderr)
            self.assertFalse((self.root / "d.db").exists())

    def test_import_says_that_it_needs_a_file(self):
        name = self.database()
        _, err = self.through_pipe('{"op":"item","key":"i1"}\n', "import", name, "{}", expect=1)
        self.assertRegex(err, r"InvalidArgument\]: /dev/fd/\d+: .*twice.*save it to a file first")
        os.mkfifo(self.root / "fifo")
        self.assertIn("save it to a file", self.tidal("import", name, "fifo", expect=1).stderr)
        # Redirected from a file it is one.
        self.file("e.jsonl", '{"op":"item","key":"i1"}\n')
        with open(self.root / "e.jsonl") as file:
            subprocess.run([PROGRAM, "import", name, "/dev/stdin", "--rejects", "bad"], cwd=self.root, stdin=file,
                           check=True, capture_output=True)
        self.assertIn("1 item,", self.tidal("status", name).stdout)


class Signals(Program):
    def waiting(self, *arguments):
        """The program, once it waits for more input."""
        child = subprocess.Popen([PROGRAM, *arguments], cwd=self.root, text=True, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(child.kill)
        return child

    def ended(self, child):
        """Waits without closing the pipe that the program reads: the signal alone must end it."""
        self.assertEqual(child.wait(timeout=60), 1)
        out, err = child.stdout.read(), child.stderr.read()
        for pipe in (child.stdin, child.stdout, child.stderr):
            pipe.close()
        self.assertIn("interrupted", err)
        return out

    def test_a_shell_on_a_pipe_ends_and_closes_the_database(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            name = self.database(f"{number}.db")
            shell = self.waiting("shell", name)
            shell.stdin.write("PUT item @a {};\nSHOW SORTS;\nPUT item @b {}")
            shell.stdin.flush()
            shell.stdout.readline()
            shell.stdout.readline()
            shell.send_signal(number)
            self.ended(shell)
            self.assertIn("0 records behind the end", self.tidal("status", name).stdout, "it was closed")
            self.assertIn("1 item,", self.tidal("status", name).stdout, "half a statement is not run")

    def test_a_shell_at_a_prompt_ends_by_a_sigterm_alone(self):
        name = self.database()
        try:
            child, terminal = pty.fork()
        except OSError as error:
            self.skipTest(f"no terminal to be had here: {error}")
        if child == 0:
            # libedit never frees the name and help of a function that is added to it.
            os.environ.update(HOME=str(self.root), TERM="xterm", ASAN_OPTIONS="detect_leaks=0")
            os.chdir(self.root)
            os.execv(PROGRAM, [PROGRAM, "shell", name])
        seen = b""
        while b"tidal> " not in seen and select.select([terminal], [], [], 60)[0]:
            seen += os.read(terminal, 65536)
        self.assertIn(b"tidal> ", seen)
        os.kill(child, signal.SIGTERM)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 1)
        os.close(terminal)
        self.assertIn("0 records behind the end", self.tidal("status", name).stdout, "it was closed")

    def test_exec_that_waits_for_statements_ends(self):
        name = self.database()
        for arguments in (["exec", name], ["exec", name, "-f", "/dev/stdin"]):
            child = self.waiting(*arguments)
            child.stdin.write("PUT item @a {};")
            child.stdin.flush()
            self.wait_until_it_reads(child)
            child.send_signal(signal.SIGTERM)
            self.assertEqual(self.ended(child), "")
        self.assertIn("0 items", self.tidal("status", name).stdout)

    def test_exec_that_runs_a_script_ends_behind_the_statement_at_hand(self):
        self.tidal("init", "d.db")
        (self.root / "s").write_text("PUT item @i {};\n" + "SHOW SORTS;\n" * 50_000 + "PUT item @never {};\n")
        child = subprocess.Popen([PROGRAM, "exec", "d.db", "-f", "s", "--keep-going"], cwd=self.root, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=120)
        self.assertEqual(child.returncode, 1, err[-500:])
        self.assertIn("interrupted: no later statement was run", err)
        self.assertIn("NotFound", self.tidal("exec", "d.db", "GET item @never;", expect=1).stderr)
        self.tidal("exec", "d.db", "GET item @i;")

    def wait_until_it_reads(self, child):
        """The pipe is empty once the program took what was written: its handler is installed by then."""
        while struct.unpack("i", fcntl.ioctl(child.stdin, termios.FIONREAD, b"\0" * 4))[0] > 0:
            self.assertIsNone(child.poll())


class Numbers(Program):
    def test_a_count_out_of_range_is_refused(self):
        large = "18446744073709551616"
        for arguments in (["restore", "b", "r", "--seqno", large], ["wal", "dump", "d", "--from", large],
                          ["wal", "dump", "d", "--limit", "9" * 30], ["import", "d", "f", "--max-rejects", large],
                          ["bench", "ingest", "--items", large], ["bench", "ingest", "--rounds", large],
                          ["bench", "ingest", "--seconds", large]):
            done = self.tidal(*arguments, expect=2)
            self.assertIn(arguments[-1], done.stderr)
        done = self.tidal("wal", "dump", "d", "--from", large, expect=2)
        self.assertIn("from 0 to 18446744073709551615", done.stderr)
        name = self.database()
        self.assertEqual(self.tidal("wal", "dump", name, "--from", "18446744073709551615").stdout, "")


if __name__ == "__main__":
    unittest.main()
