"""What ingest can answer besides success, and why a document can end `rejected` or `failed`."""

from typing import Any

from chassis.errors import Conflict, Invalid, Message, Unavailable, UnsupportedMedia

DOCUMENT_NOT_FOUND = Message(
    "document_not_found", "문서를 찾을 수 없습니다.", "There is no such document, or it is not yours to see."
)
NOT_THE_OWNER = Message(
    "not_the_owner",
    "문서를 올린 사람만 할 수 있습니다.",
    "Only the person who uploaded the document may do this.",
)
CLASS_NOT_FOUND = Message(
    "class_not_found",
    "강의를 찾을 수 없습니다. 방금 수강 등록했다면 잠시 후 다시 시도하세요.",
    "There is no such class, or you are not in it. If you have only just enrolled, try again in a moment.",
)
PROJECT_NOT_FOUND = Message(
    "project_not_found",
    "프로젝트를 찾을 수 없습니다. 방금 만들었다면 잠시 후 다시 시도하세요.",
    "There is no such project, or it is not yours. If you have only just made it, try again in a moment.",
)
AGENT_NOT_FOUND = Message(
    "agent_not_found",
    "에이전트를 찾을 수 없습니다. 방금 만들었다면 잠시 후 다시 시도하세요.",
    "There is no such agent, or it is not yours. If you have only just made it, try again in a moment.",
)
ANOTHER_ORGS_DOCUMENT = Message(
    "another_orgs_document",
    "다른 조직의 문서는 이 에이전트에 넣을 수 없습니다. 에이전트가 공개된 강의의 조직 문서이거나 개인 문서여야 합니다.",
    "The agent is open to a class, which may find documents of its own org and personal ones, and not this one.",
)
SHARED_TOO_WIDELY = Message(
    "shared_too_widely",
    "문서를 강의, 프로젝트, 에이전트 {limit}개까지 공개할 수 있습니다. 몇 개에서 뺀 뒤 다시 하세요.",
    "A document may be open to {limit} classes, projects and agents. Take it out of some, then try again.",
)
SHELF_CONTRADICTED = Message(
    "shelf_contradicted",
    "이벤트가 말하는 프로젝트나 에이전트의 주인이 이미 알려진 것과 다릅니다. 어느 서비스가 보냈는지 확인하세요.",
    "The event contradicts whose project or agent it is known to be. Find out which service published it.",
)
SHARING_REFUSED = Message(
    "sharing_refused",
    "강의 자료로 올리는 것은 강의의 강사만 할 수 있습니다. visibility를 private으로 보내세요.",
    "Only the class's instructors may share a document with it. Send `visibility=private`.",
)
FILE_MISSING = Message(
    "file_missing",
    "파일이 없습니다. multipart/form-data의 file 항목으로 보내세요.",
    "There is no file. Send it as the part `file` of multipart/form-data.",
)
UPLOAD_BROKEN = Message(
    "upload_broken",
    "업로드가 중간에 끊겼거나 형식이 올바르지 않습니다. 파일을 처음부터 다시 올리세요.",
    "The upload was cut off or is not valid multipart/form-data. Upload the file again.",
)
FORM_FIELD_INVALID = Message(
    "form_field_invalid",
    "항목 {field}은(는) 받을 수 없습니다. file 항목 하나만 보내고, 다른 값은 주소의 쿼리로 보내세요.",
    "The part {field} is not expected. Send one part named `file`, and everything else in the query string.",
)
DOCUMENT_EMPTY = Message(
    "document_empty", "빈 파일입니다. 내용이 있는 파일을 올리세요.", "The file is empty. Upload one with content."
)
DOCUMENT_TOO_SMALL = Message(
    "document_too_small",
    "파일이 {size_bytes}바이트뿐이라 문서가 아닙니다. 올바른 파일인지 확인하세요.",
    "The file has only {size_bytes} bytes and cannot be a document. Check that it is the right file.",
)
DOCUMENT_TOO_LARGE = Message(
    "document_too_large",
    "파일이 너무 큽니다. {limit_mib} MiB까지 올릴 수 있습니다. 나누어 올리세요.",
    "The file is too large. The limit is {limit_mib} MiB; upload it in parts.",
)
TYPE_UNSUPPORTED = Message(
    "type_unsupported",
    "지원하지 않는 파일 형식입니다. 올릴 수 있는 형식: {types}",
    "This type of file is not supported. Accepted: {types}",
)
UPLOADS_CLOSED = Message(
    "uploads_closed",
    "지금은 어떤 형식의 문서도 올릴 수 없습니다. 플랫폼 관리자에게 문의하세요.",
    "No type of document can be uploaded at present. Ask the platform's supervisor.",
)
TYPE_MISMATCH = Message(
    "type_mismatch",
    "파일 이름은 {extension}인데 내용은 {found}입니다. 확장자를 맞게 고쳐 다시 올리세요.",
    "The name says {extension}, the content is {found}. Give the file its right extension and upload it again.",
)
OLD_OFFICE_FORMAT = Message(
    "old_office_format",
    "{extension}의 이 형식은 오래되어 받지 않습니다. .docx, .xlsx, .pptx, 새 .hwp 또는 PDF로 저장해 올리세요.",
    "This format of {extension} is too old. Save the file as .docx, .xlsx, .pptx, a newer .hwp or PDF and upload that.",
)
MACRO_FILE = Message(
    "macro_file",
    "{extension}은(는) 매크로가 들어 있는 형식이라 받지 않습니다. .docx, .xlsx, .pptx로 저장해 올리세요.",
    "{extension} is a format with macros, which is not accepted. Save the file as .docx, .xlsx or .pptx instead.",
)
PROTECTED_OFFICE_FILE = Message(
    "protected_office_file",
    "암호로 보호되었거나 옛 형식인 {extension} 파일입니다. 암호를 풀고 {extension}(으)로 다시 저장해 올리세요.",
    "This {extension} file has a password or an older format inside. Remove the password and save it as {extension}.",
)
DOCUMENT_DUPLICATE = Message(
    "document_duplicate",
    "같은 파일을 이미 올렸습니다: 「{document_title}」. 그래도 올리려면 duplicate=allow를 보내세요.",
    "You have uploaded this file already: “{document_title}”. Send `duplicate=allow` to upload it all the same.",
)
NOT_IN_PROGRESS = Message(
    "not_in_progress",
    "처리 중인 문서가 아니라 취소할 것이 없습니다. 지금 상태: {state}",
    "The document is not being processed, so there is nothing to cancel. Its state: {state}",
)
NOTHING_TO_RETRY = Message(
    "nothing_to_retry",
    "실패하거나 취소된 문서만 다시 처리할 수 있습니다. 지금 상태: {state}",
    "Only a document that failed or was cancelled can be tried again. Its state: {state}",
)
NOT_READY = Message(
    "not_ready",
    "준비가 끝난 문서만 다시 처리할 수 있습니다. 처리 중이면 기다리고, 실패했으면 retry를 보내세요. 지금 상태: {state}",
    "Only a document that is ready can be processed anew. Wait for one in progress; send `retry` for a failed one. "
    "Its state: {state}",
)
IN_PROGRESS = Message(
    "in_progress",
    "처리 중인 문서의 파일은 바꿀 수 없습니다. 기다리거나 cancel을 보낸 뒤 다시 올리세요. 지금 상태: {state}",
    "The file of a document in progress cannot be replaced. Wait for its end, or send `cancel` and upload again. "
    "Its state: {state}",
)
STORAGE_UNAVAILABLE = Message(
    "storage_unavailable",
    "파일 저장소를 잠시 사용할 수 없습니다. 잠시 후 다시 올리세요.",
    "The file storage cannot be reached right now. Upload again in a moment.",
)
ORIGINAL_MISSING = Message(
    "original_missing",
    "문서의 원본 파일이 저장소에 없습니다. 운영자에게 알려 주세요.",
    "The document's original file is not in the storage. Tell the operator.",
)
RANGE_NOT_SATISFIABLE = Message(
    "range_not_satisfiable",
    "요청한 범위가 파일의 크기({size_bytes}바이트)를 벗어납니다. Range 헤더를 고쳐 다시 보내세요.",
    "The range lies outside of the file, which has {size_bytes} bytes. Mend the `Range` header.",
)
LINK_NOT_VALID = Message(
    "link_not_valid",
    "링크가 만료되었거나 올바르지 않거나, 문서를 더는 볼 수 없습니다. 새 링크를 만드세요.",
    "The link has expired or is not valid, or its document cannot be seen any more. Make a new one.",
)
UPLOAD_NOT_FOUND = Message(
    "upload_not_found",
    "진행 중인 업로드를 찾을 수 없습니다. 하루가 지나면 사라집니다. POST /uploads로 다시 시작하세요.",
    "There is no such upload; it is forgotten after a day. Begin again with `POST /uploads`.",
)
UPLOAD_OFFSET_WRONG = Message(
    "upload_offset_wrong",
    "서버가 받은 데까지는 {offset}바이트입니다. Upload-Offset: {offset}부터 이어서 보내세요.",
    "The server has {offset} bytes. Go on from `Upload-Offset: {offset}`.",
)
UPLOAD_CUT = Message(
    "upload_cut",
    "업로드가 중간에 끊겼습니다. GET /uploads/{upload_id}로 받은 데를 확인하고 이어서 보내세요.",
    "The request was cut off. Ask `GET /uploads/{upload_id}` how far it came, and go on from there.",
)
UPLOAD_TOO_LONG = Message(
    "upload_too_long",
    "처음에 알린 크기({size_bytes}바이트)보다 많이 보냈습니다. 올바른 파일인지 확인하세요.",
    "More was sent than the {size_bytes} bytes that were announced. Check that it is the right file.",
)
UPLOAD_SCATTERED = Message(
    "upload_scattered",
    "너무 잘게 나누어 보냈습니다. DELETE로 그만두고 더 크게 나누어 다시 올리세요.",
    "The file came in too many small pieces. Give it up with DELETE and upload it again in larger ones.",
)
UPLOAD_COMPLETING = Message(
    "upload_completing",
    "다른 요청이 이 업로드를 마무리하고 있습니다. 잠시 후 GET /uploads/{upload_id}로 확인하세요.",
    "Another request is making the document of this upload. Ask `GET /uploads/{upload_id}` in a moment.",
)
UPLOAD_COMPLETED = Message(
    "upload_completed",
    "이미 문서가 되었습니다. 지우려면 DELETE /documents/{document_id}를 쓰세요.",
    "It is a document already. To delete it, send `DELETE /documents/{document_id}`.",
)
UPLOADS_OPEN = Message(
    "uploads_open",
    "끝내지 않은 업로드가 너무 많습니다({limit}개까지). 이어서 끝내거나 DELETE로 그만두세요.",
    "Too many uploads are unfinished; the limit is {limit}. Finish some, or give them up with DELETE.",
)
HASH_MISMATCH = Message(
    "hash_mismatch",
    "받은 파일의 SHA-256이 알려 준 값과 다릅니다. 파일을 처음부터 다시 올리세요.",
    "The SHA-256 of what arrived is not the announced one. Upload the file again.",
)
BULK_TOO_MANY = Message(
    "bulk_too_many",
    "한 번에 {limit}개까지 올릴 수 있습니다. 나머지는 다음 요청으로 보내세요.",
    "At most {limit} files are taken at once. Send the others in another request.",
)
BULK_TOO_LARGE = Message(
    "bulk_too_large",
    "한 번에 모두 {limit_mib} MiB까지 올릴 수 있습니다. 나머지는 다음 요청으로 보내세요.",
    "At most {limit_mib} MiB are taken at once. Send the others in another request.",
)
QUOTA_DOCUMENTS = Message(
    "quota_documents",
    "문서를 {limit}개까지 가질 수 있는데 이미 {used}개가 있습니다. 쓰지 않는 문서를 삭제한 뒤 다시 올리세요.",
    "You have {used} documents and may have {limit}. Delete some that you do not need, then upload again.",
)
QUOTA_BYTES = Message(
    "quota_bytes",
    "문서를 모두 {limit}바이트까지 둘 수 있습니다. 지금 {used}바이트를 쓰고 있고 이 파일은 {size_bytes}바이트입니다. "
    "쓰지 않는 문서를 삭제한 뒤 다시 올리세요.",
    "Your documents may take up {limit} bytes. They have {used}, and this file has {size_bytes}. "
    "Delete some that you do not need, then upload again.",
)
QUOTA_ORG_BYTES = Message(
    "quota_org_bytes",
    "조직의 문서를 모두 {limit}바이트까지 둘 수 있습니다. 지금 {used}바이트를 쓰고 있고 "
    "이 파일은 {size_bytes}바이트입니다. 조직의 관리자에게 문의하세요.",
    "The org's documents may take up {limit} bytes. They have {used}, and this file has {size_bytes}. "
    "Ask the org's administrator.",
)
EMBEDDING_UNAVAILABLE = Message(
    "embedding_unavailable",
    "임베딩 서버를 잠시 사용할 수 없습니다.",
    "The embedding server cannot be reached right now.",
)
INDEX_UNAVAILABLE = Message(
    "index_unavailable",
    "벡터 저장소를 잠시 사용할 수 없습니다.",
    "The vector store cannot be reached right now.",
)
DELETION_INCOMPLETE = Message(
    "deletion_incomplete",
    "삭제를 끝내지 못했습니다. 남은 부분은 자동으로 다시 삭제합니다.",
    "The deletion could not be finished. What is left will be deleted automatically.",
)

