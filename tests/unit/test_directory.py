"""Whose badge it is: what is asked of the server, and how long an answer counts."""

from __future__ import annotations

import json

import pytest

from ivsd.events import FindUser, ReadUser
from ivsd.valt.client import Client
from ivsd.valt.directory import LIST_IS_GOOD_FOR_S, Directory
from ivsd.valt.errors import NotAllowed, ServerFailed, ValtError
from ivsd.valt.link import Recordings, perform
from ivsd.valt.model import Room, Secret, User, Version
from ivsd.valt.simulator import Api, World
from ivsd.valt.transport import Reply

ALICES, BOBS, NOBODYS = "0004711001", "0004711002", "9999999999"


class Server:
    """A simulated server without a network, which counts what it is asked, on simulated time."""

    def __init__(self, version: str, known_as: str | None = None) -> None:
        self.now = 1000.0
        self.world = World(version=version, clock=lambda: self.now)
        self.version = Version.parse(version if known_as is None else known_as)
        self.asked: list[str] = []
        self.error: ValtError | None = None
        self.takes_s = 0.0
        self._api = Api(self.world, "admin", "admin")
        self._client = Client(self)
        self._client.token = self._client.log_in("admin", Secret("admin"))
        self._directory = Directory(lambda: self.now)
        self.asked.clear()

    def request(
        self, method: str, path: str, query: dict[str, str], body: object | None = None
    ) -> Reply:
        names = "&".join(name for name in query if name != "access_token")
        self.asked.append(f"{method} {path}{f'?{names}' if names else ''}")
        if self.error is not None:
            raise self.error
        terms = "&".join(f"{name}={value}" for name, value in query.items())
        sent = json.dumps(body).encode() if body else b""
        answer = self._api.handle(method, f"/api/v3/{path}?{terms}", sent)
        self.now += self.takes_s
        return Reply(answer.status, answer.payload)

    def find(self, number: str) -> list[int]:
        """Find the users with this number as a swipe does; return their ids."""
        return [user.id for user in self._perform(FindUser(Secret(number)))]

    def read(self, user: int) -> tuple[User, ...]:
        """Look whether this user is there, as the swipe of a badge of the table does."""
        return self._perform(ReadUser(user))

    def _perform(self, request: FindUser | ReadUser) -> tuple[User, ...]:
        room, recordings = Room(4, "Interview Room 1"), Recordings("{user}")
        users = perform(self._client, request, room, self.version, recordings, self._directory)
        assert isinstance(users, tuple)
        return users

    def give(self, user: int, number: str | None) -> None:
        """Change somebody's card number at the VALT page."""
        self.world.people.user(user).card_number = number

    def remove(self, user: int) -> None:
        del self.world.people._users[user]


ALICE, BOB = 12, 13
FILTERED, LIST = "GET admin/users?cardNumber", "GET admin/users"
OLD = [
    ("6.4", None),
    ("6.4.9", None),
    ("6.0", None),
    ("5.7", None),
    ("5.7.1", None),
    ("5.7", "1234"),
]
UNKNOWN: list[tuple[str, str | None]] = [
    ("6.5.2", ""), ("6.4", ""), ("5.7", ""), ("6.5.2", "nightly"),
]  # fmt: skip
"""A version that the server does not tell, or not so that it can be read (decision 13)."""

old = pytest.mark.parametrize(("version", "known_as"), OLD + UNKNOWN)
new = pytest.mark.parametrize("version", ["6.5", "6.5.2", "6.6", "6.10", "7.0"])


# -- from 6.5: the server is asked at every swipe -----------------------------------------------


@new
def test_from_6_5_every_swipe_is_one_filtered_request(version: str) -> None:
    server = Server(version)
    found = [server.find(number) for number in (ALICES, BOBS, NOBODYS, ALICES)]
    assert found == [[ALICE], [BOB], [], [ALICE]]
    assert server.asked == [FILTERED] * 4


@new
def test_from_6_5_a_badge_that_was_taken_away_is_dead_at_its_next_swipe(version: str) -> None:
    server = Server(version)
    assert server.find(ALICES) == [ALICE]
    server.give(ALICE, None)
    assert server.find(ALICES) == []


@new
def test_from_6_5_a_new_badge_works_at_once(version: str) -> None:
    server = Server(version)
    assert server.find(NOBODYS) == []
    server.give(BOB, NOBODYS)
    assert server.find(NOBODYS) == [BOB]


# -- before 6.5: a list of all users ------------------------------------------------------------


@old
def test_before_6_5_many_swipes_within_five_minutes_are_one_request(
    version: str, known_as: str | None
) -> None:
    server = Server(version, known_as)
    for _ in range(29):
        assert (server.find(ALICES), server.find(BOBS)) == ([ALICE], [BOB])
        server.now += 10.0
    assert server.asked == [LIST]


@old
def test_before_6_5_the_list_is_read_again_after_five_minutes(
    version: str, known_as: str | None
) -> None:
    server = Server(version, known_as)
    server.find(ALICES)
    server.now += LIST_IS_GOOD_FOR_S
    assert server.find(ALICES) == [ALICE]
    assert server.asked == [LIST] * 2
    server.now += LIST_IS_GOOD_FOR_S - 0.1
    server.find(ALICES)
    assert server.asked == [LIST] * 2, "the five minutes begin anew"


