"""The report in Chromium as wide as a desk, a tablet and a phone, with scripts and without."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest

from analysis.__main__ import main
from tests import browser, fakes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.find() is None, reason="no Chromium on this machine"),
]

WIDTHS = (1280, 768, 390)

FRAME = '<iframe id="{name}" src="{page}" width={width} height=900 {sandbox}></iframe>'
LOOK = """
<script>
const seen = {};
const look = frame => {
  const inside = frame.contentDocument, root = inside.documentElement;
  const point = inside.querySelector("circle[pointer-events]");
  const tips = inside.getElementsByClassName("tip");
  const before = [...tips].map(tip => tip.hidden);
  point.dispatchEvent(new frame.contentWindow.PointerEvent("pointerover", {bubbles: true}));
  const box = tips.length ? tips[0].getBoundingClientRect() : null;
  const said = [...tips].map(tip => tip.hidden ? "" : tip.textContent);
  point.ownerSVGElement.dispatchEvent(
    new frame.contentWindow.PointerEvent("pointerover", {bubbles: true}));
  seen[frame.id] = {
    width: root.clientWidth, wide: root.scrollWidth, before, said,
    within: !box || (box.left >= 0 && box.right <= root.clientWidth && box.width > 20),
    after: [...tips].map(tip => tip.hidden),
    title: point.querySelector("title")?.textContent ?? "",
    boxes: inside.querySelectorAll("input[type=search]").length,
    heads: inside.querySelectorAll("th[tabindex]").length,
    long: inside.querySelector("th.long").offsetWidth,
    hides: [...inside.querySelectorAll("section, figure, table, pre")].filter(
      part => part.closest("details") === null && part.closest(".column, .wide") === null
        && part.offsetHeight === 0).length,
    cut: [...inside.querySelectorAll("h1, h2, h3, p, figcaption, pre, .facts td")].filter(
      part => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0).length,
  };
};
window.addEventListener("load", () => {
  document.querySelectorAll("iframe").forEach(look);
  document.body.append(Object.assign(
    document.createElement("output"), {textContent: JSON.stringify(seen)}));
});
</script>
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Each width, and whether scripts run -> what there is."""
    folder = tmp_path_factory.mktemp("report")
    sweep = fakes.write_sweep(folder / "a-sweep-of-a-long-name", seeds=(0, 1), prompts=4)
    assert main([str(sweep)]) == 0
    page = (sweep / "report" / "index.html").as_uri()
    frames = [
        FRAME.format(name=f"{width} {scripts}", page=page, width=width, sandbox=sandbox)
        for width in WIDTHS
        for scripts, sandbox in (("on", ""), ("off", 'sandbox="allow-same-origin"'))
    ]
    (folder / "wrap.html").write_text("<body>" + "".join(frames) + LOOK, "utf-8")
    dom, _ = browser.opened(
        folder / "wrap.html", folder / "profile", "--allow-file-access-from-files"
    )
    (found,) = re.findall(r"<output>(.*?)</output>", dom, re.DOTALL)
    return dict(json.loads(unescape(found)))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scripts", ["on", "off"])
def test_nothing_is_wider_than_the_page_or_cut(
    seen: dict[str, dict[str, Any]], width: int, scripts: str
) -> None:
    own = seen[f"{width} {scripts}"]
    assert width - 20 < own["width"] <= width and own["wide"] == own["width"]
    assert own["cut"] == 0 and own["hides"] == 0
    assert own["long"] >= 144  # 9rem: a head of several words is not one word wide


@pytest.mark.parametrize("width", WIDTHS)
def test_points_speak_at_once_with_scripts_and_by_their_titles_without(
    seen: dict[str, dict[str, Any]], width: int
) -> None:
    on, off = seen[f"{width} on"], seen[f"{width} off"]
    assert on["before"] == on["after"] == [True]
    (said,) = on["said"]
    assert re.fullmatch(r"\w+, \w+, NLL by epoch: [\d.]+ at 0", said) and on["within"]
    assert on["title"] == ""  # nothing is said twice
    assert off["said"] == [] and off["title"] == said


def test_what_needs_scripts_is_there_with_them_alone(seen: dict[str, dict[str, Any]]) -> None:
    for width in WIDTHS:
        on, off = seen[f"{width} on"], seen[f"{width} off"]
        assert on["boxes"] > 2 and on["heads"] > 20
        assert off["boxes"] == off["heads"] == 0
