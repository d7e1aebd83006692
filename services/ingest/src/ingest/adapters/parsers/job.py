"""What the child was asked to do, and what it may spend on it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

# A second of processor may take so many on a busy machine, where parsing has the lowest priority.
WALL_SECONDS = 3


@dataclass(frozen=True, kw_only=True)
class Job:
    """`seconds`: of processor, without OCR; each page of OCR adds `ocr_seconds`, for `max_ocr_pages` pages at most.

    `tessdata`: the folder of Tesseract's languages, "" where there is none.
    """

    path: str
    media_type: str
    memory_bytes: int
    seconds: int
    tessdata: str = ""
    ocr_seconds: int = 30
    max_ocr_pages: int = 0

    @property
    def most_seconds(self) -> int:
        return self.seconds + self.ocr_seconds * self.max_ocr_pages

    def written(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Job":
        return cls(**json.loads(text))


_TRIAL = Job(path="", media_type="", memory_bytes=0, seconds=0)


@dataclass
class Current:
    """The one job of this process. A parser that is called by itself, as tests do, has no OCR."""

    job: Job = _TRIAL
    before_ocr: Callable[[int], None] = field(default=lambda _: None)
    is_slow: bool = False

    def set(self, job: Job, *, before_ocr: Callable[[int], None] = lambda _: None) -> None:
        self.job, self.before_ocr, self.is_slow = job, before_ocr, False


current = Current()
