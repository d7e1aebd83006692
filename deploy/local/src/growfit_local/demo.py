"""`make demo`: a real document on its way to cited answers and metered usage, shown step by step.

`make demo FILE=path.pdf ASK="…"` does it with your own file. Exit code 1 says that a step failed, and which.
"""

import json
import secrets
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from growfit_local import environment
from growfit_local.client import Answer, ApiError, Client
from growfit_local.errors import StackError
from growfit_local.home import REPOSITORY
from growfit_local.people import Academy, create_supervisor, new_password
from growfit_local.ports import LOOPBACK, MAX_PORT
from growfit_local.stack import Stack

SAMPLE = REPOSITORY / "docs" / "samples" / "academy-handbook.ko.pdf"
QUESTIONS = REPOSITORY / "docs" / "samples" / "questions.json"
# Three in Korean, one in English, and one that the handbook does not answer.
ASKED = (
    "초대 코드는 발급한 때부터 몇 시간 동안 쓸 수 있나요?",
    "강사료는 언제 지급하나요?",
    "토큰을 다 써 버리면 예전 대화는 볼 수 있나요?",
    "How long must a password be?",
    "지구에서 달까지의 거리는 얼마인가요?",
)
SEOUL = timezone(timedelta(hours=9))
_USAGE_SECONDS = 20.0

# Wide enough for the usage table where the output goes to a file.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


class DemoFailed(Exception):
    """A step did not do what it should; its text says which and how."""


def main(
    file: Annotated[Path | None, typer.Option(envvar="FILE", help="Your own PDF, TXT or Markdown file")] = None,
    ask: Annotated[str, typer.Option(envvar="ASK", help="Your own question about it")] = "",
    port: Annotated[int, typer.Option(envvar="PORT", min=0, max=MAX_PORT)] = 8000,
    host: Annotated[str, typer.Option(envvar="GROWFIT_HOST")] = LOOPBACK,
) -> None:
    began = time.monotonic()
    try:
        if file is not None and not file.is_file():
            raise DemoFailed(f"There is no file {file}. Give the path of a PDF, TXT or Markdown file: make demo FILE=…")
        _run(file, ask.strip(), port=port, host=host)
    except (ApiError, DemoFailed, StackError, httpx.HTTPError) as error:
        Console(stderr=True, highlight=False).print(f"\n[red]✗ demo failed:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    console.print(
        f"\n[green]✓ done in {time.monotonic() - began:.0f} s[/]  The stack is still up: make status, make down"
    )


def _run(file: Path | None, ask: str, *, port: int, host: str) -> None:
    stack = Stack(port=port, host=host, settings=environment.chosen(REPOSITORY / ".env"))
    if not stack.is_up():
        console.rule("the stack")
        with console.status("starting PostgreSQL, NATS, the gateway, the embedder and five services …"):
            stack.start(detach=True, on_ready=lambda name: console.print(f"  [green]✓[/] {name}"))
    console.print(f"gateway: {stack.url}")
    run = secrets.token_hex(3)
    with Client(stack.url) as supervisor:
        password = new_password()
        create_supervisor(stack, f"supervisor-{run}@example.com", password)
        supervisor.log_in(f"supervisor-{run}@example.com", password)
        academy = Academy(stack.url, supervisor, run)
        try:
            _tour(academy, file, ask)
        finally:
            academy.close()


def _tour(academy: Academy, file: Path | None, ask: str) -> None:
    console.rule("people")
    owner = academy.make_partner()
    console.print(f"org      {academy.name} {academy.run}  {academy.ids['org_id']}")
    console.print(f"partner  {academy.address('partner')}  {academy.ids['partner_id']}")
    code = academy.make_class(owner)
    console.print(f"class    월수 저녁반  {academy.ids['class_id']}")
    console.print(f"invite   {code}")
    student = academy.enrol()
    console.print(f"student  {academy.address('student')} enrolled with the code")
    console.rule("document")
    document = _upload(student, file or SAMPLE, academy.ids["class_id"])
    console.rule("answers")
    answers = _converse(student, academy.ids["class_id"], document, file, ask)
    console.rule("usage of the partner")
    _show_usage(owner, academy.ids["partner_id"], answers)


