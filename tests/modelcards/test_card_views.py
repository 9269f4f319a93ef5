"""Views: three audiences in three forms, none of which hides a failed claim; accessible; inert."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from modelward.core.errors import ConfigError
from modelward.core.evidence import Evidence, Metric, Subject
from modelward.core.metrics import Estimate
from modelward.modelcards import (
    CardVerification,
    Document,
    ModelCard,
    card_page,
    parse,
    read,
    verify,
)
from modelward.modelcards.command import app
from modelward.modelcards.render.audience import AUDIENCES
from modelward.modelcards.render.custom import render_template
from modelward.modelcards.render.rendering import FORMS, write_page
from modelward.modelcards.render.text import card_markdown


@pytest.fixture
def checked(tmp_path: Path) -> tuple[Document, CardVerification]:
    """A card with a number edited by hand, and one that failed its limit."""
    record = Evidence.create(
        kind="validation.job",
        subject=Subject(name="m"),
        tool="modelward-modelcards",
        metrics=[
            Metric.of(
                "error", Estimate(0.25, 0.2, 0.3, 0.95, 99), higher_is_better=False, limit=0.2
            ),
            Metric.of("recall", 0.8, slice="night"),
        ],
        findings=["fails when it rains"],
    )
    record.save(tmp_path / "e.json")
    content = {
        "model_details": {
            "name": "ships",
            "documentation": "# Use\n\nFinds *ships*. [More](https://example.org)",
        },
        "model_parameters": {
            "parameters": {"trees": 30},
            "data": [{"name": "harbour", "role": "training", "rows": 100}],
        },
        "considerations": {
            "limitations": [{"description": "No fog."}],
            "prohibited_uses": [{"description": "Weapons."}],
        },
        "governance": {"risk_management": "Reviewed each quarter."},
    }
    path = (
        ModelCard.model_validate(content).attach(record, record="e.json").save(tmp_path / "c.yaml")
    )
    path.write_text(path.read_text("utf-8").replace("value: 0.8", "value: 0.9"), "utf-8")
    document = read(path)
    return document, verify(document)


@pytest.mark.parametrize("form", ["html", "markdown"])
@pytest.mark.parametrize("audience", AUDIENCES)
def test_no_view_hides_a_failed_claim(
    checked: tuple[Document, CardVerification], tmp_path: Path, form: str, audience: str
) -> None:
    document, result = checked
    target = write_page(
        document, result, tmp_path / f"x{FORMS[form]}", form=form, audience=audience
    )
    text = target.read_text("utf-8").replace("\\", "")
    assert "the card says 0.9, the evidence 0.8" in text
    assert "failed its limit" in text
    assert "No fog." in text
    assert ("fails when it rains" in text) == (audience != "public")
    assert ("0.2 to 0.3" in text.partition("<table>")[2] + text.partition("| number")[2]) == (
        audience != "public"
    )
    if form == "html":
        assert ("trees" in text) == (audience == "engineer")
        assert text.index(
            "does not stand" if "does not stand" in text else "do not stand"
        ) < text.index("What was measured")
        considerations, numbers = text.index("Considerations"), text.index("What was measured")
        assert (considerations < numbers) == (audience != "engineer"), (
            "others read what to beware of first"
        )


def test_a_claim_that_is_not_verified_is_shown_in_every_view() -> None:
    document = parse("quantitative_analysis: {performance_metrics: [{type: secret, value: 1}]}")
    result = verify(document)
    for audience in AUDIENCES:
        assert "no evidence is named" in card_page(document, result, audience=audience).render()
        assert "no evidence is named" in card_markdown(document, result, audience=audience)


def test_charts_are_drawn_from_the_numbers_and_told_in_words(
    checked: tuple[Document, CardVerification],
) -> None:
    document, result = checked
    html = card_page(document, result).render()
    assert html.count("<svg") == 1
    assert (
        'aria-label="Bars from 0 to 1. validation error 0.25 (0.2 to 0.3); validation recall (night) 0.9."'
        in html
    )
    outside = parse(
        "quantitative_analysis: {performance_metrics: [{type: a, value: 5}, {type: b, value: .nan}]}"
    )
    assert "<svg" not in card_page(outside, verify(outside)).render()


def test_markdown_does_nothing() -> None:
    hostile = "<script>x</script> @team ![p](https://example.org/p.png) [x](javascript:y) | `c`\n\n# not a heading"
    document = parse(
        "model_details: {name: '%s', description: '%s'}" % ((hostile.replace("\n", " "),) * 2)
    )
    text = card_markdown(document, verify(document))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    for sign in ("<script", "<img", "<a ", "<code"):
        assert sign not in html, sign
    assert "@team" not in text
    assert "https:" not in text, "no address becomes a link by itself"
    assert html.count("<h1>") == 1


def test_a_pdf(checked: tuple[Document, CardVerification], tmp_path: Path) -> None:
    pytest.importorskip(
        "weasyprint",
        reason="no weasyprint, or no Pango, on this machine",
        exc_type=(ImportError, OSError),
    )  # type: ignore[call-overload]
    document, result = checked
    target = write_page(document, result, tmp_path / "c.pdf", form="pdf", audience="risk")
    assert target.read_bytes().startswith(b"%PDF-")
    assert target.stat().st_size > 5_000
    assert list(tmp_path.glob(".*partial")) == []


HOSTILE_TEMPLATES = {
    "{{ card.__class__.__mro__ }}": "SecurityError",
    "{{ ''.__class__.__subclasses__() }}": "SecurityError",
    "{{ card.update({'a': 1}) }}": "SecurityError",
    "{% include '/etc/passwd' %}": "fails|TypeError|no loader",
    "{% import 'os' as os %}": "fails|TypeError|no loader",
    "{{ cycler.__init__.__globals__ }}": "SecurityError",
    "{{ range(10) }}": "is undefined",
    "{{ card.nothing }}": "has no attribute 'nothing'",
    "{% if %}": r"t.html:1: TemplateSyntaxError",
    "{{ 'x' * 10000000000 }}": r"may not use \* here",
    "{{ [0] * 10000000000 }}": r"may not use \* here",
    "{{ 9 ** 9 ** 9 }}": r"may not use \*\* here",
    "{{ '%9999999999d' % 1 }}": "may not use % here",
    "{{ 'x' | center(9999999999) }}": "No filter named 'center'",
}


@pytest.mark.parametrize("text", HOSTILE_TEMPLATES)
def test_a_template_cannot_leave_its_sandbox(
    checked: tuple[Document, CardVerification], tmp_path: Path, text: str
) -> None:
    (tmp_path / "t.html").write_text(text)
    with pytest.raises(ConfigError, match=HOSTILE_TEMPLATES[text]):
        render_template(tmp_path / "t.html", *checked, audience="engineer")


def test_a_template_multiplies_numbers_and_ends_at_its_bound(
    checked: tuple[Document, CardVerification], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelward.modelcards.render import custom

    (tmp_path / "t.html").write_text("{{ 100 * 0.25 }} {{ 7 % 4 }}")
    assert "25.0 3" in render_template(tmp_path / "t.html", *checked, audience="engineer")
    monkeypatch.setattr(custom, "MAX_CHARACTERS", 3)
    with pytest.raises(ConfigError, match="at most 3 characters"):
        render_template(tmp_path / "t.html", *checked, audience="engineer")


def test_a_template_prints_escaped_and_cannot_leave_failures_out(
    checked: tuple[Document, CardVerification], tmp_path: Path
) -> None:
    (tmp_path / "t.html").write_text(
        "<h1>{{ card.model_details.name }}</h1>{{ card.x }}{{ card.model_details.documentation | markdown }}"
    )
    document, result = checked
    document.content["x"] = "<script>bad</script>"
    target = tmp_path / "out.html"
    write_page(document, result, target, template=tmp_path / "t.html")
    text = target.read_text("utf-8")
    assert "<h1>ships</h1>&lt;script&gt;" in text
    assert "<em>ships</em>" in text
    assert "the card says 0.9, the evidence 0.8" in text
    with pytest.raises(ConfigError, match="expected a readable template"):
        write_page(document, result, target, template=tmp_path / "absent.html")


def test_the_command_render(checked: tuple[Document, CardVerification], tmp_path: Path) -> None:
    card = str(checked[0].source)
    for form in ("html", "markdown"):
        out = tmp_path / f"o{FORMS[form]}"
        made = CliRunner().invoke(
            app, ["render", card, "--format", form, "--audience", "risk", "--out", str(out)]
        )
        assert (made.exit_code, out.is_file()) == (0, True), made.output
    assert CliRunner().invoke(app, ["render", card, "--format", "docx"]).exit_code == 2
    nobody = CliRunner().invoke(app, ["render", card, "--audience", "nobody"])
    assert isinstance(nobody.exception, ConfigError)


@pytest.mark.parametrize(
    "command",
    [
        ["render", "card.v1.2.md", "--format", "markdown"],
        ["coverage", "card.v1.2.md", "--out", "card.v1.2.md"],
        ["validate", "card.v1.2.md", "--out", "./card.v1.2.md"],
    ],
)
def test_no_page_is_written_over_its_card(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "---\nmodel_details: {name: scenes}\n---\n# scenes\n"
    Path("card.v1.2.md").write_text(text)
    refused = CliRunner().invoke(app, command)
    assert "got the card itself: card.v1.2.md" in str(refused.exception)
    assert Path("card.v1.2.md").read_text() == text


def test_a_page_keeps_the_whole_name_of_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("card.v1.2.yaml").write_text("model_details: {name: scenes}")
    assert CliRunner().invoke(app, ["render", "card.v1.2.yaml"]).output == "card.v1.2.html\n"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_keep_wcag_aa(
    checked: tuple[Document, CardVerification], tmp_path: Path, browser: Any, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    document, result = checked
    pages = {a: card_page(document, result, audience=a).render() for a in AUDIENCES}
    fine = parse("model_details: {name: m, description: d}")
    pages["empty"] = card_page(fine, verify(fine)).render()
    for width in (1280, 320):
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
        )
        tab = context.new_page()
        for name, html in pages.items():
            (tmp_path / f"{name}.html").write_text(html, "utf-8")
            tab.goto((tmp_path / f"{name}.html").as_uri())
            found = Axe().run(
                tab, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
            )
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, (
                "no sideways scrolling"
            )
            assert tab.evaluate("document.querySelectorAll('h1').length") == 1
        context.close()
