"""A file of 200 MB: what the process that takes it holds meanwhile, and how soon it answers after the last byte."""

import json
import os
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from figures import Figure
from stage import BenchFailed, Stage

_MB = 1000**2
_SIZE = 200 * _MB
_PIECE = 1024**2
_KIB = 1024
_HEAD = b'--bench\r\nContent-Disposition: form-data; name="file"; filename="large.pdf"\r\n\r\n'
_END = b"\r\n--bench--\r\n"


def measure(stage: Stage, *, number: int) -> list[Figure]:
    stage.log_in()
    pid = stage.stack.states()["ingest"].pid
    if pid is None:
        raise BenchFailed("ingest's HTTP door does not run")
    answers, rates, peaks = [], [], []
    for _ in range(number):
        _forget_peak(pid)
        taken, answered = _upload(stage)
        answers.append(answered)
        rates.append(_SIZE / _MB / (taken + answered))
        peaks.append(_peak_mb(pid))
    about = f"{_SIZE // _MB} MB by POST /documents through the gateway, {number} times"
    return [
        Figure("large_upload_answer_s", max(answers), f"from the last byte sent to the 202; {about}", {"s": answers}),
        Figure("large_upload_mb_per_s", max(rates), f"from the first byte to the 202; {about}", {"mb_per_s": rates}),
        Figure(
            "large_upload_api_mb", max(peaks), f"peak memory (RSS) of ingest's HTTP process; {about}", {"mb": peaks}
        ),
    ]


def _upload(stage: Stage) -> tuple[float, float]:
    """Seconds from the first byte to the last, and from there to the answer. The document is deleted again."""
    gateway = urlsplit(stage.stack.url)
    connection = HTTPConnection(str(gateway.hostname), gateway.port, timeout=120)
    try:
        began = time.perf_counter()
        connection.putrequest("POST", "/documents?duplicate=allow")
        for name, value in stage.student.headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Type", "multipart/form-data; boundary=bench")
        connection.putheader("Content-Length", str(len(_HEAD) + _SIZE + len(_END)))
        connection.endheaders()
        for piece in _body():
            connection.send(piece)
        sent = time.perf_counter()
        answer = connection.getresponse()
        body = json.loads(answer.read())
        answered = time.perf_counter()
    except OSError as error:
        raise BenchFailed(f"a large upload: {error!r}") from error
    finally:
        connection.close()
    if answer.status != HTTPStatus.ACCEPTED:
        raise BenchFailed(f"a large upload: {answer.status} {body}")
    stage.student.call("DELETE", f"/documents/{body['document_id']}")
    return sent - began, answered - sent


def _body() -> Iterator[bytes]:
    """A form with one file that says it is a PDF, and is none: the worker is done with it at once."""
    yield _HEAD
    piece, left = os.urandom(_PIECE), _SIZE
    yield b"%PDF-1.7"
    left -= len(b"%PDF-1.7")
    while left:
        yield piece[:left]
        left -= min(left, _PIECE)
    yield _END


def _forget_peak(pid: int) -> None:
    """Linux: what is the peak from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")


def _peak_mb(pid: int) -> float:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines())
    return int(lines["VmHWM"].split()[0]) * _KIB / _MB
