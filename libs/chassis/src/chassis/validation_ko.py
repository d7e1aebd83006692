"""pydantic's commonest complaints in Korean; the rest say what field is wrong and show pydantic's own words."""

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
    "model_attributes_type": "JSON 객체여야 합니다.",
    "json_invalid": "JSON 형식이 올바르지 않습니다.",
    "datetime_parsing": "날짜와 시각 형식(ISO 8601)이어야 합니다.",
    "datetime_from_date_parsing": "날짜와 시각 형식(ISO 8601)이어야 합니다.",
    "date_from_datetime_parsing": "날짜 형식(YYYY-MM-DD)이어야 합니다.",
    "timezone_aware": "시간대가 있는 시각이어야 합니다.",
}


def korean_text(error: dict[str, Any]) -> str:
    template = _TEXTS.get(error["type"])
    if template is None:
        return f"값이 올바르지 않습니다. ({error['msg']})"
    try:
        return template.format(**error.get("ctx", {}))
    except KeyError:
        return template.split("{")[0].strip() or "값이 올바르지 않습니다."
