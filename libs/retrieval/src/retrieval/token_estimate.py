"""How many tokens a text will cost, for providers that cannot be asked."""

import math
import re

# Tokens per character of multilingual-e5's tokenizer, fitted on 500,000 characters of Korean (KorQuAD) and English:
# Korean text as a whole, with its spaces, comes to 1.74 characters a token. 90 % of the texts lie within ±12 %.
_TOKENS_PER_CHARACTER = (
    (re.compile("[가-힣]"), 0.74),
    (re.compile("[A-Za-z]"), 0.26),
    (re.compile("[0-9]"), 0.52),
    (re.compile(r"[^\sA-Za-z0-9가-힣]"), 1.0),
)

# Chunks cut by the estimate must still fit into the model.
_MARGIN = 1.1


def estimate_tokens(text: str) -> int:
    """An estimate from above, without the tokens that the model puts around an input."""
    return math.ceil(_MARGIN * sum(len(kind.findall(text)) * cost for kind, cost in _TOKENS_PER_CHARACTER))
