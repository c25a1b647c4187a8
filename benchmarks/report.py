"""The benchmark's table and figure."""

import pandas as pd


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
            text = f"{value:.4f} ± {spread.loc[task, encoder]:.4f}"
            cells.loc[task, encoder] = f"**{text}**" if value == best[task] else text
    complete = mean.dropna(axis=1)
    ranks = complete.rank(axis=1, ascending=False).mean()
    cells.loc["mean rank"] = [
        f"{ranks[encoder]:.2f}" if encoder in ranks else "-" for encoder in mean
    ]
    return cells


def to_markdown(cells):
    lines = ["| task | " + " | ".join(cells.columns) + " |"]
    lines.append("|---|" + "--:|" * cells.shape[1])
    for name, row in cells.iterrows():
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def draw(scores, model, path):
    """Draw scores less those of TargetEncoder, a panel a task."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    reference = scores["target"]
    relative = scores.sub(reference, axis=0).drop(columns="target")
    tasks = list(dict.fromkeys(scores.index.get_level_values("task")))
    columns = 3
    rows = -(-len(tasks) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(13, 2.6 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(tasks) :]:
        axis.set_visible(False)
    for task, axis in zip(tasks, axes.flat, strict=False):
        here = relative.loc[task].dropna(axis=1, how="all")
        low = here.drop(columns=["none", "random"], errors="ignore").to_numpy().min()
        for position, encoder in enumerate(here):
            ours = encoder.startswith("embedding")
            color = (
                "tab:red"
                if encoder == "embedding"
                else "tab:orange"
                if ours
                else "0.35"
            )
            values = here[encoder]
            axis.plot(
                values, [position] * len(values), "o", color=color, alpha=0.4, ms=4
            )
            axis.plot([values.mean()], [position], "|", color=color, ms=14, mew=2.5)
        axis.axvline(0, color="tab:blue", lw=1)
        span = max(abs(here.to_numpy().max()), abs(low), 1e-9)
        axis.set_xlim(-1.15 * span, 1.15 * span)
        axis.set_yticks(range(here.shape[1]), here.columns, fontsize=7)
        axis.tick_params(axis="x", labelsize=7)
        axis.invert_yaxis()
        axis.set_title(task, fontsize=9)
    figure.suptitle(
        f"{model}: score less TargetEncoder's on the same split (right is better; "
        "dots: seeds, bar: mean; far losers are cut off)"
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write_report(results, options):
    parts = []
    for model in options.models:
        scores = select(results, options, model)
        parts.append(f"### {model}\n\n{to_markdown(table(scores))}\n")
        if "target" in scores:
            path = options.csv.with_name(f"{options.csv.stem}_{model}.png")
            draw(scores, model, path)
            print("figure:", path)
    text = "\n".join(parts)
    options.csv.with_suffix(".md").write_text(text)
    print(text)
