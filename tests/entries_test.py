"""Every test runs: what the test programs hold against what the entries of CTest run of it.

Of each program every test must be run by an entry, once for each environment that entries give it
(a CPU target, an order of the SIMT harness); shards must be complete. A variant of the SIMT harness
holds tests of the host as well, which the first program runs. Every file with tests must be in a
program.

    entries_test.py CTEST BUILD SOURCES [--without FOLDER] PROGRAM...
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MOST_SHOWN = 40


def tests_of(program, arguments=(), environment=None):
    """Names of the tests that a call of the program takes, each with its source file."""
    with tempfile.TemporaryDirectory() as folder:
        found = pathlib.Path(folder) / "list.json"
        call = [program, *arguments, "--gtest_list_tests", f"--gtest_output=json:{found}"]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        suites = json.loads(found.read_text(encoding="utf-8"))["testsuites"] if found.exists() else []
    return {f"{suite['name']}.{test['name']}": test["file"] for suite in suites for test in suite["testsuite"]}


def entries_of(ctest, build, programs):
    """(program, arguments, environment, shard, shards) of every entry that runs one of the programs."""
    shown = subprocess.run([ctest, "--test-dir", build, "--show-only=json-v1"], check=True, capture_output=True)
    for entry in json.loads(shown.stdout)["tests"]:
        command = entry.get("command", [""])
        if command[0] not in programs:
            continue
        properties = {p["name"]: p["value"] for p in entry["properties"]}
        environment = dict(line.split("=", 1) for line in properties.get("ENVIRONMENT", []))
        shards = int(environment.pop("GTEST_TOTAL_SHARDS", 1))
        shard = int(environment.pop("GTEST_SHARD_INDEX", 0))
        yield command[0], tuple(command[1:]), tuple(sorted(environment.items())), shard, shards


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ctest")
    parser.add_argument("build")
    parser.add_argument("sources", type=pathlib.Path)
    parser.add_argument("--without", default=[], action="append", help="folder whose tests are not built here")
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()

    errors = []
    held = {program: tests_of(program) for program in options.programs}
    calls = collections.defaultdict(list)  # the shards of each call of a program
    for program, arguments, environment, shard, shards in entries_of(options.ctest, options.build, held):
        calls[program, arguments, environment].append((shard, shards))

    runs = {program: collections.Counter() for program in held}  # of (test, environment)
    for (program, arguments, environment), parts in calls.items():
        name = pathlib.Path(program).name
        total = parts[0][1]
        if sorted(parts) != [(shard, total) for shard in range(total)]:
            errors.append(f"{name} {' '.join(arguments)}: expected each of {total} shards once, got {sorted(parts)}")
        taken = tests_of(program, arguments, dict(environment))
        if not taken:
            errors.append(f"{name} {' '.join(arguments)}: expected tests, got none")
        runs[program].update((test, environment) for test in taken)

    run = {program: {test for test, _ in counter} for program, counter in runs.items()}
    for program, tests in held.items():
        name = pathlib.Path(program).name
        elsewhere = run[options.programs[0]] if run[program] else set()
        errors += [f"{name}: {test} is run by no entry" for test in sorted(tests.keys() - run[program] - elsewhere)]
        errors += [f"{name}: {test} is disabled" for test in sorted(tests) if "DISABLED_" in test]
        errors += [
            f"{name}: {test} is run {count} times in one environment"
            for (test, _), count in sorted(runs[program].items())
            if count > 1
        ]
        print(f"{name}: {len(tests)} tests, {len(run[program])} run, {sum(runs[program].values())} runs")

    # The compiler is given paths from the build folder on.
    built = {(pathlib.Path(options.build) / file).resolve() for tests in held.values() for file in tests.values()}
    for source in sorted(options.sources.rglob("*.cpp")):
        place = source.relative_to(options.sources)
        has_tests = re.search(r"^TEST(_F|_P)?\(", source.read_text(encoding="utf-8"), re.M)
        if has_tests and place.parts[0] not in options.without and source.resolve() not in built:
            errors.append(f"{place}: no program holds a test of it")
    for error in errors[:MOST_SHOWN]:
        print(error)
    print(f"{len(errors)} errors")
    return 1 if errors else 0


sys.exit(main())
