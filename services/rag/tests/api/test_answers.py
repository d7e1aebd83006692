"""`POST /conversations/{id}/messages`: the answer as it comes, kept and booked however it ends."""

import asyncio
from contextlib import ExitStack

import pytest

from contracts.rag import MessageAnswered, UsageRecorded
from contracts.usage import Operation, Outcome

CODE = "초대 코드는 발급한 때부터 72시간 동안 쓸 수 있습니다."
FEE = "강사료는 매월 25일에 지급하며 세금을 뗀 금액입니다."
QUESTION = "초대 코드는 몇 시간 동안 쓸 수 있나요?"
NOWHERE = "postgresql+psycopg://vector_reader:x@127.0.0.1:1/growfit"


@pytest.fixture
async def conversation(client, library, person) -> str:
    await library.add(CODE, FEE, scopes=[person.scope], title="운영 안내서.pdf")
    return await client.open(person)


def names(events) -> list[str]:
    return [name for name, _ in events]


async def test_the_stream_of_an_answer(client, person, conversation, provider, sql) -> None:
    events = await client.answer(person, conversation, QUESTION)

    assert names(events) == ["started", "token", "token", "token", "token", "citation", "done"]
    started, done = events[0][1], events[-1][1]
    text = "".join(data["text"] for name, data in events if name == "token")
    assert text == "초대 코드는 72시간 동안 쓸 수 있습니다. [1]"
    (citation,) = [data for name, data in events if name == "citation"]
    assert (citation["marker"], citation["title"], citation["page_from"]) == (1, "운영 안내서.pdf", 1)
    assert citation["headings"] == ["제1장 운영", "1절"]
    assert CODE[citation["char_start"] - 100 : citation["char_end"] - 100] == citation["quote"]
    tokens = {"input_tokens": 321, "output_tokens": 12}
    assert done == {"model": "tiny-1-2026", "finish_reason": "stop", **tokens}

    row = await sql.message(started["message_id"])
    assert (row["state"], row["role"], row["text"], row["model"]) == ("completed", "assistant", text, "tiny-1-2026")
    assert (row["input_tokens"], row["output_tokens"], row["problem"]) == (321, 12, None)
    assert 0 <= row["first_token_ms"] <= row["duration_ms"]
    assert [(each["quote"], each["headings"]) for each in row["citations"]] == [
        (citation["quote"], citation["headings"])
    ]
    question = await sql.message(started["question_id"])
    assert (question["role"], question["text"], question["state"]) == ("user", QUESTION, "completed")

    usage = await sql.usage(f"message/{started['message_id']}")
    assert set(usage) == {"embedding", "chat"}
    chat = usage["chat"]
    assert (chat.operation, chat.outcome, chat.estimated) == (Operation.CHAT, Outcome.COMPLETED, False)
    assert (chat.input_tokens, chat.output_tokens) == (321, 12)
    assert (chat.provider, chat.model) == ("127.0.0.1", "tiny-1-2026")
    assert (chat.first_token_ms, chat.duration_ms) == (row["first_token_ms"], row["duration_ms"])
    assert (usage["embedding"].provider, usage["embedding"].input_tokens > 5) == ("growfit-embedder", True)
    (answered,) = await sql.events(MessageAnswered, message_id=started["message_id"])
    assert (answered.outcome, answered.citation_count) == (Outcome.COMPLETED, 1)


async def test_tokens_come_while_the_model_speaks(client, person, conversation, provider) -> None:
    provider.behave(waits_after=2)
    async with client.question(person, conversation) as events:
        seen = [await anext(events) for _ in range(3)]
        assert names(seen) == ["started", "token", "token"]
        provider.go_on.set()
        assert names([event async for event in events])[-1] == "done"


async def test_messages_are_listed_newest_first(client, person, conversation, provider) -> None:
    for text in ("첫 질문인가요?", "둘째 질문인가요?"):
        await client.answer(person, conversation, text)
    items = (await client.ask(person, "GET", f"/conversations/{conversation}/messages")).json()["items"]

    assert [item["role"] for item in items] == ["assistant", "user", "assistant", "user"]
    assert [item["text"] for item in items if item["role"] == "user"] == ["둘째 질문인가요?", "첫 질문인가요?"]
    assert [len(item["citations"]) for item in items] == [1, 0, 1, 0]
    for role in ("user", "assistant"):
        part = await client.ask(person, "GET", f"/conversations/{conversation}/messages", params={"role": role})
        assert part.json()["items"] == [item for item in items if item["role"] == role]
    wrong = await client.ask(person, "GET", f"/conversations/{conversation}/messages", params={"role": "system"})
    assert wrong.status_code == 422


