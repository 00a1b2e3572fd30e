"""The page is one file that loads nothing, and nothing in a run becomes part of its markup."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from evalkit.records import Decision, Saved
from evalkit.report.case_view import WHOLE
from evalkit.report.html import report_html
from evalkit.report.view import report_view
from tests.builders import make_run
from tests.report import instrumented, sample
from tests.report.hostile import changed_by, hostile
from tests.report.nasty import HTML, NASTY
from tests.report.pieces import METRICS, verdict

LOADING = {"src", "srcset", "data", "poster", "action", "formaction", "background", "cite", "ping"}


class Page(HTMLParser):
    """What a browser would see: elements, attributes, and the texts of script and style."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.raw: dict[str, str] = {}
        self.words: list[str] = []
        self._in = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._in = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in:
            self.raw[self._in] = self.raw.get(self._in, "") + data
        else:
            self.words.append(data)

    def tags(self) -> Counter[str]:
        return Counter(tag for tag, _ in self.elements)


@pytest.fixture(scope="module")
def source(view):
    return report_html(view)


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


def policy_of(page: Page) -> str:
    metas = [a for tag, a in page.elements if tag == "meta"]
    return next(a["content"] for a in metas if a.get("http-equiv") == "Content-Security-Policy")


def digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_policy_allows_one_style_and_one_script_by_hash(page):
    assert page.tags()["script"] == page.tags()["style"] == 1
    assert policy_of(page) == (
        f"default-src 'none'; style-src '{digest(page.raw['style'])}'; "
        f"script-src '{digest(page.raw['script'])}'; base-uri 'none'; form-action 'none'"
    )


def test_the_policy_stands_before_everything_it_governs(source):
    assert (
        source.index("Content-Security-Policy") < source.index("<style") < source.index("<script")
    )


def test_nothing_is_loaded_and_nothing_is_inline(page):
    for tag, attributes in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        assert not LOADING & attributes.keys(), tag
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert attributes.get("href", "#").startswith("#")


def test_style_and_script_name_no_other_place(page):
    for text in page.raw.values():
        assert not re.search(
            r"https?:|//[a-z]|url\(|@import|innerHTML|eval\(|document\.write", text
        )


def rendered(texts) -> Page:
    saved = hostile(texts)
    return Page(report_html(report_view([saved], baselines=[changed_by(texts, saved)])))


def shape(page: Page) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in page.elements]


def test_hostile_texts_give_the_same_elements_as_harmless_ones():
    # The view shows "abstention expected", marks and links by content, so each string stands in
    # for a harmless one of the same length in the same places.
    for start in range(0, len(NASTY), 5):
        some = [text[:300] for text in NASTY[start : start + 5]]
        if not all(text.strip() for text in some) or len(set(some)) < len(some):
            continue
        hostile = rendered([f"{text} {i}" for i, text in enumerate(some)])
        harmless = rendered([f"{'x' * max(len(text), 12)} {i}" for i, text in enumerate(some)])
        drop = {"mark", "details"}  # long enough quotes are marked, and open their passage
        assert Counter(t for t in shape(hostile) if t[0] not in drop) == Counter(
            t for t in shape(harmless) if t[0] not in drop
        )


def test_hostile_texts_are_shown_as_text():
    texts = [text for text in HTML if text.isprintable() and "  " not in text]
    words = "\n".join(rendered(texts).words)
    assert [text for text in texts if text not in words] == []


def test_a_setting_that_changed_is_named_and_hostile_ones_are_text():
    texts = ["<img src=x onerror=alert(1)>", "</dd><script>alert(1)</script>"]
    words = rendered(texts).words
    assert "Changed since the baseline" in words
    assert f"target.0{texts[0]} " in words
    assert f"was {texts[0]} → {texts[0]}" in words


def test_hostile_texts_never_reach_an_attribute_but_inert_ones():
    for tag, attributes in rendered(list(HTML)).elements:
        for name, value in attributes.items():
            if "pwned" in value:
                pytest.fail(f"{tag} {name}={value}")


def test_the_same_records_give_the_same_bytes():
    saved, baselines = sample.build()
    again, again_baselines = sample.build()
    first = report_html(report_view(saved, baselines=baselines))
    assert first == report_html(report_view(again, baselines=again_baselines))


def test_planted_secrets_and_canaries_are_not_in_the_page(source):
    text = html.unescape(source)
    for secret in (
        sample.IBAN,
        sample.IBAN.replace(" ", "-"),
        "66 8272",
        sample.CANARY.first,
        sample.CANARY.second,
    ):
        assert secret not in text
    assert "⟦iban " in text
    assert "⟦canary " in text


def test_eighty_cases_stay_under_a_megabyte_and_a_half():
    saved, baseline = sample.quality(80)
    size = len(report_html(report_view([saved], baselines=[baseline])).encode())
    assert size < 1_500_000


