"""Run the benchmarks: every subject in turn, round after round, each in a process of its own.

make bench                                       all of it, written to RESULTS.md and results.svg
make bench ARGS="--only turnout,floor --rounds 3"
make bench ARGS="--only turnout,floor --against HEAD~3"      two versions of turnout in one run
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import environments
import report
from environments import Environment
from upstream import Upstream

HERE = Path(__file__).resolve().parent
SPEED = ("calls", "sync", "chunks", "first_token")
GROUPS = {"speed": ",".join(SPEED), "memory": "memory", "length": "length", "crowd": "crowd"}
OWN_GROUPS = ("start", "alone")
"""What `measure.py` does not measure: how a program starts, and turnout without a network."""

RARE = {"memory": 3, "length": 3, "crowd": 2}
"""How many rounds at most have a group, of those that take long or vary little."""

ALWAYS = ("floor", "turnout")
"""The subjects that are in every one of these rounds; the others have lengths in the first one, and no crowd."""
TIMEOUT_S = 180

_TELL = "import time\nprint(time.process_time(), time.monotonic())"

SUBJECTS = {
    "floor": None,
    "turnout": "turnout",
    "lm15": "lm15",
    "aiohttp": "aiohttp",
    "httpx2": "httpx2",
    "openai": "openai",
    "any_llm": "any-llm-sdk",
    "langchain_openai": "langchain-openai",
    "pydantic_ai": "pydantic-ai-slim",
    "litellm": "litellm",
}
"""Every module of `subjects/`, with its distribution."""


@dataclass
class Subject:
    """One row of the table: `figures` has a list of values, one a round, for each name."""

    name: str
    module: str
    environment: Environment
    figures: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    errors: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self.figures.setdefault(name, []).append(value)


class Runner:
    """Runs the processes of a benchmark, on a core other than the upstream's where there are two."""

    def __init__(self, upstream: Upstream, home: str, cpu: int | None, budget_s: float) -> None:
        self._upstream = upstream
        self._home = home
        self._cpu = cpu
        self._budget_s = budget_s

    def measure(self, subject: Subject, group: str) -> None:
        """Measure one group of figures once; a subject that fails in it is not asked for it again."""
        if group in subject.errors or subject.environment.error:
            return
        try:
            if group == "start":
                subject.add(self._measure_start(subject))
            elif group == "alone":
                subject.add(json.loads(self._run(subject, "overhead.py", self._budget_s)))
            else:
                groups = GROUPS.get(group, group)
                output = self._run(subject, "measure.py", subject.module, groups, self._upstream.origin, self._budget_s)
                subject.add(json.loads(output.splitlines()[-1]))
        except (subprocess.SubprocessError, ValueError) as error:
            subject.errors[group] = _explain(error)
            print(f"{subject.name}: {group}: {subject.errors[group]}", file=sys.stderr, flush=True)

    def _measure_start(self, subject: Subject) -> dict[str, float]:
        bare = self._start(subject, "-c", _TELL)
        imported = self._start(subject, "-c", f"{_import_line(subject)}\n{_TELL}")
        cold = self._start(subject, "cold.py", subject.module, f"{self._upstream.origin}/20/0/v1")
        return {
            "import_cpu_ms": imported[0] - bare[0],
            "import_ms": imported[1] - bare[1],
            "cold_cpu_ms": cold[0],
            "cold_ms": cold[1],
        }

    def _start(self, subject: Subject, *arguments: object) -> tuple[float, float]:
        """Run a program that tells its CPU time and the time of its last line; return both in ms since its start."""
        started = time.monotonic()
        cpu_s, moment = self._run(subject, *arguments).split()[-2:]
        return float(cpu_s) * 1e3, (float(moment) - started) * 1e3

    def _run(self, subject: Subject, *arguments: object) -> str:
        """Run Python with `arguments` and return its output."""
        variables = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": self._home,
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(str(path) for path in (subject.environment.path, HERE) if path),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it would fetch its prices from the network
        }
        if arguments[0] != "-c":
            arguments = (HERE / str(arguments[0]), *arguments[1:])
        command = [subject.environment.python, *map(str, arguments)]
        done = subprocess.run(
            command, env=variables, cwd=self._home, check=True, capture_output=True, text=True, timeout=TIMEOUT_S,
            preexec_fn=self._settle,
        )  # fmt: skip
        return done.stdout

    def _settle(self) -> None:
        if self._cpu is not None:
            os.sched_setaffinity(0, {self._cpu})


