"""Build the training step in C; where that fails, torch's operations do the same."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "sk_entity._compiled._kernel",
            ["sk_entity/_compiled/_kernel.c"],
            depends=[
                f"sk_entity/_compiled/_{name}.h" for name in ("adam", "batch", "block")
            ],
            # Vectors and fused products; no promise to set errno.
            extra_compile_args=["-O3", "-fno-math-errno", "-ffp-contract=fast"],
            optional=True,
        )
    ]
)
