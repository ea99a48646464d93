"""The lease with one rule less, once for every rule of it."""

from tests.model.lease.mutation import MODULES, Edit, Mutant

_MODULE_OF = {name.rpartition(".")[2]: name for name in MODULES}


def _without(rule: str, noticed_under: int, *edits: tuple[str, str, str]) -> Mutant:
    return Mutant(
        rule, noticed_under, tuple(Edit(_MODULE_OF[module], before, after) for module, before, after in edits)
    )


_CONFIRMED_POLL = '" AS timeline, " + CONFIRM + " AS confirmed"'
_PUBLISHED = "        self.view = after_poll(view, poll)\n"
_LEASE_FIRST = """\
        self.view = replace(view, lease_end=after_poll(view, poll).lease_end)
        await self._host.sleep(0.01)
"""
_BOOT_CLOCK = 'the boot seconds."""\n        return self._boot_seconds()'

WHAT_A_POLL_CHANGES = (
    _without(
        "a limited poll extends no lease", 0, ("view", "if poll.reached_end else applied", "if True else applied")
    ),
    _without("a poll knows that it is limited", 6, ("log", "len(changes) < MOST_ROWS", "True")),
    _without(
        "what leaves the set raises the floor",
        0,
        ("view", "max(floor, changed.pop(oldest))", "changed.pop(oldest) * 0"),
    ),
    # Generation and floor are each enough where the log goes on.
    _without(
        "what was read before a start is not current",
        2,
        ("view", "position=newest, floor=newest)", "position=newest, floor=NOWHERE)"),
        ("records", "self.sent.generation != view.generation or ", ""),
    ),
    # Generation and timeline are each enough where a restored log goes on from further back.
    _without(
        "what was read of another history is not current",
        63,
        ("records", "self.timeline != view.timeline or ", ""),
        ("records", "self.sent.generation != view.generation or ", ""),
    ),
    _without(
        "a start is at the largest visible position",
        23,
        ("database", "self.state.log[-1].position", "self.state.taken"),
    ),
    _without("a pruned log drops everything", 34, ("view", " or not poll.stands", "")),
    _without("another timeline drops everything", 59, ("view", " or poll.timeline != view.timeline", "")),
    _without(
        "an unknown kind drops everything", 7, ("view", "return any(change.kind not in KINDS", "return any(not change")
    ),
    _without(
        "a lease counts from when its poll was sent", 48, ("replica", "sent_at=sent_at)", "sent_at=self._host.clock())")
    ),
    _without("a lease is shorter than the wait, as clocks differ", 190, ("view", "_SHARE = 0.8", "_SHARE = 1.0")),
    _without(
        "rows are applied before the lease is extended",
        54,
        ("replica", "import dataclass, field", "import dataclass, field, replace"),
        ("replica", _PUBLISHED, _LEASE_FIRST + _PUBLISHED),
    ),
    _without("a server in recovery gives no lease", 5, ("database", "None if self.in_recovery else f", "f")),
    _without("a poll waits for the standby", 5, ("log", _CONFIRMED_POLL, '" AS timeline"')),
    _without(
        "durations are on a clock that nobody sets",
        5,
        ("virtual_time", _BOOT_CLOCK, _BOOT_CLOCK.replace("boot_seconds()", "wall_clock()")),
    ),
)

_NO_CHANGE = "view.changed.get(subject, NOWHERE) <= self.sent.position for"
_REMEMBERED = "        left = memory_holds_for(record, view, at)\n        if left > 0 and"
_CHANGED_IS_DEAD = """\
        if any(view.changed.get(subject, -1) > record.sent.position for subject in record.subjects):
            return Answer(active=False)
"""
_TORN = "self._follower.view.lease_left(at) if record.is_current(view) else 0"
_CLOCK = "        at = self.host.clock()\n        await self.host.stumble()\n        remembered"
_CLOCK_OF_A_POLL = "        at = view.moment.asked_at if view.moment else self.host.clock()\n        remembered"
_SENT = "        sent = Sending.now(view, at)\n        moment"
_RECORD = "Record(Remembered(read.facts, read.moment), read.sent,"
_WAITING = "        waiting = Waiting(key, confirmed)\n"
_JOINED = """\
        for each in self._in_flight:
            if each.key == key and not each.answer.settled:
                return each.answer
"""
_QUEUE = "        self._queue: list[Waiting] = []\n"
_TAKEN = "            batch, self._queue = self._queue, []\n"
_NOT_THERE = "        if read.facts is None:\n            return Answer(active=False)\n"
_REMEMBERED_NOT_THERE = """\
        if read.facts is None:
            nothing = Facts(question.token, alive=False, expires_at=read.moment.time)
            read = Read(nothing, read.sent, read.moment, read.timeline)
"""

