"""The cheap hostile files, by the real parser. `make test-hostile` sends all of them through the whole stack."""

from pathlib import Path

import pytest
from hostile_table import CASES, MAX_OCR_PAGES, PARSE_SECONDS, READY, Case

from contracts.platform import MEDIA_TYPES
from ingest.adapters.ocr_languages import find_tessdata
from ingest.adapters.parser_process import ChildProcessParser, OcrLimits
from ingest.config import MIB
from ingest.errors import REJECTING, Unreadable
from ingest.service.media_types import SAMPLE_BYTES, decide

USUAL = {name: case for name, case in CASES.items() if case.usual}


@pytest.mark.parametrize("case", USUAL.values(), ids=USUAL)
async def test_a_hostile_file_ends_as_expected(tmp_path: Path, case: Case) -> None:
    path, content = tmp_path / "original", case.make()
    path.write_bytes(content)
    media_type = decide(content[:SAMPLE_BYTES], case.name, allowed=MEDIA_TYPES)
    ocr = OcrLimits(tessdata=find_tessdata(), max_pages=MAX_OCR_PAGES)
    parser = ChildProcessParser(seconds=PARSE_SECONDS, memory_bytes=600 * MIB, max_pages=10_000, ocr=ocr)
    state, reason = READY, None
    try:
        async for page in parser.pages(path, media_type):
            assert len(page.text) < 10_000
    except Unreadable as refusal:
        state, reason = ("rejected" if refusal.code in REJECTING else "failed"), refusal.code

    assert (state, reason) == (case.state, case.reason)


def test_there_are_as_many_files_as_the_bar_asks_for() -> None:
    assert len(CASES) >= 60
    assert len(USUAL) >= 12
