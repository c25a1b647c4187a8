"""What the galleries' scripts must not do: warn."""

import warnings

_before: list[tuple] = []


def warnings_are_errors(gallery_conf, fname, when):
    """Make every warning of a script an error, and no warning of what comes after."""
    if fname is None:  # a folder, not a script
        return
    if when == "before":
        _before[:] = warnings.filters
        warnings.simplefilter("error")
    else:
        warnings.filters[:] = _before
