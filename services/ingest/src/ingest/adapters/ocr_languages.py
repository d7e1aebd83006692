"""Where Tesseract's Korean and English lie. Set-up puts them there; nothing is downloaded at run time."""

import os
import sys
from pathlib import Path

LANGUAGES = ("kor", "eng")


def own_folder() -> Path:
    """Where `make setup` puts them when the system has none."""
    return Path(sys.prefix) / "share" / "growfit" / "tessdata"


def find_tessdata(named: str = "") -> Path | None:
    """The folder that holds both languages: the named one and no other, or set-up's, or the system's."""
    if named:
        places = [Path(named)]
    else:
        own = [own_folder(), *([Path(os.environ["TESSDATA_PREFIX"])] if os.environ.get("TESSDATA_PREFIX") else [])]
        places = [*own, *_of_the_system()]
    return next((place for place in places if is_complete(place)), None)


def is_complete(folder: Path) -> bool:
    return all((folder / f"{language}.traineddata").is_file() for language in LANGUAGES)


def _of_the_system() -> list[Path]:
    debian = sorted(Path("/usr/share/tesseract-ocr").glob("*/tessdata"), reverse=True)
    return [
        *debian,
        Path("/usr/share/tessdata"),
        Path("/usr/local/share/tessdata"),
        Path("/opt/homebrew/share/tessdata"),
    ]


if __name__ == "__main__":
    found = find_tessdata()
    sys.exit(0 if found else 1)
