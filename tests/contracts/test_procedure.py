from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts.encoding import b64
from contracts.procedure import ActRefused, ProcedureRefused, load, parse, procedure, with_models

FILE = Path(contracts.__file__).parent / "procedures" / "icp.v1.toml"
WRITTEN = tomllib.loads(FILE.read_text(encoding="utf-8"))
TABLE = procedure("icp.v1")
ID = b64(bytes(32))
CASE = b64(bytes(16))


def put(path: str, value: object) -> dict[str, Any]:
    """Return the shipped table with one value put at a path such as `kind/case-hold/when/0/two`."""
    table = copy.deepcopy(WRITTEN)
    at: Any = table
    *steps, last = path.split("/")
    for step in steps:
        at = at[int(step)] if isinstance(at, list) else at[step]
    if isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
    return table


def drop(path: str) -> dict[str, Any]:
    """Return the shipped table without what stands at a path."""
    table = copy.deepcopy(WRITTEN)
    at: Any = table
    *steps, last = path.split("/")
    for step in steps:
        at = at[int(step)] if isinstance(at, list) else at[step]
    del at[last]
    return table


HOLD = "kind/case-hold"
STEP1 = "kind/assistance-request-notification"
STEP2 = "kind/assistance-request-confirmation"
ITINERARY = "kind/travel-itinerary"
DEPARTURE = "kind/post-departure-notification"
APPROVAL = "kind/travel-approval"

