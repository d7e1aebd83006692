"""Why a fact of org-partner's, or another's that names a class, is not taken; see `chassis.errors` for the kinds."""

from chassis.errors import Message

TENANT_CONTRADICTED = Message(
    "tenant_contradicted",
    "이벤트가 말하는 소속이 이미 알려진 소속과 다릅니다. 어느 서비스가 보냈는지 확인하세요.",
    "The event contradicts what is known of whose this is. Find out which service published it.",
)
TENANT_MOVING = Message(
    "tenant_moving",
    "소속이 바뀌는 중일 수 있어 잠시 후 다시 처리합니다.",
    "This may be a move that is not wholly known yet. It will be tried again in a moment.",
)
