"""How good pruners are whatever the order of trials: recorded trials are replayed in many random orders.

One order says little: the best of many trials is mostly the luckiest training, and which one a pruner keeps is chance.
So the luck is taken out twice. The loss of a setting is read from a Gaussian process fitted to all whole trials over
their settings, which averages over neighbours (Rasmussen and Williams: Gaussian Processes for Machine Learning, 2006,
chapter 2). And the question, what half of the epochs would lose, is asked under many orders.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.preprocessing import StandardScaler

from regbench.config.ranges import Range
from regbench.config.search import Search
from regbench.runtime.randomness import generator
from regbench.search.space import Space, pruner

ORDERS = 60
USUAL = 0.9
"""Part of the trials, the best ones, that the process is fitted to: trainings that failed would bend it."""


def compare_orders(
    space: Space, search: Search, trials: Sequence[FrozenTrial], pruners: Sequence[str]
) -> dict[str, Any]:
    """Return by pruner what half of the epochs lose.

    That is the `difference` from no pruning with all of them, in nats of the winner's smoothed validation loss, mean
    over orders, and its standard `error`. No pruning gets the epochs of half of the trials, so that pruners have some
    to draw from; `none` in the result is no pruning with half of that. `trials` are two or more, whole, not failed.
    """
    curves = [np.array([loss for _, loss in sorted(trial.intermediate_values.items())]) for trial in trials]
    losses = smoothed(space, trials)
    length = max(map(len, curves))
    limit = len(curves) // 2 * length
    orders = [generator(search.seed, "search", number).permutation(len(curves)) for number in range(ORDERS)]
    whole = np.array([losses[winner(search, "none", curves, order, limit)] for order in orders])
    found = {}
    for name in ("none", *pruners):
        lost = np.array([losses[winner(search, name, curves, order, limit // 2)] for order in orders]) - whole
        found[name] = {"difference": lost.mean(), "error": lost.std(ddof=1) / np.sqrt(ORDERS)}
    return {"epochs": [limit, limit // 2], "smoothed_loss": whole.mean(), **found}


def winner(
    search: Search, name: str, curves: Sequence[NDArray[np.float64]], order: NDArray[np.int64], limit: int
) -> int:
    """Return the trial with the lowest loss of those that `pruner` lets end, before `limit` epochs are spent.

    The trial that passes the limit still ends. If none ends, it is the first.
    """
    judge = pruner(search.model_copy(update={"pruner": name}), max(map(len, curves)))
    study = optuna.create_study(study_name="orders", pruner=judge, sampler=optuna.samplers.RandomSampler(seed=0))
    spent, ended = 0, {int(order[0]): np.inf}
    for number in order:
        if spent >= limit:
            break
        trial, state = study.ask(), TrialState.COMPLETE
        for epoch, loss in enumerate(curves[number]):
            spent += 1
            trial.report(float(loss), epoch)
            if trial.should_prune():
                state = TrialState.PRUNED
                break
        best = float(curves[number].min())
        study.tell(trial, best if state == TrialState.COMPLETE else None, state)
        if state == TrialState.COMPLETE:
            ended[int(number)] = best
    return min(ended, key=lambda number: ended[number])


def smoothed(space: Space, trials: Sequence[FrozenTrial]) -> NDArray[np.float64]:
    """Return each trial's loss as a Gaussian process sees it that is fitted to all of them."""
    columns = [
        np.log([trial.params[key] for trial in trials])
        if isinstance(searched, Range) and searched.log
        else np.array([trial.params[key] for trial in trials])
        for key, searched in space.items()
    ]
    settings = np.column_stack(columns)
    settings = StandardScaler().fit_transform(settings)
    losses = np.array([trial.values[0] for trial in trials])
    usual = losses <= np.quantile(losses, USUAL)
    kernel = ConstantKernel() * RBF(np.ones(settings.shape[1]), (0.3, 30)) + WhiteKernel(0.3, (1e-5, 10))
    process = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=4, random_state=0)
    return np.asarray(process.fit(settings[usual], losses[usual]).predict(settings))
