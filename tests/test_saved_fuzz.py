"""Damaged and forged files: a right result or an error of ours, and little memory.

``SK_ENTITY_FUZZ_FILES=20000`` (``make fuzz``) is what the notes report.
"""

import copy
import hashlib
import json
import os
import random
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from sk_entity import EntityEmbeddingEncoder
from sk_entity._files.container import _checksum, unpack
from sk_entity._saved import unpack_learned
from sk_entity.exceptions import SavedFileError, SkEntityError

FILES = int(os.environ.get("SK_ENTITY_FUZZ_FILES", "600"))
RNG = np.random.default_rng(0)
N = 80
X = pd.DataFrame(
    {
        "text": RNG.choice(["old oak", "new oak", "elm", None], N),
        "code": RNG.integers(0, 5, N),
        "tags": RNG.choice(["a|b", "c", ""], N),
        "mixed": pd.Series([1, "1", 2.5, None] * (N // 4), dtype=object),
        "size": RNG.normal(size=N),
    }
)
ABSURD = [-1, 0, 2**31, 2**63, 10**30, 1e308, "", "x" * 999, None, True, [], {}, [[]]]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The bytes of some encoders, of all kinds of parts."""
    folder, found = tmp_path_factory.mktemp("files"), []
    for params, y in (
        ({"subwords": ["text"], "multivalued": {"tags": "|"}}, RNG.normal(size=N)),
        ({"hash_buckets": {"text": 4}, "add_statistics": True}, X["code"] % 3),
        (
            {"crosses": [("text", "code"), ("code", "size")], "loss": "poisson"},
            X["code"] + 0.0,
        ),
    ):
        encoder = EntityEmbeddingEncoder(
            ["text", "code", "tags", "mixed"], max_epochs=1, random_state=0, **params
        )
        encoder.fit(X, y).save(folder / "file")
        found.append((folder / "file").read_bytes())
    return found


def outcome(data, path):
    """Load bytes as a file and use them; return what came of it, and the memory."""
    path.write_bytes(data)
    tracemalloc.start()
    start = time.monotonic()
    try:
        encoder = EntityEmbeddingEncoder.load(path)
        encoder.transform(X)
        encoder.transform(X.iloc[[1]])
        encoder.get_feature_names_out()
        for table in encoder.embeddings_.values():
            table.to_frame()
            table.look_up([1, "elm"])
        found = "loaded"
    except SkEntityError as error:
        found = type(error).__name__
        if isinstance(error, SavedFileError) and path.name not in str(error):
            raise AssertionError("a file without a name") from error
    except ValueError as error:  # columns that are not those of fit
        if not str(error).startswith(("The feature names", "X has")):
            raise
        found = "other columns"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - start < 5
    assert peak < 10 * len(data) + 20_000_000, f"{peak} bytes for {len(data)}"
    return found


def damaged(data, rng):
    """Flip, cut, double, or overwrite bytes anywhere."""
    data = bytearray(data)
    kind = rng.choice(["flip", "cut", "insert", "length", "double", "zero"])
    place = rng.randrange(len(data))
    if kind == "flip":
        for _ in range(rng.randrange(1, 9)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[place:]
    elif kind == "insert":
        data[place:place] = rng.randbytes(rng.randrange(1, 99))
    elif kind == "length":
        length = rng.choice([0, 1, 2**16, 2**40, 2**63, rng.randrange(9999)])
        data[:8] = length.to_bytes(8, "little")
    elif kind == "double":
        data += bytes(data)
    else:
        end = place + rng.randrange(1, 999)
        data[place:end] = bytes(len(data[place:end]))
    return bytes(data)


def places(tree, found):
    """Collect (container, key) of all values of a JSON document."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(pairs):
        found.append((tree, key))
        if isinstance(value, (dict, list)):
            places(value, found)
    return found


def forged(data, rng):
    """Change the document or the arrays of a file, and make the checksum right."""
    document, arrays = unpack(data, "encoder")
    document, arrays = copy.deepcopy(document), dict(arrays)
    for _ in range(rng.randrange(1, 4)):
        if rng.random() < 0.6:
            container, key = rng.choice(places(document, []))
            act = rng.choice(["absurd", "other", "delete", "nearly"])
            if act == "absurd":
                container[key] = copy.deepcopy(rng.choice(ABSURD))
            elif act == "other":
                other, at = rng.choice(places(document, []))
                container[key] = copy.deepcopy(other[at])
            elif act == "nearly" and isinstance(container[key], (int, float)):
                container[key] += rng.choice([-1, 1])
            else:
                del container[key]
        else:
            name = rng.choice(list(arrays))
            array = arrays[name]
            arrays[name] = rng.choice(
                [
                    lambda a: a[:-1],
                    lambda a: a.astype(rng.choice(["float64", "int64", "uint8"])),
                    lambda a: a[None],
                    lambda a: a.reshape(-1),
                    lambda a: np.concatenate([a, a]),
                    lambda a: a + a.dtype.type(1) if a.dtype != bool else ~a,
                    lambda a: np.zeros((0, *a.shape[1:]), a.dtype),
                    lambda a: np.full_like(a, np.iinfo(np.int8).max),
                    lambda a: -a if a.dtype.kind in "if" else a,
                    lambda a: np.zeros((0, 2**40), a.dtype),
                ]
            )(array)
    return packed(json.dumps(document), arrays)


def packed(text, arrays):
    metadata = {"sk_entity": text, "sha256": _checksum(text, arrays)}
    return save_arrays(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", [damaged, forged])
def test_no_file_has_an_outcome_of_its_own(files, change, tmp_path):
    seen = {}
    for number in range(FILES // 2):
        rng = random.Random(number)
        data = change(rng.choice(files), rng)
        try:
            found = outcome(data, tmp_path / "file")
        except BaseException as error:
            raise AssertionError(f"{change.__name__} {number}: {error!r}") from error
        seen[found] = seen.get(found, 0) + 1
    print(change.__name__, seen)
    assert seen["SavedFileError"] > FILES // 5


def test_deep_documents_and_names_that_come_twice(files):
    document, arrays = unpack(files[0], "encoder")
    text = json.dumps(document)
    deep = '{"$tuple": [' * 900 + "]}" * 900
    for wrong in (
        text.replace('"omitted": []', '"omitted": ' + "[" * 100_000 + "]" * 100_000),
        text.replace('"omitted": []', '"omitted": ' + deep),
        text.replace('"omitted": []', '"omitted": [], "omitted": []'),
        text.replace('"omitted": []', '"omitted": NaN'),
        text.replace('"omitted": []', '"omitted": ' + "9" * 5000),
        "[]",
        '"text"',
    ):
        with pytest.raises(SavedFileError):
            unpack_learned(packed(wrong, arrays))


def test_subwords_whose_vocabulary_is_another_are_refused(files):
    document, arrays = unpack(files[0], "encoder")
    found = []
    for container, key in places(document, []):
        if key == "$class" and container[key][0] == "Subwords":
            found.append(container[key][1]["vocabulary"]["$class"][1])
    (vocabulary,) = found
    assert vocabulary["missing_code"] == 4
    vocabulary["missing_code"] = 5
    with pytest.raises(SavedFileError, match="codes beyond"):
        unpack_learned(packed(json.dumps(document), arrays))


def test_a_changed_byte_of_any_array_is_noticed(files):
    data = files[1]
    first = 8 + int.from_bytes(data[:8], "little")
    for place in range(first, len(data), 97):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(SavedFileError, match="checksum"):
            unpack_learned(bytes(changed))
    assert hashlib.sha256(data).digest() != hashlib.sha256(bytes(changed)).digest()
    assert load_arrays(data)