SUPERVISORS_ALONE = Message(
    "supervisors_alone",
    "벡터 인덱스는 플랫폼 관리자만 옮길 수 있습니다.",
    "Only supervisors may move vector indexes.",
)
MIGRATION_NOT_FOUND = Message("migration_not_found", "이전 작업을 찾을 수 없습니다.", "There is no such migration.")
CHECK_NOT_FOUND = Message(
    "check_not_found",
    "검증 보고서가 없습니다. 먼저 verify를 보내세요.",
    "There is no such report. Send `verify` first.",
)
INDEX_UNKNOWN = Message(
    "index_unknown",
    "설정에 없는 인덱스입니다: {index}. 백엔드 주소와 임베딩 모델을 설정한 뒤 다시 시작하세요.",
    "The settings say nothing of the index {index}. Set the backend's address and the embedding model, and restart.",
)
INDEX_RETIRING = Message(
    "index_retiring",
    "인덱스 {index}을(를) 지금 삭제하거나 복원하는 중입니다. 끝난 뒤 다시 시도하세요.",
    "The index {index} is being dropped or restored. Try again when that is done.",
)
BACKUP_MISSING = Message(
    "backup_missing",
    "이 인덱스의 백업이 없거나 보관 기간이 지나 복원할 수 없습니다. 새 이전을 계획해 다시 채우세요.",
    "There is no backup of this index, or none any more, so it cannot be restored. Plan a migration to fill it anew.",
)
INDEX_IN_USE = Message(
    "index_in_use",
    "{index}은(는) 이미 쓰이고 있습니다. 다른 인덱스를 고르세요.",
    "{index} is in use already. Choose another index.",
)
WRONG_STAGE = Message(
    "wrong_stage",
    "지금 단계({stage})에서는 할 수 없습니다. 할 수 있는 단계: {allowed}",
    "This cannot be done at the stage {stage}. It can be at: {allowed}",
)
NOT_PROVEN = Message(
    "not_proven",
    "최근 {minutes}분 안에 통과한 검증이 없습니다. verify를 보내고 녹색 보고서를 받은 뒤 전환하세요.",
    "No verification has passed within the last {minutes} minutes. Send `verify`, and switch with a green report.",
)
TARGET_BEHIND = Message(
    "target_behind",
    "대상 인덱스가 {seconds}초 뒤처져 있습니다. 따라잡은 뒤 다시 하세요.",
    "The target is {seconds} s behind. Try again when it has caught up.",
)
TARGET_FAILING = Message(
    "target_failing",
    "대상 인덱스가 문서 {documents}개를 받지 못하고 있습니다. 원인은 상태의 lagging에 있습니다. 해결한 뒤 다시 하세요.",
    "The target cannot take {documents} documents; `lagging` in the status says why. Mend that, and try again.",
)
INDEX_PAUSED = Message(
    "index_paused",
    "대상 인덱스가 일시 중지되어 있습니다. 먼저 resume을 보내세요.",
    "The target is paused. Send `resume` first.",
)
READS_NOT_MOVED = Message(
    "reads_not_moved",
    "모든 읽기가 대상 인덱스로 옮겨진 뒤에 마무리할 수 있습니다.",
    "It can be finalised once all reads are at the target.",
)
STILL_HELD = Message(
    "still_held",
    "되돌릴 수 있는 기간이 {until}까지입니다. 그 전에 마무리하려면 early=true를 보내세요.",
    "It is held until {until}, so that it can be rolled back. Send `early=true` to finalise it before.",
)
READS_MOVED = Message(
    "reads_moved",
    "읽기가 아직 대상 인덱스에 있습니다. 먼저 rollback을 보내세요.",
    "Some searches still read the target. Send `rollback` first.",
)
BACKUP_DAMAGED = Message(
    "backup_damaged",
    "백업 파일이 기록된 것과 다릅니다. 문서에서 인덱스를 다시 만들려면 새 이전 작업을 시작하세요.",
    "The backup is not what was written. Start a new migration to make the index again from the documents.",
)
SWITCH_EMPTY = Message(
    "switch_empty",
    "무엇을 옮길지 하나를 고르세요: all, org_ids, share.",
    "Say what shall move: `all`, `org_ids` or `share`.",
)

