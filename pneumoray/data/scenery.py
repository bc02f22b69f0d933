"""A scene painted as a camera sees it: sky, ground, a landmark, and what stands in the way."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from pneumoray.data.landmarks import LANDMARKS, MATERIALS

Color = np.ndarray  # (3,) float, 0 to 255

# Sky above, sky at the horizon, colour of the light on things (1 is white daylight), haze.
WEATHERS = (
    ((70, 130, 210), (190, 215, 235), (1.05, 1.02, 0.96), 0.05),  # clear
    ((150, 175, 205), (215, 222, 228), (0.92, 0.93, 0.95), 0.1),  # fair
    ((165, 168, 174), (205, 206, 208), (0.76, 0.78, 0.82), 0.2),  # overcast
    ((110, 120, 170), (250, 190, 120), (1.1, 0.86, 0.62), 0.12),  # golden
    ((205, 208, 212), (222, 224, 226), (0.88, 0.9, 0.92), 0.45),  # fog
    ((22, 28, 62), (70, 66, 98), (0.5, 0.46, 0.52), 0.08),  # dusk
)
GROUNDS = ((104, 128, 70), (150, 140, 110), (120, 118, 116), (176, 160, 124), (88, 108, 78))


@dataclass(frozen=True)
class Weather:
    """Light and ground of one visit."""

    sky: Color
    horizon: Color
    light: Color
    haze: float
    sun: float  # -1 (left) to 1 (right)
    ground: Color

    def shade(self, color: Color, brightness: float = 1.0, distance: float = 1.0) -> tuple:
        """A colour as it looks in this light, through the haze before it."""
        haze = min(1.0, self.haze * distance)
        lit = (1 - haze) * color * self.light * brightness + haze * self.horizon
        return tuple(np.clip(lit, 0, 255).astype(int).tolist())


@dataclass(frozen=True)
class View:
    """Where the camera stands, in pixels and as angles."""

    x_px: float  # of the middle of the landmark's foot
    y_px: float
    height_px: float  # of a landmark 1 high
    turn: float  # -1 to 1: how far round to its left or right
    tilt: float  # of the camera, radians
    lean: float  # how much verticals run together towards the top

    def project(self, outline: np.ndarray) -> list[tuple[float, float]]:
        """Pixels of points (N, 2)."""
        x, y = outline.T
        x = x * (1 - 0.25 * abs(self.turn)) * (1 - self.lean * y)
        cos, sin = self.height_px * np.cos(self.tilt), self.height_px * np.sin(self.tilt)
        right, down = self.x_px + cos * x + sin * y, self.y_px + sin * x - cos * y
        return list(zip(right.tolist(), down.tolist(), strict=True))


def draw_weather(rng: np.random.Generator) -> Weather:
    sky, horizon, light, haze = WEATHERS[rng.integers(len(WEATHERS))]
    return Weather(
        sky=np.array(sky) * rng.uniform(0.85, 1.1),
        horizon=np.array(horizon) * rng.uniform(0.92, 1.06),
        light=np.array(light) * rng.uniform(0.85, 1.1) * rng.normal(1, 0.02, 3),
        haze=haze * rng.uniform(0.6, 1.3),
        sun=rng.uniform(-1, 1),
        ground=np.array(GROUNDS[rng.integers(len(GROUNDS))]) * rng.uniform(0.8, 1.15),
    )


def paint_scene(
    name: str, weather: Weather, size_px: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    """The landmark of that name from somewhere, in mode RGB."""
    width, height = size_px
    side = min(size_px)
    horizon = height * rng.uniform(0.6, 0.78)
    image = _sky(weather, size_px, horizon, rng)
    draw = ImageDraw.Draw(image)
    _hills(draw, weather, width, height, horizon, rng)
    view = View(
        x_px=width * rng.uniform(0.28, 0.72),
        y_px=horizon + side * rng.uniform(0.02, 0.12),
        height_px=side * rng.uniform(0.32, 0.78),
        turn=rng.uniform(-1, 1),
        tilt=rng.normal(0, 0.025),
        lean=rng.uniform(0, 0.14),
    )
    for _ in range(rng.poisson(1.6)):  # behind
        place = width * rng.uniform(0, 1), horizon + 0.01 * side
        _tree(draw, weather, place, side * rng.uniform(0.1, 0.22), rng, distance=1.5)
    paint_landmark(draw, name, weather, view)
    for _ in range(rng.poisson(1.8)):
        place = width * rng.uniform(0, 1), height * rng.uniform(0.84, 1.0)
        _tree(draw, weather, place, side * rng.uniform(0.16, 0.42), rng, distance=0.4)
    for _ in range(rng.poisson(2.2)):
        place = width * rng.uniform(0, 1), height * rng.uniform(0.82, 1.0)
        _person(draw, weather, place, side * rng.uniform(0.08, 0.2), rng)
    if rng.random() < 0.3:
        _lamp(draw, weather, width * rng.uniform(0, 1), height, side)
    return image


def paint_landmark(draw: ImageDraw.ImageDraw, name: str, weather: Weather, view: View) -> None:
    for part in LANDMARKS[name]():
        color = np.array(MATERIALS[part.material], dtype=float)
        if part.body == "block":
            _sides(draw, part.outline, color, weather, view)
        draw.polygon(view.project(part.outline), fill=weather.shade(color))
        if part.body == "round":
            _swell(draw, part.outline, color, weather, view)


def _sides(
    draw: ImageDraw.ImageDraw, outline: np.ndarray, color: Color, weather: Weather, view: View
) -> None:
    """What a turned block shows beside its front."""
    depth = min(0.16, 0.4 * np.ptp(outline[:, 0])) * view.turn
    back = outline + np.array([depth, abs(depth) / 8])
    fill = weather.shade(color, 0.88 if weather.sun * view.turn > 0 else 0.6)
    for i in range(len(outline)):
        edge = np.array([outline[i - 1], outline[i], back[i], back[i - 1]])
        draw.polygon(view.project(edge), fill=fill)


def _swell(
    draw: ImageDraw.ImageDraw, outline: np.ndarray, color: Color, weather: Weather, view: View
) -> None:
    """Narrower and narrower copies of an upright shape, brighter towards the sun."""
    middle = (outline[:, 0].min() + outline[:, 0].max()) / 2
    offset = outline[:, 0] - middle
    for i in range(7):
        width = 1 - i / 7
        x = middle + width * offset + 0.6 * weather.sun * (1 - width) * np.abs(offset)
        inner = np.stack([x, outline[:, 1]], axis=1)
        draw.polygon(view.project(inner), fill=weather.shade(color, 0.6 + 0.45 * i / 6))


def _sky(
    weather: Weather, size_px: tuple[int, int], horizon: float, rng: np.random.Generator
) -> Image.Image:
    """Drawn small and blown up: nothing in it has an edge."""
    rows = np.clip(np.linspace(0, size_px[1] / horizon, 72), 0, 1)[:, None, None]
    sky = (1 - rows) * weather.sky + rows * weather.horizon
    clouds = np.zeros((72, 96, 1))
    for octave in (1, 2, 4, 8):  # wider than high, as clouds seen from below
        bumps = rng.normal(0, 1 / octave, (5 * octave, 3 * octave)).astype(np.float32)
        grown = Image.fromarray(bumps).resize((96, 72), Image.Resampling.BICUBIC)
        clouds += np.asarray(grown)[:, :, None]
    cover = 0.75 * np.clip((clouds - rng.uniform(-0.3, 1.2)) / 1.5, 0, 1)
    white = np.clip(1.08 * weather.horizon + 8, 0, 255)
    pixels = np.clip((1 - cover) * sky + cover * white, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize(size_px, Image.Resampling.BILINEAR)


def _hills(
    draw: ImageDraw.ImageDraw,
    weather: Weather,
    width: int,
    height: int,
    horizon: float,
    rng: np.random.Generator,
) -> None:
    x = np.linspace(0, width, 33)
    ridge = np.full_like(x, horizon - 0.03 * height)
    for waves in (1, 3, 7):
        high = rng.uniform(0, 0.035) * height
        ridge -= high * np.sin(waves * np.pi * x / width + rng.uniform(0, 6))
    tops = zip(x.tolist(), ridge.tolist(), strict=True)
    far = weather.shade(np.array([92.0, 108, 104]), 0.9, distance=2.0)
    draw.polygon([(0, height), *tops, (width, height)], fill=far)
    for i in range(12):  # the ground is darker towards the camera
        top = horizon + (height - horizon) * (i / 12) ** 1.5
        fill = weather.shade(weather.ground, 1.05 - 0.025 * i, distance=1 - i / 12)
        draw.rectangle([0, top, width, height], fill=fill)


def _tree(
    draw: ImageDraw.ImageDraw,
    weather: Weather,
    foot: tuple[float, float],
    height: float,
    rng: np.random.Generator,
    distance: float,
) -> None:
    x, y = foot
    trunk = weather.shade(np.array([86.0, 66, 50]), 0.9, distance)
    draw.rectangle([x - 0.04 * height, y - 0.5 * height, x + 0.04 * height, y], fill=trunk)
    green = np.array([66.0, 100, 52]) * rng.uniform(0.7, 1.25, 3)
    for _ in range(22):
        around, out = rng.uniform(0, 2 * np.pi), 0.26 * height * np.sqrt(rng.random())
        centre_x, centre_y = x + out * np.cos(around), y - 0.68 * height + out * np.sin(around)
        radius = height * rng.uniform(0.06, 0.12)
        bright = rng.uniform(0.7, 1.15) - 0.25 * np.sin(around) * out / (0.26 * height)
        box = [centre_x - radius, centre_y - radius, centre_x + radius, centre_y + radius]
        draw.ellipse(box, fill=weather.shade(green, bright, distance))


def _person(
    draw: ImageDraw.ImageDraw,
    weather: Weather,
    foot: tuple[float, float],
    height: float,
    rng: np.random.Generator,
) -> None:
    (x, y), h = foot, height
    legs = weather.shade(np.array([52.0, 54, 66]) * rng.uniform(0.6, 1.6), distance=0.3)
    coat = weather.shade(rng.uniform(30, 230, 3), distance=0.3)
    skin = weather.shade(np.array([214.0, 172, 140]) * rng.uniform(0.5, 1.1), distance=0.3)
    draw.rectangle([x - 0.09 * h, y - 0.48 * h, x - 0.01 * h, y], fill=legs)
    draw.rectangle([x + 0.01 * h, y - 0.48 * h, x + 0.09 * h, y], fill=legs)
    draw.rounded_rectangle([x - 0.13 * h, y - 0.85 * h, x + 0.13 * h, y - 0.4 * h], h / 20, coat)
    draw.ellipse([x - 0.07 * h, y - h, x + 0.07 * h, y - 0.84 * h], fill=skin)


def _lamp(draw: ImageDraw.ImageDraw, weather: Weather, x: float, height: int, side: float) -> None:
    pole = weather.shade(np.array([58.0, 60, 62]), distance=0.3)
    draw.rectangle([x - 0.006 * side, height - 0.62 * side, x + 0.006 * side, height], fill=pole)
    top = height - 0.64 * side
    glass = weather.shade(np.array([250.0, 240, 205]), distance=0.3)
    draw.ellipse([x - 0.022 * side, top, x + 0.022 * side, top + 0.044 * side], fill=glass)