BREAKAGES = [
    (put("colour", "red"), "colour: this key is not known"),
    (put("number", {}), "number: this key is reserved"),
    (put("timer", {"N": {}}), "timer: this key is reserved"),
    (drop("procedure"), "table: procedure is missing"),
    (put("procedure", 1), "procedure: a text stands here"),
    (drop("member_roles"), "table: member_roles is missing"),
    (put("member_roles", []), "member_roles: an array with at least one entry"),
    (put("member_roles", ["requesting", "requesting"]), "member_roles: a word stands twice"),
    (put("destination_side", ["transit"]), "destination_side[1]: this is not a known word"),
    (put("origin_side", ["requested", "nobody"]), "origin_side[2]: this is not a known word"),
    (put("travelling", ["flying"]), "travelling[1]: this is not a known word"),
    (put("functions", "caseworker"), "functions: an array"),
    (drop("register/member"), "register: member is missing"),
    (drop("register/seat"), "register: seat is missing"),
    (drop("register/responsible"), "register: responsible is missing"),
    (drop("register/travel"), "travelling: it needs the register family travel"),
    (put("register/case/colour", True), "register.case.colour: this key is not known"),
    (put("register/case/span", 1), "register.case.span: this key is reserved"),
    (drop("register/case/order"), "register.case: exactly one of order and pick"),
    (put("register/case/pick", "lowest_id"), "register.case: exactly one of order and pick"),
    (put("register/seat/pick", "highest"), "register.seat.pick: this is not a known word"),
    (put("register/seat/settle", "up"), "register.seat.settle: up needs an order"),
    (put("register/case/settle", "down"), "register.case.settle: this is not a known word"),
    (put("register/case/side", "yes"), "register.case.side: true or false"),
    (put("register/travel/in_order/after", ["met", "eaten"]), "register.travel.in_order.after[2]: this is not"),
    (drop("register/travel/in_order/unless"), "register.travel.in_order: unless is missing"),
    (put("stops/weather", ["bad"]), "stops.weather: this is no register family"),
    (put("stops/risk", ["vetoed"]), "stops.risk[1]: this is not a known word"),
    (put("kind/Case_Hold", WRITTEN["kind"]["case-hold"]), "kind.Case_Hold: a kind is named"),
    (put(f"{HOLD}/to", "one"), "kind.case-hold.to: this key is reserved"),
    (put(f"{HOLD}/evidence", True), "kind.case-hold.evidence: this key is reserved"),
    (put(f"{HOLD}/relay", True), "kind.case-hold.relay: this key is reserved"),
    (put(f"{HOLD}/colour", True), "kind.case-hold.colour: this key is not known"),
    (put(f"{HOLD}/side", "thread"), "kind.case-hold.side: this is reserved"),
    (put(f"{HOLD}/side", "both"), "kind.case-hold.side: this is reserved"),
    (put(f"{HOLD}/side", "left"), "kind.case-hold.side: this is not a known word"),
    (put(f"{HOLD}/nature", "rumour"), "kind.case-hold.nature: this is not a known word"),
    (put(f"{HOLD}/from", ["member", "stranger"]), "kind.case-hold.from[2]: this is not a known word"),
    (drop(f"{HOLD}/from"), "kind.case-hold: from is missing"),
    (drop(f"{HOLD}/act"), "kind.case-hold: act is missing"),
    (drop(f"{HOLD}/when"), "kind.case-hold: when is missing"),
    (put(f"{HOLD}/when", []), "kind.case-hold.when: an array with at least one entry"),
    (put(f"{HOLD}/removes", True), "kind.case-hold.removes: it needs a required act field agency"),
    (put("kind/participation/invites", True), "kind.participation.invites: it needs a required act field agency"),
    (put("kind/participation/from", ["self"]), "kind.participation.from: self needs a required act field agency"),
    (put(f"{STEP1}/root_names", {"guest": [1, 1]}), "root_names.guest: this is no role"),
    (put(f"{STEP1}/root_names", {"requested": [2, 1]}), "root_names.requested: [least, most]"),
    (put(f"{HOLD}/root_names", {"requested": [1, 1]}), "kind.case-hold.root_names: only an opening kind"),
    (put(f"{STEP1}/ask", {"soon": "24h"}), "ask.soon: this key is not known"),
    (put(f"{STEP1}/ask/urgent", "3 days"), "ask.urgent: hours or working days"),
    (put(f"{ITINERARY}/own", "question"), "kind.travel-itinerary.own: this is no act field"),
    (put(f"{DEPARTURE}/against", "{act.route}"), "against: the act of this kind has no field route"),
    (put(f"{DEPARTURE}/against", "none"), "against: an act field stands here"),
    (put(f"{HOLD}/when/1/late", 1), "kind.case-hold.when[2].late: this key is reserved"),
    (put(f"{HOLD}/when/1/count", 1), "kind.case-hold.when[2].count: this key is reserved"),
    (put(f"{HOLD}/when/1/span", 1), "kind.case-hold.when[2].span: this key is reserved"),
    (put(f"{HOLD}/when/1/colour", 1), "kind.case-hold.when[2].colour: this key is not known"),
    (put(f"{HOLD}/when/1/act", {"hold": ["kept"]}), "kind.case-hold.when[2].act.hold[1]: this is not a known word"),
    (put(f"{HOLD}/when/1/act", {"colour": ["red"]}), "kind.case-hold.when[2].act.colour: this is no field"),
    (put(f"{HOLD}/when/1/requires", {"hold": ["dropped"]}), "kind.case-hold.when[2].requires.hold[1]: this register"),
    (put(f"{HOLD}/when/1/requires", {"mood": ["good"]}), "kind.case-hold.when[2].requires.mood: this is no register"),
    (put(f"{HOLD}/when/1/requires", {"hold:{act.x}": ["placed"]}), "the act of this kind has no field x"),
    (put(f"{HOLD}/when/1/requires", {"hold:{who}": ["placed"]}), "these braces hold nothing"),
    (put(f"{HOLD}/when/1/requires", {"travelling": ["maybe"]}), "requires.travelling[1]: this register never has"),
    (put(f"{HOLD}/when/1/given", {"case": "open"}), "kind.case-hold.when[2].given.case: an array"),
    (put(f"{HOLD}/when/1/sets", {"case": "ajar"}), "kind.case-hold.when[2].sets.case: this register never has"),
    (put(f"{HOLD}/when/1/sets", {"case": "{act.reason}"}), "sets.case: this register never has this value"),
    (put(f"{HOLD}/when/1/sets", {"consent:a": "given"}), "sets.consent:a: a core kind sets core registers"),
    (put(f"{HOLD}/when/1/sets", {"limit:offer": "soon"}), "sets.limit:offer: a date of the act"),
    (put(f"{HOLD}/when/1/sets", {"limit:offer": "{act.reason}"}), "it needs an act field reason of type date"),
    (put(f"{HOLD}/when/1/sets", {"hold:{act.reason*}": "placed"}), "only an act field with many entries"),
    (put(f"{HOLD}/when/1/sets", {"member:{audience}": "role"}), "sets.member:{audience}: an opening sets it"),
    (put(f"{HOLD}/when/1/sets", {"{act.reason}": "placed"}), "this is no register family"),
    (put(f"{HOLD}/when/1/two", "yes"), "kind.case-hold.when[2].two: true or false"),
    (put(f"{APPROVAL}/when/0/two", True), "when[1].two: it needs an act field second"),
    (put(f"{APPROVAL}/when/0/other", True), "when[1].other: it needs an act field agency"),
    (put(f"{APPROVAL}/when/0/contest", True), "when[1].contest: it needs an act field register"),
    (put(f"{APPROVAL}/when/0/root", True), "when[1].root: only an opening kind"),
    (put(f"{APPROVAL}/when/0/flag", "red"), "when[1].flag: a decision has no such key"),
    (put(f"{APPROVAL}/when/0/sets_flagged", {}), "when[1].sets_flagged: a decision has no such key"),
    (put(f"{APPROVAL}/when/1/falls", "{act.route}"), "falls: the act of this kind has no field route"),
    (put(f"{DEPARTURE}/when/0/protection", True), "when[1].protection: a fact has no such key"),
    (put(f"{HOLD}/when/0/orphan", "mood"), "kind.case-hold.when[1].orphan: this is no register family"),
    (put(f"{HOLD}/when/0/respond_by_days", 0), "when[1].respond_by_days: a whole number"),
    (
        put(f"{APPROVAL}/when/1/fresh", ["confirmed", "risk", "mood"]),
        "kind.travel-approval.when[2].fresh[3]: no message sets",
    ),
    (put(f"{HOLD}/act/hold", {"required": True}), "act.hold: exactly one of codes, type and row"),
    (put(f"{HOLD}/act/hold/type", "id"), "act.hold: exactly one of codes, type and row"),
    (drop(f"{HOLD}/act/hold/required"), "act.hold: required is missing"),
    (put(f"{HOLD}/act/second/type", "surname"), "act.second.type: this is not a known word"),
    (put(f"{HOLD}/act/hold/colour", 1), "act.hold.colour: this key is not known"),
    (put(f"{HOLD}/act/hold/or", ["x"]), "act.hold.or: further codes stand beside a type only"),
    (put(f"{HOLD}/act/hold/min", 1), "act.hold.min: only an integer has bounds"),
    (put(f"{DEPARTURE}/act/boarded/min", 2000), "act.boarded: min is above max"),
    (put(f"{HOLD}/act/second/with", {"colour": ["red"]}), "act.second.with.colour: this is no field with codes"),
    (put(f"{HOLD}/act/second/with", {"hold": ["kept"]}), "act.second.with.hold[1]: this is not a known word"),
    (put("section/profile/class", "P9"), "section.profile.class: this is not a known word"),
    (drop("section/profile/holds"), "section.profile: holds is missing"),
    (drop("section/profile"), "carry[1].section: this is not a known word"),
    (drop("section"), "carry[1].section: this is not a known word"),
    (put("carry/0/kind", "postcard"), "carry[1].kind: this is not a known word"),
    (put("carry/0/readers", ["everybody"]), "carry[1].readers[1]: this is not a known word"),
    (put("carry/0/needs", ["luck"]), "carry[1].needs[1]: this is not a known word"),
    (put("carry/0/owed", ["mission_destination", "nobody"]), "carry[1].owed[2]: this is not a known word"),
    (put("carry/0/required", "yes"), "carry[1].required: true or false"),
    (put("carry/2/required", {"when": "accepted"}), "carry[3].required.when: these are not the codes"),
    (put("carry/2/required", {"if": "accept"}), "carry[3].required.if: this key is not known"),
    (put("carry/1", WRITTEN["carry"][0]), "carry[2]: this kind and section stand twice"),
    (put("reply/0/kind", "postcard"), "reply[1].kind: this is not a known word"),
    (put("reply/0/question", "postcard"), "reply[1].question: this is not a known word"),
    (put("reply/1/asked", {"decision": ["why"]}), "reply[2].asked.decision[1]: this is not a known word"),
    (put("procedure", 1.5), "procedure: a text stands here"),
    (put("register/Mood", {"order": ["low", "high"]}), "register.Mood: a name is lower-case"),
    (put("register/mood", {"order": ["none", "high"]}), "register.mood.order: a register that nobody has set is none"),
    (put("register/mood", {"order": ["!low", "high"]}), "register.mood.order[1]: a code is letters"),
    (put("member_roles/0", "the requesting"), "member_roles[1]: a code is letters"),
    (put("functions/0", "case\u202eworker"), "functions[1]: a code is letters"),
    (put(f"{HOLD}/act/Old Name", {"type": "date", "required": False}), "act.Old Name: a name is lower-case"),
    (put(f"{HOLD}/act/reason/codes/1", "{sender}"), "act.reason.codes[2]: a code is letters"),
    (put(f"{DEPARTURE}/act/itinerary/or", ["by car"]), "act.itinerary.or[1]: a code is letters"),
    (put("section/Profile", WRITTEN["section"]["profile"]), "section.Profile: a name is lower-case"),
    (put(f"{HOLD}/when/0/orphan", "{act.}"), "kind.case-hold.when[1].orphan: these braces hold nothing"),
    (put(f"{HOLD}/when/1/requires", {"hold:{sender}x": ["placed"]}), "requires.hold:{sender}x: these braces hold"),
    (put(f"{APPROVAL}/when/1/falls", "{act.itinerary}x"), "when[2].falls: these braces hold nothing"),
    (put(f"{HOLD}/when/1/sets", {"hold": "placed"}), "when[2].sets.hold: it is the strongest of its family"),
    (put(f"{HOLD}/when/1", {}), "kind.case-hold.when[3]: the one before it matches always"),
]


