from xml.etree.ElementTree import Element, fromstring

import pytest

from benchmarks.chart import Bar, Panel, draw

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*values: float) -> Element:
    bars = [Bar(label=f"slow & <{value}>", value=value, kind="peer") for value in values]
    picture = draw([Panel(title="500 vehicles", bars=bars)], "2 CPUs")
    return fromstring(picture)  # noqa: S314 - we wrote it


def test_ten_times_the_time_is_as_much_longer_everywhere() -> None:
    widths = [float(bar.attrib["width"]) for bar in drawn(10, 100, 1000).iter(f"{SVG}rect")]

    assert widths[2] - widths[1] == pytest.approx(widths[1] - widths[0], abs=2)
    assert widths[1] > 100


def test_every_bar_is_labelled_and_lies_inside_the_picture() -> None:
    picture = drawn(12.5, 2000)
    texts = [text.text for text in picture.iter(f"{SVG}text")]

    assert texts == [
        *("500 vehicles", "slow & <12.5>", "12.5 ms", "slow & <2000>", "2,000 ms"),
        *("Logarithmic scale.", "2 CPUs"),
    ]
    for bar in picture.iter(f"{SVG}rect"):
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) < float(picture.attrib["width"])
    for text in picture.iter(f"{SVG}text"):
        assert float(text.attrib["y"]) < float(picture.attrib["height"])


def test_equal_bars_are_drawn() -> None:
    assert [float(bar.attrib["width"]) > 0 for bar in drawn(10, 10).iter(f"{SVG}rect")] == [
        True,
        True,
    ]


def test_a_dark_page_gets_other_colours() -> None:
    style = drawn(10, 20).find(f"{SVG}style")

    assert style is not None
    light, dark = str(style.text).split("@media (prefers-color-scheme: dark)")
    for kind in ("text", ".ours", ".floor", ".peer"):
        assert kind in light
        assert kind in dark
