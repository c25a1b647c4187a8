"""A user's program, as tests/test_release.py gives it to mypy: it is not run."""

from pathlib import Path
from typing import assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import (  # type: ignore[import-untyped]
    HistGradientBoostingRegressor,
)
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]

from sk_entity import EmbeddingTable, EntityEmbeddingEncoder, Pretrained
from sk_entity.datasets import make_entities
from sk_entity.inference import InferenceEncoder
from sk_entity.inspection import EncoderComparison, compare_encoders, drift
from sk_entity.losses import PerTarget, Quantile, Tweedie
from sk_entity.plotting import EmbeddingMapDisplay

data = make_entities(500, random_state=0)
encoder = EntityEmbeddingEncoder(
    ["entity_0"],
    embedding_dim={"entity_0": 4},
    loss=Quantile(0.9),
    net=(32,),
    cv=3,
    pretrained={"entity_0": Pretrained("vectors.csv", freeze=True)},
    random_state=0,
)
model = make_pipeline(encoder, HistGradientBoostingRegressor())
model.fit(data.X, data.y)

assert_type(encoder.fit(data.X, data.y), EntityEmbeddingEncoder)
assert_type(encoder.set_params(cv=None), EntityEmbeddingEncoder)
assert_type(encoder.embeddings_, dict[str, EmbeddingTable])
assert_type(encoder.crosses_, list[tuple[str, str]])
assert_type(encoder.history_, pd.DataFrame)
assert_type(encoder.choices_, pd.DataFrame)
assert_type(encoder.feature_groups_, dict[str, list[str]])
assert_type(encoder.n_features_in_, int)
assert_type(encoder.inverse_transform(encoder.transform(data.X)), pd.DataFrame)

table = encoder.embeddings_["entity_0"]
assert_type(table.dim, int)
assert_type(table["a00"], NDArray[np.float32])
assert_type(table.look_up(["a00", "a01"]), NDArray[np.float32])
assert_type(table.mean(["a00", "a01"]), NDArray[np.float64])
assert_type(table.nearest("a00", k=3), pd.DataFrame)
assert_type(table.similarity("a00", "a01"), float)
assert_type(EmbeddingTable.from_frame(table.to_frame(spread=True)), EmbeddingTable)
assert_type(EmbeddingTable.load(Path("film.safetensors")), EmbeddingTable)
assert_type(drift(table, table), pd.DataFrame)

encoder.save("encoder.safetensors", omit_code=True)
assert_type(EntityEmbeddingEncoder.load("encoder.safetensors"), EntityEmbeddingEncoder)
served = InferenceEncoder.load(Path("encoder.safetensors"))
assert_type(served, InferenceEncoder)
assert_type(served.get_feature_names_out(), list[str])

assert_type(Quantile(0.9).level, float)
losses = PerTarget([Tweedie(1.7), "log_loss"], target_weights={"sales": 2.0})
EntityEmbeddingEncoder(loss=losses).fit(data.X, data.y, offset="z_1")

assert_type(
    compare_encoders(HistGradientBoostingRegressor(), data.X, data.y), EncoderComparison
)
assert_type(EmbeddingMapDisplay.from_encoder(encoder, "entity_0"), EmbeddingMapDisplay)

# What is wrong is an error, which mypy would find unneeded to silence otherwise.
EntityEmbeddingEncoder(embeding_dim=4)  # type: ignore[call-arg]
EntityEmbeddingEncoder(remainder=None)  # type: ignore[arg-type]
table.nearest("a00", k="three")  # type: ignore[arg-type]
vectors = encoder.embeddings_.vectors  # type: ignore[attr-defined]
Quantile("median")  # type: ignore[arg-type]