@pytest.mark.parametrize(("table", "line"), BREAKAGES, ids=[line for _, line in BREAKAGES])
def test_a_broken_table_is_refused_by_the_name_of_the_line(table: dict[str, Any], line: str) -> None:
    with pytest.raises(ProcedureRefused) as refused:
        parse(table)

    assert line in str(refused.value)


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    for written in (b"kind = [", b"\xff\xfe", b""):
        (tmp_path / "table.toml").write_bytes(written)
        with pytest.raises(ProcedureRefused):
            load(tmp_path / "table.toml")
    with pytest.raises(ProcedureRefused):
        load(tmp_path / "nothing.toml")
    with pytest.raises(ProcedureRefused):
        procedure("../icp.v1")


def test_a_file_that_is_no_toml_is_refused_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "table.toml").write_text('procedure = "icp.v1"\nmember_roles = [\n"a" "b"]\n', encoding="utf-8")

    with pytest.raises(ProcedureRefused, match="line 3, column 5: it is not TOML"):
        load(tmp_path / "table.toml")


def test_a_section_without_a_model_is_refused_and_so_is_one_of_a_lower_class() -> None:
    with pytest.raises(ProcedureRefused, match=r"section\.letter: no model"):
        with_models(parse(put("section/letter", {"class": "P3", "holds": "a letter"})))
    with pytest.raises(ProcedureRefused, match=r"section\.identity\.class: the fields of its model are of class P2"):
        with_models(parse(put("section/identity/class", "P1")))


