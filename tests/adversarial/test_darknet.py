"""Darknet's files: real configurations, written weights, and pairs that do not fit."""

import numpy as np
import pytest
import torch

from modelward.adversarial import Yolo3
from modelward.adversarial.detectors.darknet import DarknetNetwork, read_darknet
from modelward.adversarial.detectors.darknet_config import read_sections
from modelward.core.errors import DataError

SMALL = """
[net]
width=64
height=32
channels=3
# a comment
[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
groups=2
filters=8
size=3
stride=1
pad=1
activation=mish
[shortcut]
from=-2
activation=linear
[maxpool]
size=2
stride=1
[route]
layers=-1
groups=2
group_id=1
[upsample]
stride=2
[route]
layers=-1,0
[dropout]
probability=.2
[convolutional]
size=1
filters=14
activation=linear
[yolo]
mask=1,2
anchors=4,5, 10,12, 20,22
classes=2
num=3
scale_x_y=1.1
"""


def write(folder, text=SMALL, *, version=(0, 2, 0), spare=0, rng=None):
    conf, weights = folder / "net.cfg", folder / "net.weights"
    conf.write_text(text)
    network = DarknetNetwork(read_sections(conf))
    count = sum(p.numel() for p in network.parameters())
    count += sum(b.numel() for n, b in network.named_buffers() if not n.endswith("tracked"))
    values = np.abs((rng or np.random.default_rng(0)).normal(0.5, 0.1, count + spare))
    header = np.array(version, "<i4").tobytes()
    seen = np.zeros(1, "<i8" if version[0] * 10 + version[1] >= 2 else "<i4").tobytes()
    weights.write_bytes(header + seen + values.astype("<f4").tobytes())
    return conf, weights, values.astype(np.float32)


def test_every_number_goes_where_darknet_puts_it(tmp_path):
    conf, weights, values = write(tmp_path)
    first = read_darknet(conf, weights).modules_by_layer[0]
    convolution, norm = first[0], first[1]
    parts = [norm.bias, norm.weight, norm.running_mean, norm.running_var, convolution.weight]
    flat = torch.cat([p.flatten() for p in parts])
    assert torch.equal(flat, torch.from_numpy(values[: flat.numel()]))
    second = read_darknet(conf, weights).modules_by_layer[2]
    assert torch.equal(second[0].bias, torch.from_numpy(values[flat.numel() :][:8]))
    assert second[0].weight.shape == (8, 4, 3, 3)


@pytest.mark.parametrize("version", [(0, 2, 5), (0, 1, 0)])
def test_both_headers_are_read(tmp_path, version):
    conf, weights, _ = write(tmp_path, version=version)
    detector = Yolo3.from_darknet(conf, weights, geometry="stretch", score_threshold=0.5)
    assert detector.geometry.size == (32, 64)
    assert detector.classes == ("class 0", "class 1")
    (scale,) = detector.scales
    assert (scale.stride, scale.anchors, scale.reach) == (2, ((10.0, 12.0), (20.0, 22.0)), 1.1)
    (found,) = detector.predict(torch.rand(1, 3, 50, 70))
    assert bool((found.boxes[:, 2] <= 70).all())


def test_a_network_and_the_same_by_hand(tmp_path):
    conf, weights, _ = write(tmp_path)
    network = read_darknet(conf, weights)
    layers = network.modules_by_layer
    x = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        a = layers[0](x)
        b = torch.nn.functional.max_pool2d(torch.nn.functional.pad(a, (0, 1, 0, 1), value=-9e9), 2)
        c = layers[2](b)
        d = c + b
        e = torch.nn.functional.max_pool2d(
            torch.nn.functional.pad(d, (0, 1, 0, 1), value=-9e9), 2, 1
        )
        up = e[:, 4:].repeat_interleave(2, -1).repeat_interleave(2, -2)
        by_hand = layers[9](torch.cat([up, a], 1))
        (found,) = network(x)
    assert found.shape == (1, 14, 16, 32)
    torch.testing.assert_close(found, by_hand)


def test_too_few_numbers_name_the_layer_and_how_many(tmp_path):
    conf, weights, _ = write(tmp_path)
    weights.write_bytes(weights.read_bytes()[:-400])
    with pytest.raises(DataError, match=r"convolution 2 at net.cfg:\d+, 100 short"):
        read_darknet(conf, weights)


def test_numbers_left_over_are_told(tmp_path):
    conf, weights, _ = write(tmp_path, spare=7)
    with pytest.raises(DataError, match="7 are left over"):
        read_darknet(conf, weights)


def test_nan_in_the_weights_is_told(tmp_path):
    conf, weights, _ = write(tmp_path)
    content = bytearray(weights.read_bytes())
    content[24:28] = np.array([np.nan], "<f4").tobytes()
    weights.write_bytes(bytes(content))
    with pytest.raises(DataError, match="NaN or infinity in convolution 0"):
        read_darknet(conf, weights)


def test_swapped_files_are_told(tmp_path):
    conf, weights, _ = write(tmp_path)
    with pytest.raises(DataError, match=r"Darknet|\[section\]"):
        read_darknet(weights, conf)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[upsample]", "[capsule]", r"got \[capsule\]"),
        ("filters=14", "filters=15", "expected 14 channels before"),
        ("from=-2", "from=-9", "expected a layer before number 3"),
        ("layers=-1,0", "layers=7", "expected a layer before number 7"),
        ("activation=mish", "activation=magic", "expected an activation"),
        ("groups=2\nfilters", "groups=3\nfilters", "expected groups that divide"),
        ("group_id=1", "group_id=2", "group_id"),
        ("filters=8", "filters=many", "expected numbers for filters"),
        ("filters=8", "filters=8.5", "expected whole numbers for filters"),
        ("mask=1,2", "mask=1,3", "expected a mask"),
        ("height=32", "", "expected height"),
    ],
)
def test_a_wrong_configuration_is_told_with_its_line(tmp_path, old, new, words):
    conf = tmp_path / "net.cfg"
    conf.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(DataError, match=words) as told:
        DarknetNetwork(read_sections(conf))
    assert "net.cfg:" in str(told.value)


@pytest.mark.parametrize(
    ("name", "strides"), [("yolov3.cfg", [32, 16, 8]), ("yolov3-tiny.cfg", [32, 16])]
)
def test_real_configurations_build_and_run(shared, name, strides):
    network = DarknetNetwork(read_sections(shared / "detection" / "darknet" / name)).eval()
    assert network.classes == 80
    assert [scale.stride for scale in network.scales] == strides
    with torch.no_grad():
        maps = network(torch.rand(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, 255, 64 // s, 96 // s) for s in strides]