# Why a document ended without being searchable. `rejected`: the file itself; `failed`: what became of it.
PDF_ENCRYPTED = Message(
    "pdf_encrypted",
    "암호로 보호된 PDF입니다. 암호를 푼 뒤 다시 올리세요.",
    "The PDF is protected by a password. Remove the password and upload it again.",
)
PDF_DAMAGED = Message(
    "pdf_damaged",
    "PDF가 손상되었거나 끝까지 올라오지 않았습니다. 원본을 확인하고 다시 올리세요.",
    "The PDF is damaged or incomplete. Check the original and upload it again.",
)
TEXT_UNDECODABLE = Message(
    "text_undecodable",
    "글자 인코딩을 알 수 없습니다. UTF-8로 저장해 다시 올리세요.",
    "The text encoding cannot be recognised. Save the file as UTF-8 and upload it again.",
)
FILE_DAMAGED = Message(
    "file_damaged",
    "파일이 손상되었거나 끝까지 올라오지 않았습니다. 원본이 열리는지 확인하고 다시 올리세요.",
    "The file is damaged or incomplete. Check that the original opens and upload it again.",
)
FILE_ENCRYPTED = Message(
    "file_encrypted",
    "암호나 보안 설정(DRM)으로 보호된 파일입니다. 보호를 해제해 저장한 뒤 다시 올리세요.",
    "The file is protected by a password or by rights management. Save it without protection and upload it again.",
)
FILE_NOT_WHAT_IT_SAYS = Message(
    "file_not_what_it_says",
    "파일 내용이 확장자와 다릅니다. 원래 프로그램에서 올바른 형식으로 다시 저장해 올리세요.",
    "The content is not what the extension says. Save the file in the right format from its program and upload that.",
)
ARCHIVE_TOO_LARGE = Message(
    "archive_too_large",
    "파일의 압축을 풀면 너무 큽니다. 큰 그림을 줄이거나 문서를 나누어 올리세요.",
    "Unpacked, the file is too large. Shrink its pictures or split the document, and upload it again.",
)
ARCHIVE_UNSAFE = Message(
    "archive_unsafe",
    "파일 안에 안전하지 않은 항목이 있습니다. 원래 프로그램에서 새 파일로 저장해 올리세요.",
    "The file holds unsafe entries. Save it as a new file from its program and upload that.",
)
XML_UNSAFE = Message(
    "xml_unsafe",
    "파일 안의 XML에 허용되지 않는 선언(DTD)이 있습니다. 원래 프로그램에서 새 파일로 저장해 올리세요.",
    "XML in the file has a document type declaration, which is not allowed. Save it as a new file and upload that.",
)
MACROS_REFUSED = Message(
    "macros_refused",
    "매크로가 들어 있는 파일입니다. 매크로 없이(.docx, .pptx, .xlsx) 저장해 다시 올리세요.",
    "The file contains macros. Save it without macros (.docx, .pptx, .xlsx) and upload it again.",
)
HWP_DISTRIBUTION = Message(
    "hwp_distribution",
    "배포용 한글 문서입니다. 일반 문서(HWP 또는 HWPX)나 PDF로 저장해 다시 올리세요.",
    "This is a Hangul document for distribution only. Save it as an ordinary HWP, HWPX or PDF and upload that.",
)
TABLE_TOO_LARGE = Message(
    "table_too_large",
    "표에 칸이 너무 많습니다. 필요한 부분만 남기거나 여러 파일로 나누어 올리세요.",
    "The table has too many cells. Keep the part that is needed, or split it into several files.",
)
NO_TEXT = Message(
    "no_text",
    "문서에서 글자를 찾지 못했습니다. 스캔한 이미지라면 더 선명하게 다시 스캔해 올리세요.",
    "No text was found in the document. If it is a scan, scan it again more clearly and upload that.",
)
TOO_MANY_PAGES = Message(
    "too_many_pages",
    "쪽수가 너무 많습니다. {limit}쪽까지 처리할 수 있습니다. 나누어 올리세요.",
    "The document has too many pages. The limit is {limit}; upload it in parts.",
)
TEXT_TOO_LONG = Message(
    "text_too_long",
    "문서의 글자가 너무 많습니다. 500만 자까지 처리할 수 있습니다. 나누어 올리세요.",
    "The document has too much text. The limit is 5 million characters; upload it in parts.",
)
PARSE_LIMIT = Message(
    "parse_limit",
    "문서를 읽는 데 시간이나 메모리가 너무 많이 듭니다. 더 단순한 파일로 저장해 다시 올리세요.",
    "Reading the document takes too much time or memory. Save it as a simpler file and upload that.",
)
IMAGE_TOO_LARGE = Message(
    "image_too_large",
    "이미지의 가로세로가 너무 큽니다. 1억 화소까지 처리할 수 있습니다. 줄여서 다시 올리세요.",
    "The image has too many pixels. The limit is 100 million; scale it down and upload it again.",
)
TOO_MANY_SCANS = Message(
    "too_many_scans",
    "글자를 이미지에서 읽어야 하는 쪽이 너무 많습니다. {limit}쪽까지 처리할 수 있습니다. 나누어 올리세요.",
    "Too many pages are pictures whose text must be recognised. The limit is {limit}; upload it in parts.",
)
OCR_UNAVAILABLE = Message(
    "ocr_unavailable",
    "이 서버에는 글자 인식(OCR)이 설치되어 있지 않아 이미지를 읽을 수 없습니다. 운영자에게 알려 주세요.",
    "This server cannot recognise text in pictures: OCR is not installed. Tell the operator.",
)
PROCESSING_FAILED = Message(
    "processing_failed",
    "처리하는 중에 문제가 생겼습니다. 다시 올려도 같으면 운영자에게 알려 주세요.",
    "Something went wrong while processing. If it happens again, tell the operator.",
)

