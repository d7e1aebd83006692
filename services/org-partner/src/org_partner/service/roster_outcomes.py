"""What became of a row of an imported roster, in both languages. Answers, not errors: the other rows are imported."""

from chassis.errors import Message

ROW_ENROLLED = Message("enrolled", "수강 등록했습니다.", "Enrolled.")
ROW_ALREADY = Message("already", "이미 이 강의의 학생입니다.", "A student of this class already.")
ROW_INVITED = Message("invited", "가입 안내와 초대 코드를 이메일로 보냅니다.", "An invitation is sent by e-mail.")
ROW_INVITED_BEFORE = Message(
    "invited", "전에 보낸 초대 코드를 아직 쓸 수 있습니다.", "An invitation that was sent before can still be used."
)
ROW_MAIL_LIMIT = Message(
    "mail_limit",
    "지금은 이 주소로 초대 편지를 더 보낼 수 없습니다. 하루 한도가 풀리면 같은 파일을 다시 보내세요.",
    "No more invitations can be sent to this address now. Send the same file again when the day's limit is over.",
)
ROW_UNKNOWN_USER = Message(
    "unknown_user",
    "이 이메일로 가입하고 주소를 확인한 사용자가 없습니다. 먼저 그렇게 하게 하거나 invite_unknown을 true로 보내세요.",
    "Nobody has signed up with this address and verified it. Let them do so first, or send `invite_unknown` true.",
)
ROW_INVALID = Message("invalid", "이메일 주소가 아닙니다. 고쳐서 다시 보내세요.", "Not an e-mail address. Mend it.")
ROW_REPEATED = Message(
    "invalid",
    "{first_row}행과 같은 주소입니다. 한 번만 쓰세요.",
    "The same address as in row {first_row}. Write it once.",
)
ROW_ENDED = Message(
    "ended",
    "명단에 종료된 학생으로 적혀 있어 등록하지 않았습니다. 등록하려면 이 행의 상태를 지우세요.",
    "The roster says that this enrolment has ended, so nothing was done. To enrol, clear the row's status.",
)
ROW_CLASS_FULL = Message(
    "class_full", "강의 정원이 찼습니다. 정원을 늘리고 다시 보내세요.", "The class is full. Give it more seats."
)
