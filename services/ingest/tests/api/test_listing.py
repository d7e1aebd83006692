"""`GET /documents`: newest first, page by page, filtered."""

from typing import Any
from uuid import uuid4

import pytest


@pytest.fixture(scope="module")
async def library(ingest, another, words, stand_in):
    """Somebody's documents: t0 … t6, of which t0 is ready and t1 failed."""
    owner = another()
    titles = ["100% 정답.txt", "50_점.txt", "5000점.txt", "한글 안내서.txt", "Guide.TXT", "guide 2.txt", "끝.txt"]
    ids = [await ingest.put(words(30, seed=n), name=title, person=owner) for n, title in enumerate(titles)]
    await ingest.process(ids[0], stand_in())
    await ingest.fail(ids[1])
    return owner, titles


@pytest.fixture
def titles(client, library):
    owner, _ = library

    async def ask(**query) -> list[str]:
        answer = await client.ask(owner, "GET", "/documents", params=query)
        assert answer.status_code == 200
        return [item["title"] for item in answer.json()["items"]]

    return ask


async def test_newest_first(library, titles) -> None:
    assert await titles() == library[1][::-1]


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
async def test_pages_together_are_the_whole(client, library, size) -> None:
    owner, every = library
    seen, cursor, pages = [], None, 0
    while True:
        query = {"limit": size} | ({"cursor": cursor} if cursor else {})
        page = (await client.ask(owner, "GET", "/documents", params=query)).json()
        assert 0 < len(page["items"]) <= size
        seen += [item["title"] for item in page["items"]]
        pages += 1
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == every[::-1]
    assert pages == -(-len(every) // size)


async def test_a_document_that_comes_meanwhile_does_not_move_the_next_page(client, ingest, another, words) -> None:
    owner = another()
    for n in range(4):
        await ingest.put(words(30, seed=n), name=f"{n}.txt", person=owner)
    first = (await client.ask(owner, "GET", "/documents", params={"limit": 2})).json()
    await ingest.put(words(30, seed=9), name="9.txt", person=owner)
    second = (await client.ask(owner, "GET", "/documents", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    assert [item["title"] for item in first["items"] + second["items"]] == ["3.txt", "2.txt", "1.txt", "0.txt"]


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("%", ["100% 정답.txt"]),
        ("0%", ["100% 정답.txt"]),
        ("_", ["50_점.txt"]),
        ("0_점", ["50_점.txt"]),
        ("50", ["5000점.txt", "50_점.txt"]),
        ("guide", ["guide 2.txt", "Guide.TXT"]),
        ("안내", ["한글 안내서.txt"]),
        ("/", []),
        ("\\", []),
        ("'", []),
        ("없는 제목", []),
    ],
)
async def test_titles_by_a_part_of_them(titles, part, found) -> None:
    assert await titles(title=part) == found


@pytest.mark.parametrize(
    ("state", "count"), [("ready", 1), ("failed", 1), ("uploaded", 5), ("embedding", 0), ("deleted", 0)]
)
async def test_by_state(titles, state, count) -> None:
    assert len(await titles(state=state)) == count


async def test_an_unknown_state_is_refused(client, library, problem) -> None:
    answer = await client.ask(library[0], "GET", "/documents", params={"state": "done"})

    problem(answer, 422, "validation_failed")


async def test_by_class(client, ingest, words, problem) -> None:
    school, other = await ingest.open_school(), await ingest.open_school()
    inside = await ingest.put(words(30), person=school.teacher, class_id=school.class_id)
    await ingest.put(words(31), person=school.teacher)

    async def ask(person, class_id) -> Any:
        return await client.ask(person, "GET", "/documents", params={"class_id": str(class_id)})

    found = (await ask(school.teacher, school.class_id)).json()["items"]
    assert [item["document_id"] for item in found] == [str(inside)]
    assert (await ask(other.teacher, other.class_id)).json()["items"] == []
    for person, class_id in (
        (school.teacher, other.class_id),
        (other.teacher, school.class_id),
        (school.teacher, uuid4()),
    ):
        problem(await ask(person, class_id), 404, "class_not_found")


async def test_whoever_left_a_class_still_finds_what_they_put_there(client, ingest, words) -> None:
    school, other = await ingest.open_school(), await ingest.open_school()
    theirs = await ingest.put(words(30), person=school.teacher, class_id=school.class_id)
    await ingest.sql.rows("DELETE FROM ingest.memberships WHERE user_id = %s", school.teacher.user_id)

    answer = await client.ask(school.teacher, "GET", "/documents", params={"class_id": str(school.class_id)})
    assert [item["document_id"] for item in answer.json()["items"]] == [str(theirs)]
    assert (await client.ask(other.teacher, "GET", "/documents")).json()["items"] == []


async def test_the_failed_one_says_why_in_the_callers_language(client, library) -> None:
    owner, _ = library
    for language, said in (("ko", "처리하는 중에 문제가"), ("en", "went wrong while processing")):
        answer = await client.ask(owner, "GET", "/documents", language, params={"state": "failed"})
        (item,) = answer.json()["items"]
        assert said in item["problem"]["detail"]
        assert item["problem"]["code"] == "processing_failed"