WHAT_MAY_BE_ANSWERED = (
    _without(
        "without a lease there is no memory",
        0,
        ("answering", "return left if left > 0 and", "return max(left, 0.1) if"),
    ),
    _without("a change of any subject means read again", 0, ("records", _NO_CHANGE, "True for")),
    _without("a change does not mean dead", 0, ("replica", _REMEMBERED, _CHANGED_IS_DEAD + _REMEMBERED)),
    _without(
        "a record is as of when its read was sent",
        20,
        ("replica", _SENT, _SENT.replace("view,", "self._follower.view,")),
    ),
    _without(
        "a change outdates reads in flight, and does not just delete what is there",
        23,
        ("replica", _RECORD, _RECORD.replace("read.sent", "Sending.now(self._follower.view, at)")),
    ),
    _without(
        "a view is read once for an answer",
        118,
        ("replica", _REMEMBERED, _REMEMBERED.replace("memory_holds_for(record, view, at)", _TORN)),
    ),
    _without("the clock is read after a question has arrived", 0, ("replica", _CLOCK, _CLOCK_OF_A_POLL)),
    _without(
        "a read serves only questions that arrived before it was sent",
        34,
        ("replica", _WAITING, _JOINED + _WAITING),
        ("replica", _TAKEN, _TAKEN + "            self._in_flight += batch\n"),
        ("replica", _QUEUE, _QUEUE + "        self._in_flight = []\n"),
    ),
    _without(
        "a read without a lease waits for the standby",
        5,
        ("answering", "return view.lease_left(boot_seconds) <= 0", "return False"),
    ),
    _without(
        "a plain read counts on the timeline of the lease only",
        46,
        ("answering", "(confirmed or timeline == view.timeline)", "True"),
    ),
    _without(
        "a read in recovery does not count",
        14,
        ("answering", "timeline is not None and (", "("),
        ("replica", "rows.timeline is None or ", ""),
    ),
    _without("what is not there is not remembered", 30, ("replica", _NOT_THERE, _REMEMBERED_NOT_THERE)),
    _without(
        "expiry is judged by the time it is",
        23,
        ("replica", "view.moment, at, left)", "view.moment, record.sent.at, left)"),
    ),
    _without(
        "a leased read is as of when it was sent",
        48,
        ("leased_reads", "Sending.now(view, at)", "Sending.now(self._log.view(), at)"),
    ),
    _without(
        "a leased read counts on the timeline of the lease only",
        27,
        ("leased_reads", "if not read_counts(read.timeline, view, confirmed=confirmed):", "if False:"),
    ),
)

WHAT_CALLERS_MAY_REUSE = (
    _without(
        "valid_for counts from when the question was sent",
        64,
        ("resource_server", "sent_at + answer.valid_for", "self.host.clock() + answer.valid_for"),
    ),
    _without(
        "valid_for ends with the token",
        10,
        ("replica", "max(0.0, min(left, (facts.expires_at - now).total_seconds()))", "left"),
    ),
    _without(
        "a stale answer is not reused", 1, ("replica", "record.value.moment, at, 0)", "record.value.moment, at, 0.5)")
    ),
)

_END = "            ended = await connection.call(lambda server: server.end(subject, along), patience=PATIENCE)\n"
_STUMBLE = "            await self.host.stumble()\n"
_WAIT = "            await wait.until_final()\n"
_LOCK = "        await self._lock()\n"
_DRAW = "        rows = [Change(self._next_position(), kind, key) for kind, key in subjects]\n"

WHAT_WHOEVER_REPORTS_DOES = (
    _without(
        "whoever reports something dead waits",
        0,
        ("revocation_wait", 'learnt_at + terms["waited_ms"] / 1000', "learnt_at"),
    ),
    _without(
        "whoever finds that it is dead waits too", 1, ("revoker", _WAIT, "            if ended.first:\n    " + _WAIT)
    ),
    _without("the wait begins after the commit", 0, ("revoker", _END + _STUMBLE + _WAIT, _WAIT + _END)),
    _without("what is reported is on the standby", 83, ("log", '"SELECT" + CONFIRM + _WAIT', '"SELECT NULL" + _WAIT')),
    _without("a lowered wait is waited for once more", 32, ("revoker", "await self.host.sleep(old_ms / 1000)", "pass")),
    _without("positions are drawn under the lock of the log", 9, ("database", _LOCK + _DRAW, _DRAW)),
)

MUTANTS = (*WHAT_A_POLL_CHANGES, *WHAT_MAY_BE_ANSWERED, *WHAT_CALLERS_MAY_REUSE, *WHAT_WHOEVER_REPORTS_DOES)
