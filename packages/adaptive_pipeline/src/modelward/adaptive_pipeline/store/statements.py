"""The statements of joining, made once: building them takes longer than running them.

`AFTER` and `UNTIL` bound predictions by seq; `PAST` is the event time up to which labels are late;
`NOW` is when something is done (Unix seconds).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Double,
    and_,
    bindparam,
    case,
    exists,
    func,
    select,
    tuple_,
    update,
)

from modelward.adaptive_pipeline.store.schema import (
    JOINED,
    NEW,
    ORPHAN,
    PARKED,
    TAKEN,
    UNJOINED,
    joined,
    labels,
    predictions,
)

CHUNK = 5_000  # labels that are taken from those kept by others, in one transaction
AFTER, UNTIL, LAST = (
    bindparam(name, type_=BigInteger) for name in ("after_seq", "until_seq", "last_position")
)
PAST, FROM, NOW = (bindparam(name, type_=Double) for name in ("past_at", "from_at", "now_at"))

_whole = predictions.c.error.is_(None)
_taken = and_(UNJOINED, labels.c.state == TAKEN)
_old = predictions.c.at <= PAST
_between = and_(predictions.c.seq > AFTER, predictions.c.seq <= UNTIL)
_names = select(predictions.c.request_id).where(_between)
_waits = and_(labels.c.request_id.in_(_names), labels.c.state.in_((PARKED, ORPHAN)))
_theirs = and_(predictions.c.request_id == labels.c.request_id, predictions.c.seq <= UNTIL)

any_new = select(exists().where(UNJOINED, labels.c.state == NEW))

arrived = select(
    func.count(),
    func.count().filter(_whole),
    func.count().filter(_whole, _old),
    func.max(predictions.c.at),
).where(_between)
"""Predictions between: all, those answered, of these the late ones; and the greatest event time."""

waiting_for = select(labels.c.state, func.count()).where(_waits).group_by(labels.c.state)
"""Labels that waited for a prediction between, or were given up, by their state."""

reopen = update(labels).where(_waits).values(state=TAKEN)

take = (
    update(labels)
    .where(
        tuple_(labels.c.request_id, labels.c.revision).in_(
            select(labels.c.request_id, labels.c.revision)
            .where(UNJOINED, labels.c.state == NEW)
            .order_by(labels.c.at)
            .limit(CHUNK)
        )
    )
    .values(state=TAKEN)
)
"""Take the labels kept by others, the first to arrive first."""

at_hand = select(
    select(func.count()).select_from(labels).where(_taken).scalar_subquery(),
    select(func.max(joined.c.position)).scalar_subquery(),
)
"""How many labels are taken, and the last position given."""

write = (
    joined.insert()
    .from_select(
        ["seq", "revision", "label", "at", "late"],
        select(predictions.c.seq, labels.c.revision, labels.c.label, NOW, _old)
        .where(_theirs, _taken, _whole)
        .order_by(labels.c.at, predictions.c.seq, labels.c.revision),
    )
    .execution_options(preserve_rowcount=True)
)
"""Join the taken labels whose prediction is there, in the order of arrival, service, revision."""

_before = joined.alias()
_known = and_(_before.c.seq == joined.c.seq, _before.c.position < joined.c.position)
_first = ~exists().where(_known)
_corrected = and_(joined.c.revision > 0, ~exists().where(_known, _before.c.revision > 0))
written = select(
    func.count().filter(_first),
    func.count().filter(joined.c.late, _first),
    func.count().filter(_corrected),
).where(joined.c.position > LAST)
"""Requests joined after a position: for the first time, of these late; corrected the first time."""

end_joined = update(labels).where(_taken).values(state=JOINED)

failed = (
    select(func.count())
    .select_from(labels)
    .where(_theirs, _taken, predictions.c.error.is_not(None))
)
"""Taken labels whose request failed."""

end_each = (
    update(labels)
    .where(_taken)
    .values(
        state=func.coalesce(
            select(case((_whole, JOINED), else_=ORPHAN)).where(_theirs).scalar_subquery(), PARKED
        )
    )
)

missing = select(func.count()).where(
    predictions.c.at > FROM,
    _old,
    predictions.c.seq <= UNTIL,
    _whole,
    ~exists().where(joined.c.seq == predictions.c.seq),
)
"""Predictions without a label in a stretch of event time."""

give_up = (
    update(labels)
    .where(UNJOINED, labels.c.state == PARKED, labels.c.at <= PAST)
    .values(state=ORPHAN)
)