def test_a_comment_changes_no_hash_and_a_rule_does(tmp_path: Path) -> None:
    copied = tmp_path / "table.toml"
    copied.write_text("# another comment\n" + FILE.read_text(encoding="utf-8"), encoding="utf-8")

    assert load(copied).hash == TABLE.hash
    assert parse(put(f"{HOLD}/when/1/respond_by_days", 13)).hash != TABLE.hash
    assert TABLE.reference == {"hash": TABLE.hash, "name": "icp.v1"}


def test_the_table_has_the_kinds_and_families_of_the_first_procedure() -> None:
    assert len(TABLE.kinds) == 30
    assert sorted(TABLE.registers) == [
        "approval", "case", "consent", "follow_up", "hold", "leg", "limit", "majority", "member", "offer", "referral",
        "responsible", "risk", "seat", "service", "travel",
    ]  # fmt: skip
    assert {name for name, kind in TABLE.kinds.items() if not kind.core} == {"consent", "life-risk-disclosure"}
    assert dict(TABLE.kinds["reintegration-assistance-request"].ask) == {
        "emergency": "2wd",
        "urgent": "5wd",
        "normal": "10wd",
    }


def test_a_section_travels_only_where_a_line_carries_it() -> None:
    identity = TABLE.carry("reintegration-assistance-request", "identity")
    note = TABLE.carry("travel-update", "note")

    assert identity is not None
    assert identity.needs == ("accepted", "consent", "no_asylum")
    assert identity.required
    assert TABLE.carry("assistance-request-notification", "identity") is None
    assert note is not None
    assert note.kind == "travel-update"
    assert TABLE.carry("correction", "identity") is not None
    assert TABLE.carry("correction", "no-such-section") is None