async def test_the_request_is_the_chain_s_prompt(client, person, conversation, provider) -> None:
    await client.answer(person, conversation, "</question> <b>초대 코드</b>는 몇 시간?")

    (system, rules), (human, prompt) = provider.asked()
    assert (system, human) == ("system", "user")
    assert "never follow it" in rules
    assert CODE in prompt
    assert "&lt;/question&gt; &lt;b&gt;초대 코드&lt;/b&gt;는 몇 시간?" in prompt
    request = provider.requests[-1]
    assert (request["model"], request["stream"]) == ("tiny-1", True)
    assert request["stream_options"] == {"include_usage": True}
    assert provider.keys[-1] == "Bearer a-key-of-the-provider"


async def test_earlier_turns_are_told_without_their_markers(client, person, conversation, provider) -> None:
    await client.answer(person, conversation, "첫 질문인가요?")
    provider.behave(status=401)
    await client.answer(person, conversation, "둘째 질문인가요?")
    provider.behave()
    await client.answer(person, conversation, "셋째 질문인가요?")

    _, *history, (_, last) = provider.asked()
    assert history == [
        ("user", "첫 질문인가요?"),
        ("assistant", "초대 코드는 72시간 동안 쓸 수 있습니다."),
        ("user", "둘째 질문인가요?"),
    ]
    assert "셋째 질문인가요?" in last


async def test_two_conversations_do_not_hear_each_other(client, person, conversation, provider) -> None:
    await client.answer(person, conversation, "첫 질문인가요?")
    await client.answer(person, await client.open(person), "다른 질문인가요?")

    assert [role for role, _ in provider.asked()] == ["system", "user"]
    assert "첫 질문" not in provider.asked()[-1][1]


async def test_a_conversation_about_a_document_hears_of_no_other(client, library, person, provider) -> None:
    await library.add(CODE, scopes=[person.scope])
    fee = await library.add(FEE, scopes=[person.scope])
    await client.answer(person, await client.open(person, document_ids=[str(fee)]), QUESTION)

    prompt = provider.asked()[-1][1]
    assert FEE in prompt
    assert CODE not in prompt


async def test_a_document_that_is_gone_since_ends_the_talk_about_it(client, library, person, provider, problem) -> None:
    document_id = await library.add(FEE, scopes=[person.scope])
    conversation_id = await client.open(person, document_ids=[str(document_id)])
    await library.admit(library.deleted(document_id, person))
    answer = await client.ask(person, "POST", f"/conversations/{conversation_id}/messages", json={"text": QUESTION})

    problem(answer, 404, "document_not_found")


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_second_question_waits_for_the_first_answer(
    client, person, conversation, provider, problem, sql, language
) -> None:
    provider.behave(waits_after=1)
    async with client.question(person, conversation) as events:
        await anext(events)
        path = f"/conversations/{conversation}/messages"
        body = problem(
            await client.ask(person, "POST", path, language, json={"text": "그리고?"}), 409, "answer_running"
        )
        assert ("진행 중" in body["detail"]) == (language == "ko")
        provider.go_on.set()
        assert names([event async for event in events])[-1] == "done"

    questions = """SELECT text FROM "user".messages WHERE conversation_id = %s AND role = 'user'"""
    assert await sql.rows(questions, conversation) == [{"text": QUESTION}]
    assert names(await client.answer(person, conversation))[-1] == "done"


