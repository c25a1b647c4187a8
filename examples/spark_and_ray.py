"""
Spark and Ray: features of rows that other engines hold
=======================================================

A fitted encoder in a file is all that a worker needs: neither PyTorch nor scikit-learn
nor a cluster of Dask's. Spark asks for a function from pandas frames to pandas frames,
Ray for a class that is made once a worker::

    pip install pyspark   # or "ray[data]"
    python examples/spark_and_ray.py spark
    python examples/spark_and_ray.py ray
"""

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from sk_entity.inference import InferenceEncoder


def features_of_frames(frames, path):
    """Yield the features of frames: what ``mapInPandas`` asks for."""
    encoder = InferenceEncoder.load(path)
    for frame in frames:
        yield encoder.transform(frame, output="pandas")


class FeaturesOfBatches:
    """The features of a batch: what ``map_batches`` asks for."""

    def __init__(self, path):
        self.encoder = InferenceEncoder.load(path)

    def __call__(self, batch):
        return self.encoder.transform(batch, output="pandas")


def with_spark(rows, path):
    """Return features that Spark has computed."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.master("local[2]").getOrCreate()
    encoder = InferenceEncoder.load(path)
    # Spark wants the types before it computes: those of no rows tell.
    empty = encoder.transform(rows.iloc[:0], output="pandas")
    kinds = {"f4": "float", "f8": "double", "i8": "long"}
    schema = ", ".join(f"`{c}` {kinds[t.str[1:]]}" for c, t in empty.dtypes.items())
    frame = spark.createDataFrame(rows).repartition(4)
    found = frame.mapInPandas(partial(features_of_frames, path=path), schema)
    return found.toPandas()


def with_ray(rows, path):
    """Return features that Ray has computed."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    found = ray.data.from_pandas(rows).map_batches(
        FeaturesOfBatches,
        fn_constructor_args=(path,),
        batch_format="pandas",
        concurrency=1,
    )
    return found.to_pandas()


ENGINES = {"spark": with_spark, "ray": with_ray}


def main():
    """Compare an engine's features with those of this process."""
    path = sys.argv[2] if len(sys.argv) > 2 else make_encoder()
    rows = pd.DataFrame({"city": list("abcd") * 500, "size": np.arange(2000) / 7})
    found = ENGINES[sys.argv[1]](rows, path)
    expected = InferenceEncoder.load(path).transform(rows, output="pandas")
    order = ["size", "city_00"]
    found = found.sort_values(order).to_numpy()
    expected = expected.sort_values(order).to_numpy()
    print(f"{sys.argv[1]}: {len(found)} rows, equal: {np.array_equal(found, expected)}")


def make_encoder():
    """Fit an encoder, and return the path of its file."""
    from sk_entity import EntityEmbeddingEncoder

    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"city": rng.choice(list("abc"), 500), "size": rng.random(500)})
    y = rows["city"].map({"a": 1.0, "b": 2.0, "c": 4.0}) + rows["size"]
    path = str(Path(tempfile.mkdtemp()) / "encoder.safetensors")
    EntityEmbeddingEncoder(random_state=0, max_epochs=5).fit(rows, y).save(path)
    return path


if __name__ == "__main__":
    main()
