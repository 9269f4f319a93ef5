import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from PIL import Image

from modelward.adversarial import FGSM, PGD, Attacked, Noise, Sample, Shapes, Target, assess
from modelward.adversarial.pictures import strip
from modelward.adversarial.trust import warnings_on
from modelward.core.errors import DataError, StateError
from modelward.core.evidence import Artifact, Evidence
from modelward.core.metrics import Estimate
from modelward.core.testing import check_result

EPS = 8 / 255


@pytest.fixture(scope="module")
def result(detector, data):
    attacks = [Noise(eps=EPS), FGSM(eps=EPS), PGD(eps=2 / 255, steps=5), PGD(eps=EPS, steps=10)]
    return assess(detector, attacks, data, batch=8, resamples=200, seed=2)


@pytest.fixture(scope="module")
def html(result):
    return result.to_page().render()


def test_the_story_is_told_in_the_right_order(result):
    """The detector detects; noise does little, FGSM much, PGD more; the intervals say it is real."""
    noise, fgsm, small, pgd = result.attacks
    assert result.ap50.value > 0.4
    assert noise.ap.value > 0.7 * result.ap.value
    assert fgsm.ap.value < 0.6 * result.ap.value
    assert pgd.ap.value < min(fgsm.ap.value, small.ap.value)
    assert pgd.ap.value < 0.1 * result.ap.value
    assert pgd.drop.excludes(0.0)
    assert pgd.ap.high < result.ap.low
    assert result.warnings == ()


def test_the_figures_hang_together(result, data):
    assert result.n == len(data) == 24
    for a in result.attacks:
        assert a.drop.value == pytest.approx(result.ap.value - a.ap.value)
        assert a.linf == pytest.approx(a.eps, abs=1e-6)
        assert 0 < a.l2 <= a.eps * np.sqrt(3 * 80 * 80)
        assert a.seconds > 0
        assert len(a.examples) == 3
    assert np.mean(list(result.per_class.values())) == pytest.approx(result.ap.value)


def test_the_batch_does_not_change_noise_or_clean_figures(detector, data, result):
    again = assess(detector, Noise(eps=EPS), data, batch=5, resamples=100, seed=2)
    assert again.ap.value == pytest.approx(result.ap.value, abs=0.005)
    assert again["Noise"].ap.value == pytest.approx(result["Noise"].ap.value, abs=0.005)
    assert again.data_sha256 == result.data_sha256


def test_the_same_call_gives_the_same_result(detector):
    data = Shapes(n=6, size=80, seed=1)
    one, two = (assess(detector, PGD(steps=2), data, resamples=100) for _ in range(2))
    assert [a.ap for a in one.attacks] == [a.ap for a in two.attacks]
    assert torch.equal(
        one.attacks[0].examples[0].adversarial, two.attacks[0].examples[0].adversarial
    )


def test_the_digest_of_the_data_sees_one_pixel_and_one_box(untrained):
    def digest(change):
        class Changed:
            classes = Shapes.classes

            def __len__(self):
                return 2

            def __getitem__(self, index):
                sample = Shapes(n=2, size=32)[index]
                change(sample)
                return sample

        return assess(untrained, Noise(), Changed(), resamples=100).data_sha256

    digests = {
        digest(lambda s: None),
        digest(lambda s: s.image[0, 0].zero_()),
        digest(lambda s: s.target.boxes[0, 2].add_(1)),
        digest(lambda s: s.target.labels.fill_(0)),
    }
    assert len(digests) == 4


def test_a_detector_that_changes_is_found_out(untrained):
    def leaky(images):
        untrained.network.train()
        with torch.no_grad():
            untrained.network(images)  # batch norm learns from the adversarial images
        return type(untrained).predict(untrained, images)

    untrained.predict = leaky
    with pytest.raises(StateError, match="expected the detector 'yolo3' unchanged by the attacks"):
        assess(untrained, Noise(), Shapes(n=2, size=32), resamples=100)


