"""Every scenario file on the pure controller, and the quick ones on the running daemon too."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivsd.demo.live import LiveBox
from ivsd.demo.scenario import DOINGS, EXPECTATIONS, Scenario, ScenarioError, play, read
from tests.scenarios.pure import PureStage

PAGE = Path(__file__).parent / "README.md"
FILES = sorted(Path(__file__).parent.glob("*.scenario"))
LONGEST_LIVE_S = 4.0  # of real time each, so that `make test` stays quick


def duration_s(scenario: Scenario) -> float:
    return scenario.steps[-1].at_s


def is_quick(path: Path) -> bool:
    scenario = read(path)
    return "pure-only" not in scenario.headers and duration_s(scenario) <= LONGEST_LIVE_S


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 60


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_on_the_pure_controller(path: Path, tmp_path: Path) -> None:
    scenario = read(path)
    lines: list[str] = []
    stage = PureStage(scenario, tmp_path)
    failures = play(scenario, stage, lambda at, text: lines.append(f"{at:8.3f}  {text}"))
    assert not failures, "\n".join([*failures, *lines, *map(str, stage.seen.outcomes)])


@pytest.mark.parametrize("path", [p for p in FILES if is_quick(p)], ids=lambda path: path.stem)
def test_scenario_on_the_running_daemon(path: Path) -> None:
    scenario = read(path)
    lines: list[str] = []
    with LiveBox(valt_version=scenario.headers.get("server", "6.5.2")) as box:
        assert box.wait_until_ready()
        failures = play(scenario, box, lambda at, text: lines.append(f"{at:8.3f}  {text}"))
    assert not failures, "\n".join([*failures, *lines, *map(str, box.seen.outcomes)])


def test_the_example_on_the_page_comes_true(tmp_path: Path) -> None:
    path = tmp_path / "example.scenario"
    path.write_text(PAGE.read_text(encoding="utf-8").split("```")[1], encoding="utf-8")
    scenario = read(path)
    assert len(scenario.steps) == 8
    assert not play(scenario, PureStage(scenario, tmp_path), lambda at, text: None)


def test_the_page_tells_every_word_of_the_language() -> None:
    page = PAGE.read_text(encoding="utf-8")
    words = [*DOINGS, *(expectation.split()[0] for expectation in EXPECTATIONS)]
    assert [word for word in words if word not in page] == []


def test_a_scenario_that_does_not_come_true_fails(tmp_path: Path) -> None:
    path = tmp_path / "wrong.scenario"
    path.write_text("at 0 ms press record\n    expect server paused within 200 ms\n")
    scenario = read(path)
    failures = play(scenario, PureStage(scenario, tmp_path), lambda at, text: None)
    assert failures == [f"{path}:2: expected server paused within 0.2 s"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("at 0 ms jump record", "is no step"),
        ("at 1 s press record\nat 0 ms press record", "goes back in time"),
        ("at 0 ms press record\nexpect light recording", "within N ms"),
    ],
)
def test_a_scenario_that_cannot_be_read_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "broken.scenario"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=says) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_an_unknown_expectation_is_an_error_not_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "broken.scenario"
    path.write_text("at 0 ms press record\nexpect colour red within 1 s")
    scenario = read(path)
    with pytest.raises(ScenarioError, match="is not known"):
        play(scenario, PureStage(scenario, tmp_path), lambda at, text: None)