@old
def test_before_6_5_a_badge_that_was_taken_away_works_for_five_minutes_at_most(
    version: str, known_as: str | None
) -> None:
    """However often it is swiped: using the list does not make it younger."""
    server = Server(version, known_as)
    server.find(ALICES)
    server.give(ALICE, None)
    worked = []
    for _ in range(31):
        worked.append(server.find(ALICES) == [ALICE])
        server.now += 10.0
    assert worked == [True] * 30 + [False]


@old
def test_before_6_5_an_unknown_number_reads_the_list_once_more(
    version: str, known_as: str | None
) -> None:
    server = Server(version, known_as)
    server.find(ALICES)
    assert server.find(NOBODYS) == []
    assert server.asked == [LIST] * 2
    server.find(ALICES)
    assert server.asked == [LIST] * 2


@old
def test_before_6_5_an_unknown_number_on_an_empty_list_is_one_request(
    version: str, known_as: str | None
) -> None:
    server = Server(version, known_as)
    assert (server.find(NOBODYS), server.asked) == ([], [LIST])


@old
def test_before_6_5_a_new_badge_works_at_once(version: str, known_as: str | None) -> None:
    server = Server(version, known_as)
    server.find(ALICES)
    server.give(BOB, NOBODYS)
    assert (server.find(NOBODYS), server.asked) == ([BOB], [LIST] * 2)


@old
def test_before_6_5_reading_the_list_for_another_badge_makes_all_of_it_new(
    version: str, known_as: str | None
) -> None:
    server = Server(version, known_as)
    server.find(ALICES)
    server.give(ALICE, None)
    server.find(NOBODYS)
    assert server.find(ALICES) == []


@old
def test_before_6_5_a_number_that_two_users_have_finds_both(
    version: str, known_as: str | None
) -> None:
    server = Server(version, known_as)
    server.give(BOB, ALICES)
    assert server.find(ALICES) == [ALICE, BOB]


@old
def test_before_6_5_a_failed_reading_is_told_and_the_old_list_does_not_get_younger(
    version: str, known_as: str | None
) -> None:
    server = Server(version, known_as)
    server.find(ALICES)
    server.now += LIST_IS_GOOD_FOR_S - 10.0
    server.error = ServerFailed("the server failed (HTTP 500)")
    assert server.find(ALICES) == [ALICE], "what is in the list needs no server"
    with pytest.raises(ServerFailed):
        server.find(NOBODYS)
    server.now += 10.0
    with pytest.raises(ServerFailed):
        server.find(ALICES)
    server.error = None
    assert server.find(ALICES) == [ALICE]


def test_before_6_5_a_slow_answer_does_not_prolong_the_five_minutes() -> None:
    """The server may have made the list at any time since it was asked."""
    server = Server("6.4")
    server.takes_s = 5.0
    asked_at = server.now
    server.find(ALICES)
    server.give(ALICE, None)
    server.now = asked_at + LIST_IS_GOOD_FOR_S
    assert server.find(ALICES) == []


def test_a_server_that_becomes_6_5_is_asked_from_then_on() -> None:
    server = Server("6.4")
    server.find(ALICES)
    server.give(ALICE, None)
    server.version = Version.parse("6.5.2")
    server.find(ALICES)
    assert server.asked == [LIST, FILTERED]


# -- the user of an entry in cards.yaml ---------------------------------------------------------


@pytest.mark.parametrize("version", ["6.5.2", "6.4", "5.7"])
def test_the_user_of_an_entry_is_one_request_at_every_swipe(version: str) -> None:
    server = Server(version)
    for _ in range(2):
        (user,) = server.read(ALICE)
        assert (user.id, user.name) == (ALICE, "Alice Archer")
    assert server.asked == ["GET admin/users/12"] * 2


@pytest.mark.parametrize("version", ["6.5.2", "6.4", "5.7"])
def test_the_user_of_an_entry_who_is_gone_is_gone_at_the_next_swipe(version: str) -> None:
    server = Server(version)
    server.find(ALICES)
    assert server.read(ALICE)
    server.remove(ALICE)
    assert server.read(ALICE) == ()


def test_a_server_that_does_not_say_whether_a_user_is_there_is_told() -> None:
    server = Server("6.5.2")
    server.error = NotAllowed("the VALT account may not read users")
    with pytest.raises(NotAllowed):
        server.read(ALICE)


# -- nothing that need not be kept is kept ------------------------------------------------------


@pytest.mark.parametrize("version", ["6.5.2", "6.4", "5.7"])
def test_what_the_server_sent_of_a_user_is_not_kept_or_handed_on(version: str) -> None:
    server = Server(version)
    users = [*server._perform(FindUser(Secret(ALICES))), *server.read(ALICE)]
    assert [dict(user.as_sent) for user in [*users, *server._directory._users]] == [
        {} for _ in [*users, *server._directory._users]
    ]
    assert "4711" not in repr(users) + repr(server._directory._users)
