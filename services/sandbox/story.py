"""How a replay looks to a person: renders what was observed in the terminal, and nothing else."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Self, assert_never

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from services.sandbox.lives import CIVIL, Life
from services.sandbox.observed import (
    DayBegan,
    EventLanded,
    Listed,
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
# What a party may know: icon, without Unicode, phrase, style. The phrase says it all; icon and colour only help.
_MARKS = {
    "told": ("✓", "+", "told", "green"),
    "may_read": ("○", "o", "may_read", "green"),
    "notice": ("·", ".", "notice", "yellow"),
    "not": ("✗", "x", "not", "red"),
}
Line = tuple[str, str, str]  # mark, text, style


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
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn())
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
        lines = [self._readers_line(kind, named) for kind, named in self._grouped(seen.readers, seen.life)]
        lines += [("told", self._caught_up(words.who(person), number), "green") for person, number in seen.caught_up]
        if seen.sent > 1:
            lines.append(("", words.say("sent_twice", n=seen.sent), "dim"))
        who = words.say("platform") if seen.actor.is_platform else words.who_in_full(seen.actor)
        if seen.actor.is_owner:
            who = plain(seen.actor.name)
        return self._entry(seen.at, seen.life, self._title(seen.event), who, words.detail(seen.event, seen.life), lines)

    def _grouped(self, readers: Iterable[Reader], life: Life) -> list[tuple[tuple[str, str], list[str]]]:
        """Readers of one fate and for one reason together: the told first, those who never had access last."""
        groups: dict[tuple[str, str], list[str]] = {}
        for reader in readers:
            groups.setdefault(self._fate(reader, life), []).append(self._words.who(reader.person))
        never = self._words.told["reasons"]["no_access"]
        order = list(_MARKS)
        return sorted(groups.items(), key=lambda group: (order.index(group[0][0]), group[0][1] == never))

    def _fate(self, reader: Reader, life: Life) -> tuple[str, str]:
        words = self._words
        if reader.sight == "nothing":
            if reader.told:
                gone = reader.reason and reader.reason.code == "withdrawn"
                return "notice", words.say("notice_withdrawn" if gone else "notice_plain")
            return "not", words.reason(reader.reason, life)
        return "told" if reader.told else "may_read", words.without(reader.without) if reader.without else ""

    def _readers_line(self, fate: tuple[str, str], names: list[str]) -> Line:
        kind, remark = fate
        never = remark == self._words.told["reasons"]["no_access"]
        joined = f"{', '.join(names)}{': ' if remark and kind in ('not', 'notice') else ', ' if remark else ''}{remark}"
        return kind, joined, "dim" if never else ""

    def _caught_up(self, name: str, number: int) -> str:
        return f"{name} {self._words.say('caught_up_one' if number == 1 else 'caught_up', n=number)}"

    def _look(self, seen: Looked) -> RenderableType:
        words, reader = self._words, seen.reader
        when = words.day(_civil(datetime.fromisoformat(seen.event["time"])).date())
        phrase = "looks" if seen.occasion == "check" else "looks_again"
        head = words.say(phrase, name=words.who(reader.person), title=self._title(seen.event), on=when)
        if reader.sight == "whole":
            line: Line = ("may_read", words.say("sees_all"), "")
        elif reader.sight == "partial":
            line = ("may_read", words.say("sees_part", without=words.without(reader.without)), "")
        else:
            line = ("not", f"{words.say('finds_nothing')}: {words.reason(reader.reason, seen.life)}", "")
        return self._entry(seen.at, seen.life, head, "", "", [line], plain_head=seen.occasion == "check")

    def _list(self, seen: Listed) -> RenderableType:
        words, head = self._words, self._words.say("lists", name=self._words.who(seen.person))
        if seen.status != 200:
            line: Line = ("not", words.say("gets_refusal", status=seen.status), "")
        else:
            line = ("may_read", words.say("gets", n=seen.items) if seen.items else words.say("gets_none"), "")
        return self._entry(seen.at, seen.life, head, "", "", [line], plain_head=True)

    def _refusal(self, seen: Refused) -> RenderableType:
        words = self._words
        head = f"{words.say('tries', name=words.who(seen.person))}: {self._title(seen.event)}"
        rule = f" ({seen.rule})" if seen.rule else ""
        told = f"{words.say('refused')}{rule}: {words.rule(seen.rule, seen.status)}. {words.say('nothing_stored')}"
        detail = words.detail(seen.event, seen.life)
        return self._entry(seen.at, seen.life, head, "", detail, [("not", told, "")], plain_head=True)

    def _again(self, seen: SentAgain) -> RenderableType:
        words = self._words
        head = f"{words.say('again', name=words.who(seen.person))}: {self._title(seen.event)}"
        return self._entry(seen.at, seen.life, head, "", "", [("", words.say("stored_once"), "")], plain_head=True)

    def _platform(self, seen: PlatformActed) -> RenderableType:
        words = self._words
        told = ", ".join(words.who(person) for person in seen.told)
        lines: list[Line] = [("told", told, "")] if told else []
        detail = words.detail(seen.event, seen.life)
        return self._entry(seen.at, seen.life, self._title(seen.event), words.say("platform"), detail, lines)

    def _surprise(self, seen: Surprise) -> RenderableType:
        who = f"{self._words.who(seen.person)}: " if seen.person else ""
        told = self._words.say("expected", expected=plain(seen.expected), came=plain(seen.came))
        head = Text(f"  ‼ {self._words.say('surprise')}  ", style="bold red")
        return Group(head + Text(f"{who}{plain(seen.what)}"), Padding(Text(told), (0, 0, 1, 7)))

    def _summary(self, seen: Summary) -> RenderableType:
        words, sums = self._words, Table.grid(padding=(0, 2))
        sums.add_column(justify="right")
        sums.add_column()
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
            sums.add_row(Text(f"{number:,}", style=bold), Text(words.say(phrase)))
        closing = "not_as_expected" if seen.surprises else "as_expected"
        end = Rule(Text(words.say("end"), style="bold"), style="dim", align="left")
        verdict = Text(words.say(closing), style="bold red" if seen.surprises else "bold green")
        return Group(end, Padding(sums, (0, 0, 1, 2)), verdict)

    # The shape that all entries share

    def _entry(
        self,
        at: datetime,
        life: Life,
        head: str,
        who: str,
        detail: str,
        lines: Iterable[Line],
        *,
        plain_head: bool = False,
    ) -> RenderableType:
        """Time and whose dossier, what happened, by whom, in a few words; then who may know."""
        title = Text.assemble(
            (life.first_name, f"bold {self._colours.get(life.id, '')}".strip()),
            " · ",
            (head, "" if plain_head else "bold"),
        )
        body: list[RenderableType] = [title]
        if who:
            body.append(Text(who))
        if detail:
            body.append(Text(detail, style="italic"))
        entry = Table.grid(padding=(0, 2, 0, 0))
        entry.add_column(width=5)
        entry.add_column()
        entry.add_row(Text(f"{_civil(at):%H:%M}", style="dim"), Group(*body, self._marked(lines)))
        return Padding(entry, (0, 0, 1, 0))

    def _marked(self, lines: Iterable[Line]) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column()
        for mark, text, style in lines:
            if not mark:
                grid.add_row(Text(), Text(text, style=style))
                continue
            icon, bare, phrase, colour = _MARKS[mark]
            shown = bare if self._console.options.ascii_only else icon
            grid.add_row(Text(f"{shown} {self._words.say(phrase)}", style=colour), Text(text, style=style))
        return grid

    def _title(self, event: Mapping[str, Any]) -> str:
        return self._words.title(event["type"], self._titles)


def complain(console: Console, message: str, language: str = "en") -> None:
    """Why nothing can be shown, and what to do."""
    console.print(Text(f"{in_language(language).say('impossible')}: ", style="bold red") + Text(plain(message)))


def _civil(at: datetime) -> datetime:
    return at.astimezone(CIVIL)