CANCELLED = Message(
    "cancelled",
    "처리를 취소했습니다. 다시 처리하려면 retry를 보내세요.",
    "Processing was cancelled. Send `retry` to go on with it.",
)

REASONS = {
    message.code: message
    for message in (
        PDF_ENCRYPTED,
        PDF_DAMAGED,
        TEXT_UNDECODABLE,
        FILE_DAMAGED,
        FILE_ENCRYPTED,
        FILE_NOT_WHAT_IT_SAYS,
        ARCHIVE_TOO_LARGE,
        ARCHIVE_UNSAFE,
        XML_UNSAFE,
        MACROS_REFUSED,
        HWP_DISTRIBUTION,
        TABLE_TOO_LARGE,
        NO_TEXT,
        TOO_MANY_PAGES,
        TEXT_TOO_LONG,
        PARSE_LIMIT,
        IMAGE_TOO_LARGE,
        TOO_MANY_SCANS,
        OCR_UNAVAILABLE,
        PROCESSING_FAILED,
        CANCELLED,
        EMBEDDING_UNAVAILABLE,
        STORAGE_UNAVAILABLE,
    )
}
# What became of the file, or of what it needed, and not the file itself.
_NOT_THE_FILES_FAULT = (
    NO_TEXT,
    PARSE_LIMIT,
    OCR_UNAVAILABLE,
    PROCESSING_FAILED,
    CANCELLED,
    EMBEDDING_UNAVAILABLE,
    STORAGE_UNAVAILABLE,
)
REJECTING = frozenset(REASONS) - {message.code for message in _NOT_THE_FILES_FAULT}


