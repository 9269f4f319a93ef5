"""Checkpoints: what is read, and what is never run."""

import contextlib
import io
import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch

from modelward.adversarial.detectors.checkpoint import Record, read_checkpoint
from modelward.adversarial.detectors.yolo5 import Yolo5
from modelward.core.errors import DataError


class Foreign:
    """A class that the reader does not know."""

    def __init__(self, value):
        self.value = value
        self.children = [torch.arange(3.0)]


class Hostile:
    """A pickle that would write a file."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class Evaluating:
    def __reduce__(self):
        return eval, ("__import__('os').abort()",)


def test_tensors_come_back_as_they_were(tmp_path):
    whole = torch.arange(24.0).reshape(4, 6)
    content = {
        "a": whole,
        "view": whole[1:3, ::2].t(),
        "half": torch.ones(2).half(),
        "none": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "words": OrderedDict(x=[1, 2.5, "y", None, True]),
    }
    torch.save(content, tmp_path / "a.pt")
    read = read_checkpoint(tmp_path / "a.pt")
    for name in ("a", "view", "half", "none"):
        assert torch.equal(read[name], content[name])
        assert read[name].dtype == content[name].dtype
    assert torch.equal(read["parameter"], torch.ones(2))
    assert read["words"] == content["words"]


def test_a_foreign_class_becomes_an_inert_record(tmp_path):
    torch.save({"model": Foreign(3)}, tmp_path / "a.pt")
    record = read_checkpoint(tmp_path / "a.pt")["model"]
    assert isinstance(record, Record)
    assert record.kind.endswith("Foreign")
    assert record.state["value"] == 3
    assert torch.equal(record.state["children"][0], torch.arange(3.0))


@pytest.mark.parametrize("nested", [False, True])
def test_a_hostile_pickle_runs_nothing(tmp_path, nested):
    written = tmp_path / "written"
    bomb = Hostile(f"touch {written}")
    torch.save({"model": {"x": [bomb]} if nested else bomb}, tmp_path / "a.pt")
    read = read_checkpoint(tmp_path / "a.pt")
    assert not written.exists()
    found = read["model"]["x"][0] if nested else read["model"]
    assert isinstance(found, Record)
    assert found.kind.endswith("system")
    with pytest.raises(DataError, match="YOLOv5 network"):
        Yolo5.from_checkpoint(tmp_path / "a.pt")
    assert not written.exists()


def test_builtins_are_not_run_either(tmp_path):
    torch.save([Evaluating()], tmp_path / "a.pt")
    assert read_checkpoint(tmp_path / "a.pt")[0].kind.endswith(".eval")


def archive(path, content: bytes, storages: dict[str, bytes]):
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a/data.pkl", content)
        for key, value in storages.items():
            out.writestr(f"a/data/{key}", value)


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, _Storage) else None


class _Storage:
    def __init__(self, n):
        self.pid = ("storage", torch.FloatStorage, "0", "cpu", n)


class _Rebuilt:
    def __init__(self, *args):
        self.args = args

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, self.args


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((_Storage(4), 0, (5,), (1,)), "reaches number 4"),
        ((_Storage(4), 2, (2, 2), (2, 1)), "reaches number 5"),
        ((_Storage(4), 0, (2,), (-1,)), ">= 0"),
        ((_Storage(4), -1, (2,), (1,)), ">= 0"),
        ((_Storage(9), 0, (2,), (1,)), "expected 36 bytes"),
        (("no storage", 0, (2,), (1,)), "tensor of numbers"),
    ],
)
def test_no_tensor_reaches_beyond_its_numbers(tmp_path, args, words):
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=2).dump(
        _Rebuilt(args[0], *args[1:], False, OrderedDict())  # as PyTorch writes it
    )
    archive(tmp_path / "a.pt", buffer.getvalue(), {"0": b"\0" * 16})
    with pytest.raises(DataError, match=words):
        read_checkpoint(tmp_path / "a.pt")


def test_broken_files_are_told(tmp_path, shared):
    real = (shared / "detection" / "yolov5n.pt").read_bytes()
    cut = tmp_path / "cut.pt"
    cut.write_bytes(real[: len(real) // 2])
    with pytest.raises(DataError, match="cut off"):
        read_checkpoint(cut)
    noise = tmp_path / "noise.pt"
    archive(noise, b"\x80\x02noise", {})
    with pytest.raises(DataError, match="broken content"):
        read_checkpoint(noise)
    with zipfile.ZipFile(noise, "w") as out:
        out.writestr("a/b", "c")
    with pytest.raises(DataError, match=r"one data\.pkl"):
        read_checkpoint(noise)
    with pytest.raises(DataError, match="readable checkpoint"):
        read_checkpoint(tmp_path / "none.pt")


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.9, 0.999])
def test_flipped_bytes_give_an_error_or_a_value_and_never_more(tmp_path, share):
    torch.save({"model": Foreign(3), "x": torch.ones(10)}, tmp_path / "a.pt")
    content = bytearray((tmp_path / "a.pt").read_bytes())
    content[int(share * len(content))] ^= 0x55
    (tmp_path / "b.pt").write_bytes(bytes(content))
    with contextlib.suppress(DataError):  # anything else that is raised fails the test
        read_checkpoint(tmp_path / "b.pt")
