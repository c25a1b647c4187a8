"""
Serve predictions with FastAPI
==============================

A pipeline of encoder and booster is fitted, saved without a pickle (skops), and served.
A request holds records, which are checked before they are predicted. Eight clients ask
at once, for one row and for a thousand rows; the table shows how long they wait.

``python examples/serve.py`` does all of it. ``--serve FILE`` is the server alone.
"""

# %%
import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import skops.io
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field, create_model
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities
from sk_entity.exceptions import SkEntityError

CLIENTS, PORT = 8, 8017
#: What the file may hold beside scikit-learn's own. Look at types before you add them.
TRUSTED = [
    "sk_entity._encoder.EntityEmbeddingEncoder",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]


# %%
# The server. Its request model follows from the columns that the encoder learned: text
# or nothing, numbers or nothing, and no other fields.
def make_app(path):
    unknown = skops.io.get_untrusted_types(file=path)
    trusted = [name for name in unknown if name in TRUSTED or "numpy" in name]
    pipeline = skops.io.load(path, trusted=trusted)
    encoder = pipeline[0]
    columns = list(encoder.feature_names_in_)
    fields = {
        name: (str | None if name in encoder.embeddings_ else float | None, ...)
        for name in columns
    }
    row = create_model("Row", __config__=ConfigDict(extra="forbid"), **fields)

    class Request(BaseModel):
        rows: list[row] = Field(min_length=1, max_length=10_000)

    app = FastAPI(title="sk-entity")

    @app.get("/health")
    def health():
        return {"columns": columns}

    @app.post("/predict")
    def predict(request: Request):
        # A plain function: FastAPI runs it in threads, which may share the encoder.
        frame = pd.DataFrame([each.model_dump() for each in request.rows])[columns]
        try:
            return {"predictions": pipeline.predict(frame).tolist()}
        except SkEntityError as error:
            raise HTTPException(422, str(error)) from error

    return app


# %%
# The clients: each asks again and again, over one connection.
def latencies(url, rows, seconds):
    """Return the milliseconds of all requests of eight clients at once."""
    found, end = [], time.monotonic() + seconds

    def ask():
        with httpx.Client() as client:
            while time.monotonic() < end:
                start = time.perf_counter()
                client.post(url, json={"rows": rows}).raise_for_status()
                found.append(1e3 * (time.perf_counter() - start))

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return np.asarray(found)


def wait_for(server, url):
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError("the server ended")
        try:
            return httpx.get(url).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


def main(seconds):
    data = make_entities(5000, n_categories=(30, 200, 1000), random_state=0)
    pipeline = make_pipeline(
        EntityEmbeddingEncoder(max_epochs=10, random_state=0),
        HistGradientBoostingRegressor(max_iter=100, random_state=0),
    )
    pipeline.fit(data.X, data.y)
    records = data.X.head(1000).to_dict("records")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.skops"
        skops.io.dump(pipeline, path)
        command = [sys.executable, __file__, "--serve", str(path)]
        server = subprocess.Popen(command)
        try:
            url = f"http://127.0.0.1:{PORT}"
            wait_for(server, f"{url}/health")
            answer = httpx.post(f"{url}/predict", json={"rows": records}).json()
            same = answer["predictions"] == pipeline.predict(data.X.head(1000)).tolist()
            print(f"1,000 predictions as in the notebook: {same}")
            wrong = {"rows": [records[0] | {"typo": 1}]}
            refused = httpx.post(f"{url}/predict", json=wrong)
            print(f"a field too many: {refused.status_code}\n")
            print("| rows a request | requests | p50, ms | p99, ms |")
            print("|--:|--:|--:|--:|")
            for n in (1, 1000):
                taken = latencies(f"{url}/predict", records[:n], seconds)
                middle, worst = np.quantile(taken, [0.5, 0.99])
                print(f"| {n:,} | {len(taken):,} | {middle:.1f} | {worst:.1f} |")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", metavar="FILE")
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    if options.serve:
        app = make_app(options.serve)
        uvicorn.run(app, port=PORT, log_level="warning")
    else:
        main(options.seconds)
