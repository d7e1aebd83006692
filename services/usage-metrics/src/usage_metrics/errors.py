"""What usage-metrics can answer besides success; see `chassis.errors` for the kinds."""

from chassis.errors import Message

TENANT_NOT_FOUND = Message(
    "tenant_not_found",
    "{field}에 해당하는 대상을 찾을 수 없습니다. ID를 확인하거나 빼고 다시 보내세요.",
    "Nothing was found for {field}. Check the id, or leave it out.",
)
TOKENS_IMPLAUSIBLE = Message(
    "tokens_implausible",
    "한 번의 호출로 보기에는 토큰 수가 너무 큽니다: {tokens}",
    "Too many tokens for one call: {tokens}",
)
TENANT_UNSETTLED = Message(
    "tenant_unsettled",
    "{place_id}이(가) {above_id}에 속한다는 소식이 아직 없습니다. 잠시 뒤 다시 시도합니다.",
    "Nothing was told yet of {place_id} being in {above_id}. It will be tried again.",
)
TENANT_DISAGREES = Message(
    "tenant_disagrees",
    "{place_id}은(는) {above_id}에 속한 적이 없습니다. 이벤트를 보낸 서비스를 확인하세요.",
    "{place_id} has never been in {above_id}. Look into the service that published this.",
)
ACTION_TOO_LONG = Message(
    "action_too_long",
    "감사 이벤트의 action이 너무 깁니다({length}자). 이벤트를 보낸 서비스를 확인하세요.",
    "The action of an audit event is too long: {length} characters. Look into the service that published this.",
)
PERIOD_REVERSED = Message(
    "period_reversed",
    "from({first})이 to({last})보다 뒤입니다. 두 날짜를 바꾸세요.",
    "`from` ({first}) is after `to` ({last}). Swap the two dates.",
)
PERIOD_TOO_LONG = Message(
    "period_too_long",
    "한 번에 {limit}일까지 볼 수 있는데 {days}일을 요청했습니다. 기간을 나누어 보내세요.",
    "At most {limit} days fit in one request and {days} were asked for. Split the period.",
)
