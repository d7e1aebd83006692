"""Which passwords nobody may choose."""

from chassis.errors import Invalid
from identity.errors import PASSWORD_TOO_SHORT, PASSWORD_UNFIT

# Of the passwords that leak most often, those that are long enough to be chosen here. In small letters. The last ones
# are Korean words as they come out of a keyboard that is set to Latin letters.
_COMMON = frozenset(
    """
    0123456789 1234567890 0987654321 9876543210 1234567891 12345678910 123456789a 123456789q 1234567890a 1234567890q
    12345678900 123123123123 1231231231 1212121212 1111111112 1122334455 112233445566 1020304050 1357924680 1234512345
    123456123456 147258369 1472583690 147258369a 159753456852 789456123 7894561230 963852741 9638527410 5555555555a
    1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 1qaz@wsx3edc q1w2e3r4t5 q1w2e3r4t5y6 zaq12wsxcde3 zaq1zaq1zaq1 qazwsxedcrfv
    qwertyuiop qwertyuiop1 qwertyuiop123 qwerty1234 qwerty12345 qwerty123456 qwerty123! qwerty1234! qwer1234qwer
    qwer1234!@ qwerqwer12 asdfghjkl1 asdfghjkl; asdfasdfasdf asdf1234asdf asdfqwer1234 zxcvbnm123 zxcvbnm1234
    poiuytrewq mnbvcxz123 1234qwerasdf 1234qwer!@ 1q2w3e4r!@ a123456789 a1234567890 aa12345678 aa123456789 aa123456aa
    abc1234567 abc12345678 abc123456789 abcd123456 abcd1234567 abcd12345678 abcdefghij abcdefghijk abcdef123456
    abcde12345 asd123456789 qwe123456789 qweasdzxc123 qweasdzxc1 password12 password123 password1234 password12345
    password01 password1! password123! password1234! passw0rd123 passw0rd1234 p@ssw0rd123 p@ssw0rd1234 p@ssword123
    p@ssword12 pa$$word123 pa$$w0rd123 mypassword mypassword1 passwordpassword thisismypassword administrator
    administrator1 adminadmin admin12345 admin123456 admin1234! adminpassword welcome123 welcome1234 welcome123!
    letmein123 letmein1234 changeme123 changeme1234 changeme123! iloveyou12 iloveyou123 iloveyou1234 iloveyouforever
    sunshine123 princess123 superman123 football123 baseball123 basketball dragon12345 monkey12345 michael123
    michelle123 jennifer123 starwars123 pokemon123 liverpool1 liverpool123 manchester manchester1 chocolate1
    strawberry butterfly1 spongebob1 alexander1 elizabeth1 christina1 trustno1trustno1 secret12345 secret123456
    test123456 test1234567 testtest123 testpassword user123456 guest12345 default123 samsung123 samsung1234
    computer123 internet123 university student123 student1234 teacher123 teacher1234 school1234 growfit123
    growfit1234 growfit123! korea12345 seoul12345 hello12345 hello123456 helloworld helloworld1 love123456
    dkssudgktpdy dkssudgktpdy1 dkssud1234 dkssud12345 tkfkdgody1 tkfkdgody123 tkfkdgo123 tkfkdgo1234 qlalfqjsgh
    qlalfqjsgh1 qlalfqjsgh123 qlalfqjsgh12 eogksalsrnr eogksalsrnr1 wkdakfgkrry
    """.split()  # noqa: SIM905  a list of this length is read as words
)


def check(password: str, *, email: str, least: int) -> None:
    """`least`: the setting `security.password_min_length`.

    Raises:
        Invalid: too short, the address, one repeated character, or among those that many people choose.
    """
    if len(password) < least:
        raise Invalid(PASSWORD_TOO_SHORT, least=least)
    lowered = password.lower()
    if lowered == email.lower() or len(set(password)) == 1 or lowered in _COMMON:
        raise Invalid(PASSWORD_UNFIT)