@pytest.mark.parametrize(
    ("kind", "section", "act", "majority", "demanded"),
    [
        ("assistance-request-confirmation", "capacity", {"decision": "accept"}, "adult", True),
        ("assistance-request-confirmation", "capacity", {"decision": "decline"}, "adult", False),
        ("reintegration-assistance-request", "declaration", {"solution": "return"}, "adult", True),
        ("reintegration-assistance-request", "declaration", {"solution": "stay"}, "adult", False),
        ("reintegration-assistance-confirmation", "reception", {"reception_ready": True}, "adult", True),
        ("reintegration-assistance-confirmation", "reception", {"reception_ready": False}, "adult", False),
        ("reintegration-assistance-confirmation", "care_arrangement", {}, "child", True),
        ("reintegration-assistance-confirmation", "care_arrangement", {}, "adult", False),
        ("assistance-request-notification", "profile", {}, "adult", True),
        ("assistance-request-notification", "measures", {}, "adult", False),
    ],
)
def test_a_section_is_required_as_its_line_says(
    kind: str, section: str, act: dict[str, Any], majority: str, demanded: bool
) -> None:
    carry = TABLE.carry(kind, section)

    assert carry is not None
    assert carry.demanded(act, {"majority": majority}.__getitem__) is demanded


HOLD_ACT = {"hold": "placed", "reason": "legal"}
STEP4 = {
    "decision": "confirm",
    "reception_ready": True,
    "monitoring_days": [30],
    "valid_until": "2026-06-01",
    "lines": [{"service": "shelter", "status": "confirmed"}],
}
CONSENT = {
    "person": 0,
    "case": CASE,
    "agency": "hu-fp",
    "version": 1,
    "state": "given",
    "purposes": ["assistance"],
    "classes": ["P1"],
    "given_by": "individual",
    "valid_from": "2026-01-01",
    "expires_at": "2026-12-31",
    "prompts": [],
}
SETTLEMENT = {"register": "case", "value": "open", "tips": [ID]}


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        ("case-hold", HOLD_ACT),
        ("case-hold", {**HOLD_ACT, "agency": "hu-fp", "second": "guardian", "takeover": "owner_left"}),
        ("reintegration-assistance-confirmation", STEP4),
        ("reintegration-assistance-confirmation", {"decision": "clarify", "needed_sections": ["identity"]}),
        ("consent", CONSENT),
        ("settlement", SETTLEMENT),
        ("settlement", {"register": "responsible", "value": "hu-fp", "tips": [ID]}),
        ("post-departure-notification", {"itinerary": "none", "boarded": 0, "planned": 1, "confirmed_by": "escort"}),
        ("correction", {"target": ID, "reason": "typo", "new": {"whatever": "its target says"}}),
    ],
)
def test_an_act_of_the_schema_passes(kind: str, act: dict[str, Any]) -> None:
    TABLE.check_act(kind, act)


