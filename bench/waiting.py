"""What a person waits for: the receipt of an upload, and the first word of an answer."""

import statistics
import time

from figures import Figure
from stage import BenchFailed, Stage, Uploaded

_SMALL = 2  # pages


def measure_uploads(stage: Stage, *, number: int, first_seed: int) -> list[Figure]:
    """Small files of different content, each when the one before it is done."""
    stage.log_in()
    acks = []
    for seed in range(first_seed, first_seed + number):
        pdf = stage.pdf(_SMALL, seed=seed)
        began = time.perf_counter()
        document = stage.upload(pdf)
        acks.append((time.perf_counter() - began) * 1000)
        stage.wait_ready(document)
    meaning = f"POST /documents of a {_SMALL}-page PDF until it is stored, announced and answered 202; {number} files"
    return [Figure("upload_ack_p50_ms", statistics.median(acks), meaning, {"ack_ms": acks})]


def measure_answers(stage: Stage, document: Uploaded, asked: list[str]) -> list[Figure]:
    """Questions of one conversation about the document; the first answer is a warm-up and counts for nothing."""
    stage.log_in()
    body = {"class_id": stage.academy.ids["class_id"], "document_ids": [document.document_id], "title": "측정"}
    conversation = stage.student.settled("POST", "/conversations", json=body)["conversation_id"]
    first_tokens, refused, model = [], 0, ""
    for question in [asked[0], *asked]:
        answer = stage.student.answer(conversation, question)
        if answer.first_token_seconds is None:
            raise BenchFailed(f"no word of an answer came for {question!r}")
        first_tokens.append(answer.first_token_seconds * 1000)
        refused, model = refused + answer.refused, answer.done["model"]
    meaning = (
        f"from the question to the first word of {model}, retrieval included; {len(asked)} questions of a conversation "
        f"about one document of {document.pages} pages"
    ) + (f"; {refused} not found" if refused else "")
    return [
        Figure("first_token_p50_ms", statistics.median(first_tokens[1:]), meaning, {"first_token_ms": first_tokens[1:]})
    ]