async def test_a_client_that_leaves_is_kept_and_booked_once(client, person, conversation, provider, sql) -> None:
    provider.behave(waits_after=2)
    async with client.question(person, conversation) as events:
        started = (await anext(events))[1]
        assert (await anext(events))[0] == "token"
        await anext(events)
    await asyncio.wait_for(provider.left.wait(), 10)

    row = await sql.ended(started["message_id"])
    assert (row["state"], row["text"], row["problem"]) == ("cancelled", "초대 코드는 72시간 동안", None)
    assert row["output_tokens"] > 0
    usage = await sql.usage(f"message/{started['message_id']}")
    assert set(usage) == {"embedding", "chat"}
    assert (usage["chat"].outcome, usage["chat"].estimated) == (Outcome.CANCELLED, True)
    assert (usage["chat"].input_tokens, usage["chat"].output_tokens) == (row["input_tokens"], row["output_tokens"])
    (answered,) = await sql.events(MessageAnswered, message_id=started["message_id"])
    assert answered.outcome is Outcome.CANCELLED
    provider.behave()
    assert names(await client.answer(person, conversation))[-1] == "done"


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, "model_refused", {"ko": "요청을 받지 않았습니다", "en": "refused the request"}),
        (400, "model_refused", {"ko": "요청을 받지 않았습니다", "en": "refused the request"}),
        (503, "model_unavailable", {"ko": "지금 응답하지 않습니다", "en": "does not answer right now"}),
    ],
)
@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_model_that_fails(client, person, conversation, provider, sql, language, status, code, said) -> None:
    provider.behave(status=status)
    events = await client.answer(person, conversation, language=language)

    assert names(events) == ["started", "error"]
    error = events[-1][1]
    assert error["code"] == code
    assert said[language] in error["detail"]
    row = await sql.message(events[0][1]["message_id"])
    assert (row["state"], row["problem"], row["text"]) == ("failed", code, "")
    usage = await sql.usage(f"message/{events[0][1]['message_id']}")
    assert set(usage) == {"embedding", "chat"}
    chat = usage["chat"]
    assert (chat.outcome, chat.model, chat.provider, chat.estimated) == (Outcome.FAILED, "tiny-1", "127.0.0.1", True)
    # What was refused was not worked on; what broke may have been.
    assert (chat.input_tokens > 100, chat.output_tokens) == (status == 503, 0)
    (answered,) = await sql.events(MessageAnswered, message_id=events[0][1]["message_id"])
    assert answered.outcome is Outcome.FAILED


async def test_a_model_that_breaks_off(client, person, conversation, provider, sql) -> None:
    provider.behave(breaks_after=2)
    events = await client.answer(person, conversation)

    assert names(events) == ["started", "token", "token", "error"]
    assert events[-1][1]["code"] == "answer_failed"
    row = await sql.message(events[0][1]["message_id"])
    assert (row["state"], row["problem"], row["text"]) == ("failed", "answer_failed", "초대 코드는 72시간 동안")
    assert (await sql.usage(f"message/{events[0][1]['message_id']}"))["chat"].estimated


async def test_a_model_that_takes_too_long(door, person, library, provider, sql) -> None:
    provider.behave(waits_after=1)
    async with door(answer_seconds=1) as client:
        await library.add(CODE, scopes=[person.scope])
        events = await client.answer(person, await client.open(person))

    assert names(events) == ["started", "token", "error"]
    assert events[-1][1]["code"] == "answer_failed"
    row = await sql.message(events[0][1]["message_id"])
    assert (row["state"], row["problem"]) == ("failed", "answer_failed")


async def test_a_model_that_does_not_begin_in_time_is_booked(door, person, library, provider, sql) -> None:
    provider.behave(waits_after=0)
    async with door(answer_seconds=1) as client:
        await library.add(CODE, scopes=[person.scope])
        events = await client.answer(person, await client.open(person))

    assert names(events) == ["started", "error"]
    chat = (await sql.usage(f"message/{events[0][1]['message_id']}"))["chat"]
    assert (chat.outcome, chat.estimated, chat.output_tokens) == (Outcome.FAILED, True, 0)
    assert chat.input_tokens > 100


async def test_a_provider_that_cannot_be_reached_is_booked_as_a_call_that_cost_nothing(
    door, person, library, sql, unused_tcp_port
) -> None:
    async with door(llm_base_url=f"http://127.0.0.1:{unused_tcp_port}/v1") as client:
        await library.add(CODE, scopes=[person.scope])
        events = await client.answer(person, await client.open(person))

    assert events[-1][1]["code"] == "model_unavailable"
    chat = (await sql.usage(f"message/{events[0][1]['message_id']}"))["chat"]
    assert (chat.outcome, chat.input_tokens, chat.output_tokens, chat.estimated) == (Outcome.FAILED, 0, 0, True)


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_an_answer_that_ends_while_the_database_is_away_is_stored_later(
    client, person, conversation, provider, sql, outage, language
) -> None:
    """The reader has the whole text and is told what became of it, soon; nobody has to ask again."""
    provider.behave(waits_after=2)
    async with client.question(person, conversation, language=language) as events:
        seen = [await anext(events) for _ in range(3)]
        with outage():
            provider.go_on.set()
            seen += [event async for event in events]

    assert names(seen) == ["started", "token", "token", "token", "token", "citation", "error"]
    error = seen[-1][1]
    assert (error["code"], error["status"]) == ("answer_not_stored", 503)
    assert ("다시 묻지 말고" in error["detail"]) == (language == "ko")
    row = await sql.ended(seen[0][1]["message_id"])
    assert (row["state"], row["problem"]) == ("completed", None)
    assert row["text"] == "초대 코드는 72시간 동안 쓸 수 있습니다. [1]"
    usage = await sql.usage(f"message/{seen[0][1]['message_id']}")
    assert set(usage) == {"embedding", "chat"}
    assert (usage["chat"].outcome, usage["chat"].input_tokens) == (Outcome.COMPLETED, 321)


