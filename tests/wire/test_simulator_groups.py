"""The simulator's user groups and rights are what the sheet says (5.14, 5.15, 8)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ivsd.config import ConfigError, load_world
from ivsd.valt.simulator import Api, GroupSpec, Quirks, RoomSpec, UserSpec, World, WorldSpec

STAFF, ADMINISTRATORS = 1, 2
GROUPS = "admin/user_groups"
EVERYTHING = {
    "name": "Trainees",
    "template": {"information": "1", "comment": "2"},
    "max_record_duration": 180,
    "rooms": [4, 7],
    "rights": ["general", "general--home", "monitoring--recording--start-recording", "no--such"],
    "video_access": {"users": [12], "user_groups": [ADMINISTRATORS]},
    "retention": {"type": "days", "for": 365},
}
LEAST = {"name": "Trainees", "template": {"information": 1, "comment": 2}}


class Office:
    """An administrator at the API, without a socket."""

    def __init__(self, version: str = "6.5.2", *settings: str, spec: WorldSpec | None = None):
        self.world = World(spec, version=version, quirks=Quirks.with_settings(settings))
        self.api = Api(self.world, "admin", "admin")
        login = {"username": "admin", "password": "admin"}
        _, document = self.ask("POST", "login", login, token="")
        self.token: str = document["data"]["access_token"]

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None
    ) -> tuple[int, Any]:
        target = f"/api/v3/{path}?access_token={self.token if token is None else token}"
        payload = b"" if body is None else json.dumps(body).encode()
        reply = self.api.handle(method, target, payload)
        return reply.status, json.loads(reply.payload)

    def data(self, path: str) -> Any:
        status, document = self.ask("GET", path)
        assert status == 200, document
        return document["data"]

    def make(self, **changes: Any) -> tuple[int, Any]:
        return self.ask("POST", GROUPS, LEAST | changes)

    def names(self) -> list[str]:
        return [group["name"] for group in self.data(GROUPS)["userGroups"]]

    def refusal(self, path: str, body: Any) -> str:
        """The reason of a refusal in shape G, after which nothing has changed."""
        before = self.world.groups.all()
        status, document = self.ask("POST", path, body)
        assert status == 400, document
        assert set(document) == {"data", "code"}
        assert document["code"] == 400
        assert self.world.groups.all() == before
        reason: str = document["data"]["message"]
        return reason


# ---- reading ------------------------------------------------------------------------------------


def test_the_list_is_below_a_camel_case_key() -> None:
    assert Office("5.9.0").ask("GET", GROUPS) == (
        200,
        {
            "data": {
                "userGroups": [
                    {"id": STAFF, "name": "Staff", "marker": 2, "information": 1},
                    {"id": ADMINISTRATORS, "name": "Administrators", "marker": 2, "information": 1},
                ]
            }
        },
    )
    assert Office("6.5.2").data(GROUPS)["userGroups"][0] == {
        "id": STAFF,
        "name": "Staff",
        "comment": 2,
        "information": 1,
    }


def test_details_tell_all_that_was_set_and_retention_in_a_shape_of_its_own() -> None:
    office = Office()
    assert office.ask("POST", GROUPS, EVERYTHING) == (200, {"data": {"id": 3}})
    assert office.data(f"{GROUPS}/3") == {
        "id": 3,
        "name": "Trainees",
        "comment": 2,
        "information": 1,
        "rights": [
            {"name": "general", "sub-rights": ["general--home"]},
            {"name": "monitoring", "sub-rights": ["monitoring--recording--start-recording"]},
            {"name": "no", "sub-rights": ["no--such"]},
        ],
        "max_record_duration": 180,
        "rooms": [{"id": 4, "name": "Interview Room 1"}, {"id": 7, "name": "Interview Room 2"}],
        "video_access": {
            "user_groups": [
                {"id": STAFF, "name": "Staff", "users": [{"id": 12, "name": "alice"}]},
                {"id": 2, "name": "Administrators", "users": [{"id": 3, "name": "admin"}]},
            ]
        },
        "retention": {"until": 0, "for": {"days": 365}},
    }
    office.world.quirks.group_rights_key = "sub_rights"
    assert "sub_rights" in office.data(f"{GROUPS}/3")["rights"][0]


def test_a_date_of_retention_is_told_as_an_object() -> None:
    office = Office()
    office.make(retention={"type": "until", "until": "12-31-2030"})
    assert office.data(f"{GROUPS}/3")["retention"]["until"] == {
        "date": "2030-12-31 00:00:00.000000",
        "timezone_type": 3,
        "timezone": "UTC",
    }


def test_a_user_is_in_a_group_by_its_true_id_and_by_the_name_it_has_now() -> None:
    office = Office()
    assert office.data("admin/users/3")["user_group"] == {"id": 2, "name": "Administrators"}
    assert office.ask("POST", f"{GROUPS}/2/edit", {"name": "Owners"})[0] == 200
    assert office.data("admin/users/3")["user_group"] == {"id": 2, "name": "Owners"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{GROUPS}/9", None),
        ("GET", f"{GROUPS}/x", None),
        ("POST", f"{GROUPS}/9/edit", {"name": 5}),
        ("POST", f"{GROUPS}/9/delete", {}),
        ("GET", "rights/none", None),
    ],
)
def test_what_does_not_exist_is_404(method: str, path: str, body: Any) -> None:
    status, document = Office().ask(method, path, body)
    assert (status, document["error"]["code"]) == (404, 404)


def test_groups_need_the_admin_right_and_rights_do_not() -> None:
    users = [UserSpec(3, "admin", lacks=["admin"])]
    office = Office(spec=WorldSpec([RoomSpec(4, "A")], users))
    assert office.ask("GET", GROUPS)[0] == office.make()[0] == 403
    assert office.ask("GET", "rights")[0] == 200


def test_rights_are_told_by_category_or_all() -> None:
    office = Office()
    rights = office.data("rights")
    assert [category["name"] for category in rights] == ["general", "upload", "monitoring"]
    assert rights[1]["sub_rights"] == ["upload--sharing", "upload--retention", "upload--author"]
    monitoring = office.data("rights/monitoring")
    assert monitoring == rights[2]
    assert "monitoring--recording--reassign-author" in monitoring["sub_rights"]
    assert "review--generate-link" in monitoring["sub_rights"]


# ---- creating -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "key"), [("5.9.0", "marker"), ("6.0.0", "comment"), ("6.6.1", "comment")]
)
def test_each_generation_wants_its_own_template_key(version: str, key: str) -> None:
    office, other = Office(version), {"marker": "comment", "comment": "marker"}[key]
    body = {"name": "T", "template": {"information": "1", other: "2"}}
    assert office.refusal(GROUPS, body) == f"template.{key} is missing"
    assert office.make(template={"information": "1", key: "2", other: "9"})[0] == 200
    assert office.data(f"{GROUPS}/3")[key] == 2


def test_a_release_of_valt_6_may_take_marker_as_well() -> None:
    body = {"name": "T", "template": {"information": "1", "marker": "2"}}
    office = Office("6.5.2", "group_marker_still_taken=yes")
    assert office.ask("POST", GROUPS, body)[0] == 200
    assert Office("6.5.2", "group_comment_since=6.6").ask("POST", GROUPS, body)[0] == 200


@pytest.mark.parametrize(
    ("quirk", "taken", "refused"), [("text", "2", 2), ("integer", 2, "2"), ("either", 2, "two")]
)
def test_template_ids_are_texts_or_integers(quirk: str, taken: Any, refused: Any) -> None:
    office = Office("6.5.2", f"group_template_ids={quirk}")
    body = {"name": "T", "template": {"information": taken, "comment": refused}}
    assert office.refusal(GROUPS, body).startswith("template.comment must be ")
    assert office.make(template={"information": taken, "comment": taken})[0] == 200


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": ""}, "name must"),
        ({"name": 5}, "name must"),
        ({"name": None}, "name must"),
        ({"template": [1, 2]}, "template must be an object"),
        ({"template": {}}, "template.information is missing"),
        ({"template": {"information": 1}}, "template.comment is missing"),
        ({"template": {"information": True, "comment": 2}}, "template.information must"),
        ({"template": {"information": None, "comment": 2}}, "template.information must"),
        ({"template": {"information": 1.0, "comment": 2}}, "template.information must"),
        ({"rights": "general"}, "rights must be an array of strings"),
        ({"rights": [1]}, "rights must be an array of strings"),
        ({"rights": None}, "rights must be an array of strings"),
        ({"max_record_duration": "180"}, "max_record_duration must"),
        ({"max_record_duration": True}, "max_record_duration must"),
        ({"max_record_duration": None}, "max_record_duration must"),
        ({"max_record_duration": -1}, "max_record_duration must"),
        ({"rooms": 4}, "rooms must be an array of integers"),
        ({"rooms": ["4"]}, "rooms must be an array of integers"),
        ({"rooms": [4, 5]}, "rooms: there is no room 5"),
        ({"video_access": [12]}, "video_access must be an object"),
        ({"video_access": {"users": [True]}}, "video_access.users must be an array of integers"),
        ({"video_access": {"users": [99]}}, "video_access.users: there is no user 99"),
        ({"video_access": {"user_groups": [9]}}, "video_access.user_groups: there is no group 9"),
        ({"retention": "days"}, "retention must be an object"),
        ({"retention": {}}, "retention.type must be one of infinitely, until, days"),
        ({"retention": {"type": "weeks", "for": 2}}, "retention.type must be one of"),
        ({"retention": {"type": "until"}}, "retention.until must be a date"),
        ({"retention": {"type": "until", "until": "2030-12-31"}}, "retention.until must be a date"),
        ({"retention": {"type": "until", "until": "02-30-2030"}}, "retention.until must be a date"),
        ({"retention": {"type": "until", "until": "1-1-2030"}}, "retention.until must be a date"),
        ({"retention": {"type": "days"}}, "retention.for must be the number of days"),
        ({"retention": {"type": "hours", "for": "5"}}, "retention.for must be the number of hours"),
        ({"retention": {"type": "minutes", "for": 0}}, "retention.for must"),
        ({"retention": {"type": "days", "for": True}}, "retention.for must"),
        ({"retention": {"type": "infinitely", "for": 5}}, "retention.for goes with"),
        ({"retention": {"type": "infinitely", "for": None}}, "retention.for must not be null"),
        ({"retention": {"type": "days", "for": 5, "until": "12-31-2030"}}, "retention.until goes"),
    ],
)
def test_a_wrong_value_is_400_with_the_reason_for_new_and_old_groups(
    change: dict[str, Any], reason: str
) -> None:
    office = Office()
    assert office.refusal(GROUPS, LEAST | change).startswith(reason)
    if not reason.endswith("missing"):
        assert office.refusal(f"{GROUPS}/1/edit", change).startswith(reason)


@pytest.mark.parametrize("key", ["name", "template"])
def test_name_and_templates_are_required(key: str) -> None:
    body = {name: value for name, value in LEAST.items() if name != key}
    assert Office().refusal(GROUPS, body).endswith("is missing")


@pytest.mark.parametrize(
    "retention",
    [
        {"type": "infinitely"},
        {"type": "until", "until": "02-29-2028"},
        {"type": "hours", "for": 1},
        {"type": "minutes", "for": 90},
    ],
)
def test_every_kind_of_retention_is_taken(retention: Any) -> None:
    office = Office()
    assert office.make(retention=retention)[0] == 200
    group = office.world.groups.get(3)
    assert (group.retention_type, group.retention_until, group.retention_for) == (
        retention["type"],
        retention.get("until"),
        retention.get("for"),
    )


def test_a_name_that_is_in_use_is_500_400_or_accepted() -> None:
    office = Office()
    error = {"error": {"code": 500, "message": "Internal Server Error"}}
    assert office.make(name="Staff") == (500, error)
    assert office.ask("POST", f"{GROUPS}/2/edit", {"name": "Staff"}) == (500, error)
    assert office.ask("POST", f"{GROUPS}/1/edit", {"name": "Staff"})[0] == 200  # its own
    office.world.quirks.duplicate_group_name = "400"
    assert "exists" in office.refusal(GROUPS, LEAST | {"name": "Staff"})
    office.world.quirks.duplicate_group_name = "accepted"
    assert office.make(name="Staff") == (200, {"data": {"id": 3}})
    assert office.names() == ["Staff", "Administrators", "Staff"]


# ---- changing and deleting ----------------------------------------------------------------------


def test_an_edit_changes_what_it_names_only() -> None:
    office = Office("5.9.0")
    body = EVERYTHING | {"template": {"information": "1", "marker": "2"}}
    assert office.ask("POST", GROUPS, body)[0] == 200
    before = office.data(f"{GROUPS}/3")
    edit = {"rooms": [], "template": {"marker": 7}}
    assert office.ask("POST", f"{GROUPS}/3/edit", edit) == (200, {"data": {"id": 3}})
    assert office.data(f"{GROUPS}/3") == before | {"rooms": [], "marker": 7}


def test_a_deleted_group_is_gone_also_from_what_others_see_and_its_id_is_not_used_again() -> None:
    office = Office()
    office.make()
    office.make(name="Other", video_access={"user_groups": [3]})
    assert office.ask("POST", f"{GROUPS}/3/delete", {}) == (200, {"data": {"id": 3}})
    assert office.ask("GET", f"{GROUPS}/3")[0] == 404
    assert office.data(f"{GROUPS}/4")["video_access"]["user_groups"] == []
    assert office.world.groups.get(4).video_access_groups == []
    assert office.make() == (200, {"data": {"id": 5}})
    assert "users" in office.refusal(f"{GROUPS}/1/delete", {})


# ---- a world's own ------------------------------------------------------------------------------


def test_a_world_of_ones_own_may_list_its_groups(tmp_path: Path) -> None:
    file = tmp_path / "world.yaml"
    file.write_text(
        "rooms: [{id: 4, name: A}]\n"
        "users: [{id: 3, name: admin, group: Owners}]\n"
        "groups:\n"
        "- {id: 8, name: Owners, rooms: [4], retention_type: days, retention_for: 30}\n"
    )
    office = Office(spec=load_world(file, WorldSpec))
    assert office.data("admin/users/3")["user_group"] == {"id": 8, "name": "Owners"}
    assert office.data(f"{GROUPS}/8")["retention"] == {"until": 0, "for": {"days": 30}}
    assert office.make() == (200, {"data": {"id": 9}})
    file.write_text(file.read_text().replace("days", "dais"))
    with pytest.raises(ConfigError, match="retention_type"):
        load_world(file, WorldSpec)


def test_a_world_keeps_what_its_spec_said_when_groups_change() -> None:
    spec = WorldSpec([RoomSpec(4, "A")], [UserSpec(3, "admin")], groups=[GroupSpec(1, "Staff")])
    Office(spec=spec).ask("POST", f"{GROUPS}/1/edit", {"name": "Other"})
    assert spec.groups == [GroupSpec(1, "Staff")]


def test_wrong_groups_in_a_world_are_all_named() -> None:
    spec = WorldSpec(
        [RoomSpec(4, "A")],
        [UserSpec(3, "admin", group="Stuff")],
        groups=[
            GroupSpec(1, "Staff", rooms=[5], video_access_users=[9], video_access_groups=[7]),
            GroupSpec(1, "Staff", retention_type="days"),
        ],
    )
    assert spec.problems() == [
        "group 1: used twice",
        "group Staff: used twice",
        "group 1: there is no room 5",
        "group 1: there is no user 9",
        "group 1: there is no group 7",
        "group 1: retention.for must be the number of days, an integer of at least 1",
        "user 3: there is no group 'Stuff'",
    ]


def test_an_account_that_the_world_does_not_list_is_in_a_group_too() -> None:
    world = World(WorldSpec([RoomSpec(4, "A")], [UserSpec(3, "alice")]))
    Api(world, "door", "pw")
    assert [group.name for group in world.groups.all()] == ["Staff", "Administrators"]
    assert world.people.group(world.people.account("door").id).name == "Administrators"
