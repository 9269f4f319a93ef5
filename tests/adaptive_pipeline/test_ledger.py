"""The ledger: one byte changed, one row gone or one slipped in, and the chain says where."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, text, update

from modelward.adaptive_pipeline import Ledger, Store
from modelward.adaptive_pipeline.store.schema import ledger


@pytest.fixture
def book(store: Store) -> Ledger:
    made = Ledger(store, clock=lambda: 7.0)
    for number in range(5):
        made.append("decision", {"start": number % 2 == 0, "because": f"reason {number}"})
    return made


def test_an_untouched_chain_holds(book: Ledger) -> None:
    check = book.verify()
    assert check
    assert (check.entries, check.head) == (5, book.entries()[-1].digest)
    assert [entry.number for entry in book.entries("decision")] == [1, 2, 3, 4, 5]
    assert book.entries("verdict") == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("body", '{"because":"another","start":false}'),
        ("kind", "verdict"),
        ("at", 8.0),
        ("previous", "sha256:" + "1" * 64),
        ("digest", "sha256:" + "2" * 64),
    ],
)
def test_an_edited_row_is_found(book: Ledger, column: str, value: object) -> None:
    with book.store.transaction() as tx:
        tx.execute(update(ledger).where(ledger.c.number == 3).values({column: value}))
    check = book.verify()
    assert not check
    assert check.broken == 3


def test_a_row_resealed_after_the_edit_is_found_by_its_successor(book: Ledger) -> None:
    other = Ledger(Store("sqlite://"), clock=lambda: 7.0)
    for number in range(3):
        other.append("decision", {"start": number != 2, "because": f"reason {number}"})
    forged = other.entries()[2]
    with book.store.transaction() as tx:
        tx.execute(
            update(ledger)
            .where(ledger.c.number == 3)
            .values(digest=forged.digest, body='{"because":"reason 2","start":false}')
        )
    assert book.verify().broken in {3, 4}


def test_a_missing_row_and_swapped_rows_are_found(book: Ledger) -> None:
    with book.store.transaction() as tx:
        tx.execute(delete(ledger).where(ledger.c.number == 2))
    assert book.verify().broken == 3
    with book.store.transaction() as tx:
        tx.execute(text("update ledger set number = number - 1 where number > 2"))
    assert book.verify().broken == 2


def test_a_cut_off_end_is_found_by_the_head_kept_elsewhere(book: Ledger) -> None:
    head = book.verify().head
    with book.store.transaction() as tx:
        tx.execute(delete(ledger).where(ledger.c.number == 5))
    assert book.verify()
    check = book.verify(head=head)
    assert not check
    assert head in check.detail


def test_a_decision_and_its_entry_stand_or_fall_together(book: Ledger) -> None:
    def decide() -> None:
        with book.store.transaction() as tx:
            book.append("decision", {}, connection=tx)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        decide()
    assert book.verify().entries == 5