def test_bad_input_is_named(untrained):
    data = Shapes(n=2, size=32)
    with pytest.raises(DataError, match="expected at least one attack, got none"):
        assess(untrained, [], data)
    with pytest.raises(DataError, match="got an empty data set"):
        assess(untrained, Noise(), Shapes(n=0))
    with pytest.raises(DataError, match="resamples >= 100 and 0 < level < 1, got resamples=9"):
        assess(untrained, Noise(), data, resamples=9)
    untrained.classes = ("square", "circle", "triangle")
    with pytest.raises(DataError, match=r"detector's classes \('square', 'circle', 'triangle'\)"):
        assess(untrained, Noise(), data)


def test_images_without_any_object_are_refused(untrained):
    class Empty:
        classes = Shapes.classes

        def __len__(self):
            return 2

        def __getitem__(self, index):
            none = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
            return Sample(index, torch.rand(3, 32, 32), none)

    with pytest.raises(DataError, match="got 2 images without one"):
        assess(untrained, Noise(), Empty())


def test_classes_that_are_not_in_the_data_do_not_shift_the_names(untrained):
    class Last:
        classes = Shapes.classes

        def __len__(self):
            return 2

        def __getitem__(self, index):
            sample = Shapes(n=2, size=32)[index]
            return replace(
                sample, target=replace(sample.target, labels=sample.target.labels * 0 + 2)
            )

    result = assess(untrained, Noise(), Last(), resamples=100)
    assert result.per_class.keys() == {Shapes.classes[2]}


def test_images_of_two_sizes_in_a_batch_are_refused(untrained):
    class Mixed:
        classes = Shapes.classes

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return Shapes(n=2, size=(32, 48)[index])[index]

    with pytest.raises(DataError, match=r"one size in a batch.*\(3, 32, 32\), \(3, 48, 48\)"):
        assess(untrained, Noise(), Mixed())
    assert assess(untrained, Noise(), Mixed(), batch=1, resamples=100).n == 2


def test_it_keeps_the_contract_of_results(result):
    check_result(result)


def test_it_is_frozen_and_prints_in_one_screen(result):
    with pytest.raises(FrozenInstanceError):
        result.n = 3
    text = str(result)
    assert len(text.splitlines()) == 6
    assert max(map(len, text.splitlines())) < 110
    assert "PGD Untargeted 8/255" in text
    with pytest.raises(KeyError, match="expected an attack of"):
        result["DeepFool"]


def test_dictionary_and_json_hold_the_same(result):
    content = json.loads(result.to_json())
    assert content == result.to_dict()
    assert content["attacks"][3]["settings"]["steps"] == 10
    assert content["attacks"][3]["settings"]["objective"] == "Untargeted()"


def test_the_frame_has_a_row_for_each(result):
    pytest.importorskip("pandas")
    frame = result.to_frame()
    assert frame["attack"].tolist() == ["clean", *(a.label for a in result.attacks)]
    assert frame["ap"].iloc[0] == result.ap.value
    assert frame["drop"].isna().tolist() == [True, False, False, False, False]


def test_the_evidence_is_sealed_and_verifies_with_its_page(result, tmp_path):
    page = result.to_page().save(tmp_path / "page.html")
    record = result.to_evidence(artifacts=[Artifact.of(page, root=tmp_path)])
    loaded = Evidence.load(record.save(tmp_path / "record.json"))
    assert loaded.kind == "adversarial.assessment"
    assert loaded.subject.sha256 == result.detector_sha256
    assert loaded.metric("ap").low == result.ap.low
    assert loaded.metric("ap", slice="PGD Untargeted 8/255").value == result.attacks[3].ap.value
    assert loaded.metric("ap", slice="class circle").value == result.per_class["circle"]
    assert any("PGD Untargeted 8/255 leaves" in text for text in loaded.findings)
    assert loaded.verify(tmp_path)
    page.write_text(page.read_text() + " ")
    assert not loaded.verify(tmp_path)


def test_the_page_stands_alone_and_shows_all(result, html):
    for text in (*(a.label for a in result.attacks), "checks of the attacks", "Pictures"):
        assert text in html
    assert html.count("data:image/png;base64,") == 4
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "<script" not in html


