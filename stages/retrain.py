"""New data in, a better champion out, or nothing changed: the job that a schedule runs; not part of the pipeline.

Exit codes:
  0   promoted: the challenger is champion now
  10  kept: the champion stays, and the log says why
  11  nothing new: neither data nor parameters nor code changed since the last decision
  65  rejected: the new data are not fit to be trained on; nothing else was done
  75  already running: another job is under way
  1   failed, for instance because DVC failed; 2 parameters, 4 MLflow, 6 a file that is not what its record says.
      The champion is as it was, unless the message says that a decision stands; the next job completes this one
"""

import argparse
import sys

from stages import run
from stages.rollback import place, retraining_parser


def main() -> None:
    arguments = retraining_parser(__doc__, argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--force", action="store_true", help="train and decide anew although nothing is new")
    arguments.add_argument(
        "--zero", action="store_true", help="exit 0 for kept and nothing new too, for schedulers that know only failure"
    )
    given = arguments.parse_args()

    from regbench.retraining.job import EXIT_CODES, retrain

    ended = retrain(place(given), given.force, given.wait)
    print("\n".join([ended.outcome, *(ended.record.reasons if ended.record else ())]), flush=True)
    sys.exit(0 if given.zero else EXIT_CODES[ended.outcome])


if __name__ == "__main__":
    run(main)
