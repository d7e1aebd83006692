"""Writes the vocabulary as a SentencePiece model, and the normaliser as JSON beside it."""

import importlib
import json
from pathlib import Path
from typing import Any

from embedder.directory import NORMALIZER_FILE, PIECES_FILE
from embedder.weights import Vocabulary

_MASK = "<mask>"


def write_vocabulary(vocabulary: Vocabulary, directory: Path) -> None:
    (directory / PIECES_FILE).write_bytes(_model(vocabulary).SerializeToString(deterministic=True))
    normalizer = {str(code_point): text for code_point, text in sorted(vocabulary.normalizer.items())}
    (directory / NORMALIZER_FILE).write_text(json.dumps(normalizer, indent=0), encoding="utf-8")


def _model(vocabulary: Vocabulary) -> Any:
    # protobuf makes these classes when the module loads, so there are no types to check against.
    proto: Any = importlib.import_module("sentencepiece.sentencepiece_model_pb2")
    kinds = proto.ModelProto.SentencePiece
    model = proto.ModelProto()
    for token, (piece, score) in enumerate(zip(vocabulary.pieces, vocabulary.scores, strict=True)):
        model.pieces.add(piece=piece, score=score, type=_kind(kinds, token, piece, vocabulary))
    trainer = model.trainer_spec
    trainer.model_type = proto.TrainerSpec.UNIGRAM
    trainer.vocab_size = len(vocabulary.pieces)
    trainer.bos_id, trainer.eos_id = vocabulary.begin, vocabulary.end
    trainer.pad_id, trainer.unk_id = vocabulary.pad, vocabulary.unknown
    trainer.bos_piece, trainer.eos_piece = (vocabulary.pieces[i] for i in (vocabulary.begin, vocabulary.end))
    trainer.pad_piece, trainer.unk_piece = (vocabulary.pieces[i] for i in (vocabulary.pad, vocabulary.unknown))
    # The tokenizer normalises before SentencePiece sees the text; here only the word marks are left to do.
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = False
    model.normalizer_spec.escape_whitespaces = True
    return model


def _kind(kinds: Any, token: int, piece: str, vocabulary: Vocabulary) -> int:
    """Control pieces never match text: a document that says `</s>` does not end the model's input."""
    if token == vocabulary.unknown:
        return int(kinds.UNKNOWN)
    if token in (vocabulary.begin, vocabulary.end, vocabulary.pad) or piece == _MASK:
        return int(kinds.CONTROL)
    return int(kinds.NORMAL)
