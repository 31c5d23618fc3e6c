"""What Python's email package takes for the named leaves of each mail: lines of FILE, NAME, SHA-256.

Files are read from standard input, one a line. Names are in UTF-8 and hex. A mail that the package fails on is a
line of FILE, `failed`, and why.
"""

import email
import email.policy
import hashlib
import sys


def leaves(path):
    with open(path, "rb") as file:
        message = email.message_from_bytes(file.read(), policy=email.policy.default)
    for part in message.walk():
        name = part.get_filename()
        if not part.is_multipart() and name is not None:
            octets = part.get_payload(decode=True)
            yield str(name).encode("utf-8", "replace").hex(), hashlib.sha256(octets).hexdigest()


for path in sys.stdin.read().splitlines():
    try:
        found = list(leaves(path))
    except Exception as error:  # The package raises whatever it comes upon, and that is what is told.
        found = [("failed", type(error).__name__)]
    for name, digest in found:
        print(path, name, digest, sep="\t")
