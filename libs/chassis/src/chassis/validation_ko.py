"""pydantic's commonest complaints in Korean; of the rest it is said which field is wrong."""

from typing import Any

_TEXTS = {
    "missing": "꼭 필요한 값입니다.",
    "extra_forbidden": "받지 않는 항목입니다. 이름을 확인하거나 빼세요.",
    "string_type": "문자열이어야 합니다.",
    "string_too_short": "{min_length}자 이상이어야 합니다.",
    "string_too_long": "{max_length}자 이하여야 합니다.",
    "string_pattern_mismatch": "형식이 맞지 않습니다.",
    "int_type": "정수여야 합니다.",
    "int_parsing": "정수여야 합니다.",
    "int_parsing_size": "너무 큰 수입니다.",
    "int_from_float": "소수점이 없는 정수여야 합니다.",
    "finite_number": "유한한 수여야 합니다.",
    "string_unicode": "올바른 유니코드 문자열이어야 합니다.",
    "value_error": "형식이 맞지 않습니다. 이메일이면 name@example.com처럼 쓰세요.",
    "bool_type": "true 또는 false여야 합니다.",
    "bool_parsing": "true 또는 false여야 합니다.",
    "float_parsing": "숫자여야 합니다.",
    "uuid_parsing": "올바른 ID(UUID) 형식이 아닙니다.",
    "uuid_type": "올바른 ID(UUID) 형식이 아닙니다.",
    "greater_than": "{gt}보다 커야 합니다.",
    "greater_than_equal": "{ge} 이상이어야 합니다.",
    "less_than": "{lt}보다 작아야 합니다.",
    "less_than_equal": "{le} 이하여야 합니다.",
    "enum": "다음 중 하나여야 합니다: {expected}",
    "literal_error": "다음 중 하나여야 합니다: {expected}",
    "too_long": "항목은 {max_length}개까지입니다.",
    "too_short": "항목이 {min_length}개 이상이어야 합니다.",
    "list_type": "목록이어야 합니다.",
    "dict_type": "JSON 객체여야 합니다.",
    "model_attributes_type": "JSON 객체여야 합니다. Content-Type: application/json 헤더도 확인하세요.",
    "json_invalid": "JSON 형식이 올바르지 않습니다.",
    "datetime_parsing": "날짜와 시각 형식(ISO 8601)이어야 합니다.",
    "datetime_from_date_parsing": "날짜와 시각 형식(ISO 8601)이어야 합니다.",
    "date_from_datetime_parsing": "날짜 형식(YYYY-MM-DD)이어야 합니다.",
    "timezone_aware": "시간대가 있는 시각이어야 합니다.",
}


_UNKNOWN = "값이 올바르지 않습니다."
# What pydantic calls the length of a text that it has worked on before.
_OF_A_TEXT = {"too_short": "string_too_short", "too_long": "string_too_long"}


def korean_text(error: dict[str, Any]) -> str:
    kind, context = error["type"], dict(error.get("ctx", {}))
    if kind in _OF_A_TEXT and context.get("field_type") == "Value":
        kind = _OF_A_TEXT[kind]
    if "expected" in context:
        context["expected"] = str(context["expected"]).replace(" or ", ", ")
    try:
        return _TEXTS.get(kind, _UNKNOWN).format(**context)
    except KeyError:
        return _UNKNOWN
