"""Bob's photos, painted as SVG so that the demo needs no files. Nothing here is about OAuth."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WIDTH, HEIGHT = 320, 240


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo: its title, the day it was taken (YYYY-MM-DD), and a thumbnail."""

    title: str
    taken_on: str
    svg: str


def picture(title: str, taken_on: str, sky: tuple[str, str], shapes: Iterable[str]) -> Picture:
    """Frame shapes in front of a sky that fades from the first colour, at the top, to the second."""
    fade = f'<stop stop-color="{sky[0]}"/><stop offset="1" stop-color="{sky[1]}"/>'
    # Pages that show several pictures need different ids.
    name = f"sky-{taken_on}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{title}</title>'
        f'<defs><linearGradient id="{name}" x2="0" y2="1">{fade}</linearGradient></defs>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#{name})"/>{"".join(shapes)}</svg>'
    )
    return Picture(title, taken_on, svg)


def disc(x: float, y: float, radius: float, colour: str, opacity: float = 1) -> str:
    """A filled circle."""
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colour}" opacity="{opacity}"/>'


def box(x: float, y: float, width: float, height: float, colour: str, corner: float = 0) -> str:
    """A filled rectangle."""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{corner}" fill="{colour}"/>'


def area(path: str, colour: str, opacity: float = 1) -> str:
    """A filled path."""
    return f'<path d="{path}" fill="{colour}" opacity="{opacity}"/>'


def line(path: str, colour: str, width: float) -> str:
    """A path drawn as a line."""
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round"/>'


def hill(left: float, top: float, right: float, colour: str) -> str:
    """Ground that begins and ends at two heights and swells to a third in between."""
    return area(f"M0 {left}Q{WIDTH / 2} {top} {WIDTH} {right}V{HEIGHT}H0Z", colour)


def specks(count: int, bottom: int, radius: float, colour: str) -> Iterator[str]:
    """Stars or snow, strewn evenly and the same on every run (Roberts's R2 sequence)."""
    for number in range(1, count + 1):
        x, y = number * 0.754878 % 1 * WIDTH, number * 0.569840 % 1 * bottom
        yield disc(round(x), round(y), round(radius + number % 3 / 3, 1), colour)


def lighthouse() -> Iterator[str]:
    """A lighthouse that has just been lit."""
    yield area("M196 66L0 20V96L196 78Z", "#ffe9a8", 0.55)
    yield hill(176, 170, 180, "#3d6b8e")
    yield hill(192, 204, 188, "#2f5677")
    yield area("M150 240Q170 188 212 186Q270 190 320 224V240Z", "#3a3341")
    yield area("M188 188L194 84H222L228 188Z", "#fdf6ec")
    yield area("M193 100H223L224 116H192ZM191 136H225L226 152H190ZM189 170H227L228 186H188Z", "#d1495b")
    yield box(196, 64, 24, 20, "#ffd166")
    yield area("M190 66L208 46L226 66Z", "#5b3758")


def apple_tree() -> Iterator[str]:
    """An apple tree, and a ladder somebody forgot."""
    yield disc(262, 54, 24, "#fff3b0")
    yield hill(186, 150, 196, "#8cb369")
    yield hill(216, 186, 206, "#6a994e")
    yield area("M146 206Q158 160 150 118H174Q166 160 180 206Z", "#6b4a35")
    for x, y, radius in ((112, 104, 36), (210, 104, 38), (160, 72, 48), (140, 118, 30), (186, 120, 30)):
        yield disc(x, y, radius, "#4f7f3c")
    for x, y in ((104, 96), (132, 64), (150, 106), (174, 56), (196, 92), (218, 118), (122, 126), (182, 128)):
        yield disc(x, y, 6.5, "#d64545") + disc(x - 2, y - 2, 1.6, "#ffd9d0")
    yield disc(206, 205, 6.5, "#d64545") + line("M236 210L214 122M252 210L230 120", "#b88b5a", 4)
    yield line("M233 196H248M228 178H244M224 160H240M219 142H235", "#b88b5a", 3)


def first_snow() -> Iterator[str]:
    """The first snow, seen from outside, by somebody who will be called in soon."""
    yield hill(168, 128, 160, "#cfdcec")
    yield area("M60 190L92 108L124 190ZM24 186L46 130L68 186Z", "#4a6572")
    yield hill(196, 176, 190, "#eef4fb")
    yield box(178, 140, 84, 52, "#8d5a4a") + area("M166 144L220 100L274 144Z", "#fbfdff")
    yield box(192, 154, 22, 20, "#ffd36e", 2) + box(230, 152, 18, 40, "#5f3b33", 2)
    yield line("M203 154V174M192 164H214", "#8d5a4a", 2)
    yield disc(120, 206, 16, "#ffffff") + disc(120, 182, 11, "#ffffff")
    yield disc(116, 180, 1.4, "#333344") + disc(123, 180, 1.4, "#333344") + area("M119 184L130 186L119 187Z", "#f08a3c")
    yield from specks(70, HEIGHT, 1, "#ffffff")