def test_of_more_cases_than_a_page_can_hold_the_rest_are_rows():
    run = make_run({"f": {f"c{i}": 1.0 for i in range(WHOLE + 5)}})
    nothing = Decision(outcome="PASS", estimates=(), comparisons=(), verdicts=())
    source = report_html(report_view([Saved(run=run, decision=nothing)]))
    assert f"{WHOLE} of {WHOLE + 5} cases are shown whole" in source
    assert source.count('<div class="body">') == WHOLE
    assert source.count("Answer, passages and verdicts are in the saved run.") == 5
    assert source.count('<details id="s1c') == WHOLE + 5


def test_of_as_many_as_it_can_hold_nothing_is_said(source):
    assert "are shown whole" not in source


def test_no_rule_is_asked_again_of_every_case_when_one_is_hidden(page):
    # Both cost n²: 10,000 cases were sorted in 30 s, and are without them in one.
    style = re.sub(r"/\*.*?\*/", "", page.raw["style"], flags=re.DOTALL)
    assert ":has(" not in style
    assert re.search(r"^\.case \{ display: block;", style, re.MULTILINE)


def test_every_verdict_has_its_word_and_its_shape(source):
    page = Page(source)
    drawn = {
        a["class"] for tag, a in page.elements if tag == "svg" and "shape" in a.get("class", "")
    }
    assert drawn == {"shape pass", "shape fail", "shape inconclusive", "shape error"}
    assert {"PASS", "FAIL", "INCONCLUSIVE", "ERROR"} <= {word.strip() for word in page.words}


def test_the_page_has_landmarks_a_language_and_labels(page):
    tags = page.tags()
    assert all(tags[tag] == 1 for tag in ("main", "h1", "title"))
    assert dict(page.elements)["html"] == {"lang": "en"}
    plots = [a for tag, a in page.elements if tag == "svg" and a.get("role") == "img"]
    assert plots
    assert all(a["aria-label"] for a in plots)


def test_ids_are_unique_and_every_link_has_its_target(page):
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in page.elements if tag == "a"} <= set(ids)


def test_a_build_that_decided_nothing_says_so():
    saved, _ = sample.passing()
    empty = Decision(outcome="ERROR", estimates=(), comparisons=(), verdicts=())
    words = Page(report_html(report_view([Saved(run=saved.run, decision=empty)]))).words
    assert "No gate was decided, so nothing vouches for this build." in words


# ── contrast ─────────────────────────────────────────────────────────────────────────────────────


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2: 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_knows_its_ends():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") < 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_meets_contrast_aa(page, scheme):
    blocks = re.findall(r":root \{(.*?)\}", page.raw["style"], re.DOTALL)
    colours = dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", blocks[scheme]))
    pairs = [
        (text, ground)
        for ground in ("paper", "raised")
        for text in ("ink", "soft", "link", "fail", "pass", "inconclusive", "error", "down", "up")
    ]
    pairs += [("ink", f"{kind}{i}") for kind in ("drop", "gain") for i in (1, 2, 3)]
    pairs += [("down", "drop1"), ("up", "gain1"), ("ink", "mark")]
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}


# ── what a judge, a replay and a release add ─────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def judged(judged_view):
    return report_html(judged_view)


def test_the_first_screen_says_what_moved_and_by_which_side(judged):
    text = re.sub(r"<[^>]+>", " ", judged[: judged.index("Measured, not gated")])
    text = " ".join(html.unescape(text).split())
    assert "FAIL release lane" in text
    assert "Release baseline 51be00c2aa19 , 51 days old, 5 epochs" in text
    assert "Changed since the baseline prompts answer_from_context@1 → answer_from_con" in text
    assert "retriever −0.06, generator +0.00 (2×2 replay over 12 cases)" in text
    assert "old generator 0.95 0.89 new generator 0.95 0.89" in text
    assert re.search(r"0\.\d{3} 0\.\d{3} true", text)
    assert re.search("detects as judged; true: [a-z_, ]+ ÷ J 0.65", text)


def test_the_judge_s_cards_and_what_it_was_spared_stand_behind_the_numbers(judged):
    text = re.sub(r"<[^>]+>", " ", judged[judged.index("Behind the numbers") :])
    text = " ".join(html.unescape(text).split())
    assert re.search(r"J 0\.65 \[[\d., ]+\] , balanced accuracy 0\.82 \[[\d., ]+\] on begin", text)
    assert "200 labels, 4 without a verdict" in text
    assert "Judge calls saved for 80 of 308 scores (26 %)" in text
    assert "decided at look 1 of 3; 50 of 100 cases judged, 30 known" in text
    assert text.count("not judged: the gate had decided") == 50
    assert text.count("the answer is the baseline's; its score too") == 30


def test_slices_are_called_no_test_and_link_to_nothing_that_is_not_there(judged):
    page = Page(judged)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in page.elements if tag == "a"} <= set(ids)
    assert "a diagnostic, not a test: of many slices some look bad by chance" in page.words


