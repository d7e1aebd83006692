"""What the texts of several forms have in common."""

from typing import Annotated

from pydantic import StringConstraints

# PostgreSQL has no such character in its texts.
NO_NUL = r"^[^\x00]*$"

# For the examples of fields that hold an id.
AN_ID = "0198c0de-0000-7000-8000-0000000000c1"

# Not blank: there is nothing to look for, and an embedding server would be blamed for refusing it.
Asked = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
