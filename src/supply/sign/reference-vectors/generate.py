"""Makes vectors.json: model directories signed by the reference implementation of OpenSSF Model Signing.

    python3 -m venv venv && venv/bin/pip install model-signing==1.1.1 pyopenssl
    venv/bin/python generate.py > vectors.json

Keys are made anew and thrown away; the signatures differ in every run, what they say does not.
"""

import json
import pathlib
import tempfile

import model_signing
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

PLAIN = {"config.json": "{}", "weights.bin": "0123456789", "sub/deep/weights.bin": "abc"}
# In UTF-16, which is how JavaScript sorts, the last two stand the other way round.
BEYOND_BMP = {"a.bin": "1", "Z.bin": "2", "\ufb00.bin": "3", "\U0001f600.bin": "4"}
EMPTY_FILE = {"empty.bin": "", "weights.bin": "0123456789"}
COLONS = {"a:0:4": "colons in a name", "weights.bin": "0123456789"}
GIT = {**PLAIN, ".gitignore": "*.tmp", ".github/ci.yml": "on: push", "sub/.gitignore": "signed"}
IGNORED = {**PLAIN, "cache/x": "1", "sub/cache": "signed"}

CASES = {
    "files-p256": (PLAIN, ec.SECP256R1(), {}),
    "files-p384": (PLAIN, ec.SECP384R1(), {}),
    "files-p521": (PLAIN, ec.SECP521R1(), {}),
    "files-beyond-bmp": (BEYOND_BMP, ec.SECP256R1(), {}),
    "files-empty-file": (EMPTY_FILE, ec.SECP256R1(), {}),
    "files-git": (GIT, ec.SECP256R1(), {}),
    "files-ignored": (IGNORED, ec.SECP256R1(), {"ignore": ["cache"]}),
    "files-blake2b": (PLAIN, ec.SECP256R1(), {"algorithm": "blake2"}),
    "files-blake3": (PLAIN, ec.SECP256R1(), {"algorithm": "blake3"}),
    "shards": (PLAIN, ec.SECP256R1(), {"shard": 4}),
    "shards-colons": (COLONS, ec.SECP256R1(), {"shard": 4}),
    "shards-empty-file": (EMPTY_FILE, ec.SECP256R1(), {"shard": 4}),
}


def sign(files, curve, options):
    with tempfile.TemporaryDirectory() as scratch:
        model = pathlib.Path(scratch) / "model"
        for name, text in files.items():
            path = model / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        key = ec.generate_private_key(curve)
        key_path = pathlib.Path(scratch) / "key.pem"
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        algorithm = options.get("algorithm", "sha256")
        hashing = model_signing.hashing.Config()
        if "shard" in options:
            hashing.use_shard_serialization(hashing_algorithm=algorithm, shard_size=options["shard"])
        else:
            hashing.use_file_serialization(hashing_algorithm=algorithm)
        ignored = [model / name for name in options.get("ignore", [])]
        hashing.set_ignored_paths(paths=ignored, ignore_git_paths=True)
        bundle = pathlib.Path(scratch) / "model.sig"
        config = model_signing.signing.Config().set_hashing_config(hashing)
        config.use_elliptic_key_signer(private_key=key_path).sign(model, bundle)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {
            "files": files,
            "publicKey": public.decode(),
            "bundle": bundle.read_text(encoding="utf-8"),
        }


vectors = {name: sign(*case) for name, case in CASES.items()}
print(json.dumps({"reference": f"model-signing {model_signing.__version__}", "vectors": vectors}, indent=1))
