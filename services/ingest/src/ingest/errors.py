"""What ingest can answer besides success, and why a document can end `rejected` or `failed`."""

from chassis.errors import Invalid, Message, Unavailable, UnsupportedMedia

DOCUMENT_NOT_FOUND = Message(
    "document_not_found", "문서를 찾을 수 없습니다.", "There is no such document, or it is not yours to see."
)
NOT_THE_OWNER = Message(
    "not_the_owner",
    "문서를 올린 사람만 삭제할 수 있습니다.",
    "Only the person who uploaded the document may delete it.",
)
CLASS_NOT_FOUND = Message(
    "class_not_found",
    "강의를 찾을 수 없습니다. 방금 수강 등록했다면 잠시 후 다시 시도하세요.",
    "There is no such class, or you are not in it. If you have only just enrolled, try again in a moment.",
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
OLD_OFFICE = Message(
    "old_office_format",
    "{extension}의 이 형식은 오래되어 받지 않습니다. .docx, .xlsx, .pptx, 새 .hwp 또는 PDF로 저장해 올리세요.",
    "This format of {extension} is too old. Save the file as .docx, .xlsx, .pptx, a newer .hwp or PDF and upload that.",
)
MACRO_FILE = Message(
    "macro_file",
    "{extension}은(는) 매크로가 들어 있는 형식이라 받지 않습니다. .docx, .xlsx, .pptx로 저장해 올리세요.",
    "{extension} is a format with macros, which is not accepted. Save the file as .docx, .xlsx or .pptx instead.",
)
PROTECTED_OFFICE = Message(
    "protected_office_file",
    "암호로 보호되었거나 옛 형식인 {extension} 파일입니다. 암호를 풀고 {extension}(으)로 다시 저장해 올리세요.",
    "This {extension} file has a password or an older format inside. Remove the password and save it as {extension}.",
)
DOCUMENT_DUPLICATE = Message(
    "document_duplicate",
    "같은 파일을 이미 올렸습니다: 「{document_title}」. 그래도 올리려면 duplicate=allow를 보내세요.",
    "You have uploaded this file already: “{document_title}”. Send `duplicate=allow` to upload it all the same.",
)
STORAGE_UNAVAILABLE = Message(
    "storage_unavailable",
    "파일 저장소를 잠시 사용할 수 없습니다. 잠시 후 다시 올리세요.",
    "The file storage cannot be reached right now. Upload again in a moment.",
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
FILE_DAMAGED = Message(
    "file_damaged",
    "파일이 손상되었거나 끝까지 올라오지 않았습니다. 원본을 확인하고 다시 올리세요.",
    "The file is damaged or incomplete. Check the original and upload it again.",
)
FILE_NOT_WHAT_IT_SAYS = Message(
    "file_not_what_it_says",
    "파일의 내용이 확장자와 다릅니다. 원래 프로그램에서 다시 저장해 올리세요.",
    "The content is not what the file's name says. Save it again in the program it comes from and upload that.",
)
ARCHIVE_UNSAFE = Message(
    "archive_unsafe",
    "파일 안의 압축이 안전하지 않습니다. 원래 프로그램에서 새 파일로 저장해 올리세요.",
    "The archive inside the file is not safe to open. Save it as a new file in its program and upload that.",
)
MACROS_REFUSED = Message(
    "macros_refused",
    "매크로가 들어 있는 파일은 받지 않습니다. 매크로 없는 형식(.docx, .xlsx, .pptx)으로 저장해 올리세요.",
    "Files with macros are not accepted. Save it in a format without macros (.docx, .xlsx, .pptx) and upload that.",
)
XML_UNSAFE = Message(
    "xml_unsafe",
    "파일 안의 XML이 안전하지 않습니다. 원래 프로그램에서 새 파일로 저장해 올리세요.",
    "The XML inside the file is not safe to read. Save it as a new file in its program and upload that.",
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

REASONS = {
    message.code: message
    for message in (
        PDF_ENCRYPTED,
        PDF_DAMAGED,
        TEXT_UNDECODABLE,
        NO_TEXT,
        TOO_MANY_PAGES,
        TEXT_TOO_LONG,
        PARSE_LIMIT,
        FILE_DAMAGED,
        FILE_NOT_WHAT_IT_SAYS,
        ARCHIVE_UNSAFE,
        MACROS_REFUSED,
        XML_UNSAFE,
        IMAGE_TOO_LARGE,
        TOO_MANY_SCANS,
        OCR_UNAVAILABLE,
        PROCESSING_FAILED,
    )
}
REJECTING = frozenset(REASONS) - {NO_TEXT.code, PARSE_LIMIT.code, OCR_UNAVAILABLE.code, PROCESSING_FAILED.code}


class Unreadable(Invalid):
    """The document cannot become searchable; its message is one of REASONS."""


class WrongType(UnsupportedMedia):
    """The content is of no accepted type, or not of the type that the name says."""


class NotEmbedded(Unavailable):
    """The embedding provider cannot be reached, refuses, or answers with nothing usable. `tokens`: billed all the same.

    A refusal is tried again too: a wrong key or model name is mended in the settings, and the document need not fail.
    """

    def __init__(self, *, tokens: int = 0) -> None:
        super().__init__(EMBEDDING_UNAVAILABLE)
        self.tokens = tokens
