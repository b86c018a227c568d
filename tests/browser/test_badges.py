"""The badges page, clicked: an unknown badge gets an owner and starts a recording of theirs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from ivsd.appliance.control_client import ControlError
from ivsd.appliance.status import OutcomeStatus, Status
from ivsd.config.schema import Badges
from ivsd.daemon import Daemon
from ivsd.demo.live import LiveBox, write_config
from ivsd.hardware import VirtualHardware
from ivsd.valt.simulator import Simulator, World
from tests.browser.boxes import PASSWORD, WITHIN_S, WebService, status, wait_for
from tests.browser.log_in import cookie
from tests.browser.looking import look_at
from tests.browser.visitor import Visitors

if TYPE_CHECKING:
    from playwright.sync_api import Page

NEW, OTHER, ALICES = "0004799999", "0004788888", "0004711001"
"""Nobody has the first two."""
REARM_S = Badges().rearm_s + 0.1


class OwnBox:
    """The demo's box, but one that may write its own files; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.simulator = Simulator(World(version="6.5.2"))
        self._folder = folder
        self.socket = folder / "control.sock"

    def __enter__(self) -> OwnBox:
        self.simulator.start()
        config = write_config(self._folder, self.simulator.url)
        hardware = VirtualHardware()
        self.cards = config.parent / "cards.yaml"
        self.hands = hardware.hands
        state = self._folder / "state"
        state.mkdir()
        self.daemon = Daemon(config, state, hardware, owns_file=True, socket=self.socket)
        self._thread = threading.Thread(target=self.daemon.run, name="daemon", daemon=True)
        self._thread.start()
        wait_for("the room is known", self._is_up)
        return self

    def __exit__(self, *error: object) -> None:
        self.daemon.stop()
        self._thread.join(WITHIN_S)
        self.simulator.stop()

    def _is_up(self) -> bool:
        found = self.status()
        return found is not None and found.room.shown == "available"

    def status(self) -> Status | None:
        found: Status | ControlError = status(self)  # type: ignore[arg-type]
        return None if isinstance(found, ControlError) else found

    def swipe(self, number: str) -> OutcomeStatus:
        """Hold a badge to the reader; return how that ended."""
        before = self._outcomes()
        self.hands.swipe(number)
        wait_for("the swipe has an outcome", lambda: self._outcomes()[:1] != before[:1])
        return self._outcomes()[0]

    def does_something_for(self, number: str) -> bool:
        """Whether a badge works now: it is swiped again, as a hand does it."""
        time.sleep(REARM_S)  # sooner it would count as the badge that lies there still
        return self.swipe(number).result == "done"

    def _outcomes(self) -> tuple[OutcomeStatus, ...]:
        found = self.status()
        return found.outcomes if found else ()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[OwnBox]:
    with OwnBox(tmp_path) as box:
        yield box


@pytest.fixture
def web(box: OwnBox, tmp_path: Path) -> Iterator[WebService]:
    with WebService(tmp_path, box.socket) as service:
        yield service


def open_badges(visit: Visitors, web: WebService, **wishes: Any) -> Page:
    page = visit(web.url, **wishes)
    page.context.add_cookies([cookie(web.url)])
    page.goto("/")
    page.get_by_role("link", name="Badges").click()
    page.get_by_role("heading", name="Badges", exact=True).wait_for()
    return page


def add(page: Page, user: str, name: str) -> None:
    """Fill in whose badge it is, and add it."""
    page.get_by_label("VALT user").select_option(label=user)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add the badge").click()
    page.locator(".message.done", has_text="The badge was added").wait_for()


def user_called(page: Page, name: str) -> str:
    """Return the whole label of a VALT user in the list."""
    label: str = page.locator("#user option", has_text=name).inner_text()
    return label


def import_csv(page: Page, text: str) -> None:
    """Choose a file with this text, and see what it would do."""
    page.get_by_label("File", exact=True).set_input_files(
        files=[{"name": "cards.csv", "mimeType": "text/csv", "buffer": text.encode()}]
    )
    page.get_by_role("button", name="See what it would do").click()


