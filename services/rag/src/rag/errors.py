"""What rag can answer besides success; see `chassis.errors` for the kinds."""

import math

from chassis.errors import Invalid, Message, Unavailable
from retrieval.errors import EmbeddingError, EmbeddingUnavailable, RetrievalError

_RETRY_AFTER_SECONDS = 2

CONVERSATION_NOT_FOUND = Message(
    "conversation_not_found",
    "대화를 찾을 수 없습니다.",
    "There is no such conversation, or it is not yours.",
)
CLASS_NOT_FOUND = Message(
    "class_not_found",
    "강의를 찾을 수 없습니다. 방금 수강 등록했다면 잠시 후 다시 시도하세요.",
    "There is no such class, or you are not in it. If you have only just enrolled, try again in a moment.",
)
PROJECT_NOT_FOUND = Message(
    "project_not_found",
    "프로젝트를 찾을 수 없습니다. 삭제되었다면 다른 프로젝트를 고르세요.",
    "There is no such project, or it is not yours. If it was deleted, choose another one.",
)
PROJECTS_FULL = Message(
    "projects_full",
    "프로젝트는 {limit}개까지 만들 수 있습니다. 쓰지 않는 프로젝트를 삭제한 뒤 다시 만드세요.",
    "You may have {limit} projects. Delete some that you do not need, then make this one again.",
)
AGENT_NOT_FOUND = Message(
    "agent_not_found",
    "에이전트를 찾을 수 없습니다. 삭제되었거나 그 강의에서 더는 쓸 수 없다면 다른 에이전트를 고르세요.",
    "There is no such agent, or it is not open to you. If it was deleted or taken back, choose another one.",
)
AGENTS_FULL = Message(
    "agents_full",
    "에이전트는 {limit}개까지 만들 수 있습니다. 쓰지 않는 에이전트를 삭제한 뒤 다시 만드세요.",
    "You may have {limit} agents. Delete some that you do not need, then make this one again.",
)
TEACHERS_ALONE = Message(
    "teachers_alone",
    "에이전트를 강의에 공개하는 것은 강의의 강사만 할 수 있습니다. class_id를 비우고 보내세요.",
    "Only the class's instructors may open an agent to it. Leave `class_id` out.",
)
AGENT_HOLDS_OTHERS = Message(
    "agent_holds_others",
    "에이전트에 다른 조직의 문서가 있어 이 강의에 공개할 수 없습니다. 그 문서를 에이전트에서 뺀 뒤 다시 하세요.",
    "The agent has documents of another org, which this class must not find. Take them out of it, then try again.",
)
SEARCH_PLACES = Message(
    "search_places",
    "project_id와 agent_id 중 하나만 보내세요. agent_id에는 class_id를 함께 보낼 수 없습니다.",
    "Send one of `project_id` and `agent_id`, and no `class_id` with an `agent_id`: the agent says who pays.",
)
DOCUMENT_NOT_FOUND = Message(
    "document_not_found",
    "문서를 찾을 수 없습니다. 방금 올렸다면 준비가 끝난 뒤 다시 시도하세요.",
    "There is no such document, or it is not yours to see. If you have only just uploaded it, wait until it is ready.",
)
ANSWER_RUNNING = Message(
    "answer_running",
    "이 대화에서 답변이 아직 진행 중입니다. 끝난 뒤 다시 보내세요.",
    "An answer is still being written in this conversation. Send the message when it has ended.",
)
SEARCH_UNAVAILABLE = Message(
    "search_unavailable",
    "검색을 잠시 사용할 수 없습니다. 잠시 후 다시 시도하세요.",
    "Search cannot be used right now. Try again in a moment.",
)
SEARCH_MISCONFIGURED = Message(
    "search_misconfigured",
    "검색 설정이 맞지 않아 찾을 수 없습니다. 운영자에게 알려 주세요.",
    "Search is not set up rightly. Tell the operator.",
)
MODEL_UNAVAILABLE = Message(
    "model_unavailable",
    "언어 모델이 지금 응답하지 않습니다. 잠시 후 다시 시도하세요.",
    "The language model does not answer right now. Try again in a moment.",
)
MODEL_REFUSED = Message(
    "model_refused",
    "언어 모델이 요청을 받지 않았습니다. 운영자에게 알려 주세요.",
    "The language model refused the request. Tell the operator.",
)
EMBEDDING_REFUSED = Message(
    "embedding_refused",
    "임베딩 서버가 요청을 받지 않았습니다. 운영자에게 알려 주세요.",
    "The embedding server refused the request. Tell the operator.",
)
ANSWER_FAILED = Message(
    "answer_failed",
    "답변을 끝내지 못했습니다. 다시 시도하세요.",
    "The answer could not be finished. Try again.",
)
ANSWER_NOT_STORED = Message(
    "answer_not_stored",
    "답변을 아직 저장하지 못했습니다. 다시 묻지 말고 잠시 후 대화를 다시 여세요.",
    "The answer could not be stored yet. Do not ask again; open the conversation anew in a moment.",
)
DOCUMENT_CONTRADICTED = Message(
    "document_contradicted",
    "이벤트가 말하는 문서의 소속이나 공개 범위가 이미 알려진 것과 다릅니다. 어느 서비스가 보냈는지 확인하세요.",
    "The event contradicts what is known of the document or of its classes. Find out which service published it.",
)
VECTOR_READS_CONTRADICTED = Message(
    "vector_reads_contradicted",
    "이벤트가 말하는 검색 색인이 서로 어긋나거나 같은 버전으로 이미 다르게 알려졌습니다. 어느 서비스가 보냈는지 "
    "확인하세요.",
    "What the event says of the indexes to read contradicts itself, or what was told in the same version. Find out "
    "which service published it.",
)
DOCUMENT_UNSETTLED = Message(
    "document_unsettled",
    "문서를 강의에 공개한 사람의 소속이 아직 알려지지 않아 잠시 후 다시 처리합니다.",
    "Nothing was told yet of its owner teaching there. It will be tried again in a moment.",
)


def as_service_error(error: RetrievalError) -> Unavailable | Invalid:
    """What the caller is told of a search that failed."""
    if error.retryable:
        asked_for = error.retry_after if isinstance(error, EmbeddingUnavailable) else None
        seconds = max(math.ceil(asked_for or 0), _RETRY_AFTER_SECONDS)
        return Unavailable(SEARCH_UNAVAILABLE, headers={"Retry-After": str(seconds)})
    if isinstance(error, EmbeddingError):
        return Invalid(EMBEDDING_REFUSED)
    # An index of another model, or a filter that no caller has written.
    return Unavailable(SEARCH_MISCONFIGURED)
