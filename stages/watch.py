"""Show running trainings in MLflow, epoch by epoch, until interrupted; a training itself knows nothing of MLflow."""

import sys
import time
from pathlib import Path

from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("live", type=Path, help="folder of the files that trainings write")
    arguments.add_argument("--seconds", type=float, default=2, help="between two looks; default: %(default)s")
    given = arguments.parse_args()

    from regbench.config.checking import load_params
    from regbench.errors import TrackingError
    from regbench.tracking.store import find_store
    from regbench.tracking.watch import watch

    store = find_store(Path.cwd())
    name = load_params(given.params).track.experiment
    print(f"{store.shown}: running trainings are in the experiment {name}-live; Ctrl-C ends this", flush=True)
    told = ""
    while True:
        try:
            for _ in watch(store, name, given.live):
                told = ""
                time.sleep(given.seconds)
        except TrackingError as error:
            if str(error) != told:
                print(told := str(error), file=sys.stderr, flush=True)
            time.sleep(given.seconds)


if __name__ == "__main__":
    run(main)