def export(page: Page) -> str:
    """Export the table; return the text of the file."""
    page.get_by_label("Password of this box").fill(PASSWORD)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename.startswith("badges-")
    return Path(download.value.path()).read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("has_script", [True, False])
def test_swipe_it_now_gives_a_badge_to_somebody(
    box: OwnBox, web: WebService, visit: Visitors, has_script: bool
) -> None:
    page = open_badges(visit, web, java_script_enabled=has_script)
    page.get_by_role("button", name="Swipe it now").click(no_wait_after=True)
    wait_for("the daemon learns", lambda: bool(box.daemon._asked.learners))
    box.hands.swipe(NEW)
    page.locator(".waiting", has_text="…999 was swiped at the reader “reader”").wait_for()
    assert NEW not in page.content()
    assert not box.simulator.world.recordings  # it started nothing
    add(page, user_called(page, "Alice Archer"), "Dr. Archer, second badge")
    row = page.get_by_role("row").filter(has_text="Dr. Archer, second badge")
    assert "…999" in row.inner_text()
    assert NEW in box.cards.read_text(encoding="utf-8")

    wait_for("the table is in use", lambda: box.does_something_for(NEW))
    assert [recording.author for recording in box.simulator.world.recordings] == [12]


def test_the_last_unknown_badge_is_shown_and_gets_an_owner(
    box: OwnBox, web: WebService, visit: Visitors, screenshots: Path
) -> None:
    assert box.swipe(NEW).result == "failed"
    page = open_badges(visit, web)
    page.locator(".waiting", has_text="The badge …999 was at the reader").wait_for()
    wrong = look_at(page, "badges-unknown", screenshots)
    add(page, user_called(page, "Bob Baker"), "Bob’s other one")
    assert page.locator(".waiting").count() == 0
    page.get_by_role("row").filter(has_text="Bob’s other one").wait_for()
    wrong += look_at(page, "badges-added", screenshots)
    assert wrong == []
    wait_for("the table is in use", lambda: box.does_something_for(NEW))
    page.reload()
    row = page.get_by_role("row").filter(has_text="Bob’s other one")
    assert "ago at “reader”" in row.inner_text()


def test_what_was_typed_is_not_given_to_another_badge(
    box: OwnBox, web: WebService, visit: Visitors
) -> None:
    box.swipe(NEW)
    page = open_badges(visit, web, may_fail="status of 409")
    box.swipe(OTHER)
    page.get_by_label("Name", exact=True).fill("Meant for another one")
    page.get_by_role("button", name="Add the badge").click()
    page.get_by_role("alert").filter(has_text="swiped").wait_for()
    page.locator(".waiting", has_text="…888").wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == ""
    assert OTHER not in box.cards.read_text(encoding="utf-8")


def test_a_badge_is_changed_and_taken_away(
    box: OwnBox, web: WebService, visit: Visitors, screenshots: Path
) -> None:
    page = open_badges(visit, web, may_fail="status of 422")
    page.get_by_label("Or its number").fill(NEW)
    page.get_by_role("button", name="Add the badge").click()  # it says nothing of whose it is
    page.get_by_role("alert").filter(has_text="wrong").wait_for()
    assert NEW not in page.content()
    page.get_by_label("Name", exact=True).fill("Caretaker")
    page.get_by_label("What it does").select_option(label="lock or unlock the room")
    page.get_by_role("button", name="Add the badge").click()
    page.get_by_role("link", name="Change …999 (Caretaker)").click()
    wrong = look_at(page, "badges-change", screenshots)
    page.get_by_label("Name", exact=True).fill("Night watch")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Take away …999 (Night watch)").click()
    wrong += look_at(page, "badges-take-away", screenshots)
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("link", name="Take away …999 (Night watch)").click()
    page.get_by_role("button", name="Take it away").click()
    page.locator(".message.done", has_text="taken away").wait_for()
    assert page.get_by_text("Night watch").count() == 0
    assert NEW not in box.cards.read_text(encoding="utf-8")
    assert wrong == []


