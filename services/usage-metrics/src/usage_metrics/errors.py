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
