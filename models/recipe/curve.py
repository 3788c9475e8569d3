"""The loss curve beside the card: `build/loss.csv` to `models/loss.csv` and `models/loss.svg`."""

from __future__ import annotations

import argparse
import csv
import math
import shutil
from pathlib import Path

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 34, 46
TRAINING_COLOUR, VALIDATION_COLOUR = "#4878a8", "#c8553d"
# Logarithmic: most of the curve lies within a tenth of a nat of its end.
GRID_NATS = (0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 2.0, 3.0, 5.0)


def read_losses(path: Path) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Points (millions of tokens, nats a token) of the training loss and of the validation loss."""
    training, validation = [], []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            tokens = int(row["tokens"]) / 1e6
            training.append((tokens, float(row["loss"])))
            if row["validation_loss"]:
                validation.append((tokens, float(row["validation_loss"])))
    return training, validation


def draw(training: list[tuple[float, float]], validation: list[tuple[float, float]]) -> str:
    """The curves as an SVG that reads on light and on dark ground."""
    last = max(tokens for tokens, _ in training)
    losses = [loss for _, loss in training + validation]
    low, high = math.log(min(losses) * 0.93), math.log(max(losses) * 1.05)

    def x(tokens: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * tokens / last

    def y(loss: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log(loss)) / (high - low)

    def line(points: list[tuple[float, float]], colour: str, width: float) -> str:
        path = " ".join(f"{x(tokens):.1f},{y(loss):.1f}" for tokens, loss in points)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for nats in GRID_NATS:
        if low <= math.log(nats) <= high:
            parts.append(f'<path d="M{LEFT} {y(nats):.1f}H{WIDTH - RIGHT}" stroke="#e0e0e0"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{y(nats) + 4:.1f}" text-anchor="end" fill="#444">{nats:g}</text>')
    step = max(1, round(last / 10))
    for tokens in range(0, int(last) + 1, step):
        parts.append(f'<text x="{x(tokens):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#444">{tokens}</text>')
    parts += [
        line(training, TRAINING_COLOUR, 1.2),
        line(validation, VALIDATION_COLOUR, 2),
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle" fill="#444">millions of tokens</text>',
        f'<text x="{LEFT - 46}" y="{TOP - 14}" fill="#444">nats per token</text>',
        f'<text x="{WIDTH - RIGHT}" y="{TOP - 14}" text-anchor="end">'
        f'<tspan fill="{TRAINING_COLOUR}">training</tspan> <tspan fill="{VALIDATION_COLOUR}">validation</tspan></text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    models = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path(__file__).parent / "build")
    arguments = parser.parse_args()
    shutil.copyfile(arguments.build / "loss.csv", models / "loss.csv")
    (models / "loss.svg").write_text(draw(*read_losses(models / "loss.csv")), encoding="utf-8")


if __name__ == "__main__":
    main()
