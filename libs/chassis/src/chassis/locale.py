"""The caller's language, from Accept-Language. Korean where nothing is asked for: most users are Korean."""

from fastapi import Request

from chassis.errors import Locale


def locale_of(request: Request) -> Locale:
    return parse_accept_language(request.headers.get("accept-language", ""))


def parse_accept_language(header: str) -> Locale:
    """Pick the supported language with the highest quality value (RFC 9110, 12.5.4)."""
    best, best_quality = Locale.KO, 0.0
    for part in header[:500].split(","):
        tag, _, parameters = part.strip().partition(";")
        primary = tag.strip().lower().split("-")[0]
        quality = _quality(parameters)
        if primary in ("ko", "en") and quality > best_quality:
            best, best_quality = Locale(primary), quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
