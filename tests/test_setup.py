"""What set-up brings: the sample is whole."""

import orjson

from webapp.ingest.sample import unpacked_sample


def test_the_sample_is_whole_and_gone_after_use() -> None:
    with unpacked_sample() as folder:
        assert (folder / "base" / "database-osm.sqlite-wal").is_file()
        assert (folder / "workspaces-osmedeus" / "client one").is_dir()
        assert len(orjson.loads((folder / "truth.json").read_bytes())) == 31
    assert not folder.exists()
