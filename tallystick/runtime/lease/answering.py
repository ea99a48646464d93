"""What may be answered: from memory while a lease holds, and from which reads (design: no lease, no memory)."""

from tallystick.runtime.lease.records import Record, Value
from tallystick.runtime.lease.view import View


def memory_holds_for(record: Record[Value], view: View, boot_seconds: float) -> float:
    """Return for how many seconds a record may be answered from; 0 if it must be read again.

    The view is taken after the question has arrived, and the clock is read after the view.
    """
    left = view.lease_left(boot_seconds)
    return left if left > 0 and record.is_current(view) else 0.0


def needs_confirmation(view: View, boot_seconds: float) -> bool:
    """Tell whether a read that is sent now must wait for the standby, as no lease says that this is the primary."""
    return view.lease_left(boot_seconds) <= 0


def read_counts(timeline: str | None, view: View, *, confirmed: bool) -> bool:
    """Tell whether an answer may be given by a read; `view` is that of when it was sent.

    An unconfirmed read counts if the lease that it was sent under is one of the same server: one that was deposed can
    be read for a long time yet.
    """
    return timeline is not None and (confirmed or timeline == view.timeline)
