from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.tlog import COSIGNATURE, PolicyRefused, make_signer, read_policy, write_unwitnessed

LOG = make_signer("log.example/one", b"\x01" * 32).key
OTHER = make_signer("log.example/two", b"\x02" * 32).key
W = [make_signer(f"witness.example/{number}", bytes([10 + number]) * 32, COSIGNATURE).key for number in range(6)]
NAMES = ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
WITNESSES = "".join(f"witness {name} {key}\n" for name, key in zip(NAMES, W, strict=True))
# The shape of the example of C2SP tlog-policy.
TWO_LEVELS = f"""log {LOG}

{WITNESSES}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_quorum_none_is_a_policy_that_everything_satisfies() -> None:
    policy = read_policy(f"log {LOG}\nquorum none\n".encode())
    assert (policy.log_keys, policy.witness_keys, policy.quorum) == ((LOG,), (), "none")
    assert policy.satisfied_by([])
    assert not policy.asks_for_witnesses
    assert write_unwitnessed(LOG) == f"log {LOG}\nquorum none\n"


def test_two_levels_of_groups_count_as_the_specification_says() -> None:
    policy = read_policy(TWO_LEVELS.encode())
    satisfying = [names for many in range(7) for names in combinations(NAMES, many) if policy.satisfied_by(names)]
    expected = [
        names
        for many in range(7)
        for names in combinations(NAMES, many)
        if sum(name[0] == "X" for name in names) >= 2 and any(name[0] == "Y" for name in names)
    ]
    assert satisfying == expected
    assert policy.asks_for_witnesses
    assert policy.cosigners([W[4], W[0], LOG]) == ("X1", "Y2")


def test_names_that_are_no_witnesses_count_for_nothing() -> None:
    policy = read_policy(TWO_LEVELS.encode())
    assert not policy.satisfied_by(["X-and-Y", "X-witnesses", "Y-witnesses", "stranger"])


def test_one_witness_can_be_the_quorum() -> None:
    policy = read_policy(f"{WITNESSES}quorum Y3\n".encode())
    assert policy.satisfied_by(["Y3"])
    assert not policy.satisfied_by(["X1", "X2", "X3", "Y1", "Y2"])


def test_blanks_comments_tabs_urls_and_a_missing_last_newline_are_allowed() -> None:
    text = (
        f"# a comment\n \t\n\tlog\t{LOG}  https://log.example/ \n  # more\nwitness w {W[0]} https://w.example\nquorum w"
    )
    policy = read_policy(text.encode())
    assert (policy.logs[0].url, policy.witnesses["w"].url) == ("https://log.example/", "https://w.example")


def test_names_are_bytes_and_two_that_look_alike_differ() -> None:
    raw = f"witness K {W[0]}\nwitness \N{KELVIN SIGN} {W[1]}\n".encode() + b"witness \xff " + str(W[2]).encode()
    policy = read_policy(raw + b"\ngroup g 3 K \xe2\x84\xaa \xff\nquorum g\n")
    assert len(policy.witnesses) == 3
    assert policy.satisfied_by(policy.witnesses)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"log {LOG}\n",
        "quorum\n",
        "quorum none none\n",
        "quorum none\nquorum none\n",
        "quorum nobody\n",
        f"quorum w\nwitness w {W[0]}\n",
        f"log {LOG}\nlog {LOG}\nquorum none\n",
        f"log {LOG} url more\nquorum none\n",
        f"log {W[0]}\nquorum none\n",
        f"log {LOG}x\nquorum none\n",
        f"witness w {LOG}\nquorum w\n",
        f"witness w {W[0]}\nwitness v {W[0]}\nquorum w\n",
        f"witness w {W[0]}\nwitness w {W[1]}\nquorum w\n",
        f"witness none {W[0]}\nquorum none\n",
        f"{WITNESSES}group X1 any X2\nquorum X1\n",
        f"{WITNESSES}group none any X2\nquorum none\n",
        f"{WITNESSES}group g any\nquorum g\n",
        f"{WITNESSES}group g all\nquorum g\n",
        f"{WITNESSES}group g any none\nquorum g\n",
        f"{WITNESSES}group g any g\nquorum g\n",
        f"{WITNESSES}group g 0 X1\nquorum g\n",
        f"{WITNESSES}group g 2 X1\nquorum g\n",
        f"{WITNESSES}group g 01 X1\nquorum g\n",
        f"{WITNESSES}group g -1 X1\nquorum g\n",
        f"{WITNESSES}group g some X1\nquorum g\n",
        f"{WITNESSES}group g any X1 X1\nquorum g\n",
        f"{WITNESSES}group g any X1\ngroup h any X1 g\nquorum h\n",
        f"{WITNESSES}group h any g\ngroup g any X1\nquorum h\n",
        f"Log {LOG}\nquorum none\n",
        f"log\u00a0{LOG}\nquorum none\n",
        "quorum none\r\n",
        "quorum none\n\x00",
        "quorum none\n\x7f",
        "#\n" * 1_025 + "quorum none\n",
        "#" * 65_537 + "\nquorum none\n",
    ],
)
def test_a_file_that_breaks_a_rule_is_refused(text: str) -> None:
    with pytest.raises(PolicyRefused):
        read_policy(text.encode())


def test_a_refusal_names_the_line_and_repeats_nothing_of_it() -> None:
    with pytest.raises(PolicyRefused, match="Line 2") as refused:
        read_policy(b"# fine\nlog secret-word\nquorum none\n")
    assert "secret" not in str(refused.value)


def test_as_many_as_the_specification_recommends_are_read() -> None:
    logs = [make_signer(f"l{number}", bytes([number + 1, 1]) * 16).key for number in range(32)]
    keys = [make_signer(f"w{number}", bytes([number + 1, 2]) * 16, COSIGNATURE).key for number in range(32)]
    text = "".join(f"log {key}\n" for key in logs)
    text += "".join(f"witness w{number} {key}\n" for number, key in enumerate(keys))
    text += "".join(f"group g{number} any w{number}\n" for number in range(31))
    text += "group all 31 " + " ".join(f"g{number}" for number in range(31)) + "\nquorum all\n"
    policy = read_policy(text.encode())
    assert policy.satisfied_by([f"w{number}" for number in range(31)])
    assert not policy.satisfied_by([f"w{number}" for number in range(1, 32)])


@pytest.mark.parametrize(
    "line",
    [
        "log",
        f"log {LOG} one two",
        f"log {W[0]}",
        "witness w",
        f"witness w {LOG}",
        f"witness X1 {make_signer('more', bytes(32), COSIGNATURE).key}",
        "group g",
        "group g any",
        "group g 4 X1 X2 X3",
        "group g any Z",
        "quorum",
        "quorum Z",
        "quorum X1 X2",
        "unknown word",
        "quorum \x00none",
        "quorum none\x7f",
    ],
)
@pytest.mark.parametrize("before", [0, 1, 7])
def test_the_number_of_the_bad_line_is_named(line: str, before: int) -> None:
    number = before + len(NAMES) + 1
    with pytest.raises(PolicyRefused, match=f"Line {number}: "):
        read_policy(("# fine\n" * before + WITNESSES + line + "\nquorum none\n").encode())


@st.composite
def policies(draw: st.DrawFn) -> str:
    """Draw a policy file of up to six witnesses in groups of groups, with blanks and comments where they may stand."""
    blank = st.sampled_from([" ", "\t", "  ", " \t"])
    free, lines = list(NAMES), [f"witness{draw(blank)}{name} {key}" for name, key in zip(NAMES, W, strict=True)]
    for number in range(draw(st.integers(0, 5))):
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True)) if free else []
        if not members:
            break
        threshold = draw(st.sampled_from(["any", "all", str(draw(st.integers(1, len(members))))]))
        lines.append(f"{draw(st.sampled_from(['', ' ']))}group g{number} {threshold}{draw(blank)}{' '.join(members)}")
        free = [name for name in free if name not in members] + [f"g{number}"]
        lines.append(draw(st.sampled_from(["", "# a comment", "\t"])))
    return "\n".join([*lines, f"quorum {draw(st.sampled_from([*free, 'none']))}", ""])


def reached(policy: str, given_names: frozenset[str]) -> bool:
    """Say by recursion from the quorum down whether it is reached: a second reader, from the specification's words."""
    groups = {words[1]: words[2:] for line in policy.split("\n") if (words := line.split())[:1] == ["group"]}

    def has(name: str) -> bool:
        if name not in groups:
            return name in given_names
        threshold, *members = groups[name]
        wanted = {"all": len(members), "any": 1}.get(threshold) or int(threshold)
        return sum(map(has, members)) >= wanted

    quorum = policy.rsplit(maxsplit=1)[-1]
    return quorum == "none" or has(quorum)


@given(policies())
def test_any_policy_counts_as_a_second_reader_counts(text: str) -> None:
    policy = read_policy(text.encode())
    for many in range(7):
        for names in combinations(NAMES, many):
            assert policy.satisfied_by(names) == reached(text, frozenset(names))
            assert policy.witnessed_by(names) == (policy.quorum != "none" and policy.satisfied_by(names))


@given(st.binary(max_size=100))
def test_any_bytes_are_read_as_a_policy_or_refused_by_name(raw: bytes) -> None:
    for candidate in (raw, raw + b"\nquorum none\n"):
        try:
            assert read_policy(candidate).quorum == "none"
        except PolicyRefused:
            continue


def test_two_logs_may_share_an_origin() -> None:
    again = make_signer(LOG.name, b"\x07" * 32).key
    assert read_policy(f"log {LOG}\nlog {again}\nlog {OTHER}\nquorum none\n".encode()).log_keys == (LOG, again, OTHER)
