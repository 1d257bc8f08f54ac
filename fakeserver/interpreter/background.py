"""Commands that a text puts into the background (`server > log 2>&1 &`): each is handed to `__start`, which lets it go
on by itself, in an interpreter of its own on the same files.

The interpreter runs such a command to its end before it goes on, so it can be told nothing of it. The text is taken
apart no further than is needed to see where a command begins and ends; one that waits for its commands, and one that
cannot be followed, stays as it is.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from enum import Enum, auto

START = "__start"
"""The builtin that lets a command go on by itself; it is given the variables and functions there are, and the text."""
RELEASE = "__release"
"""The builtin by which a command closes the streams that it was started with."""
LAST = "__last"
"""The builtin that prints the number of what a shell has started last."""
MAX_TEXT = 100_000
"""Characters of a text that is taken apart."""
WAITING = re.compile(r"(?<![\w/.-])(?:wait|fg|jobs)(?![\w/.=-])")
OPENING = {
    "while": "done",
    "until": "done",
    "for": "done",
    "select": "done",
    "if": "fi",
    "case": "esac",
    "{": "}",
    "[[": "]]",
}
"""The words that begin a compound command, and those that end it."""
LEADING = {"do": "done", "then": "fi", "elif": "fi", "else": "fi"}
"""The words within one that a command follows, and those that end it."""
RESERVED = re.compile(
    r"(?:while|until|(?:for|select|function)(?:[ \t]+[^\s;&|()<>]+)?|if|case|\{|\[\[|do|then|elif|else|done|fi|esac|\}"
    r"|!|time(?:[ \t]+-p)?)(?=[\s;&|()<>]|\Z)"
)
"""What is no command where one may begin, with the name that belongs to it."""
HEREDOC = re.compile(r"<<-?\s*\\?(['\"]?)([\w.=+:@%-]+)\1")
NEXT_CASE = re.compile(r";;&?|;&")
NO_PARAMETERS = re.compile(r"\(\s*\)")
TEST_ENDS = re.compile(r"(?<=\s)\]\](?=[\s;&|()<>]|\Z)")
VERBATIM = re.compile(r"""'[^']*'|\$'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`""", re.DOTALL)
"""What is not looked into: texts in single quotes and commands in backquotes."""
CLOSED = re.compile(r"\bexec\s*(?:&>|>)\s*/dev/null(?:\s+2>&1)?(?=\s*[;\n])")
"""How a command closes its streams."""
MERGED = re.compile(r"(\s*<\s*/dev/null)?\s+2>&1\s*\Z")
REDIRECTED = re.compile(r""">\s*(?:"[^"]*"|'[^']*'|[^\s'"]+)\s*\Z""")
"""Errors that go where the output goes, at the end of a command, and an output that goes to a file."""
OWN = re.compile(r"(?<![\\$])\$\$(?![\w{(])")
"""The process's own number; what escapes it is not looked through any deeper."""
CALL = f'{START} "$(declare -p; declare -f)" '


class Kind(Enum):
    """What is read where something is open."""

    COMMANDS = auto()
    WORDS = auto()
    """What is in an array, a test or a pattern."""
    EXPANSION = auto()
    QUOTED = auto()
    """A text in double quotes, or an expansion in one."""


@dataclass(slots=True)
class Frame:
    """What is open where a text is being read, and what closes it; where the command began that is being read in it,
    and whether the next word may be a reserved one."""

    closes: str
    start: int
    kind: Kind = Kind.COMMANDS
    ready: bool = True


@dataclass(slots=True)
class Heredoc:
    """A text for a command that stands in the lines behind it: the word that ends it, and where the command says so."""

    word: str
    at: int


@dataclass(slots=True)
class Span:
    """A command that is put into the background: where it begins and ends, and the lines behind its own that belong to
    it, which begin with the end of the line before."""

    start: int
    end: int
    awaited: list[Heredoc]
    lines: list[tuple[int, int]] = field(default_factory=list)

    def of(self, text: str) -> str:
        """The command, with its lines."""
        return "".join((text[self.start : self.end].strip(), *(text[start:end] for start, end in self.lines)))


class Lost(Exception):
    """A text cannot be followed."""


def set_aside(text: str) -> str:
    """The text with every command that it puts into the background handed to `__start`."""
    if "&" not in text or WAITING.search(text):
        return text
    if len(text) > MAX_TEXT:
        return text
    outer = outermost([each for each in spans(text) if text[each.start : each.end].strip()])
    if not outer:
        return text
    # What is replaced by what; a command takes its lines along.
    cuts = [(start, end, "") for each in outer for start, end in each.lines]
    for each in outer:
        # The `;;` that ends a case must not become `;;;`.
        ending = "; " if text.startswith(";", each.end + 1) else ";"
        cuts.append((each.start, each.end + 1, f" {CALL}{shlex.quote(each.of(text))}{ending}"))
    parts, position = list[str](), 0
    for start, end, instead in sorted(cuts):
        if start < position:
            # The lines of one are within another.
            return text
        parts += [text[position:start], instead]
        position = end
    return "".join((*parts, text[position:])).replace("$!", f"$({LAST})")


def outermost(found: list[Span]) -> list[Span]:
    """Those of them that are in no other; they come in the order of their ends."""
    outer: list[Span] = []
    for each in reversed(found):
        if not outer or each.start < outer[-1].start:
            outer.append(each)
    return outer[::-1]


def spans(text: str) -> list[Span]:
    """Where the commands begin and end that are put into the background, in the order of their ends; a `&` follows.
    A text that cannot be followed has none."""
    reader = Reader(text)
    try:
        while reader.at < len(text):
            reader.step()
    except Lost:
        return []
    return reader.found if len(reader.frames) == 1 else []


class Reader:
    """Reads a text from its beginning to its end, and knows what is open."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.frames = [Frame("", 0)]
        self.heredocs: list[Heredoc] = []
        self.found: list[Span] = []
        self.pairs = parentheses(text)

    def step(self) -> None:
        """Read the next piece."""
        text, at, top = self.text, self.at, self.frames[-1]
        character = text[at]
        if character == "\\":
            top.ready = top.ready and text.startswith("\n", at + 1)
            self.at += 2
            return
        if top.ready and (word := RESERVED.match(text, at)) and (top.kind is Kind.COMMANDS or word[0] == "esac"):
            self.read_reserved(word[0])
            return
        top.ready = top.ready and character in " \t\n#("
        if self.open():
            return
        if top.kind in (Kind.QUOTED, Kind.EXPANSION):
            if character == top.closes:
                self.frames.pop()
            self.at += 1
        elif character == "#" and (not at or text[at - 1] in " \t\n;(&|"):
            end = text.find("\n", at)
            self.at = len(text) if end < 0 else end
        elif character == "(":
            self.read_parenthesis()
        elif character == ")":
            self.close_parenthesis()
        elif character == "\n" and self.heredocs:
            self.read_heredocs()
            top.start = self.at
        elif top.kind is Kind.COMMANDS:
            self.read_operator()
        elif top.closes == "]]" and TEST_ENDS.match(text, at):
            self.frames.pop()
            self.at += 2
        else:
            self.at += 1

    def open(self) -> bool:
        """Read the beginning of what may stand in a word, or all of it where it is not looked into."""
        text, at, top = self.text, self.at, self.frames[-1]
        if text[at] == "`" or (top.kind is not Kind.QUOTED and text.startswith(("'", "$'"), at)):
            verbatim = VERBATIM.match(text, at)
            if verbatim is None:
                raise Lost
            self.at = verbatim.end()
        elif text.startswith("$((", at) and (end := self.arithmetic(at + 1)):
            self.at = end
        elif text.startswith("$(", at):
            self.push(")", 2)
        elif text.startswith("${", at):
            self.push("}", 2, Kind.QUOTED if top.kind is Kind.QUOTED else Kind.EXPANSION)
        elif text[at] == '"' and top.closes != '"':
            self.push('"', 1, Kind.QUOTED)
        else:
            return False
        return True

    def push(self, closes: str, length: int, kind: Kind = Kind.COMMANDS) -> None:
        """Something opens with so many characters."""
        self.at += length
        self.frames.append(Frame(closes, self.at, kind, ready=kind is Kind.COMMANDS))

    def arithmetic(self, at: int) -> int:
        """The place behind `((`…`))`, or 0 where these are groups of commands."""
        inner = self.pairs.get(at + 1)
        return inner + 2 if inner is not None and self.pairs.get(at) == inner + 1 else 0

    def read_reserved(self, text: str) -> None:
        """A compound command begins, goes on or ends. What it stands in still is where a reserved word may follow: it
        may end there as well."""
        top, word = self.frames[-1], text.split()[0]
        if word in OPENING:
            self.push(OPENING[word], len(text), Kind.WORDS if word in ("case", "[[") else Kind.COMMANDS)
            return
        self.at += len(text)
        if word in LEADING:
            if top.closes != LEADING[word]:
                raise Lost
            top.start = self.at
        elif word in OPENING.values():
            if top.closes != word:
                raise Lost
            self.frames.pop()

    def read_parenthesis(self) -> None:
        """Arithmetic, a function's parameters, the beginning of a case, a group of commands, or one of words."""
        text, at, top = self.text, self.at, self.frames[-1]
        if top.kind is Kind.COMMANDS and text.startswith("((", at) and (end := self.arithmetic(at)):
            self.at, top.ready = end, True
        elif top.kind is Kind.COMMANDS and (parameters := NO_PARAMETERS.match(text, at)):
            self.at, top.ready = parameters.end(), True
        elif top.kind is Kind.WORDS and top.closes == "esac" and text[at - 1].isspace():
            self.at, top.ready = at + 1, False
        elif top.ready or text[at - 1] in "<>":
            self.push(")", 1)
        else:
            self.push(")", 1, Kind.WORDS)

    def close_parenthesis(self) -> None:
        """A group or a pattern ends."""
        top = self.frames[-1]
        self.at += 1
        if top.closes == ")":
            self.frames.pop()
        elif top.closes == "esac" and top.kind is Kind.WORDS:
            top.kind, top.start, top.ready = Kind.COMMANDS, self.at, True
        else:
            raise Lost

    def read_heredocs(self) -> None:
        """The lines that commands wait for, in the order in which they do; each goes to whichever has it."""
        for heredoc in self.heredocs:
            start, self.at = self.at, after_line(self.text, heredoc.word, self.at)
            for each in self.found:
                if any(heredoc is awaited for awaited in each.awaited):
                    each.lines.append((start, self.at))
        self.heredocs.clear()

    def read_operator(self) -> None:
        """What ends or joins commands, or a character of one."""
        text, at, top = self.text, self.at, self.frames[-1]
        length = 1
        if text.startswith("<<<", at):
            length = 3
        elif text.startswith("<<", at) and (heredoc := HEREDOC.match(text, at)):
            self.heredocs.append(Heredoc(heredoc[2], at))
            length = len(heredoc[0])
        elif text.startswith((">&", "<&", "&>", ">|"), at):
            length = 2
        elif text.startswith(("&&", "||", "|&"), at):
            length, top.ready = 2, True
        elif top.closes == "esac" and (following := NEXT_CASE.match(text, at)):
            length, top.kind, top.ready = len(following[0]), Kind.WORDS, True
        elif text[at] in ";\n&|":
            if text[at] == "&" and text[at - 1 : at] not in tuple("&<>|"):
                self.found.append(Span(top.start, at, [each for each in self.heredocs if each.at >= top.start]))
            top.ready = True
            if text[at] != "|":
                top.start = at + 1
        self.at += length


def parentheses(text: str) -> dict[int, int]:
    """Where each parenthesis that opens is closed, whatever they mean."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for each in re.finditer(r"[()]", text):
        if each[0] == "(":
            opened.append(each.start())
        elif opened:
            pairs[opened.pop()] = each.start()
    return pairs


def after_line(text: str, word: str, at: int) -> int:
    """The place where the line begins that follows the one that is nothing but this word."""
    found = re.compile(rf"\n\t*{re.escape(word)}(?=\n|\Z)").search(text, at)
    return len(text) if found is None else found.end()


def merged(text: str) -> tuple[str, bool]:
    """A command without the end that sends its errors where its output goes, and whether it had one: of a command
    whose output is sent elsewhere nothing is heard before its end."""
    found = MERGED.search(text)
    if found is None or REDIRECTED.search(text[: found.start()]):
        return text, False
    return f"{text[: found.start()]}{found[1] or ''}", True


def of_its_own(text: str, number: int) -> str:
    """A command as it runs by itself, under a number that the interpreter knows nothing of."""
    return CLOSED.sub(RELEASE, OWN.sub(str(number), text))
