import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from PIL import Image

from modelward.adversarial import (
    FGSM,
    PGD,
    Assessment,
    Cell,
    Noise,
    Sample,
    Scores,
    Shapes,
    Target,
    assess,
)
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
def name(detector):
    return detector.name


@pytest.fixture(scope="module")
def html(result):
    return result.to_page().render()


def test_the_story_is_told_in_the_right_order(result):
    """The detector detects; noise does little, FGSM much, PGD more; the intervals say it is real."""
    noise, fgsm, small, pgd = result.cells
    assert result.ap50.value > 0.4
    assert noise.ap.value > 0.7 * result.ap.value
    assert fgsm.ap.value < 0.6 * result.ap.value
    assert pgd.ap.value < min(fgsm.ap.value, small.ap.value)
    assert pgd.ap.value < 0.1 * result.ap.value
    assert pgd.drop.excludes(0.0)
    assert pgd.ap.high < result.ap.low
    assert result.warnings == ()
    (strength,) = result.strength
    assert (strength.verdict, strength.n) == ("strong", 8), strength


def test_the_figures_hang_together(result, data):
    assert result.n == len(data) == 24
    for a in result.cells:
        assert a.drop.value == pytest.approx(result.ap.value - a.ap.value)
        assert a.linf == pytest.approx(a.eps, abs=1e-6)
        assert 0 < a.l2 <= a.eps * np.sqrt(3 * 80 * 80)
        assert a.seconds > 0
        assert len(a.examples) == 3
        assert a.left.value == pytest.approx(a.ap50.value / result.ap50.value)
        assert a.white_box
        assert 0.3 < a.ssim < 1
        assert a.queries is None
        assert a.rates["disappearance_rate"].value <= a.rates["success_rate"].value + 1
    (clean,) = result.clean.values()
    assert np.mean(list(clean.per_class.values())) == pytest.approx(result.ap.value)
    for a in result.cells:  # the parts of what was lost are all of it
        assert sum(a.lost_to.values()) == pytest.approx(a.drop.value)
    assert max(result["PGD"].lost_to.values()) > 2 * max(result["Noise"].lost_to.values())
    # Objects are 11 to 34 pixels wide: none is large.
    assert clean.large is None
    assert clean.small > 0.2


def test_the_batch_does_not_change_noise_or_clean_figures(detector, data, result):
    again = assess(detector, Noise(eps=EPS), data, batch=5, resamples=100, seed=2)
    assert again.ap.value == pytest.approx(result.ap.value, abs=0.005)
    assert again["Noise"].ap.value == pytest.approx(result["Noise"].ap.value, abs=0.005)
    assert again.data_sha256 == result.data_sha256


def test_the_same_call_gives_the_same_result(detector):
    data = Shapes(n=6, size=80, seed=1)
    one, two = (assess(detector, PGD(steps=2), data, resamples=100) for _ in range(2))
    assert [a.ap for a in one.cells] == [a.ap for a in two.cells]
    assert torch.equal(one.cells[0].examples[0].adversarial, two.cells[0].examples[0].adversarial)


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
    with pytest.raises(DataError, match=r"classes of 'yolo3' \('square', 'circle', 'triangle'\)"):
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
    assert result.clean["yolo3"].per_class.keys() == {Shapes.classes[2]}


def test_images_of_several_sizes_go_in_batches_of_one_size(untrained):
    class Mixed:
        classes = Shapes.classes

        def __len__(self):
            return 4

        def __getitem__(self, index):
            return Shapes(n=4, size=(32, 48)[index % 2])[index]

    result = assess(untrained, Noise(), Mixed(), resamples=100)
    assert result.n == 4
    result.to_page().render()


def test_it_keeps_the_contract_of_results(result):
    check_result(result)


def test_it_is_frozen_and_prints_in_one_screen(result):
    with pytest.raises(FrozenInstanceError):
        result.n = 3
    text = str(result)
    assert len(text.splitlines()) == 7
    assert max(map(len, text.splitlines())) < 130
    assert "PGD Untargeted 8/255" in text
    with pytest.raises(KeyError, match="expected an attack of"):
        result["DeepFool"]


def test_dictionary_and_json_hold_the_same(result):
    content = json.loads(result.to_json())
    assert content == result.to_dict()
    assert content["cells"][3]["settings"]["steps"] == 10
    assert content["cells"][3]["settings"]["objective"] == "Untargeted()"


def test_the_frame_has_a_row_for_each(result):
    pytest.importorskip("pandas")
    frame = result.to_frame()
    assert frame["attack"].tolist() == ["clean", *result.attacks]
    assert frame["ap"].iloc[0] == result.ap.value
    assert frame["drop"].isna().tolist() == [True, False, False, False, False]


def test_the_evidence_is_sealed_and_verifies_with_its_page(result, tmp_path):
    page = result.to_page().save(tmp_path / "page.html")
    record = result.to_evidence(artifacts=[Artifact.of(page, root=tmp_path)])
    loaded = Evidence.load(record.save(tmp_path / "record.json"))
    assert loaded.kind == "adversarial.assessment"
    assert loaded.subject.sha256 == result.detectors[loaded.subject.name]
    assert loaded.metric("ap").low == result.ap.low
    assert loaded.metric("ap", slice="PGD Untargeted 8/255").value == result.cells[3].ap.value
    assert (
        loaded.metric("ap", slice="class circle").value
        == result.clean["small-yolo3"].per_class["circle"]
    )
    assert any("PGD Untargeted 8/255 leaves" in text for text in loaded.findings)
    assert loaded.verify(tmp_path)
    page.write_text(page.read_text() + " ")
    assert not loaded.verify(tmp_path)


