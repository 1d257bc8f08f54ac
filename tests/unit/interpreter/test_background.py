"""What a text puts into the background is found, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakeserver.interpreter.background import CALL, MAX_TEXT, merged, of_its_own, set_aside, spans


def aside(text: str) -> str:
    """A text as `set_aside` makes it, with what stands in front of each command left out."""
    return set_aside(text).replace(CALL, "BG ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sleep 5 &", " BG 'sleep 5';"),
        ("a & b", " BG a; b"),
        ("a; b & c & d", "a; BG b; BG c; d"),
        ("a && b & c", " BG 'a && b'; c"),
        ("a | b > log 2>&1 & c", " BG 'a | b > log 2>&1'; c"),
        ("(a; b) & c", " BG '(a; b)'; c"),
        ("{ a; b; } & c", " BG '{ a; b; }'; c"),
        ("x=$(a & b)", "x=$( BG a; b)"),
        ('x="$(a & b)"', 'x="$( BG a; b)"'),
        ("for i in 1 2; do a $i & done", "for i in 1 2; do BG 'a $i'; done"),
        ("if a; then b & fi", "if a; then BG b; fi"),
        ("f() { a & }; f", "f() { BG a; }; f"),
        ("echo 'x' &\necho y", " BG 'echo '\"'\"'x'\"'\"'';\necho y"),
        ("cat <<E\na & b\nE\nc &", "cat <<E\na & b\nE\n BG c;"),
        ("a & echo $!", " BG a; echo $(__last)"),
        ("((a & 1)) & b", " BG '((a & 1))'; b"),
        ("while a; do b; done & c", " BG 'while a; do b; done'; c"),
        ("until a\ndo b\ndone > log 2>&1 & c", " BG 'until a\ndo b\ndone > log 2>&1'; c"),
        ("for i in 1 2; do a; done & b", " BG 'for i in 1 2; do a; done'; b"),
        ("for i do a; done & b", " BG 'for i do a; done'; b"),
        ("for ((i = 1 & 3; i; i--)) do a; done & b", " BG 'for ((i = 1 & 3; i; i--)) do a; done'; b"),
        ("select i in 1 2; do a; done & b", " BG 'select i in 1 2; do a; done'; b"),
        ("if a; then b; elif c; then d; else e; fi & f", " BG 'if a; then b; elif c; then d; else e; fi'; f"),
        ("case a in (b) c;; d|e) f;& *) ;; esac & g", " BG 'case a in (b) c;; d|e) f;& *) ;; esac'; g"),
        ("while a; do if b; then c & fi; done & d", " BG 'while a; do if b; then c & fi; done'; d"),
        ("while a; do if b; then c; fi & done; d", "while a; do BG 'if b; then c; fi'; done; d"),
        ("a && while b; do c; done | d & e", " BG 'a && while b; do c; done | d'; e"),
        ("if (a) then { b; } fi & c", " BG 'if (a) then { b; } fi'; c"),
        ("while a & do b & done", "while BG a; do BG b; done"),
        ("case $(a) in b) c &;; d) e & esac", "case $(a) in b) BG c; ;; d) BG e; esac"),
        ("f() if a; then b & fi", "f() if a; then BG b; fi"),
        ("function f { for i in if; do a & done; }", "function f { for i in if; do BG a; done; }"),
        ("[[ a && (b || c) ]] & d", " BG '[[ a && (b || c) ]]'; d"),
        ("((x & 1)) & ((y & 1))", " BG '((x & 1))'; ((y & 1))"),
        ("x=$(( (1 + (2)) & 3 )); a &", "x=$(( (1 + (2)) & 3 )); BG a;"),
        ("((a &); b) &", " BG '((a &); b)';"),
        ("x=(if do case) & a", " BG 'x=(if do case)'; a"),
        ("echo if { do done } & a", " BG 'echo if { do done }'; a"),
        ('echo ${a:-${b}} "${c:-it\'s}"; d &', 'echo ${a:-${b}} "${c:-it\'s}"; BG d;'),
        ("echo $'a\\'b'; c &", "echo $'a\\'b'; BG c;"),
        ("! a & time -p b & \\\nwhile c; do d; done &", "BG '! a'; BG 'time -p b'; BG '\\\nwhile c; do d; done';"),
        ("# while (\na & # if\nb &", "# while (\n BG a; # if\n BG b;"),
        ("while read a; do b; done <<E\nif (\nE\nc &", "while read a; do b; done <<E\nif (\nE\n BG c;"),
        ("ls !(a|b) <(c & d)", "ls !(a|b) <( BG c; d)"),
        ("cat <<\\E-1\nit's\nE-1\na &", "cat <<\\E-1\nit's\nE-1\n BG a;"),
        ("a <<E &\nb\nE", " BG 'a <<E\nb\nE';"),
        ("a <<E & c <<-F\nb\nE\n\td\n\tF\ne &", " BG 'a <<E\nb\nE'; c <<-F\n\td\n\tF\n BG e;"),
        ("a <<E; b <<F &\nc\nE\nd\nF\ne", "a <<E; BG 'b <<F\nd\nF';\nc\nE\ne"),
        ("a <<E; b &\nc\nE", "a <<E; BG b;\nc\nE"),
        ("a <<E <<F &\nc\nE\nd\nF", " BG 'a <<E <<F\nc\nE\nd\nF';"),
        ("{ a <<E & }; b <<F &\nc\nE\nd\nF", "{ BG 'a <<E\nc\nE'; }; BG 'b <<F\nd\nF';"),
        ("{ a <<E & } &\nc\nE", " BG '{ a <<E & }\nc\nE';"),
    ],
)
def test_a_command_in_the_background_is_handed_on(text: str, expected: str) -> None:
    assert aside(text).split() == expected.split()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a && b",
        "a || b; c |& d",
        "a > f 2>&1; b &> g; c >& h; d <&3",
        "echo 'a & b' \"c & d\" e\\&f",
        "echo $((1 & 2)) ${x:-a & b}",
        "# a & b\nc",
        "cat <<'E'\na & b\nE",
        "cat <<< 'a & b'",
        "sleep 5 & wait",
        "a & jobs; fg",
        "&" * 3,
        "a &" * MAX_TEXT,
        "while a; do b &> c; d >& e; f >| g; done 2>&1",
        "case a in b) c && d;; esac",
        "((x & 1)); for ((;x & 1;)); do a; done",
        "x=`a & b`",
        "a <<E & x=$(b\nc\nE\n) & d",
        "while a; do b & fi",
        "a & fi",
        "a & }",
        "a & ) b",
        "if a; do b & fi",
        "case a in b) c & }; esac",
    ],
)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert set_aside(text) == text


@pytest.mark.parametrize("text", ["'", '"', "$(", "${", "$((", "(", "{ ", "<<E", "\\", "a &'", '"$(a & "', "}) & )"])
def test_a_text_that_ends_too_early_has_an_end(text: str) -> None:
    for each in (text, f"a & {text}", text * 50):
        assert all(0 <= found.start <= found.end <= len(each) for found in spans(each))
        assert isinstance(set_aside(each), str)


@pytest.mark.parametrize(
    "text", ["'", "`", '"', "$(", "${", "$((", "(", "{ ", "if b; then", "for i in 1 2; do", "case b in c)", "[[ b"]
)
def test_a_text_with_something_open_at_its_end_stays_as_it_is(text: str) -> None:
    assert set_aside(f"a & {text}") == f"a & {text}"
    assert set_aside(f"a & {text * 9} &") == f"a & {text * 9} &"


PIECES = (
    "while a; do b; done|for i in 1 2; do|if c; then|else|fi|done|case d in|e)|;;|esac|{ |}|(|)|((|))|[[ |]]|$(|${|$(("
    "|`|'|\"|\\|#|<<E|\nE\n|\n|;| |!|x=(|f()|&|&&|>&|&>|<"
).split("|")
"""What a text is read by; `|` joins them."""


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.just("|") | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_is_read_to_its_end(text: str) -> None:
    assert all(text[each.end] == "&" for each in spans(text))
    assert set_aside(text).count(CALL) <= text.count("&")
    without = text.replace("&", "")
    assert set_aside(without) == without


def test_a_word_that_looks_like_another_is_none() -> None:
    assert aside("awaits & wait-for.sh") == " BG awaits; wait-for.sh"
    assert set_aside("a & wait;") == "a & wait;"


def test_a_command_knows_its_own_number_and_lets_go_of_its_output() -> None:
    assert of_its_own("echo $$ > pid; exec > /dev/null 2>&1; echo \\$$ $$x", 7) == (
        "echo 7 > pid; __release; echo \\$$ $$x"
    )
    assert of_its_own("exec > log; exec 3<&0; echo $$(( 1", 7) == "exec > log; exec 3<&0; echo $$(( 1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a 2>&1", ("a", True)),
        ("a < /dev/null 2>&1", ("a < /dev/null", True)),
        ("sh -c 'a > b' < /dev/null 2>&1 ", ("sh -c 'a > b' < /dev/null", True)),
        ("a > log 2>&1", ("a > log 2>&1", False)),
        ("a > 'my log' 2>&1", ("a > 'my log' 2>&1", False)),
        ("a >> log < /dev/null 2>&1", ("a >> log < /dev/null 2>&1", False)),
        ("a", ("a", False)),
    ],
)
def test_errors_that_go_where_the_output_goes(text: str, found: tuple[str, bool]) -> None:
    assert merged(text) == found
