"""What spreadsheets, people and attackers write into a CSV file."""

import pytest

from chassis.errors import Invalid
from org_partner.service import roster_csv

GOOD = "이메일,이름\nminji@example.com,김민지\nseojun@example.com,이서준\n"


def emails(content: bytes) -> list:
    return [row.email for row in roster_csv.parse(content)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_korean_files_in_each_encoding_that_spreadsheets_save(encoding) -> None:
    assert emails(GOOD.encode(encoding)) == ["minji@example.com", "seojun@example.com"]


@pytest.mark.parametrize(
    "head",
    [
        "email",
        "EMAIL",
        " E-mail ",
        "e-mail",
        "이메일 주소",
        "Email Address",
        "메일",
        "ｅｍａｉｌ",
        '"email"',
        "'email"[1:],
    ],
)
def test_names_of_the_column(head) -> None:
    assert emails(f"번호,{head},이름\n1,a@example.com,가\n".encode()) == ["a@example.com"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_and_ends_of_lines(separator, newline) -> None:
    lines = [separator.join(each) for each in (("이름", "이메일"), ("가", "a@example.com"), ("나", "b@example.com"))]

    assert emails(newline.join(lines).encode()) == ["a@example.com", "b@example.com"]


def test_ends_of_lines_of_all_kinds_in_one_file() -> None:
    assert emails(b"email\r\na@example.com\nb@example.com\rc@example.com") == [
        "a@example.com",
        "b@example.com",
        "c@example.com",
    ]


def test_rows_are_numbered_as_a_spreadsheet_does_whatever_is_empty_or_broken_over_lines() -> None:
    content = '\n이름,이메일\n\n"김\n민지",a@example.com\n , \n이서준,없음\n박,"b@example.com"\n짧은 줄\n'

    rows = roster_csv.parse(content.encode())

    assert [(row.number, row.written, row.email) for row in rows] == [
        (4, "a@example.com", "a@example.com"),
        (6, "없음", None),
        (7, "b@example.com", "b@example.com"),
        (8, "", None),
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("  Minji@Example.COM ", "minji@example.com"),
        ("ｍｉｎｊｉ＠ｅｘａｍｐｌｅ．ｃｏｍ", "minji@example.com"),
        ("'+minji@example.com", "+minji@example.com"),
        ("'minji@example.com", "'minji@example.com"),
        ("minji", None),
        ("minji@", None),
        ("=1+1", None),
        ("a@b@example.com", None),
        ("x" * 300 + "@example.com", None),
        ("minji@example.com, seojun@example.com", None),
        ("<script>@example.com", None),
        ("' OR 1=1 --", None),
    ],
)
def test_addresses_as_they_are_written(written, meant) -> None:
    quoted = written.replace('"', '""')

    (row,) = roster_csv.parse(f'email\n"{quoted}"\n'.encode())

    assert row.email == meant
    assert len(row.written) <= 254


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "csv_empty"),
        (b"\n\n\n", "csv_empty"),
        (b"email\n", "csv_empty"),
        (b"\xef\xbb\xbf", "csv_empty"),
        (GOOD.encode("utf-16"), "csv_encoding_unknown"),
        (GOOD.encode("utf-16-le"), "csv_encoding_unknown"),
        (GOOD.encode("utf-32"), "csv_encoding_unknown"),
        (b"email\na@example.com\x00\n", "csv_encoding_unknown"),
        (b"\x00" * 1000, "csv_encoding_unknown"),
        (bytes(range(256)), "csv_encoding_unknown"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "csv_encoding_unknown"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "csv_columns_missing"),
        (b"PK\x03\x04\x14\x00\x06\x00", "csv_encoding_unknown"),
        (b"email\n\xff\xff\xff@example.com\n", "csv_encoding_unknown"),
        (b"email\na\x1b[2J@example.com\n", "csv_encoding_unknown"),
        ("이름,전화\n가,010\n".encode(), "csv_columns_missing"),
        (b"a@example.com\nb@example.com\n", "csv_columns_missing"),
        (b"email,e-mail\na@example.com,b@example.com\n", "csv_columns_missing"),
        (b'email\n"a@example.com\n', "csv_unreadable"),
        (b'email\n"a"b@example.com\n', "csv_unreadable"),
        (b"email\n" + b"x" * 200_000 + b"\n", "csv_unreadable"),
        (b"email\n" + b"a@example.com\n" * 2001, "csv_too_many_rows"),
    ],
)
def test_files_that_are_none(content, code) -> None:
    with pytest.raises(Invalid) as caught:
        roster_csv.parse(content)

    assert caught.value.code == code


def test_an_unreadable_row_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        roster_csv.parse(b'email\na@example.com\n"b"c@example.com\n')

    assert caught.value.values == {"csv_row": 3}


def test_two_thousand_rows_are_read() -> None:
    content = "email\n" + "".join(f"student{number}@example.com\n" for number in range(2000))

    assert len(roster_csv.parse(content.encode())) == 2000
