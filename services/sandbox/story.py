"""How a replay looks to a person: renders what was observed in the terminal, and nothing else."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self, assert_never

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from services.sandbox.lives import CIVIL, Person
from services.sandbox.observed import (
    DayBegan,
    EventLanded,
    Listed,
    ListOpened,
    ListRow,
    Looked,
    Observation,
    Opened,
    PlatformActed,
    Reader,
    Refused,
    SentAgain,
    Summary,
    Surprise,
)
from services.sandbox.words import in_language, plain

WIDEST = 110  # columns: longer lines tire the eye
_COLOURS = ("cyan", "magenta", "yellow", "blue", "green")  # one for each life; its name always stands beside it
# What a party may know: icon, the same without Unicode, colour. Its phrase stands beside it and says it all.
_MARKS = {
    "told": ("✓", "+", "green"),
    "may_read": ("○", "o", "green"),
    "notice": ("·", ".", "yellow"),
    "not": ("✗", "x", "red"),
}
Line = tuple[str, str, str]  # mark, text, style
# Reasons that hold for everything, so that they need little attention each time: shown last.
_NEVER_IN = 2
_OUTSIDE = {"expired": 1, "purpose_ended": 1, "withdrawn": 1, "no_access": _NEVER_IN}
Entry = EventLanded | Looked | Listed | ListOpened | Refused | SentAgain | PlatformActed


@dataclass(frozen=True)
class Fate:
    """What becomes of an event for a party: its mark, what remains to be said, and how far outside the party stands."""

    mark: str
    remark: str
    outside: int = 0


class Story:
    """Shows observations one by one; use as a context, so that a progress bar is taken away at the end."""

    def __init__(self, console: Console, language: str) -> None:
        self._console, self._words = console, in_language(language)
        self._titles: Mapping[str, str] = {}
        self._colours: dict[str, str] = {}
        self._bar: tuple[Progress, TaskID] | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=32), TaskProgressColumn())
            progress = Progress(*columns, console=self._console, transient=True, expand=False)
            self._bar = self._open.enter_context(progress), progress.add_task("", total=1.0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def show(self, observation: Observation, progress: float = 0.0) -> None:
        """Print one observation; `progress` (0 to 1) moves the bar where there is one."""
        self._console.print(self._rendered(observation), width=min(self._console.width, WIDEST))
        if self._bar:
            bar, task = self._bar
            day = "" if isinstance(observation, Opened | Summary) else self._words.day(_civil(observation.at).date())
            bar.update(task, completed=progress, description=day)

    def _rendered(self, observation: Observation) -> RenderableType:
        match observation:
            case Opened():
                return self._opened(observation)
            case DayBegan():
                return self._day(observation)
            case EventLanded():
                return self._event(observation)
            case Looked():
                return self._look(observation)
            case Listed():
                return self._list(observation)
            case ListOpened():
                return self._contact_list(observation)
            case Refused():
                return self._refusal(observation)
            case SentAgain():
                return self._again(observation)
            case PlatformActed():
                return self._platform(observation)
            case Surprise():
                return self._surprise(observation)
            case Summary():
                return self._summary(observation)
        assert_never(observation)

    # Who and when

    def _opened(self, seen: Opened) -> RenderableType:
        self._titles = seen.titles
        self._colours = {life.id: _COLOURS[n % len(_COLOURS)] for n, life in enumerate(seen.lives)}
        words = self._words
        parts: list[RenderableType] = [Text(words.say("invented")), Text()]
        for life in seen.lives:
            owner = Text(words.say("dossier_of", name=plain(life.owner.name)), style=f"bold {self._colours[life.id]}")
            cast = Table.grid(padding=(0, 2))
            cast.add_column(no_wrap=True)
            cast.add_column(no_wrap=True)
            cast.add_column()
            for person in life.people.values():
                if not (person.is_owner or person.is_platform):
                    named = (plain(person.name), words.role(person), plain(person.organisation_name))
                    cast.add_row(*(Text(text) for text in named))
            rule = Text(words.say("rule_of_all", owner=plain(life.first_name)), style="dim")
            parts += [owner, Padding(cast, (0, 0, 0, 2)), Padding(rule, (0, 0, 1, 2))]
        return Group(*parts)

    def _day(self, seen: DayBegan) -> RenderableType:
        quiet = self._words.say("quiet_one" if seen.quiet_days == 1 else "quiet", n=seen.quiet_days)
        day = Rule(Text(self._words.weekday(seen.day), style="bold"), style="dim", align="left")
        return Group(Text(f"       … {quiet}\n", style="dim"), day) if seen.quiet_days else day

    # What happens

    def _event(self, seen: EventLanded) -> RenderableType:
        words = self._words
        who = words.say("by_platform") if seen.actor.is_platform else words.who_in_full(seen.actor)
        lines = [self._readers_line(fate, named) for fate, named in self._grouped(seen)]
        caught_up = [self._caught_up(person, number) for person, number in seen.caught_up]
        told = sum(kind == "told" for kind, _, _ in lines)
        notes = [Text(words.say("sent_twice", n=seen.sent), style="dim")] if seen.sent > 1 else []
        head = self._head(seen.event, who)
        detail = words.detail(seen.event, seen.life)
        return self._entry(seen, head, detail, self._marked(lines[:told] + caught_up + lines[told:]), *notes)

    def _grouped(self, seen: EventLanded) -> list[tuple[Fate, list[Person]]]:
        """Readers of one fate and for one reason together: the told first, those who never had access last."""
        groups: dict[Fate, list[Person]] = {}
        for reader in seen.readers:
            groups.setdefault(self._fate(reader, seen), []).append(reader.person)
        order = list(_MARKS)
        return sorted(groups.items(), key=lambda group: (order.index(group[0].mark), group[0].outside))

    def _fate(self, reader: Reader, seen: EventLanded) -> Fate:
        words, code = self._words, reader.reason.code if reader.reason else "unknown"
        if reader.sight != "nothing":
            return Fate("told" if reader.told else "may_read", words.without(reader.without) if reader.without else "")
        if reader.told:
            gone = seen.event["type"].endswith("consent.revoked")
            return Fate("notice", words.say("notice_withdrawn" if gone else "notice_plain"))
        return Fate("not", words.reason(reader.reason, seen.life), _OUTSIDE.get(code, 0))

    def _readers_line(self, fate: Fate, people: list[Person]) -> Line:
        named = self._words.who if fate.outside < _NEVER_IN else lambda person: plain(person.name)
        names = ", ".join(named(person) for person in people)
        separator = ": " if fate.mark in ("not", "notice") else ", "
        return fate.mark, f"{names}{separator}{fate.remark}" if fate.remark else names, "dim" if fate.outside else ""

    def _caught_up(self, person: Person, number: int) -> Line:
        phrase = "caught_up_one" if number == 1 else "caught_up"
        return "told", f"{self._words.who(person)} {self._words.say(phrase, n=number)}", ""

    def _look(self, seen: Looked) -> RenderableType:
        words, reader = self._words, seen.reader
        on = words.day(_civil(datetime.fromisoformat(seen.event["time"])).date())
        again = seen.occasion != "check"
        told = words.say("opens_again" if again else "looks", title=self._title(seen.event), on=on)
        head = Text.assemble(
            (f"{words.say('next_look')} " if again else "", "bold"), f"{words.who(reader.person)} {told}"
        )
        if reader.sight == "nothing":
            why = words.reason(reader.reason, seen.life)
            return self._entry(seen, head, "", self._verdict(False, words.say("finds_nothing"), why))
        if reader.sight == "partial":
            return self._entry(seen, head, "", self._verdict(True, words.say("sees_it"), words.without(reader.without)))
        return self._entry(seen, head, "", self._verdict(True, words.say("sees_all")))

    def _list(self, seen: Listed) -> RenderableType:
        words, head = self._words, Text(self._words.say("lists", name=self._words.who(seen.person)))
        if seen.status != 200:
            return self._entry(seen, head, "", self._verdict(False, words.rule(None, seen.status)))
        gets = words.say("gets", n=seen.items) if seen.items else words.say("gets_none")
        return self._entry(seen, head, "", self._verdict(True, gets))

    def _contact_list(self, seen: ListOpened) -> RenderableType:
        words = self._words
        head = Text(words.say("opens_list", name=words.who(seen.person), on=words.day(seen.day)), style="bold")
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(justify="right")
        grid.add_column(no_wrap=True)
        grid.add_column()
        for number, row in enumerate(seen.rows, 1):
            name = Text(plain(row.life.first_name), style=f"bold {self._colours.get(row.life.id, '')}".strip())
            grid.add_row(Text(f"{number}", style="dim"), name, self._row(row))
        return self._entry(seen, head, "", grid)

    def _row(self, row: ListRow) -> RenderableType:
        words = self._words
        spoken = words.say("last_spoken", on=words.day(row.last_contact_on)) if row.last_contact_on else None
        stands = [words.stage(row.stage) if row.stage else None, spoken or words.say("never_spoken")]
        below = Text(" · ".join(part for part in stands if part), style="dim")
        if row.call is None:
            return Group(Text(words.say("quiet_row")), below)
        more = "" if not row.more else words.say("more_one" if row.more == 1 else "more", n=row.more)
        calls = Text.assemble(
            (f"{words.group(row.call['group'])}: ", "bold"),
            words.call(row.call, row.life),
            (f" ({more})" if more else "", "dim"),
        )
        acts = ", ".join(self._words.title(type_, self._titles) for type_ in row.call["acts"])
        return Group(calls, Text(words.say("answers", acts=acts)), below)

    def _refusal(self, seen: Refused) -> RenderableType:
        words = self._words
        head = Text.assemble(words.say("tries", name=words.who(seen.person)), ": ", (self._title(seen.event), "bold"))
        refused = f"{words.say('refused')} ({seen.rule})" if seen.rule else words.say("refused")
        known = not self._titles or seen.event["type"] in self._titles
        why = words.rule(seen.rule, seen.status) if known or seen.rule else words.say("unknown_type")
        why = f"{why}. {words.say('nothing_stored')}"
        return self._entry(seen, head, words.detail(seen.event, seen.life), self._verdict(False, refused, why))

    def _again(self, seen: SentAgain) -> RenderableType:
        words = self._words
        head = Text.assemble(words.say("again", name=words.who(seen.person)), ": ", (self._title(seen.event), "bold"))
        return self._entry(seen, head, "", self._verdict(True, words.say("stored_once")))

    def _platform(self, seen: PlatformActed) -> RenderableType:
        words = self._words
        told = ", ".join(words.who(person) for person in seen.told)
        lines: list[Line] = [("told", told, "")] if told else []
        head = self._head(seen.event, words.say("platform"))
        return self._entry(seen, head, words.detail(seen.event, seen.life), self._marked(lines))

    def _surprise(self, seen: Surprise) -> RenderableType:
        who = f"{self._words.who(seen.person)}: " if seen.person else ""
        told = self._words.say("expected", expected=plain(seen.expected), came=plain(seen.came))
        head = Text(f"  ‼ {self._words.say('surprise')}  ", style="bold red")
        return Group(head + Text(f"{who}{plain(seen.what)}"), Padding(Text(told), (0, 0, 1, 7)))

    def _summary(self, seen: Summary) -> RenderableType:
        words, sums = self._words, Table.grid(padding=(0, 2))
        sums.add_column()
        sums.add_column(justify="right")
        for number, phrase in (
            (seen.lives, "sum_lives"),
            (seen.days, "sum_days"),
            (seen.events, "sum_events"),
            (seen.platform_acts, "sum_platform"),
            (seen.deliveries, "sum_deliveries"),
            (seen.reads_allowed, "sum_allowed"),
            (seen.reads_refused, "sum_refused"),
            (seen.refusals, "sum_refusals"),
            (seen.surprises, "sum_surprises"),
        ):
            bold = "bold red" if phrase == "sum_surprises" and number else "bold"
            sums.add_row(Text(words.say(phrase)), Text(words.number(number), style=bold))
        closing = "not_as_expected" if seen.surprises else "as_expected"
        end = Rule(Text(words.say("end"), style="bold"), style="dim", align="left")
        verdict = Text(words.say(closing), style="bold red" if seen.surprises else "bold green")
        return Group(end, Padding(sums, (0, 0, 1, 2)), verdict)

    # The shape that all entries share

    def _entry(self, seen: Entry, head: Text, detail: str, *rest: RenderableType) -> RenderableType:
        """The time and, among several lives, whose dossier; what happened, in a few words; then what came of it."""
        if len(self._colours) > 1:
            whose = Text(plain(seen.life.first_name), style=f"bold {self._colours[seen.life.id]}")
            head = Text.assemble(whose, "  ", head)
        said = [Text(detail, style="italic")] if detail else []
        entry = Table.grid(padding=(0, 2, 0, 0))
        entry.add_column(width=5)
        entry.add_column()
        entry.add_row(Text(f"{_civil(seen.at):%H:%M}", style="dim"), Group(head, *said, *rest))
        return Padding(entry, (0, 0, 1, 0))

    def _head(self, event: Mapping[str, Any], who: str) -> Text:
        return Text.assemble((self._title(event), "bold"), f" · {who}")

    def _marked(self, lines: Iterable[Line]) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column()
        for mark, text, style in lines:
            icon, bare, colour = _MARKS[mark]
            label = f"{self._icon(icon, bare)} {self._words.say(mark)}"
            grid.add_row(Text(label, style=colour), Text(text, style=style))
        return grid

    def _verdict(self, fine: bool, told: str, why: str = "") -> Table:
        icon, bare, colour = _MARKS["told" if fine else "not"]
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column()
        separator = ", " if fine and why else ": " if why else ""
        grid.add_row(Text(self._icon(icon, bare), style=colour), Text.assemble((told, colour), separator, why))
        return grid

    def _icon(self, icon: str, bare: str) -> str:
        return bare if self._console.options.ascii_only else icon

    def _title(self, event: Mapping[str, Any]) -> str:
        return self._words.title(event["type"], self._titles)


def complain(console: Console, message: str, language: str = "en") -> None:
    """Why nothing can be shown, and what to do."""
    console.print(Text(f"{in_language(language).say('impossible')}: ", style="bold red") + Text(plain(message)))


def _civil(at: datetime) -> datetime:
    return at.astimezone(CIVIL)