def test_the_page_says_its_warnings(result):
    doubtful = replace(result, warnings=("PGD < FGSM",))
    assert "PGD &lt; FGSM" in doubtful._repr_html_()
    assert "checks of the attacks" not in doubtful._repr_html_()
    assert "  ! PGD < FGSM" in str(doubtful)


def test_the_curve_joins_the_eps_of_one_attack(result):
    ax = result.plot()
    handles, labels = ax.get_legend_handles_labels()
    assert labels == ["PGD Untargeted", "Noise", "FGSM Untargeted"]
    x, y = handles[0][0].get_data()
    assert x.tolist() == pytest.approx([0, 2, 8])
    assert y.tolist() == [result.ap.value, result.attacks[2].ap.value, result.attacks[3].ap.value]
    assert result.plot(ax) is ax


def test_pictures_show_clean_adversarial_and_amplified_difference(result, tmp_path):
    path = tmp_path / "strip.png"
    path.write_bytes(strip(result["Noise"].examples, zoom=2))
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == (3 * 160 + 2 * 6, 3 * 160 + 2 * 6, 3)
    difference = pixels[:160, -160:]
    # Noise of 8/255, ten times, around grey 127.5: 207.5 and 47.5, where no border cut it.
    assert np.isin(difference, [47, 48, 207, 208]).mean() > 0.95
    clean = result["Noise"].examples[0].image[:, 1, 1].numpy()
    assert (pixels[2, 2] == (clean * 255 + 0.5).astype(np.uint8)).all()


ROW = Attacked(
    label="",
    name="",
    eps=EPS,
    settings={},
    uses_gradient=True,
    ap=Estimate(0.5),
    ap50=Estimate(0.5),
    drop=Estimate(0.0),
    linf=EPS,
    l2=1.0,
    seconds=1.0,
)


def figure(label, ap, *, eps=EPS, gradient=True, objective="Untargeted()"):
    """An attack's result reduced to what the checks read."""
    return replace(
        ROW,
        label=label,
        name=label.split()[0],
        eps=eps,
        ap=Estimate(ap),
        uses_gradient=gradient,
        settings={"objective": objective},
    )


NOISE = figure("Noise", 0.6, gradient=False, objective=None)


@pytest.mark.parametrize(
    ("clean", "attacks", "expected"),
    [
        (0.7, [NOISE, figure("FGSM", 0.3), figure("PGD", 0.1)], []),
        (0.7, [NOISE, figure("FGSM", 0.3), figure("PGD", 0.305)], []),
        (0.7, [figure("PGD", 0.1)], ["no noise baseline"]),
        (0.1, [NOISE, figure("PGD", 0.0)], ["clean AP is only 0.100"]),
        (0.7, [NOISE, figure("PGD", 0.6)], ["the attack found nothing"]),
        (0.7, [NOISE, figure("PGD", 0.65, eps=EPS / 4)], ["sensitive to plain noise"]),
        (0.7, [NOISE, figure("FGSM", 0.1), figure("PGD", 0.3)], ["gradients may be masked"]),
        (0.7, [NOISE, figure("FGSM", 0.1), figure("PGD", 0.3, objective="Vanishing()")], []),
        (
            0.7,
            [NOISE, figure("PGD", 0.1, eps=EPS / 2), figure("PGD", 0.3)],
            ["a larger eps must not be weaker"],
        ),
    ],
)
def test_doubts_are_raised_where_they_should_be(clean, attacks, expected):
    found = warnings_on(Estimate(clean), attacks)
    assert len(found) == len(expected)
    for text, words in zip(found, expected, strict=True):
        assert words in text


def test_a_masked_gradient_is_called_out(detector, data, caplog):
    """A detector whose gradient points the wrong way: PGD climbs down, and the report says so."""

    class Masked:
        name, classes, device = "masked", detector.classes, detector.device
        predict, digest = detector.predict, detector.digest

        def loss(self, images, targets, objective):
            return -detector.loss(images, targets, objective)

    result = assess(Masked(), [Noise(), PGD(steps=3)], Shapes(n=10, size=80, seed=3), resamples=100)
    assert any("the attack found nothing" in w for w in result.warnings)
    assert "the attack found nothing" in caplog.text
    assert "objective=Untargeted()" in result.config["attacks"][1]
