"""The worker: a process that learns from what was told, and prepares the next runs of all jobs."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from modelward.core.database import this_process
from modelward.core.errors import ModelwardError, ServiceError
from modelward.validation.server.engine import Engine
from modelward.validation.server.errors import ClaimLostError
from modelward.validation.server.store import progress
from modelward.validation.server.store.database import Database
from modelward.validation.server.store.progress import Standing

logger = logging.getLogger(__name__)
CLAIM_SECONDS = 15.0
MOST_ENGINES = 64
_ROUNDS = 25  # of which one looks at all jobs, the others at those where something happens


class Worker:
    """Prepares runs for the jobs of a store, beside any number of other workers.

    A job has one worker at a time, who has claimed it; when a worker is gone, another takes over
    from what is in the database. `poll` is how many seconds lie between two looks; `steady` holds few
    runs ready, whoever asks how fast, so that proposals depend on results alone.
    """

    def __init__(self, database: Database, *, poll: float = 0.2, steady: bool = False) -> None:
        self.database, self.poll, self.steady = database, poll, steady
        self.name = f"{this_process()}/{secrets.token_hex(4)}"
        self._engines: OrderedDict[int, Engine] = OrderedDict()
        self._lock = threading.Lock()
        self._round = 0

    def run(self, over: threading.Event) -> None:
        """Work until told that it is over; a database that does not answer is asked again."""
        keeper = threading.Thread(target=self._keep, args=(over,), daemon=True)
        keeper.start()
        try:
            while not over.is_set():
                if not self.look() and over.wait(self.poll):
                    break
        finally:
            over.set()
            keeper.join()
            self.release()

    def look(self) -> bool:
        """Look once at the jobs, and do what is to be done; tell whether there was anything."""
        everywhere = self._round % _ROUNDS == 0
        self._round += 1
        try:
            ids = None
            if not everywhere:
                ids = sorted({*self._engines, *progress.recent(self.database, seconds=60.0)})
            standing = progress.standings(self.database, ids)
            busy = [self.attend(each) for each in standing if self._calls(each)]
        except ServiceError as error:
            logger.warning("the database does not answer: %s", error.fact)
            return False
        return any(busy)

    def attend(self, standing: Standing) -> bool:
        """Learn what a job was told and fill its queue; tell whether anything was done."""
        job, begun = standing.job, time.monotonic()
        try:
            self._follow(standing)
            engine = self._engine(job)
            if engine is None:
                return False
            news = engine.read()
            filled = engine.refill(standing.ready, standing.leased)
            engine.note(idle=not filled and not news)
            if news or filled:
                engine.pace.busy(time.monotonic() - begun)
        except ClaimLostError as error:
            logger.info("job %s goes on elsewhere: %s", job, error.fact)
            self._drop(job)
        except ServiceError:
            self._drop(job)  # what it holds may not be what the database holds
            raise
        except Exception as error:
            # One job that cannot be worked on must not keep the others waiting.
            logger.exception("job %s cannot be worked on", job)
            self._fail(job, error)
        else:
            return bool(news or filled)
        return False

    def release(self) -> None:
        """Give all claims back, so that another worker need not wait."""
        for job in list(self._engines):
            self._drop(job)

    def _calls(self, standing: Standing) -> bool:
        """Tell whether there is anything to do for a job."""
        engine = self._engines.get(standing.job)
        if engine is None:
            waits = not standing.stopped and not standing.ready
            return waits or standing.told != standing.learnt
        if engine.stopped != standing.stopped:
            return True
        late = standing.told != len(engine.told) or len(engine.told) != engine.explained
        return late or engine.wants_refill(standing.ready)

    def _follow(self, standing: Standing) -> None:
        """Stop with a job that was stopped; read one anew that goes on, perhaps by another rule."""
        engine = self._engines.get(standing.job)
        if engine is None or engine.stopped == standing.stopped:
            return
        if standing.stopped:
            engine.stopped = True
        else:
            self._drop(standing.job)

    def _engine(self, job: int) -> Engine | None:
        engine = self._engines.get(job)
        if engine is None:
            token = progress.claim(self.database, job, worker=self.name, seconds=CLAIM_SECONDS)
            if token is None:
                return None
            engine = Engine(self.database, job, token, steady=self.steady)
            with self._lock:
                self._engines[job] = engine
        with self._lock:
            self._engines.move_to_end(job)
            oldest = next(iter(self._engines))
        if len(self._engines) > MOST_ENGINES:
            self._drop(oldest)
        return engine

    def _drop(self, job: int) -> None:
        with self._lock:
            engine = self._engines.pop(job, None)
        if engine is None:
            return
        try:
            with self.database.writing() as tx:
                progress.hold(tx, job, engine.token, seconds=0.0)
        except ModelwardError as error:  # it runs out by itself, or is another's already
            logger.info("job %s was not given back: %s", job, error.fact)

    def _fail(self, job: int, error: Exception) -> None:
        engine = self._engines.get(job)
        if engine is not None:
            engine.stop(f"the proposer failed: {type(error).__name__}: {error}"[:900])
        self._drop(job)

    def _keep(self, over: threading.Event) -> None:
        """Say in the background that this worker lives, and keep its claims."""
        while True:
            try:
                progress.beat(self.database, self.name)
                with self._lock:
                    held: Sequence[Engine] = tuple(self._engines.values())
                for engine in held:
                    self._prolong(engine)
            except ServiceError as error:
                logger.warning("the worker cannot say that it lives: %s", error.fact)
            if over.wait(CLAIM_SECONDS / 3):
                return

    def _prolong(self, engine: Engine) -> None:
        try:
            with self.database.writing() as tx:
                progress.hold(tx, engine.job, engine.token, seconds=CLAIM_SECONDS)
        except ClaimLostError as error:
            logger.warning("%s", error.fact)