def test_a_weak_judge_is_called_one():
    saved, baseline = sample.quality(24)
    weak = instrumented.calibration(right=70, wrong=70)
    source = report_html(report_view([saved], baselines=[baseline], calibrations=[(weak,)]))
    assert "sees less than half of a true drop" in source


def test_a_set_of_labels_cannot_write_markup():
    saved, baseline = sample.quality(24)
    for text in HTML:
        card = instrumented.calibration(labels=text)
        view = report_view([saved], baselines=[baseline], calibrations=[(card,)])
        assert Page(report_html(view)).tags()["script"] == 1


def test_one_reason_of_several_gates_is_written_once():
    saved, _ = sample.quality(24)
    reason = "there is no baseline reports/baselines/offline/rag_quality.json"
    verdicts = tuple(
        verdict(gate, ("regression", "ERROR", reason, None, ())) for gate in METRICS[:3]
    )
    decision = replace(saved.decision, outcome="ERROR", verdicts=verdicts)
    source = report_html(report_view([replace(saved, decision=decision)]))
    main = source[source.index("<main") :]
    assert main.count(reason) == 1
    assert main.count("As faithfulness.") == 2


# ── in a browser ─────────────────────────────────────────────────────────────────────────────────

HARNESS = """<!doctype html><iframe id="f" src="report.html"></iframe><script>
document.getElementById("f").width = 390;
document.getElementById("f").height = 844;
addEventListener("load", () => {
  const frame = document.getElementById("f").contentWindow;
  const page = frame.document;
  const said = {width: frame.innerWidth};
  for (const details of page.querySelectorAll("details")) details.open = true;
  said.overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
  said.wide = [...page.querySelectorAll("main *")]
    .filter((e) => e.getBoundingClientRect().right > page.documentElement.clientWidth + 1)
    .filter((e) => !e.closest(".vh, thead, i"))
    .map((e) => e.outerHTML.slice(0, 90)).slice(0, 5);
  said.pwned = frame.pwned === undefined ? "no" : "yes";
  said.shown = {};
  const list = page.querySelector("section.list");
  const count = () => list.querySelectorAll("li.case:not([hidden])").length;
  said.tools = !list.querySelector(".tools").hidden;
  for (const show of list.querySelectorAll("[name=show]")) {
    show.click();
    said.shown[show.value] = count();
  }
  list.querySelector("[value=all]").click();
  const find = list.querySelector("[type=search]");
  find.value = "%(word)s";
  find.dispatchEvent(new Event("input", {bubbles: true}));
  said.found = count();
  find.value = "";
  const metric = list.querySelector("select");
  metric.value = metric.options[metric.options.length - 1].value;
  metric.dispatchEvent(new Event("input", {bubbles: true}));
  said.all = count();
  const out = document.createElement("pre");
  out.textContent = "SAID" + JSON.stringify(said) + "DIAS";
  document.body.replaceChildren(out);
});
</script>"""


def in_browser(visit, folder, source: str, word: str) -> tuple[dict, str]:
    (folder / "report.html").write_text(source, encoding="utf-8")
    (folder / "harness.html").write_text(HARNESS % {"word": word}, encoding="utf-8")
    done = visit(folder / "harness.html")
    said = re.search(r"SAID(.*?)DIAS", done.stdout.rpartition("<pre>")[2], re.DOTALL)
    assert said, done.stdout[-2000:]
    return json.loads(html.unescape(said[1])), done.stderr


@pytest.mark.browser
def test_a_phone_shows_all_of_it_and_the_filters_work(visit, tmp_path, source, view):
    said, console = in_browser(visit, tmp_path, source, "dadaists")
    suite = view.suites[0]
    assert said["width"] == 390
    assert said["overflow"] == 0, said["wide"]
    assert said["tools"]
    assert said["shown"] == {"all": 60, "moved": suite.n_moved, "failed": suite.n_failed}
    assert said["found"] == 1
    assert said["all"] == 60
    assert "CONSOLE" not in console  # no error, and no refusal of our own style or script


@pytest.mark.browser
def test_a_phone_shows_the_judge_the_replay_and_the_slices(visit, tmp_path, judged):
    said, console = in_browser(visit, tmp_path, judged, "dadaists")
    assert said["overflow"] == 0, said["wide"]
    assert said["shown"]["all"] == 100
    assert "CONSOLE" not in console


@pytest.mark.browser
def test_hostile_texts_run_nothing_and_fit_a_phone(visit, tmp_path):
    texts = [text.encode("utf-8", "replace").decode() for text in NASTY if text.strip()]
    source = report_html(report_view([hostile(texts)]))
    said, console = in_browser(visit, tmp_path, source, "nothing has this")
    assert said["pwned"] == "no"
    assert said["overflow"] == 0, said["wide"]
    assert said["found"] == 0
    assert "CONSOLE" not in console