def _import_line(subject: Subject) -> str:
    """Return the line that a program of the subject begins with; its module is not imported for that."""
    source = (HERE / "subjects" / f"{subject.module}.py").read_text()
    line = next(line for line in source.splitlines() if line.startswith("IMPORT = "))
    return line.removeprefix("IMPORT = ").strip('"')


def _explain(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"took longer than {error.timeout:.0f} s"
    lines = (getattr(error, "stderr", None) or "").strip().splitlines()
    return (lines[-1] if lines else str(error))[:200]


def find_subjects(names: list[str], against: list[str], *, is_here: bool) -> list[Subject]:
    """Return the subjects in the order of the table, each with its environment."""
    subjects: list[Subject] = []
    for name in names:
        distribution = SUBJECTS[name]
        place = "turnout" if name == "floor" else name
        if is_here:
            environment = environments.this_environment(distribution)
        elif name == "floor":
            environment = environments.find_environment(place, None)
            environment.version = f"Python {sys.version.split()[0]}"
        else:
            environment = environments.find_environment(place, distribution)
        subjects.append(Subject(name, name, environment))
        if name == "turnout":
            older = [environments.older_environment(environment, commit) for commit in against]
            subjects += [Subject(f"turnout@{other.version}", name, other) for other in older]
    return subjects


def measure_all(runner: Runner, subjects: list[Subject], groups: list[str], rounds: int) -> None:
    """Go round the subjects; the first round also warms what the machine caches, and counts like the others."""
    for number in range(rounds):
        for group in groups:
            for subject in subjects:
                if is_due(subject, group, number):
                    runner.measure(subject, group)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)


def is_due(subject: Subject, group: str, number: int) -> bool:
    """Tell whether a group of figures is measured of a subject in the round of this number, which counts from 0."""
    if number >= RARE.get(group, number + 1):
        return False
    if group == "alone":
        return subject.module == "turnout"
    if group == "crowd" or (group == "length" and number):
        return subject.module in ALWAYS
    return True


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="What turnout costs, beside its peers and the floor.")
    parser.add_argument("--only", help="subjects, with commas: " + ",".join(SUBJECTS))
    parser.add_argument("--figures", help="groups of figures, with commas: " + ",".join((*OWN_GROUPS, *GROUPS)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget-s", type=float, default=0.3, help="CPU seconds for each figure in each round")
    parser.add_argument("--against", action="append", default=[], help="a commit of turnout to measure beside")
    parser.add_argument("--here", action="store_true", help="this interpreter, with what it has: nothing is installed")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md also for a part of the table")
    parser.add_argument("--json", type=Path, help="where to write every value")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, and write it where it is whole."""
    options = read_arguments(sys.argv[1:] if arguments is None else arguments)
    names = options.only.split(",") if options.only else list(SUBJECTS)
    groups = options.figures.split(",") if options.figures else [*OWN_GROUPS, *GROUPS]
    unknown = [name for name in names if name not in SUBJECTS] + [
        name for name in groups if name not in (*OWN_GROUPS, *GROUPS, *SPEED)
    ]
    if unknown:
        print(f"no subject or group is called {', '.join(unknown)}", file=sys.stderr)
        return 2
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    subjects = find_subjects(names, options.against, is_here=options.here)
    cpus = sorted(os.sched_getaffinity(0))
    started = time.time()
    with (
        tempfile.TemporaryDirectory() as home,
        Upstream(environments.FOLDER, cpus[-1] if len(cpus) > 1 else None) as up,
    ):
        runner = Runner(up, home, cpus[0] if len(cpus) > 1 else None, options.budget_s)
        measure_all(runner, subjects, groups, options.rounds)
        up.stop()
        run = report.Run(subjects=subjects, rounds=options.rounds, took_s=time.time() - started, upstream=up.cost)
    print(report.render(run))
    if options.json:
        options.json.write_text(json.dumps({subject.name: subject.figures for subject in subjects}, indent=1))
    if options.write or not (options.only or options.figures or options.here):
        report.write(run, HERE / "RESULTS.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
