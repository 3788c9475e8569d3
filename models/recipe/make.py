"""Makes the pocket model from nothing, or goes on where an earlier call was cut off:

    python models/recipe/make.py

Data, pretraining (resumable), GGUF, loss curve, figures, samples and test fixtures. Everything under way is kept in
`models/recipe/build/`, which git ignores; delete that folder to begin anew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

RECIPE = Path(__file__).parent
# A twentieth more than the plan, because the last step takes a whole batch.
SPARE_SHARE = 1.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=18_000_000, help="tokens of pretraining")
    parser.add_argument("--build", type=Path, default=RECIPE / "build")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    arguments = parser.parse_args()

    # The data is written by processes of its own, before the trainer's threads take the cores.
    from shards import write_shards

    write_shards(
        arguments.build / "shards",
        arguments.build / "tokenizer.json",
        int(arguments.tokens * SPARE_SHARE),
        arguments.builders,
    )

    def run(script: str, *options: str) -> None:
        subprocess.run([sys.executable, str(RECIPE / script), *options], check=True)

    build = ("--build", str(arguments.build))
    workers = ("--workers", str(arguments.builders))
    run("train.py", *build, *workers, "--tokens", str(arguments.tokens))
    run("weights.py", *build)
    run("curve.py", *build)
    run("evaluate.py", *workers)
    run("samples.py", *workers)
    run("fixtures.py")


if __name__ == "__main__":
    main()