def _upload(student: Client, path: Path, class_id: str) -> dict[str, Any]:
    document = student.upload(path, class_id=class_id)
    columns = (TextColumn("{task.description:<11}"), BarColumn(40), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("uploaded", total=1.0)
        for now in student.follow(document["document_id"]):
            bar.update(task, completed=now["progress"], description=now["state"])
            if not console.is_terminal:
                console.print(f"  {now['state']:<11} {now['progress']:4.0%}")
            document = now
    if document["state"] != "ready":
        detail = (document["problem"] or {}).get("detail", "")
        raise DemoFailed(f"{path.name} ended as {document['state']}: {detail}")
    console.print(f"{document['title']}: {document['page_count']} pages, {document['chunk_count']} chunks, searchable")
    return document


def _converse(student: Client, class_id: str, document: dict[str, Any], file: Path | None, ask: str) -> int:
    """Returns the number of answers."""
    # The document's readiness travels to rag on the bus as well.
    body = {"class_id": class_id, "document_ids": [document["document_id"]], "title": document["title"]}
    conversation = student.settled("POST", "/conversations", json=body)
    if ask:
        _ask(student, conversation["conversation_id"], ask)
        return 1
    if file is not None:
        console.print(
            'Nothing was asked. Ask what your document says: make demo FILE=… ASK="…"', style="yellow", markup=False
        )
        return 0
    known = {item["question"]: item for item in json.loads(QUESTIONS.read_text(encoding="utf-8"))["questions"]}
    for question in ASKED:
        answer = _ask(student, conversation["conversation_id"], question)
        _check(answer, known[question])
    return len(ASKED)


def _ask(student: Client, conversation_id: str, question: str) -> Answer:
    console.print(f"\n[bold]Q[/] {question}")
    console.print("[bold]A[/] ", end="")
    answer = Answer()
    for piece, so_far in student.ask(conversation_id, question):
        console.print(piece, end="", markup=False, soft_wrap=True)
        answer = so_far
    console.print()
    for citation in answer.citations:
        quote = " ".join(citation["quote"].split())[:70]
        console.print(
            f"   [{citation['marker']}] {citation['title']}, p. {citation['page_from']}, "
            f"characters {citation['char_start']}–{citation['char_end']}: “{quote}”",
            style="dim",
            markup=False,
        )
    first = f"{(answer.first_token_seconds or 0) * 1000:.0f} ms to the first word"
    console.print(f"   {answer.done.get('model')}, {first}", style="dim")
    return answer


def _check(answer: Answer, known: dict[str, Any]) -> None:
    question = known["question"]
    if not known["answerable"]:
        if answer.citations or not answer.refused:
            raise DemoFailed(f"“{question}” is not answered by the document, but was not refused.")
        return
    if answer.refused or not answer.citations:
        raise DemoFailed(f"“{question}” was refused, though page {known['page']} answers it.")
    if not set(answer.pages) & set(known["page"]):
        raise DemoFailed(f"“{question}” cites pages {answer.pages}; the answer stands on {known['page']}.")


def _show_usage(owner: Client, partner_id: str, answers: int) -> None:
    """The table, once the ledger has every answer and the embeddings of the document and of each question."""
    query = {"partner_id": partner_id, "group_by": "day,operation,model"}
    expected = 2 * answers + 1
    until = time.monotonic() + _USAGE_SECONDS
    while True:
        summary = owner.settled("GET", "/usage/summary", params=query)
        if summary["totals"]["calls"] >= expected:
            break
        if time.monotonic() > until:
            raise DemoFailed(f"{expected} calls were made, the partner's usage shows: {summary['rows']}")
        time.sleep(0.3)
    table = Table("day", "operation", "model", "calls", "input tokens", "output tokens")
    for row in summary["rows"]:
        numbers = (f"{row[name]:,}" for name in ("calls", "input_tokens", "output_tokens"))
        table.add_row(row["day"], row["operation"], row["model"], *numbers)
    totals = summary["totals"]
    table.add_section()
    table.add_row("", "", "total", *(f"{totals[name]:,}" for name in ("calls", "input_tokens", "output_tokens")))
    console.print(table)
    console.print(f"days are those of Asia/Seoul; now {datetime.now(SEOUL):%Y-%m-%d %H:%M}", style="dim")


if __name__ == "__main__":
    environment.adopt(REPOSITORY / ".env")
    typer.run(main)
