"""Encoders compared in pairs, over tasks and seeds.

Tasks are what varies independently, so the tests are over tasks, of the means over
seeds; the seeds say what counts as a tie. All of it reads ranks and signs only, as
R², AUC and errors have no scale in common.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.05
TIE_RULE = (
    "a tie: the mean of the paired differences over seeds is within one standard "
    "deviation of these differences (of one seed: equal scores)"
)


@dataclass(frozen=True)
class Standing:
    """Mean ranks of encoders, and whether tasks tell them apart (Demšar 2006)."""

    ranks: pd.Series
    n_tasks: int
    p_value: float
    critical_difference: float

    def __str__(self):
        return (
            f"Friedman test over {self.n_tasks} tasks: p = {self.p_value:.2g}; "
            f"critical difference of mean ranks (Nemenyi, {LEVEL}): "
            f"{self.critical_difference:.2f}"
        )


def standing(scores):
    """Rank the encoders that ran on every task; a frame of (task, seed) x encoder."""
    means = scores.groupby("task").mean().dropna(axis=1)
    n_tasks, n_encoders = means.shape
    ranks = means.rank(axis=1, ascending=False).mean().sort_values()
    p_value = np.nan
    if n_tasks > 1 and n_encoders > 2:
        p_value = stats.friedmanchisquare(*means.to_numpy().T).pvalue
    quantile = stats.studentized_range.ppf(1 - LEVEL, max(n_encoders, 2), np.inf)
    error = np.sqrt(n_encoders * (n_encoders + 1) / (6 * n_tasks))
    return Standing(ranks, n_tasks, float(p_value), quantile / np.sqrt(2) * error)


def win_tie_loss(scores, reference):
    """Count on how many tasks the reference beats each other encoder.

    Returns a row an encoder: ``win``, ``tie``, ``loss`` of the reference and ``p``, a
    sign test of wins against losses with Holm's correction for the number of encoders.
    """
    rows = {}
    for encoder in scores.columns.drop(reference):
        difference = (scores[reference] - scores[encoder]).dropna().groupby("task")
        mean, spread = difference.mean(), difference.std().fillna(0.0)
        win, loss = int((mean > spread).sum()), int((mean < -spread).sum())
        rows[encoder] = {
            "win": win,
            "tie": len(mean) - win - loss,
            "loss": loss,
            "p": stats.binomtest(win, win + loss).pvalue if win + loss else 1.0,
        }
    counts = pd.DataFrame.from_dict(rows, orient="index").rename_axis("encoder")
    counts["p"] = _holm(counts["p"].to_numpy())
    return counts


def _holm(p_values):
    order = np.argsort(p_values)
    adjusted = p_values[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(adjusted), 1.0)
    return corrected


def cliques(found):
    """Find runs of ranks within the critical difference, none inside another."""
    ranks, runs, end = found.ranks.to_numpy(), [], 0
    for start in range(len(ranks)):
        within = ranks <= ranks[start] + found.critical_difference
        last = int(np.flatnonzero(within)[-1])
        if last > max(start, end):
            runs.append((start, last))
            end = last
    return runs


def draw_critical_difference(found, title, path):
    """Draw mean ranks on a line; a bar joins what the tasks do not tell apart."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ranks, n, runs = found.ranks, len(found.ranks), cliques(found)
    depth = 1 + len(runs)
    lowest = depth + (n + 1) // 2
    figure, axis = plt.subplots(figsize=(9, 1.6 + 0.3 * lowest), layout="constrained")
    axis.hlines(0, 1, n, color="black", lw=1)
    for tick in range(1, n + 1):
        axis.vlines(tick, -0.15, 0, color="black", lw=1)
        axis.text(tick, -0.3, str(tick), ha="center", va="bottom", fontsize=8)
    for place, (name, rank) in enumerate(ranks.items()):
        # The better half is named on the left, the other one on the right.
        left = place < (n + 1) // 2
        y = depth + (place if left else n - 1 - place)
        x = 0.7 if left else n + 0.3
        color = "tab:red" if name.startswith("embedding") else "0.2"
        axis.plot([rank, rank, x], [0, y, y], color=color, lw=1)
        axis.text(
            x,
            y,
            f" {name}  {rank:.2f} ",
            ha="right" if left else "left",
            va="center",
            color=color,
            fontsize=8,
        )
    for row, (start, last) in enumerate(runs):
        axis.hlines(
            0.6 + 0.7 * row, ranks.iloc[start] - 0.05, ranks.iloc[last] + 0.05, lw=3
        )
    axis.hlines(-1.4, 1, 1 + found.critical_difference, color="tab:blue", lw=2)
    axis.text(1, -1.6, "critical difference", color="tab:blue", fontsize=8)
    axis.set_xlim(-1.5, n + 2.5)
    axis.set_ylim(lowest, -2.6)
    axis.axis("off")
    axis.set_title(title, fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)