def test_the_page_stands_alone_and_shows_all(result, html):
    for text in (*result.attacks, "is strong", "Pictures", "twice the steps", "disappeared"):
        assert text in html
    assert html.count("data:image/png;base64,") == 3
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "<script" not in html


def test_the_page_says_its_warnings(result):
    doubtful = replace(result, warnings=("PGD < FGSM",), left_out=("a.jpg: cut off",))
    assert "PGD &lt; FGSM" in doubtful._repr_html_()
    assert "1 image left out: a.jpg: cut off" in doubtful._repr_html_()
    assert "  ! PGD < FGSM" in str(doubtful)


def test_it_is_read_again_from_its_folder(result, tmp_path):
    page = result.save(tmp_path)
    again = Assessment.load(tmp_path)
    assert again.to_dict() == result.to_dict()
    assert again.to_page().render().count("data:image/png;base64,") == 3
    assert 'href="assessment.evidence.json"' in page.read_text()
    assert Evidence.load(tmp_path / "assessment.evidence.json").verify(tmp_path)
    (tmp_path / "assessment.json").write_text("{}")
    with pytest.raises(DataError, match="expected an assessment in"):
        Assessment.load(tmp_path)


def test_mlflow_keeps_figures_record_and_page(result, tmp_path):
    tracking = pytest.importorskip("mlflow.tracking")
    client = tracking.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    artifacts = (tmp_path / "artifacts").as_uri()
    run = client.create_run(client.create_experiment("x", artifact_location=artifacts))
    result.log_to_mlflow(run.info.run_id, tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    kept = client.get_run(run.info.run_id).data
    assert kept.metrics["adversarial.assessment/ap"] == result.ap.value
    assert [a.path for a in client.list_artifacts(run.info.run_id, "adversarial")] == [
        "adversarial/assessment.html",
        "adversarial/assessment.json",
    ]


def test_the_curve_joins_the_eps_of_one_attack(result):
    ax = result.plot()
    handles, labels = ax.get_legend_handles_labels()
    assert labels == ["PGD Untargeted", "Noise", "FGSM Untargeted"]
    x, y = handles[0][0].get_data()
    assert x.tolist() == pytest.approx([0, 2, 8])
    assert y.tolist() == [result.ap.value, result.cells[2].ap.value, result.cells[3].ap.value]
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


SCORES = Scores(Estimate(0.5), Estimate(0.5), 0.5, None, None, None, {})
ROW = Cell(
    source="one",
    target="one",
    attack="",
    name="",
    eps=EPS,
    settings={},
    uses_gradient=True,
    scores=SCORES,
    drop=Estimate(0.0),
    left=None,
    rates={},
    lost_to={},
    linf=EPS,
    l2=1.0,
    ssim=None,
    queries=None,
    seconds=1.0,
)


def figure(label, ap, *, eps=EPS, gradient=True, objective="Untargeted()", steps=10, queries=None):
    """A cell reduced to what the checks read."""
    return replace(
        ROW,
        attack=label,
        name=label.split()[0],
        eps=eps,
        scores=replace(SCORES, ap=Estimate(ap)),
        uses_gradient=gradient,
        queries=queries,
        settings={"objective": objective, "steps": steps, "eps": eps},
    )


NOISE = figure("Noise", 0.6, gradient=False, objective=None)


@pytest.mark.parametrize(
    ("clean", "attacks", "expected"),
    [
        (0.7, [NOISE, figure("FGSM", 0.3), figure("PGD", 0.1)], []),
        (0.7, [NOISE, figure("FGSM", 0.3), figure("PGD", 0.305)], []),
        (0.7, [figure("PGD", 0.1)], ["no noise baseline"]),
        (0.1, [NOISE, figure("PGD", 0.0)], ["clean AP of one is only 0.100"]),
        (0.7, [NOISE, figure("PGD", 0.6)], ["the attack found nothing"]),
        (0.0, [NOISE, figure("PGD", 0.6)], ["clean AP of one is only 0.000"]),
        (0.7, [NOISE, figure("PGD", 0.65, eps=EPS / 4)], ["sensitive to plain noise"]),
        (0.7, [NOISE, figure("FGSM", 0.1), figure("PGD", 0.3)], ["gradients may be masked"]),
        (0.7, [NOISE, figure("FGSM", 0.1), figure("PGD", 0.3, objective="Vanishing()")], []),
        (
            0.7,
            [NOISE, figure("PGD", 0.1, eps=EPS / 2), figure("PGD", 0.3)],
            ["a larger eps must not be weaker"],
        ),
        (
            0.7,
            [NOISE, figure("PGD", 0.1, steps=5), figure("PGD", 0.3)],
            ["more steps must not be weaker"],
        ),
        (
            0.7,
            [NOISE, figure("PGD", 0.4), figure("Square", 0.2, gradient=False, queries=100)],
            ["a black box must not be ahead"],
        ),
    ],
)
def test_doubts_are_raised_where_they_should_be(clean, attacks, expected):
    found = warnings_on({"one": replace(SCORES, ap=Estimate(clean))}, attacks)
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
    (strength,) = result.strength
    assert strength.verdict == "weak"
    # Steps of any sign destroy an image in a huge ball; within eps, plain noise is ahead of these.
    assert not next(c for c in strength.checks if c.name == "noise").passed