@pytest.mark.parametrize(
    ("kind", "act", "named"),
    [
        ("postcard", {}, "no such kind"),
        ("case-hold", [], "An object"),
        ("case-hold", {**HOLD_ACT, "colour": "red"}, "a field that its kind does not know"),
        ("case-hold", {"hold": "placed"}, "Field reason is missing"),
        ("case-hold", {**HOLD_ACT, "hold": "kept"}, "Field hold"),
        ("case-hold", {**HOLD_ACT, "hold": ["placed"]}, "Field hold"),
        ("case-hold", {**HOLD_ACT, "hold": None}, "Field hold"),
        ("case-hold", {**HOLD_ACT, "agency": "HU FP"}, "Field agency"),
        ("case-hold", {**HOLD_ACT, "second": "director"}, "Field second"),
        ("reintegration-assistance-confirmation", {"decision": "decline"}, "Field reason is missing"),
        ("reintegration-assistance-confirmation", {**STEP4, "reception_ready": "yes"}, "Field reception_ready"),
        ("reintegration-assistance-confirmation", {**STEP4, "monitoring_days": [0]}, "Field monitoring_days"),
        ("reintegration-assistance-confirmation", {**STEP4, "monitoring_days": [True]}, "Field monitoring_days"),
        ("reintegration-assistance-confirmation", {**STEP4, "monitoring_days": 30}, "an array"),
        ("reintegration-assistance-confirmation", {**STEP4, "monitoring_days": [1] * 65}, "at most 64"),
        ("reintegration-assistance-confirmation", {**STEP4, "valid_until": "2026-02-30"}, "Field valid_until"),
        ("reintegration-assistance-confirmation", {**STEP4, "lines": [{"service": "shelter"}]}, "lines.status"),
        ("reintegration-assistance-confirmation", {**STEP4, "lines": ["shelter"]}, "An object"),
        ("reintegration-assistance-confirmation", {"decision": "clarify", "needed_sections": ["x"]}, "needed_sections"),
        ("consent", {**CONSENT, "case": ID}, "Field case"),
        ("consent", {**CONSENT, "person": 100}, "Field person"),
        ("settlement", {**SETTLEMENT, "tips": ["short"]}, "Field tips"),
        ("settlement", {**SETTLEMENT, "value": "ajar"}, "Field value"),
        ("settlement", {**SETTLEMENT, "register": "mood"}, "Field value"),
        ("settlement", {**SETTLEMENT, "register": "Ca se"}, "Field register"),
        ("settlement", {"register": "consent:a", "value": "given", "tips": [ID]}, "Field value"),
        ("correction", {"target": ID, "reason": "typo", "new": "x"}, "Field new"),
    ],
)
def test_an_act_outside_the_schema_is_refused_by_its_field(kind: str, act: Any, named: str) -> None:
    with pytest.raises(ActRefused) as refused:
        TABLE.check_act(kind, act)

    assert named in str(refused.value)


def test_a_refused_act_is_not_repeated() -> None:
    with pytest.raises(ActRefused) as refused:
        TABLE.check_act("case-hold", {"hold": "Maria Popescu", "reason": "legal", "Maria": 1})

    assert "Maria" not in str(refused.value)
