import pytest

from contracts import digests
from org_partner.service import codes


def test_a_code_is_four_groups_of_four_without_look_alikes() -> None:
    groups = codes.new_code().split("-")

    assert [len(group) for group in groups] == [4, 4, 4, 4]
    assert set("".join(groups)) <= set(codes.ALPHABET)
    assert not set("ILOU") & set(codes.ALPHABET)


def test_a_code_has_eighty_bits_and_uses_the_whole_alphabet() -> None:
    made = {codes.new_code() for _ in range(2000)}

    assert len(codes.ALPHABET) ** 16 == 2**80
    assert len(made) == 2000
    assert set("".join(made)) == {*codes.ALPHABET, "-"}


@pytest.mark.parametrize(
    "typed",
    [
        "7k3m-q0xz-9avt-2hn1",
        "7K3MQ0XZ9AVT2HN1",
        "  7K3M Q0XZ\t9AVT 2HN1 \n",
        "7K3M–Q0XZ—9AVT−2HN1",
        "７Ｋ３Ｍ－Ｑ０ＸＺ－９ＡＶＴ－２ＨＮ１",
        "7K3M-QOXZ-9AVT-2HNI",
        "7k3m-qoxz-9avt-2hnl",
    ],
)
def test_what_was_meant_counts_not_how_it_was_typed(typed: str) -> None:
    assert digests.of_code(typed) == digests.of_code("7K3M-Q0XZ-9AVT-2HN1")


@pytest.mark.parametrize("typed", ["7K3M-Q0XZ-9AVT-2HN2", "7K3M-Q0XZ-9AVT", "", "-", "\ud800", "초대코드"])
def test_another_code_stays_another_code(typed: str) -> None:
    assert digests.of_code(typed) != digests.of_code("7K3M-Q0XZ-9AVT-2HN1")