# Why a whole upload of several requests cannot be a document.
UPLOAD_REFUSALS = {
    message.code: message
    for message in (
        DOCUMENT_EMPTY,
        DOCUMENT_TOO_SMALL,
        DOCUMENT_TOO_LARGE,
        TYPE_UNSUPPORTED,
        UPLOADS_CLOSED,
        TYPE_MISMATCH,
        DOCUMENT_DUPLICATE,
        HASH_MISMATCH,
    )
}


class QuotaExceeded(Conflict):
    """Nothing more fits; deleting makes room."""


class NotInFile(Invalid):
    """The range that was asked for has nothing of the file."""

    status = 416
    title = Message("range_not_satisfiable", "범위를 벗어났습니다", "Range not satisfiable")


class Cut(Invalid):
    """The request ended before its body did. What arrived of it is kept."""

    def __init__(self, upload_id: Any) -> None:
        super().__init__(UPLOAD_CUT, upload_id=upload_id)


class Unreadable(Invalid):
    """The document cannot become searchable; its message is one of REASONS."""


class WrongType(UnsupportedMedia):
    """The content is of no accepted type, or not of the type that the name says."""


class NotEmbedded(Unavailable):
    """The embedding provider cannot be reached, refuses, or answers with nothing usable. `tokens`: billed all the same.

    A refusal is tried again too: a wrong key or model name is mended in the settings, and the document need not fail.
    `retry_after`: seconds that it asks for, or that it is not called in any case.
    """

    def __init__(self, *, tokens: int = 0, retry_after: float | None = None) -> None:
        super().__init__(EMBEDDING_UNAVAILABLE)
        self.tokens = tokens
        self.retry_after = retry_after