def night_train() -> Iterator[str]:
    """The night train on the viaduct."""
    yield from specks(40, 120, 0.6, "#e8ecff")
    yield area("M262 30A22 22 0 1 1 234 60A20 20 0 0 0 262 30Z", "#f6f1d5")
    yield hill(190, 140, 170, "#1d2a5c")
    yield box(0, 146, WIDTH, 12, "#3b4374")
    for left in range(-20, WIDTH, 60):
        yield area(f"M{left} 240V156H{left + 60}V240H{left + 48}V196A18 18 0 0 0 {left + 12} 196V240Z", "#343b68")
    yield box(-10, 116, 196, 30, "#a23e48", 4) + area("M190 146V116H226Q246 124 252 146Z", "#a23e48")
    for left in range(6, 170, 24):
        yield box(left, 123, 15, 11, "#ffe08a", 2)
    yield area("M216 121H228Q236 126 240 134H216Z", "#ffe08a") + area("M252 142L320 132V158Z", "#ffe9a8", 0.35)


def balloons() -> Iterator[str]:
    """Three balloons at six in the morning."""
    yield disc(64, 178, 40, "#ffe8b5", 0.8)
    yield hill(200, 176, 186, "#7d6b91") + hill(222, 196, 214, "#5d4f73")
    yield balloon(206, 84, 4.6, "#e4572e", "#f7c59f")
    yield balloon(104, 66, 2.8, "#17a398", "#d8f3dc")
    yield balloon(270, 152, 2, "#f3a712", "#fff1c1")


def balloon(x: int, y: int, size: float, colour: str, stripe: str) -> str:
    """One balloon, twenty units wide before it is scaled."""
    shapes = (
        area("M-10 0A10 10 0 0 1 10 0Q8 8 2 14H-2Q-8 8 -10 0Z", colour),
        area("M0 -10Q10 0 0 14Q-10 0 0 -10Z", stripe),
        area("M0 -10Q4 0 0 14Q-4 0 0 -10Z", colour),
        line("M-1.8 14V17M1.8 14V17", "#5b4636", 0.4),
        box(-2.2, 16.5, 4.4, 3, "#8a5a3b", 0.5),
    )
    return f'<g transform="translate({x} {y}) scale({size})">{"".join(shapes)}</g>'


def cat() -> Iterator[str]:
    """A cat that only pretends to be asleep."""
    yield box(30, 24, 260, 150, "#fbe8c8") + box(40, 34, 115, 130, "#9fd3e6") + box(165, 34, 115, 130, "#9fd3e6")
    yield disc(232, 66, 16, "#fff4c2") + area(
        "M40 140Q90 110 155 138V164H40ZM165 138Q220 112 280 142V164H165Z", "#9cc58b"
    )
    yield box(0, 172, WIDTH, 16, "#c58f5c") + box(0, 188, WIDTH, 52, "#e7c9a0")
    yield line("M214 164Q262 172 250 128", "#d9803b", 13)
    yield area("M92 174Q88 112 152 108Q228 104 232 174Z", "#ec9a4c")
    yield line("M150 112Q156 126 152 136M172 110Q180 124 176 136M192 114Q202 126 200 138", "#c8702c", 5)
    yield disc(108, 138, 30, "#ec9a4c") + area("M84 122L82 94L104 110ZM112 110L134 94L132 124Z", "#ec9a4c")
    yield area("M88 114L87 102L98 110ZM118 110L129 102L128 115Z", "#f7c4b0")
    yield (
        line("M90 136Q97 142 104 136", "#5a3a22", 2.5)
        + line("M114 136H126", "#5a3a22", 2)
        + disc(120, 137, 3, "#5a3a22")
    )
    yield area("M105 146H113L109 151Z", "#c65d5d") + line(
        "M86 150L66 146M86 154L68 158M132 150L152 146", "#fff3e2", 1.5
    )


PICTURES = (
    picture("First snow, nobody in yet", "2026-11-14", ("#5f7a9d", "#c9d6e8"), first_snow()),
    picture("The night train, on time for once", "2026-10-30", ("#0d1233", "#3a4a8c"), night_train()),
    picture("Apple tree with forgotten ladder", "2026-09-19", ("#a8d8ea", "#f4f1de"), apple_tree()),
    picture("Lighthouse, three minutes before rain", "2026-08-02", ("#4a4e88", "#f2a488"), lighthouse()),
    picture("Up before the balloons", "2026-06-21", ("#7fb2d9", "#ffd6ba"), balloons()),
    picture("Pretending to be asleep", "2026-05-03", ("#d9b48f", "#e8cba7"), cat()),
)
"""The album, newest first."""
