"""The benchmarks run, and refuse to time wrong answers. Nothing here looks at times."""

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FAMILIES = [f"W{k}" for k in range(1, 11)]
QUICK = argparse.Namespace(quick=True, rounds=1)


def run(*command):
    return subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Return what the runner prints, and the tables it writes."""
    path = tmp_path_factory.mktemp("benchmarks") / "tables.json"
    done = run(BENCHMARKS, "--quick", "--rounds", 1, "--json", path)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text())


@pytest.mark.soak
@pytest.mark.parametrize("family", FAMILIES)
def test_family_runs_and_all_its_candidates_agree(family, everything):
    printed, tables = everything
    mine = [table for table in tables if table["family"] == family]
    assert mine
    for table in mine:
        assert f"| {family} {table['title']} (" in printed
        by_hand, *others = [row for row in table["rows"] if not row["note"]]
        assert by_hand["ratio"] == 1
        assert {"memo", "compiled"} <= {row["kind"] for row in others}
        for row in others:
            assert row["ratio"] > 0
            assert 0 < row["setup"] < row["first"]


@pytest.mark.soak
def test_candidates_that_are_left_out_say_why(everything):
    _, tables = everything
    left_out = {row["note"] for table in tables for row in table["rows"] if row["ratio"] is None}
    assert left_out <= {"numba is not installed"}


def test_peers_run_or_are_said_to_be_missing(tmp_path):
    path = tmp_path / "tables.json"
    done = run(BENCHMARKS / "layered.py", "--quick", "--rounds", 1, "--peers", "--only", "depth 3", "--json", path)
    assert done.returncode == 0, done.stderr
    (table,) = json.loads(path.read_text())
    for name in ("torch", "autograd", "CasADi", "JAX"):
        assert (name in {row["kind"] for row in table["rows"]}) != (f"{name} is not installed" in done.stdout)


@pytest.fixture(scope="module")
def harness():
    spec = importlib.util.spec_from_file_location("benchmark_harness", BENCHMARKS / "harness.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def cubes(harness):
    """Return the sum of the cubes of changing numbers, and its gradient."""
    return harness.Question(
        "W0",
        "cubes",
        loss=lambda ops, x: ops.sum(x**3),
        by_hand=lambda x: [np.sum(x**3), 3 * x**2],
        arrays=[np.array([1.0, 2.0, -1.0])],
        queries=[[0]],
        changing=[0],
        value=True,
        targets={"right": 1e9, "other": "by hand"},
    )


def kept(x):
    first = [np.sum(x**3), 3 * x**2]
    return lambda x: first


WRONG = {
    "gradient": lambda x: [np.sum(x**3), 3.0001 * x**2],
    "value": lambda x: [np.sum(x**3) + 1e-3, 3 * x**2],
    "shape": lambda x: [np.sum(x**3), (3 * x**2)[None]],
    "nan": lambda x: [np.sum(x**3), x * np.nan],
    "missing": lambda x: [np.sum(x**3)],
}


@pytest.mark.parametrize("what", [*WRONG, "stale"])
def test_wrong_answers_are_refused_before_anything_is_timed(what, harness, cubes, capsys):
    run = kept(*cubes.arrays) if what == "stale" else WRONG[what]
    candidate = harness.Candidate("someone", "right", lambda: run, forgiven=True)
    with pytest.raises(harness.WrongAnswerError, match=r"^someone.*: cubes$"):
        harness.compare(cubes, [candidate], QUICK)
    assert not capsys.readouterr().out


def test_right_answers_are_timed(harness, cubes):
    calls = []

    def count(x):
        calls.append(x.copy())
        return [np.sum(x**3), 3 * x**2]

    table = harness.compare(cubes, [harness.Candidate("someone", "right", lambda: count)], QUICK)
    assert [row.name for row in table.rows] == ["by hand", "someone"]
    assert table.rows[0].ratio == 1
    assert len(calls) == 1 + harness.CHECKED + 2 + table.rounds + 1
    assert len({x.tobytes() for x in calls}) == len(calls)  # a memo has nothing to answer from


def test_failures_of_peers_are_noted_and_others_are_not(harness, cubes):
    def fail():
        raise RecursionError

    def skip():
        raise harness.Skipped("not here")

    forgiven = [harness.Candidate("peer", "peer", fail, forgiven=True), harness.Candidate("none", "none", skip)]
    table = harness.compare(cubes, forgiven, QUICK)
    assert [row.note for row in table.rows] == ["", "fails: RecursionError", "not here"]
    with pytest.raises(RecursionError):
        harness.compare(cubes, [harness.Candidate("ours", "ours", fail)], QUICK)


def test_targets_are_judged_but_not_of_quick_runs(harness, cubes):
    right = [
        harness.Candidate("someone", "right", lambda: cubes.by_hand),
        harness.Candidate("another", "other", lambda: cubes.by_hand),
    ]
    assert [row.met for row in harness.compare(cubes, right, QUICK).rows] == [None, None, None]
    table = harness.compare(cubes, right, argparse.Namespace(quick=False, rounds=3))
    assert table.rows[1].met is True
    assert table.rows[2].target == table.rows[0].ratio == 1
    assert harness.Row("x", "x", ratio=2.0, target=1.5).met is False


def test_tables_are_read_back(harness, cubes, tmp_path):
    table = harness.compare(cubes, [], QUICK)
    table.notes.append("a note")
    harness.save([table], tmp_path / "t.json")
    assert harness.load(tmp_path / "t.json") == [table]
