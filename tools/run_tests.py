#!/usr/bin/env python3
"""Runs the tests of one preset with CTest and ends with one line: N passed, N failed.

usage: tools/run_tests.py PRESET [ctest options]

The line counts test cases, as GoogleTest reports them; a program that is not a GoogleTest counts as one case, and so
does one that dies before it reports.
"""
import pathlib, re, subprocess, sys, tempfile, xml.etree.ElementTree as xml


def count(output, failed):
    """(passed, failed, skipped) of one test program."""
    def number(word):
        found = re.search(rf"^\[  {word} *\] (\d+) tests?", output, re.MULTILINE)
        return int(found.group(1)) if found else 0
    passed, bad, skipped = number("PASSED"), number("FAILED"), number("SKIPPED")
    if failed:
        return passed, max(bad, 1), skipped
    return (passed, bad, skipped) if "[==========]" in output else (1, 0, 0)


def main():
    preset, options = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        code = subprocess.run(["ctest", "--preset", preset, "--output-junit", str(report),
                               "--test-output-size-passed", "100000000", "--test-output-size-failed", "100000000",
                               *options]).returncode
        if not report.exists():
            sys.exit(code or 1)
        totals = [0, 0, 0]
        for case in xml.parse(report).getroot().iter("testcase"):
            result = count(case.findtext("system-out") or "", case.get("status") != "run")
            totals = [a + b for a, b in zip(totals, result)]
    # CTest's exit code also covers what has no case of its own, such as a program that could not be built.
    if code and not totals[1]:
        totals[1] = 1
    print(f"\n{totals[0]} passed, {totals[1]} failed" + (f", {totals[2]} skipped" if totals[2] else ""))
    sys.exit(1 if totals[1] or totals[0] == 0 else 0)


if __name__ == "__main__":
    main()
