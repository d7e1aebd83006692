"""What org-partner can answer besides success; see `chassis.errors` for the kinds."""

from chassis.errors import Message

SUPERVISOR_ONLY = Message(
    "supervisor_only",
    "플랫폼 관리자만 할 수 있습니다.",
    "Only a supervisor of the platform may do this.",
)
ROLE_INSUFFICIENT = Message(
    "role_insufficient",
    "지금 역할로는 할 수 없습니다. 조직 관리자에게 권한을 요청하세요.",
    "Your role does not allow this. Ask an administrator of the org for a role that does.",
)
ORG_NOT_FOUND = Message("org_not_found", "조직을 찾을 수 없습니다.", "There is no such org.")
PARTNER_NOT_FOUND = Message("partner_not_found", "파트너를 찾을 수 없습니다.", "There is no such partner.")
COURSE_NOT_FOUND = Message(
    "course_not_found",
    "이 조직에 그런 과정이 없습니다.",
    "There is no such course in this org.",
)
CLASS_NOT_FOUND = Message("class_not_found", "강의를 찾을 수 없습니다.", "There is no such class.")
INVITE_CODE_NOT_FOUND = Message(
    "invite_code_not_found",
    "이 강의에 그런 초대 코드가 없습니다.",
    "There is no such invite code in this class.",
)
USER_UNKNOWN = Message(
    "user_unknown",
    "이 이메일로 가입한 사용자가 없습니다. 먼저 가입하게 하고, 방금 가입했다면 잠시 후 다시 시도하세요.",
    "Nobody has signed up with this e-mail address. Let them sign up first; if they just did, try again in a moment.",
)
# One answer for wrong, expired, used up and revoked: whoever guesses learns nothing.
INVITE_CODE_REFUSED = Message(
    "invite_code_refused",
    "쓸 수 없는 초대 코드입니다. 코드를 다시 확인하거나 선생님에게 새 코드를 요청하세요.",
    "This invite code cannot be used. Check it, or ask your teacher for a new one.",
)
TOO_MANY_WRONG_CODES = Message(
    "too_many_wrong_codes",
    "잘못된 초대 코드를 너무 많이 입력했습니다. {retry_after_minutes}분 뒤에 다시 시도하세요.",
    "Too many wrong invite codes. Try again after {retry_after_minutes} min.",
)
MODEL_NOT_ALLOWED = Message(
    "model_not_allowed",
    "models에 적힌 모델은 여기서 쓸 수 없습니다. allowed 중에서 고르거나, 상위 LLM 설정에서 먼저 허용하게 하세요.",
    "`models` lists what is not allowed here. Choose from `allowed`, or have the level above allow it first.",
)