def test_two_who_have_one_number_are_named(
    box: OwnBox, web: WebService, visit: Visitors, screenshots: Path
) -> None:
    page = open_badges(visit, web, may_fail="status of 409")
    page.get_by_label("Or its number").fill(ALICES)
    page.get_by_label("VALT user").select_option(label=user_called(page, "Bob Baker"))
    page.get_by_label("Name", exact=True).fill("Bob now")
    page.get_by_role("button", name="Add the badge").click()
    page.get_by_role("alert").filter(has_text="this is the badge of Alice Archer").wait_for()
    assert look_at(page, "badges-taken", screenshots) == []
    assert ALICES not in page.content()
    page.get_by_role("button", name="Add it all the same").click()
    page.locator(".message.done", has_text="The badge was added").wait_for()
    conflict = page.get_by_role("region", name="Look at this")
    assert "…001" in conflict.inner_text()
    assert "Alice Archer" in conflict.inner_text()


def test_a_table_is_imported_and_exported_as_it_was(
    box: OwnBox, web: WebService, visit: Visitors, screenshots: Path
) -> None:
    page = open_badges(visit, web, may_fail="status of (403|422)")
    import_csv(page, f"number;name;user;action\n{NEW};Ä;12;\n4,71E+09;B;;lock\n")
    page.get_by_role("alert").filter(has_text="One line is wrong").wait_for()
    assert "Line 3" in page.get_by_role("alert").inner_text()
    wrong = look_at(page, "badges-import-wrong", screenshots)
    import_csv(page, f'number;name;user;action\n{NEW};=1+1;12;\n"=""{OTHER}""";B;;lock\n')
    page.get_by_role("status").filter(has_text="2 added").wait_for()
    wrong += look_at(page, "badges-import", screenshots)
    assert NEW not in box.cards.read_text(encoding="utf-8")
    page.get_by_role("button", name="Import", exact=True).click()
    page.locator(".message.done", has_text="Imported: 2 added").wait_for()
    before = box.cards.read_text(encoding="utf-8")

    page.get_by_label("Password of this box").fill("wrong")
    page.get_by_role("button", name="Export").click()
    page.get_by_role("alert").wait_for()
    wrong += look_at(page, "badges-export-wrong", screenshots)
    text = export(page)
    assert NEW in text
    assert "\n=" not in text.replace('"', "").replace(
        ",", "\n"
    )  # nothing that a spreadsheet would calculate

    import_csv(page, text)
    page.get_by_role("status").filter(has_text="0 added, 0 changed, 0 taken away, 2 as").wait_for()
    page.get_by_role("button", name="Import", exact=True).click()
    page.locator(".message.done", has_text="Imported").wait_for()
    assert box.cards.read_text(encoding="utf-8") == before
    assert wrong == []


@pytest.mark.parametrize("trouble", ["server-away", "table-broken", "no-daemon"])
def test_the_page_is_readable_in_trouble(
    box: OwnBox, web: WebService, visit: Visitors, screenshots: Path, trouble: str
) -> None:
    if trouble == "server-away":
        box.simulator.away()
        wait_for("it is known", lambda: not getattr(box.status(), "link", None).up)  # type: ignore[union-attr]
    elif trouble == "table-broken":
        box.cards.write_text("cards: [", encoding="utf-8")
    else:
        box.daemon.stop()
        wait_for("it is gone", lambda: box.status() is None)
        wait_for(
            "the pages know", lambda: requests.get(f"{web.url}health", timeout=5).status_code == 503
        )
    page = visit(web.url, may_fail="status of (409|503)")
    page.context.add_cookies([cookie(web.url)])
    page.goto("/badges")
    said = {
        "server-away": "They are not known now",
        "table-broken": "The table of badges cannot be read",
        "no-daemon": "ivsd does not answer",
    }
    assert said[trouble] in page.locator("main").inner_text()
    assert look_at(page, f"badges-{trouble}", screenshots) == []


def test_the_demo_shows_its_badges(
    demo: tuple[LiveBox, str], visit: Visitors, screenshots: Path
) -> None:
    _, url = demo
    page = visit(url)
    page.goto("/badges")
    page.get_by_text("The demo’s badges come with it").wait_for()
    page.get_by_role("row").filter(has_text="Alice Archer").wait_for()
    assert page.locator("main form[method=post]").count() == 0
    assert look_at(page, "badges-demo", screenshots) == []