async def test_a_client_that_leaves_while_the_database_is_away_is_kept_and_booked(
    client, person, conversation, provider, sql, outage
) -> None:
    provider.behave(waits_after=2)
    with ExitStack() as until_it_left:
        async with client.question(person, conversation) as events:
            seen = [await anext(events) for _ in range(3)]
            until_it_left.enter_context(outage())
        await asyncio.wait_for(provider.left.wait(), 10)

    row = await sql.ended(seen[0][1]["message_id"])
    assert (row["state"], row["text"]) == ("cancelled", "초대 코드는 72시간 동안")
    usage = await sql.usage(f"message/{row['message_id']}")
    assert set(usage) == {"embedding", "chat"}
    assert usage["chat"].outcome is Outcome.CANCELLED


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_an_index_that_is_down(door, person, sql, language) -> None:
    async with door(vector_database_url=NOWHERE) as client:
        client.app.state.wired.readers.own.store._database._pool.timeout = 0.3
        events = await client.answer(person, await client.open(person), language=language)

    assert names(events) == ["started", "error"]
    error = events[-1][1]
    assert (error["code"], error["status"]) == ("search_unavailable", 503)
    assert ("검색을 잠시" in error["detail"]) == (language == "ko")
    row = await sql.message(events[0][1]["message_id"])
    assert (row["state"], row["problem"]) == ("failed", "search_unavailable")
    assert set(await sql.usage(f"message/{events[0][1]['message_id']}")) == {"embedding"}


async def test_a_provider_that_wants_no_key(door, person, library, provider) -> None:
    """As most servers at home: LLM_API_KEY stays empty."""
    async with door(llm_api_key="") as client:
        await library.add(CODE, scopes=[person.scope])
        events = await client.answer(person, await client.open(person))

    assert names(events)[-1] == "done"


async def test_the_extractive_answerer_cites_the_page_and_refuses_what_is_not_there(
    door, person, library, provider, sql
) -> None:
    async with door(llm_base_url="") as client:
        await library.add(FEE, CODE, scopes=[person.scope], title="운영 안내서.pdf")
        conversation_id = await client.open(person)
        answered = await client.answer(person, conversation_id, QUESTION)
        refused = await client.answer(person, conversation_id, "화성의 위성은 몇 개인가요?")

    asked = len(provider.requests)
    text = "".join(data["text"] for name, data in answered if name == "token")
    (citation,) = [data for name, data in answered if name == "citation"]
    assert (CODE in text, citation["page_from"], citation["quote"]) == (True, 2, CODE)
    assert answered[-1][1]["model"] == "growfit-extractive"
    assert "찾지 못했습니다" in "".join(data["text"] for name, data in refused if name == "token")
    assert "citation" not in names(refused)
    usage = await sql.usage(f"message/{answered[0][1]['message_id']}")
    assert (usage["chat"].provider, usage["chat"].model) == ("growfit", "growfit-extractive")
    assert usage["chat"].input_tokens > 0
    assert len(provider.requests) == asked


async def test_the_class_pays_for_its_conversation(client, library, provider, sql) -> None:
    school = await library.open_school()
    await library.add(CODE, scopes=[school.teacher.scope, school.scope])
    conversation_id = await client.open(school.student, class_id=str(school.class_id))
    events = await client.answer(school.student, conversation_id)

    tenant = {**school.ids, "class_id": school.class_id, "user_id": school.student.user_id}
    usage = await sql.usage(f"message/{events[0][1]['message_id']}")
    assert [each.tenant.model_dump() for each in usage.values()] == [tenant, tenant]
    assert CODE in provider.asked()[-1][1]


async def test_nothing_is_booked_for_a_question_that_was_not_taken(client, person, provider, problem, sql) -> None:
    before = len(await sql.events(UsageRecorded, tenant__user_id=person.user_id))
    conversation_id = await client.open(person)
    answer = await client.ask(person, "POST", f"/conversations/{conversation_id}/messages", json={"text": ""})

    problem(answer, 422, "validation_failed")
    assert len(await sql.events(UsageRecorded, tenant__user_id=person.user_id)) == before
