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
TENANT_SUSPENDED = Message(
    "tenant_suspended",
    "이 조직이나 파트너는 정지되었거나 닫혀 있어 지금은 쓸 수 없습니다. 조직 관리자나 플랫폼 관리자에게 문의하세요.",
    "This org or partner is suspended or closed and cannot be used now. Ask the org's administrator or a supervisor.",
)
EVENT_DISAGREES = Message(
    "event_disagrees",
    "사실에 적힌 조직, 파트너, 강의가 서로 맞지 않습니다. 누가 보냈는지 확인하세요.",
    "The org, partner and class that the fact names do not belong together. Find out who sent it.",
)
VERSION_STALE = Message(
    "version_stale",
    "그 사이에 다른 사람이 바꾸었습니다. 지금 버전은 {current_version}입니다. 다시 읽고 고치세요.",
    "Somebody changed it meanwhile; its version is {current_version} now. Read it again, then change it.",
)
ORG_CLOSED = Message(
    "org_closed",
    "닫힌 조직입니다. 플랫폼 관리자가 먼저 되살려야 합니다.",
    "The org is closed. A supervisor must restore it first.",
)
ORG_HAS_OPEN_CLASSES = Message(
    "org_has_open_classes",
    "열린 강의가 {open_classes}개 있습니다. 먼저 강의를 닫거나, 그래도 닫으려면 force를 true로 보내세요.",
    "There are {open_classes} open classes. Close them first, or send `force` true to close the org all the same.",
)
DOMAIN_TAKEN = Message(
    "domain_taken",
    "이미 등록된 도메인입니다. 다른 조직의 것이면 그 조직에서 먼저 지우세요.",
    "This domain is registered already. If it is another org's, remove it there first.",
)
DOMAIN_UNFIT = Message(
    "domain_unfit",
    "이메일 주소에 쓸 수 없는 도메인입니다. example.com처럼 쓰세요.",
    "No e-mail address can have this domain. Write it like example.com.",
)
DOMAIN_NOT_FOUND = Message("domain_not_found", "이 조직에 그런 도메인이 없습니다.", "This org has no such domain.")
DOMAIN_NEEDED = Message(
    "domain_needed",
    "구성원을 도메인으로 제한하려면 도메인이 하나 이상 있어야 합니다. 도메인을 먼저 등록하거나 제한을 끄세요.",
    "Limiting members to domains needs at least one domain. Add one first, or turn the limit off.",
)
EMAIL_DOMAIN_REFUSED = Message(
    "email_domain_refused",
    "이 조직은 자기 도메인의 이메일에만 역할을 줍니다. 조직 도메인의 주소를 쓰거나, 조직 설정에서 제한을 끄세요.",
    "This org gives roles to addresses of its own domains alone. Use one of those, or turn the limit off in the org.",
)
MEMBERSHIP_NOT_FOUND = Message(
    "membership_not_found",
    "여기에 그런 구성원이 없습니다. 목록을 다시 읽으세요.",
    "There is no such member here. Read the list again.",
)
ALREADY_MEMBER = Message(
    "already_member",
    "이미 여기서 역할이 있는 사람입니다. 역할을 바꾸려면 구성원을 고치세요.",
    "This person has a role here already. Change the member to give another role.",
)
LAST_ADMIN = Message(
    "last_admin",
    "조직의 마지막 관리자는 뺄 수 없습니다. 다른 관리자를 먼저 지정하세요.",
    "The last administrator of an org cannot be removed. Appoint another one first.",
)
LAST_OWNER = Message(
    "last_owner",
    "파트너의 마지막 소유자입니다. 다른 소유자를 먼저 지정하세요.",
    "This is the partner's last owner. Appoint another one first.",
)
PARTNER_IN_USE = Message(
    "partner_in_use",
    "강의나 LLM 설정이 있는 파트너는 다른 조직으로 옮길 수 없습니다. 새 조직에 파트너를 새로 만드세요.",
    "A partner with classes or LLM settings cannot move to another org. Make a new partner there.",
)
PARTNER_MOVED = Message(
    "partner_moved",
    "파트너가 방금 다른 조직으로 옮겨졌습니다. 다시 시도하세요.",
    "The partner has just been moved to another org. Try again.",
)
INVITATION_NOT_FOUND = Message(
    "invitation_not_found",
    "여기에 그런 초대장이 없습니다. 목록을 다시 읽으세요.",
    "There is no such invitation here. Read the list again.",
)
INVITATION_PENDING = Message(
    "invitation_pending",
    "이 주소로 보낸 초대장이 이미 있습니다. 그것을 다시 보내거나 취소하세요.",
    "This address has an invitation already. Send that one again, or revoke it.",
)
INVITATION_OVER = Message(
    "invitation_over",
    "이미 수락되었거나 취소된 초대장입니다. 새 초대장을 만드세요.",
    "This invitation was accepted or revoked. Make a new one.",
)
INVITATION_JUST_SENT = Message(
    "invitation_just_sent",
    "이 초대장은 방금 보냈습니다. 편지가 도착할 때까지 기다리고, {retry_after_minutes}분 뒤에 다시 보내세요.",
    "This invitation was sent just now. Wait for the letter to arrive; send it again after {retry_after_minutes} min.",
)
TOO_MANY_LETTERS_TO_ADDRESS = Message(
    "too_many_letters_to_address",
    "이 주소로 편지를 너무 많이 보냈습니다. {retry_after_minutes}분 뒤에 다시 시도하세요.",
    "Too many letters went to this address. Try again after {retry_after_minutes} min.",
)
TOO_MANY_LETTERS = Message(
    "too_many_letters",
    "이 조직이 하루에 보낼 수 있는 초대 편지를 다 보냈습니다. {retry_after_minutes}분 뒤에 이어서 보내세요.",
    "This org has sent all the letters that it may send in a day. Go on after {retry_after_minutes} min.",
)
TOO_MANY_LETTERS_OF_PARTNER = Message(
    "too_many_letters_of_partner",
    "이 파트너가 하루에 보낼 수 있는 초대 편지를 다 보냈습니다. {retry_after_minutes}분 뒤에 이어서 보내세요.",
    "This partner has sent all the letters that it may send in a day. Go on after {retry_after_minutes} min.",
)
# One answer for wrong, expired, used, revoked and another person's: whoever guesses learns nothing.
INVITATION_REFUSED = Message(
    "invitation_refused",
    "쓸 수 없는 초대장입니다. 초대받은 이메일로 로그인했는지 확인하고, 아니면 새 초대장을 요청하세요.",
    "This invitation cannot be used. Log in with the invited address, or ask for a new invitation.",
)
TOO_MANY_WRONG_INVITATIONS = Message(
    "too_many_wrong_invitations",
    "잘못된 초대장을 너무 많이 열었습니다. {retry_after_minutes}분 뒤에 다시 시도하세요.",
    "Too many wrong invitations. Try again after {retry_after_minutes} min.",
)
ACCOUNT_ON_ITS_WAY = Message(
    "account_on_its_way",
    "가입한 지 얼마 되지 않아 아직 계정 정보가 도착하지 않았습니다. 잠시 후 다시 시도하세요.",
    "Your account is so new that it is not known here yet. Try again in a moment.",
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
USER_UNVERIFIED = Message(
    "user_unverified",
    "이 사용자는 아직 이메일 주소를 확인하지 않았습니다. 받은 확인 편지의 링크를 열게 하거나, 초대장을 보내세요.",
    "This user has not verified the address yet. Let them open the link in their letter, or send an invitation.",
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
LLM_ADDRESS_INVALID = Message(
    "llm_address_invalid",
    "base_url이 올바르지 않습니다({part}). https://api.example.com/v1처럼 쓰고 계정, ?, #, 1024 아래 포트는 빼세요.",
    "`base_url` is not valid ({part}). Write it like https://api.example.com/v1, without account, ?, # or low port.",
)
LLM_HTTPS_NEEDED = Message(
    "llm_https_needed",
    "base_url은 https로 시작해야 합니다.",
    "`base_url` must begin with https.",
)
LLM_HOST_NOT_ALLOWED = Message(
    "llm_host_not_allowed",
    "{host}은(는) 허용된 LLM 주소가 아닙니다. 플랫폼 운영자에게 허용을 요청하세요.",
    "{host} is not among the hosts that are allowed. Ask the platform's operator to allow it.",
)
LLM_HOST_UNKNOWN = Message(
    "llm_host_unknown",
    "{host}의 주소를 찾을 수 없습니다. 이름을 확인하고 잠시 후 다시 시도하세요.",
    "No address can be found for {host}. Check the name and try again in a moment.",
)
LLM_ADDRESS_PRIVATE = Message(
    "llm_address_private",
    "{host}은(는) 공개된 인터넷 주소가 아니어서 쓸 수 없습니다.",
    "{host} is not a public internet address and cannot be used.",
)
LLM_PROVIDER_INCOMPLETE = Message(
    "llm_provider_incomplete",
    "provider와 base_url은 함께 보내거나 함께 비우세요. API 키는 base_url이 있어야 저장됩니다.",
    "Send `provider` and `base_url` together, or neither. An API key needs a `base_url`.",
)
LLM_PROVIDER_RESERVED = Message(
    "llm_provider_reserved",
    "growfit은 플랫폼의 내장 제공자 이름입니다. 다른 이름을 쓰세요.",
    "`growfit` is the platform's own provider. Choose another name.",
)
KEY_REQUIRED = Message(
    "key_required",
    "provider나 base_url을 바꾸려면 api_key를 다시 보내거나, null을 보내 저장된 키를 지우세요.",
    "To change `provider` or `base_url`, send `api_key` again, or null to remove the stored one.",
)
LLM_ADDRESS_BY_ADMIN = Message(
    "llm_address_by_admin",
    "provider, base_url, api_key, price_override는 조직 관리자만 바꾸거나 시험할 수 있습니다. 값을 그대로 두거나 "
    "관리자에게 요청하세요.",
    "Only the org's administrators change or test `provider`, `base_url`, `api_key` and `price_override`. Leave them "
    "as they are, or ask an administrator.",
)
LLM_NOT_CONFIGURED = Message(
    "llm_not_configured",
    "여기에 적용되는 base_url이 없습니다. LLM 설정에 provider와 base_url을 먼저 저장하세요.",
    "No `base_url` holds here. Store a provider and its `base_url` in the LLM settings first.",
)
LLM_KEY_UNREADABLE = Message(
    "llm_key_unreadable",
    "저장된 API 키를 열 수 없습니다. api_key를 다시 저장하세요.",
    "The stored API key cannot be opened. Store `api_key` again.",
)
LLM_UNREACHABLE = Message(
    "llm_unreachable",
    "LLM 제공자에 연결할 수 없습니다. base_url과 제공자의 상태를 확인하세요.",
    "The provider cannot be reached. Check `base_url` and the provider's state.",
)
LLM_TLS_FAILED = Message(
    "llm_tls_failed",
    "LLM 제공자의 인증서를 확인할 수 없습니다. base_url의 호스트 이름을 확인하세요.",
    "The provider's certificate cannot be verified. Check the host in `base_url`.",
)
LLM_TIMED_OUT = Message(
    "llm_timed_out",
    "LLM 제공자가 제때 답하지 않았습니다. 잠시 후 다시 시도하세요.",
    "The provider did not answer in time. Try again in a moment.",
)
LLM_ANSWER_TOO_LARGE = Message(
    "llm_answer_too_large",
    "LLM 제공자의 답이 너무 큽니다. base_url이 API의 주소인지 확인하세요.",
    "The provider's answer is too large. Check that `base_url` is its API.",
)
LLM_ANSWER_UNREADABLE = Message(
    "llm_answer_unreadable",
    "LLM 제공자의 답이 모델 목록이 아닙니다. base_url이 /v1처럼 API의 앞부분인지 확인하세요.",
    "The provider's answer is no list of models. Check that `base_url` is its API's beginning, often /v1.",
)
LLM_KEY_REFUSED = Message(
    "llm_key_refused",
    "LLM 제공자가 API 키를 받아들이지 않았습니다. api_key를 다시 저장하세요.",
    "The provider refuses the API key. Store `api_key` again.",
)
LLM_STATUS = Message(
    "llm_status",
    "LLM 제공자가 상태 {provider_status}(으)로 답했습니다. base_url을 확인하세요.",
    "The provider answered with status {provider_status}. Check `base_url`.",
)
COURSE_ARCHIVED = Message(
    "course_archived",
    "보관된 과정으로는 새 강의를 만들 수 없습니다. 과정을 되살리거나 다른 과정을 고르세요.",
    "An archived course takes no new class. Bring the course back, or choose another one.",
)
CLASS_IS_DRAFT = Message(
    "class_is_draft",
    "아직 초안인 강의입니다. 먼저 강의를 여세요.",
    "The class is still a draft. Open it first.",
)
CLASS_IS_CLOSED = Message(
    "class_is_closed",
    "닫힌 강의입니다. 다시 쓰려면 강의를 재개하세요.",
    "The class is closed. Reopen it to use it again.",
)
CLASS_HAS_BEGUN = Message(
    "class_has_begun",
    "이미 시작한 강의의 시작 시각은 바꿀 수 없습니다. opens_at을 빼고 보내세요.",
    "The class has begun, so its beginning cannot change. Leave `opens_at` out.",
)
CLASS_FULL = Message(
    "class_full",
    "강의 정원({capacity}명)이 찼습니다. 선생님에게 정원을 늘려 달라고 요청하세요.",
    "All {capacity} seats of the class are taken. Ask the teacher for more.",
)
CAPACITY_TOO_SMALL = Message(
    "capacity_too_small",
    "지금 학생이 {students}명입니다. capacity를 그 이상으로 정하세요.",
    "The class has {students} students now. Choose a `capacity` of at least that.",
)
PERIOD_INVALID = Message(
    "period_invalid",
    "시작이 끝보다 앞서야 하고 끝은 아직 오지 않은 때여야 합니다. opens_at과 closes_at을 확인하세요.",
    "A class begins before it ends, and it ends later than now. Check `opens_at` and `closes_at`.",
)
DOCUMENT_NOT_FOUND = Message(
    "document_not_found",
    "쓸 수 있는 문서가 아닙니다. 문서 번호를 확인하고, 방금 올렸다면 잠시 후 다시 시도하세요.",
    "There is no such document that you can use. Check its id; if it is new, try again in a moment.",
)
TOO_MANY_MATERIALS = Message(
    "too_many_materials",
    "강의 자료는 {limit}개까지 둘 수 있습니다. 쓰지 않는 자료를 먼저 빼세요.",
    "A class holds {limit} materials. Take out what is not needed first.",
)
TOO_MANY_WRONG_CODES_HERE = Message(
    "too_many_wrong_codes_here",
    "이 네트워크에서 잘못된 초대 코드를 너무 많이 입력했습니다. {retry_after_minutes}분 뒤에 다시 시도하세요.",
    "Too many wrong invite codes came from this network. Try again after {retry_after_minutes} min.",
)
ENROLLMENT_NOT_FOUND = Message("enrollment_not_found", "수강 등록을 찾을 수 없습니다.", "There is no such enrolment.")
ACCOUNT_GONE = Message(
    "account_gone",
    "탈퇴한 사용자의 수강 등록입니다. 다시 등록할 수 없습니다.",
    "The enrolment is of an account that is no more. It cannot be enrolled again.",
)
ENROLLMENT_ENDED = Message(
    "enrollment_ended",
    "이미 끝난 수강 등록입니다. 다시 등록하려면 재개하세요.",
    "The enrolment has ended. Resume it to enrol the student again.",
)
STUDENT_ALONE = Message(
    "student_alone",
    "학생 본인만 할 수 있습니다. 수강을 끝내려면 종료를 쓰세요.",
    "Only the student may do this. To take somebody out, end the enrolment.",
)
ALREADY_ENROLLED = Message(
    "already_enrolled",
    "이미 그 강의를 듣는 학생입니다. 옮기지 말고 지금 강의의 수강을 끝내세요.",
    "The student is in that class already. End this enrolment instead of moving it.",
)
TRANSFER_TO_SAME_CLASS = Message(
    "transfer_to_same_class",
    "이미 이 강의의 학생입니다. 다른 강의의 class_id를 보내세요.",
    "That is the class the student is in. Send another `class_id`.",
)
CSV_MISSING = Message(
    "csv_missing",
    "CSV 파일이 없습니다. multipart/form-data의 file 항목이나 text/csv 본문으로 보내세요.",
    "There is no CSV file. Send it as the part `file` of multipart/form-data, or as a text/csv body.",
)
CSV_TOO_LARGE = Message(
    "csv_too_large",
    "CSV 파일은 {limit}바이트까지 받습니다. 나누어 보내세요.",
    "A CSV file may have {limit} bytes. Send it in parts.",
)
CSV_ENCODING_UNKNOWN = Message(
    "csv_encoding_unknown",
    "글자를 읽을 수 없는 파일입니다. 엑셀에서 'CSV UTF-8'로 저장해 다시 보내세요.",
    "The file's text cannot be read. Save it as CSV UTF-8 and send it again.",
)
CSV_UNREADABLE = Message(
    "csv_unreadable",
    "CSV 형식이 맞지 않습니다({csv_row}행). 따옴표가 닫혔는지 확인하세요.",
    "This is no CSV at row {csv_row}. Check that quotes are closed.",
)
CSV_COLUMNS_MISSING = Message(
    "csv_columns_missing",
    "첫 줄에 '이메일'(또는 email) 열이 한 번 있어야 합니다.",
    "The first line must name one column `email`.",
)
CSV_TOO_MANY_ROWS = Message(
    "csv_too_many_rows",
    "한 번에 {limit}행까지 등록할 수 있습니다. 파일을 나누세요.",
    "At most {limit} rows may be sent at once. Divide the file.",
)
CSV_EMPTY = Message(
    "csv_empty",
    "등록할 행이 없습니다. 제목 줄 아래에 이메일을 한 줄에 하나씩 쓰세요.",
    "There are no rows. Write one e-mail address a line below the first line.",
)
# What a report says of each row of a roster.
POLICY_NOT_FOUND = Message(
    "policy_not_found",
    "그런 정산 정책이 없거나, 그날 적용되는 정책이 없습니다.",
    "There is no such settlement policy, or none that holds on that day.",
)
POLICY_TOO_EARLY = Message(
    "policy_too_early",
    "정산 정책은 지난 날이나 오늘부터 적용할 수 없습니다. {earliest} 이후의 날짜를 쓰세요.",
    "A settlement policy cannot begin in the past or today. Choose {earliest} or a later day.",
)
POLICY_DAY_TAKEN = Message(
    "policy_day_taken",
    "{effective_from}부터 적용되는 정책이 이미 있습니다. 먼저 철회하거나 다른 날짜를 쓰세요.",
    "Another policy begins on {effective_from}. Withdraw it first, or choose another day.",
)
POLICY_IN_EFFECT = Message(
    "policy_in_effect",
    "이미 적용이 시작된 정책은 철회할 수 없습니다. 앞으로의 날짜로 새 정책을 만드세요.",
    "A policy whose day has come cannot be withdrawn. Adopt another one for a day to come.",
)
TIERS_NOT_ASCENDING = Message(
    "tiers_not_ascending",
    "구간(tiers)의 from_amount는 점점 커져야 합니다.",
    "`from_amount` must grow from tier to tier.",
)
PREVIEW_OF_ONE = Message(
    "preview_of_one",
    "policy_id와 terms 중 하나만 보내세요.",
    "Send exactly one of `policy_id` and `terms`.",
)
DAYS_REVERSED = Message(
    "days_reversed",
    "시작일({first})이 종료일({last})보다 늦습니다.",
    "The first day, {first}, is after the last one, {last}.",
)
DAYS_TOO_MANY = Message(
    "days_too_many",
    "한 번에 {limit}일까지 볼 수 있습니다. {days}일을 요청했습니다.",
    "At most {limit} days can be asked for at once; these are {days}.",
)
