"""scripts/check_shape.py finds each planted departure, and nothing in a clean tree."""

from __future__ import annotations

import pytest

CLEAN = '''"""A module."""


class Thing:
    """A class."""

    def _private(self):
        pass

    @property
    def size(self):
        """A property."""
        return 1

    @size.setter
    def size(self, value):
        pass


def work(self, a, b, c, d, e, f, g, *, x=1, y=2, z=3):
    """A function."""
    try:
        return a
    except ValueError:
        return b


async def guard(tool):
    """A boundary."""
    try:
        await tool()
    except Exception:  # noqa: BLE001  boundary: a tool may raise anything
        pass
    except BaseException as error:
        raise ValueError from error
'''

LONG = '"""Long."""\n\n\ndef long():\n    """Do."""\n' + "    x = 1\n" * 60
DEEP = '''"""Deep."""


def deep(x):
    """Do."""
    for a in x:
        while a:
            with a:
                try:
                    pass
                except ValueError:
                    if a:
                        pass
'''
CHAIN = '''"""An elif is as deep as its if."""


def chain(x):
    """Do."""
    for a in x:
        if a == 1:
            pass
        elif a == 2:
            pass
        elif a == 3:
            pass
        elif a == 4:
            with a:
                pass
        else:
            with a:
                for b in a:
                    pass
'''


def module(body: str) -> str:
    return f'"""A module."""\n\n{body}'


def test_a_clean_tree_passes_and_is_summed_up(plant, run_check):
    root = plant(
        {"src/turnout/thing.py": CLEAN, "src/turnout/chain.py": CHAIN, "src/turnout/stub.pyi": "x: int\n" * 700}
    )
    code, lines = run_check("check_shape.py", "--root", root)
    assert (code, len(lines)) == (0, 1)
    assert lines[0].startswith("check_shape: clean; 2 files, median 27 lines, largest src/turnout/thing.py (")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (module("x = 1\n" * 600), "1: 602 lines; a file has 600 at most"),
        (LONG, "4: long: 61 lines, at most 60"),
        (DEEP, "12: deep: 5 blocks deep, at most 4"),
        (module("".join(f"import m{n}\n" for n in range(21))), "1: imports 21 modules, at most 20"),
        (
            module("def _many(a, b, c, d, e, f, g, h, i): ...\n"),
            "3: _many: 9 parameters, at most 8 (keyword-only ones are free)",
        ),
        ("x = 1\n", "1: the module has no docstring"),
        (module("def work(): ...\n"), "3: work has no docstring"),
        (module("class A:\n    'Doc.'\n    def work(self): ...\n"), "5: A.work has no docstring"),
        (module("if True:\n    class A: ...\n"), "4: A has no docstring"),
    ],
)
def test_a_departure_is_found_at_its_line(plant, run_check, text, finding):
    code, lines = run_check("check_shape.py", "--root", plant({"src/turnout/a.py": text}))
    assert code == 1
    assert lines[:-1] == [f"src/turnout/a.py:{finding}"]


@pytest.mark.parametrize(
    "clause",
    ["except:", "except Exception:", "except (ValueError, builtins.BaseException):", "except Exception:  # boundary:"],
)
def test_a_broad_except_needs_a_raise_or_a_boundary_with_a_reason(plant, run_check, clause):
    text = module(f"try:\n    pass\n{clause}\n    def inner():\n        raise ValueError\n")
    code, lines = run_check("check_shape.py", "--root", plant({"src/turnout/a.py": text}))
    assert code == 1
    assert lines[0] == "src/turnout/a.py:5: broad except: raise in it, or name the boundary (`# boundary: why`)"


def test_a_broad_suppress_is_found_and_a_narrow_one_is_not(plant, run_check):
    text = module("with suppress(OSError):\n    pass\nwith contextlib.suppress(Exception):\n    pass\n")
    code, lines = run_check("check_shape.py", "--root", plant({"src/turnout/a.py": text}))
    assert code == 1
    assert [line.partition(";")[0] for line in lines[:-1]] == [
        "src/turnout/a.py:5: broad suppress: name the exceptions, or the boundary (`# boundary: why`)"
    ]


@pytest.mark.parametrize(
    "path", ["src/turnout/utils.py", "src/turnout/common/__init__.py", "src/turnout/agent/helpers.py"]
)
def test_a_name_that_says_nothing_is_found(plant, run_check, path):
    code, lines = run_check("check_shape.py", "--root", plant({path: module("")}))
    assert code == 1
    assert "says nothing" in lines[0]


def test_tests_and_scripts_are_held_to_length_and_nesting_only(plant, run_check):
    free = "def f(a, b, c, d, e, f, g, h, i):\n    try:\n        pass\n    except Exception:\n        pass\n"
    within = "def test_a():\n" + "    x = 1\n" * 79
    over = "def test_b():\n" + "    x = 1\n" * 80
    root = plant({"tests/test_a.py": free + within + over, "scripts/a.py": free + within})
    code, lines = run_check("check_shape.py", "--root", root)
    assert code == 1
    assert lines[:-1] == [
        "scripts/a.py:6: test_a: 80 lines, at most 60",
        "tests/test_a.py:86: test_b: 81 lines, at most 80",
    ]
