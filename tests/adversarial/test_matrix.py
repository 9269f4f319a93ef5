"""The matrix of sources, targets and attacks: right, resumable to the byte, on several processes."""

import multiprocessing
import os
import signal
import time

import pytest
import torch

from modelward.adversarial import PGD, Noise, Shapes, Yolo3, Yolo3Network, assess, match
from modelward.adversarial.data.images import UnreadableImageError
from modelward.adversarial.kept import Kept
from modelward.adversarial.making import make
from modelward.core.errors import DataError, ServiceError

DATA = Shapes(n=6, size=64, seed=3)
ATTACKS = [PGD(eps=8 / 255, steps=2), Noise(eps=8 / 255)]


def nets():
    found = {}
    for seed, width in enumerate((4, 8)):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = Yolo3Network(classes=3, width=width)
        found[f"w{width}"] = Yolo3(network=network, classes=Shapes.classes, name=f"w{width}")
    return found


def contents(folder):
    """Bytes of every file but those that hold the seconds."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.npz"))
        if not path.name.startswith("took-")
    }


def run(folder, attacks=ATTACKS, **settings):
    settings = {"resamples": 100, "control_images": 0} | settings
    return assess(nets(), attacks, DATA, folder=folder, **settings)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transfer")
    return folder, run(folder)


def test_every_cell_is_what_the_attack_and_the_target_give_by_hand(once):
    _, result = once
    assert len(result.cells) == 8
    samples = [DATA[i] for i in range(len(DATA))]
    images = torch.stack([s.image for s in samples])
    targets = [s.target for s in samples]
    found = nets()
    moved = ATTACKS[0](found["w4"], images, targets, ids=[s.id for s in samples])
    by_hand = match(found["w8"].predict(moved), targets, classes=Shapes.classes).score()
    cell = result.cell("w4", "w8", ATTACKS[0].label)
    assert (cell.ap.value, cell.ap50.value) == (by_hand.ap, by_hand.ap50)
    assert not cell.white_box
    assert cell.linf <= 8 / 255 + 1e-6
    with pytest.raises(DataError, match="expected a source of"):
        result.cell("x", "y", "z")


def test_batches_and_processes_change_nothing(once, tmp_path, capfd):
    folder, result = once
    capfd.readouterr()
    again = run(tmp_path, batch=3, jobs=2)
    for a, b in zip(result.cells, again.cells, strict=True):
        assert a.ap50.value == pytest.approx(b.ap50.value, abs=1e-6)
    assert again.data_sha256 == result.data_sha256
    assert len(contents(tmp_path)) == len(contents(folder))
    assert "%|" not in capfd.readouterr().err  # bars are for terminals


def test_a_backend_that_gives_its_results_only_at_the_end_does_the_work_too(once, tmp_path):
    """Ray's backend for joblib is made from this one."""
    import joblib

    folder, result = once
    with joblib.parallel_config(backend="multiprocessing"):
        again = run(tmp_path, [ATTACKS[0]], jobs=2)
    made = contents(tmp_path)
    assert len(made) > len(DATA)
    assert made.items() <= contents(folder).items()
    assert again.cells[0].ap == result.cells[0].ap


def child(folder):
    torch.set_num_threads(1)
    run(folder, [PGD(eps=8 / 255, steps=30)], batch=2)


def test_killed_it_goes_on_where_it_stood_to_the_same_bytes(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = multiprocessing.get_context("spawn").Process(target=child, args=(killed,))
    process.start()
    deadline = time.monotonic() + 120
    while len(list(killed.rglob("made-*.npz"))) < 4:
        assert time.monotonic() < deadline
        assert process.is_alive()
        os.sched_yield()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    done = {path: path.stat().st_mtime_ns for path in killed.rglob("made-*.npz")}
    assert 4 <= len(done) < 12
    child(killed)
    kept = [path for path, when in done.items() if path.stat().st_mtime_ns == when]
    assert kept == list(done)  # none was made again
    child(whole)
    assert contents(killed) == contents(whole)


def test_a_broken_file_is_made_again(once):
    folder, result = once
    victim = min(folder.rglob("made-*.npz"))
    content = victim.read_bytes()
    victim.write_bytes(content[:100])
    for seen in victim.parent.glob("seen-*.npz"):
        seen.unlink()
    again = run(folder)
    assert again.to_dict()["cells"][0]["ap"] == result.to_dict()["cells"][0]["ap"]


def test_unlike_classes_and_nothing_to_do_are_refused():
    other = nets()["w4"]
    other.classes = ("a", "b", "c")
    with pytest.raises(DataError, match="classes of 'x'"):
        assess({"x": other}, ATTACKS, DATA, targets=nets())
    with pytest.raises(DataError, match="at least one source"):
        assess({}, ATTACKS, DATA)
    with pytest.raises(DataError, match="different names"):
        assess([nets()["w4"], nets()["w4"]], ATTACKS, DATA)
    with pytest.raises(DataError, match="another of that name"):
        assess(nets(), ATTACKS, DATA, targets=nets())


def test_it_shows_itself(once):
    _, result = once
    assert "w4" in str(result)
    assert set(result.to_frame().columns) >= {"source", "target", "left"}
    record = result.to_evidence()
    assert record.kind == "adversarial.assessment"
    assert len({(m.name, m.slice) for m in record.metrics}) == len(record.metrics)
    assert "What transfers" in result.to_page().render()
    assert result.plot_transfer().get_xlabel() == "shown to"
    assert "w8" in result._repr_html_()


def test_out_of_memory_halves_the_batch_and_says_so(caplog):
    calls = []

    class Small(PGD):
        def run(self, detector, space, targets, rngs):
            calls.append(len(space.images))
            if len(space.images) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().run(detector, space, targets, rngs)

    samples = [DATA[i] for i in range(5)]
    made = make(nets()["w4"], Small(steps=1), samples, seed=0)
    assert [m.id for m in made] == [s.id for s in samples]
    assert calls == [5, 2, 3, 1, 2]
    assert "going on with 2" in caplog.text
    whole = make(nets()["w4"], PGD(steps=1), samples, seed=0)
    for a, b in zip(made, whole, strict=True):
        torch.testing.assert_close(a.image, b.image)

    class None_(PGD):
        def run(self, *_):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ServiceError, match="memory for one image"):
        make(nets()["w4"], None_(steps=1), samples[:1], seed=0)


def test_images_that_cannot_be_read_are_left_out():
    class Broken:
        classes = Shapes.classes

        def __len__(self):
            return 3

        def __getitem__(self, index):
            if index == 1:
                raise UnreadableImageError("expected a readable image in b.jpg, got: nothing")
            return DATA[index]

    result = assess(nets(), Noise(), Broken(), resamples=100)
    assert result.n == 2
    assert result.left_out == ("expected a readable image in b.jpg, got: nothing",)


def test_settings_name_the_work(tmp_path):
    first, second = Kept(tmp_path, {"a": 1}), Kept(tmp_path, {"a": 2})
    assert first.folder != second.folder
    assert Kept(tmp_path, {"a": 1}).folder == first.folder
    assert first.made(3) is None
    assert first.missing("made", [1, 2]) == [1, 2]
