"""Pack a real Osmedeus base into sample/: `python scripts/pack_sample.py FOLDER`.

The same folder gives the same bytes: sorted names, no owners, one time, one set of modes.
"""

import lzma
import sys
import tarfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "sample" / "osmedeus-5.1.0.tar.xz"
LEFT_OUT = frozenset({"console"})
MODIFIED = 1_795_478_400  # 2026-11-24: when it was packed first


def main() -> None:
    """Write the archive."""
    folder = Path(sys.argv[1])
    with (
        lzma.open(TARGET, "wb", preset=9 | lzma.PRESET_EXTREME) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if name.parts[0] not in LEFT_OUT:
                archive.add(path, str(name), recursive=False, filter=plain)


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Take out of a member what differs from machine to machine."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = MODIFIED
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


if __name__ == "__main__":
    main()
