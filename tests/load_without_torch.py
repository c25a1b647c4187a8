"""Load encoders in a process that cannot import torch, and compare their features."""

import pickle
import sys
import warnings
from pathlib import Path


class Missing:
    """An importer that makes packages look as if they were not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "skorch", "matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main(folder):
    import numpy as np

    from sk_entity import EntityEmbeddingEncoder
    from sk_entity.inference import InferenceEncoder

    trips = pickle.loads((folder / "trips.pickle").read_bytes())
    for file, X, features in trips:
        encoder = EntityEmbeddingEncoder.load(folder / file)
        np.testing.assert_array_equal(np.asarray(encoder.transform(X)), features)
        frame = InferenceEncoder.load(folder / file).transform(X, output="pandas")
        assert list(frame) == list(encoder.get_feature_names_out())
    print(len(trips), "same")


if __name__ == "__main__":
    sys.meta_path.insert(0, Missing())
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
