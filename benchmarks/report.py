"""The benchmark's table and figure."""

import pandas as pd
from paired import TIE_RULE, draw_critical_difference, standing, win_tie_loss


def select(results, options, model):
    """Scores asked for: a frame of (task, seed) x encoder, and of mean and spread."""
    chosen = results[
        results["task"].isin(options.tasks or results["task"].unique())
        & results["encoder"].isin(options.encoders)
        & results["seed"].isin(options.seeds)
        & (results["train_rows"] == (options.train_rows or 0))
        & ((results["model"] == model) | (results["model"] == "catboost"))
        & results["score"].notna()
    ]
    order = [e for e in options.encoders if e in set(chosen["encoder"])]
    scores = chosen.pivot(index=["task", "seed"], columns="encoder", values="score")
    return scores[order]


def table(scores):
    """Mean and standard deviation over the seeds, and the mean rank of each encoder.

    Ranks are among the encoders that ran on every task.
    """
    mean = scores.groupby("task").mean()
    spread = scores.groupby("task").std()
    cells = mean.copy().astype(object)
    best = mean.max(axis=1)
    for task in mean.index:
        for encoder in mean:
            value = mean.loc[task, encoder]
            if pd.isna(value):
                cells.loc[task, encoder] = "-"
                continue
            text = f"{value:.4f}"
            if pd.notna(spread.loc[task, encoder]):  # of one seed there is none
                text += f" ± {spread.loc[task, encoder]:.4f}"
            cells.loc[task, encoder] = f"**{text}**" if value == best[task] else text
    complete = mean.dropna(axis=1)
    ranks = complete.rank(axis=1, ascending=False).mean()
    cells.loc["mean rank"] = [
        f"{ranks[encoder]:.2f}" if encoder in ranks else "-" for encoder in mean
    ]
    return cells


def to_markdown(cells, corner="task"):
    lines = [f"| {corner} | " + " | ".join(cells.columns) + " |"]
    lines.append("|---|" + "--:|" * cells.shape[1])
    for name, row in cells.iterrows():
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    return "\n".join(lines)


#: They lose by so much on some tasks that they would hide all else.
FAR_LOSERS = ["none", "random", "ordinal", "onehot"]


def draw(scores, model, path):
    """Draw scores less those of TargetEncoder, a panel a task."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    relative = scores.sub(scores["target"], axis=0).drop(columns="target")
    tasks = list(dict.fromkeys(scores.index.get_level_values("task")))
    n_rows = -(-len(tasks) // 3)
    figure, axes = plt.subplots(
        n_rows, 3, figsize=(13, 2.6 * n_rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(tasks) :]:
        axis.set_visible(False)
    for task, axis in zip(tasks, axes.flat, strict=False):
        _draw_task(axis, task, relative.loc[task].dropna(axis=1, how="all"))
    figure.suptitle(
        f"{model}: score less TargetEncoder's on the same split (right is better; "
        "dots: seeds, bar: mean; far losers are cut off)"
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_task(axis, task, scores):
    for position, encoder in enumerate(scores):
        color = "tab:orange" if encoder.startswith("embedding") else "0.35"
        color = "tab:red" if encoder == "embedding" else color
        values = scores[encoder].dropna()
        where = [position] * len(values)
        axis.plot(values, where, "o", color=color, alpha=0.4, ms=4)
        axis.plot([values.mean()], [position], "|", color=color, ms=14, mew=2.5)
    axis.axvline(0, color="tab:blue", lw=1)
    shown = scores.drop(columns=FAR_LOSERS, errors="ignore").abs().max().max()
    axis.set_xlim(-1.15 * shown, 1.15 * shown)
    axis.set_yticks(range(scores.shape[1]), scores.columns, fontsize=7)
    axis.tick_params(axis="x", labelsize=7)
    axis.invert_yaxis()
    axis.set_title(task, fontsize=9)


def paired_comparison(scores):
    """Compare the first embedding with each other encoder: Markdown, and ranks."""
    found = standing(scores)
    ours = [e for e in scores.columns if e.split("(")[0] == "embedding"]
    reference = "embedding" if "embedding" in ours else (ours or [scores.columns[0]])[0]
    counts = win_tie_loss(scores, reference)
    cells = counts[["win", "tie", "loss"]].astype(str)
    cells["p (sign test, Holm)"] = counts["p"].map("{:.2g}".format)
    cells["mean rank"] = [
        f"{found.ranks[e]:.2f}" if e in found.ranks else "-" for e in cells.index
    ]
    own_rank = found.ranks.get(reference, float("nan"))
    text = f"Tasks on which `{reference}` (mean rank {own_rank:.2f}) is better; "
    text += f"{TIE_RULE}.\n\n{to_markdown(cells, 'against')}\n\n{found}.\n"
    return text, found


def figure_path(options, model):
    """Where ranks are drawn: a file a model, if there are several."""
    if options.figure is None:
        return options.csv.with_name(f"{options.csv.stem}_{model}_ranks.png")
    if len(options.models) == 1:
        return options.figure
    return options.figure.with_stem(f"{options.figure.stem}_{model}")


def write_report(results, options):
    parts = []
    for model in options.models:
        scores = select(results, options, model)
        parts.append(f"### {model}\n\n{to_markdown(table(scores))}\n")
        if scores.shape[1] > 1:
            text, found = paired_comparison(scores)
            parts.append(text)
            path = figure_path(options, model)
            title = f"{model}: mean rank over {found.n_tasks} tasks"
            draw_critical_difference(found, f"{title} (a bar: not told apart)", path)
            print("figure:", path)
        if "target" in scores:
            path = options.csv.with_name(f"{options.csv.stem}_{model}.png")
            draw(scores, model, path)
            print("figure:", path)
    text = "\n".join(parts)
    options.csv.with_suffix(".md").write_text(text)
    print(text)
