"""Detectors that only answer: a file of another runtime, and an address."""

import http.server
import io
import json
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from modelward.adversarial import (
    PGD,
    HttpDetector,
    Noise,
    OnnxDetector,
    Square,
    Target,
    load_detector,
)
from modelward.core.errors import ConfigError, DataError, ServiceError

BOX = Target(torch.tensor([[8.0, 8.0, 24.0, 24.0]]), torch.tensor([0]))


def graph(path, *, rows, transpose=False):
    """A network that finds the same boxes everywhere, scored by how bright the image is."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    table = np.asarray(rows, dtype=np.float32)[None]
    scale = np.zeros_like(table)
    scale[..., 4:] = table[..., 4:]
    table[..., 4:] = 0
    if transpose:
        table, scale = table.transpose(0, 2, 1).copy(), scale.transpose(0, 2, 1).copy()
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Squeeze", ["mean", "last"], ["bright"]),
        helper.make_node("Mul", ["bright", "scale"], ["scores"]),
        helper.make_node("Add", ["scores", "table"], ["found"]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.array([3], dtype=np.int64), "last"),
        onnx.numpy_helper.from_array(scale, "scale"),
        onnx.numpy_helper.from_array(table, "table"),
    ]
    made = helper.make_graph(
        nodes,
        "fixed",
        [helper.make_tensor_value_info("images", kind, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info("found", kind, ["n", *table.shape[1:]])],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def test_an_onnx_file_is_read_run_and_attacked(tmp_path):
    rows = [[16, 16, 16, 16, 1, 0.9, 0.1], [5, 5, 6, 6, 1, 0.2, 0.3]]
    path = graph(tmp_path / "a.onnx", rows=rows)
    detector = load_detector("onnx", weights=path, classes=("cat", "dog"), geometry="stretch")
    assert isinstance(detector, OnnxDetector)
    assert detector.geometry.size == (32, 32)
    bright = torch.ones(2, 3, 64, 64)  # twice the network's size: boxes come back enlarged
    first, second = detector.predict(torch.cat([bright[:1], bright[1:] / 2]))
    torch.testing.assert_close(first.boxes[0], torch.tensor([16.0, 16.0, 48.0, 48.0]))
    assert first.labels.tolist() == [0, 1]
    torch.testing.assert_close(first.scores, torch.tensor([0.9, 0.3]), atol=1e-4, rtol=0)
    torch.testing.assert_close(second.scores, torch.tensor([0.225, 0.075]), atol=1e-4, rtol=0)
    assert len(detector.digest()) == 64
    with pytest.raises(DataError, match="which only predicts"):
        PGD()(detector, bright, [BOX, BOX])
    grey = torch.full((1, 3, 32, 32), 0.5)
    start, moved = (Square(eps=0.1, queries=n)(detector, grey, [BOX]) for n in (1, 40))
    assert float(moved.mean()) < float(start.mean())  # darker is what lowers the score


def test_layouts_of_exports(tmp_path):
    rows = [[16, 16, 16, 16, 0.8, 0.1]]
    path = graph(tmp_path / "b.onnx", rows=rows, transpose=True)
    found = OnnxDetector(path=path, classes=("cat", "dog"), layout="plain").predict(
        torch.ones(1, 3, 32, 32)
    )[0]
    torch.testing.assert_close(found.boxes, torch.tensor([[8.0, 8.0, 24.0, 24.0]]))
    with pytest.raises(DataError, match="expected scores of 3 classes from"):
        OnnxDetector(path=path, classes=("a", "b", "c"), layout="plain").predict(
            torch.ones(1, 3, 32, 32)
        )


def test_files_that_are_none(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"not a network")
    with pytest.raises(DataError, match=r"expected an ONNX file in x\.onnx"):
        OnnxDetector(path=tmp_path / "x.onnx", classes=("a",))
    with pytest.raises(DataError, match="got none"):
        OnnxDetector(path=tmp_path / "y.onnx", classes=("a",))


class Service(http.server.BaseHTTPRequestHandler):
    """Answers what the test has put into the server; the first `busy` requests are refused."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.headers, body))
        if len(self.server.asked) <= self.server.busy:
            self.send_response(503)
            self.end_headers()
            return
        with Image.open(io.BytesIO(body)) as picture:
            level = float(np.asarray(picture).mean()) / 255
        answer = self.server.answer(level)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def service():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.asked, server.busy, server.status = [], 0, 200
    server.answer = lambda level: {
        "boxes": [[1, 1, 5, 5], [8, 8, 24, 24]],
        "scores": [level / 2, level],
        "labels": ["dog", 0],
    }
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}/detect"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_address_is_asked_image_by_image(service):
    detector = load_detector(
        "http", weights=service.url, classes=("cat", "dog"), headers={"Authorization": "Bearer x"}
    )
    found = detector.predict(torch.full((2, 3, 32, 32), 0.6))
    assert len(service.asked) == 2
    assert found[0].labels.tolist() == [0, 1]
    torch.testing.assert_close(found[0].scores, torch.tensor([0.6, 0.3]))
    headers, body = service.asked[0]
    assert headers["Authorization"] == "Bearer x"
    assert headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(body)) as picture:
        assert np.asarray(picture).tolist() == np.full((32, 32, 3), 153).tolist()
    assert "Bearer" not in repr(detector)
    assert Noise()(detector, torch.zeros(1, 3, 32, 32), [BOX]).shape == (1, 3, 32, 32)


def test_a_busy_service_is_asked_again_and_a_redirect_not_followed(service):
    service.busy = 2
    detector = HttpDetector(url=service.url, classes=("cat", "dog"))
    assert len(detector.predict(torch.zeros(1, 3, 32, 32))[0]) == 2
    service.status = 302
    with pytest.raises(ServiceError, match="got status 302"):
        detector.predict(torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"<html>", "expected JSON"),
        ({"found": []}, "expected boxes, scores and labels"),
        ({"boxes": [[0, 0, 1, 1]], "scores": [7], "labels": [0]}, r"scores in \[0, 1\]"),
        ({"boxes": [[0, 0, 1, 1]], "scores": [0.5], "labels": ["cow"]}, "boxes, scores and labels"),
        ({"boxes": [[0, 0, 1]], "scores": [0.5], "labels": [0]}, "boxes, scores and labels"),
    ],
)
def test_answers_that_are_none(service, answer, message):
    service.answer = lambda level: answer
    with pytest.raises(DataError, match=message):
        HttpDetector(url=service.url, classes=("cat",)).predict(torch.zeros(1, 3, 8, 8))


def test_another_form_is_parsed_and_a_lacking_service_named(service):
    service.answer = lambda level: {"objects": [[0, 0, 4, 4, 0.5]]}
    detector = HttpDetector(
        url=service.url,
        classes=("cat",),
        parse=lambda given: {
            "boxes": [row[:4] for row in given["objects"]],
            "scores": [row[4] for row in given["objects"]],
            "labels": [0 for _ in given["objects"]],
        },
    )
    assert float(detector.predict(torch.zeros(1, 3, 8, 8))[0].scores) == 0.5
    with pytest.raises(ServiceError, match="in 2 attempts, got ConnectionError"):
        HttpDetector(url="http://127.0.0.1:9/x", classes=("a",), attempts=2).predict(
            torch.zeros(1, 3, 8, 8)
        )
    with pytest.raises(ConfigError, match="address of http or https"):
        HttpDetector(url="file:///etc/passwd", classes=("a",))
